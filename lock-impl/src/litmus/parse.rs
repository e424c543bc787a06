// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file as a whole: header, initial section, threads, condition.

use super::asm::{Asm, Flags};
use super::cond::{self, Condition};
use super::init::{self, Table};
use super::lex::{Cursor, File, Kind, Token, comment, lex};
use super::{Dialect, Error, FILE_BYTES_MAX, Observable, Quantifier, Scalar, Test, Thread, aarch64, c, x86};

/// Words that begin what comes behind the threads.
const CLOSING: [&str; 6] = ["exists", "forall", "locations", "filter", "~", "not"];

pub(super) fn parse(name: &str, text: &str) -> Result<Test, Error> {
    let file = File { name, text };
    if text.len() > FILE_BYTES_MAX {
        return Err(file.error(0, format!("the file has {} bytes, more than {FILE_BYTES_MAX}", text.len())));
    }
    let (dialect, test_name, body) = header(file)?;
    let toks = lex(file, body, dialect == Dialect::C)?;
    let mut cursor = Cursor::new(file, &toks, text.len());
    let mut table = Table::new(dialect);
    init::section(&mut cursor, &mut table)?;
    let wide = if dialect == Dialect::C {
        while !CLOSING.iter().any(|w| cursor.is(w)) {
            if cursor.at_end() {
                return Err(cursor.unexpected("a thread such as `P0(int *x)`, or `exists`"));
            }
            c::thread(&mut cursor, &mut table)?;
        }
        false
    } else {
        columns(&mut cursor, &mut table)?
    };
    if table.threads.is_empty() {
        return Err(cursor.unexpected("at least one thread"));
    }
    table.threads_known = true;
    let missing = table.threads.iter().position(|t| dialect == Dialect::C && t.lines.is_empty());
    if let Some(i) = missing {
        return Err(cursor.unexpected(&format!("the thread `P{i}`, which the initial section names")));
    }
    for l in &mut table.locations {
        l.scalar = l.scalar.or(Some(Scalar { bytes: if wide { 8 } else { 4 }, signed: true }));
    }
    let mut tail = tail(&mut cursor, &mut table)?;
    let order = sort_observed(&mut table.observed);
    tail.condition.renumber(&|i| order[i]);
    if let Some(f) = &mut tail.filter {
        f.renumber(&|i| order[i]);
    }
    Ok(Test {
        file: name.to_owned(),
        name: test_name,
        dialect,
        locations: table.locations,
        threads: table.threads,
        quantifier: tail.quantifier,
        condition: tail.condition,
        filter: tail.filter,
        condition_text: tail.text,
        observed: table.observed,
        has_pointers: table.has_pointers,
    })
}

/// The first line, and where the initial section begins.
fn header(file: File<'_>) -> Result<(Dialect, String, usize), Error> {
    let text = file.text;
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        match comment(file, at, true)? {
            Some(after) => at = after,
            None => break,
        }
    }
    let line = text[at..].lines().next().unwrap_or_default();
    let mut words = line.split_whitespace();
    let arch = words.next().unwrap_or_default();
    let all = [Dialect::X86, Dialect::X86_64, Dialect::AArch64, Dialect::C];
    let Some(dialect) = all.into_iter().find(|d| d.name() == arch) else {
        let names = all.map(Dialect::name).join(", ");
        return Err(file
            .error(at, format!("the dialect `{arch}` is not supported; the first line is one of {names} and a name")));
    };
    let Some(name) = words.next() else { return Err(file.error(at, "the test has no name")) };
    at += line.len();
    while at < text.len() {
        if let Some(after) = comment(file, at, false)? {
            at = after;
            continue;
        }
        match text.as_bytes()[at] {
            b'{' => return Ok((dialect, name.to_owned(), at)),
            b'"' => {
                let Some(end) = text[at + 1..].find('"') else { return Err(file.error(at, "this text has no end")) };
                at += end + 2;
            }
            _ => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    Err(file.error(at, "there is no initial section `{ .. }`"))
}

/// The threads of an assembly dialect: rows of cells. True if some access has eight bytes.
fn columns(c: &mut Cursor<'_, '_>, table: &mut Table) -> Result<bool, Error> {
    let first = row(c)?;
    for (i, (cell, end)) in first.iter().enumerate() {
        let wanted = format!("P{i}");
        let t = Cursor::new(c.file, cell, *end).peek();
        if t.text != wanted || cell.len() != 1 {
            return Err(c.file.error(t.at, format!("expected the thread `{wanted}` in the row of names")));
        }
    }
    let n = first.len();
    if table.threads.len() > n {
        return Err(c.file.error(first[0].1, format!("the initial section names thread {}", table.threads.len() - 1)));
    }
    table.threads.resize(n, Thread::default());
    let mut threads: Vec<Asm> = table.threads.drain(..).map(Asm::new).collect();
    while !CLOSING.iter().any(|w| c.is(w)) {
        if c.at_end() {
            return Err(c.unexpected("a row of instructions, or `exists`"));
        }
        let cells = row(c)?;
        if cells.len() > n {
            return Err(c.file.error(cells[n].1, format!("this row has {} cells for {n} threads", cells.len())));
        }
        for (i, (cell, end)) in cells.iter().enumerate() {
            let mut cursor = Cursor::new(c.file, cell, *end);
            instruction(&mut cursor, &mut threads[i], table)?;
        }
    }
    let wide = threads.iter().any(|t| t.wide);
    for asm in threads {
        table.threads.push(asm.finish(c.file)?);
    }
    Ok(wide)
}

/// The cells up to `;`, each with the offset of its end.
fn row<'a>(c: &mut Cursor<'_, 'a>) -> Result<Vec<(Vec<Token<'a>>, usize)>, Error> {
    let mut cells = vec![(Vec::new(), 0)];
    loop {
        let t = c.peek();
        if t.kind == Kind::End || CLOSING.contains(&t.text) {
            return Err(c.unexpected("`|` or `;`"));
        }
        c.bump();
        let last = cells.len() - 1;
        cells[last].1 = t.at;
        match t.text {
            ";" if t.kind == Kind::Sym => return Ok(cells),
            "|" if t.kind == Kind::Sym => cells.push((Vec::new(), t.at)),
            _ => cells[last].0.push(t),
        }
    }
}

/// Labels and at most one instruction.
fn instruction(c: &mut Cursor<'_, '_>, asm: &mut Asm, table: &mut Table) -> Result<(), Error> {
    while c.peek().kind == Kind::Word && c.peek_at(1).text == ":" {
        let label = c.bump();
        c.bump();
        asm.flags = Flags::Unknown;
        asm.label(c.file, label)?;
    }
    if c.at_end() {
        return Ok(());
    }
    match table.dialect {
        Dialect::AArch64 => aarch64::instruction(c, asm, table)?,
        _ => x86::instruction(c, asm, table)?,
    }
    if c.at_end() { Ok(()) } else { Err(c.unexpected("the end of the instruction")) }
}

struct Tail {
    quantifier: Quantifier,
    condition: Condition,
    filter: Option<Condition>,
    text: String,
}

/// `locations [..]`, `filter (..)`, and the question.
fn tail(c: &mut Cursor<'_, '_>, table: &mut Table) -> Result<Tail, Error> {
    let mut filter = None;
    loop {
        if c.eat("locations") {
            c.expect("[")?;
            while !c.eat("]") {
                cond::place(c, table)?;
                if !c.eat(";") && !c.is("]") {
                    return Err(c.unexpected("`;` or `]`"));
                }
            }
        } else if c.eat("filter") {
            filter = Some(cond::condition(c, table, 0)?);
        } else {
            break;
        }
    }
    let quantifier = if c.eat("exists") {
        Quantifier::Exists
    } else if c.eat("forall") {
        Quantifier::Forall
    } else {
        if !c.eat("~") && !c.eat("not") {
            return Err(c.unexpected("`exists`, `~exists` or `forall`"));
        }
        c.expect("exists")?;
        Quantifier::NotExists
    };
    let start = c.peek().at;
    let condition = cond::condition(c, table, 0)?;
    c.eat(";");
    if !c.at_end() {
        return Err(c.unexpected("the end of the file behind the condition"));
    }
    let text = c.file.text[start..].split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Tail { quantifier, condition, filter, text })
}

/// Sorts what is observed; `[old index]`: new index.
fn sort_observed(observed: &mut [Observable]) -> Vec<usize> {
    let before = observed.to_vec();
    observed.sort();
    before.iter().map(|o| observed.iter().position(|x| x == o).unwrap_or_default()).collect()
}
