// SPDX-License-Identifier: MIT OR Apache-2.0
//! Experiments and machines embedded in the program, and finding an experiment by name or path.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{ConfigError, Says};
use crate::machine::Machine;
use crate::near::suggestion;
use crate::parse::from_ron;

/// Largest experiment file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

const EXPERIMENTS: &[(&str, &str)] = &[
    ("ring8.ron", include_str!("../presets/ring8.ron")),
    ("ring8-next.ron", include_str!("../presets/ring8-next.ron")),
    ("ring8-guard.ron", include_str!("../presets/ring8-guard.ron")),
    ("uncontended.ron", include_str!("../presets/uncontended.ron")),
    ("ring8-timeouts.ron", include_str!("../presets/ring8-timeouts.ron")),
    ("window-cmpxchg-entry.ron", include_str!("../presets/window-cmpxchg-entry.ron")),
    ("window-unlock.ron", include_str!("../presets/window-unlock.ron")),
    ("window-pending-entry.ron", include_str!("../presets/window-pending-entry.ron")),
    ("window-after-release.ron", include_str!("../presets/window-after-release.ron")),
    ("released-not-taken.ron", include_str!("../presets/released-not-taken.ron")),
    ("window-before-cmpxchg.ron", include_str!("../presets/window-before-cmpxchg.ron")),
    ("wrong-abba.ron", include_str!("../presets/wrong-abba.ron")),
    ("wrong-abba-arm64.ron", include_str!("../presets/wrong-abba-arm64.ron")),
    ("wrong-abba-head.ron", include_str!("../presets/wrong-abba-head.ron")),
    ("false-abba.ron", include_str!("../presets/false-abba.ron")),
    ("false-abba-head.ron", include_str!("../presets/false-abba-head.ron")),
    ("immediate-aa.ron", include_str!("../presets/immediate-aa.ron")),
    ("nmi-fairness.ron", include_str!("../presets/nmi-fairness.ron")),
    ("nmi-other-lock.ron", include_str!("../presets/nmi-other-lock.ron")),
    ("try-once.ron", include_str!("../presets/try-once.ron")),
    ("nonhead-nmi.ron", include_str!("../presets/nonhead-nmi.ron")),
    ("nonhead-over-owner.ron", include_str!("../presets/nonhead-over-owner.ron")),
    ("two-locks-two-owners.ron", include_str!("../presets/two-locks-two-owners.ron")),
    ("two-locks-two-heads.ron", include_str!("../presets/two-locks-two-heads.ron")),
    ("own-entry.ron", include_str!("../presets/own-entry.ron")),
    ("own-entry-guest.ron", include_str!("../presets/own-entry-guest.ron")),
    ("entry-leak.ron", include_str!("../presets/entry-leak.ron")),
    ("entry-leak-tas.ron", include_str!("../presets/entry-leak-tas.ron")),
    ("node-count.ron", include_str!("../presets/node-count.ron")),
    ("handover-nmi.ron", include_str!("../presets/handover-nmi.ron")),
    ("queue-flush.ron", include_str!("../presets/queue-flush.ron")),
    ("lost-heir.ron", include_str!("../presets/lost-heir.ron")),
    ("lost-heir-nmi.ron", include_str!("../presets/lost-heir-nmi.ron")),
    ("latched-nmi.ron", include_str!("../presets/latched-nmi.ron")),
    ("three-locks.ron", include_str!("../presets/three-locks.ron")),
    ("hook-begin.ron", include_str!("../presets/hook-begin.ron")),
    ("hook-end.ron", include_str!("../presets/hook-end.ron")),
    ("stress-aa.ron", include_str!("../presets/stress-aa.ron")),
    ("stress-abba.ron", include_str!("../presets/stress-abba.ron")),
    ("stress-abbcca.ron", include_str!("../presets/stress-abbcca.ron")),
    ("nmi-storm.ron", include_str!("../presets/nmi-storm.ron")),
    ("hammer8.ron", include_str!("../presets/hammer8.ron")),
    ("explore-plain.ron", include_str!("../presets/explore-plain.ron")),
    ("explore-aa.ron", include_str!("../presets/explore-aa.ron")),
    ("explore-abba.ron", include_str!("../presets/explore-abba.ron")),
    ("explore-weak.ron", include_str!("../presets/explore-weak.ron")),
    ("explore-weak-queue.ron", include_str!("../presets/explore-weak-queue.ron")),
    ("explore-weak-aa.ron", include_str!("../presets/explore-weak-aa.ron")),
    ("explore-ipi.ron", include_str!("../presets/explore-ipi.ron")),
];

/// Standing sweeps, each with the question it answers.
const SWEEPS: &[(&str, &str)] = &[
    ("freeze-map.ron", include_str!("../sweeps/freeze-map.ron")),
    ("pause-clock.ron", include_str!("../sweeps/pause-clock.ron")),
    ("machines-locks.ron", include_str!("../sweeps/machines-locks.ron")),
    ("interconnects.ron", include_str!("../sweeps/interconnects.ron")),
    ("timeouts.ron", include_str!("../sweeps/timeouts.ron")),
    ("timeouts-holds.ron", include_str!("../sweeps/timeouts-holds.ron")),
];

macro_rules! machines {
    ($($name:literal),* $(,)?) => {
        /// Name, machine, published figures.
        const MACHINES: &[(&str, &str, &str)] = &[$((
            $name,
            include_str!(concat!("../machines/", $name, ".ron")),
            include_str!(concat!("../machines/", $name, ".published.ron")),
        ),)*];
    };
}

machines!["skylake-ring-8", "skylake-sp-mesh-2x28", "zen3-ccx-8", "zen3-2ccx-16", "neoverse-n1-mesh-80"];

/// Where the text of an experiment comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The program itself, or a text handed over by the caller.
    Embedded,
    /// A file at this path, as given.
    File(PathBuf),
}

/// The text of an experiment, found but not parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name for messages.
    pub file: String,
    /// The text.
    pub text: String,
    /// Where it was found.
    pub origin: Origin,
}

/// Names of the embedded experiments, such as `ring8.ron`.
pub fn experiment_names() -> impl Iterator<Item = &'static str> {
    EXPERIMENTS.iter().map(|(name, _)| *name)
}

/// The text of an embedded experiment.
#[must_use]
pub fn experiment_text(name: &str) -> Option<&'static str> {
    EXPERIMENTS.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

/// Names of the embedded machines, such as `skylake-ring-8`.
pub fn machine_names() -> impl Iterator<Item = &'static str> {
    MACHINES.iter().map(|(name, ..)| *name)
}

/// The text of an embedded machine, with the source of each figure in comments.
#[must_use]
pub fn machine_text(name: &str) -> Option<&'static str> {
    MACHINES.iter().find(|(n, ..)| *n == name).map(|(_, text, _)| *text)
}

/// What an embedded machine is, in one sentence: the first of the comment above it.
#[must_use]
pub fn machine_summary(name: &str) -> Option<String> {
    let lines = machine_text(name)?.lines().map_while(|l| l.strip_prefix("// "));
    let text = lines.skip(1).collect::<Vec<_>>().join(" "); // The first line is the licence.
    Some(text.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned())
}

/// The text with the published figures of an embedded machine.
#[must_use]
pub fn published_text(name: &str) -> Option<&'static str> {
    MACHINES.iter().find(|(n, ..)| *n == name).map(|(.., text)| *text)
}

/// An embedded machine.
///
/// # Errors
/// There is none of this name: two lines, what is wrong and a way out.
pub fn machine(name: &str) -> Result<Machine, String> {
    let text = machine_text(name).ok_or_else(|| {
        let help = suggestion(name, "machines", machine_names());
        format!("there is no machine preset \"{name}\"\n{help}")
    })?;
    from_ron(&Arc::from(text), name).map_err(|e| e.to_string())
}

/// Names of the embedded sweeps, such as `timeouts.ron`.
pub fn sweep_names() -> impl Iterator<Item = &'static str> {
    SWEEPS.iter().map(|(name, _)| *name)
}

/// The text of an embedded sweep.
#[must_use]
pub fn sweep_text(name: &str) -> Option<&'static str> {
    SWEEPS.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

/// Finds an experiment: a file at that path if there is one, else the embedded one of that name.
///
/// The ending `.ron` may be left out. A path with a folder in it is never an embedded one.
///
/// ```
/// let source = configs::presets::resolve("ring8")?;
/// assert_eq!(source.file, "ring8.ron");
/// assert!(configs::presets::resolve("rign8.ron").unwrap_err().help().unwrap().contains("ring8.ron"));
/// # Ok::<(), configs::ConfigError>(())
/// ```
///
/// # Errors
/// Neither is there, or the file cannot be read, is larger than [`FILE_BYTES_MAX`], or is not UTF-8.
pub fn resolve(name_or_path: &str) -> Result<Source, ConfigError> {
    find(name_or_path, experiment_text, || match sweep_names().find(|n| stem(n) == stem(name_or_path)) {
        Some(sweep) => format!("it is a sweep: `sim sweep {sweep}`"),
        None if machine_names().any(|m| m == name_or_path) => {
            format!("it is a machine: `--machine {name_or_path}` after the name of an experiment")
        }
        None => suggestion(name_or_path, "presets", experiment_names()) + "; `sim presets` says what each asks",
    })
}

/// Finds a sweep, as [`resolve`] finds an experiment.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_sweep(name_or_path: &str) -> Result<Source, ConfigError> {
    find(name_or_path, sweep_text, || match experiment_names().find(|n| stem(n) == stem(name_or_path)) {
        Some(experiment) => format!("it is an experiment, not a sweep: `sim run {experiment}`"),
        None => suggestion(name_or_path, "sweeps", sweep_names()),
    })
}

/// A name without its ending.
fn stem(name: &str) -> &str {
    name.strip_suffix(".ron").unwrap_or(name)
}

fn find(
    name_or_path: &str,
    embedded: fn(&str) -> Option<&'static str>,
    help: impl FnOnce() -> String,
) -> Result<Source, ConfigError> {
    let mut names = vec![name_or_path.to_owned()];
    if Path::new(name_or_path).extension().is_none() {
        names.push(format!("{name_or_path}.ron"));
    }
    for name in &names {
        match File::open(name) {
            Ok(file) => return read(file, name),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(unreadable(name, &e)),
        }
    }
    let embedded = names.into_iter().find_map(|n| embedded(&n).map(|text| (n, text)));
    match embedded {
        Some((file, text)) => Ok(Source { file, text: text.to_owned(), origin: Origin::Embedded }),
        None => Err(unknown(name_or_path, help())),
    }
}

fn unknown(name: &str, help: String) -> ConfigError {
    let name = if name.is_empty() { "\"\"" } else { name };
    let message = "no such file, and no preset of that name".to_owned();
    ConfigError::without_place(name, Says { message, help: Some(help), ..Says::default() })
}

fn unreadable(name: &str, error: &std::io::Error) -> ConfigError {
    let says = Says { message: format!("cannot be read: {error}"), ..Says::default() };
    ConfigError::without_place(name, says)
}

fn read(file: File, name: &str) -> Result<Source, ConfigError> {
    let meta = file.metadata().map_err(|e| unreadable(name, &e))?;
    if meta.is_dir() {
        let says = Says {
            message: "is a folder, not an experiment file".to_owned(),
            help: Some("name a .ron file in it".to_owned()),
            ..Says::default()
        };
        return Err(ConfigError::without_place(name, says));
    }
    let mut bytes = Vec::new();
    // The size is checked on what is read, because a device or pipe has no size to ask for.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| unreadable(name, &e))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let says = Says {
            message: format!("is larger than {FILE_BYTES_MAX} bytes (1 MiB)"),
            help: Some("an experiment has a few KiB; is this the right file?".to_owned()),
            ..Says::default()
        };
        return Err(ConfigError::without_place(name, says));
    }
    let origin = Origin::File(PathBuf::from(name));
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { file: name.to_owned(), text, origin }),
        Err(e) => Err(not_utf8(name, &e)),
    }
}

/// Points at the first byte that is not UTF-8, behind the valid text before it.
fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> ConfigError {
    let at = error.utf8_error().valid_up_to();
    let byte = error.as_bytes()[at];
    let text: Arc<str> = String::from_utf8_lossy(error.as_bytes()).into();
    let says = Says {
        message: format!("byte 0x{byte:02x} at offset {at} is not UTF-8"),
        rule: "not UTF-8".to_owned(),
        help: Some("save the file as UTF-8".to_owned()),
        ..Says::default()
    };
    // The lossy text has a replacement character there.
    ConfigError::at(name, &text, at..at + char::REPLACEMENT_CHARACTER.len_utf8(), "", says)
}
