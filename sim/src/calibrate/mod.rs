// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim calibrate`: small programs on a simulated machine, beside what is published of the hardware.
//!
//! The programs are texts in `sim/programs/calibrate`. They know nothing but loads, stores and atomics, and
//! what is measured is read from the notes they make, in cycles. Averages are the only numbers with a
//! fraction; they come after the simulation and go to tables alone.

mod bench;
mod chase;
mod costs;
mod report;
mod threads;

use configs::{Figure, Machine, Quantity, Unit};
use rayon::prelude::*;

use crate::plan::InputError;
pub use bench::Bench;
pub use chase::CurvePoint;
pub use report::{Row, csv, described, figures, not_measured, rows_of, table};
pub use threads::{Pair, Scaling, scaling};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Pairs of cores within a node and pairs across nodes, at most so many each; `None` is all.
    pub pairs: Option<usize>,
    /// The curve ends at this many bytes at the latest.
    pub curve_bytes_max: u64,
    /// Only every so many thread counts, beside the first ones and all cores.
    pub few_threads: bool,
}

impl Scope {
    /// Everything.
    pub const FULL: Scope = Scope { pairs: None, curve_bytes_max: 64 << 20, few_threads: false };
    /// Samples: the same table, with fewer pairs, thread counts and sizes behind it.
    pub const QUICK: Scope = Scope { pairs: Some(120), curve_bytes_max: 8 << 20, few_threads: true };
}

/// Lowest, mean and highest of some measurements, in cycles (or things counted).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Lowest.
    pub min: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Highest.
    pub max: f64,
}

impl Spread {
    /// Of these; `None` if there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Spread> {
        let min = values.iter().copied().reduce(f64::min)?;
        let max = values.iter().copied().reduce(f64::max)?;
        Some(Spread { min, mean: values.iter().sum::<f64>() / values.len() as f64, max })
    }

    fn one(value: f64) -> Spread {
        Spread { min: value, mean: value, max: value }
    }
}

/// What was measured of a machine.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The machine's name.
    pub machine: String,
    /// Its clock.
    pub khz: u64,
    /// Its cores.
    pub cores: usize,
    /// The quantities, in the order of [`Quantity::ALL`]; a machine of one node lacks some.
    pub quantities: Vec<(Quantity, Spread)>,
    /// Latency by working set.
    pub curve: Vec<CurvePoint>,
    /// Ping-pong by pair of cores, the lower number first, in order.
    pub pairs: Vec<Pair>,
    /// Atomics by number of threads.
    pub scaling: Vec<Scaling>,
    /// What is published.
    pub published: Vec<Figure>,
}

impl Calibration {
    /// Nanoseconds of some cycles.
    #[must_use]
    pub fn nanos(&self, cycles: f64) -> f64 {
        cycles * 1e6 / self.khz as f64
    }

    /// A measurement in the unit asked for.
    #[must_use]
    pub fn in_unit(&self, cycles: f64, unit: Unit) -> f64 {
        match unit {
            Unit::Cycles | Unit::Entries => cycles,
            Unit::Nanos => self.nanos(cycles),
        }
    }

    /// A quantity.
    #[must_use]
    pub fn get(&self, quantity: Quantity) -> Option<Spread> {
        self.quantities.iter().find(|q| q.0 == quantity).map(|q| q.1)
    }
}

/// Measures a machine. `tick` is called whenever one of the parts that [`parts`] counts is done.
///
/// # Errors
/// A network that cannot be used, or a run that did not come to its end.
pub fn calibrate(
    machine: &Machine,
    published: &[Figure],
    scope: Scope,
    tick: &(dyn Fn() + Sync),
) -> Result<Calibration, InputError> {
    let bench = Bench::new(machine)?;
    let failed = |e: String| {
        let help = "`sim calibrate skylake-ring-8 --quick` shows one that works";
        InputError::text(&format!("calibrating {}: {e}", machine.name), help)
    };
    let all = measure(&bench, scope, tick).map_err(failed)?;
    let (mut quantities, curve, pairs, scaling) = all;
    quantities.sort_by_key(|q| q.0);
    Ok(Calibration {
        machine: machine.name.clone(),
        khz: machine.clock.khz(),
        cores: machine.cores as usize,
        quantities,
        curve,
        pairs,
        scaling,
        published: published.to_vec(),
    })
}

/// Parts of a calibration, for progress.
#[must_use]
pub fn parts(machine: &Machine, scope: Scope) -> usize {
    let cores = machine.cores as usize;
    threads::pairs(machine, scope).len()
        + chase::sizes(machine, scope).len()
        + threads::counts(cores, scope).len()
        + cores.min(machine.interconnect.nodes(machine.cores)[0].1 as usize)
}

/// Ping-pong alone, of the pairs in scope.
///
/// # Errors
/// A run that did not come to its end.
pub fn ping_pong(bench: &Bench, scope: Scope, tick: &(dyn Fn() + Sync)) -> Result<Vec<Pair>, String> {
    let pairs = threads::pairs(bench.machine(), scope);
    pairs.into_par_iter().map(|(a, b)| threads::ping_pong(bench, a, b).inspect(|_| tick())).collect()
}

type Measured = (Vec<(Quantity, Spread)>, Vec<CurvePoint>, Vec<Pair>, Vec<Scaling>);

fn measure(bench: &Bench, scope: Scope, tick: &(dyn Fn() + Sync)) -> Result<Measured, String> {
    let m = bench.machine();
    let pairs = ping_pong(bench, scope, tick)?;
    let scaling: Vec<Scaling> = threads::counts(bench.cores(), scope)
        .into_par_iter()
        .map(|n| threads::scaling(bench, n).inspect(|_| tick()))
        .collect::<Result<_, _>>()?;
    let curve: Vec<CurvePoint> = chase::sizes(m, scope)
        .into_par_iter()
        .map(|bytes| chase::curve_point(bench, bytes).inspect(|_| tick()))
        .collect::<Result<_, _>>()?;
    let mut quantities = chase::quantities(bench, tick)?;
    quantities.extend(costs::quantities(bench)?);
    quantities.extend(threads::quantities(&pairs, &scaling));
    Ok((quantities, curve, pairs, scaling))
}
