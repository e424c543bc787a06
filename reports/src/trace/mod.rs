// SPDX-License-Identifier: MIT OR Apache-2.0
//! A window of one run, as plain data: what a trace file and a time line are made of.

mod perfetto;
#[cfg(test)]
mod tests;

pub use perfetto::encode;

use serde::{Deserialize, Serialize};

/// Where events are drawn: a context kind of a core, or its lines of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// The core.
    pub core: u32,
    /// What of it: `task`, `nmi`, `cache`.
    pub name: String,
}

/// A value beside an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

/// What happens on a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A slice begins, inside those that are open on its track.
    Begin,
    /// The slice that began last on its track ends.
    End,
    /// Something without a duration.
    Instant,
}

/// An arrow between two events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It begins here. Numbers are from 1 on and used once.
    From(u64),
    /// It ends here.
    To(u64),
}

/// An event of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, ns of simulated time.
    pub at_ns: u64,
    /// Index into [`Trace::tracks`].
    pub track: usize,
    /// What.
    pub what: What,
    /// Its kind: `attempt`, `hold`, `wait`, `handler`, ... Empty at an end.
    pub category: &'static str,
    /// Name. Empty at an end.
    pub name: String,
    /// More about it.
    pub args: Vec<(&'static str, Value)>,
    /// Arrows.
    pub flows: Vec<Flow>,
}

/// A number that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What is counted.
    pub name: String,
    /// In what.
    pub unit: &'static str,
    /// From when, ns, it has which value.
    pub points: Vec<(u64, u64)>,
}

/// What the lock makes a core do. Where several are true, the one that comes last here is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    /// No business with a lock.
    #[default]
    Other,
    /// An attempt that does not wait at the moment.
    Acquiring,
    /// Waits in the queue, not as its head.
    Queued,
    /// Waits as the pending waiter.
    Pending,
    /// Waits for the lock word itself: head of the queue, fallback, test-and-set, or a successor.
    Spinning,
    /// Holds a lock and waits for none.
    Holding,
}

impl Doing {
    /// What is business with a lock.
    pub const BUSINESS: [Doing; 5] = [Doing::Holding, Doing::Spinning, Doing::Pending, Doing::Queued, Doing::Acquiring];
}

/// What a core does for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<T> {
    /// The core.
    pub core: u32,
    /// Begin, ns.
    pub from_ns: u64,
    /// End, ns.
    pub to_ns: u64,
    /// What.
    pub what: T,
}

/// A window of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Name of the run.
    pub title: String,
    /// What was simulated, in words.
    pub setting: String,
    /// How many cores the machine has.
    pub cores: u32,
    /// Begin of the window, ns.
    pub from_ns: u64,
    /// End of the window, ns.
    pub to_ns: u64,
    /// An attempt is called stuck after this long, ns.
    pub stuck_after_ns: u64,
    /// Tracks, core by core.
    pub tracks: Vec<Track>,
    /// In order of time.
    pub events: Vec<Event>,
    /// Traffic.
    pub counters: Vec<Counter>,
    /// What cores do for locks; what is left out is [`Doing::Other`].
    pub doing: Vec<Span<Doing>>,
    /// When cores run handlers: true for NMIs.
    pub handlers: Vec<Span<bool>>,
    /// When cores are stuck.
    pub stuck: Vec<Span<()>>,
}
