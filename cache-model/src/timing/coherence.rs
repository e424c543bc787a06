// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a memory system does, beside how large and how fast it is.

use crate::protocol::Tables;

/// The rules by which caches and homes act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coherence {
    /// The protocol, as the tables that every cache and home executes.
    pub tables: &'static Tables,
}

impl Default for Coherence {
    /// MESI.
    fn default() -> Self {
        Coherence { tables: Tables::by_name("mesi").expect("it is one of the protocols") }
    }
}
