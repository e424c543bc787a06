// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a sweep's file says, before anything is worked out.

use serde::Deserialize;

use super::axis::Axis;
use crate::schema::Seeds;

/// A sweep as its file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepFile {
    /// One line for headings.
    pub title: String,
    /// The question it answers.
    pub question: String,
    /// The experiment that is varied: a preset's name, or a path from this file's folder.
    pub base: String,
    /// Changes that all points have.
    #[serde(default)]
    pub set: Vec<Set>,
    /// The stages that are run; all unless given.
    #[serde(default)]
    pub stages: Vec<String>,
    /// What is varied.
    pub axes: Vec<Axis>,
    /// Conditions that a point has to fulfil, see the module's page.
    #[serde(default)]
    pub only_if: Vec<String>,
    /// Seeds of every point; the base's unless given.
    #[serde(default)]
    pub seeds: Option<Seeds>,
    /// More seeds where results scatter.
    #[serde(default)]
    pub adaptive: Option<Adaptive>,
    /// When to give up on a run.
    #[serde(default)]
    pub limits: SweepLimits,
}

/// A change of one field.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Path of the field.
    pub field: String,
    /// Its value, in RON.
    pub value: Box<ron::value::RawValue>,
}

/// More seeds, until the interval of a metric is narrow enough. Each stage of each point is looked at on its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adaptive {
    /// A column of the results.
    pub metric: String,
    /// The half width of the 95 % interval of its mean that is wanted.
    pub half_width: Width,
    /// At most so many seeds, 2 to 1,000,000.
    pub seeds_max: u64,
}

/// How narrow an interval has to be.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Width {
    /// A share of the mean, above 0.
    Relative(f64),
    /// In the unit of the metric, above 0.
    Absolute(f64),
}

/// When to give up on a run of a sweep; never unless given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SweepLimits {
    /// Micro-ops retired, all cores together. Looked at every 50 million cycles of simulated time, so a run is broken off at the same instant on
    /// every host; one that has come to rest before is kept.
    pub micro_ops: Option<u64>,
    /// Seconds of the host's clock, looked at as often. Whether a run reaches it depends on the host, so what it gives is no result:
    /// the run is made again by the next start.
    pub seconds: Option<u64>,
}
