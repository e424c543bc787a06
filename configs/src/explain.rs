// SPDX-License-Identifier: MIT OR Apache-2.0
//! The RON reader's errors in the words of the file's author: better place, near names, a way out.

use std::ops::Range;
use std::sync::Arc;

use ron::error::{Error as Code, Position, SpannedError};

use crate::error::{ConfigError, Says};
use crate::near::suggestion;
use crate::scan::{Found, Kind, Node, Scan, Segment, Survey, segments, survey};

/// What the reader says of a text that is changed at one place; nothing if it takes it.
type Again<'a> = &'a dyn Fn(&str) -> Option<Code>;

/// Turns the reader's error, made while reading the field at `path`, into ours; `again` reads a changed text.
pub(crate) fn reader_error(
    file: &str,
    text: &Arc<str>,
    path: &str,
    error: SpannedError,
    again: Again<'_>,
) -> ConfigError {
    let reader = byte_of(text, error.span.start)..byte_of(text, error.span.end);
    let scan = Scan::new(text);
    let wanted = segments(path).unwrap_or_default();
    let found = scan.follow(text, &wanted);
    let at = Place {
        text,
        complete: !wanted.is_empty() && found.depth == wanted.len(),
        unfinished: scan.failed.is_some_and(|at| found.node.span.end >= at),
        at_end: text[reader.start..].trim().is_empty(),
        reader,
        found,
        again,
    };
    let Explained { span, rule, help } = at.explain(error.code);
    let path = canonical(&scan, text, path);
    let message = if path.is_empty() { rule.clone() } else { format!("{rule} (at {path})") };
    let says = Says { message, rule, note: None, help };
    ConfigError::at(file, text, span.unwrap_or(at.reader), &path, says)
}

/// What is wrong; `span` if there is a better place than the reader's.
struct Explained {
    span: Option<Range<usize>>,
    rule: String,
    help: Option<String>,
}

impl Explained {
    fn new(rule: impl Into<String>) -> Self {
        Explained { span: None, rule: rule.into(), help: None }
    }

    fn at(self, span: Option<Range<usize>>) -> Self {
        Explained { span, ..self }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Explained { help: Some(help.into()), ..self }
    }
}

/// Where the reader stopped, and what the scanner knows about the place.
struct Place<'a> {
    text: &'a str,
    /// The reader's own place.
    reader: Range<usize>,
    /// How far the path could be followed.
    found: Found<'a>,
    /// The whole path could be followed.
    complete: bool,
    /// The scanner knows only the beginning of the value.
    unfinished: bool,
    /// Nothing but blanks is left behind the reader's place.
    at_end: bool,
    again: Again<'a>,
}

/// A name that no field and no choice has: the reader answers it with those that there are.
const NO_SUCH_NAME: &str = "no_such_name_";

impl Place<'_> {
    /// The whole value at the path, if the scanner found it.
    fn value(&self) -> Option<Range<usize>> {
        (self.complete && !self.unfinished).then(|| self.found.node.span.clone())
    }

    /// One of the scanner's spans, if it holds this name.
    fn named(&self, span: &Option<Range<usize>>, name: &str) -> Option<Range<usize>> {
        span.clone().filter(|s| self.text[s.clone()].trim_start_matches("r#") == name)
    }

    /// The fields that the group has which was read last, by the reader's answer to one that it has not.
    fn fields(&self) -> Option<&'static [&'static str]> {
        let group = self.value().filter(|span| self.text[..span.end].ends_with(')'))?;
        let first = group.start + self.text[group].find('(')? + 1;
        let one_more = [&self.text[..first], NO_SUCH_NAME, ": 0, ", &self.text[first..]].concat();
        match (self.again)(&one_more) {
            Some(Code::NoSuchStructField { expected, found, .. }) if found == NO_SUCH_NAME => Some(expected),
            _ => None,
        }
    }

    fn explain(&self, code: Code) -> Explained {
        match code {
            Code::NoSuchStructField { expected, found: name, outer } => {
                let key = self.named(&self.found.key, &name).filter(|_| self.complete);
                Explained::new(format!("no field `{name}`{}", within(outer.as_deref()))).at(key).help(suggestion(
                    &name,
                    "fields",
                    expected.iter().copied(),
                ))
            }
            Code::NoSuchEnumVariant { expected, found: name, outer } => {
                Explained::new(format!("no choice `{name}`{}", within(outer.as_deref())))
                    .at(self.named(&self.found.node.head, &name))
                    .help(suggestion(&name, "choices", expected.iter().copied()))
            }
            Code::MissingStructField { field, outer } => Explained {
                span: Some(last_of(self.text, &self.reader)),
                rule: format!("missing field `{field}`{}", within(outer.as_deref())),
                help: self.fields().map(|fields| format!("write `{field}: ..`; fields: {}", fields.join(", "))),
            },
            Code::DuplicateStructField { field, outer } => {
                Explained::new(format!("field `{field}` is given twice{}", within(outer.as_deref())))
                    .help("keep one of the two")
            }
            Code::Message(message) => {
                if let Some(unquoted) = self.unquoted_quantity() {
                    return unquoted;
                }
                let (rule, help) = match message.split_once('\n') {
                    Some((rule, help)) => (rule.to_owned(), Some(help.to_owned())),
                    None => (message, None),
                };
                // A name given twice is an error of the whole map; the second one is the place to look at.
                Explained { span: twice(self.found.node).or(self.value()), rule, help }
            }
            code => self.explain_syntax(&code),
        }
    }

    fn way_to_close(&self, open: usize) -> String {
        let before = &self.text[..open];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let (bracket, closing) = closing_of(self.text, open);
        format!("the `{bracket}` in line {line}, column {column} waits for its `{closing}`")
    }

    fn explain_syntax(&self, code: &Code) -> Explained {
        let seen = survey(self.text);
        // A quote that is missing turns texts and what is between them around: the reader notices only behind it.
        let is_quote_missing =
            |span: &Range<usize>| span.start < self.reader.end && (seen.cut || span.end == self.reader.start);
        match code {
            _ if !seen.has_content => Explained::new("there is nothing in the file")
                .help("begin with a copy of a preset: `sim presets ring8.ron > mine.ron`"),
            _ if seen.wide.as_ref().is_some_and(is_quote_missing) => {
                Explained::new("the text in quotes that begins here runs on beyond its line")
                    .at(seen.wide)
                    .help("close it with `\"` on this line")
            }
            _ if self.at_end => {
                let early = Explained::new("the text ends too early: a bracket is not closed");
                match seen.open.last() {
                    None => early,
                    Some(&open) => early.help(self.way_to_close(open)),
                }
            }
            Code::TrailingCharacters => Explained::new("nothing may follow the closing bracket"),
            Code::ExceededRecursionLimit => Explained::new("nested too deeply"),
            Code::ExpectedComma => self.explain_comma(&seen),
            Code::ExpectedIdentifier | Code::SuggestRawIdentifier(_) => self.explain_name(),
            code => match (expected_words(code), self.value()) {
                (Some(words), Some(span)) => {
                    let shown = self.text[span.clone()].lines().next().unwrap_or("");
                    Explained::new(format!("expected {words}, found {shown}")).at(Some(span))
                }
                (Some(words), None) => {
                    let ends = |c: char| c.is_whitespace() || ",:()[]{}\"".contains(c);
                    let shown = self.text[self.reader.start..].split(ends).next().unwrap_or("");
                    let wants_quotes = matches!(code, Code::ExpectedString) && !shown.is_empty();
                    let explained = Explained::new(match shown {
                        "" => format!("expected {words}"),
                        _ => format!("expected {words}, found {shown}"),
                    });
                    if wants_quotes { explained.help(format!("write \"{shown}\"")) } else { explained }
                }
                _ => Explained::new(sentence(&code.to_string())),
            },
        }
    }

    /// A number and a unit without the quotes around them.
    fn unquoted_quantity(&self) -> Option<Explained> {
        let span = self.value()?;
        let shown = &self.text[span.clone()];
        let unit = shown.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_');
        let is_one = shown.starts_with(|c: char| c.is_ascii_digit()) && unit.starts_with(char::is_alphabetic);
        (is_one && unit.chars().all(char::is_alphabetic)).then(|| {
            let help = format!("write \"{shown}\"");
            Explained::new(format!("expected a text in quotes, found {shown}")).at(Some(span)).help(help)
        })
    }

    /// The reader stopped where a value or a list could go on.
    fn explain_comma(&self, seen: &Survey) -> Explained {
        let at = self.reader.start;
        let is_part = |c: char| c.is_alphanumeric() || "._+-".contains(c);
        let begin = self.text[..at].trim_end_matches(is_part).len();
        let end = at + self.text[at..].find(|c| !is_part(c)).unwrap_or(self.text.len() - at);
        let number = &self.text[begin..end];
        if begin < at && at < end && number.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit()) {
            return Explained::new(format!("expected a whole number, found {number}")).at(Some(begin..end));
        }
        let closing = self.text[at..].chars().next();
        if let (Some(c @ (')' | ']' | '}')), Some(&open)) = (closing, survey(&self.text[..at]).open.last()) {
            let wanted = closing_of(self.text, open).1;
            if c != wanted {
                return Explained::new(format!("expected `{wanted}` or a comma, found `{c}`"))
                    .help(self.way_to_close(open));
            }
        }
        let comma = Explained::new("expected a comma");
        // An odd number of quotes in the line: the last of them opens a text that runs on.
        let wide = seen.wide.as_ref();
        let odd = seen.cut && wide.is_some_and(|w| !self.text[self.reader.end..w.start].contains('\n'));
        if odd { comma.help("there may be a `\"` missing in this line") } else { comma }
    }

    /// The reader wanted a name, of a choice or of a field, and found another value. It says which names there are
    /// if it is given one that is none of them.
    fn explain_name(&self) -> Explained {
        let node = self.found.node;
        // Of a choice whose fields have no names what is between the brackets.
        let span = match (&node.head, &node.kind) {
            (Some(head), Kind::Tuple(_)) if !self.unfinished => {
                let open = head.end + self.text[head.end..].find('(').map_or(0, |at| at + 1);
                open..node.span.end - 1
            }
            _ if self.unfinished || !node.span.contains(&self.reader.start) => {
                return Explained::new("expected a name");
            }
            _ => node.span.clone(),
        };
        let shown = self.text[span.clone()].lines().next().unwrap_or("");
        let answer = |name: &str| (self.again)(&[&self.text[..span.start], name, &self.text[span.end..]].concat());
        let explained = |what: &str, within: &str| {
            Explained::new(format!("expected {what}{within}, found {shown}")).at(Some(span.clone()))
        };
        if let Some(Code::NoSuchEnumVariant { expected, found, outer }) = answer(NO_SUCH_NAME)
            && found == NO_SUCH_NAME
        {
            let help = format!("choices: {}", expected.join(", "));
            return explained("a choice", &outer.map(|o| format!(" of {o}")).unwrap_or_default()).help(help);
        }
        if let Some(Code::NoSuchStructField { expected, found, outer }) = answer(&format!("{NO_SUCH_NAME}: 0"))
            && found == NO_SUCH_NAME
        {
            let outer = outer.unwrap_or_default();
            let fields: Vec<String> = expected.iter().map(|f| format!("{f}: ..")).collect();
            return explained("fields with their names", "").help(format!("write `{outer}({})`", fields.join(", ")));
        }
        explained("a name", "")
    }
}

/// What kind of bracket opens at a place, and what closes it.
fn closing_of(text: &str, open: usize) -> (char, char) {
    match text[open..].chars().next() {
        Some('[') => ('[', ']'),
        Some('{') => ('{', '}'),
        _ => ('(', ')'),
    }
}

/// The path without what only the reader needs: names of variants whose fields have names, and the unknown end.
fn canonical(scan: &Scan, text: &str, path: &str) -> String {
    let path = path.trim_end_matches('?').trim_matches('.');
    let (mut node, mut short) = (&scan.root, String::new());
    for segment in segments(path).unwrap_or_default() {
        let next = node.child(text, &segment).map(|(_, child)| child);
        match &segment {
            Segment::Index(i) => short += &format!("[{i}]"),
            Segment::Name(_) if next.is_some_and(|n| std::ptr::eq(n, node)) => {}
            Segment::Name(name) if short.is_empty() => short.push_str(name),
            Segment::Name(name) => short += &format!(".{name}"),
        }
        // Behind the last value in the text nothing is left out.
        node = next.unwrap_or(&NOWHERE);
    }
    short
}

/// A value without children.
static NOWHERE: Node = Node { span: 0..0, head: None, kind: Kind::Scalar };

/// The second of two equal names in a map.
fn twice(node: &Node) -> Option<Range<usize>> {
    let Kind::Map(members) = &node.kind else {
        return None;
    };
    let repeated = |i: usize| members[..i].iter().any(|m| m.name == members[i].name);
    (0..members.len()).find(|&i| repeated(i)).map(|i| members[i].key.clone())
}

fn within(outer: Option<&str>) -> String {
    outer.map(|o| format!(" in {o}")).unwrap_or_default()
}

/// What a reader's complaint about a value's type means in the words of the file's author.
fn expected_words(code: &Code) -> Option<String> {
    let words = match code {
        Code::ExpectedInteger => "a whole number",
        Code::IntegerOutOfBounds => "a whole number that fits",
        Code::ExpectedString => "a text in quotes",
        Code::ExpectedBoolean => "true or false",
        Code::ExpectedArray => "a list [ .. ]",
        Code::ExpectedMap => "a map { \"name\": value, .. }",
        Code::ExpectedStructLike | Code::ExpectedNamedStructLike(_) => "a group ( field: value, .. )",
        Code::InvalidValueForType { expected, .. } => return Some(expected.clone()),
        _ => return None,
    };
    Some(words.to_owned())
}

/// The reader's own words, with a small first letter as in our other messages.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// The last character of a span, or the one before an empty span: where a missing thing was noticed.
fn last_of(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text[..span.end].char_indices().next_back().map_or(0, |(i, _)| i);
    start..span.end
}

/// Byte offset of a line and column, both from 1 and in characters; the text's end if it is behind it.
fn byte_of(text: &str, position: Position) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let line = &text[line_start..];
    let column = line.char_indices().nth(position.col.saturating_sub(1)).map_or(line.len(), |(i, _)| i);
    line_start + column
}
