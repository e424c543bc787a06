// SPDX-License-Identifier: MIT OR Apache-2.0
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| rqsim_fuzz::targets::program(text));
