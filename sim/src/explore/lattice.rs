// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every subset of the patches on both bases, and every other lock: the experiments, and the table of what holds.

use configs::{Base, Loaded, Named, Program, Stage};
use lock_impl::programs;
use sim_core::program::PatchInfo;

use super::{PROPERTIES, Property, Row};
use crate::plan::{InputError, bare_program, lock_source};

/// The experiment with a stage for each subset of the program's patches on each base, then once with each other built-in
/// lock program.
///
/// # Errors
/// A program that cannot be read or assembled.
pub fn lattice(loaded: &Loaded) -> Result<Vec<Loaded>, InputError> {
    let mut all = vec![Loaded { experiment: loaded.experiment.clone(), ..loaded.clone() }];
    all[0].experiment.stages = subsets(loaded)?;
    let own = match &loaded.experiment.lock.program {
        Program::Builtin(name) => name.clone(),
        Program::File(_) => String::new(),
    };
    for name in programs::names().filter(|n| **n != own) {
        let mut other = loaded.clone();
        let lock = &mut other.experiment.lock;
        lock.program = Program::Builtin(name.to_owned());
        lock.base = Base::V6_17;
        lock.options.clear();
        lock.params = Named::default();
        other.experiment.stages.truncate(1);
        let stage = &mut other.experiment.stages[0];
        *stage = Stage { name: name.to_owned(), patches: Vec::new(), base: None, options: Vec::new(), ..stage.clone() };
        stage.params = Named::default();
        all.push(other);
    }
    Ok(all)
}

/// The program's patches, those that are in the bases left out.
fn patches(loaded: &Loaded) -> Result<Vec<PatchInfo>, InputError> {
    let bare = bare_program(&lock_source(loaded)?)?;
    let in_base = |p: &PatchInfo| Base::BpfNext.patches().contains(&p.name.as_str());
    Ok(bare.patches.into_iter().filter(|p| !in_base(p)).collect())
}

fn subsets(loaded: &Loaded) -> Result<Vec<Stage>, InputError> {
    let patches = patches(loaded)?;
    let model = loaded.experiment.stages[0].clone();
    let mut stages = Vec::new();
    for base in [Base::V6_17, Base::BpfNext] {
        for subset in 0..1_u32 << patches.len() {
            let chosen: Vec<&PatchInfo> =
                patches.iter().enumerate().filter(|(i, _)| subset & (1 << i) != 0).map(|(_, p)| p).collect();
            let has = |n: &String| chosen.iter().any(|p| p.name == *n) || base.patches().contains(&n.as_str());
            if !chosen.iter().all(|p| p.needs.iter().all(has)) {
                continue;
            }
            let numbers: Vec<&str> = chosen.iter().map(|p| p.number.as_str()).collect();
            stages.push(Stage {
                name: format!("{} {}", base.name(), if numbers.is_empty() { "-".into() } else { numbers.join("") }),
                base: Some(base),
                patches: chosen.iter().map(|p| p.name.clone()).collect(),
                ..model.clone()
            });
        }
    }
    Ok(stages)
}

/// The table: a row per stage, a column per property. The last column, the time, differs from run to run.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let counted = rows.iter().any(|r| r.counted);
    let properties: Vec<Property> = PROPERTIES.into_iter().filter(|p| counted || *p != Property::Updates).collect();
    let mut out = String::from("| stage |");
    properties.iter().for_each(|p| out += &format!(" {} |", p.name()));
    out += " ETIMEDOUT by | states | steps | seconds |\n|---|";
    properties.iter().for_each(|_| out += "---|");
    out += "---|---:|---:|---:|\n";
    for r in rows {
        out += &format!("| {} |", r.stage);
        properties.iter().for_each(|p| out += &format!(" {} |", r.verdict(p.name())));
        let states = if r.is_complete() { r.states.to_string() } else { format!("{} ({})", r.visited, r.end) };
        out += &format!(" {} | {states} | {} | {:.1} |\n", r.told.join(", "), r.steps, r.seconds);
    }
    out
}
