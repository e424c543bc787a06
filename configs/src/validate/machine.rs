// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules of machines: geometry of caches, latencies that keep time going, sizes of messages.

use super::{Check, broken, finding, not_blank};
use crate::interconnect::Interconnect;
use crate::machine::{Atomics, CORES_MAX, Inclusion, LINE_BYTES, Machine, MemoryModel, Protocol, SharedEvictions};
use crate::units::{Bytes, Span};

/// No single latency is longer; a longer one is a slip of the unit.
const LATENCY_MAX: Span = Span::Picos(1_000_000_000);
/// Largest cache or slice.
const CAPACITY_MAX: Bytes = Bytes(1 << 30);
/// Most ways of a cache or directory.
const WAYS_MAX: u32 = 16;
/// Slowest clock, in kHz.
pub(super) const CLOCK_KHZ_MIN: u64 = 1_000;

/// Checks a machine as a part of an experiment.
pub(crate) fn machine(m: &Machine) -> Check {
    not_blank("machine.name", &m.name, "the name stands in every table")?;
    if m.clock.khz() < CLOCK_KHZ_MIN {
        return Err(broken("machine.clock", format_args!("\"{}\"", m.clock), "must be at least 1MHz", ""));
    }
    between("machine.cores", m.cores, 1, CORES_MAX)?;
    between("machine.width", m.width, 1, 16)?;
    if let MemoryModel::Tso { store_buffer_entries } | MemoryModel::Weak { store_buffer_entries, .. } = m.memory_model {
        between("machine.memory_model.store_buffer_entries", store_buffer_entries, 1, 1024)?;
    }
    if let MemoryModel::Weak { invalidation_queue_entries, .. } = m.memory_model {
        between("machine.memory_model.invalidation_queue_entries", invalidation_queue_entries, 0, 1024)?;
    }
    latencies(m)?;
    geometry("machine.l1d", "capacity", m.l1d.capacity, m.l1d.ways)?;
    geometry("machine.l2", "capacity", m.l2.capacity, m.l2.ways)?;
    geometry("machine.llc", "slice_capacity", m.llc.slice_capacity, m.llc.ways)?;
    holds("machine.l2.capacity", m.l2.capacity, "machine.l1d.capacity", m.l1d.capacity)?;
    match m.llc.inclusion {
        _ if m.protocol.snoops() => snooping(m)?,
        Inclusion::Inclusive => {
            holds("machine.llc.slice_capacity", m.llc.slice_capacity, "machine.l2.capacity", m.l2.capacity)?;
        }
        Inclusion::NonInclusive { slice_directory_entries, directory_ways } => {
            directory(m, slice_directory_entries, directory_ways)?;
        }
    }
    if m.l2.hit.cycles(m.clock.khz()) < m.l1d.hit.cycles(m.clock.khz()) {
        let rule = format!("must not be less than machine.l1d.hit = \"{}\"", m.l1d.hit);
        let help = "it is counted from issue, the first level included";
        return Err(broken("machine.l2.hit", format_args!("\"{}\"", m.l2.hit), &rule, help));
    }
    super::interconnect::interconnect(m)
}

/// Snooping takes a bus, has no directory to tell anything, and includes nothing in the last level.
fn snooping(m: &Machine) -> Check {
    if !matches!(m.interconnect, Interconnect::Bus(_)) {
        let (value, other) = match m.protocol {
            Protocol::SnoopingMsi => ("SnoopingMsi", "Msi"),
            _ => ("SnoopingMesi", "Mesi"),
        };
        let rule = "needs a bus, on which every cache observes every request in one order";
        let bus = "interconnect: Bus(latency: \"3cy\", bytes_per_cycle: 32, shared_wires: false)";
        return Err(broken("machine.protocol", value, rule, &format!("{bus}; or protocol: {other}, with a directory")));
    }
    if m.shared_evictions == SharedEvictions::Silent {
        let rule = "there is no directory to be told: shared copies always go silently";
        return Err(broken("machine.shared_evictions", "Silent", rule, "leave it out"));
    }
    if m.llc.inclusion != Inclusion::Inclusive {
        let rule = "there is no directory: a snooping last level includes nothing in any case";
        return Err(broken("machine.llc.inclusion", "NonInclusive", rule, "leave it out"));
    }
    if m.atomics == Atomics::Far {
        let rule = "on a snooping bus every operation is executed by the core's own cache";
        return Err(broken("machine.atomics", "Far", rule, "leave it out, or choose a protocol with a directory"));
    }
    if m.adjacent_line_prefetch {
        let rule = "a snooped line that nobody waits for could be read too late: not modelled";
        let help = "leave it out, or choose a protocol with a directory";
        return Err(broken("machine.adjacent_line_prefetch", "true", rule, help));
    }
    Ok(())
}

/// Every latency is at most [`LATENCY_MAX`], and those that keep a loop from taking no time are not zero.
fn latencies(m: &Machine) -> Check {
    let l = &m.latencies;
    let i = &m.interrupts;
    let not_zero = [
        ("latencies.alu", l.alu),
        ("latencies.branch", l.branch),
        ("latencies.locked_rmw", l.locked_rmw),
        ("latencies.pause", l.pause),
        ("l1d.hit", m.l1d.hit),
        ("l2.hit", m.l2.hit),
        ("llc.tag", m.llc.tag),
        ("llc.data", m.llc.data),
        ("snoop", m.snoop),
        ("memory.latency", m.memory.latency),
        ("interrupts.ipi", i.ipi),
    ];
    let may_be_zero = [
        ("memory.interval", m.memory.interval),
        ("latencies.call", l.call),
        ("latencies.load_forward", l.load_forward),
        ("latencies.fence", l.fence),
        ("latencies.timestamp", l.timestamp),
        ("latencies.irq_flag", l.irq_flag),
        ("latencies.context_read", l.context_read),
        ("interrupts.nmi_entry", i.nmi_entry),
        ("interrupts.nmi_exit", i.nmi_exit),
        ("interrupts.irq_entry", i.irq_entry),
        ("interrupts.irq_exit", i.irq_exit),
        ("interrupts.delivery", i.delivery),
        ("interrupts.softirq_entry", i.softirq_entry),
        ("interrupts.softirq_exit", i.softirq_exit),
    ];
    for (name, span) in not_zero {
        at_least_a_cycle(&format!("machine.{name}"), span)?;
    }
    if m.event_stream.is_some_and(Span::is_zero) {
        let help = "leave it out if the machine has no event stream";
        return Err(broken("machine.event_stream", "zero", "must be more than zero", help));
    }
    let delay = match m.memory_model {
        MemoryModel::Weak { invalidation_delay, .. } => Some(("memory_model.invalidation_delay", invalidation_delay)),
        _ => None,
    };
    for (name, span) in not_zero.into_iter().chain(may_be_zero).chain(delay) {
        not_too_long(&format!("machine.{name}"), span, m.clock.khz())?;
    }
    Ok(())
}

pub(super) fn at_least_a_cycle(path: &str, span: Span) -> Check {
    if span.is_zero() {
        return Err(broken(path, format_args!("\"{span}\""), "must be at least one cycle", ""));
    }
    Ok(())
}

/// `khz` is the clock whose cycles the span may be in.
pub(super) fn not_too_long(path: &str, span: Span, khz: u64) -> Check {
    if span.cycles(khz) > LATENCY_MAX.cycles(khz) {
        let rule = format!("no latency of a machine is over {LATENCY_MAX}");
        let help = "check the unit: \"4s\" is four seconds, \"4cy\" four cycles";
        return Err(broken(path, format_args!("\"{span}\""), &rule, help));
    }
    Ok(())
}

pub(super) fn between(path: &str, value: u32, least: u32, most: u32) -> Check {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(broken(path, value, &format!("must be {least} to {most}"), ""))
}

/// A level must be able to hold all of the level nearer to the core.
fn holds(path: &str, outer: Bytes, inner_path: &str, inner: Bytes) -> Check {
    if outer >= inner {
        return Ok(());
    }
    let rule = format!("must not be less than {inner_path} = \"{inner}\"");
    Err(broken(path, format_args!("\"{outer}\""), &rule, "this level holds all that the level before it holds"))
}

/// Sets = entries / ways must be a power of two. Fewer entries than one private cache has lines are too few: a line
/// without an entry cannot be cached, so a core whose lines have one home could not use its own cache.
fn directory(m: &Machine, entries: u32, ways: u32) -> Check {
    let (path, ways_path) = ("machine.llc.inclusion.slice_directory_entries", "machine.llc.inclusion.directory_ways");
    let lines = m.l2.capacity.0 / LINE_BYTES;
    if u64::from(entries) < lines {
        let rule = format!("must not be less than {lines}, the lines of machine.l2.capacity = \"{}\"", m.l2.capacity);
        let help =
            "a line that a private cache holds needs an entry at its home, and one core's lines can have one home";
        return Err(broken(path, entries, &rule, help));
    }
    between(ways_path, ways, 1, WAYS_MAX)?;
    if entries.is_multiple_of(ways) && (entries / ways).is_power_of_two() {
        return Ok(());
    }
    let sets = hundredths(u64::from(entries), u64::from(ways));
    let message = format!("{path} = {entries} gives {sets} sets of {ways} ways, must be a power of two");
    let least = lines.div_ceil(u64::from(ways)).max(1).next_power_of_two();
    let near = (u64::from(entries) / u64::from(ways)).max(1).next_power_of_two().max(least);
    let mut found = finding(path, message, "sets must be a power of two", "");
    found.says.help =
        Some(format!("slice_directory_entries = {} keeps directory_ways = {ways}", near * u64::from(ways)));
    Err(found)
}

/// Sets = capacity / (line * ways) must be a power of two.
fn geometry(cache: &str, field: &str, capacity: Bytes, ways: u32) -> Check {
    let name = format!("{cache}.{field}");
    if capacity.0 == 0 || capacity > CAPACITY_MAX {
        let rule = format!("must be 1B to {CAPACITY_MAX}");
        return Err(broken(name, format_args!("\"{capacity}\""), &rule, ""));
    }
    let ways_path = format!("{cache}.ways");
    if ways == 0 || u64::from(ways) > capacity.0.div_ceil(LINE_BYTES) {
        let rule = format!("must be 1 to {}, the lines of {capacity}", capacity.0.div_ceil(LINE_BYTES));
        return Err(broken(ways_path, ways, &rule, ""));
    }
    if ways > WAYS_MAX {
        let rule = format!("must be 1 to {WAYS_MAX}");
        return Err(broken(ways_path, ways, &rule, "more sets of fewer ways hold as many lines"));
    }
    let set_bytes = LINE_BYTES * u64::from(ways);
    if capacity.0.is_multiple_of(set_bytes) && (capacity.0 / set_bytes).is_power_of_two() {
        return Ok(());
    }
    let sets = hundredths(capacity.0, set_bytes);
    let message = format!("{ways_path} = {ways} gives {sets} sets, must be a power of two");
    let mut found = finding(ways_path, message, "sets must be a power of two", "");
    found.says.note = Some(format!("sets = {field} {} / (line {LINE_BYTES} * ways {ways}) = {sets}", capacity.0));
    found.says.help = Some(alternatives(field, capacity.0, ways));
    Err(found)
}

/// Nearest geometry that works: with other ways, and with another capacity.
fn alternatives(field: &str, capacity: u64, ways: u32) -> String {
    let sets = |w: u32| {
        let set_bytes = LINE_BYTES * u64::from(w);
        (capacity.is_multiple_of(set_bytes) && (capacity / set_bytes).is_power_of_two()).then(|| capacity / set_bytes)
    };
    // Up to twice the ways there is a power of two, if the capacity has one that fits; larger first on a tie.
    let near = (1..=ways.saturating_mul(2).min(WAYS_MAX)).rev().filter_map(|w| Some((w, sets(w)?)));
    let other_ways = near.min_by_key(|(w, _)| w.abs_diff(ways)).map(|(w, n)| format!("ways = {w} gives {n} sets"));
    let set_bytes = LINE_BYTES * u64::from(ways);
    let count = (capacity / set_bytes).max(1);
    let kept = Bytes(set_bytes << count.ilog2());
    let other_capacity = format!("{field} = \"{kept}\" keeps ways = {ways}");
    other_ways.into_iter().chain([other_capacity]).collect::<Vec<_>>().join("; ")
}

/// `a / b` with two decimals, rounded to the nearest; without them if it is whole.
fn hundredths(a: u64, b: u64) -> String {
    if a.is_multiple_of(b) {
        return (a / b).to_string();
    }
    let scaled = (u128::from(a) * 100 + u128::from(b) / 2) / u128::from(b);
    format!("{}.{:02}", scaled / 100, scaled % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(capacity: u64, ways: u32) -> String {
        match geometry("c", "capacity", Bytes(capacity), ways) {
            Ok(()) => "accepted".to_owned(),
            Err(crate::validate::Finding { says, .. }) => {
                format!("{} | {}", says.message, says.help.unwrap_or_default())
            }
        }
    }

    #[test]
    fn geometry_accepts_powers_of_two_and_proposes_neighbours() {
        assert_eq!(refused(32_768, 8), "accepted");
        assert_eq!(refused(1_441_792, 11), "accepted", "1.375 MiB of 11 ways has 2048 sets");
        assert_eq!(
            refused(32_768, 3),
            "c.ways = 3 gives 170.67 sets, must be a power of two | \
             ways = 4 gives 128 sets; capacity = \"24KiB\" keeps ways = 3"
        );
        assert_eq!(
            refused(1000, 4),
            "c.ways = 4 gives 3.91 sets, must be a power of two | capacity = \"512B\" keeps ways = 4"
        );
        assert_eq!(refused(64, 2), "c.ways = 2: must be 1 to 1, the lines of 64B | ");
        assert_eq!(refused(65_536, 32), "c.ways = 32: must be 1 to 16 | more sets of fewer ways hold as many lines");
        assert_eq!(refused(0, 2), "c.capacity = \"0B\": must be 1B to 1GiB | ");
    }
}
