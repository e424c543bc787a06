// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim test-memory`.

use std::sync::Arc;

use cache_model::protocol::{SNOOPING, Tables};
use cache_model::tester::{FAULTS, Failure as Found, Fault, INTERCONNECTS, Reached, Setup, Shape, Sizes, patience};
use clap::Args;
use rayon::prelude::*;
use rqsim::plan::{InputError, memory_of, near};

use super::flags::Seeds;
use super::{Failure, output};

/// Arguments of `sim test-memory`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Only this protocol: msi, mesi, mesif, moesi, .. [default: all].
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<String>,
    /// Only this interconnect: ring, one-way-ring, bus, crossbar, mesh, torus, joined; or a machine preset, of
    /// which network and latencies are taken [default: all but presets].
    #[arg(long, value_name = "SHAPE|MACHINE")]
    interconnect: Option<String>,
    /// Cores [default: 2, 3, 4 or 8, by the seed].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cores: Option<u16>,
    /// Accesses of one run, all cores together.
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1..))]
    accesses: u32,
    /// Seeds from A to before B, or one seed; each is a machine and its accesses.
    #[arg(long, value_name = "A..B", default_value = "1..33")]
    seeds: Seeds,
    /// Break the protocol on purpose, to see it caught: dropped-inv-ack, stale-forward, hasty-store.
    #[arg(long, value_name = "FAULT")]
    inject: Option<String>,
}

/// The networks asked for, each with the name it was asked for by.
fn shapes(args: &TestArgs) -> Result<Vec<(String, Shape)>, Failure> {
    let cores = args.cores.map(usize::from);
    let named = |name: &'static str| (name.to_owned(), Shape::Named(name, cores));
    let Some(wanted) = &args.interconnect else { return Ok(INTERCONNECTS.into_iter().map(named).collect()) };
    if let Some(name) = INTERCONNECTS.into_iter().find(|n| n == wanted) {
        return Ok(vec![named(name)]);
    }
    let Ok(machine) = configs::presets::machine(wanted) else {
        let names = INTERCONNECTS.into_iter().chain(configs::presets::machine_names());
        let help = near(wanted, names, "interconnects and machines");
        return Err(InputError::text(&format!("there is no interconnect or machine \"{wanted}\""), &help).into());
    };
    if cores.is_some_and(|c| c != machine.cores as usize) {
        let what = format!("--cores does not fit the machine {wanted}, which has {}", machine.cores);
        return Err(InputError::text(&what, "leave it out, or name a shape such as `ring`").into());
    }
    let (params, topology) = memory_of(&machine)?;
    Ok(vec![(wanted.clone(), Shape::Machine(Box::new(params), Arc::new(topology)))])
}

fn protocols(args: &TestArgs) -> Result<Vec<&'static str>, Failure> {
    let all = || Tables::all().into_iter().map(|t| &*t.name).chain(SNOOPING);
    let Some(wanted) = &args.protocol else { return Ok(all().collect()) };
    match all().find(|p| p == wanted) {
        Some(p) => Ok(vec![p]),
        None => {
            let help = near(wanted, all(), "protocols");
            Err(InputError::text(&format!("there is no protocol \"{wanted}\""), &help).into())
        }
    }
}

pub(super) fn run(args: &TestArgs) -> Result<(), Failure> {
    let (protocols, shapes) = (protocols(args)?, shapes(args)?);
    let fault = match &args.inject {
        None => None,
        Some(name) => Some(Fault::by_name(name).ok_or_else(|| {
            let help = near(name, FAULTS.iter().map(|f| f.name), "faults");
            InputError::text(&format!("there is no fault \"{name}\""), &help)
        })?),
    };
    let mut failed = 0;
    for protocol in protocols {
        let tables = Tables::by_name(protocol).expect("it is listed");
        if fault.is_some() && tables.snooping {
            if args.protocol.is_none() {
                continue;
            }
            let what = format!("the faults are those of a directory, and {protocol} has none");
            return Err(InputError::text(&what, "leave --inject out, or choose a protocol with a directory").into());
        }
        let tables = fault.map_or(tables, |f| f.into_tables(tables));
        let snoops = |shape: &Shape| match shape {
            Shape::Named(name, _) => *name == "bus",
            Shape::Machine(_, topology) => topology.is_one_bus(),
        };
        let fitting: Vec<_> = shapes.iter().filter(|(_, shape)| !tables.snooping || snoops(shape)).collect();
        if fitting.is_empty() && args.protocol.is_some() {
            let what = format!("{protocol} needs a bus, and {} is none", shapes[0].0);
            return Err(InputError::text(&what, "`--interconnect bus`, or a protocol with a directory").into());
        }
        for (name, shape) in fitting {
            let seeds: Vec<u64> = args.seeds.0.clone().collect();
            let one = |seed| Setup::draw(tables, shape, Sizes::TINY, args.accesses, seed).run();
            let results: Vec<Result<Reached, Found>> = seeds.into_par_iter().map(one).collect();
            failed += usize::from(!report(args, protocol, name, &results)?);
        }
    }
    if failed == 0 { Ok(()) } else { Err(Failure::Found) }
}

/// Prints the line of a combination and its first failure; false if there is one.
fn report(args: &TestArgs, protocol: &str, name: &str, results: &[Result<Reached, Found>]) -> Result<bool, Failure> {
    let passed = || results.iter().flatten();
    let accesses: u64 = passed().map(|r| r.accesses).sum();
    let messages: u64 = passed().flat_map(|r| &r.traffic.by_class).map(|c| c.messages).sum();
    let evictions: u64 = passed().map(|r| r.evictions).sum();
    let mut failures = results.iter().filter_map(|r| r.as_ref().err());
    let count = failures.clone().count();
    let verdict = if count == 0 { "ok".to_owned() } else { format!("{count} FAILED") };
    output::fitted(&format!(
        "{protocol:<13} {name:<14} {:>6} seeds {accesses:>10} accesses {messages:>11} messages {evictions:>9} evictions  {verdict}\n",
        results.len(),
    ))?;
    let Some(f) = failures.next() else { return Ok(true) };
    let option = |name: &str, value: Option<String>| value.map_or_else(String::new, |v| format!(" --{name} {v}"));
    output::print(&format!("seed {}: {}\n{}", f.seed, f.what, f.history))?;
    output::print(&format!(
        "replay: sim test-memory --protocol {protocol} --interconnect {name}{} --accesses {} --seeds {}{}\n",
        option("cores", args.cores.map(|c| c.to_string())),
        args.accesses,
        f.seed,
        option("inject", args.inject.clone())
    ))?;
    if f.what.contains("got no answer") {
        output::say(&format!("a core without an answer for {} cycles or more counts as stuck", patience(1)));
    }
    Ok(false)
}
