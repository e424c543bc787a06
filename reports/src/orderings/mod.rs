// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of a lock in every order: what each contributes, which steps make things worse, what would have been enough.

mod analysis;
mod lattice;
mod metric;
mod report;

pub use analysis::{Game, Mean, Regression};
pub use lattice::{CHANGES_MAX, Change, Lattice, Subset};
pub use metric::{METRICS, Metric};
pub use report::{ORDERS_MAX, Orderings};
pub(crate) use report::{shown, topic, with_half};
