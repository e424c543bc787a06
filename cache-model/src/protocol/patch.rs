// SPDX-License-Identifier: MIT OR Apache-2.0
//! Single cells as text, so that a variant or a deliberate fault of a protocol can be tried without
//! writing Rust.

use std::fmt;

use super::cache::{CacheAction, CacheEvent, CacheState};
use super::cell::Cell;
use super::home::{HomeAction, HomeEvent, HomeState};
use super::tables::Tables;

/// Why the text of a cell was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchError {
    /// What is wrong.
    pub what: String,
    /// Column in the text, counted in characters from 1.
    pub column: usize,
    /// What could stand there instead.
    pub expected: Vec<&'static str>,
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.what)
    }
}

impl std::error::Error for PatchError {}

/// A word of the text and the column it begins in.
type Word<'a> = (&'a str, usize);

/// Words, with `=`, `,` and `->` as words of their own.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        rest = &rest[start..];
        let end = match rest {
            _ if rest.starts_with("->") => 2,
            _ if rest.starts_with(['=', ',']) => 1,
            _ => rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | ',' | '-')).unwrap_or(rest.len()),
        };
        found.push((&rest[..end], text[..text.len() - rest.len()].chars().count() + 1));
        rest = &rest[end..];
    }
    found
}

/// What is left to read of a text.
struct Reader<'a> {
    words: std::vec::IntoIter<Word<'a>>,
    end: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self, what: &str, expected: &[&'static str]) -> Result<Word<'a>, PatchError> {
        let missing =
            || PatchError { what: format!("{what} is missing"), column: self.end, expected: expected.to_vec() };
        self.words.next().ok_or_else(missing)
    }

    /// The next word, which has to be one of `names`; its number among them.
    fn one_of(&mut self, what: &str, names: &[&'static str]) -> Result<usize, PatchError> {
        let (word, column) = self.next(what, names)?;
        let found = names.iter().position(|n| *n == word);
        found.ok_or_else(|| PatchError { what: format!("`{word}` is not {what}"), column, expected: names.to_vec() })
    }

    /// What stands behind the `=`: `Stall`, `Impossible`, or actions, `->` and a state.
    fn cell<A: Copy + 'static, S: Copy>(
        &mut self,
        actions: &[A],
        action_names: &[&'static str],
        states: &[S],
        state_names: &[&'static str],
    ) -> Result<Cell<A, S>, PatchError> {
        let mut starts = vec!["Stall", "Impossible", "->"];
        starts.extend(action_names);
        let mut list = Vec::new();
        match self.one_of("an action, `->`, `Stall` or `Impossible`", &starts)? {
            0 => return Ok(Cell::Stall),
            1 => return Ok(Cell::Impossible("a patch says so")),
            2 => {}
            n => {
                list.push(actions[n - 3]);
                while self.one_of("`,` or `->`", &[",", "->"])? == 0 {
                    list.push(actions[self.one_of("an action", action_names)?]);
                }
            }
        }
        let next = states[self.one_of("a state", state_names)?];
        Ok(Cell::Go(list.leak(), next)) // Tables live as long as the program; so do their lists.
    }
}

impl Tables {
    /// A copy with one cell replaced, as `cache M Evict = DropCopy -> I`, `home S_D GetS = Stall` or
    /// `cache I Inv = Impossible`: side, state, event, and what shall happen.
    ///
    /// # Errors
    /// [`PatchError`] at the first word that is not understood.
    pub fn patched(self, text: &str) -> Result<Self, PatchError> {
        let mut r = Reader { words: words(text).into_iter(), end: text.chars().count() + 1 };
        let tables = match r.one_of("a side", &["cache", "home"])? {
            0 => {
                let (states, actions) =
                    (CacheState::ALL.map(CacheState::name), CacheAction::ALL.map(CacheAction::name));
                let state = CacheState::ALL[r.one_of("a state", &states)?];
                let event = CacheEvent::ALL[r.one_of("an event", &CacheEvent::ALL.map(CacheEvent::name))?];
                r.one_of("`=`", &["="])?;
                let cell = r.cell(&CacheAction::ALL, &actions, &CacheState::ALL, &states)?;
                self.with_cache_cell(state, event, cell)
            }
            _ => {
                let (states, actions) = (HomeState::ALL.map(HomeState::name), HomeAction::ALL.map(HomeAction::name));
                let state = HomeState::ALL[r.one_of("a state", &states)?];
                let event = HomeEvent::ALL[r.one_of("an event", &HomeEvent::ALL.map(HomeEvent::name))?];
                r.one_of("`=`", &["="])?;
                let cell = r.cell(&HomeAction::ALL, &actions, &HomeState::ALL, &states)?;
                self.with_home_cell(state, event, cell)
            }
        };
        match r.words.next() {
            None => Ok(tables),
            Some((word, column)) => {
                Err(PatchError { what: format!("`{word}` stands behind the end"), column, expected: Vec::new() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_and_a_cell_in_rust_make_the_same_tables() {
        let text = Tables::mesi().patched("cache E Evict = DropCopy -> I").expect("it is right");
        let rust = Tables::mesi().with_cache_cell(
            CacheState::E,
            CacheEvent::Evict,
            Cell::Go(&[CacheAction::DropCopy], CacheState::I),
        );
        assert_eq!(text, rust);
        let two = Tables::mesi().patched("home  I GetS =DataToReq,AddSharer->S").expect("it is right");
        let actions = &[HomeAction::DataToReq, HomeAction::AddSharer];
        assert_eq!(two, Tables::mesi().with_home_cell(HomeState::I, HomeEvent::GetS, Cell::Go(actions, HomeState::S)));
        let none = Tables::mesi().patched("home I GetS = -> NP").expect("it is right");
        assert_eq!(none.home_cell(HomeState::I, HomeEvent::GetS), Cell::Go(&[], HomeState::NP));
        let stall = Tables::mesi().patched("cache I Inv = Stall").expect("it is right");
        assert_eq!(stall.cache_cell(CacheState::I, CacheEvent::Inv), Cell::Stall);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_column() {
        let says = |text: &str| Tables::mesi().patched(text).expect_err("it is wrong").to_string();
        assert_eq!(says("core E Evict = Stall"), "column 1: `core` is not a side");
        assert_eq!(says("cache EE Evict = Stall"), "column 7: `EE` is not a state");
        assert_eq!(says("cache E GetS = Stall"), "column 9: `GetS` is not an event");
        assert_eq!(says("cache E Evict -> I"), "column 15: `->` is not `=`");
        assert_eq!(
            says("cache E Evict = Drop -> I"),
            "column 17: `Drop` is not an action, `->`, `Stall` or `Impossible`"
        );
        assert_eq!(says("cache E Evict = DropCopy"), "column 25: `,` or `->` is missing");
        assert_eq!(says("cache E Evict = DropCopy -> I I"), "column 31: `I` stands behind the end");
        assert_eq!(says(""), "column 1: a side is missing");
    }
}
