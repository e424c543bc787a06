// SPDX-License-Identifier: MIT OR Apache-2.0
//! Published figures of a machine, and finding a machine with them by name or path.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{ConfigError, Says};
use crate::machine::Machine;
use crate::near::suggestion;
use crate::parse::{error_at, from_ron, load};
use crate::presets::{self, Origin, machine_names};
use crate::scan::Scan;
use crate::validate;

/// Figures published of a machine, in a file beside the machine's: `NAME.published.ron`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The figures; of one quantity there can be several, of different sources.
    pub figures: Vec<Figure>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What was measured.
    pub quantity: Quantity,
    /// How much; more than zero.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
    /// What it is for.
    pub kind: Kind,
    /// Row of `machines/SOURCES.md`.
    pub row: String,
    /// Hardware and source, in words.
    pub source: String,
}

/// Unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Unit {
    /// Core clock cycles; the hardware's clock may differ from the machine's.
    Cycles,
    /// Nanoseconds.
    Nanos,
    /// Things counted.
    Entries,
}

impl Unit {
    /// As tables write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Cycles => "c",
            Unit::Nanos => "ns",
            Unit::Entries => "entries",
        }
    }
}

/// What a figure is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Kind {
    /// A number of the machine was fitted to it.
    Target,
    /// A number of the machine is this figure, or was derived from it by a sum: an error says that the model adds
    /// up otherwise.
    Given,
    /// Nothing was fitted to it.
    Check,
}

impl Kind {
    /// As tables write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Target => "target",
            Kind::Given => "given",
            Kind::Check => "check",
        }
    }
}

macro_rules! quantities {
    ($($(#[$m:meta])* $v:ident = $text:literal, $unit:ident;)*) => {
        /// What `sim calibrate` measures. Latencies are load to use, averages if nothing else is said.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub enum Quantity { $($(#[$m])* $v,)* }
        impl Quantity {
            /// All of them, in the order of tables.
            pub const ALL: &'static [Quantity] = &[$(Quantity::$v,)*];
            /// In words.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Quantity::$v => $text,)* } }
            /// Its unit if no figure asks for another.
            #[must_use]
            pub const fn unit(self) -> Unit { match self { $(Quantity::$v => Unit::$unit,)* } }
        }
    };
}

quantities! {
    /// First-level hit.
    LoadL1 = "load, first level", Cycles;
    /// Second-level hit.
    LoadL2 = "load, second level", Cycles;
    /// Last-level hit, over all cores and slices of a memory node.
    LoadLlc = "load, last level, mean of slices", Cycles;
    /// Last-level hit of core 0 in the slice nearest to it.
    LoadLlcNear = "load, last level, nearest slice", Cycles;
    /// Last-level hit of core 0 in the slice of its node farthest from it.
    LoadLlcFar = "load, last level, farthest slice", Cycles;
    /// Last-level hit in another memory node.
    LoadLlcOtherNode = "load, last level of another node", Cycles;
    /// A line that is modified in another core's cache, same node.
    LoadModified = "load, modified in another core", Cycles;
    /// The same, the other core and the line's home being in another node.
    LoadModifiedOtherNode = "load, modified in another node", Cycles;
    /// Miss everywhere.
    LoadMemory = "load, memory", Nanos;
    /// Miss everywhere, the line's home being in another node.
    LoadMemoryOtherNode = "load, memory of another node", Nanos;
    /// Compare-and-swap ping-pong between cores of one node, one way.
    PingPong = "ping-pong, one way", Nanos;
    /// The same between cores of different nodes.
    PingPongOtherNode = "ping-pong, one way, other node", Nanos;
    /// Locked add on an owned line, one after the other.
    LockedAdd = "locked add, back to back", Cycles;
    /// Each adding what the one before it returned.
    LockedAddDependent = "locked add, dependent", Cycles;
    /// Exchange on an owned line, back to back.
    Exchange = "exchange, back to back", Cycles;
    /// Successful compare-and-swap on an owned line, back to back.
    CompareAndSwap = "compare-and-swap, back to back", Cycles;
    /// Add to memory without lock, each needing the one before it.
    PlainAdd = "plain add to memory, dependent", Cycles;
    /// Store, and a load of the same word.
    StoreThenLoad = "store and load of it", Cycles;
    /// Full fence with an empty store buffer.
    Fence = "full fence", Cycles;
    /// Spin-wait hint.
    Pause = "spin-wait hint", Cycles;
    /// Reading the clock in nanoseconds.
    ClockRead = "clock read", Cycles;
    /// Stores issued before the core has to wait.
    StoreBuffer = "store buffer", Entries;
    /// Fetch-and-add by one thread.
    FetchAddAlone = "fetch-and-add, one thread", Nanos;
    /// Two threads on one line: per operation of each.
    FetchAddTwo = "fetch-and-add, two threads, each", Nanos;
    /// Two threads on one line: per operation overall.
    FetchAddTwoOverall = "fetch-and-add, two threads, overall", Nanos;
    /// All cores on one line: per operation overall.
    FetchAddAllOverall = "fetch-and-add, all cores, overall", Nanos;
    /// Load and compare-and-swap until it succeeds, by one thread.
    CasLoopAlone = "compare-and-swap loop, one thread", Nanos;
    /// Two threads on one line: per success overall.
    CasLoopTwoOverall = "compare-and-swap loop, two threads, overall", Nanos;
    /// All cores on one line: per success overall.
    CasLoopAllOverall = "compare-and-swap loop, all cores, overall", Nanos;
}

/// A machine with what is published of it.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// The machine, checked.
    pub machine: Machine,
    /// Its figures; none if there is no such file.
    pub published: Vec<Figure>,
    /// Where the machine was found: a preset's name or a path.
    pub file: String,
}

/// Finds a machine: in the file at that path if there is one (an experiment, or a machine written out), else the
/// embedded machine of that name. Figures of a file's machine are in the file beside it whose name ends in
/// `.published.ron` instead of `.ron`; a file that names a preset has the preset's.
///
/// # Errors
/// Neither is there, or something in the files is wrong.
pub fn hardware(name_or_path: &str) -> Result<Hardware, ConfigError> {
    let is_there = Path::new(name_or_path).exists();
    // A folder of a preset's name, of results say, is not what was meant.
    if !Path::new(name_or_path).is_file()
        && let Some(text) = presets::machine_text(name_or_path)
    {
        let machine = machine_of(&Arc::from(text), name_or_path)?;
        let figures = presets::published_text(name_or_path).unwrap_or("(figures: [])");
        let file = format!("{name_or_path}.published.ron");
        return Ok(Hardware { machine, published: figures_of(figures, &file)?, file: name_or_path.to_owned() });
    }
    let source = match presets::resolve(name_or_path) {
        Ok(source) if source.origin != Origin::Embedded || presets::experiment_text(name_or_path).is_some() => source,
        Err(e) if is_there => return Err(e),
        _ => {
            let says = Says {
                message: "no such file, and no machine preset of that name".to_owned(),
                help: Some(suggestion(name_or_path, "machines", machine_names())),
                ..Says::default()
            };
            return Err(ConfigError::without_place(name_or_path, says));
        }
    };
    let text: Arc<str> = Arc::from(source.text.as_str());
    let names: Vec<String> = Scan::new(&text).root.names().into_iter().map(str::to_owned).collect();
    let has = |name: &str| names.iter().any(|n| n == name);
    let machine = if has("machine") {
        load(name_or_path)?.experiment.machine
    } else if has("cores") || has("llc") || has("interconnect") {
        machine_of(&text, &source.file)?
    } else {
        let says = Says {
            message: "there is no machine in this file".to_owned(),
            help: Some(
                "it needs a `machine` field as experiments have, or the fields of a machine: cores, l1d, .. \
                        (`sim presets skylake-ring-8` shows one)"
                    .to_owned(),
            ),
            ..Says::default()
        };
        return Err(error_at(&source.file, &text, "", says));
    };
    let published = match figures_beside(&source.origin) {
        Some(path) => {
            let file = path.display().to_string();
            figures_of(&presets::resolve(&file)?.text, &file)?
        }
        None => match presets::machine(&machine.name) {
            Ok(preset) if preset == machine => hardware(&machine.name)?.published,
            _ => Vec::new(),
        },
    };
    Ok(Hardware { machine, published, file: source.file })
}

fn figures_beside(origin: &Origin) -> Option<PathBuf> {
    let Origin::File(path) = origin else { return None };
    let beside = path.with_extension("published.ron");
    beside.exists().then_some(beside)
}

fn machine_of(text: &Arc<str>, file: &str) -> Result<Machine, ConfigError> {
    let machine: Machine = from_ron(text, file)?;
    validate::machine(&machine).map_err(|f| {
        // The rules are written for experiments, where the machine is a field.
        let alone = |s: String| s.replace("machine.", "");
        let says = Says {
            message: alone(f.says.message),
            rule: alone(f.says.rule),
            note: f.says.note,
            help: f.says.help.map(alone),
        };
        error_at(file, text, f.path.strip_prefix("machine.").unwrap_or(&f.path), says)
    })?;
    Ok(machine)
}

fn figures_of(text: &str, file: &str) -> Result<Vec<Figure>, ConfigError> {
    let text: Arc<str> = Arc::from(text);
    let published: Published = from_ron(&text, file)?;
    for (i, f) in published.figures.iter().enumerate() {
        if !(f.value.is_finite() && f.value > 0.0) {
            let rule = "must be more than zero".to_owned();
            let message = format!("figures[{i}].value = {}: {rule}", f.value);
            let says = Says { message, rule, ..Says::default() };
            return Err(error_at(file, &text, &format!("figures[{i}].value"), says));
        }
        let entries = (f.unit == Unit::Entries) != (f.quantity.unit() == Unit::Entries);
        if entries {
            let rule = format!("{:?} is measured in {}", f.quantity, f.quantity.unit().name());
            let message = format!("figures[{i}].unit = {:?}: {rule}", f.unit);
            let says = Says { message, rule, ..Says::default() };
            return Err(error_at(file, &text, &format!("figures[{i}].unit"), says));
        }
    }
    Ok(published.figures)
}
