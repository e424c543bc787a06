// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sweep files: which points they have, that a point is what `--set` makes, and what wrong ones are told.

use configs::sweep::{Sweep, parse_sweep};

/// A sweep with this in place of the axes and what follows them.
fn text(rest: &str) -> String {
    format!("(\n    title: \"t\", question: \"q\", base: \"ring8.ron\",\n    {rest}\n)\n")
}

fn sweep(rest: &str) -> Sweep {
    parse_sweep(&text(rest), "test.ron", None, &[]).unwrap_or_else(|e| panic!("{}", e.render(false)))
}

fn told(rest: &str) -> String {
    match parse_sweep(&text(rest), "test.ron", None, &[]) {
        Err(e) => e.render(false),
        Ok(s) => (0..s.len()).find_map(|i| s.point(i).err()).expect("something is wrong").render(false),
    }
}

fn values(s: &Sweep) -> Vec<Vec<&str>> {
    (0..s.len()).map(|i| s.values(i).collect()).collect()
}

#[test]
fn points_are_all_combinations_and_the_last_axis_varies_fastest() {
    let s = sweep(
        r#"axes: [
        List(field: "machine.cores", values: [2, 4]),
        Zip([
            List(name: "machine", field: "machine.memory.latency", values: ["50ns", /* far */ "90ns"]),
            Linear(field: "machine.width", from: 2, to: 4, n: 2),
        ]),
    ]"#,
    );
    let names: Vec<&str> = s.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["cores", "machine", "width"]);
    assert_eq!(
        values(&s),
        [["2", "\"50ns\"", "2"], ["2", "\"90ns\"", "4"], ["4", "\"50ns\"", "2"], ["4", "\"90ns\"", "4"]]
    );
    assert_eq!(s.seeds, [1, 2, 3, 4]);
    let e = s.point(2).expect("valid").experiment;
    assert_eq!((e.machine.cores, e.machine.width, e.machine.memory.latency.to_string()), (4, 2, "50ns".to_owned()));
}

#[test]
fn a_point_is_what_changes_on_the_command_line_make() {
    let s = sweep(
        r#"set: [(field: "duration", value: "5ms"), (field: "lock.params.check_interval", value: "2ms")],
    axes: [
        List(name: "machine", field: "machine", values: [Preset("zen3-ccx-8"), Preset("skylake-ring-8")]),
        List(field: "machine.cores", values: [3]),
        Log(field: "interrupts[0].source.period", from: "50000cy", to: "5000000cy", n: 3),
        List(field: "lock.params.pending_timeout", values: ["1ms"]),
    ], seeds: List([7])"#,
    );
    let full = configs::expanded(&configs::load("ring8.ron").expect("a preset").experiment);
    let mut by_hand = full;
    for (path, value) in [
        ("duration", "5ms"),
        ("lock.params.check_interval", "\"2ms\""),
        ("machine", "Preset(\"zen3-ccx-8\")"),
        ("machine.cores", "3"),
        ("interrupts[0].source.period", "500000cy"),
        ("lock.params.pending_timeout", "\"1ms\""),
    ] {
        by_hand = configs::override_field(&by_hand, path, value).expect("a path");
        by_hand = configs::expanded(&configs::parse(&by_hand, "x").expect("valid").experiment);
    }
    assert_eq!(configs::expanded(&s.point(1).expect("valid").experiment), by_hand);
    assert_eq!(s.seeds, [7]);
}

#[test]
fn conditions_see_axes_and_fields_and_leave_points_out() {
    let s = sweep(
        r#"axes: [
        List(field: "machine.cores", values: [2, 4, 8]),
        List(name: "work", field: "workload.tasks[0].body[0].Forever[0].Work.Exp", values: ["1us", "10us"]),
    ], only_if: ["work >= cores * 500ns", "machine.clock > 1GHz and machine.interconnect == \"Ring\""]"#,
    );
    assert_eq!(values(&s), [["2", "\"1us\""], ["2", "\"10us\""], ["4", "\"10us\""], ["8", "\"10us\""]]);
    assert_eq!(s.left_out, 2);
}

#[test]
fn samples_fill_ranges() {
    let s = sweep(
        r#"axes: [Sobol(n: 4, of: [
        (field: "machine.cores", from: 2, to: 10),
        (field: "duration", from: "1ms", to: "100ms", scale: Log),
    ])]"#,
    );
    assert_eq!(values(&s), [["2", "\"1ms\""], ["6", "\"10ms\""], ["8", "\"3.162ms\""], ["4", "\"31.62ms\""]]);
    let s = sweep(
        r#"axes: [LatinHypercube(n: 16, seed: 3, of: [(field: "duration", from: "1ms", to: "17ms"), (field: "machine.cores", from: 1, to: 17)])]"#,
    );
    let mut cores: Vec<u32> = (0..16).map(|i| s.point(i).expect("valid").experiment.machine.cores).collect();
    cores.sort_unstable();
    assert!(cores.windows(2).all(|w| w[1] - w[0] <= 2) && cores[0] <= 2 && cores[15] >= 16, "{cores:?}");
}

#[test]
fn a_value_that_breaks_a_rule_is_shown_in_the_sweep_with_its_point() {
    assert_eq!(
        told(
            "axes: [\n        List(field: \"machine.cores\", values: [2, 4]),\n        List(name: \"l1_ways\", field: \"machine.l1d.ways\", values: [8, 3]),\n    ]"
        ),
        "\
Error: point 2 (cores = 2, l1_ways = 3): machine.l1d.ways = 3 gives 170.67 sets, must be a power of two
   ╭─[ test.ron:5:70 ]
   │
 5 │         List(name: \"l1_ways\", field: \"machine.l1d.ways\", values: [8, 3]),
   │                                                                      ┬
   │                                                                      ╰── sets must be a power of two
   │
   │ Help: ways = 4 gives 128 sets; capacity = \"24KiB\" keeps ways = 3
───╯
"
    );
}

#[test]
fn a_path_that_does_not_exist_is_shown_with_near_names() {
    let last = told("axes: [List(field: \"machine.coers\", values: [2])]");
    for part in ["point 1 (coers = 2): no field `coers` in Inline", "test.ron:3:24", "did you mean `cores`?"] {
        assert!(last.contains(part), "{part}: {last}");
    }
    let middle = told("axes: [List(field: \"machin.cores\", values: [2])]");
    for part in ["there is no `machin`", "test.ron:3:24", "did you mean `machine`?"] {
        assert!(middle.contains(part), "{part}: {middle}");
    }
    let set = told("set: [(field: \"duratoin\", value: \"1ms\")], axes: [List(field: \"machine.cores\", values: [2])]");
    for part in ["no field `duratoin`", "test.ron:3:19", "did you mean `duration`?"] {
        assert!(set.contains(part), "{part}: {set}");
    }
    let index = told("axes: [List(name: \"x\", field: \"stages[9].name\", values: [\"a\"])]");
    assert!(index.contains("that list has 6 entries"), "{index}");
}

#[test]
fn what_is_wrong_with_a_sweep_says_where_and_a_way_out() {
    let cores = "List(field: \"machine.cores\", values: [2])";
    let cases: [(String, &[&str]); 19] = [
        ("axes: []".into(), &["test.ron:3:11", "no axis", "sim run"]),
        ("axes: [List(field: \"machine.cores\", values: [])]".into(), &["the list is empty", "test.ron:3:49"]),
        ("axes: [List(field: \"machine.cores\", values: [2, 2])]".into(), &["2 is given twice", "test.ron:3:53"]),
        (format!("axes: [{cores}, {cores}]"), &["machine.cores is varied twice, first at axes[0]"]),
        (
            format!("axes: [{cores}, List(name: \"cores\", field: \"machine.width\", values: [2])]"),
            &["two axes are called \"cores\"", "add `name:"],
        ),
        ("axes: [List(name: \"not\", field: \"machine.cores\", values: [2])]".into(), &["\"not\" is no name"]),
        ("axes: [Linear(field: \"machine.cores\", from: 4, to: 2, n: 2)]".into(), &["not upwards", "test.ron:3:49"]),
        ("axes: [Linear(field: \"duration\", from: \"1ms\", to: \"1kHz\", n: 2)]".into(), &["from is a time, to is a rate"]),
        ("axes: [Linear(field: \"machine.cores\", from: 2, to: 4, n: 1)]".into(), &["n = 1: must be 2 to", "test.ron:3:62"]),
        (
            "axes: [Zip([List(field: \"machine.cores\", values: [2]), List(field: \"machine.width\", values: [2, 3])])]".into(),
            &["2 values beside 1", "equally many"],
        ),
        ("axes: [Zip([])]".into(), &["nothing is zipped"]),
        ("axes: [Sobol(n: 4, of: [])]".into(), &["no range to take samples from"]),
        ("axes: [Lst(field: \"machine.cores\", values: [2])]".into(), &["no choice `Lst`", "did you mean `List`?"]),
        (format!("axes: [{cores}], only_if: [\"cores > 2\"]"), &["the sweep is empty: none of its 1 points", "only_if"]),
        (format!("axes: [{cores}], only_if: [\"cors > 2\"]"), &["no axis or field `cors`", "did you mean `cores`?"]),
        (format!("axes: [{cores}], stages: [\"bse\"]"), &["no stage \"bse\"", "did you mean `base`?"]),
        (format!("axes: [{cores}], seeds: Count(first: 1, n: 0)"), &["seeds.n = 0", "test.ron:3:"]),
        (
            format!("axes: [{cores}], adaptive: (metric: \"throughput\", half_width: Relative(0.0), seeds_max: 9)"),
            &["never reached"],
        ),
        (
            format!("axes: [{cores}], adaptive: (metric: \"throughput\", half_width: Relative(0.1), seeds_max: 2)"),
            &["seeds_max = 2: must be 4 to 1000000"],
        ),
    ];
    for (rest, parts) in cases {
        let said = told(&rest);
        for part in parts {
            assert!(said.contains(part), "{rest} does not say {part}:\n{said}");
        }
    }
    let many = "Linear(field: \"machine.cores\", from: 1, to: 1000000, n: 1000000)";
    let said = told(&format!("axes: [{many}, List(field: \"machine.width\", values: [2, 3])]"));
    assert!(said.contains("1000000 x 2 points are more than 1000000"), "{said}");
}
