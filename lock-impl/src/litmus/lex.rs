// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tokens of a litmus file, with their places.

use super::Error;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word: letters, digits, `_`, and dots inside (`DMB`, `B.EQ`, `r0`).
    Word,
    /// A number; 64 bits, negative ones wrapped by the reader of the sign.
    Int(u64),
    /// Punctuation.
    Sym,
    /// A text in double quotes.
    Text,
    /// The end of the file.
    End,
}

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Byte offset.
    pub(super) at: usize,
}

/// A file's name and text, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl File<'_> {
    /// An error at a byte offset.
    pub(super) fn error(&self, at: usize, what: impl Into<String>) -> Error {
        let before = &self.text[..at.min(self.text.len())];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Error {
            file: self.name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
        }
    }
}

/// Longest first.
const SYMBOLS: [&str; 40] = [
    "<<=", ">>=", "/\\", "\\/", "==", "!=", "<=", ">=", "=>", "&&", "||", "<<", ">>", "->", "++", "--", "+=", "-=",
    "*=", "|=", "&=", "^=", "(", ")", "[", "]", "{", "}", ";", "|", ",", ":", "=", "~", "*", "&", "+", "-", "<", ">",
];
const SINGLE: &str = "!#$%^/?@.";

/// Splits the text from byte `from` on. `c_like`: `//` and `/* */` are comments too, and dots end words.
pub(super) fn lex<'a>(file: File<'a>, from: usize, c_like: bool) -> Result<Vec<Token<'a>>, Error> {
    let (text, mut at) = (file.text, from);
    let mut out = Vec::new();
    while at < text.len() {
        let rest = &text[at..];
        let c = rest.as_bytes()[0];
        if c.is_ascii_whitespace() {
            at += 1;
        } else if let Some(after) = comment(file, at, c_like)? {
            at = after;
        } else if c == b'"' {
            let Some(end) = rest[1..].find('"') else { return Err(file.error(at, "this text has no end")) };
            out.push(Token { kind: Kind::Text, text: &rest[1..=end], at });
            at += end + 2;
        } else if c.is_ascii_digit() {
            let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let kind = Kind::Int(
                number(&rest[..len])
                    .ok_or_else(|| file.error(at, format!("`{}` is not a number of at most 64 bits", &rest[..len])))?,
            );
            out.push(Token { kind, text: &rest[..len], at });
            at += len;
        } else if c.is_ascii_alphabetic() || c == b'_' {
            let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == '.' && !c_like);
            let len = rest.find(|c| !inside(c)).unwrap_or(rest.len());
            out.push(Token { kind: Kind::Word, text: &rest[..len], at });
            at += len;
        } else {
            let known = SYMBOLS.iter().find(|s| rest.starts_with(**s)).map(|s| s.len());
            let Some(len) = known.or_else(|| SINGLE.as_bytes().contains(&c).then_some(1)) else {
                let shown = rest.chars().next().unwrap_or_default();
                return Err(file.error(at, format!("unexpected character `{}`", shown.escape_default())));
            };
            out.push(Token { kind: Kind::Sym, text: &rest[..len], at });
            at += len;
        }
    }
    out.push(Token { kind: Kind::End, text: "the end of the file", at: text.len() });
    Ok(out)
}

/// Where a comment that begins at `at` ends; `None` if none does.
pub(super) fn comment(file: File<'_>, at: usize, c_like: bool) -> Result<Option<usize>, Error> {
    let rest = &file.text[at..];
    if c_like && rest.starts_with("//") {
        return Ok(Some(at + rest.find('\n').unwrap_or(rest.len())));
    }
    if c_like && rest.starts_with("/*") {
        let end = rest.find("*/").ok_or_else(|| file.error(at, "this comment has no end"))?;
        return Ok(Some(at + end + 2));
    }
    // In C, `(*x)` is an expression; a comment has a blank or another star behind the star.
    let third = rest.as_bytes().get(2).copied().unwrap_or(b' ');
    if !rest.starts_with("(*") || (c_like && (third.is_ascii_alphanumeric() || b"_(*".contains(&third))) {
        return Ok(None);
    }
    let (mut depth, mut i) = (0usize, 0);
    let bytes = rest.as_bytes();
    while i + 1 < bytes.len() {
        match &bytes[i..i + 2] {
            b"(*" => (depth, i) = (depth + 1, i + 2),
            b"*)" => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return Ok(Some(at + i));
        }
    }
    Err(file.error(at, "this comment has no end"))
}

fn number(text: &str) -> Option<u64> {
    // C suffixes say nothing that the type does not say.
    let text = text.trim_end_matches(['u', 'U', 'l', 'L']);
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A position in a list of tokens.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'t, 'a> {
    pub(super) file: File<'a>,
    toks: &'t [Token<'a>],
    pos: usize,
    /// Given at the end of the list.
    end: Token<'a>,
}

impl<'t, 'a> Cursor<'t, 'a> {
    /// Over these tokens; `end` is the offset for messages about what is missing at their end.
    pub(super) fn new(file: File<'a>, toks: &'t [Token<'a>], end: usize) -> Self {
        Cursor { file, toks, pos: 0, end: Token { kind: Kind::End, text: "the end", at: end } }
    }

    pub(super) fn peek(&self) -> Token<'a> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, n: usize) -> Token<'a> {
        self.toks.get(self.pos + n).copied().unwrap_or(self.end)
    }

    pub(super) fn bump(&mut self) -> Token<'a> {
        let t = self.peek();
        self.pos += 1;
        t
    }

    pub(super) fn at_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    pub(super) fn is(&self, text: &str) -> bool {
        let t = self.peek();
        matches!(t.kind, Kind::Sym | Kind::Word) && t.text == text
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let yes = self.is(text);
        self.pos += usize::from(yes);
        yes
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<Token<'a>, Error> {
        if self.is(text) { Ok(self.bump()) } else { Err(self.unexpected(&format!("`{text}`"))) }
    }

    pub(super) fn word(&mut self, what: &str) -> Result<Token<'a>, Error> {
        if self.peek().kind == Kind::Word { Ok(self.bump()) } else { Err(self.unexpected(what)) }
    }

    /// A number, perhaps with a minus.
    pub(super) fn int(&mut self, what: &str) -> Result<i64, Error> {
        let minus = self.eat("-");
        match self.peek().kind {
            Kind::Int(n) => {
                self.pos += 1;
                Ok(if minus { (n as i64).wrapping_neg() } else { n as i64 })
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// An error about the current token.
    pub(super) fn unexpected(&self, wanted: &str) -> Error {
        let t = self.peek();
        let found = if t.kind == Kind::End { t.text.to_owned() } else { format!("`{}`", t.text) };
        self.file.error(t.at, format!("expected {wanted}, found {found}"))
    }
}
