// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line as a user meets it: what bad input is told, exit codes, files written.

mod first_hour;
mod flags;
mod report;
mod trace;

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A small experiment; the tests break it in one place each.
const SMALL: &str = r#"(
    title: "small",
    question: "does it run?",
    machine: Preset("skylake-ring-8"),
    lock: (program: Builtin("rqspinlock")),
    stages: [(name: "base", patches: []), (name: "+1", patches: ["enclose"])],
    locks: ["a"],
    workload: (tasks: [(on: All, body: [Forever([Work(Exp("2us")), Critical(lock: "a", body: [])])])]),
    duration: "20us",
    seeds: List([1, 2]),
)
"#;

fn sim(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).args(args).current_dir(dir).output().expect("the binary runs")
}

/// Runs `sim --config small.ron` on the small experiment with one thing replaced; gives what it is
/// told. Asserts exit code 2 before any work began.
fn told(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "the test breaks nothing");
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("small.ron"), SMALL.replace(from, to)).expect("writable");
    let out = sim(dir.path(), &["--config", "small.ron", "-q"]);
    let text = String::from_utf8(out.stderr).expect("text");
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(out.stdout.is_empty() && !dir.path().join("results").exists(), "work began before the input was checked");
    text
}

#[test]
fn an_unknown_field_is_pointed_at_with_a_near_name() {
    assert_eq!(
        told("question:", "qestion:"),
        "\
Error: no field `qestion` in Experiment (at qestion)
   ╭─[ small.ron:3:5 ]
   │
 3 │     qestion: \"does it run?\",
   │     ───┬───
   │        ╰───── no field `qestion` in Experiment
   │
   │ Help: did you mean `question`? fields: title, question, machine, lock, stages, locks, payload, workload, \
handlers, interrupts, tick, hooks, duration, seeds, measure, limits
───╯
"
    );
}

#[test]
fn a_wrong_unit_lists_the_units() {
    assert_eq!(
        told("\"20us\"", "\"20uz\""),
        "\
Error: `uz` is not a unit of a span (at duration)
   ╭─[ small.ron:9:15 ]
   │
 9 │     duration: \"20uz\",
   │               ───┬──
   │                  ╰──── `uz` is not a unit of a span
   │
   │ Help: did you mean `us`? units: ps, ns, us, ms, s, cy
───╯
"
    );
}

#[test]
fn an_impossible_geometry_shows_the_sum_and_a_way_out() {
    let dir = TempDir::new().expect("a temporary folder");
    let machine = sim(dir.path(), &["presets", "skylake-ring-8"]);
    let machine = String::from_utf8(machine.stdout).expect("text").replacen("ways: 8", "ways: 3", 1);
    let body: String = machine.lines().skip_while(|l| l.starts_with("//")).map(|l| l.to_owned() + "\n").collect();
    let text = told("Preset(\"skylake-ring-8\")", &format!("Inline{}", body.trim_end()));
    for part in ["l1d.ways = 3", "170.67 sets", "power of two", "capacity", "Help:"] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn an_unknown_patch_lists_the_programs_patches() {
    assert_eq!(
        told("\"enclose\"", "\"enclos\""),
        "\
Error: the program has no patch \"enclos\"
   ╭─[ small.ron:6:66 ]
   │
 6 │     stages: [(name: \"base\", patches: []), (name: \"+1\", patches: [\"enclos\"])],
   │                                                                  ────┬───
   │                                                                      ╰───── the program has no patch \"enclos\"
   │
   │ Help: did you mean `enclose`? patches: keep_queue, enclose, immediate_aa, queue_in_nmi, try_once, aa_before_queue
───╯
"
    );
}

#[test]
fn an_unknown_machine_program_parameter_and_label_get_near_names() {
    let cases = [
        ("skylake-ring-8", "skylake-rings-8", "did you mean `skylake-ring-8`?"),
        ("Builtin(\"rqspinlock\")", "Builtin(\"rqspinlok\")", "did you mean `rqspinlock`?"),
        (
            "Builtin(\"rqspinlock\")",
            "Builtin(\"rqspinlock\"), params: {\"head_timout\": \"1ms\"}",
            "did you mean `head_timeout`?",
        ),
        (
            "duration:",
            "handlers: {\"h\": [Work(Fixed(\"1us\"))]}, interrupts: [(name: \"i\", vector: Nmi, handler: \"h\", \
             source: Directed(label: \"res_spin_lock.takn\"))], duration:",
            "did you mean `res_spin_lock.taken`?",
        ),
    ];
    for (from, to, help) in cases {
        let text = told(from, to);
        assert!(text.contains(help) && text.contains("small.ron:"), "{text}");
    }
}

#[test]
fn a_program_file_with_an_error_is_pointed_into() {
    let dir = TempDir::new().expect("a temporary folder");
    let program = "\
program bad \"a lock with a slip\"
struct lock_word align 64 kind lock { val: u32 }
export lock take
export unlock give
proc take(lock: lock_word) -> err {
  mark attempt(lock)
again:
  old, ok = cas.u32 [lock.vall], 0, 1
  mark held(lock) if ok
  if !ok goto again
  ret 0
}
proc give(lock: lock_word) {
  store.u32.rel [lock.val], 0
  mark released(lock)
}
";
    std::fs::write(dir.path().join("bad.uop"), program).expect("writable");
    let text = SMALL.replace("Builtin(\"rqspinlock\")", "File(\"bad.uop\")");
    std::fs::write(dir.path().join("small.ron"), text).expect("writable");
    let out = sim(dir.path(), &["run", "small.ron", "-q"]);
    assert_eq!(out.status.code(), Some(2));
    let told: Vec<String> = String::from_utf8_lossy(&out.stderr).lines().map(|l| l.trim_end().to_owned()).collect();
    assert_eq!(
        told.join("\n"),
        "\
Error: structure `lock_word` has no field `vall`
   ╭─[ bad.uop:8:27 ]
   │
 8 │   old, ok = cas.u32 [lock.vall], 0, 1
   │                           ──┬─
   │                             ╰─── unknown field
   │
   │ Help: did you mean `val`?
───╯"
    );
}

#[test]
fn an_unknown_preset_an_unreadable_file_and_a_wrong_subcommand_say_so() {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("binary.ron"), [0xff, 0xfe, 0]).expect("writable");
    let cases: [(&[&str], &str); 20] = [
        (
            &["run", "ring8.ron", "--set", "stages[0].options=[\"nmi_deadline\"]"],
            "ring8.ron with --set stages[0].options=[\"nmi_deadline\"]:",
        ),
        (&["run", "ring8.ron", "--threads", "x"], "--threads <N>: \"x\" is not a whole number"),
        (&["run", "ring8.ron", "-j", "9999999999999999999999"], "write digits only, as in `--threads 4`"),
        (&["run", "ring8.ron", "--threads", "0"], "0 is not in 1..=1024"),
        (&["run", "ring8.ron", "--machine", "zen3"], "did you mean `zen3-ccx-8`"),
        (&["run", "ring8.ron", "--set", "machine.core=3"], "did you mean `cores`?"),
        (&["run", "ring8.ron", "--set", "machine.cores"], "there is no `=`"),
        (&["run", "ring8.ron", "--set", "stages[1].params={\"check_intervall\": \"2ms\"}"], "`check_interval`"),
        (&["--config", "ring9.ron"], "did you mean `ring8.ron`?"),
        (&["--config", "."], "folder"),
        (&["--config", "binary.ron"], "UTF-8"),
        (&["rum", "ring8.ron"], "`run`"),
        (&["results", "list"], "commands: ls, export"),
        (&["asm", "shwo"], "did you mean `show`?"),
        (&["run", "interconnects.ron"], "it is a sweep: `sim sweep interconnects.ron`"),
        (&["sweep", "ring8"], "not a sweep: `sim run ring8.ron`"),
        (&["run", "zen3-ccx-8"], "`--machine zen3-ccx-8`"),
        (&["run", ""], "error: \"\": no such file"),
        (&["protocol", "mesy"], "mesi"),
        (&["run", "ring8.ron", "--stages", "+6"], "stages: base, +1"),
    ];
    for (args, part) in cases {
        let out = sim(dir.path(), args);
        let text = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(part), "{args:?} does not say {part}: {text}");
        assert!(out.stdout.is_empty());
    }
}

#[test]
fn fields_and_the_machine_can_be_changed_on_the_command_line() {
    let dir = TempDir::new().expect("a temporary folder");
    let changes = [
        "--set",
        "machine=Preset(\"zen3-ccx-8\")",
        "--set",
        "machine.cores=3",
        "--set",
        "duration=1ms",
        "--set",
        "seeds=List([7])",
    ];
    let out = sim(dir.path(), &[&["run", "stress-abbcca.ron", "--stages", "base"][..], &changes].concat());
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert!(said.contains("warning: workload.tasks[0] is on none of the machine's 3 cores"), "{said}");
    let results = dir
        .path()
        .join("results/stress-abbcca+machine=Preset__zen3-ccx-8__+machine.cores=3+duration=1ms+seeds=List__7__");
    let records = std::fs::read_to_string(results.join("records.jsonl")).expect("records in a folder of their own");
    assert!(records.contains("\"cpus\":3") && records.contains("\"seed\":7") && records.contains("zen3-ccx-8"));
}

#[test]
fn a_run_leaves_records_table_and_plots_and_a_second_start_finds_them() {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("small.ron"), SMALL).expect("writable");
    let first = sim(dir.path(), &["--config", "small.ron"]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let table = String::from_utf8(first.stdout).expect("text");
    assert!(table.contains("base") && table.contains("+1") && table.contains("2 seeds"), "{table}");
    let results = dir.path().join("results/small");
    let records = std::fs::read_to_string(results.join("records.jsonl")).expect("records");
    assert_eq!(records.lines().count(), 4);
    let files = std::fs::read_dir(&results).expect("a folder").flatten();
    assert_eq!(files.filter(|f| f.path().extension().is_some_and(|e| e == "svg")).count(), 5);
    let second = sim(dir.path(), &["--config", "small.ron"]);
    assert!(String::from_utf8_lossy(&second.stderr).contains("4 found finished"));
    assert_eq!(String::from_utf8(second.stdout).expect("text"), table);
    // A file of a preset's name in the working folder wins over the preset.
    std::fs::write(dir.path().join("ring8.ron"), SMALL.replace("\"small\"", "\"mine\"")).expect("writable");
    let mine = sim(dir.path(), &["--config", "ring8.ron", "-q"]);
    assert!(String::from_utf8_lossy(&mine.stdout).starts_with("mine\n"));
}

#[test]
fn a_folder_that_cannot_be_written_is_named_before_any_run() {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("small.ron"), SMALL).expect("writable");
    std::fs::write(dir.path().join("taken"), "a file").expect("writable");
    let out = sim(dir.path(), &["--config", "small.ron", "--out", "taken/here"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("taken/here"));
}

#[test]
fn every_protocol_is_printed_in_every_format() {
    let dir = TempDir::new().expect("a temporary folder");
    let variant = "mesif-silent-upgrade-noninclusive-far";
    for name in ["msi", "mesi", "mesif", "moesi", "moesi-silent", variant, "snoop-msi", "snoop-mesi"] {
        for (format, start) in [("text", ""), ("markdown", "## "), ("graphviz", "digraph \"")] {
            let out = sim(dir.path(), &["protocol", name, "--format", format]);
            assert_eq!(out.status.code(), Some(0), "{name} {format}: {}", String::from_utf8_lossy(&out.stderr));
            let text = String::from_utf8_lossy(&out.stdout);
            assert!(text.starts_with(&format!("{start}{name}")), "{text}");
        }
    }
    let out = sim(dir.path(), &["protocol"]);
    let text = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(0));
    assert!(text.contains("\n  moesi ") && text.contains("\n  -far "), "{text}");
}

#[test]
fn attribution_is_measured_and_printed_on_request_only() {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("small.ron"), SMALL).expect("writable");
    let records = || std::fs::read_to_string(dir.path().join("results/small/records.jsonl")).expect("they are there");
    let plain = sim(dir.path(), &["run", "small.ron", "-q"]);
    assert!(plain.status.success() && !records().contains("attribution"));
    let asked = sim(dir.path(), &["run", "small.ron", "-q", "--attribution"]);
    let text = String::from_utf8(asked.stdout).expect("text");
    assert!(asked.status.success());
    assert!(text.contains("Traffic of base by cause") && text.contains("Traffic of +1 by cause"), "{text}");
    assert!(
        text.contains("lock_a.val") && text.contains("rqspinlock.uop:") && text.contains("Busiest links"),
        "{text}"
    );
    assert_eq!(records().matches("\"attribution\":{").count(), 4, "beside the four records without it");
    assert_eq!(records().lines().count(), 8);
    for file in ["attribution.csv", "sharing.csv", "links.csv"] {
        let csv = std::fs::read_to_string(dir.path().join("results/small").join(file)).expect("it was written");
        assert!(csv.lines().count() > 3, "{file}: {csv}");
    }
}

#[test]
fn metrics_and_the_kernels_log_are_printed_on_request_and_a_file_is_always_written() {
    let dir = TempDir::new().expect("a temporary folder");
    std::fs::write(dir.path().join("small.ron"), SMALL).expect("writable");
    let printed = |args: &[&str]| {
        let out = sim(dir.path(), &[&["run", "small.ron", "-q"], args].concat());
        assert!(out.status.success());
        String::from_utf8(out.stdout).expect("text")
    };
    let plain = printed(&[]);
    assert!(!plain.contains("Jain") && !plain.contains("Kernel log"), "{plain}");
    let csv = std::fs::read_to_string(dir.path().join("results/small/metrics.csv")).expect("it was written");
    assert!(csv.lines().any(|l| l.starts_with("+1,handoff_p50_ns,a,,,,,")), "{csv}");
    // The runs are found finished: what is printed comes from their records.
    let metrics = printed(&["--metrics"]);
    for title in ["Locks of base", "CPUs of +1", "Fairness of base", "Attempts by result and detector of base"] {
        assert!(metrics.contains(title), "{metrics}");
    }
    let log = printed(&["--klog"]);
    for (stage, seed) in [("base", 1), ("base", 2), ("+1", 1), ("+1", 2)] {
        let title = format!("Kernel log of stage {stage}, seed {seed} (HZ 1000)\nno line\nAttempts by duration");
        assert!(log.contains(&title), "{log}");
    }
    assert!(log.contains("CPU 0-7: all took 10 ms or less\n"), "{log}");
}

#[test]
fn a_hang_that_is_expected_is_no_failure_and_one_that_does_not_come_is() {
    let dir = TempDir::new().expect("a temporary folder");
    let run = |args: &[&str]| {
        let out = sim(dir.path(), args);
        (out.status.code(), String::from_utf8(out.stdout).expect("text"), String::from_utf8(out.stderr).expect("text"))
    };
    let (code, table, said) = run(&["run", "lost-heir.ron", "-q", "--anatomy"]);
    assert_eq!(code, Some(0), "{said}");
    let as_expected = "stage next, seed 1: hang, as expected: hang: 1 context stuck for good since cycle";
    assert!(said.contains(as_expected) && said.contains("last marks:"), "{said}");
    assert!(table.contains("hang in next, seed 1, as expected") && table.contains("Recoveries of next: 0"), "{table}");
    assert!(dir.path().join("results/lost-heir/recoveries.csv").exists());
    let expecting = SMALL.replace("(name: \"base\", patches: [])", "(name: \"base\", patches: [], expect: Hang)");
    std::fs::write(dir.path().join("small.ron"), expecting).expect("writable");
    let (code, table, said) = run(&["run", "small.ron", "-q", "--anatomy"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("finding: stage base, seed 1: ok, though a hang was expected"), "{said}");
    assert!(said.contains("2 of 4 runs did not end as they have to"), "{said}");
    assert!(table.contains("No deadlock formed"), "{table}");
    // A hang that nobody expects.
    let text = configs::presets::experiment_text("lost-heir.ron").expect("a preset").replace(", expect: Hang", "");
    std::fs::write(dir.path().join("heir.ron"), text).expect("writable");
    let (code, _, said) = run(&["run", "heir.ron", "-q"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("finding: stage next, seed 1: hang\nhang: 1 context stuck"), "{said}");
    assert!(said.contains("core 0: task at queue_path.find_heir") && said.contains("last marks:"), "{said}");
}
