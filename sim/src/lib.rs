// SPDX-License-Identifier: MIT OR Apache-2.0
//! rqsim as a library: build a machine, load a program, run, observe.

pub mod machine;
