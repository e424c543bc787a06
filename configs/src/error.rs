// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one error type: what is wrong, where, why, and a way out.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use ariadne::{CharSet, Color, Config, IndexType, Label, Report, ReportKind, Source};

/// Something wrong with an experiment: its text, a value in it, or the file itself.
///
/// `Display` is one line, `error: FILE:LINE:COLUMN: MESSAGE`; [`ConfigError::render`] gives the picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.headline())]
pub struct ConfigError(Box<Details>);

/// What a message says, without its position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Says {
    /// Whole sentence.
    pub(crate) message: String,
    /// The rule that is broken, short, for the place itself; the message stands there if this is empty.
    pub(crate) rule: String,
    /// The sum or the comparison behind it.
    pub(crate) note: Option<String>,
    /// A way out.
    pub(crate) help: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    file: String,
    field: String,
    value: String,
    says: Says,
    place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    text: Arc<str>,
    span: Range<usize>,
    line: usize,
    column: usize,
}

impl ConfigError {
    /// An error about a file or name as a whole.
    pub(crate) fn without_place(file: &str, says: Says) -> Self {
        ConfigError(Box::new(Details {
            file: file.to_owned(),
            field: String::new(),
            value: String::new(),
            says,
            place: None,
        }))
    }

    /// An error about the bytes `span` of `text`, which are cut to the text and to whole characters.
    pub(crate) fn at(file: &str, text: &Arc<str>, span: Range<usize>, field: &str, says: Says) -> Self {
        let start = floor(text, span.start);
        let mut end = floor(text, span.end.max(start));
        if start == end {
            // One character can be underlined, a gap between two cannot.
            end += text[start..].chars().next().map_or(0, char::len_utf8);
        }
        if let Some(line_end) = text[start..end].find('\n') {
            // One line is enough to show; a value of many lines would fill the screen.
            end = start + line_end;
        }
        let before = &text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        ConfigError(Box::new(Details {
            file: file.to_owned(),
            field: field.to_owned(),
            value: text[start..end].to_owned(),
            says,
            place: Some(Place { text: Arc::clone(text), span: start..end, line, column }),
        }))
    }

    /// The file as the user named it, or the preset's name.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// Line, from 1; `None` if the error is about the file as a whole.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.0.place.as_ref().map(|p| p.line)
    }

    /// Column in characters, from 1.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.0.place.as_ref().map(|p| p.column)
    }

    /// Path of the field, such as `machine.l1d.ways`; empty if it is not about one field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.0.field
    }

    /// The offending text, its first line if it has several; empty if there is none.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.0.value
    }

    /// The rule that is broken, in a few words.
    #[must_use]
    pub fn rule(&self) -> &str {
        if self.0.says.rule.is_empty() { &self.0.says.message } else { &self.0.says.rule }
    }

    /// The whole sentence, without position.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.says.message
    }

    /// A way out, if one is known.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.says.help.as_deref()
    }

    fn headline(&self) -> String {
        let position = match &self.0.place {
            Some(p) => format!(":{}:{}", p.line, p.column),
            None => String::new(),
        };
        format!("error: {}{position}: {}", self.0.file, self.0.says.message)
    }

    /// The message with the line it is about, a mark below the place, and the help. Ends with a line feed.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        match &self.0.place {
            Some(place) => self.picture(place, color),
            None => self.plain(),
        }
    }

    fn plain(&self) -> String {
        let mut out = self.headline();
        out.push('\n');
        for (what, text) in [("note", &self.0.says.note), ("help", &self.0.says.help)] {
            if let Some(text) = text {
                // Writing to a string cannot fail.
                let _ = writeln!(out, "  {what}: {text}");
            }
        }
        out
    }

    fn picture(&self, place: &Place, color: bool) -> String {
        let file = self.0.file.as_str();
        let config = Config::new().with_color(color).with_index_type(IndexType::Byte).with_char_set(CharSet::Unicode);
        let label = Label::new((file, place.span.clone())).with_message(self.rule());
        let mut report = Report::build(ReportKind::Error, (file, place.span.clone()))
            .with_config(config)
            .with_message(self.message())
            .with_label(if color { label.with_color(Color::Red) } else { label });
        if let Some(note) = &self.0.says.note {
            report = report.with_note(note);
        }
        if let Some(help) = &self.0.says.help {
            report = report.with_help(help);
        }
        let mut bytes = Vec::new();
        let source = (file, Source::from(place.text.as_ref()));
        if report.finish().write(source, &mut bytes).is_err() {
            return self.plain();
        }
        let text = String::from_utf8_lossy(&bytes);
        text.lines().fold(String::new(), |out, line| out + line.trim_end() + "\n")
    }
}

/// The largest character boundary of `text` that is not above `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}
