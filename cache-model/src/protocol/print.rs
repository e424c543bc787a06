// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables as text for a terminal, as Markdown and as graphs, made from the cells that are executed.

use std::fmt;

use super::cache::{CacheAction, CacheEvent, CacheState};
use super::cell::Cell;
use super::home::{HomeAction, HomeEvent, HomeState};
use super::snoop;
use super::tables::{BASES, SNOOPING, Tables, VARIANTS};

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One block per state, events with the same cell on one line, and the reason of every cell
    /// that cannot happen.
    Text,
    /// States by events as one table per side, and a legend.
    Markdown,
    /// One directed graph per side in the language of Graphviz: states, and an edge per pair of states
    /// between which events lead. Events that leave the state as it is are not drawn.
    Graphviz,
}

/// No protocol has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProtocol(
    /// The name asked for.
    pub String,
);

impl fmt::Display for UnknownProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variants: Vec<String> = VARIANTS.iter().map(|v| format!("[-{v}]")).collect();
        write!(
            f,
            "no protocol is called {:?}; known: {}, each with {}, and {}",
            self.0,
            BASES.join(", "),
            variants.concat(),
            SNOOPING.join(", ")
        )
    }
}

impl std::error::Error for UnknownProtocol {}

/// What the names of protocols are made of, ending in a line feed.
#[must_use]
pub fn list() -> String {
    let bases = BASES.map(|name| match name {
        "msi" => (name, "modified, shared, invalid"),
        "mesi" => (name, "and exclusive: the only reader may write unasked"),
        "mesif" => (name, "and forward: the last reader of a clean line answers the next"),
        _ => (name, "mesi, and owned: a written line is shared without being written back"),
    });
    let variants = VARIANTS.map(|name| match name {
        "silent" => (name, "shared copies are evicted without a word to the home"),
        "upgrade" => (name, "a sharer that writes asks for the permission, without data"),
        "noninclusive" => (name, "the last level's directory and data are arrays of their own"),
        _ => (name, "the home executes read-modify-writes of caches that do not own the line alone"),
    });
    let lines = |terms: &[(&str, &str)], sign: &str| -> String {
        terms.iter().map(|(name, meaning)| format!("  {:14} {meaning}\n", format!("{sign}{name}"))).collect()
    };
    format!(
        "A protocol's name is a base, with any of the variants behind it in this order, as in mesi-silent-far.\n\n\
         Bases:\n{}\nVariants:\n{}\nOn a bus, without a directory and without variants:\n{}",
        lines(&bases, ""),
        lines(&variants, "-"),
        lines(
            &SNOOPING.map(|name| match name {
                "snoop-msi" => (name, "modified, shared, invalid"),
                _ => (name, "and exclusive"),
            }),
            ""
        )
    )
}

/// The tables of the protocol called `name`, ending in a line feed.
///
/// # Errors
/// [`UnknownProtocol`] if `name` is neither a name of [`Tables::all`] nor in [`SNOOPING`].
pub fn render(name: &str, format: Format) -> Result<String, UnknownProtocol> {
    let tables = Tables::by_name(name).ok_or_else(|| UnknownProtocol(name.to_string()))?;
    Ok(tables.render(format))
}

impl Tables {
    /// The tables in words, ending in a line feed. States and events without a possible cell are
    /// left out.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        let sides = [cache_side(self), home_side(self)];
        let texts = sides.iter().map(|side| match format {
            Format::Text => side.text(&self.name),
            Format::Markdown => side.markdown(&self.name),
            Format::Graphviz => side.graphviz(&self.name),
        });
        texts.collect::<Vec<_>>().join("\n")
    }
}

/// A name and what it stands for.
type Term = (&'static str, &'static str);

/// A cell without the types of its side.
#[derive(Clone, PartialEq, Eq)]
enum Entry {
    Go(Vec<&'static str>, &'static str),
    Stall,
    Impossible(&'static str),
}

/// One table without the types of its side.
struct Side {
    title: &'static str,
    states: Vec<Term>,
    events: Vec<Term>,
    actions: Vec<Term>,
    /// `[state][event]`.
    entries: Vec<Vec<Entry>>,
}

fn cache_side(tables: &Tables) -> Side {
    let entry = |cell: &Cell<CacheAction, CacheState>| match *cell {
        Cell::Go(actions, next) => Entry::Go(actions.iter().map(|a| a.name()).collect(), next.name()),
        Cell::Stall => Entry::Stall,
        Cell::Impossible(why) => Entry::Impossible(why),
    };
    Side {
        title: "private cache",
        states: CacheState::ALL
            .map(|x| (x.name(), if tables.snooping { snoop::meaning_of_cache_state(x) } else { x.meaning() }))
            .to_vec(),
        events: CacheEvent::ALL.map(|x| (x.name(), x.meaning())).to_vec(),
        actions: CacheAction::ALL
            .map(|x| (x.name(), if tables.snooping { snoop::meaning_of_cache_action(x) } else { x.meaning() }))
            .to_vec(),
        entries: tables.cache.iter().map(|row| row.iter().map(entry).collect()).collect(),
    }
    .without_empty()
}

fn home_side(tables: &Tables) -> Side {
    let entry = |cell: &Cell<HomeAction, HomeState>| match *cell {
        Cell::Go(actions, next) => Entry::Go(actions.iter().map(|a| a.name()).collect(), next.name()),
        Cell::Stall => Entry::Stall,
        Cell::Impossible(why) => Entry::Impossible(why),
    };
    Side {
        title: "home",
        states: HomeState::ALL
            .map(|x| (x.name(), if tables.snooping { snoop::meaning_of_home_state(x) } else { x.meaning() }))
            .to_vec(),
        events: HomeEvent::ALL
            .map(|x| (x.name(), if tables.snooping { snoop::meaning_of_home_event(x) } else { x.meaning() }))
            .to_vec(),
        actions: HomeAction::ALL
            .map(|x| (x.name(), if tables.snooping { snoop::meaning_of_home_action(x) } else { x.meaning() }))
            .to_vec(),
        entries: tables.home.iter().map(|row| row.iter().map(entry).collect()).collect(),
    }
    .without_empty()
}

impl Side {
    /// Without the states and events of which every cell is impossible, and the actions of which
    /// no cell makes use.
    fn without_empty(mut self) -> Self {
        let possible = |e: &Entry| !matches!(e, Entry::Impossible(_));
        let rows: Vec<bool> = self.entries.iter().map(|row| row.iter().any(possible)).collect();
        let columns: Vec<bool> =
            (0..self.events.len()).map(|column| self.entries.iter().any(|row| possible(&row[column]))).collect();
        keep(&mut self.entries, &rows);
        keep(&mut self.states, &rows);
        keep(&mut self.events, &columns);
        for row in &mut self.entries {
            keep(row, &columns);
        }
        let entries = &self.entries;
        self.actions.retain(|(name, _)| {
            let uses = |e: &Entry| matches!(e, Entry::Go(actions, _) if actions.contains(name));
            entries.iter().flatten().any(uses)
        });
        self
    }

    fn text(&self, protocol: &str) -> String {
        let mut out = format!("{protocol}, {}\n", self.title);
        for ((state, meaning), row) in self.states.iter().zip(&self.entries) {
            out += &format!("\n{state}: {meaning}\n");
            let mut told: Vec<&Entry> = Vec::new();
            for entry in row {
                if told.contains(&entry) {
                    continue;
                }
                told.push(entry);
                let same = self.events.iter().zip(row).filter(|(_, other)| *other == entry);
                let events: Vec<&str> = same.map(|((name, _), _)| *name).collect();
                out += &format!("  {}: {}\n", events.join(" | "), long(entry));
            }
        }
        for (title, terms) in [("Events", &self.events), ("Actions", &self.actions)] {
            out += &format!("\n{title}:\n");
            let width = terms.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, meaning) in terms {
                out += &format!("  {name:width$}  {meaning}\n");
            }
        }
        out
    }

    fn markdown(&self, protocol: &str) -> String {
        let mut out = format!("## {protocol}: {}\n\n| State |", self.title);
        for (event, _) in &self.events {
            out += &format!(" {event} |");
        }
        out += &format!("\n|---|{}\n", "---|".repeat(self.events.len()));
        for ((state, _), row) in self.states.iter().zip(&self.entries) {
            out += &format!("| {state} |");
            for entry in row {
                out += &format!(" {} |", short(entry, state));
            }
            out.push('\n');
        }
        out += "\nActions in order of execution, then the next state if it is another; \
                \"stall\": the event stays where it is; \".\": cannot happen.\n";
        let terms = [("States", &self.states), ("Events", &self.events), ("Actions", &self.actions)];
        for (title, terms) in terms {
            out += &format!("\n### {title}\n\n");
            for (name, meaning) in terms {
                out += &format!("- `{name}`: {meaning}\n");
            }
        }
        out
    }
}

impl Side {
    fn graphviz(&self, protocol: &str) -> String {
        let mut out = format!("digraph \"{protocol}, {}\" {{\n", self.title);
        out += "  rankdir=LR;\n  node [shape=box, style=rounded];\n";
        for (state, meaning) in &self.states {
            out += &format!("  {state} [tooltip=\"{meaning}\"];\n");
        }
        for ((from, _), row) in self.states.iter().zip(&self.entries) {
            for (to, _) in self.states.iter().filter(|(to, _)| to != from) {
                let leads = |e: &Entry| matches!(e, Entry::Go(_, next) if next == to);
                let events = self.events.iter().zip(row).filter(|(_, e)| leads(e)).map(|((event, _), _)| *event);
                let label = events.collect::<Vec<_>>().join("\\n");
                if !label.is_empty() {
                    out += &format!("  {from} -> {to} [label=\"{label}\"];\n");
                }
            }
        }
        out + "}\n"
    }
}

/// Removes the elements whose flag is not set.
fn keep<T>(all: &mut Vec<T>, flags: &[bool]) {
    let mut flags = flags.iter();
    all.retain(|_| flags.next().is_some_and(|&flag| flag));
}

fn long(entry: &Entry) -> String {
    match entry {
        Entry::Go(actions, next) if actions.is_empty() => format!("-> {next}"),
        Entry::Go(actions, next) => format!("{} -> {next}", actions.join(", ")),
        Entry::Stall => "stall".to_string(),
        Entry::Impossible(why) => format!("cannot happen: {why}"),
    }
}

fn short(entry: &Entry, state: &str) -> String {
    match entry {
        Entry::Go(actions, next) if *next == state => actions.join(", "),
        Entry::Go(actions, next) if actions.is_empty() => (*next).to_string(),
        Entry::Go(actions, next) => format!("{}; {next}", actions.join(", ")),
        Entry::Stall => "stall".to_string(),
        Entry::Impossible(_) => ".".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_groups_the_events_of_a_state_by_what_they_do() {
        let text = render("mesi", Format::Text).expect("known");
        let block = "\nIS_D: A load waits for data.\n  \
             Load | Store | Evict | FwdGetS | FwdGetM | Inv: stall\n  \
             PutAck: cannot happen: no eviction is in flight\n  \
             DataExclusive: Fill, Complete, Free -> E\n  \
             DataNoAcks: Fill, Complete, Free -> S\n  \
             DataAcks: cannot happen: acknowledgements are announced to stores only\n  \
             InvAck | LastInvAck: cannot happen: no store is waiting for acknowledgements\n";
        assert!(text.contains(block), "{text}");
    }

    #[test]
    fn an_entry_is_its_actions_and_the_next_state_if_that_is_another() {
        assert_eq!(long(&Entry::Go(Vec::new(), "S")), "-> S");
        assert_eq!(long(&Entry::Go(vec!["Fill"], "S")), "Fill -> S");
        assert_eq!(
            [short(&Entry::Go(Vec::new(), "S"), "I"), short(&Entry::Go(vec!["Fill"], "S"), "I")],
            ["S", "Fill; S"]
        );
        assert_eq!(short(&Entry::Go(vec!["Fill"], "S"), "S"), "Fill", "it stays where it is");
    }

    #[test]
    fn markdown_has_one_row_per_state_and_one_column_per_event() {
        let markdown = render("mesi", Format::Markdown).expect("known");
        let row = "| EI_A | stall | stall | stall | DataToReq, DataToHome; SI_A | \
             DataToReq, DropCopy; II_A | . | DropCopy, Free; I | . | . | . | . | . |\n";
        assert!(markdown.contains(row), "{markdown}");
        let columns = |line: &str| line.matches('|').count() - 2;
        let tables: Vec<usize> = markdown.lines().filter(|l| l.starts_with('|')).map(columns).collect();
        // Heading, rule and a line per state; states and events of other protocols are not shown.
        let cache = vec![12; 13 + 2];
        let home = vec![14; 9 + 2];
        assert_eq!(tables, [cache, home].concat());
    }

    #[test]
    fn a_graph_has_an_edge_for_every_pair_of_states_with_a_way() {
        let graph = render("mesi", Format::Graphviz).expect("known");
        assert_eq!(graph.matches("digraph").count(), 2);
        assert_eq!(graph.matches('{').count(), graph.matches('}').count());
        for edge in [
            "  IS_D -> E [label=\"DataExclusive\"];\n",
            "  MI_A -> II_A [label=\"FwdGetM\"];\n",
            "  S -> I [label=\"PutSLast\"];\n",
            "  IM_AD -> M [label=\"DataNoAcks\"];\n",
        ] {
            assert_eq!(graph.matches(edge).count(), 1, "{edge}{graph}");
        }
        assert!(!graph.contains("  M -> M ") && !graph.contains("SF"));
        let owned = render("moesi", Format::Graphviz).expect("known");
        assert!(owned.contains("  E -> O [label=\"GetS\"];\n") && owned.contains("  M -> O [label=\"FwdGetS\"];\n"));
    }

    #[test]
    fn a_snooping_table_says_what_its_states_mean_on_a_bus() {
        let text = render("snoop-mesi", Format::Text).expect("known");
        let block = "\nSM_A: A store waits for its upgrade's turn on the bus, with a copy that may be read.\n  \
             Load: Hit -> SM_A\n  \
             Store | Evict: stall\n";
        assert!(text.contains(block), "{text}");
        for line in ["  OwnUpgr: Complete, Free -> M\n", "  OtherGetM | OtherUpgr: DropCopy -> IM_AD\n"] {
            assert_eq!(text.matches(line).count(), 1, "{line}{text}");
        }
        for gone in ["InvAck", "PutAck", "sharer list", "Fwd"] {
            assert!(!text.contains(gone), "{gone}");
        }
        let graph = render("snoop-msi", Format::Graphviz).expect("known");
        assert!(graph.contains("  IM_D -> M [label=\"DataNoAcks\"];\n") && !graph.contains("EI_A"));
    }

    #[test]
    fn msi_is_printed_without_what_it_does_not_have() {
        let text = render("msi", Format::Text).expect("known");
        for gone in ["\nE:", "\nEI_A:", "DataExclusive", "PutEOwner", "SendPutE"] {
            assert!(!text.contains(gone), "{gone}");
        }
        assert!(text.contains("  GetS: DataToReq, AddSharer -> S\n"), "{text}");
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = render("mosi", Format::Text).expect_err("there is no such table");
        assert_eq!(
            error.to_string(),
            "no protocol is called \"mosi\"; known: msi, mesi, mesif, moesi, each with \
             [-silent][-upgrade][-noninclusive][-far], and snoop-msi, snoop-mesi"
        );
    }

    #[test]
    fn the_list_names_every_part_of_a_name() {
        let list = list();
        assert!(
            list.contains("\n  mesif          and forward: ") && list.contains("\n  -noninclusive  the last"),
            "{list}"
        );
        for line in [
            "  msi            modified, shared, invalid",
            "  mesi           and exclusive: the only reader may write unasked",
            "  moesi          mesi, and owned: a written line is shared without being written back",
            "  -silent        shared copies are evicted without a word to the home",
            "  -upgrade       a sharer that writes asks for the permission, without data",
            "  -far           the home executes read-modify-writes of caches that do not own the line alone",
        ] {
            assert!(list.lines().any(|l| l == line), "{line:?} is not in\n{list}");
        }
        let parts = BASES.len() + VARIANTS.len();
        assert_eq!(
            (list.lines().count(), Tables::all().len()),
            (parts + 5 + 2 + SNOOPING.len(), BASES.len() << VARIANTS.len())
        );
    }

    #[test]
    fn every_name_can_be_rendered() {
        for name in Tables::all().into_iter().map(|t| &*t.name).chain(SNOOPING) {
            for format in [Format::Text, Format::Markdown, Format::Graphviz] {
                let text = render(name, format).expect("known");
                assert!(text.contains(name) && text.ends_with('\n'));
            }
        }
    }
}
