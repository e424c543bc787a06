// SPDX-License-Identifier: MIT OR Apache-2.0
//! Flags that several commands have: what of an experiment is changed, what of it is run, and where results go.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use configs::Loaded;
use rqsim::batch::HowToRun;
use rqsim::plan::{InputError, Plan, near};

use super::Failure;

/// Between the name of a file and what was changed of its text.
const WITH: &str = " with --";

/// Most seeds of one command.
const SEEDS_MAX: u64 = 1_000_000;

/// How runs are made, and where their results go.
#[derive(Debug, Args)]
pub(super) struct BatchFlags {
    /// Folder for records, tables and plots [default: in `results`, called after the experiment].
    #[arg(long, short, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Worker threads [default: one per processor].
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Only these seeds, instead of the experiment's: numbers, or A..B for A to before B.
    #[arg(long, alias = "seed", value_name = "SEED", value_delimiter = ',', allow_negative_numbers = true)]
    seeds: Vec<Seeds>,
    #[command(flatten)]
    pub(super) changes: Changes,
    /// Run again what is in the results folder already.
    #[arg(long)]
    pub(super) fresh: bool,
    /// No progress, no summary of the work done.
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// Which stages of an experiment.
#[derive(Debug, Args)]
pub(super) struct StageFlags {
    /// Only these stages, by name.
    #[arg(long, alias = "stage", value_name = "STAGE", value_delimiter = ',', allow_hyphen_values = true)]
    pub(super) stages: Option<Vec<String>>,
}

/// Changes to an experiment that are not worth a file.
#[derive(Debug, Args)]
pub(super) struct Changes {
    /// Run it on this embedded machine instead of its own.
    #[arg(long, value_name = "NAME")]
    machine: Option<String>,
    /// Change a field of the experiment, written out in full, as in `--set machine.cores=3` or `--set duration=10ms`;
    /// can be given several times.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// Seeds, or points of a sweep, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Seeds(pub(super) Range<u64>);

impl FromStr for Seeds {
    type Err = String;
    fn from_str(text: &str) -> Result<Seeds, String> {
        const HELP: &str = "write a number from 0 on, or A..B for A to before B, as in 1..9 for 1 to 8";
        let number = |t: &str| t.trim().parse::<u64>().map_err(|_| format!("\"{t}\" is none; {HELP}"));
        let range = match text.split_once("..") {
            Some((a, b)) => number(a)?..number(b)?,
            None => number(text)?..number(text)?.checked_add(1).ok_or("too large")?,
        };
        match range.end.saturating_sub(range.start) {
            0 => Err(format!("there is none in {text}; {HELP}")),
            1..=SEEDS_MAX => Ok(Seeds(range)),
            n => Err(format!("these are {n}, more than {SEEDS_MAX}; choose fewer")),
        }
    }
}

impl BatchFlags {
    /// How to run; `exact` is without shortcuts.
    pub(super) fn how(&self, exact: bool) -> HowToRun {
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        HowToRun { threads: self.threads.map_or_else(all, usize::from), exact, fresh: self.fresh }
    }

    /// Cuts the plan down to the seeds asked for, each once.
    pub(super) fn select(&self, plan: &mut Plan) {
        if !self.seeds.is_empty() {
            plan.seeds.clear();
            let mut seen = BTreeSet::new();
            plan.seeds.extend(self.seeds.iter().flat_map(|s| s.0.clone()).filter(|&seed| seen.insert(seed)));
        }
    }

    /// The folder for results, which is made; `suffix` follows the experiment's name.
    pub(super) fn folder(&self, loaded: &Loaded, suffix: &str) -> Result<PathBuf, Failure> {
        let dir = self.out.clone().unwrap_or_else(|| self.changes.default_dir(loaded, suffix));
        make_folder(&dir, "name another folder with --out")?;
        Ok(dir)
    }
}

/// Makes a folder for what is written, unless there is something in the way of it or of a file in it; `way_out` is how another is named.
pub(super) fn make_folder(dir: &Path, way_out: &str) -> Result<(), Failure> {
    no_file_in_the_way(dir, way_out)?;
    std::fs::create_dir_all(dir).map_err(|e| {
        let help = format!("is there room, and may you write there? If not, {way_out}");
        InputError::text(&format!("cannot write {}: {e}", dir.display()), &help)
    })?;
    let entries = std::fs::read_dir(dir).map_err(|source| reports::Error::Read { path: dir.into(), source })?;
    let mut taken: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    taken.retain(|p| p.extension().is_some_and(|e| ["csv", "jsonl", "svg"].iter().any(|x| e == *x)));
    taken.sort();
    match taken.first() {
        None => Ok(()),
        Some(folder) => {
            let what = format!("{} is a folder, where a file of results may have to be written", folder.display());
            Err(InputError::text(&what, &format!("move it away, or {way_out}")).into())
        }
    }
}

/// Says so if a folder cannot be made because it, or one that it would be in, is a file.
pub(super) fn no_file_in_the_way(dir: &Path, way_out: &str) -> Result<(), InputError> {
    let Some(file) = dir.ancestors().find(|p| p.is_file()) else { return Ok(()) };
    let what = format!("nothing can be written to {}: {} is a file", dir.display(), file.display());
    Err(InputError::text(&what, &format!("{way_out}; it is made if it is not there")))
}

impl StageFlags {
    /// Cuts the plan down to the stages asked for.
    pub(super) fn select(&self, plan: &mut Plan) -> Result<(), Failure> {
        let Some(wanted) = &self.stages else { return Ok(()) };
        for name in wanted {
            if !plan.stages.iter().any(|s| s.name == *name) {
                let names: Vec<&str> = plan.stages.iter().map(|s| s.name.as_str()).collect();
                let help = near(name, names.into_iter(), "stages");
                return Err(InputError::text(&format!("the experiment has no stage \"{name}\""), &help).into());
            }
        }
        plan.stages.retain(|s| wanted.contains(&s.name));
        Ok(())
    }
}

impl Changes {
    /// The experiment with `--machine` and `--set` applied to its full text, in this order.
    pub(super) fn apply(&self, loaded: Loaded) -> Result<Loaded, Failure> {
        if self.machine.is_none() && self.set.is_empty() {
            return Ok(loaded);
        }
        // The text that messages show is in no file; this says where it comes from.
        let machine = self.machine.iter().map(|name| format!("machine {name}"));
        let flags: Vec<String> = machine.chain(self.set.iter().map(|change| format!("set {change}"))).collect();
        let file = format!("{}{WITH}{}", loaded.file, flags.join(" --"));
        let mut text = configs::expanded(&loaded.experiment);
        if let Some(machine) = &self.machine {
            text = configs::override_field(&text, "machine", &format!("Preset({machine:?})"))?;
            // Written out, so that its fields can be changed as well.
            text = configs::expanded(&configs::parse(&text, &file)?.experiment);
        }
        for change in &self.set {
            let Some((path, value)) = change.split_once('=') else {
                let help = "as in `--set machine.cores=3`; `sim presets ring8.ron` shows the fields";
                return Err(InputError::text(&format!("--set {change}: there is no `=`"), help).into());
            };
            text = configs::override_field(&text, path, value)?;
            // What is valid is written out again, for the next change; what is not may become so by it.
            if let Ok(valid) = configs::parse(&text, &file) {
                text = configs::expanded(&valid.experiment);
            }
        }
        let changed = configs::parse(&text, &file)?;
        Ok(Loaded { origin: loaded.origin, ..changed })
    }

    /// `results/NAME`, and what was changed on the command line: the results of another experiment.
    fn default_dir(&self, loaded: &Loaded, suffix: &str) -> PathBuf {
        let file = loaded.file.split(WITH).next().unwrap_or_default();
        let mut name = Path::new(file).file_stem().map_or("experiment".into(), |s| s.to_string_lossy().into_owned());
        for change in self.machine.iter().chain(&self.set) {
            let plain = |c: char| if c.is_ascii_alphanumeric() || ".-=_".contains(c) { c } else { '_' };
            name.push('+');
            name.extend(change.chars().map(plain));
        }
        // Names of files have a limit; what is cut off still tells records apart by their hash.
        Path::new("results").join(name.chars().take(120).collect::<String>() + suffix)
    }
}
