// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim litmus` as a user meets it: what it prints, and its exit codes.

use std::path::Path;
use std::process::Command;

const SET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../lock-impl/litmus");

/// Exit code, stdout, stderr.
fn sim(args: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_sim")).arg("litmus").args(args).output().expect("it starts");
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).expect("UTF-8");
    (out.status.code().expect("it ends by itself"), text(&out.stdout), text(&out.stderr))
}

fn file(name: &str) -> String {
    format!("{SET}/{name}.litmus")
}

#[test]
fn an_enumeration_is_printed_in_herds_way() {
    let (code, out, err) = sim(&[&file("x86/SB"), "--exhaustive"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let expected = "Test SB Allowed\nStates 4\n0:EAX=0; 1:EAX=0;\n0:EAX=0; 1:EAX=1;\n0:EAX=1; 1:EAX=0;\n\
                    0:EAX=1; 1:EAX=1;\nOk\n\nWitnesses\nPositive: 1, Negative: 3\n\
                    Condition exists (0:EAX=0 /\\ 1:EAX=0) is validated\nObservation SB Sometimes 1 3\n\n";
    assert_eq!(out, expected);
}

#[test]
fn timed_runs_are_printed_in_litmus7s_way_and_repeat_exactly() {
    let args = [&file("aarch64/MP+dmb.sys"), "--runs", "100"];
    let (code, out, _) = sim(&args.map(|a| a as &str));
    assert_eq!(code, 0);
    assert!(out.starts_with("Test MP+dmb.sys Allowed\nHistogram (3 states)\n"), "{out}");
    assert!(out.contains("\nNo\n\nWitnesses\nPositive: 0, Negative: 100\n"), "{out}");
    assert!(out.contains("is NOT validated\nObservation MP+dmb.sys Never 0 100\n"), "{out}");
    assert_eq!(sim(&args.map(|a| a as &str)).1, out);
    let (_, other, _) = sim(&[args[0], "--runs", "100", "--seed", "7"]);
    assert_ne!(other, out);
}

#[test]
fn verdicts_and_sets_that_differ_give_exit_code_1() {
    let dir = tempfile::tempdir().expect("a folder");
    let sb = file("x86/SB");
    let code = |args: &[&str]| sim(args).0;
    assert_eq!(code(&[&sb, "--exhaustive", "--expect", "Allowed"]), 0);
    assert_eq!(code(&[&sb, "--exhaustive", "--expect", "Forbidden"]), 1);
    assert_eq!(code(&[&sb, "--exhaustive", "--model", "sc", "--expect", "Never"]), 0);
    let log = dir.path().join("sb.log");
    let state = |a: u8, b: u8| format!("0:EAX={a}; 1:EAX={b};\n");
    let all = [state(1, 1), state(0, 0), state(0, 1), state(1, 0)];
    std::fs::write(&log, format!("Test SB Allowed\nStates 4\n{}Ok\nObservation SB Sometimes 1 3\n", all.concat()))
        .expect("written");
    let log = log.to_str().expect("UTF-8");
    assert_eq!(code(&[&sb, "--exhaustive", "--expect", log]), 0);
    // On sc one is missing. Timed runs may miss some, but not show others.
    let (rc, _, err) = sim(&[&sb, "--exhaustive", "--model", "sc", "--expect", log]);
    assert_eq!(rc, 1);
    assert!(err.contains("1 outcomes missing, 0 extra"), "{err}");
    assert_eq!(code(&[&sb, "--runs", "5", "--expect", log]), 0);
    let few = dir.path().join("few.log");
    std::fs::write(&few, format!("Test SB Allowed\nHistogram (1 states)\n17    :>{}", state(1, 1))).expect("written");
    let (rc, _, err) = sim(&[&sb, "--runs", "50", "--expect", few.to_str().expect("UTF-8")]);
    assert_eq!(rc, 1);
    assert!(err.contains("0 outcomes missing, "), "{err}");
    let kinds = dir.path().join("kinds");
    std::fs::write(&kinds, "# expected on tso\nSB Allow\nMP Forbid\n").expect("written");
    let kinds = kinds.to_str().expect("UTF-8");
    assert_eq!(code(&[&sb, &file("x86/MP"), "--exhaustive", "--expect", kinds]), 0);
    let (rc, _, err) = sim(&[&file("x86/LB"), "--exhaustive", "--expect", kinds]);
    assert_eq!(rc, 1);
    assert!(err.contains("the expectations do not name this test"), "{err}");
}

#[test]
fn a_folder_gives_tables_and_names_what_it_cannot_use() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("b")).expect("made");
    std::fs::copy(file("x86/SB"), at("b/SB.litmus")).expect("copied");
    std::fs::copy(file("c/MP"), at("MP.litmus")).expect("copied");
    std::fs::write(at("X.litmus"), "X86 X\n{ }\n P0 ;\n CLFLUSH [x] ;\nexists (x=1)\n").expect("written");
    std::fs::write(at("notes.txt"), "no test").expect("written");
    let csv = at("out.csv");
    let csv = csv.to_str().expect("UTF-8");
    let folder = dir.path().to_str().expect("UTF-8");
    let args = [folder, "--exhaustive", "--runs", "300", "-q", "--csv", csv];
    let (code, out, err) = sim(&args);
    assert_eq!(code, 2, "{err}");
    assert_eq!(err, format!("error: {folder}/X.litmus:4:2: the instruction `CLFLUSH` is not supported\n"));
    assert_eq!(out.lines().count(), 3, "{out}");
    let rows = std::fs::read_to_string(csv).expect("written");
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[1], format!("{folder},{folder}/MP.litmus,MP,C,tso,2,3,3,300,Never,No,ok,timed-exhaustive,0,0,,,"));
    assert!(rows[2].contains(",unsupported,"), "{}", rows[2]);
    let sums = std::fs::read_to_string(at("out.suites.csv")).expect("written");
    assert_eq!(sums.lines().nth(1), Some(format!("{folder},2,1,0,1,0,0,0,0,0").as_str()));
    assert_eq!(sums.lines().nth(2), Some(format!("{folder}/b,1,1,0,0,0,0,0,0,0").as_str()));
    assert_eq!(sim(&[&args[..], &["--skip-unsupported"]].concat()).0, 0);
}

#[test]
fn unusable_input_gives_exit_code_2_and_says_what_is_wrong() {
    let sb = file("x86/SB");
    let empty = tempfile::tempdir().expect("a folder");
    let empty = empty.path().to_str().expect("UTF-8");
    let cases: [(&[&str], &str); 7] = [
        (&["no-such.litmus"], "no-such.litmus"),
        (&[empty], "no .litmus file in"),
        (&[&sb, "--machine", "pdp-11"], "no machine preset \"pdp-11\""),
        (&[&sb, "--expect", "Perhaps"], "no verdict, and not a file"),
        (&[&sb, "--runs", "0"], "leaves nothing to do"),
        (&[&sb, "--expect", &sb], "SB.litmus:1: `SB` is no verdict"),
        (&[&file("x86/IRIW"), "--exhaustive", "--memory-mib", "0"], "incomplete: "),
    ];
    for (args, what) in cases {
        let (code, _, err) = sim(args);
        assert_eq!(code, 2, "{args:?}: {err}");
        assert!(err.contains(what), "{args:?}: {err}");
    }
    assert!(Path::new(&sb).exists(), "nothing was overwritten");
}

#[test]
fn weak_is_a_model_of_both_engines_and_a_file_of_verdicts_decides() {
    let expect = |model: &str| format!("{SET}/expect/{model}.txt");
    let (code, out, err) =
        sim(&[&file("x86/MP"), "--model", "weak", "--exhaustive", "--runs", "2000", "--expect", &expect("weak")]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("Histogram (4 states)") && out.contains("States 4"), "{out}");
    // The architecture allows what no store behind older loads can show; tso forbids what weak allows.
    let lb = file("aarch64/LB");
    assert_eq!(sim(&[&lb, "--model", "weak", "--exhaustive", "--expect", &expect("weak")]).0, 0);
    assert_eq!(sim(&[&lb, "--model", "weak", "--exhaustive", "--expect", &expect("armv8")]).0, 1);
    assert_eq!(sim(&[&file("x86/MP"), "--model", "weak", "--exhaustive", "--expect", &expect("tso")]).0, 1);
    // A release before LDAR: a fence stands in on tso, and weak does without.
    let (_, out, _) = sim(&[&file("aarch64/SB+rel-po-acqs"), "--model", "weak", "--exhaustive"]);
    assert!(out.contains("Observation SB+rel-po-acqs Sometimes"), "{out}");
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let dir = tempfile::tempdir().expect("a folder");
    for i in 0..40 {
        let to = dir.path().join(format!("{i:02}.litmus"));
        std::fs::copy(file("x86/SB"), to).expect("copied");
    }
    std::fs::write(dir.path().join("10-bytes.litmus"), b"X86 t\n{ \xff }\n").expect("written");
    std::fs::write(dir.path().join("11-empty.litmus"), "").expect("written");
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", dir.path().join("12-link.litmus")).expect("linked");
    let csv = dir.path().join("out.csv");
    let (csv, folder) = (csv.display().to_string(), dir.path().display().to_string());
    let (code, out, err) = sim(&[&folder, "--exhaustive", "--model", "weak", "-q", "--csv", &csv]);
    assert_eq!(code, 2, "{err}");
    let refused = if cfg!(unix) { 3 } else { 2 };
    assert_eq!(err.lines().filter(|l| l.starts_with("error: ")).count(), refused, "{err}");
    let sums: Vec<&str> = out.lines().last().expect("sums").split_whitespace().skip(1).collect();
    assert_eq!(sums[..4], [(40 + refused).to_string().as_str(), "40", "0", refused.to_string().as_str()], "{out}");
    let lines = std::fs::read_to_string(&csv).expect("written").lines().count();
    assert_eq!(lines, 41 + refused);
}

/// Such a test has no outcome at all, so "never" would be no answer.
#[test]
fn a_test_that_cannot_end_gets_no_verdict() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let path = dir.path().join("loop.litmus");
    let text = "X86 loop\n{ x=0; }\n P0 ;\n L0: MOV EAX,[x] ;\n CMP EAX,$1 ;\n JNE L0 ;\nexists (0:EAX=1)\n";
    std::fs::write(&path, text).expect("writable");
    let (code, out, err) = sim(&[path.to_str().expect("text"), "--exhaustive", "--expect", "Never"]);
    assert_ne!(code, 0);
    assert!(!out.contains("Never") && format!("{out}{err}").contains("no interleaving comes to an end"), "{out}{err}");
}
