// SPDX-License-Identifier: MIT OR Apache-2.0
//! A page of Markdown: its blocks, headings and links.

use std::path::{Path, PathBuf};

/// A fenced block.
pub(crate) struct Block {
    /// Line of the fence, from 1.
    pub(crate) line: usize,
    pub(crate) language: String,
    pub(crate) text: String,
    /// What the comments before it say.
    notes: Vec<String>,
}

impl Block {
    pub(crate) fn is(&self, note: &str) -> bool {
        self.notes.iter().any(|n| n == note)
    }

    /// What follows the word in a comment.
    pub(crate) fn value(&self, word: &str) -> Option<&str> {
        self.notes.iter().find_map(|n| n.strip_prefix(word)?.strip_prefix(' ')).map(str::trim)
    }
}

pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) blocks: Vec<Block>,
    /// Lines outside blocks, with their numbers.
    prose: Vec<(usize, String)>,
}

impl Page {
    pub(crate) fn read(folder: &Path, name: &str) -> Page {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut page = Page { path, name: name.to_owned(), blocks: Vec::new(), prose: Vec::new() };
        let mut open: Option<Block> = None;
        let mut notes: Vec<String> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(language)) => {
                    let language = language.split(',').next().unwrap_or_default().trim().to_owned();
                    open =
                        Some(Block { line: i + 1, language, text: String::new(), notes: std::mem::take(&mut notes) });
                }
                (Some(_), Some(_)) => page.blocks.extend(open.take()),
                (Some(block), None) => block.text += &format!("{line}\n"),
                (None, None) => {
                    match line.trim().strip_prefix("<!--").and_then(|l| l.strip_suffix("-->")) {
                        Some(note) => notes.push(note.trim().to_owned()),
                        None if line.trim().is_empty() => {}
                        None => notes.clear(),
                    }
                    page.prose.push((i + 1, line.to_owned()));
                }
            }
        }
        assert!(open.is_none(), "{name}: a block is not closed");
        page
    }

    /// Targets of links and pictures, with their lines. What stands between backquotes is no link.
    pub(crate) fn links(&self) -> impl Iterator<Item = (usize, &str)> {
        self.prose.iter().flat_map(|(line, text)| {
            let outside = text.split('`').step_by(2);
            outside.flat_map(|part| part.split("](").skip(1)).filter_map(|t| Some((*line, t.split_once(')')?.0)))
        })
    }

    /// The anchors of the headings, as mdbook and the usual hosts make them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings =
            self.prose.iter().filter(|(_, l)| l.starts_with('#')).map(|(_, l)| l.trim_start_matches('#').trim());
        let plain = |h: &str| -> String {
            let kept = h.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_');
            kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(plain).collect()
    }
}
