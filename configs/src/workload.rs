// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the cores run: tasks and handlers as bodies of steps.
//!
//! A body is a list of [`Step`]s. It is translated into micro-ops of the same kind as the locks'; nothing
//! here knows a lock. Locks of one block are released in the reverse order, inside that block.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Span};

/// All ordinary threads of the experiment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// At most one task per core; a core without one sleeps and takes interrupts.
    pub tasks: Vec<Task>,
}

/// One body, run by each of the chosen cores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Which cores run it.
    pub on: Cpus,
    /// Steps from time zero on; after the last one the core sleeps.
    pub body: Vec<Step>,
}

/// A choice of cores, numbered from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Cpus {
    /// Every core.
    #[default]
    All,
    /// These, each once.
    Cpus(Vec<u32>),
    /// From `first` to `last`, both included.
    Range {
        /// Lowest core.
        first: u32,
        /// Highest core.
        last: u32,
    },
    /// `first`, `first + step`, `first + 2 * step` and so on, as far as there are cores; none if `first` is beyond the last.
    Stride {
        /// Lowest core.
        first: u32,
        /// Distance, at least 1.
        step: u32,
    },
}

impl Cpus {
    /// The chosen cores of a machine with `cores` cores, ascending; cores it does not have are left out.
    #[must_use]
    pub fn list(&self, cores: u32) -> Vec<u32> {
        let mut list: Vec<u32> = match self {
            Cpus::All => (0..cores).collect(),
            Cpus::Cpus(list) => list.iter().copied().filter(|&c| c < cores).collect(),
            Cpus::Range { first, last } => (*first..=*last).take_while(|&c| c < cores).collect(),
            Cpus::Stride { first, step } => (*first..cores).step_by((*step).max(1) as usize).collect(),
        };
        list.sort_unstable();
        list.dedup();
        list
    }
}

/// One step of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Step {
    /// Acquires the lock, runs `body`, releases it; if the attempt fails, runs `on_error` instead.
    Critical {
        /// Name of a lock instance.
        lock: String,
        /// Runs with the lock held.
        body: Vec<Step>,
        /// Runs without it, after a failed attempt.
        #[serde(default)]
        on_error: Vec<Step>,
    },
    /// Tries to acquire the lock and goes on whether or not that worked.
    Lock(String),
    /// Releases the lock if the matching [`Step::Lock`] got it, and does nothing otherwise.
    Unlock(String),
    /// Computes for so long: own cycles, which stop while an interrupt is served.
    Work(Dist),
    /// Waits for so long by the clock, which goes on while an interrupt is served.
    Delay(Dist),
    /// Reads 8 bytes of a payload: `"name"` is its first word, `"name.field"` the word of a field.
    Load(String),
    /// Writes 8 bytes of a payload, named as for [`Step::Load`].
    Store(String),
    /// Adds 1 to an 8-byte word of a payload, as one locked access.
    Add(String),
    /// Writes a number into an 8-byte word of a payload.
    Set {
        /// The word, named as for [`Step::Load`].
        word: String,
        /// What is written.
        value: u64,
    },
    /// Spins on an 8-byte word of a payload, with a pause between two looks, until it holds at least this.
    Await {
        /// The word, named as for [`Step::Load`].
        word: String,
        /// Goes on when the word is this or more.
        at_least: u64,
    },
    /// Sends an inter-processor interrupt whose source is `Sent`, once the core's own stores are in its cache.
    /// Cores that do not have the interrupt take no notice.
    Ipi {
        /// To whom.
        to: To,
        /// Name of the interrupt.
        interrupt: String,
    },
    /// Raises a soft interrupt of the own core. In handlers of maskable and soft interrupts only.
    Raise(String),
    /// Runs the steps with maskable interrupts off and puts the flag back as it was.
    IrqOff(Vec<Step>),
    /// In the handler of a maskable interrupt: lets interrupts of a higher priority in while the steps run.
    IrqOn(Vec<Step>),
    /// Runs `body` unless this core is inside a body with the same guard already, in whatever context; then it runs `on_busy`.
    /// A count per core and guard, as programs keep one against being entered again by an interrupt.
    Guarded {
        /// Name of the guard.
        guard: String,
        /// Runs with the guard taken.
        body: Vec<Step>,
        /// Runs instead where the guard is taken.
        #[serde(default)]
        on_busy: Vec<Step>,
    },
    /// Runs `body` so many times.
    Loop {
        /// At least 1.
        times: u64,
        /// What is repeated.
        body: Vec<Step>,
    },
    /// Repeats the steps until the run ends. The last step of its block; not in handlers.
    Forever(Vec<Step>),
    /// Sleeps until an interrupt has been taken and has returned. Not in handlers.
    Wait,
    /// Sleeps for good, taking interrupts. The last step of its block; not in handlers.
    Halt,
}

/// Receivers of an inter-processor interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum To {
    /// The core with this number, which may be the sender.
    Cpu(u32),
    /// Every core but the sender.
    Others,
    /// Every core.
    All,
}

/// A span that may be drawn at random, independently at each execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Dist {
    /// Always the same.
    Fixed(Span),
    /// Every number of cycles from the first to the second span, both included, equally likely.
    Uniform(Span, Span),
    /// Exponential with this mean.
    Exp(Span),
}

/// An object in memory that bodies read and write, aligned to a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Name for `Load` and `Store`.
    pub name: String,
    /// Size: a multiple of 8 bytes, at most 1 MiB.
    pub bytes: Bytes,
    /// Named 8-byte words in it and their offset, a multiple of 8 bytes.
    #[serde(default)]
    pub fields: crate::Named<Bytes>,
}

impl Payload {
    /// Byte offset of the word a `Load` or `Store` of `target` means, if `target` is in this payload.
    #[must_use]
    pub fn offset_of(&self, target: &str) -> Option<u64> {
        match target.strip_prefix(self.name.as_str())? {
            "" => Some(0),
            rest => self.fields.get(rest.strip_prefix('.')?).map(|b| b.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_give_ascending_cores() {
        assert_eq!(Cpus::All.list(3), [0, 1, 2]);
        assert_eq!(Cpus::Cpus(vec![2, 0, 2, 9]).list(3), [0, 2]);
        assert_eq!(Cpus::Range { first: 1, last: 2 }.list(8), [1, 2]);
        assert_eq!(Cpus::Range { first: 1, last: u32::MAX }.list(4), [1, 2, 3]);
        assert_eq!(Cpus::Stride { first: 2, step: 3 }.list(9), [2, 5, 8]);
        assert_eq!(Cpus::Stride { first: 0, step: 0 }.list(2), [0, 1]);
    }

    #[test]
    fn a_target_names_a_word() {
        let payload: Payload = ron::from_str(r#"(name: "a", bytes: "16B", fields: {"x": "8B"})"#).expect("valid");
        assert_eq!(payload.offset_of("a"), Some(0));
        assert_eq!(payload.offset_of("a.x"), Some(8));
        assert_eq!(payload.offset_of("a.y"), None);
        assert_eq!(payload.offset_of("ax"), None);
    }
}
