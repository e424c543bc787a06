// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where each value of a RON text stands: a scanner that gives paths their byte spans.
//!
//! RON's reader gives no positions of values it has accepted, and its generic value type forgets enum variants, so
//! messages of later checks and overrides need the text itself. The scanner checks only as much syntax as it needs; a
//! text that the reader refuses is scanned as far as it goes, so a message can still point into it.
//!
//! A path is what `serde_path_to_error` prints: `workload.tasks[0].body[0].Forever[1].Critical.lock`. The name of an
//! enum variant may be left out: `interrupts[0].source.period` is the `period` of whatever variant is written there.

use std::ops::Range;

/// Deepest nesting followed; deeper than the RON reader's own limit.
const DEPTH_MAX: usize = 256;

/// A value and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Bytes from its first to behind its last.
    pub(crate) span: Range<usize>,
    /// Name before a parenthesis, or a bare identifier, if there is one.
    pub(crate) head: Option<Range<usize>>,
    pub(crate) kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Number, text, character or bare identifier.
    Scalar,
    /// `( name: value, .. )`.
    Group(Vec<Member>),
    /// `( value, .. )`, also the empty parentheses.
    Tuple(Vec<Node>),
    /// `[ value, .. ]`.
    List(Vec<Node>),
    /// `{ key: value, .. }`.
    Map(Vec<Member>),
}

/// A named value of a group or map.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The name, without quotes.
    pub(crate) name: String,
    /// Bytes of the name, quotes included.
    pub(crate) key: Range<usize>,
    pub(crate) value: Node,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Name(String),
    Index(usize),
}

/// Takes a path apart; `None` if it is not one.
pub(crate) fn segments(path: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    for part in path.split('.').filter(|_| path != "." && !path.is_empty()) {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if !name.is_empty() {
            segments.push(Segment::Name(name.to_owned()));
        } else if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            segments.push(Segment::Index(index.parse().ok()?));
            rest = after;
        }
    }
    Some(segments)
}

impl Node {
    /// The child a segment leads to, with the span of its name if it has one.
    pub(crate) fn child(&self, text: &str, segment: &Segment) -> Option<(Option<Range<usize>>, &Node)> {
        let only = match &self.kind {
            Kind::Tuple(items) if items.len() == 1 => items.first(),
            _ => None,
        };
        match (segment, &self.kind) {
            (Segment::Name(name), kind) => {
                if let Kind::Group(members) | Kind::Map(members) = kind
                    && let Some(m) = members.iter().find(|m| m.name == *name)
                {
                    return Some((Some(m.key.clone()), &m.value));
                }
                if self.head.as_ref().is_some_and(|h| text[h.clone()] == **name) {
                    return Some((self.head.clone(), only.unwrap_or(self)));
                }
                only?.child(text, segment)
            }
            (Segment::Index(i), Kind::List(items)) => Some((None, items.get(*i)?)),
            (Segment::Index(i), Kind::Tuple(items)) => match only {
                Some(inner) if !matches!(inner.kind, Kind::Scalar) => inner.child(text, segment),
                _ => Some((None, items.get(*i)?)),
            },
            (Segment::Index(_), _) => None,
        }
    }

    /// Names that could follow here in a path.
    pub(crate) fn names(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Group(members) | Kind::Map(members) => members.iter().map(|m| m.name.as_str()).collect(),
            Kind::Tuple(items) if items.len() == 1 => items[0].names(),
            _ => Vec::new(),
        }
    }
}

/// The scanned text.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) root: Node,
    /// Byte at which the scanner could not go on, if it could not.
    pub(crate) failed: Option<usize>,
}

/// Result of following a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    /// Span of the last name on the way, if the last segment was one.
    pub(crate) key: Option<Range<usize>>,
    pub(crate) node: &'a Node,
    /// Segments that led somewhere; fewer than asked if the rest is not in the text.
    pub(crate) depth: usize,
}

impl Scan {
    /// Scans a whole text.
    pub(crate) fn new(text: &str) -> Self {
        let mut scanner = Scanner { text, at: 0, failed: None };
        scanner.attributes();
        let root = scanner.value(0);
        scanner.blank();
        if scanner.at < text.len() {
            scanner.fail();
        }
        Scan { root, failed: scanner.failed }
    }

    /// Follows a path as far as it goes.
    pub(crate) fn follow(&self, text: &str, path: &[Segment]) -> Found<'_> {
        let mut found = Found { key: None, node: &self.root, depth: 0 };
        for segment in path {
            let Some((key, node)) = found.node.child(text, segment) else {
                break;
            };
            found = Found { key, node, depth: found.depth + 1 };
        }
        found
    }
}

/// What quotes and brackets of a text say about where it broke off.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// There is something beside blanks and comments.
    pub(crate) has_content: bool,
    /// The first text in quotes that goes on beyond its line.
    pub(crate) wide: Option<Range<usize>>,
    /// The last text in quotes has no end.
    pub(crate) cut: bool,
    /// Opening brackets that are not closed, the innermost last.
    pub(crate) open: Vec<usize>,
}

/// Looks at quotes and brackets alone.
pub(crate) fn survey(text: &str) -> Survey {
    let mut scanner = Scanner { text, at: 0, failed: None };
    let mut found = Survey::default();
    loop {
        scanner.blank();
        let start = scanner.at;
        let Some(c) = scanner.rest().chars().next() else { return found };
        found.has_content = true;
        if scanner.quoted() {
            found.cut = scanner.failed.is_some();
            if found.cut || text[start..scanner.at].contains('\n') {
                found.wide.get_or_insert(start..if found.cut { text.len() } else { scanner.at });
            }
            if found.cut {
                return found;
            }
        } else if scanner.identifier().is_none() {
            scanner.at += c.len_utf8();
            match c {
                '(' | '[' | '{' => found.open.push(start),
                ')' | ']' | '}' => drop(found.open.pop()),
                _ => {}
            }
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    failed: Option<usize>,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn fail(&mut self) {
        self.failed.get_or_insert(self.at);
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Moves to the first character for which `stop` holds, or to the end.
    fn until(&mut self, stop: impl Fn(char) -> bool) {
        self.at += self.rest().find(stop).unwrap_or(self.rest().len());
    }

    /// Skips white space and comments; block comments nest.
    fn blank(&mut self) {
        loop {
            self.until(|c| !c.is_whitespace());
            if self.eat("//") {
                self.until(|c| c == '\n');
            } else if self.eat("/*") {
                let mut depth = 1;
                while depth > 0 {
                    self.until(|c| c == '*' || c == '/');
                    if self.at == self.text.len() {
                        return self.fail();
                    }
                    if self.eat("*/") {
                        depth -= 1;
                    } else if self.eat("/*") {
                        depth += 1;
                    } else {
                        self.at += 1;
                    }
                }
            } else {
                return;
            }
        }
    }

    /// Skips `#![enable(..)]` lines.
    fn attributes(&mut self) {
        self.blank();
        while self.eat("#!") {
            self.until(|c| c == ']');
            self.eat("]");
            self.blank();
        }
    }

    /// An identifier at the cursor, raw or not.
    fn identifier(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.eat("r#");
        let name = self.at;
        if self.rest().starts_with(|c: char| c.is_alphabetic() || c == '_') {
            self.until(|c| !(c.is_alphanumeric() || c == '_'));
            return Some(name..self.at);
        }
        self.at = start;
        None
    }

    fn value(&mut self, depth: usize) -> Node {
        let start = self.at;
        let mut node = Node { span: start..start, head: None, kind: Kind::Scalar };
        if depth > DEPTH_MAX || self.failed.is_some() {
            self.fail();
            return node;
        }
        if self.quoted() {
            // A text, consumed.
        } else if self.eat("[") {
            node.kind = Kind::List(self.items("]", depth));
        } else if self.eat("{") {
            node.kind = Kind::Map(self.members("}", depth));
        } else if self.eat("(") {
            node.kind = self.parentheses(depth);
        } else if let Some(head) = self.identifier() {
            node.head = Some(head);
            let behind = self.at;
            self.blank();
            if self.eat("(") {
                node.kind = self.parentheses(depth);
            } else {
                self.at = behind;
            }
        } else {
            self.until(|c| c.is_whitespace() || ",:()[]{}/\"".contains(c));
            if self.at == start {
                self.fail();
            }
        }
        node.span = start..self.at;
        node
    }

    /// A string, raw string, byte string or character at the cursor.
    fn quoted(&mut self) -> bool {
        let start = self.at;
        self.eat("b");
        for quote in ["\"", "'"] {
            if self.eat(quote) {
                self.escaped(quote);
                return true;
            }
        }
        if self.eat("r") {
            let hashes = self.rest().len() - self.rest().trim_start_matches('#').len();
            self.at += hashes;
            if self.eat("\"") {
                let end = format!("\"{}", "#".repeat(hashes));
                match self.rest().find(&end) {
                    Some(offset) => self.at += offset + end.len(),
                    None => self.fail(),
                }
                return true;
            }
        }
        self.at = start;
        false
    }

    /// Goes behind the closing quote; a backslash hides the character after it.
    fn escaped(&mut self, quote: &str) {
        loop {
            self.until(|c| c == '\\' || quote.starts_with(c));
            if self.eat(quote) {
                return;
            }
            let mut hidden = self.rest().chars();
            match (hidden.next(), hidden.next()) {
                (Some(backslash), Some(c)) => self.at += backslash.len_utf8() + c.len_utf8(),
                _ => return self.fail(),
            }
        }
    }

    /// Contents of parentheses: named if the first thing in them is a name and a colon.
    fn parentheses(&mut self, depth: usize) -> Kind {
        let start = self.at;
        self.blank();
        let named = self.identifier().is_some() && {
            self.blank();
            self.rest().starts_with(':')
        };
        self.at = start;
        if named { Kind::Group(self.members(")", depth)) } else { Kind::Tuple(self.items(")", depth)) }
    }

    /// After a value: a comma, or the end. Returns whether the list is over.
    fn separator(&mut self, end: &str) -> bool {
        self.blank();
        if self.eat(",") {
            return false;
        }
        if !self.eat(end) {
            self.fail();
        }
        true
    }

    fn items(&mut self, end: &str, depth: usize) -> Vec<Node> {
        let mut items = Vec::new();
        loop {
            self.blank();
            if self.failed.is_some() || self.eat(end) {
                return items;
            }
            items.push(self.value(depth + 1));
            if self.separator(end) {
                return items;
            }
        }
    }

    fn members(&mut self, end: &str, depth: usize) -> Vec<Member> {
        let mut members = Vec::new();
        loop {
            self.blank();
            if self.failed.is_some() || self.eat(end) {
                return members;
            }
            let key = self.value(depth + 1).span;
            self.blank();
            if !self.eat(":") {
                self.fail();
                return members;
            }
            self.blank();
            let name = self.text[key.clone()].trim_start_matches("r#").trim_matches('"').to_owned();
            members.push(Member { name, key, value: self.value(depth + 1) });
            if self.separator(end) {
                return members;
            }
        }
    }
}
