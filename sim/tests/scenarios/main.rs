// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scenarios of `docs/scenarios`: every stage of each preset is run once, the outcome table on its page is compared
//! with that, and what the page says besides is asserted.
//!
//! `RQSIM_BLESS=1` writes the tables instead of comparing them.

mod abba;
mod heirs;
mod held_table;
mod hooks;
mod machines;
mod page;
mod queueing;
mod support;
mod windows;
