// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about program text, with a place to point at, and their rendering.

use crate::program::Source;
use std::fmt;
use std::ops::Range;

/// Messages of one run beyond this many are only counted: nobody reads them.
pub const DIAGNOSTICS_MAX: usize = 20;

/// A byte range of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sp {
    pub(super) src: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Sp {
    /// From the start of `self` to the end of `other`, both of the same source.
    pub(super) fn to(self, other: Sp) -> Sp {
        Sp { end: other.end.max(self.end), ..self }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No program can be made of the text.
    Error,
    /// The text is a program, but probably not the one that was meant.
    Warning,
}

/// A further place a message points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondLabel {
    /// Index of the source in the list given to the assembler.
    pub source: usize,
    /// Byte range there.
    pub span: Range<usize>,
    /// What is to be seen there.
    pub text: String,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Index of the source in the list given to the assembler; `None` if the options are at fault.
    pub source: Option<usize>,
    /// Name of that source; empty if there is none.
    pub file: String,
    /// Byte range in the source.
    pub span: Range<usize>,
    /// Line, from 1; 0 if there is no source.
    pub line: u32,
    /// Column in characters, from 1; 0 if there is no source.
    pub column: u32,
    /// What is wrong, in one line.
    pub message: String,
    /// What to write under the caret.
    pub label: String,
    /// A way out.
    pub help: Option<String>,
    /// Another place that has to do with it.
    pub second: Option<SecondLabel>,
}

impl Diagnostic {
    /// Sets the way out.
    pub(super) fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help = Some(text.into());
        self
    }

    /// Sets "did you mean" if there is somebody to mean.
    pub(super) fn near<'c>(&mut self, wanted: &str, known: impl IntoIterator<Item = &'c str>) -> &mut Self {
        if let Some(name) = super::near_name(wanted, known) {
            self.help = Some(format!("did you mean `{name}`?"));
        }
        self
    }

    /// Adds another place.
    pub(super) fn second(&mut self, at: Sp, text: impl Into<String>) -> &mut Self {
        self.second =
            Some(SecondLabel { source: at.src as usize, span: at.start as usize..at.end as usize, text: text.into() });
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        if self.source.is_some() {
            write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        }
        write!(f, "{word}: {}", self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

/// Messages, ordered by source and place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// The messages.
    pub list: Vec<Diagnostic>,
    /// How many more there were beyond [`DIAGNOSTICS_MAX`]; 0 normally.
    pub dropped: usize,
}

impl Diagnostics {
    /// True if there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The messages, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Text for people: each message with the source lines it is about and carets under them.
    /// `sources` are those given to the assembler, in the same order; `color` adds terminal codes.
    #[must_use]
    pub fn render(&self, sources: &[Source], color: bool) -> String {
        use ariadne::{Color, Config, IndexType, Label, Report, ReportKind};
        let config = Config::new().with_index_type(IndexType::Byte).with_color(color);
        let texts = sources.iter().enumerate().map(|(i, s)| (i, s.text.as_str()));
        let mut cache = NamedCache { names: sources, cache: texts.map(|(_, t)| ariadne::Source::from(t)).collect() };
        let mut out = Vec::new();
        for d in &self.list {
            let Some(source) = d.source.filter(|s| *s < sources.len()) else {
                out.extend_from_slice(format!("{d}\n").as_bytes());
                continue;
            };
            let (kind, hue) = match d.severity {
                Severity::Error => (ReportKind::Error, Color::Red),
                Severity::Warning => (ReportKind::Warning, Color::Yellow),
            };
            let span = (source, drawable(&sources[source].text, &d.span));
            let mut labels = vec![Label::new(span.clone()).with_message(&d.label).with_color(hue)];
            if let Some(s) = d.second.as_ref().filter(|s| s.source < sources.len()) {
                let other = (s.source, drawable(&sources[s.source].text, &s.span));
                // Lines are drawn in the order of their labels, so that order is made the text's.
                let before = (other.0, other.1.start) < (span.0, span.1.start);
                let label = Label::new(other).with_message(&s.text).with_color(Color::Blue);
                labels.insert(usize::from(!before), label);
            }
            let report = Report::build(kind, span).with_config(config).with_message(&d.message);
            let mut report = report.with_labels(labels);
            if let Some(help) = &d.help {
                report = report.with_help(help);
            }
            if report.finish().write(&mut cache, &mut out).is_err() {
                out.extend_from_slice(format!("{d}\n").as_bytes());
            }
        }
        if self.dropped > 0 {
            out.extend_from_slice(format!("... and {} more\n", self.dropped).as_bytes());
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.list.iter().enumerate() {
            write!(f, "{}{d}", if i == 0 { "" } else { "\n" })?;
        }
        if self.dropped > 0 {
            write!(f, "\n... and {} more", self.dropped)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The sources of a run under their index, so that two files of one name are kept apart.
struct NamedCache<'a> {
    names: &'a [Source],
    cache: Vec<ariadne::Source<&'a str>>,
}

impl<'a> ariadne::Cache<usize> for NamedCache<'a> {
    type Storage = &'a str;

    fn fetch(&mut self, id: &usize) -> Result<&ariadne::Source<&'a str>, impl fmt::Debug> {
        self.cache.get(*id).ok_or("no such source")
    }

    fn display<'b>(&self, id: &'b usize) -> Option<impl fmt::Display + 'b> {
        self.names.get(*id).map(|s| s.name.clone())
    }
}

/// The part of a span that can be drawn under one line: whole characters, none of which some
/// terminal takes for the end of a line.
fn drawable(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let line_end = |c: char| matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let len = text[start..]
        .char_indices()
        .find(|(i, c)| start + i >= span.end || line_end(*c))
        .map_or(text.len() - start, |(i, _)| i);
    start..start + len
}

/// Line and column, both from 1, of a byte offset.
fn line_column(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    (line as u32, before[line_start..].chars().count() as u32 + 1)
}

/// Collects messages while a program is read.
pub(super) struct Sink<'s> {
    sources: &'s [Source],
    list: Vec<Diagnostic>,
    dropped: usize,
    errors: usize,
    /// Receives what is said about messages that are only counted.
    spare: Diagnostic,
}

impl<'s> Sink<'s> {
    pub(super) fn new(sources: &'s [Source]) -> Self {
        let spare = Diagnostic {
            severity: Severity::Error,
            source: None,
            file: String::new(),
            span: 0..0,
            line: 0,
            column: 0,
            message: String::new(),
            label: String::new(),
            help: None,
            second: None,
        };
        Sink { sources, list: Vec::new(), dropped: 0, errors: 0, spare }
    }

    /// Number of errors so far.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// True if further messages are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= DIAGNOSTICS_MAX
    }

    /// Reports an error at a place in the text.
    pub(super) fn error(&mut self, at: Sp, message: impl Into<String>, label: impl Into<String>) -> &mut Diagnostic {
        self.errors += 1;
        self.add(Severity::Error, Some(at), message.into(), label.into())
    }

    /// Reports a doubt at a place in the text.
    pub(super) fn warning(&mut self, at: Sp, message: impl Into<String>, label: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Warning, Some(at), message.into(), label.into())
    }

    /// Reports an error in the options.
    pub(super) fn option_error(&mut self, message: impl Into<String>) -> &mut Diagnostic {
        self.errors += 1;
        self.add(Severity::Error, None, message.into(), String::new())
    }

    fn add(&mut self, severity: Severity, at: Option<Sp>, message: String, label: String) -> &mut Diagnostic {
        if self.is_full() {
            self.dropped += 1;
            return &mut self.spare;
        }
        let mut d = Diagnostic { severity, message, label, ..self.spare.clone() };
        (d.help, d.second) = (None, None);
        if let Some((at, source)) = at.and_then(|at| self.sources.get(at.src as usize).map(|s| (at, s))) {
            d.source = Some(at.src as usize);
            d.file.clone_from(&source.name);
            d.span = at.start as usize..at.end as usize;
            (d.line, d.column) = line_column(&source.text, d.span.start);
        }
        let at = self.list.len();
        self.list.push(d);
        &mut self.list[at]
    }

    /// All messages in order of place, and whether there was an error among them.
    pub(super) fn finish(mut self) -> (Diagnostics, bool) {
        self.list.sort_by_key(|d| (d.source, d.span.start));
        (Diagnostics { list: self.list, dropped: self.dropped }, self.errors > 0)
    }
}
