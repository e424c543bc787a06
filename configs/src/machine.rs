// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine: cores, caches, interconnect, memory, interrupt costs.
//!
//! A latency is a [`Span`], in cycles or in clock time; the consumer turns it into cycles of
//! [`Machine::clock`] once. Where the figures of the presets come from is written beside each of them in
//! `machines/*.ron`. Not described here, because not modelled yet: frequency changes, simultaneous
//! multithreading.

use serde::{Deserialize, Serialize};

use crate::interconnect::{Interconnect, Messages};
use crate::units::{Bytes, Frequency, Span};

/// Bytes in a cache line, on every machine.
pub const LINE_BYTES: u64 = 64;
/// Most cores a machine can have.
pub const CORES_MAX: u32 = 1024;

/// A complete machine description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Name for tables and records.
    pub name: String,
    /// Core clock; also the clock of the caches.
    pub clock: Frequency,
    /// Number of cores, 1 to [`CORES_MAX`].
    pub cores: u32,
    /// Micro-ops a core issues in one cycle, 1 to 16.
    pub width: u32,
    /// Which reorderings other cores can see.
    pub memory_model: MemoryModel,
    /// Cost of each class of micro-op.
    pub latencies: Latencies,
    /// Private first-level data cache.
    pub l1d: PrivateCache,
    /// Private second-level cache; holds all that the first level holds.
    pub l2: PrivateCache,
    /// Shared last level with directory, in slices.
    pub llc: SharedCache,
    /// Coherence protocol.
    pub protocol: Protocol,
    /// Whether the home is told when a shared copy goes; `Announced` unless given, and then not written out.
    #[serde(default, skip_serializing_if = "SharedEvictions::is_default")]
    pub shared_evictions: SharedEvictions,
    /// What a cache that can read a line asks for in order to write it; `WithData` unless given, and then not written
    /// out.
    #[serde(default, skip_serializing_if = "Upgrades::is_default")]
    pub upgrades: Upgrades,
    /// Where a fetch-and-operate or a swap is executed; `Near` unless given, and then not written out.
    #[serde(default, skip_serializing_if = "Atomics::is_default")]
    pub atomics: Atomics,
    /// A miss of the second level also asks for the other line of its pair of 128 bytes; `false` unless given, and then
    /// not written out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adjacent_line_prefetch: bool,
    /// Where a line's home is on a machine of several parts; `Hashed` unless given, and then not written out.
    #[serde(default, skip_serializing_if = "Numa::is_default")]
    pub numa: Numa,
    /// How cores, slices and memory are joined.
    pub interconnect: Interconnect,
    /// Sizes of messages.
    pub messages: Messages,
    /// From a forwarded request's arrival at the owning core to its answer leaving.
    pub snoop: Span,
    /// Main memory.
    pub memory: Memory,
    /// What taking an interrupt costs.
    pub interrupts: InterruptCosts,
    /// Period of the event stream that ends a wait-for-event; `None` if the machine has none (x86).
    #[serde(default)]
    pub event_stream: Option<Span>,
}

/// Memory consistency model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum MemoryModel {
    /// Total store order (x86): a FIFO store buffer with forwarding.
    Tso {
        /// Stores it holds, 1 to 1024.
        store_buffer_entries: u32,
    },
    /// Weak order, after arm64: the store buffer is written out of order, and plain loads may read a line that
    /// another core has taken away, until an acquire load, a read or full fence, or an acquire read-modify-write.
    Weak {
        /// Stores it holds, 1 to 1024.
        store_buffer_entries: u32,
        /// Lines that can be read though taken away, 0 to 1024; 0 means that no load reads a stale line.
        invalidation_queue_entries: u32,
        /// From a line's loss until the old copy is read no more.
        #[serde(default = "invalidation_delay")]
        invalidation_delay: Span,
    },
    /// Sequential consistency: no store buffer.
    Sc,
}

/// Assumed (deviation D22): about two cache misses.
fn invalidation_delay() -> Span {
    Span::Cycles(200)
}

/// Time from issue of a micro-op to issue of the next that needs its result. Marks cost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// Arithmetic; at least one cycle.
    pub alu: Span,
    /// Branch, taken or not; at least one cycle.
    pub branch: Span,
    /// Call and return, each.
    pub call: Span,
    /// Load answered by the core's own store buffer.
    pub load_forward: Span,
    /// Locked read-modify-write on a line owned in the first level; at least one cycle.
    pub locked_rmw: Span,
    /// Full fence with an empty store buffer; draining comes on top.
    pub fence: Span,
    /// Spin-wait hint; at least one cycle.
    pub pause: Span,
    /// Reading the clock in nanoseconds, scaling included.
    pub timestamp: Span,
    /// Saving, clearing or restoring the interrupt flag.
    pub irq_flag: Span,
    /// Reading core number, context kind or another per-core register.
    pub context_read: Span,
}

/// A private cache level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateCache {
    /// Data bytes, tags excluded; capacity / (64 * ways) is a power of two.
    pub capacity: Bytes,
    /// Associativity.
    pub ways: u32,
    /// Load to use on a hit, counted from issue; at least one cycle.
    pub hit: Span,
    /// What goes from a full set; `Lru` unless given, and then not written out.
    #[serde(default, skip_serializing_if = "Replacement::is_lru")]
    pub replacement: Replacement,
}

/// Which line of a full set makes room. The default is left out of expanded experiments, so that the
/// records made before there was a choice are still found by their texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Replacement {
    /// The least recently used.
    #[default]
    Lru,
    /// A tree of bits that point away from the half used last.
    TreePlru,
    /// Any; drawn from a stream of the run's seed.
    Random,
    /// Static re-reference interval prediction, two bits, hit priority.
    Srrip,
}

impl Replacement {
    #[allow(clippy::trivially_copy_pass_by_ref)] // The serializer wants a reference.
    fn is_lru(&self) -> bool {
        *self == Replacement::Lru
    }
}

/// The shared last level: slices at the stops of the interconnect, each with its part of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedCache {
    /// Data bytes of one slice; capacity / (64 * ways) is a power of two. Not less than L2 if it is inclusive,
    /// unless the protocol snoops.
    pub slice_capacity: Bytes,
    /// Associativity.
    pub ways: u32,
    /// From a request's arrival at the slice until directory and tags have answered; at least one cycle.
    pub tag: Span,
    /// After `tag`, until data of a hit leave the slice; at least one cycle.
    pub data: Span,
    /// What goes from a full set; `Lru` unless given, and then not written out.
    #[serde(default, skip_serializing_if = "Replacement::is_lru")]
    pub replacement: Replacement,
    /// Whether it holds what the private caches hold; `Inclusive` unless given, and then not written out.
    #[serde(default, skip_serializing_if = "Inclusion::is_default")]
    pub inclusion: Inclusion,
}

/// What the last level holds of the lines that private caches have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Inclusion {
    /// All of them: each has a way with its data and its entry of the directory in one.
    #[default]
    Inclusive,
    /// Their entries in a directory (snoop filter) of their own; their data may be there or not. Evicting an entry
    /// takes the line back from the private caches, evicting data does not.
    NonInclusive {
        /// Lines that the directory of one slice can list; entries / ways is a power of two. Not less than L2 has
        /// lines.
        slice_directory_entries: u32,
        /// Associativity of the directory.
        directory_ways: u32,
    },
}

impl Inclusion {
    #[allow(clippy::trivially_copy_pass_by_ref)] // The serializer wants a reference.
    fn is_default(&self) -> bool {
        *self == Inclusion::Inclusive
    }
}

/// Coherence protocol, a table of cache-model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Protocol {
    /// Modified, shared, invalid, with a directory: a first reader becomes a sharer.
    Msi,
    /// Modified, exclusive, shared, invalid, with a directory.
    Mesi,
    /// Mesi, and the last reader of a clean line answers the next one.
    Mesif,
    /// Mesi, and a written line can be shared without being written back.
    Moesi,
    /// Msi without a directory: requests are broadcast on a bus, which must be the interconnect.
    SnoopingMsi,
    /// Mesi without a directory: requests are broadcast on a bus, which must be the interconnect.
    SnoopingMesi,
}

impl Protocol {
    /// Every request is observed by every cache; there is no directory.
    #[must_use]
    pub const fn snoops(self) -> bool {
        matches!(self, Protocol::SnoopingMsi | Protocol::SnoopingMesi)
    }
}

/// What a private cache does when a shared copy goes. Copies that the home counts on (exclusive, modified,
/// owned, forward) are always announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SharedEvictions {
    /// It tells the home, whose list of sharers stays exact.
    #[default]
    Announced,
    /// It tells nobody; the home goes on listing it.
    Silent,
}

/// Which memory node a line belongs to. The nodes are the parts of a `Joined` interconnect that have cores, counted
/// from 0; a machine of another shape is one node. A line's home slice and memory controller are its node's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Numa {
    /// Nobody's: homes are hashed over the slices of all parts.
    #[default]
    Hashed,
    /// Per-CPU objects belong to the node of their CPU, all others to this one.
    Node(u32),
    /// Per-CPU objects belong to the node of their CPU; the 4 KiB pages of all others take turns.
    Interleaved,
}

impl Numa {
    #[allow(clippy::trivially_copy_pass_by_ref)] // The serializer wants a reference.
    fn is_default(&self) -> bool {
        *self == Numa::Hashed
    }
}

impl SharedEvictions {
    #[allow(clippy::trivially_copy_pass_by_ref)] // The serializer wants a reference.
    fn is_default(&self) -> bool {
        *self == SharedEvictions::Announced
    }
}

/// What a private cache with a shared copy asks for when its core writes. A cache that answers readers (forward,
/// owned) always gets the permission alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Upgrades {
    /// The line, as if it had none: the answer carries data that it has.
    #[default]
    WithData,
    /// The permission to write; the answer carries no data.
    Dataless,
}

impl Upgrades {
    #[allow(clippy::trivially_copy_pass_by_ref)] // The serializer wants a reference.
    fn is_default(&self) -> bool {
        *self == Upgrades::WithData
    }
}

/// Where a read-modify-write that is no compare-and-swap is executed. A compare-and-swap is always executed by the
/// core's own cache, as is any that finds the line there, owned by nobody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Atomics {
    /// By the core's own cache, which gets the line first.
    #[default]
    Near,
    /// By the line's home, which takes back all copies first and answers with the old value.
    Far,
}

impl Atomics {
    #[allow(clippy::trivially_copy_pass_by_ref)] // The serializer wants a reference.
    fn is_default(&self) -> bool {
        *self == Atomics::Near
    }
}

impl Machine {
    /// Name of the protocol's tables in cache-model: the base, and each variant that is chosen behind a hyphen.
    #[must_use]
    pub fn protocol_tables(&self) -> String {
        let base = match self.protocol {
            // Shared copies go silently in any case, and no variant is accepted.
            Protocol::SnoopingMsi => return "snoop-msi".to_owned(),
            Protocol::SnoopingMesi => return "snoop-mesi".to_owned(),
            Protocol::Msi => "msi",
            Protocol::Mesi => "mesi",
            Protocol::Mesif => "mesif",
            Protocol::Moesi => "moesi",
        };
        let variants = [
            (self.shared_evictions == SharedEvictions::Silent, "-silent"),
            (self.upgrades == Upgrades::Dataless, "-upgrade"),
            (self.llc.inclusion != Inclusion::Inclusive, "-noninclusive"),
            (self.atomics == Atomics::Far, "-far"),
        ];
        variants.iter().filter(|(chosen, _)| *chosen).fold(base.to_owned(), |name, (_, variant)| name + variant)
    }
}

/// Main memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// From the beginning of a read to its answer leaving the controller; at least one cycle.
    pub latency: Span,
    /// Between the beginnings of two accesses at one controller, which take turns in order of
    /// arrival; zero is no limit.
    #[serde(default = "no_time")]
    pub interval: Span,
}

const fn no_time() -> Span {
    Span::ZERO
}

/// What taking an interrupt costs a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterruptCosts {
    /// From taking an NMI to its handler's first micro-op.
    pub nmi_entry: Span,
    /// From the handler's last micro-op to the interrupted context's next.
    pub nmi_exit: Span,
    /// The same for a maskable interrupt.
    pub irq_entry: Span,
    /// The same for a maskable interrupt.
    pub irq_exit: Span,
    /// From a source firing to the core seeing the interrupt as pending.
    pub delivery: Span,
    /// From a core's sending an interrupt to its receiver's seeing it as pending; at least one cycle. 1 us unless
    /// given, and then not written out: I18 has 1-3 us on bare metal, from send to handler, a weak source.
    #[serde(default = "ipi", skip_serializing_if = "is_ipi")]
    pub ipi: Span,
    /// As `nmi_entry` for a soft interrupt, which is a call on the way out of a handler; 50 cycles unless given, and
    /// then not written out (assumed).
    #[serde(default = "soft", skip_serializing_if = "is_soft")]
    pub softirq_entry: Span,
    /// As `nmi_exit` for a soft interrupt; 50 cycles unless given, and then not written out (assumed).
    #[serde(default = "soft", skip_serializing_if = "is_soft")]
    pub softirq_exit: Span,
}

const fn ipi() -> Span {
    Span::Picos(1_000_000)
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The serializer wants a reference.
fn is_ipi(span: &Span) -> bool {
    *span == ipi()
}

const fn soft() -> Span {
    Span::Cycles(50)
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The serializer wants a reference.
fn is_soft(span: &Span) -> bool {
    *span == soft()
}

/// How a file names its machine. In an [`crate::Experiment`] the preset is already filled in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum MachineChoice {
    /// An embedded machine by name.
    Preset(String),
    /// A machine written out.
    Inline(Box<Machine>),
}

/// Serde of an experiment's `machine` field: reads a choice, writes the machine inline.
pub(crate) mod choice {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Machine, MachineChoice};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Machine, D::Error> {
        match MachineChoice::deserialize(from)? {
            MachineChoice::Inline(machine) => Ok(*machine),
            MachineChoice::Preset(name) => crate::presets::machine(&name).map_err(D::Error::custom),
        }
    }

    pub(crate) fn serialize<S: Serializer>(machine: &Machine, to: S) -> Result<S::Ok, S::Error> {
        MachineChoice::Inline(Box::new(machine.clone())).serialize(to)
    }
}
