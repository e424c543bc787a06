// SPDX-License-Identifier: MIT OR Apache-2.0
//! The coherence protocol as tables, without timing: a directory MESI for private caches and an
//! inclusive last-level slice (the *home* of a line) in front of memory.
//!
//! One function per side, [`cache_cell`] and [`home_cell`], says what happens for every pair of
//! state and event. The same cells feed the timed model, the exhaustive checker in [`check`], the
//! printed tables of [`render`] and the coverage count, so none of them can drift from another.
//!
//! **Modelled:** three networks. Requests (`Get*`, `Put*`) and responses (data, `Inv-Ack`) may
//! overtake each other; the forward network (`Fwd-*`, `Inv`, `Put-Ack`) is first in, first out from
//! the home to each cache. The home blocks while it waits for an owner's data (`S_D`), for memory
//! (`F`) and while it takes copies back in order to free a way (`S_R`, `M_R`).
//!
//! MESI is written out; the other protocols are patches to it, in files of their own: `msi` in
//! [`Tables::msi`], `mesif` and `moesi`; and each of these can be patched further by variants: `silent`
//! (shared copies go untold), `upgrade` (a sharer's store asks for no data), `noninclusive`
//! (directory and data apart), `far` (read-modify-writes executed at the home). The states, events and actions are the union of all.
//!
//! Snooping protocols, for machines whose requests are broadcast on a bus, have tables of their own in
//! the same form: `snoop` says how they differ.
//!
//! **Left out:** time, capacity, and which line is evicted when. One line is independent of every
//! other as far as the tables go; coupling through full structures is the timed model's business.
//!
//! Source: the classical directory protocol as taught in Sorin, Hill and Wood, "A Primer on Memory
//! Consistency and Cache Coherence", directory chapter, rebuilt and machine-checked rather than
//! copied; `NP`, `F`, `S_R`, `M_R` and their cells are our own addition for an inclusive slice.

mod answering;
mod cache;
mod cell;
pub mod check;
mod far;
mod home;
mod mesif;
mod moesi;
mod noninclusive;
mod patch;
mod print;
mod silent;
mod snoop;
mod tables;
mod upgrade;

pub use cache::{CACHE_TABLE, CacheAction, CacheCell, CacheEvent, CacheState, CacheTable, cache_cell};
pub use cell::Cell;
pub use home::{HOME_TABLE, HomeAction, HomeCell, HomeEvent, HomeState, HomeTable, home_cell};
pub use patch::PatchError;
pub use print::{Format, UnknownProtocol, list, render};
pub use tables::{BASES, SNOOPING, Tables, VARIANTS};
