// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exact cycle counts, each derived by hand from the parameters of the machine.
//!
//! A `note` costs nothing and is stamped with the cycle in which the micro-op before it issues.
//! The texts put a move (`z = 0`) before each note, so from one note to the next it takes the
//! first move (1 cycle on `skylake`, 2 on `tiny`) and what stands between.
//!
//! Parameters of `skylake-ring-8` used below: alu, branch, call 1; first level 4, second level 11,
//! slice 10 to the directory's answer (tag) and 27 to data (tag + data), snoop 60, locked access 18,
//! memory 199; 9 stops, 1 a hop, a message with a line arrives 2 after its first part. Core i and
//! slice i are at stop i, memory at stop 8. A message to the own stop takes no time.

mod attribution;
mod bus;
#[path = "../common/mod.rs"]
mod common;
mod interrupts;
mod loads;
mod lock;
mod ping_pong;
mod rmw;
mod stores;
mod waits;
