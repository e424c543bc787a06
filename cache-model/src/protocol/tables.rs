// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both tables of a protocol as one value that can be patched cell by cell.

use super::cache::{CACHE_TABLE, CacheAction, CacheCell, CacheEvent, CacheState, CacheTable};
use super::cell::Cell;
use super::home::{HOME_TABLE, HomeAction, HomeCell, HomeEvent, HomeState, HomeTable};
use std::borrow::Cow;
use std::sync::OnceLock;

/// The protocols that the others are made from.
pub const BASES: [&str; 4] = ["msi", "mesi", "mesif", "moesi"];

/// What can be added to the name of a base, each after a hyphen, in this order; each is a patch of its own.
pub const VARIANTS: [&str; 4] = ["silent", "upgrade", "noninclusive", "far"];

/// Choices of variants.
const CHOICES: usize = 1 << VARIANTS.len();

/// `[choice of variants, as a set of bits][base]`: made when first asked for, for most programs use one or two.
static MADE: [[OnceLock<Tables>; BASES.len()]; CHOICES] = [const { [const { OnceLock::new() }; BASES.len()] }; CHOICES];

/// Names of the snooping protocols, which need a bus.
pub const SNOOPING: [&str; 2] = ["snoop-msi", "snoop-mesi"];

/// The snooping protocols, in the order of [`SNOOPING`].
static MADE_SNOOPING: [OnceLock<Tables>; SNOOPING.len()] = [const { OnceLock::new() }; SNOOPING.len()];

/// The two tables of a protocol: what runs, what is checked and what is printed.
///
/// A variant or a deliberate fault is a copy with a few cells replaced, so it states exactly what
/// it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Name of the protocol, as in `sim protocol NAME`.
    pub name: Cow<'static, str>,
    /// Shared copies go without the home being told, so it may list caches that have none.
    pub shared_evictions_silent: bool,
    /// The directory and the data of the last level are arrays of their own.
    pub noninclusive: bool,
    /// The home executes read-modify-writes of caches that do not own the line alone.
    pub far: bool,
    /// Requests are broadcast on a bus, whose order is the order of the protocol; nothing is acknowledged.
    pub snooping: bool,
    /// The private cache's side.
    pub cache: CacheTable,
    /// The home's side.
    pub home: HomeTable,
}

impl Tables {
    /// The protocol of this name, for execution: one of [`BASES`] with any of [`VARIANTS`], or one of [`SNOOPING`].
    ///
    /// ```
    /// use cache_model::protocol::{Format, Tables};
    /// let text = Tables::by_name("mesi").expect("a known protocol").render(Format::Text);
    /// assert!(text.contains("IS_D"));
    /// assert!(Tables::by_name("mesy").is_none());
    /// ```
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        if let Some(i) = SNOOPING.iter().position(|n| *n == name) {
            return Some(MADE_SNOOPING[i].get_or_init([Self::snoop_msi, Self::snoop_mesi][i]));
        }
        let mut parts = name.split('-').peekable();
        let base = parts.next().and_then(|first| BASES.iter().position(|b| *b == first))?;
        let mut choice = 0;
        for (i, variant) in VARIANTS.iter().enumerate() {
            choice |= usize::from(parts.next_if_eq(variant).is_some()) << i;
        }
        parts.next().is_none().then(|| Self::chosen(choice, base))
    }

    /// A base with a choice of variants.
    fn chosen(choice: usize, base: usize) -> &'static Self {
        MADE[choice][base].get_or_init(|| match choice.checked_ilog2() {
            None => [Self::msi, Self::mesi, Self::mesif, Self::moesi][base](),
            Some(last) => Self::chosen(choice & !(1 << last), base).clone().variant(VARIANTS[last as usize]),
        })
    }

    /// Every protocol with a directory, which run on any interconnect: the bases first, then with the first variant,
    /// then both with the second, and so on.
    #[must_use]
    pub fn all() -> Vec<&'static Self> {
        (0..CHOICES * BASES.len()).map(|i| Self::chosen(i / BASES.len(), i % BASES.len())).collect()
    }

    /// The base that the protocol is a variant of.
    #[must_use]
    pub fn base(&self) -> &'static str {
        let first = self.name.split('-').next();
        BASES.into_iter().find(|b| Some(*b) == first).expect("every protocol is made from a base")
    }

    /// These tables with one of [`VARIANTS`].
    fn variant(self, variant: &str) -> Self {
        let name = format!("{}-{variant}", self.name);
        let patched = match variant {
            "silent" => self.silent(),
            "upgrade" => self.upgrade(),
            "noninclusive" => self.noninclusive(),
            "far" => self.far(),
            other => unreachable!("{other} is no variant"),
        };
        Self { name: name.into(), ..patched }
    }

    /// Modified, exclusive, shared, invalid.
    #[must_use]
    pub fn mesi() -> Self {
        Self {
            name: "mesi".into(),
            shared_evictions_silent: false,
            noninclusive: false,
            far: false,
            snooping: false,
            cache: CACHE_TABLE,
            home: HOME_TABLE,
        }
    }

    /// MESI without the state `E`: a first reader becomes a sharer. For comparison with published
    /// counts, and as an example of a variant written as a patch.
    #[must_use]
    pub fn msi() -> Self {
        const NO_E: &str = "MSI has no exclusive state";
        const NOT_OWNER: &str = "a reader never becomes an owner in MSI";
        let mut t = Self { name: "msi".into(), ..Self::mesi() };
        for event in CacheEvent::ALL {
            t = t.with_cache_cell(CacheState::E, event, Cell::Impossible(NO_E)).with_cache_cell(
                CacheState::EI_A,
                event,
                Cell::Impossible(NO_E),
            );
        }
        for state in CacheState::ALL {
            t = t.with_cache_cell(state, CacheEvent::DataExclusive, Cell::Impossible(NO_E));
        }
        for event in [CacheEvent::FwdGetS, CacheEvent::FwdGetM] {
            t = t.with_cache_cell(CacheState::IS_D, event, Cell::Impossible(NOT_OWNER));
        }
        for event in HomeEvent::ALL {
            t = t.with_home_cell(HomeState::E, event, Cell::Impossible(NO_E));
        }
        for state in HomeState::ALL {
            t = t.with_home_cell(state, HomeEvent::PutEOwner, Cell::Impossible(NO_E));
            t = t.with_home_cell(state, HomeEvent::PutENonOwner, Cell::Impossible(NO_E));
        }
        let share = Cell::Go(&[HomeAction::DataToReq, HomeAction::AddSharer], HomeState::S);
        t.with_home_cell(HomeState::I, HomeEvent::GetS, share)
    }

    /// A copy with one cell of the cache table replaced.
    #[must_use]
    pub fn with_cache_cell(mut self, s: CacheState, e: CacheEvent, cell: CacheCell) -> Self {
        self.cache[s as usize][e as usize] = cell;
        self
    }

    /// A copy with one cell of the home table replaced.
    #[must_use]
    pub fn with_home_cell(mut self, s: HomeState, e: HomeEvent, cell: HomeCell) -> Self {
        self.home[s as usize][e as usize] = cell;
        self
    }

    /// The cell of the cache table for this pair.
    #[must_use]
    #[inline]
    pub fn cache_cell(&self, state: CacheState, event: CacheEvent) -> Cell<CacheAction, CacheState> {
        self.cache[state as usize][event as usize]
    }

    /// The cell of the home table for this pair.
    #[must_use]
    #[inline]
    pub fn home_cell(&self, state: HomeState, event: HomeEvent) -> Cell<HomeAction, HomeState> {
        self.home[state as usize][event as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_name_and_the_properties_that_its_name_says() {
        let names: std::collections::BTreeSet<&str> =
            Tables::all().into_iter().map(|t| &*t.name).chain(BASES).chain(SNOOPING).collect();
        assert_eq!(names.len(), (BASES.len() << VARIANTS.len()) + SNOOPING.len(), "all are different: {names:?}");
        for name in names {
            let t = Tables::by_name(name).expect("it has a name");
            let with = |variant: &str| name.split('-').any(|part| part == variant);
            assert_eq!(t.name, name);
            assert_eq!(t.snooping, with("snoop"), "{name}");
            assert_eq!(t.shared_evictions_silent, with("silent") || with("snoop"), "{name}");
            assert_eq!(t.far, with("far"), "{name}");
        }
        assert_eq!(Tables::all().len(), BASES.len() << VARIANTS.len());
    }
}
