// SPDX-License-Identifier: MIT OR Apache-2.0
//! No text makes the assembler panic, whatever has been done to it.

mod asm_common;

use asm_common::{EVERYTHING, enabled, source};
use sim_core::asm::{Options, assemble, check, disassemble, listing};

/// A small generator of its own, so that this test never changes with the simulator's streams.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }
}

/// One random change: of a character, a line, or a word that means something.
fn mutate(text: &mut String, random: &mut Random) {
    const PIECES: [&str; 30] = [
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ",",
        ":",
        "=",
        "\n",
        "\"",
        "#",
        "-",
        "@",
        "0",
        "18446744073709551615",
        "1cy",
        "é",
        "\u{2028}",
        "\r",
        "\0",
        " cpu ",
        "patch",
        "struct",
        "proc x",
        " else ",
        "[u64; 0xffffffff]",
        ".",
        "<s",
        "9_s",
    ];
    let mut at = random.next(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let end = text[at..].char_indices().nth(1 + random.next(4)).map_or(text.len(), |(i, _)| at + i);
    match random.next(6) {
        0 => text.replace_range(at..end, ""),
        1 => text.insert_str(at, PIECES[random.next(PIECES.len())]),
        2 => text.replace_range(at..end, PIECES[random.next(PIECES.len())]),
        3 if random.next(4) == 0 => text.truncate(at),
        kind => {
            let mut lines: Vec<&str> = text.lines().collect();
            let (a, b) = (random.next(lines.len()), random.next(lines.len()));
            if lines.is_empty() {
                return;
            }
            if kind == 4 {
                lines.swap(a, b);
            } else {
                lines[a] = lines[b];
            }
            *text = lines.join("\n");
        }
    }
}

#[test]
fn mutated_programs_give_a_program_or_messages_and_never_a_panic() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..3000u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut text = EVERYTHING.to_owned();
        for _ in 0..=random.next(4) {
            mutate(&mut text, &mut random);
        }
        let sources = source(&text);
        let options = if seed % 2 == 0 { enabled(&["first", "second"]) } else { Options::default() };
        match assemble(&sources, &options) {
            Ok(p) => {
                good += 1;
                let _ = check(&p).render(&sources, false);
                assert!(!listing(&p).is_empty());
                let text = disassemble(&p);
                let again = assemble(&source(&text), &Options::default());
                let again = again.unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
                assert_eq!(again.ops, p.ops, "seed {seed}");
            }
            Err(e) => {
                bad += 1;
                assert!(!e.is_empty(), "seed {seed}: refused without a reason");
                assert!(!e.render(&sources, seed % 3 == 0).is_empty());
            }
        }
    }
    // Both outcomes must occur, or the mutations are too weak or too strong to say anything.
    assert!(good > 100 && bad > 1000, "{good} good, {bad} bad");
}

#[test]
fn texts_without_any_sense_are_refused_quietly() {
    let deep = "(".repeat(100_000);
    for text in [
        "",
        "\n\n",
        "}",
        "{",
        "proc",
        "proc f",
        "proc f(",
        "struct",
        "patch {",
        "\u{feff}proc f() {\n}",
        "x = 1",
        "\"",
        "'",
        &deep,
    ] {
        let result = assemble(&source(text), &Options::default());
        assert_eq!(result.is_ok(), text.trim().is_empty(), "{text:.20}");
    }
    for prefix in ["patch ", "proc f() {\n patch ", "proc f() {\n x = ", "struct s { a: ", "mark note"] {
        assert!(assemble(&source(&format!("{prefix}{deep}")), &Options::default()).is_err());
    }
    let _ = assemble(&[], &Options::default()).expect("nothing is a program too");
}
