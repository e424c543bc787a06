// SPDX-License-Identifier: MIT OR Apache-2.0
//! Experiments on every shape of interconnect: they run to their end, and shortcuts change nothing.

use configs::{expanded, load, override_field, parse};
use reports::Traffic;
use rqsim::batch::digest;
use rqsim::plan::{Plan, plan};
use rqsim::run::run;

const LINK: &str = "link: (latency: \"2cy\", bytes_per_cycle: 16, queue: 2)";

/// The contended preset on another interconnect, for a short time.
fn planned(interconnect: &str) -> Plan {
    let text = expanded(&load("hammer8.ron").expect("a preset").experiment);
    let text = override_field(&text, "machine.interconnect", interconnect).expect("a machine has it");
    let text = override_field(&text, "duration", "100us").expect("an experiment has it");
    let loaded = parse(&text, "test").unwrap_or_else(|e| panic!("{}", e.render(false)));
    plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain))
}

fn shapes() -> Vec<(&'static str, String, usize)> {
    let ring = "Ring(hop: \"1cy\", bidirectional: true, link_bytes_per_cycle: 32, memory_controllers: 2)".to_owned();
    let bus = "Bus(latency: \"3cy\", bytes_per_cycle: 16, shared_wires: true)".to_owned();
    let crossbar = format!("Crossbar({LINK})");
    let mesh = format!("Mesh(columns: 3, rows: 3, empty_stops: [(1, 1)], memory_stops: [(1, 1)], {LINK})");
    let torus = format!("Torus(columns: 3, rows: 3, memory_stops: [(0, 0), (2, 2)], {LINK})");
    let clocked = "clock: \"1.7GHz\", shared_wires: true)";
    let joined = format!(
        "Joined(parts: [(cores: 4, interconnect: {ring}), (cores: 4, interconnect: {crossbar})], \
         links: [(from: 0, to: 1, link: (latency: \"20ns\", bytes_per_cycle: 8, queue: 8, {clocked})])"
    );
    let graph = format!(
        "Graph(stops: [(name: \"a\", cores: [0, 2, 4, 6], slices: [0, 1]), (name: \"b\", memory_controllers: 1), \
         (name: \"c\", cores: [1, 3, 5, 7], slices: [2])], \
         links: [(from: \"a\", to: \"b\", {LINK}), (from: \"b\", to: \"c\", {LINK})])"
    );
    // Stops: a ring has one per core and controller, a crossbar a switch, a bus its wires.
    vec![
        ("ring", ring, 10),
        ("bus", bus, 10),
        ("crossbar", crossbar, 10),
        ("mesh", mesh, 9),
        ("torus", torus, 9),
        ("joined", joined, 7 + 7),
        ("graph", graph, 3),
    ]
}

/// A preset on a bus of this kind, with this protocol, for so long.
fn on_bus(preset: &str, protocol: &str, shared_wires: bool, duration: &str) -> Plan {
    let bus = format!("Bus(latency: \"3cy\", bytes_per_cycle: 32, shared_wires: {shared_wires})");
    let mut text = expanded(&load(preset).expect("a preset").experiment);
    for (field, value) in [("machine.interconnect", &*bus), ("machine.protocol", protocol), ("duration", duration)] {
        text = override_field(&text, field, value).expect("it is there");
    }
    let loaded = parse(&text, "test").unwrap_or_else(|e| panic!("{}", e.render(false)));
    plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain))
}

/// A lock that is always wanted changes hands on a snooping bus with fewer messages and bytes than with a directory on
/// the same bus: nobody is told anything on his own, and nobody acknowledges.
#[test]
fn snooping_takes_fewer_messages_per_hand_off_than_a_directory() {
    for shared_wires in [false, true] {
        // Held, messages, bytes.
        let count = |protocol: &str| {
            let plan = on_bus("hammer8.ron", protocol, shared_wires, "100us");
            let [fast, exact] = [false, true].map(|exact| run(&plan.loaded, &plan.stages[0], 1, exact).record);
            assert_eq!(fast.status, "ok", "{protocol}: {:?}", fast.finding);
            assert_eq!(digest(&fast), digest(&exact), "{protocol}");
            let held: u64 = fast.contexts.values().map(|c| c.held).sum();
            let sum = |of: fn(&Traffic) -> u64| fast.traffic.by_class.values().map(of).sum::<u64>();
            (held, sum(|c| c.messages), sum(|c| c.bytes))
        };
        let (snooping, directory) = (count("SnoopingMesi"), count("Mesi"));
        // A half and five sixths of them, about: the preset's upgrades bring no data with a directory either.
        assert!(snooping.1 * directory.0 * 10 < directory.1 * snooping.0 * 6, "{snooping:?} {directory:?}");
        assert!(snooping.2 * directory.0 * 10 < directory.2 * snooping.0 * 9, "{snooping:?} {directory:?}");
    }
}

/// Every preset on the machine with a ring runs as it is written, the interconnect and protocol apart, and ends as it
/// does with a directory: well, or with what it is there to show. (Other machines have last levels that no bus snoops.)
#[test]
fn every_preset_runs_on_a_snooping_bus() {
    let of_the_ring = |name: &&str| load(name).expect("a preset").experiment.machine.name == "skylake-ring-8";
    for name in configs::presets::experiment_names().filter(of_the_ring) {
        let ends = |protocol: &str| -> Vec<String> {
            let plan = on_bus(name, protocol, true, "30us");
            // Of a scenario's fourteen stages four: on either base early and late ones.
            let step = if plan.stages.len() == 14 { 4 } else { 1 };
            plan.stages.iter().step_by(step).map(|stage| run(&plan.loaded, stage, 1, false).record.status).collect()
        };
        let expected = ends("Mesi");
        let shows_something = [
            "lost-heir.ron",
            "hook-begin.ron",
            "own-entry-guest.ron",
            "two-locks-two-heads.ron",
            "wrong-abba-head.ron",
            "false-abba-head.ron",
        ]
        .contains(&name);
        assert_eq!(expected.iter().all(|s| s == "ok"), !shows_something, "{name}: {expected:?}");
        assert_eq!(ends("SnoopingMsi"), expected, "{name}");
        assert_eq!(ends("SnoopingMesi"), expected, "{name}");
    }
}

#[test]
fn shortcuts_change_nothing_on_any_interconnect() {
    for (name, shape, stops) in shapes() {
        let plan = planned(&shape);
        assert_eq!(plan.stages[0].spec.topology.stops(), stops, "{name}");
        let [fast, exact] = [false, true].map(|exact| run(&plan.loaded, &plan.stages[0], 1, exact).record);
        assert_eq!(fast.status, "ok", "{name}: {:?}", fast.finding);
        assert_eq!(digest(&fast), digest(&exact), "{name}");
        let held: u64 = fast.contexts.values().map(|c| c.held).sum();
        assert!(held > 20, "{name}: the lock is taken, {held} times");
    }
}

#[test]
fn cores_sit_where_the_configuration_says() {
    let of = |name: &str| {
        let (_, shape, _) = shapes().into_iter().find(|(n, _, _)| *n == name).expect("one of them");
        planned(&shape).stages[0].spec.topology.clone()
    };
    let mesh = of("mesh");
    // Core 4 is at (2, 1): the middle is empty. Core 3 is at (0, 1).
    assert_eq!(mesh.core_to_core().hops_max, 4);
    assert_eq!(mesh.slice_to_memory().hops_max, 2, "memory is in the middle");
    assert_eq!((mesh.cores(), mesh.slices(), mesh.memories()), (8, 8, 1));
    let graph = of("graph");
    assert_eq!((graph.slices(), graph.core_to_core().hops_max, graph.slice_to_memory().hops_max), (3, 2, 1));
    let joined = of("joined");
    assert_eq!((joined.memories(), joined.core_to_core().cycles_max), (3, 3 + 80 + 4));
}

/// Everything measured, without the configuration itself.
fn measured(interconnect: &str, changes: &[(&str, &str)]) -> String {
    let mut text = expanded(&planned(interconnect).loaded.experiment);
    for (path, value) in changes {
        text = override_field(&text, path, value).expect("the experiment has the field");
    }
    let loaded = parse(&text, "test").unwrap_or_else(|e| panic!("{}", e.render(false)));
    let plan = plan(loaded).unwrap_or_else(|e| panic!("{}", e.plain));
    let r = run(&plan.loaded, &plan.stages[0], 1, false).record;
    assert_eq!(r.status, "ok", "{:?}", r.finding);
    format!("{} {:?} {:?}", r.end_ns, r.contexts, r.traffic)
}

#[test]
fn every_field_changes_something() {
    let mesh = format!("Mesh(columns: 3, rows: 3, memory_stops: [(2, 2)], {LINK})");
    let torus = mesh.replace("Mesh", "Torus");
    let ring = "Ring(hop: \"1cy\", bidirectional: true, link_bytes_per_cycle: 32)";
    let bus = "Bus(latency: \"2cy\", bytes_per_cycle: 16, shared_wires: false)";
    let cases = [
        (mesh.as_str(), "columns", "5"),
        // More rows of a mesh that nobody uses change nothing; in a torus they make the way round longer.
        (&torus, "rows", "4"),
        (&mesh, "cores_per_stop", "2"),
        (&mesh, "empty_stops", "[(1, 1)]"),
        (&mesh, "memory_stops", "[(0, 0)]"),
        (&mesh, "link.latency", "3cy"),
        (&mesh, "link.bytes_per_cycle", "4"),
        (&mesh, "link.queue", "1"),
        (&mesh, "link.clock", "\"1GHz\""),
        (&mesh, "link.shared_wires", "true"),
        (ring, "hop", "2cy"),
        (ring, "bidirectional", "false"),
        (ring, "link_bytes_per_cycle", "4"),
        (ring, "clock", "\"1GHz\""),
        (ring, "memory_controllers", "2"),
        (bus, "latency", "3cy"),
        (bus, "bytes_per_cycle", "4"),
        (bus, "shared_wires", "true"),
        (bus, "clock", "\"1GHz\""),
    ];
    for (shape, field, value) in cases {
        let path = format!("machine.interconnect.{field}");
        // Narrow links, so that queues fill.
        let with: &[(&str, &str)] = if field == "link.queue" || field == "link.shared_wires" {
            &[("machine.interconnect.link.bytes_per_cycle", "2")]
        } else {
            &[]
        };
        let changed = [with, &[(path.as_str(), value)]].concat();
        assert_ne!(measured(shape, with), measured(shape, &changed), "{field} = {value}");
    }
    let interval = [("machine.memory.interval", "1us")];
    assert_ne!(measured(&mesh, &[]), measured(&mesh, &interval), "memory.interval");
}

#[test]
fn where_homes_are_is_a_choice_on_machines_of_several_parts() {
    let shapes = shapes();
    let of = |name: &str, numa: &str| {
        let shape = &shapes.iter().find(|(n, _, _)| *n == name).expect("one of them").1;
        measured(shape, &[("machine.numa", numa)])
    };
    // The program's global objects fit into one page, the sixteenth: interleaved, it is node 0's.
    assert_eq!(of("joined", "Interleaved"), of("joined", "Node(0)"));
    let joined = ["Hashed", "Node(0)", "Node(1)"].map(|n| of("joined", n));
    for (i, a) in joined.iter().enumerate() {
        assert!(joined[..i].iter().all(|b| a != b), "choice {i} changes nothing");
    }
    assert_eq!(of("mesh", "Interleaved"), of("mesh", "Hashed"), "a mesh is one node");
}

#[test]
fn links_in_an_unlucky_order_are_a_message() {
    let stops: Vec<String> = (0..20).map(|i| format!("(name: \"s{i}\", cores: [{}])", cores_at(i))).collect();
    let links: Vec<String> =
        (0..20).rev().map(|i| format!("(from: \"s{i}\", to: \"s{}\", one_way: true, {LINK})", (i + 1) % 20)).collect();
    let home = "(name: \"home\", slices: [0], memory_controllers: 1)";
    let graph = format!(
        "Graph(stops: [{}, {home}], links: [{}, (from: \"s0\", to: \"home\", {LINK})])",
        stops.join(", "),
        links.join(", ")
    );
    let text = expanded(&load("hammer8.ron").expect("a preset").experiment);
    let text = override_field(&text, "machine.interconnect", &graph).expect("a machine has it");
    let loaded = parse(&text, "test").unwrap_or_else(|e| panic!("{}", e.render(false)));
    let e = plan(loaded).expect_err("too many virtual channels").plain;
    assert!(e.contains("the routes need 20 virtual channels, 16 are the most"), "{e}");
    assert!(e.contains("Help: write links in the order in which most messages use them"), "{e}");
}

fn cores_at(stop: usize) -> String {
    if stop < 8 { stop.to_string() } else { String::new() }
}
