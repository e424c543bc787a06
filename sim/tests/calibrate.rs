// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machines beside the hardware: what was fitted is met, and the command says how it is with the rest.

use std::process::{Command, Output};

use configs::presets::machine_names;
use configs::{Kind, Quantity, hardware};
use rqsim::calibrate::{
    Bench, Calibration, Scope, Spread, calibrate, csv, described, figures, not_measured, ping_pong, rows_of, scaling,
    table,
};

/// As many pairs of each class as take a second or two.
const SAMPLE: Scope = Scope { pairs: Some(32), curve_bytes_max: 1 << 16, few_threads: true };

fn sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).args(args).output().expect("the program starts")
}

#[test]
fn ping_pong_of_every_preset_is_within_a_tenth_of_its_target() {
    for name in machine_names() {
        let h = hardware(name).expect("a preset");
        let long = std::env::var_os("RQSIM_LONG").is_some();
        let scope = if long { Scope::FULL } else { SAMPLE };
        let bench = Bench::new(&h.machine).expect("its network can be used");
        let pairs = ping_pong(&bench, scope, &|| ()).expect("all come to their end");
        let mut targets = 0;
        for f in h.published.iter().filter(|f| f.kind == Kind::Target) {
            let near = match f.quantity {
                Quantity::PingPong => true,
                Quantity::PingPongOtherNode => false,
                other => panic!("{name} is fitted to {other:?}, which is not looked at here"),
            };
            let class =
                pairs.iter().filter(|p| p.is_near == near).map(|p| p.cycles * 1e6 / h.machine.clock.khz() as f64);
            let s = Spread::of(&class.collect::<Vec<f64>>()).expect("there are such pairs");
            let error = s.mean / f.value - 1.0;
            assert!(error.abs() < 0.1, "{name} {:?}: {s:?} ns, target {}", f.quantity, f.value);
            targets += 1;
        }
        assert_eq!(targets, bench.nodes().len().min(2), "{name}: a target per class of pairs");
    }
}

#[test]
fn a_small_machine_is_measured_in_full_and_the_same_on_any_number_of_threads() {
    let h = hardware("skylake-ring-8").expect("a preset");
    let scope = Scope { pairs: Some(6), ..SAMPLE };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| calibrate(&h.machine, &h.published, scope, &|| ())).expect("it is measured")
    };
    let c = on(2);
    assert_eq!(csv(&c), csv(&on(1)));
    let exact = |q: Quantity| c.get(q).unwrap_or_else(|| panic!("{q:?} is missing")).mean;
    // What the machine's file says, as programs see it.
    for (q, cycles) in [
        (Quantity::LoadL1, 4.0),
        (Quantity::LoadL2, 11.0),
        (Quantity::LockedAdd, 18.0),
        (Quantity::Fence, 18.0),
        (Quantity::Pause, 141.0),
        (Quantity::StoreBuffer, 56.0),
        // Its own slice: 11 before the request leaves, 10 and 17 in the slice. Four hops: eight cycles and the line's rest.
        (Quantity::LoadLlcNear, 38.0),
        (Quantity::LoadLlcFar, 38.0 + 8.0 + 2.0),
        // Two loads of the line, the time stamp, an addition.
        (Quantity::ClockRead, 4.0 + 4.0 + 61.0 + 1.0),
    ] {
        assert!((exact(q) - cycles).abs() < 1e-9, "{q:?}: {}", exact(q));
    }
    // The sum in the machine's file over all cores and slices.
    assert!((exact(Quantity::LoadLlc) - 44.1).abs() < 0.2, "{}", exact(Quantity::LoadLlc));
    for row in rows_of(&c).iter().filter(|r| r.figure.is_some_and(|f| f.kind != Kind::Check)) {
        assert!(row.error_percent().expect("published").abs() < 10.0, "{row:?}");
    }
    assert_eq!(c.curve.last().map(|p| p.bytes), Some(1 << 16));
    assert_eq!(c.scaling.iter().map(|s| s.threads).collect::<Vec<_>>(), [1, 2, 3, 4, 8]);

    let text = csv(&c);
    let mut lines = text.lines();
    let head = lines.next().expect("a header");
    assert_eq!(
        head,
        "machine,quantity,unit,simulated,simulated_min,simulated_max,published,error_percent,kind,row,source"
    );
    assert_eq!(lines.clone().count(), rows_of(&c).len());
    assert!(text.contains("\nskylake-ring-8,LoadL1,cycles,4.000,4.000,4.000,4,0.00,given,A1,"), "{text}");
    assert!(text.contains("\nskylake-ring-8,LoadLlcNear,cycles,38.000,38.000,38.000,,,,,\n"), "{text}");
    let table = table(&c);
    let widths: Vec<usize> = table.lines().map(|l| l.chars().count()).collect();
    assert!(widths.windows(2).all(|w| w[0] == w[1]), "{table}");
    assert!(table.contains("| target | C1  |"), "{table}");
    for (name, svg) in figures(&c, "a test").expect("they can be drawn") {
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.len() > 10_000, "{name}");
    }
}

#[test]
fn the_command_writes_its_files_and_refuses_what_is_no_machine() {
    let dir = tempfile::tempdir().expect("a folder");
    let tiny = dir.path().join("tiny.ron");
    let zen = configs::presets::machine_text("zen3-ccx-8").expect("a preset");
    let text = zen.replace("cores: 8,", "cores: 2,").replace("4MiB", "512KiB").replace("zen3-ccx-8", "tiny");
    std::fs::write(&tiny, text).expect("written");
    let out = dir.path().join("out");
    let [tiny, out] = [&tiny, &out].map(|p| p.display().to_string());
    let done = sim(&["calibrate", &tiny, "--quick", "--out", &out]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(String::from_utf8_lossy(&done.stdout).starts_with("tiny, 2 cores at 4.6 GHz\n\n| quantity"));
    for file in ["calibration.csv", "latency.svg", "ping-pong.svg", "atomics.svg"] {
        assert!(std::path::Path::new(&out).join(file).exists() && said.contains(file), "{file}");
    }
    let bad = sim(&["calibrate", "skylake-ring"]);
    assert_eq!(bad.status.code(), Some(2));
    let said = String::from_utf8_lossy(&bad.stderr);
    assert!(said.contains("no such file, and no machine preset") && said.contains("`skylake-ring-8`"), "{said}");
    let folder = sim(&["calibrate", &tiny, "--out", &format!("{tiny}/sub")]);
    assert_eq!(folder.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&folder.stderr).contains("cannot write"), "{folder:?}");
}

/// A preset with these texts replaced.
fn changed(preset: &str, changes: &[(&str, &str)]) -> configs::Hardware {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("machine.ron");
    let text = configs::presets::machine_text(preset).expect("a preset").to_owned();
    let text = changes.iter().fold(text, |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    });
    std::fs::write(&path, text).expect("written");
    hardware(&path.display().to_string()).unwrap_or_else(|e| panic!("{}", e.render(false)))
}

/// The same, measured a little.
fn measured(preset: &str, changes: &[(&str, &str)]) -> Calibration {
    let h = changed(preset, changes);
    let scope = Scope { pairs: Some(4), ..SAMPLE };
    calibrate(&h.machine, &h.published, scope, &|| ()).unwrap_or_else(|e| panic!("{}", e.plain))
}

/// A mean that is known to the cycle.
fn is(c: &Calibration, q: Quantity, cycles: f64) {
    let mean = c.get(q).unwrap_or_else(|| panic!("{q:?} is missing")).mean;
    assert!((mean - cycles).abs() < 1e-9, "{q:?}: {mean}, not {cycles}");
}

/// The ring of `skylake-ring-8`, as its file writes it.
const RING: &str = r#"interconnect: Ring(
        hop: "1cy",               // derived: A20, each hop adds 2 c to the round trip, one way is half of it
        bidirectional: true,      // assumed: as described for this family
        link_bytes_per_cycle: 32, // assumed: a 32-byte data ring
    )"#;

#[test]
fn machines_of_other_shapes_are_measured_too() {
    let bus = r#"interconnect: Bus(latency: "3cy", bytes_per_cycle: 32, shared_wires: false)"#;
    let snooping = measured("skylake-ring-8", &[(RING, bus), ("protocol: Mesi,", "protocol: SnoopingMesi,")]);
    let graph = r#"interconnect: Graph(
        stops: [
            (name: "west", cores: [0, 2], slices: [1]),
            (name: "middle", memory_controllers: 2),
            (name: "east", cores: [1, 3], slices: [0]),
        ],
        links: [
            (from: "west", to: "middle", link: (latency: "1cy", bytes_per_cycle: 32, queue: 4)),
            (from: "middle", to: "east", one_way: true, link: (latency: "1cy", bytes_per_cycle: 32, queue: 4)),
            (from: "east", to: "west", one_way: true, link: (latency: "5cy", bytes_per_cycle: 32, queue: 4)),
        ],
    )"#;
    let graph = measured("skylake-ring-8", &[(RING, graph), ("cores: 8,", "cores: 4,")]);
    for c in [&snooping, &graph] {
        let of = |q: Quantity| c.get(q).unwrap_or_else(|| panic!("{q:?} is missing")).mean;
        is(c, Quantity::LoadL2, 11.0);
        is(c, Quantity::LockedAdd, 18.0);
        assert!(of(Quantity::LoadLlc) < of(Quantity::LoadModified), "{c:?}");
        assert!(of(Quantity::LoadModified) < of(Quantity::LoadMemory), "{c:?}");
        let missing = not_measured(c).expect("there is one node");
        assert_eq!(missing.matches("other node").count(), 4, "{missing}");
    }
    // A slice at the core's own stop, as on the ring.
    is(&graph, Quantity::LoadLlcNear, 38.0);
}

#[test]
fn one_core_and_a_directory_of_one_way_lack_what_cannot_be_measured() {
    let one = measured("zen3-ccx-8", &[("cores: 8, ", "cores: 1, ")]);
    assert!(one.pairs.is_empty() && one.get(Quantity::PingPong).is_none());
    is(&one, Quantity::LoadLlc, 40.0);
    let missing = not_measured(&one).expect("there are no pairs");
    assert!(missing.starts_with("Not measurable on this machine: load, last level of another node; "), "{missing}");
    assert!(missing.contains("; ping-pong, one way; ") && missing.ends_with("all cores, overall.\n"), "{missing}");
    assert_eq!(described(&one), "zen3-ccx-8, 1 core at 4.6 GHz");
    let figures = figures(&one, "a test").expect("they can be drawn");
    assert!(figures[1].1.contains("One core makes no pair."), "{}", figures[1].1);
    // Its lines of one set of the second level have one set of the directory: a chase through them would recall them.
    let narrow = measured("zen3-ccx-8", &[("directory_ways: 16,", "directory_ways: 1,")]);
    assert_eq!(narrow.get(Quantity::LoadLlcNear), None);
    assert!(not_measured(&narrow).expect("something").contains("load, last level, nearest slice"));
    assert!(narrow.get(Quantity::PingPong).is_some());
}

#[test]
fn a_contended_fetch_and_add_at_the_home_is_cheaper_than_moving_the_line() {
    let [far, near] = [&[][..], &[("atomics: Far,", "atomics: Near,")][..]].map(|changes| {
        let h = changed("neoverse-n1-mesh-80", changes);
        let bench = Bench::new(&h.machine).expect("its network can be used");
        [1, 4].map(|threads| scaling(&bench, threads).expect("all come to their end"))
    });
    // Row B11: a thread alone owns the line, wherever the machine executes what it does not own.
    assert_eq!(far[0], near[0]);
    // Row B28: contended, the line stays at home; a loop of compare-and-swaps moves it in either case.
    assert!(3.0 * far[1].fetch_add.1 < near[1].fetch_add.1, "{far:?} {near:?}");
    assert!(far[1].cas_loop.1 > 0.9 * near[1].cas_loop.1, "{far:?} {near:?}");
}
