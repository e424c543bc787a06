// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules of interrupt sources and of the timer tick.

use super::{Check, broken, cpus, finding, not_blank, not_zero, undeclared};
use crate::interrupts::{Interrupt, Law, Source, Tick, Vector};
use crate::schema::Experiment;
use crate::units::{Rate, Span};
use crate::workload::Cpus;

/// Checks one entry of `interrupts`.
pub(super) fn interrupt(e: &Experiment, x: &Interrupt, path: &str) -> Check {
    not_blank(&format!("{path}.name"), &x.name, "the name stands in every table")?;
    vector(x, path)?;
    if e.handlers.get(&x.handler).is_none() {
        return Err(undeclared(format!("{path}.handler"), "handler", &x.handler, e.handlers.names()));
    }
    cpus(e, &x.on, &format!("{path}.on"))?;
    source(e, &x.source, &format!("{path}.source"))
}

fn vector(x: &Interrupt, path: &str) -> Check {
    match x.vector {
        Vector::Irq { priority } if !(1..=15).contains(&priority) => {
            Err(broken(format!("{path}.vector.priority"), priority, "must be 1 to 15", "15 is the highest"))
        }
        Vector::Softirq if x.source != Source::Sent => {
            let message = format!("{path}: a soft interrupt comes only when a handler raises it");
            let help = "write `source: Sent`, and Raise(..) in the handler of a maskable interrupt";
            Err(finding(format!("{path}.source"), message, "not Sent", help))
        }
        Vector::Softirq if x.on != Cpus::All => {
            let message = format!("{path}: every core that may raise a soft interrupt must have it");
            Err(finding(format!("{path}.on"), message, "not All", "leave `on` out"))
        }
        _ => Ok(()),
    }
}

fn positive(rate: Rate, path: &str, help: &str) -> Check {
    if rate.millihertz() > 0 {
        return Ok(());
    }
    Err(broken(path, format_args!("\"{rate}\""), "must be more than zero", help))
}

fn source(e: &Experiment, source: &Source, path: &str) -> Check {
    const UNWANTED: &str = "leave the interrupt out if it is never to come";
    let khz = e.machine.clock.khz();
    let jitter_below = |jitter: Span, period_cycles: u64| {
        if jitter.cycles(khz) < period_cycles {
            return Ok(());
        }
        let rule = format!("must be less than the period, {period_cycles} cycles");
        Err(broken(format!("{path}.jitter"), format_args!("\"{jitter}\""), &rule, ""))
    };
    let rate_path = format!("{path}.rate");
    match source {
        Source::Overflow { period, jitter, .. } => {
            not_zero(&format!("{path}.period"), *period)?;
            jitter_below(*jitter, period.cycles(khz))
        }
        Source::Frequency { rate, initial, .. } => {
            positive(*rate, &rate_path, UNWANTED)?;
            not_zero(&format!("{path}.initial"), *initial)
        }
        Source::Periodic { rate, jitter, .. } => {
            positive(*rate, &rate_path, UNWANTED)?;
            jitter_below(*jitter, rate.period_cycles(khz))
        }
        Source::Poisson { rate } => positive(*rate, &rate_path, UNWANTED),
        Source::Burst { n, spacing, rate, law, .. } => {
            if *n == 0 {
                return Err(broken(format!("{path}.n"), 0, "a burst has at least 1 arrival", ""));
            }
            if spacing.cycles(khz) == 0 {
                let rule = "must be at least one cycle";
                return Err(broken(format!("{path}.spacing"), format_args!("\"{spacing}\""), rule, ""));
            }
            positive(*rate, &rate_path, UNWANTED)?;
            let period = rate.period_cycles(khz);
            let lasts = spacing.cycles(khz).saturating_mul(n - 1);
            if *law == Law::Periodic && lasts >= period {
                let rule = format!("a burst lasts {lasts} cycles, which must be less than the period, {period} cycles");
                let help = "lower the rate, or take Poisson, whose bursts may overlap";
                return Err(broken(rate_path, format_args!("\"{rate}\""), &rule, help));
            }
            Ok(())
        }
        Source::Trace { file, .. } => not_blank(&format!("{path}.file"), file, "name a CSV file: time_ns,cpu,source"),
        Source::Sent => Ok(()),
        Source::Directed { label, nth, .. } => {
            not_blank(&format!("{path}.label"), label, "name a label of the program: procedure.label")?;
            if *nth == 0 {
                return Err(broken(format!("{path}.nth"), 0, "arrivals are counted from 1", ""));
            }
            Ok(())
        }
    }
}

/// Checks the timer tick, its body left out.
pub(super) fn tick(e: &Experiment, tick: &Tick) -> Check {
    positive(tick.rate, "tick.rate", "leave `tick` out for a machine without a tick")?;
    let cores = e.machine.cores;
    if tick.timekeeper >= cores {
        let rule = format!("the machine has cores 0 to {}", cores - 1);
        return Err(broken("tick.timekeeper", tick.timekeeper, &rule, ""));
    }
    Ok(())
}
