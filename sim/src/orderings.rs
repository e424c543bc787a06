// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of a lock in every order: from an experiment to one with a stage for each subset of its patches and parameters.

use configs::{Loaded, Named, Param, Stage};
use reports::orderings::{CHANGES_MAX, Change, Lattice, Subset};
use sim_core::asm;
use sim_core::program::Program;

use crate::plan::{InputError, bare_program, lock_source, near};

/// What is varied.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Patches by name or number; those of the experiment's stages if none.
    pub patches: Vec<String>,
    /// Parameters with another value, as `NAME=VALUE`.
    pub params: Vec<String>,
}

/// The subsets, and the experiment whose stages they are, in the same order.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The subsets.
    pub lattice: Lattice,
    /// The experiment.
    pub loaded: Loaded,
}

/// One change, with what it does to a stage.
struct Toggle {
    change: Change,
    patch: Option<String>,
    param: Option<(String, Param)>,
}

/// Makes a stage for each subset of the changes.
///
/// # Errors
/// A patch or parameter that does not exist, a value that is none, a patch that needs another one which is not varied, no
/// change at all or more than [`CHANGES_MAX`].
pub fn prepare(mut loaded: Loaded, wanted: &Wanted) -> Result<Prepared, InputError> {
    let bare = bare_program(&lock_source(&loaded)?)?;
    let mut toggles = patches(&loaded, &bare, &wanted.patches)?;
    for text in &wanted.params {
        let toggle = param(&bare, text)?;
        let name = |t: &Toggle| t.param.as_ref().map(|p| p.0.clone());
        if toggles.iter().any(|t| t.param.is_some() && name(t) == name(&toggle)) {
            return Err(InputError::text(
                &format!("--param {text}: the parameter has another value already"),
                "give each parameter one other value",
            ));
        }
        toggles.push(toggle);
    }
    if toggles.is_empty() {
        let help = "name patches in the experiment's stages or with --patches, or a parameter with --param";
        return Err(InputError::text("there is no change whose orders could be compared", help));
    }
    if toggles.len() > CHANGES_MAX {
        let what = format!("{} changes have {} subsets to run", toggles.len(), 1_u64 << toggles.len().min(63));
        return Err(InputError::text(&what, &format!("choose at most {CHANGES_MAX} with --patches")));
    }
    let lattice = Lattice::new(toggles.iter().map(|t| t.change.clone()).collect());
    loaded.experiment.stages = lattice.subsets().iter().map(|s| stage(&lattice, &toggles, *s)).collect();
    Ok(Prepared { lattice, loaded })
}

fn stage(lattice: &Lattice, toggles: &[Toggle], subset: Subset) -> Stage {
    let members = || lattice.members(subset).map(|i| &toggles[i]);
    Stage {
        name: lattice.name(subset),
        patches: members().filter_map(|t| t.patch.clone()).collect(),
        params: members().filter_map(|t| t.param.clone()).collect::<Named<Param>>(),
        base: None,
        options: Vec::new(),
        expect: configs::Expect::default(),
    }
}

fn patches(loaded: &Loaded, bare: &Program, wanted: &[String]) -> Result<Vec<Toggle>, InputError> {
    let e = &loaded.experiment;
    let in_base = |name: &str| e.lock.base.patches().contains(&name);
    let names: Vec<&String> = if wanted.is_empty() {
        let mut seen: Vec<&String> = Vec::new();
        for name in e.stages.iter().flat_map(|s| &s.patches) {
            if !seen.contains(&name) {
                seen.push(name);
            }
        }
        seen
    } else {
        wanted.iter().collect()
    };
    let mut infos = Vec::new();
    for name in names {
        let Some(info) = bare.patches.iter().find(|p| p.name == *name || p.number == *name) else {
            let list: Vec<String> = bare.patches.iter().map(|p| format!("{} {}", p.number, p.name)).collect();
            let meant = asm::near_name(name, bare.patches.iter().map(|p| p.name.as_str()));
            let meant = meant.map_or_else(String::new, |n| format!("did you mean `{n}`? "));
            let help = format!("{meant}patches, by number or name: {}", list.join(", "));
            return Err(InputError::text(&format!("the program has no patch \"{name}\""), &help));
        };
        if in_base(&info.name) {
            let what = format!("patch \"{}\" is part of base {} already", info.name, e.lock.base.name());
            return Err(InputError::text(&what, "leave it out, or choose the other base in the experiment"));
        }
        if infos.iter().any(|i: &&sim_core::program::PatchInfo| i.name == info.name) {
            return Err(InputError::text(&format!("patch \"{}\" is named twice", info.name), "name it once"));
        }
        infos.push(info);
    }
    let toggle = |info: &&sim_core::program::PatchInfo| {
        let place = |need: &String| infos.iter().position(|i| i.name == *need);
        let mut needs = Vec::new();
        for need in info.needs.iter().filter(|n| !in_base(n)) {
            let found = place(need).ok_or_else(|| {
                let what = format!("patch \"{}\" cannot be applied without \"{need}\"", info.name);
                InputError::text(&what, &format!("name \"{need}\" as well"))
            })?;
            needs.push(found);
        }
        let change = Change { name: format!("{}: {}", info.name, info.title), short: info.number.clone(), needs };
        Ok(Toggle { change, patch: Some(info.name.clone()), param: None })
    };
    infos.iter().map(toggle).collect()
}

fn param(bare: &Program, text: &str) -> Result<Toggle, InputError> {
    let Some((name, value)) = text.split_once('=') else {
        let help = "as in `--param check_interval=100us`";
        return Err(InputError::text(&format!("--param {text}: there is no `=`"), help));
    };
    if !bare.params.iter().any(|(p, _)| p == name) {
        let help = near(name, bare.params.iter().map(|(p, _)| p.as_str()), "parameters");
        return Err(InputError::text(&format!("the program has no parameter \"{name}\""), &help));
    }
    let value =
        value.parse().map_err(|e: String| InputError::text(&format!("--param {text}"), &e.replace('\n', "; ")))?;
    let change = Change { name: format!("parameter {text}"), short: text.to_owned(), needs: Vec::new() };
    Ok(Toggle { change, patch: None, param: Some((name.to_owned(), value)) })
}

/// An order given by the short names of its changes.
///
/// # Errors
/// A name that is no change, one that is missing or given twice, or a change before one that it needs.
pub fn order(lattice: &Lattice, text: &str) -> Result<Vec<usize>, InputError> {
    let changes = lattice.changes();
    let mut order = Vec::new();
    for name in text.split([',', '>']) {
        let Some(i) = changes.iter().position(|c| c.short == name) else {
            let help = near(name, changes.iter().map(|c| c.short.as_str()), "changes");
            return Err(InputError::text(&format!("--order {text}: there is no change \"{name}\""), &help));
        };
        if order.contains(&i) {
            return Err(InputError::text(&format!("--order {text}: {name} comes twice"), "name each change once"));
        }
        if let Some(&need) = changes[i].needs.iter().find(|n| !order.contains(n)) {
            let what = format!(
                "--order {text}: {name} comes before {}, without which it cannot be applied",
                changes[need].short
            );
            return Err(InputError::text(&what, &format!("put {} first", changes[need].short)));
        }
        order.push(i);
    }
    if let Some(left) = (0..changes.len()).find(|i| !order.contains(i)) {
        let what = format!("--order {text}: {} is missing", changes[left].short);
        return Err(InputError::text(&what, "an order has every change"));
    }
    Ok(order)
}
