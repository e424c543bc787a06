// SPDX-License-Identifier: MIT OR Apache-2.0
//! From text to words, numbers and signs, each with its place.

use super::diag::{Sink, Sp};

/// What a token is; its text says the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tk {
    /// A name or keyword.
    Ident,
    /// A number without unit.
    Int(u64),
    /// A span of time: nanoseconds, or core cycles if the flag is set.
    Time(u64, bool),
    /// A string; the text is what is between the quotes.
    Str,
    /// A sign; the text is the sign.
    Sym,
    /// End of a line.
    Newline,
    /// End of the text.
    End,
    /// Something already reported.
    Bad,
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tok<'a> {
    pub(super) kind: Tk,
    pub(super) text: &'a str,
    pub(super) at: Sp,
    /// Line, from 1.
    pub(super) line: u32,
}

/// Signs, longest first where one begins another. The signed comparisons are handled apart: their
/// `s` must not be the first letter of a name.
const SIGNS: [&str; 32] = [
    "->", "<<", ">>", "<=", ">=", "==", "!=", "<", ">", "=", "!", "+", "-", "*", "/", "%", "&", "|", "^", "(", ")",
    "[", "]", "{", "}", ",", ":", ";", ".", "@", "~", "?",
];

/// Splits a source into tokens; the last is [`Tk::End`]. `src` is its index, for the places.
pub(super) fn lex<'a>(src: u32, text: &'a str, sink: &mut Sink<'_>) -> Vec<Tok<'a>> {
    let mut lexer = Lexer { src, text, pos: 0, line: 1, toks: Vec::new() };
    while lexer.pos < text.len() {
        lexer.token(sink);
    }
    lexer.push(Tk::Newline, text.len(), "");
    lexer.push(Tk::End, text.len(), "");
    lexer.toks
}

struct Lexer<'a> {
    src: u32,
    text: &'a str,
    pos: usize,
    line: u32,
    toks: Vec<Tok<'a>>,
}

impl<'a> Lexer<'a> {
    fn span(&self, start: usize, end: usize) -> Sp {
        Sp { src: self.src, start: start as u32, end: end as u32 }
    }

    /// Adds a token from `start` to the current position.
    fn push(&mut self, kind: Tk, start: usize, text: &'a str) {
        let at = self.span(start, self.pos);
        self.toks.push(Tok { kind, text, at, line: self.line });
    }

    fn token(&mut self, sink: &mut Sink<'_>) {
        let start = self.pos;
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else { return };
        match first {
            '\n' => {
                self.push(Tk::Newline, start, "");
                self.pos += 1;
                self.line += 1;
            }
            ' ' | '\t' | '\r' => self.pos += 1,
            '#' => self.pos += rest.find('\n').unwrap_or(rest.len()),
            '"' => self.string(rest, sink),
            'a'..='z' | 'A'..='Z' | '_' => {
                self.pos += word_len(rest);
                self.push(Tk::Ident, start, &self.text[start..self.pos]);
            }
            '0'..='9' => {
                self.pos += word_len(rest);
                let word = &self.text[start..self.pos];
                let kind = match number(word) {
                    Ok(kind) => kind,
                    Err(why) => {
                        sink.error(self.span(start, self.pos), format!("`{}` is not a number", shorten(word)), why)
                            .help("write 12, 0x1f or 1_000, and times as 60ns, 5us, 250ms, 1s or 141cy");
                        Tk::Bad
                    }
                };
                self.push(kind, start, word);
            }
            _ => self.sign(rest, first, sink),
        }
    }

    fn string(&mut self, rest: &'a str, sink: &mut Sink<'_>) {
        let start = self.pos;
        let line_len = rest.find('\n').unwrap_or(rest.len());
        if let Some(len) = rest[1..line_len].find('"') {
            self.pos += len + 2;
            self.push(Tk::Str, start, &rest[1..=len]);
        } else {
            self.pos += rest[..line_len].trim_end().len();
            sink.error(self.span(start, self.pos), "the string has no end", "opened here, not closed on this line")
                .help("close it with `\"`");
            self.push(Tk::Bad, start, "");
        }
    }

    fn sign(&mut self, rest: &'a str, first: char, sink: &mut Sink<'_>) {
        let start = self.pos;
        for signed in ["<=s", ">=s", "<s", ">s"] {
            if rest.starts_with(signed) && word_len(&rest[signed.len() - 1..]) == 1 {
                self.pos += signed.len();
                return self.push(Tk::Sym, start, signed);
            }
        }
        if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
            self.pos += sign.len();
            return self.push(Tk::Sym, start, sign);
        }
        // Several strange characters in a row (a pasted word, say) are one mistake.
        let len = rest
            .char_indices()
            .find(|(_, c)| c.is_ascii_whitespace() || (c.is_ascii() && !c.is_ascii_control() && *c != first))
            .map_or(rest.len(), |(i, _)| i);
        self.pos += len.max(first.len_utf8());
        let at = self.span(start, self.pos);
        sink.error(at, format!("unexpected character {first:?}"), "not part of the language");
        self.push(Tk::Bad, start, "");
    }
}

/// Bytes of the letters, digits and underscores a text begins with.
fn word_len(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// A text short enough for a message.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((i, _)) => format!("{}...", &text[..i]),
        None => text.to_owned(),
    }
}

/// Value of a word that begins with a digit, or why it has none.
fn number(word: &str) -> Result<Tk, String> {
    const BIG: &str = "does not fit 64 bits";
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return digits(hex, 16).map(Tk::Int);
    }
    let unit_at = word.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(word.len());
    let value = digits(&word[..unit_at], 10)?;
    let nanos = |per: u64| value.checked_mul(per).map(|ns| Tk::Time(ns, false)).ok_or_else(|| BIG.to_owned());
    match &word[unit_at..] {
        "" => Ok(Tk::Int(value)),
        "cy" => Ok(Tk::Time(value, true)),
        "ns" => nanos(1),
        "us" => nanos(1_000),
        "ms" => nanos(1_000_000),
        "s" => nanos(1_000_000_000),
        unit => Err(format!("there is no unit `{}`", shorten(unit))),
    }
}

fn digits(text: &str, radix: u32) -> Result<u64, String> {
    let mut value: u64 = 0;
    let mut any = false;
    for c in text.chars().filter(|c| *c != '_') {
        let d = c.to_digit(radix).ok_or_else(|| format!("`{c}` is not a digit here"))?;
        let next = value.checked_mul(u64::from(radix)).and_then(|v| v.checked_add(u64::from(d)));
        value = next.ok_or("does not fit 64 bits")?;
        any = true;
    }
    if any { Ok(value) } else { Err("no digits".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Tk, String)> {
        let mut sink = Sink::new(&[]);
        let toks = lex(0, text, &mut sink);
        assert_eq!(sink.errors(), 0, "{text}");
        toks.iter().filter(|t| !matches!(t.kind, Tk::Newline | Tk::End)).map(|t| (t.kind, t.text.to_owned())).collect()
    }

    #[test]
    fn numbers_carry_their_units() {
        let k: Vec<Tk> = kinds("12 0x1F 1_000 60ns 2us 3ms 1s 141cy").into_iter().map(|(k, _)| k).collect();
        let t = |ns| Tk::Time(ns, false);
        assert_eq!(
            k,
            [
                Tk::Int(12),
                Tk::Int(31),
                Tk::Int(1000),
                t(60),
                t(2000),
                t(3_000_000),
                t(1_000_000_000),
                Tk::Time(141, true)
            ]
        );
    }

    #[test]
    fn a_signed_comparison_is_not_a_name_beginning_with_s() {
        let texts = |s: &str| kinds(s).into_iter().map(|(_, t)| t).collect::<Vec<_>>();
        assert_eq!(texts("a <s b"), ["a", "<s", "b"]);
        assert_eq!(texts("a <=s b"), ["a", "<=s", "b"]);
        assert_eq!(texts("a <spin"), ["a", "<", "spin"]);
        assert_eq!(texts("a >= s"), ["a", ">=", "s"]);
    }

    #[test]
    fn comments_end_with_their_line_and_strings_keep_hashes() {
        let texts: Vec<String> = kinds("a # b \"c\n\"# d\" e").into_iter().map(|(_, t)| t).collect();
        assert_eq!(texts, ["a", "# d", "e"]);
    }

    #[test]
    fn bad_numbers_and_characters_are_reported_once_each() {
        let sources =
            [crate::program::Source { name: "t".into(), text: "12kb 0x 99999999999999999999 é$ \"open".into() }];
        let mut sink = Sink::new(&sources);
        let toks = lex(0, &sources[0].text, &mut sink);
        assert_eq!(sink.errors(), 6);
        assert_eq!(toks.iter().filter(|t| t.kind == Tk::Bad).count(), 6);
    }
}
