// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of rqsim.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
