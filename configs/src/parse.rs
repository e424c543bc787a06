// SPDX-License-Identifier: MIT OR Apache-2.0
//! From RON text to an [`Experiment`] and back, with messages that point into the text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ron::error::SpannedError;
use ron::extensions::Extensions;
use ron::ser::PrettyConfig;
use serde::de::DeserializeOwned;

use crate::error::{ConfigError, Says};
use crate::explain::reader_error;
use crate::presets::{self, Origin};
use crate::scan::{Scan, segments};
use crate::schema::{Experiment, Program};
use crate::validate;

/// An experiment with the text it was read from, so that later checks can point into it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The experiment, validated.
    pub experiment: Experiment,
    /// The text it was read from.
    pub text: Arc<str>,
    /// Name for messages: the path as given, or the preset's name.
    pub file: String,
    /// Where the text comes from.
    pub origin: Origin,
}

impl Loaded {
    /// An error about a field, for checks that need more than the file, such as patch names.
    ///
    /// `path` is that of the field (`stages[2].patches[0]`, `lock.params.pending_timeout`); if the text does not have
    /// it, because it took its default, the nearest enclosing value is pointed at.
    #[must_use]
    pub fn error_at(&self, path: &str, message: impl Into<String>, help: Option<String>) -> ConfigError {
        let says = Says { message: message.into(), help, ..Says::default() };
        error_at(&self.file, &self.text, path, says)
    }

    /// The path of the lock program if it is a file, see [`Loaded::beside`].
    #[must_use]
    pub fn program_path(&self) -> Option<PathBuf> {
        let Program::File(name) = &self.experiment.lock.program else {
            return None;
        };
        Some(self.beside(name))
    }

    /// The path of a file that the experiment names: as written if absolute, else from the experiment file's
    /// folder (from the working directory for an embedded experiment).
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        let folder = match &self.origin {
            Origin::File(path) => path.parent().unwrap_or(Path::new("")),
            Origin::Embedded => Path::new(""),
        };
        folder.join(name)
    }
}

/// Finds, reads and checks an experiment: a path, or the name of a preset. See [`presets::resolve`].
///
/// ```
/// let loaded = configs::load("ring8.ron")?;
/// assert_eq!(loaded.experiment.machine.cores, 8);
/// # Ok::<(), configs::ConfigError>(())
/// ```
///
/// # Errors
/// Whatever is wrong, with its position.
pub fn load(name_or_path: &str) -> Result<Loaded, ConfigError> {
    let source = presets::resolve(name_or_path)?;
    let mut loaded = parse(&source.text, &source.file)?;
    loaded.origin = source.origin;
    Ok(loaded)
}

/// Reads and checks the text of an experiment; `file` is its name in messages.
///
/// # Errors
/// The first thing that is wrong, with its position.
pub fn parse(text: &str, file: &str) -> Result<Loaded, ConfigError> {
    let text: Arc<str> = Arc::from(text);
    let experiment: Experiment = from_ron(&text, file)?;
    validate::experiment(&experiment).map_err(|finding| error_at(file, &text, &finding.path, finding.says))?;
    Ok(Loaded { experiment, text, file: file.to_owned(), origin: Origin::Embedded })
}

/// The experiment as RON text with everything written out: the machine in place of a preset's name, every default,
/// quantities in their largest whole unit. Equal experiments have equal texts, and [`parse`] gives the experiment back.
#[must_use]
pub fn expanded(experiment: &Experiment) -> String {
    let pretty = PrettyConfig::new().new_line("\n").indentor("  ");
    match options().to_string_pretty(experiment, pretty) {
        Ok(text) => text + "\n",
        // The schema has no value that RON cannot write; a test writes every variant.
        Err(error) => unreachable!("an experiment can always be written: {error}"),
    }
}

fn options() -> ron::Options {
    ron::Options::default().with_default_extension(
        Extensions::IMPLICIT_SOME | Extensions::UNWRAP_NEWTYPES | Extensions::UNWRAP_VARIANT_NEWTYPES,
    )
}

/// Reads any type of the schema.
pub(crate) fn from_ron<T: DeserializeOwned>(text: &Arc<str>, file: &str) -> Result<T, ConfigError> {
    read(text).map_err(|failed| {
        let (path, error) = *failed;
        let again = |changed: &str| read::<T>(changed).err().map(|e| e.1.code);
        reader_error(file, text, &path, error, &again)
    })
}

/// The value, or the reader's error and the path of the field it was reading.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, Box<(String, SpannedError)>> {
    let mut de =
        ron::Deserializer::from_str_with_options(text, &options()).map_err(|e| Box::new((String::new(), e)))?;
    let value = serde_path_to_error::deserialize(&mut de).map_err(|e| {
        let path = e.path().to_string();
        Box::new((path, de.span_error(e.into_inner())))
    })?;
    de.end().map_err(|e| Box::new((String::new(), de.span_error(e))))?;
    Ok(value)
}

/// An error about the field at `path`.
pub(crate) fn error_at(file: &str, text: &Arc<str>, path: &str, says: Says) -> ConfigError {
    let scan = Scan::new(text);
    let wanted = segments(path).unwrap_or_default();
    let found = scan.follow(text, &wanted);
    let span = match (&found.key, found.depth == wanted.len()) {
        (_, true) => found.node.span.clone(),
        (Some(key), false) => key.clone(),
        // Not in the text at all: the opening of the nearest value around it.
        (None, false) => found.node.span.start..found.node.span.start + 1,
    };
    ConfigError::at(file, text, span, path, says)
}
