// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who caused traffic, who shares lines without sharing bytes, and what links did: the part of a
//! record that is measured on request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::Traffic;

/// A place in the program that accesses a field, in a kind of context.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Object, field and slot, as in `held.locks[3]`; several if several were accessed.
    pub field: String,
    /// Kind of context: `task`, `nmi`, ..
    pub context: String,
    /// Program text it is in.
    pub file: String,
    /// Line of that text, from 1.
    pub line: u32,
    /// The line itself, without comment and indentation.
    pub text: String,
}

/// What accesses at one place caused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The place.
    pub access: Access,
    /// Accesses that sent a request.
    pub misses: u64,
    /// Copies of the accessed line that were taken away from other caches.
    pub invalidations: u64,
    /// Writers of the accessed line that became readers.
    pub downgrades: u64,
    /// Copies of other lines that were taken away because a last-level slice needed their way.
    pub recalls: u64,
    /// Messages with a line between two private caches.
    pub transfers: u64,
    /// Every message the accesses led to, by class. Unlike elsewhere a class of which there was none is left out.
    pub by_class: BTreeMap<String, Traffic>,
    /// Those of them that are about other lines: evictions and recalls.
    pub elsewhere: Traffic,
}

impl Site {
    /// All messages.
    pub fn traffic(&self) -> Traffic {
        let mut sum = Traffic::default();
        self.by_class.values().for_each(|&t| sum.add(t));
        sum
    }

    fn add(&mut self, more: &Site) {
        self.misses += more.misses;
        self.invalidations += more.invalidations;
        self.downgrades += more.downgrades;
        self.recalls += more.recalls;
        self.transfers += more.transfers;
        for (class, &t) in &more.by_class {
            self.by_class.entry(class.clone()).or_default().add(t);
        }
        self.elsewhere.add(more.elsewhere);
    }
}

/// An access that took a line from another core, and how that core had used its copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sharing {
    /// [`crate::names::FALSE_SHARING`], [`crate::names::TRUE_SHARING`] or [`crate::names::UNUSED_COPY`].
    pub kind: String,
    /// Who took the line.
    pub taker: Access,
    /// All fields the other core had used since it got the line, and its last access; none if it had used none.
    pub victim: Option<Access>,
    /// Copies taken away.
    pub invalidations: u64,
    /// Permissions to write taken away by readers.
    pub downgrades: u64,
}

/// Messages, and how long they waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waits {
    /// Messages.
    pub messages: u64,
    /// Core cycles they waited beyond what empty links take.
    pub waited_cycles: u64,
    /// Core cycles the one waited that waited longest.
    pub longest_cycles: u64,
}

impl Waits {
    /// Mean wait in core cycles; `None` without messages.
    pub fn mean_cycles(&self) -> Option<f64> {
        (self.messages > 0).then(|| self.waited_cycles as f64 / self.messages as f64)
    }

    /// Adds another count.
    pub fn add(&mut self, more: Waits) {
        self.messages += more.messages;
        self.waited_cycles += more.waited_cycles;
        self.longest_cycles = self.longest_cycles.max(more.longest_cycles);
    }
}

/// One link in one direction, or a bus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Stop it begins at; empty for a bus.
    pub from: String,
    /// Stop it ends at, or the bus.
    pub to: String,
    /// Ticks of its clock in the run.
    pub ticks: u64,
    /// Sets of wires it has: one per virtual network, or one for all.
    pub wires: u64,
    /// Ticks in use, summed over the sets of wires.
    pub busy_ticks: u64,
    /// Messages that crossed it and how long they waited for it, by virtual network.
    pub networks: BTreeMap<String, Waits>,
}

impl Link {
    /// Share of its wires' time in use; `None` before its first tick.
    pub fn utilisation(&self) -> Option<f64> {
        let all = self.ticks * self.wires;
        (all > 0).then(|| self.busy_ticks as f64 / all as f64)
    }

    /// All virtual networks together.
    pub fn all_networks(&self) -> Waits {
        let mut sum = Waits::default();
        self.networks.values().for_each(|&w| sum.add(w));
        sum
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribution {
    /// By place and field, in that order. The sums over all of them, class by class, are the
    /// record's `traffic.by_class`.
    pub sites: Vec<Site>,
    /// By kind, taker and victim, in that order.
    pub sharing: Vec<Sharing>,
    /// In the order of the network's description.
    pub links: Vec<Link>,
    /// Messages with a line between two private caches: (from, to, how many) by number of the core, in that order; pairs without any
    /// are left out. They add up to the `transfers` of the sites.
    #[serde(default)]
    pub transfers: Vec<(u32, u32, u64)>,
    /// Messages delivered over at least one link and how long they waited on all of their way, by
    /// virtual network.
    pub networks: BTreeMap<String, Waits>,
}

impl Attribution {
    /// Puts rows with equal keys together and all rows in order.
    pub fn normalize(&mut self) {
        let mut sites: BTreeMap<Access, Site> = BTreeMap::new();
        for s in std::mem::take(&mut self.sites) {
            match sites.entry(s.access.clone()) {
                std::collections::btree_map::Entry::Occupied(mut sum) => sum.get_mut().add(&s),
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(s);
                }
            }
        }
        self.sites = sites.into_values().collect();
        let mut sharing: BTreeMap<(String, Access, Option<Access>), (u64, u64)> = BTreeMap::new();
        for s in std::mem::take(&mut self.sharing) {
            let sum = sharing.entry((s.kind, s.taker, s.victim)).or_default();
            sum.0 += s.invalidations;
            sum.1 += s.downgrades;
        }
        let row = |((kind, taker, victim), (invalidations, downgrades))| Sharing {
            kind,
            taker,
            victim,
            invalidations,
            downgrades,
        };
        self.sharing = sharing.into_iter().map(row).collect();
    }

    /// Adds what was measured in another run of the same stage, on the same network.
    pub fn add(&mut self, more: &Attribution) {
        self.sites.extend(more.sites.iter().cloned());
        self.sharing.extend(more.sharing.iter().cloned());
        self.normalize();
        if self.links.is_empty() {
            self.links.clone_from(&more.links);
        } else {
            for (sum, link) in self.links.iter_mut().zip(&more.links) {
                sum.ticks += link.ticks;
                sum.busy_ticks += link.busy_ticks;
                for (name, &w) in &link.networks {
                    sum.networks.entry(name.clone()).or_default().add(w);
                }
            }
        }
        let mut pairs: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for &(from, to, n) in self.transfers.iter().chain(&more.transfers) {
            *pairs.entry((from, to)).or_default() += n;
        }
        self.transfers = pairs.into_iter().map(|((from, to), n)| (from, to, n)).collect();
        for (name, &w) in &more.networks {
            self.networks.entry(name.clone()).or_default().add(w);
        }
    }

    /// Messages by class, summed over all sites.
    pub fn by_class(&self) -> BTreeMap<String, Traffic> {
        let mut sum: BTreeMap<String, Traffic> = BTreeMap::new();
        for (class, &t) in self.sites.iter().flat_map(|s| &s.by_class) {
            sum.entry(class.clone()).or_default().add(t);
        }
        sum
    }
}
