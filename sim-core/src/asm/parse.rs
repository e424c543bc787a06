// SPDX-License-Identifier: MIT OR Apache-2.0
//! From tokens to the syntax tree: the parts every construct needs, and recovery.
//!
//! A function that fails has reported why and returns [`Failed`]; its caller gives up the line and
//! goes on with the next, so that one run shows every mistake.

use super::diag::{Diagnostic, Sink, Sp};
use super::lex::{Tk, Tok, shorten};
use super::syntax::{Arg, Cond, Item, Literal, Name, Unit};

/// The reason has been reported.
#[derive(Debug)]
pub(super) struct Failed;

/// A result whose error has been reported.
pub(super) type Parsed<T> = Result<T, Failed>;

/// `patch` sections inside each other; more is no program, but would exhaust the stack.
pub(super) const NESTING_MAX: usize = 32;
/// Names and operators of one condition.
const COND_PARTS_MAX: usize = 200;

/// Words that begin a line of the top level.
pub(super) const TOP_WORDS: [&str; 13] = [
    "program", "defpatch", "option", "const", "param", "struct", "object", "dist", "export", "clean", "inline", "proc",
    "patch",
];

pub(super) struct Parser<'a, 't, 's, 'k> {
    toks: &'t [Tok<'a>],
    pub(super) pos: usize,
    pub(super) sink: &'k mut Sink<'s>,
    /// Open `patch` sections.
    pub(super) depth: usize,
}

/// Parses the tokens of one source.
pub(super) fn parse<'a>(toks: &[Tok<'a>], sink: &mut Sink<'_>) -> Vec<Item<'a>> {
    let mut parser = Parser { toks, pos: 0, sink, depth: 0 };
    parser.items(None)
}

impl<'a> Parser<'a, '_, '_, '_> {
    /// The token `ahead` places on; the last one repeats for ever.
    pub(super) fn peek_at(&self, ahead: usize) -> Tok<'a> {
        self.toks[(self.pos + ahead).min(self.toks.len() - 1)]
    }

    pub(super) fn peek(&self) -> Tok<'a> {
        self.peek_at(0)
    }

    pub(super) fn bump(&mut self) -> Tok<'a> {
        let tok = self.peek();
        self.pos += 1;
        tok
    }

    pub(super) fn is_sym(&self, ahead: usize, sign: &str) -> bool {
        let tok = self.peek_at(ahead);
        tok.kind == Tk::Sym && tok.text == sign
    }

    pub(super) fn is_word(&self, ahead: usize, word: &str) -> bool {
        let tok = self.peek_at(ahead);
        tok.kind == Tk::Ident && tok.text == word
    }

    pub(super) fn at_line_end(&self, ahead: usize) -> bool {
        matches!(self.peek_at(ahead).kind, Tk::Newline | Tk::End)
    }

    pub(super) fn eat(&mut self, sign: &str) -> bool {
        let there = self.is_sym(0, sign);
        self.pos += usize::from(there);
        there
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let there = self.is_word(0, word);
        self.pos += usize::from(there);
        there
    }

    /// Reports that something else was expected here; a token that was reported already is not
    /// mentioned again.
    pub(super) fn expected(&mut self, what: &str) -> Failed {
        self.expected_help(what, None)
    }

    /// As `expected`, with a way out.
    pub(super) fn expected_help(&mut self, what: &str, help: Option<&str>) -> Failed {
        let tok = self.peek();
        let found = match tok.kind {
            Tk::Bad => return Failed,
            Tk::Newline => "the end of the line".to_owned(),
            Tk::End => "the end of the file".to_owned(),
            Tk::Str => format!("\"{}\"", shorten(tok.text)),
            _ => format!("`{}`", shorten(tok.text)),
        };
        let d = self.sink.error(tok.at, format!("expected {what}, found {found}"), format!("expected {what}"));
        if let Some(help) = help {
            d.help(help);
        }
        Failed
    }

    /// Reports an error at a place.
    pub(super) fn fail(&mut self, at: Sp, message: impl Into<String>, label: impl Into<String>) -> Failed {
        self.sink.error(at, message, label);
        Failed
    }

    pub(super) fn sym(&mut self, sign: &str) -> Parsed<Sp> {
        if self.is_sym(0, sign) { Ok(self.bump().at) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    pub(super) fn ident(&mut self, what: &str) -> Parsed<Name<'a>> {
        if self.peek().kind == Tk::Ident { Ok(self.take_name()) } else { Err(self.expected(what)) }
    }

    /// The current token as a name, whatever it is.
    pub(super) fn take_name(&mut self) -> Name<'a> {
        let tok = self.bump();
        Name { text: tok.text, at: tok.at }
    }

    pub(super) fn string(&mut self, what: &str) -> Parsed<&'a str> {
        if self.peek().kind == Tk::Str { Ok(self.bump().text) } else { Err(self.expected(what)) }
    }

    pub(super) fn line_end(&mut self) -> Parsed<()> {
        if self.at_line_end(0) {
            self.pos += usize::from(self.peek().kind == Tk::Newline);
            Ok(())
        } else {
            Err(self.expected_help("the end of the line", Some("one statement a line")))
        }
    }

    /// True if the current token is the first of its line.
    pub(super) fn at_line_start(&self) -> bool {
        self.pos.checked_sub(1).and_then(|i| self.toks.get(i)).is_none_or(|t| t.kind == Tk::Newline)
    }

    pub(super) fn skip_newlines(&mut self) {
        while self.peek().kind == Tk::Newline {
            self.pos += 1;
        }
    }

    /// Goes to the next line; true if the rest of this one ended with an opening brace.
    pub(super) fn skip_line(&mut self) -> bool {
        let is_brace = |t: &Tok<'_>| t.kind == Tk::Sym && t.text == "{";
        let mut brace = self.pos.checked_sub(1).and_then(|i| self.toks.get(i)).is_some_and(is_brace);
        while !self.at_line_end(0) {
            brace = self.is_sym(0, "{");
            self.pos += 1;
        }
        self.pos += usize::from(self.peek().kind == Tk::Newline);
        brace
    }

    /// All words from token `from` on to the current one.
    pub(super) fn words_since(&self, from: usize) -> Vec<&'a str> {
        let end = self.pos.min(self.toks.len());
        self.toks[from.min(end)..end].iter().filter(|t| t.kind == Tk::Ident).map(|t| t.text).collect()
    }

    /// A block was not closed before `self.peek()`.
    pub(super) fn unclosed(&mut self, what: &str, opening: Sp) -> &mut Diagnostic {
        let tok = self.peek();
        let message = format!("the `}}` of {what} is missing");
        self.sink.error(tok.at, message, "expected `}` before this").second(opening, "opened here")
    }

    /// A number with an optional minus sign; `None` if there is none here.
    pub(super) fn literal(&mut self) -> Parsed<Option<Literal>> {
        let minus = self.is_sym(0, "-");
        let tok = self.peek_at(usize::from(minus));
        let (value, unit) = match tok.kind {
            Tk::Int(value) => (value, Unit::None),
            Tk::Time(value, false) => (value, Unit::Nanos),
            Tk::Time(value, true) => (value, Unit::Cycles),
            _ => return Ok(None),
        };
        let at = self.peek().at.to(tok.at);
        self.pos += 1 + usize::from(minus);
        if !minus {
            return Ok(Some(Literal { value, unit, at }));
        }
        if value > 1 << 63 {
            return Err(self.fail(at, format!("-{value} does not fit 64 bits"), "too small"));
        }
        if unit != Unit::None {
            return Err(self.fail(at, "a span of time cannot be negative", "negative"));
        }
        Ok(Some(Literal { value: value.wrapping_neg(), unit, at }))
    }

    /// A register, a constant or a number.
    pub(super) fn arg(&mut self, what: &str) -> Parsed<Arg<'a>> {
        if let Some(literal) = self.literal()? {
            return Ok(Arg::Lit(literal));
        }
        self.ident(what).map(Arg::Name)
    }

    /// Arguments in parentheses, and the place of the closing one.
    pub(super) fn args(&mut self) -> Parsed<(Vec<Arg<'a>>, Sp)> {
        self.sym("(")?;
        let mut args = Vec::new();
        while !self.is_sym(0, ")") {
            args.push(self.arg("an argument or `)`")?);
            if !self.eat(",") {
                break;
            }
        }
        if !self.is_sym(0, ")") {
            return Err(self.expected("`,` or `)`"));
        }
        Ok((args, self.bump().at))
    }

    /// `COND [else] {` and the end of the line.
    pub(super) fn patch_head(&mut self) -> Parsed<Cond<'a>> {
        let start = self.peek().at;
        let mut parts = 0;
        let mut cond = self.cond_or(&mut parts)?;
        if self.eat_word("else") {
            cond = Cond::Not(Box::new(cond));
        }
        if !self.eat("{") {
            return Err(
                self.expected_help("`{`", Some("write `patch NAME {`, `patch a & !b {` or `patch NAME else {`"))
            );
        }
        if self.depth >= NESTING_MAX {
            let message = format!("more than {NESTING_MAX} `patch` sections inside each other");
            return Err(self.fail(start, message, "too deep"));
        }
        self.line_end()?;
        Ok(cond)
    }

    fn cond_or(&mut self, parts: &mut usize) -> Parsed<Cond<'a>> {
        let mut left = self.cond_and(parts)?;
        while self.eat("|") {
            left = Cond::Or(Box::new(left), Box::new(self.cond_and(parts)?));
        }
        Ok(left)
    }

    fn cond_and(&mut self, parts: &mut usize) -> Parsed<Cond<'a>> {
        let mut left = self.cond_not(parts)?;
        while self.eat("&") {
            left = Cond::And(Box::new(left), Box::new(self.cond_not(parts)?));
        }
        Ok(left)
    }

    fn cond_not(&mut self, parts: &mut usize) -> Parsed<Cond<'a>> {
        *parts += 1;
        if *parts > COND_PARTS_MAX {
            let at = self.peek().at;
            return Err(self.fail(at, format!("a condition of more than {COND_PARTS_MAX} parts"), "too long"));
        }
        if self.eat("!") {
            return Ok(Cond::Not(Box::new(self.cond_not(parts)?)));
        }
        if self.eat("(") {
            let inner = self.cond_or(parts)?;
            self.sym(")")?;
            return Ok(inner);
        }
        self.ident("the name of a patch or option").map(Cond::Name)
    }
}
