// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every embedded file loads; texts and values convert into each other without loss.

use configs::presets::{Origin, experiment_names, experiment_text, machine_names, machine_text};
use configs::{
    Base, Bytes, Cpus, Dist, Experiment, MemoryModel, Param, Program, Replacement, Seeds, Source, Span, Step, expanded,
    load, parse,
};

/// An experiment that uses every kind of statement once.
const SMALL: &str = include_str!("small.ron");

fn reread(experiment: &Experiment) -> Experiment {
    let text = expanded(experiment);
    parse(&text, "expanded").unwrap_or_else(|e| panic!("{}\n{text}", e.render(false))).experiment
}

#[test]
fn every_embedded_experiment_loads_and_survives_expansion() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/presets")).expect("it can be read");
    assert_eq!(experiment_names().count(), folder.count(), "every file is embedded");
    for name in experiment_names() {
        let loaded = load(name).unwrap_or_else(|e| panic!("{}", e.render(false)));
        assert_eq!((loaded.file.as_str(), &loaded.origin), (name, &Origin::Embedded));
        assert_eq!(reread(&loaded.experiment), loaded.experiment, "{name}");
        assert_eq!(expanded(&reread(&loaded.experiment)), expanded(&loaded.experiment), "{name}");
    }
}

#[test]
fn every_embedded_machine_loads_and_says_where_each_figure_comes_from() {
    assert_eq!(machine_names().count(), 5);
    for name in machine_names() {
        let inline = &SMALL[SMALL.find("Inline(").expect("inline")..SMALL.find("    lock: (").expect("lock")];
        let preset = SMALL.replace(inline, &format!("Preset(\"{name}\"),\n"));
        // The small experiment has four tasks for four cores; more cores take the stride's task.
        let loaded = parse(&preset, name).unwrap_or_else(|e| panic!("{}", e.render(false)));
        assert_eq!(loaded.experiment.machine.name, name);
        let text = machine_text(name).expect("listed");
        let (mut derivation, mut figures) = (false, 0);
        for line in text.lines().map(str::trim) {
            let tagged = ["published:", "derived:", "fitted:", "assumed:"].iter().any(|t| line.contains(t));
            let comment = line.starts_with("//");
            let code = line.split("//").next().unwrap_or("").trim();
            // Every line that ends a single value, and not a group, is a figure or a choice.
            let closes = code.ends_with("),") || code.chars().all(|c| ")],".contains(c));
            let figure = !comment && code.ends_with(',') && !closes;
            figures += usize::from(figure);
            let exempt = line.starts_with("name:");
            assert!(!figure || exempt || tagged || derivation, "{name}: no source: {line}");
            derivation = comment && (tagged || derivation);
        }
        assert!(figures > 30, "{name}: {figures} values seen");
    }
}

#[test]
fn the_two_ring_experiments_differ_in_base_and_title_only() {
    let (old, new) = (load("ring8.ron").expect("loads"), load("ring8-next").expect("loads"));
    assert_eq!((old.experiment.lock.base, new.experiment.lock.base), (Base::V6_17, Base::BpfNext));
    assert_eq!((Base::V6_17.patches(), Base::BpfNext.patches()), (&[][..], &["keep_queue"][..]));
    let mut same = new.experiment.clone();
    same.lock.base = Base::V6_17;
    same.title.clone_from(&old.experiment.title);
    assert_eq!(same, old.experiment);
}

#[test]
fn ring8_is_the_reported_case() {
    let e = load("ring8").expect("loads").experiment;
    assert_eq!((e.machine.cores, e.machine.clock.khz()), (8, 4_000_000));
    assert_eq!(e.machine.memory_model, MemoryModel::Tso { store_buffer_entries: 56 });
    let stages: Vec<(&str, usize)> = e.stages.iter().map(|s| (s.name.as_str(), s.patches.len())).collect();
    assert_eq!(stages, [("base", 0), ("+1", 1), ("+1-2", 2), ("+1-3", 3), ("+1-4", 4), ("+1-5", 5)]);
    assert_eq!(e.seeds.list(), [1, 2, 3, 4]);
    let Source::Overflow { period, .. } = e.interrupts[0].source else { panic!("an overflow") };
    assert_eq!(period.nanos(e.machine.clock.khz()), 125_000, "8 kHz");
    assert_eq!(e.duration.cycles(e.machine.clock.khz()), 4_000_000_000);
}

#[test]
fn every_kind_of_value_is_read_and_written() {
    let e = parse(SMALL, "small.ron").unwrap_or_else(|e| panic!("{}", e.render(false))).experiment;
    assert_eq!(e.lock.program, Program::File("mine.uop".to_owned()));
    assert_eq!(e.lock.params.get("pending_timeout"), Some(&Param::Span(Span::Picos(5_000_000_000))));
    assert_eq!(e.lock.params.get("pauses"), Some(&Param::Count(512)));
    assert_eq!(e.payload[0].offset_of("ring.tail"), Some(64));
    assert_eq!(e.payload[0].bytes, Bytes(128));
    assert_eq!(e.workload.tasks[2].on, Cpus::Stride { first: 3, step: 1 });
    assert_eq!(e.workload.tasks[0].body[1], Step::Delay(Dist::Uniform(Span::Picos(1_000_000), Span::Picos(2_000_000))));
    assert_eq!(e.handlers.names().collect::<Vec<_>>(), ["sample", "tick"]);
    assert_eq!(e.seeds, Seeds::Count { first: 1, n: 4 });
    assert_eq!(e.machine.event_stream, Some(Span::Picos(100_000_000)));
    assert_eq!(reread(&e), e);
}

#[test]
fn a_weak_machine_is_read_and_its_default_written_out() {
    let (tso, weak) = ("Tso(store_buffer_entries: 8)", "Weak(store_buffer_entries: 8, invalidation_queue_entries: 4)");
    let e = parse(&SMALL.replace(tso, weak), "small.ron").unwrap_or_else(|e| panic!("{}", e.render(false))).experiment;
    let expected = MemoryModel::Weak {
        store_buffer_entries: 8,
        invalidation_queue_entries: 4,
        invalidation_delay: Span::Cycles(200),
    };
    assert_eq!(e.machine.memory_model, expected);
    assert!(expanded(&e).contains("invalidation_delay: \"200cy\""));
    assert_eq!(reread(&e), e);
}

#[test]
fn defaults_are_written_out() {
    let e = load("ring8").expect("loads").experiment;
    let text = expanded(&e);
    for part in ["jitter: \"0cy\"", "phase: Random", "options: []", "machine: Inline(", "event_stream: None"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("Preset"));
}

#[test]
fn equal_experiments_have_equal_texts_however_they_are_written() {
    let other = SMALL.replace("duration: \"1s\"", "/* one second */ duration: \"1_000.0ms\"").replace(
        "{\"pending_timeout\": \"5ms\", \"pauses\": 512}",
        "{\"pauses\": 0x200, \"pending_timeout\": \"0.005s\"}",
    );
    assert_ne!(other, SMALL);
    let [a, b] = [SMALL, other.as_str()].map(|t| expanded(&parse(t, "t").expect("loads").experiment));
    assert_eq!(a, b);
}

#[test]
fn the_embedded_texts_can_be_shown() {
    assert!(experiment_text("ring8.ron").is_some_and(|t| t.contains("Preset(\"skylake-ring-8\")")));
    assert_eq!(experiment_text("nothing"), None);
    assert_eq!(machine_text("nothing"), None);
}

#[test]
fn protocol_and_replacement_are_choices_of_the_machine() {
    let text = SMALL
        .replace(
            "protocol: Mesi",
            "protocol: Moesi, shared_evictions: Silent, upgrades: Dataless, atomics: Far, adjacent_line_prefetch: true",
        )
        .replace(
            "l2: (capacity: \"256KiB\", ways: 4, hit: \"11cy\")",
            "l2: (capacity: \"256KiB\", ways: 4, hit: \"11cy\", replacement: Srrip)",
        );
    let e = parse(&text, "small.ron").unwrap_or_else(|e| panic!("{}", e.render(false))).experiment;
    assert_eq!(e.machine.protocol_tables(), "moesi-silent-upgrade-far");
    assert!(e.machine.adjacent_line_prefetch);
    let apart = text.replace(
        "data: \"19cy\")",
        "data: \"19cy\", inclusion: NonInclusive(slice_directory_entries: 6144, directory_ways: 12))",
    );
    let apart = parse(&apart, "small.ron").unwrap_or_else(|e| panic!("{}", e.render(false))).experiment;
    assert_eq!(apart.machine.protocol_tables(), "moesi-silent-upgrade-noninclusive-far");
    assert_eq!(reread(&apart), apart);
    assert_eq!((expanded(&apart).matches("inclusion").count(), expanded(&e).matches("inclusion").count()), (1, 0));
    assert_eq!((e.machine.l1d.replacement, e.machine.l2.replacement), (Replacement::Lru, Replacement::Srrip));
    assert_eq!(reread(&e), e);
    // Left out where it is the default, so that texts made before there was a choice stay what they are.
    assert_eq!(expanded(&e).matches("replacement").count(), 1);
}
