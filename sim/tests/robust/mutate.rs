// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mutations of texts, the same ones every time.

/// Numbers that are at the edge of something.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "63",
    "64",
    "65",
    "255",
    "256",
    "1024",
    "1025",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "0.0000001",
    "0x7fffffffffffffff",
    "99999999999999999999999999",
];

/// Pieces that mean something to one of the readers.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    ",",
    ":",
    "//",
    "/*",
    "*/",
    "\\",
    "\n",
    "\r\n",
    "\t",
    "\u{0}",
    "é",
    "\u{202e}",
    "#",
    "'",
    "Some(",
    "None",
    "true",
    "proc p() {\n",
    "patch x {\n",
    "ret\n",
    "goto a\n",
    "mark held(lock)\n",
    "store.u64 [0], 1\n",
    "struct s { a: u64 @0 }\n",
    "param p = 1ns\n",
    "exists (",
    "/\\",
    "\\/",
    "~",
    "MOV EAX,$1",
    "{\"format\":1,",
    "null",
    "ns",
    "GHz",
];

/// Makes one text of another.
pub(crate) struct Mutator(u64);

impl Mutator {
    /// Its sequence depends on the name alone.
    pub(crate) fn new(name: &str) -> Mutator {
        Mutator(name.bytes().fold(0x9e37_79b9_7f4a_7c15, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)) | 1)
    }

    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n.max(1)
    }

    /// A place between two characters.
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn range(&mut self, text: &str, longest: usize) -> std::ops::Range<usize> {
        let from = self.place(text);
        let mut to = (from + self.below(longest)).min(text.len());
        while !text.is_char_boundary(to) {
            to -= 1;
        }
        from..to.max(from)
    }

    /// One of the texts, changed in one to four places.
    pub(crate) fn next(&mut self, texts: &[String]) -> String {
        let mut text = texts[self.below(texts.len())].clone();
        for _ in 0..=self.below(4) {
            match self.below(7) {
                0 => {
                    let range = self.range(&text, 40);
                    text.replace_range(range, "");
                }
                1 => {
                    let range = self.range(&text, 200);
                    let copy = text[range].to_owned();
                    let at = self.place(&text);
                    text.insert_str(at, &copy);
                }
                2 => {
                    let at = self.place(&text);
                    text.insert_str(at, PIECES[self.below(PIECES.len())]);
                }
                3 | 4 => self.number(&mut text),
                5 => {
                    let other = texts[self.below(texts.len())].clone();
                    let piece = other[self.range(&other, 400)].to_owned();
                    let range = self.range(&text, 100);
                    text.replace_range(range, &piece);
                }
                _ => {
                    let at = self.place(&text);
                    text.truncate(at);
                }
            }
        }
        text
    }

    /// Puts another number where there is one.
    fn number(&mut self, text: &mut String) {
        let start = self.place(text);
        let Some(from) = text[start..].find(|c: char| c.is_ascii_digit()).map(|i| start + i) else { return };
        let to = text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |i| from + i);
        text.replace_range(from..to, NUMBERS[self.below(NUMBERS.len())]);
    }
}
