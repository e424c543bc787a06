// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command: what it prints, that it goes on where it was stopped, and what it refuses.

use std::process::Command;

fn sim(args: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_sim")).arg("mutate").args(args).output().expect("it can be started");
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).expect("it prints text");
    (out.status.code().expect("it is not killed"), text(&out.stdout), text(&out.stderr))
}

/// Cheap: no interrupt, two runs, the first mutants.
const SMALL: [&str; 9] =
    ["explore-aa.ron", "--stages", "next +1-5", "--interrupts", "0", "--seeds", "2", "--limit", "6"];

#[test]
fn a_second_start_tries_only_what_is_missing_and_prints_the_same() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let out = dir.path().join("made").to_string_lossy().into_owned();
    let with_out = [&SMALL[..], &["--out", &out]].concat();
    let (code, first, said) = sim(&with_out);
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.lines().count(), 6, "{said}");
    assert!(
        first.contains("| 118 | `if n > SLOTS goto full` | never taken | nothing | not reached: never taken anyway |"),
        "{first}"
    );
    let journal = std::path::Path::new(&out).join("mutants.jsonl");
    let lines = std::fs::read_to_string(&journal).expect("it is there");
    assert_eq!(lines.lines().count(), 6);
    // As if it had been killed in the middle of the fourth line.
    let kept: Vec<&str> = lines.lines().collect();
    std::fs::write(&journal, format!("{}\n{}", kept[..3].join("\n"), &kept[3][..40])).expect("it can be written");
    let (code, again, said) = sim(&with_out);
    assert_eq!((code, again), (0, first));
    assert!(said.contains("skipped"), "{said}");
    let good = std::fs::read_to_string(&journal).expect("it is there");
    assert!(kept.iter().all(|k| good.lines().any(|l| l == *k)), "{good}");
}

#[test]
fn what_cannot_be_used_is_refused_with_a_way_out() {
    let page = tempfile::NamedTempFile::new().expect("a file can be made");
    let path = page.path().to_string_lossy().into_owned();
    for (more, wants) in [
        (vec!["--page", &path], "put them where the table belongs"),
        (vec!["--only", "none"], "possible values: order, check, swap, store"),
        (vec!["--states", "10"], "help: --states and --memory allow more"),
        (vec!["--limit", "0"], "leave out --only, or --limit"),
    ] {
        let args = [&SMALL[..7], &more[..]].concat();
        let (code, out, said) = sim(&args);
        assert_eq!(code, 2, "{more:?}: {out}");
        assert!(said.contains(wants), "{more:?}: {said}");
    }
    let (code, _, said) = sim(&["no-such.ron"]);
    assert!(code == 2 && said.contains("no preset of that name"), "{said}");
}
