// SPDX-License-Identifier: MIT OR Apache-2.0
//! Columns on a page of a given width: what does not fit beside the rest goes into further blocks below.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::columns::{Column, GAP};
use crate::units::Charset;

const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";

/// Room that columns of text are not narrowed below, characters.
const TEXT_MIN: usize = 8;

/// What text is written on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Characters of a line.
    pub(crate) width: usize,
    pub(crate) charset: Charset,
    /// Marks headings with terminal escapes.
    pub(crate) color: bool,
}

impl Page {
    pub(crate) fn new(width: usize, color: bool, ascii: bool) -> Page {
        Page { width, charset: if ascii { Charset::Ascii } else { Charset::Unicode }, color }
    }

    /// A text as lines that fit, each ended by a line feed; those after the first of a paragraph begin with `indent` blanks.
    pub(crate) fn prose(&self, text: &str, indent: usize) -> String {
        wrap_hanging(&self.charset.adapt(text), self.width, indent).into_iter().map(|l| l + "\n").collect()
    }
}

/// Columns with a rule between rows, whose cells have several lines; the first `keys` name the row.
pub(super) fn table(columns: Vec<Column>, keys: usize, page: Page) -> String {
    let blocks = fit(columns, keys, page);
    blocks.iter().map(|b| render(b, page)).collect::<Vec<_>>().join("\n")
}

/// Columns as a table without rules between its rows; the first `keys` name the row.
pub(crate) fn render_columns(columns: Vec<Column>, keys: usize, page: Page) -> String {
    let is_rule = |l: &str| l.chars().all(|c| c == '─' || c == '-');
    let mut out = String::new();
    for block in fit(columns, keys, page) {
        let text = render(&block, page);
        let lines: Vec<&str> = text.lines().collect();
        let kept = |i: usize| i == 0 || i + 1 == lines.len() || !is_rule(lines[i]);
        out.extend((0..lines.len()).filter(|&i| kept(i)).map(|i| format!("{}\n", lines[i])));
    }
    out
}

/// Characters of columns side by side.
fn across<'a>(columns: impl IntoIterator<Item = &'a Column>) -> usize {
    columns.into_iter().map(Column::width).sum::<usize>().saturating_sub(GAP)
}

/// True if columns fit side by side as they are.
pub(crate) fn fits(columns: &[Column], page: Page) -> bool {
    across(columns) <= page.width
}

/// Blocks of columns that fit, each beginning with the keys. Columns of one group stay together if they can; where even one column
/// beside the keys is too wide, texts are broken into lines.
fn fit(mut columns: Vec<Column>, mut keys: usize, page: Page) -> Vec<Vec<Column>> {
    columns.iter_mut().for_each(|c| c.adapt(page.charset));
    if across(&columns) > page.width {
        keys -= columns[..keys].iter().filter(|c| c.spare).count();
        columns.retain(|c| !c.spare);
    }
    if columns.len() <= keys || across(&columns) <= page.width {
        return vec![columns];
    }
    let mut others = columns.split_off(keys);
    // Numbers are never broken, so the keys leave room for the widest of them.
    let numbers = others.iter().filter(|c| c.right).map(|c| c.width() - GAP).max().unwrap_or(0);
    let beside = page.width.saturating_sub(numbers.max(TEXT_MIN) + GAP);
    // A single name that would be most of every block is broken into lines.
    let is_long = keys == 1 && across(&columns) > page.width * 3 / 5;
    if is_long {
        columns[0].narrow(beside.min(page.width / 3));
    } else {
        narrow(&mut columns, beside);
    }
    let room = page.width.saturating_sub(across(&columns) + GAP);
    for c in others.iter_mut().filter(|c| !c.right) {
        c.narrow(room.max(TEXT_MIN));
    }
    let mut blocks: Vec<Vec<Column>> = Vec::new();
    let together = |a: &Column, b: &Column| b.header.starts_with('\n') || (a.group == b.group && !a.group.is_empty());
    for group in others.chunk_by(together) {
        let fits = |b: &Vec<Column>| across(b.iter().chain(group)) <= page.width;
        match blocks.last_mut().filter(|b| fits(b)) {
            Some(block) => block.extend(group.iter().cloned()),
            None => blocks.extend(split(&columns, group, page.width)),
        }
    }
    blocks
}

/// A group that begins a block, in several if it is too wide for one.
fn split(keys: &[Column], group: &[Column], width: usize) -> Vec<Vec<Column>> {
    let mut blocks = vec![keys.to_vec()];
    for (i, column) in group.iter().enumerate() {
        let block = blocks.last().map_or(0, across);
        if block + GAP + column.width() - GAP > width && blocks.last().is_some_and(|b| b.len() > keys.len()) {
            let mut next = keys.to_vec();
            // A text at the head of its group says what the lines of the others are.
            next.extend(group.first().filter(|c| i > 0 && !c.right).cloned());
            blocks.push(next);
        }
        if let Some(block) = blocks.last_mut() {
            block.push(column.clone());
        }
    }
    blocks
}

/// Breaks the texts of the widest columns until all of them fit side by side, as far as that is possible.
fn narrow(columns: &mut [Column], width: usize) {
    loop {
        let excess = across(&*columns).saturating_sub(width);
        let widest = columns.iter_mut().filter(|c| !c.right).max_by_key(|c| c.width());
        let Some(column) = widest.filter(|c| excess > 0 && c.width() - GAP > TEXT_MIN) else { return };
        // Half of the excess at most, so that another column may be the widest next.
        let next = (column.width() - GAP).saturating_sub(excess.div_ceil(2)).max(TEXT_MIN);
        column.narrow(next);
    }
}

/// One block.
fn render(block: &[Column], page: Page) -> String {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.load_style(match page.charset {
        Charset::Unicode => presets::UTF8_HORIZONTAL_ONLY,
        Charset::Ascii => presets::ASCII_HORIZONTAL_ONLY,
    });
    table.set_header(block.iter().map(|c| c.header.as_str()));
    for row in 0..block.first().map_or(0, |c| c.cells.len()) {
        table.add_row(block.iter().map(|c| c.cells[row].as_str()));
    }
    for (i, (column, made)) in block.iter().zip(table.column_iter_mut()).enumerate() {
        // The library puts a blank between columns itself where others have a line.
        let gap = if i + 1 < block.len() { GAP as u16 - 1 } else { 0 };
        made.set_padding((0, gap));
        if column.right {
            made.set_cell_alignment(CellAlignment::Right);
        }
    }
    let header_lines = block.iter().map(|c| c.header.lines().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (i, line) in table.trim_fmt().lines().enumerate() {
        // The first line is a rule, the heading follows.
        let is_header = page.color && (1..=header_lines).contains(&i);
        let (on, off) = if is_header { (BOLD, RESET) } else { ("", "") };
        text += &format!("{on}{}{off}\n", line.trim_end());
    }
    text
}

/// Breaks a text at blanks into lines of at most `width` characters; line feeds stay, and a word longer than a line gets its own.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_hanging(text, width, 0)
}

/// Breaks a text as [`wrap`] does; the lines after the first of each paragraph begin with `indent` blanks. Blanks that a paragraph
/// begins with stay.
#[must_use]
pub fn wrap_hanging(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let body = paragraph.trim_start_matches(' ');
        let mut line = " ".repeat(paragraph.len() - body.len());
        let mut is_new = true;
        for word in body.split(' ') {
            let wanted = line.chars().count() + 1 + word.chars().count();
            if !is_new && wanted > width {
                lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
                is_new = true;
            }
            if !is_new {
                line.push(' ');
            }
            line += word;
            is_new = false;
        }
        lines.push(line);
    }
    lines
}

/// Breaks a text at blanks, and a word that is longer than a line anywhere.
pub(super) fn fold(text: &str, width: usize) -> String {
    let mut lines = Vec::new();
    for line in wrap(text, width) {
        let chars: Vec<char> = line.chars().collect();
        if chars.len() <= width || width == 0 {
            lines.push(line);
        } else {
            lines.extend(chars.chunks(width).map(|c| c.iter().collect::<String>()));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(header: &str, cells: &[&str], right: bool) -> Column {
        Column::new("", header, cells.iter().map(|c| (*c).to_owned()).collect(), right)
    }

    fn columns() -> Vec<Column> {
        vec![
            column("who", &["somebody with a long name", "a_single_word_of_thirty_letters"], false),
            column("first\np50", &["1 000 000", "2"], true),
            column("\np99", &["2 000 000", "3"], true),
            column("second", &["3 000 000", "4"], true),
        ]
    }

    #[test]
    fn blocks_fit_and_repeat_the_keys() {
        for width in 25..=70 {
            let text = render_columns(columns(), 1, Page::new(width, false, false));
            let widest = text.lines().map(|l| l.chars().count()).max().unwrap_or(0);
            assert!(widest <= width, "{widest} at {width}:\n{text}");
            assert_eq!(text.matches("who").count(), text.lines().filter(|l| l.contains("who")).count());
            for number in ["1 000 000", "2 000 000", "3 000 000"] {
                assert_eq!(text.matches(number).count(), 1, "{text}");
            }
        }
        assert_eq!(render_columns(columns(), 1, Page::new(70, false, false)).matches("who").count(), 1);
        let two = render_columns(columns(), 1, Page::new(55, false, false));
        assert_eq!(two.matches("who").count(), 2, "{two}");
        let head = two.lines().nth(1).unwrap_or_default();
        assert!(head.contains("first") && two.lines().nth(2).unwrap_or_default().contains("p99"), "{two}");
    }

    #[test]
    fn a_spare_column_goes_before_anything_is_folded() {
        let mut all = columns();
        all[3].spare = true;
        let text = render_columns(all, 1, Page::new(60, false, false));
        assert!(!text.contains("second") && text.matches("who").count() == 1, "{text}");
    }

    #[test]
    fn a_spare_key_goes_as_well_and_a_single_long_key_is_a_third_of_the_page() {
        let mut all = columns();
        all.insert(0, Column::new("key", "spare", vec!["left out".into(); 2], false));
        all[0].spare = true;
        let text = render_columns(all, 2, Page::new(60, false, false));
        assert!(!text.contains("left") && text.lines().filter(|l| l.starts_with("who ")).count() == 2, "{text}");
        let mut long = columns();
        long[0].cells = vec!["a point of a sweep with a name of many words".into(); 2];
        let text = render_columns(long, 1, Page::new(60, false, false));
        assert!(text.contains("\na point of a sweep "), "{text}");
        assert!(!text.contains("a point of a sweep with"), "{text}");
    }

    #[test]
    fn further_lines_of_a_paragraph_are_indented() {
        assert_eq!(wrap_hanging("  a bc def gh\nnext", 8, 4), ["  a bc", "    def", "    gh", "next"]);
        assert_eq!(wrap("one two three\nfour", 8), ["one two", "three", "four"]);
        assert_eq!(wrap("unbreakable", 4), ["unbreakable"]);
        assert_eq!(fold("unbreakable x", 4), "unbr\neaka\nble\nx");
    }
}
