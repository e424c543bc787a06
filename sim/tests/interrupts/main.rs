// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts in whole experiments: where they come from, how they nest, what they do to a lock.

mod hooks;
mod log;
mod nesting;
mod sending;
mod sources;
mod storm;
mod support;
mod tick;
