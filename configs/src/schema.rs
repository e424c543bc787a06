// SPDX-License-Identifier: MIT OR Apache-2.0
//! The experiment: one machine, one lock with the stages of its patch series, one workload.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::interrupts::{Interrupt, Tick};
use crate::machine::{Machine, choice};
use crate::named::Named;
use crate::near::suggestion;
use crate::quantity::Quantity;
use crate::units::Span;
use crate::workload::{Payload, Step, Workload};

/// A whole experiment, as a file describes it, with the machine filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// One line for headings.
    pub title: String,
    /// The question it answers.
    pub question: String,
    /// The machine. A file writes `Preset("name")` or `Inline(..)`.
    #[serde(with = "choice")]
    pub machine: Machine,
    /// The lock algorithm.
    pub lock: LockProgram,
    /// Steps of the patch series to compare; every stage is run with every seed.
    pub stages: Vec<Stage>,
    /// Names of the lock instances; each is an object of its own.
    pub locks: Vec<String>,
    /// Objects the bodies read and write.
    #[serde(default)]
    pub payload: Vec<Payload>,
    /// What ordinary threads do.
    pub workload: Workload,
    /// What interrupts do, by name.
    #[serde(default)]
    pub handlers: Named<Vec<Step>>,
    /// Interrupt sources.
    #[serde(default)]
    pub interrupts: Vec<Interrupt>,
    /// The timer tick; none unless given, and then not written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick: Option<Tick>,
    /// What runs at the hooks of the lock's program, by name of the hook, in the context that passes it; a core that runs
    /// a hook's body does not start the same one again. A hook without a body costs nothing.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub hooks: Named<Vec<Step>>,
    /// Simulated time of one run.
    pub duration: Span,
    /// One run per stage and seed.
    pub seeds: Seeds,
    /// What to measure.
    #[serde(default)]
    pub measure: Measure,
    /// When to give up.
    #[serde(default)]
    pub limits: Limits,
}

/// Which lock algorithm, in which form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockProgram {
    /// The program text.
    pub program: Program,
    /// Which kernel the series is applied to.
    #[serde(default)]
    pub base: Base,
    /// Sections of the program that are switched on in every stage, by name.
    #[serde(default)]
    pub options: Vec<String>,
    /// Values of the program's parameters that differ from its defaults.
    #[serde(default)]
    pub params: Named<Param>,
}

/// Where a lock program comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Program {
    /// One of the embedded programs, by name.
    Builtin(String),
    /// A file; a relative path starts at the experiment file's folder, see [`crate::Loaded::program_path`].
    File(String),
}

/// What the patch series is applied to. Written as `"6.17"` or `"bpf-next"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Base {
    /// Linux 6.17, which the reporter ran.
    #[default]
    V6_17,
    /// The series' own base, which has patch Q already.
    BpfNext,
}

impl Base {
    const ALL: [Base; 2] = [Base::V6_17, Base::BpfNext];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Base::V6_17 => "6.17",
            Base::BpfNext => "bpf-next",
        }
    }

    /// Patch sections that this base already contains.
    #[must_use]
    pub const fn patches(self) -> &'static [&'static str] {
        match self {
            Base::V6_17 => &[],
            Base::BpfNext => &["keep_queue"],
        }
    }
}

impl Serialize for Base {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Base {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Base::ALL.into_iter().find(|b| b.name() == name).ok_or_else(|| {
            let help = suggestion(&name, "bases", Base::ALL.map(Base::name));
            de::Error::custom(format!("there is no base \"{name}\"\n{help}"))
        })
    }
}

/// Value of a program parameter: a span such as `"5ms"`, or a whole number for a count.
///
/// Which of the two a parameter takes is known only to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// A time or a number of cycles.
    Span(Span),
    /// A count; it has no unit.
    Count(u64),
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Param::Span(span) => span.serialize(serializer),
            Param::Count(n) => serializer.serialize_u64(*n),
        }
    }
}

/// As in a file, without the quotes: `5ms`, or `512` for a count.
impl std::str::FromStr for Param {
    type Err = String;

    fn from_str(text: &str) -> Result<Param, String> {
        text.parse().map(Param::Count).or_else(|_| Span::from_text(text).map(Param::Span))
    }
}

struct ParamVisitor;

impl de::Visitor<'_> for ParamVisitor {
    type Value = Param;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span in quotes such as \"5ms\", or a whole number for a count")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Param, E> {
        Span::from_text(text).map(Param::Span).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Param, E> {
        Ok(Param::Count(n))
    }
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParamVisitor)
    }
}

/// One state of the program: which patches are applied, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Name for tables, such as `"+1-3"`.
    pub name: String,
    /// Patches by their names in the program; those of [`Base::patches`] come on top.
    pub patches: Vec<String>,
    /// What they are applied to; [`LockProgram::base`] unless given, and then not written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// Options of the program beside [`LockProgram::options`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Values of parameters that differ from [`LockProgram::params`].
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub params: Named<Param>,
    /// How its runs have to end; [`Expect::Ok`] unless given, and then not written out.
    #[serde(default, skip_serializing_if = "Expect::is_ok")]
    pub expect: Expect,
}

impl Experiment {
    /// What the patches of a stage are applied to.
    #[must_use]
    pub fn base_of(&self, stage: &Stage) -> Base {
        stage.base.unwrap_or(self.lock.base)
    }
}

/// How a run has to end. One that ends otherwise fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Expect {
    /// Every attempt returns, and everything comes to rest.
    #[default]
    Ok,
    /// Some context never goes on: the stage is there to show it.
    Hang,
    /// An invariant is broken, such as an entry left behind: the stage is there to show it.
    Violation,
}

impl Expect {
    #[allow(clippy::trivially_copy_pass_by_ref)] // As serde wants it.
    fn is_ok(&self) -> bool {
        *self == Expect::Ok
    }
}

/// The seeds of the runs. Written `List([1, 2, 3])` or `Count(first: 1, n: 4)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Seeds {
    /// These.
    List(Vec<u64>),
    /// `n` seeds that follow each other.
    Count {
        /// The first one.
        first: u64,
        /// How many, 1 to 1,000,000.
        n: u64,
    },
}

impl Seeds {
    /// The seeds in the order given.
    #[must_use]
    pub fn list(&self) -> Vec<u64> {
        match self {
            Seeds::List(list) => list.clone(),
            Seeds::Count { first, n } => (*first..first.saturating_add(*n)).collect(),
        }
    }
}

/// What to measure beyond what is always measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Measure {
    /// A core counts as stuck when it has waited this long; 1 ms unless given.
    pub stuck_threshold: Span,
    /// Also by whom traffic is caused (field, program line, context), who shares lines falsely, and
    /// how busy links are. Off unless given; `sim run --attribution` switches it on.
    #[serde(skip_serializing_if = "is_off")]
    pub attribution: bool,
}

/// Left out of expanded experiments when off.
#[allow(clippy::trivially_copy_pass_by_ref)] // As serde wants it.
fn is_off(on: &bool) -> bool {
    !*on
}

impl Default for Measure {
    fn default() -> Self {
        Measure { stuck_threshold: Span::Picos(1_000_000_000), attribution: false }
    }
}

/// When to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Simulated time after `duration` in which everything must have come to rest; 5 s unless given.
    pub quiesce: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { quiesce: Span::Picos(5_000_000_000_000) }
    }
}
