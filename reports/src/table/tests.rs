// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::sample::sample_records;
#[test]
fn show() {
    let stages = StageSummary::from_records(&sample_records());
    println!("{}", stage_table(&stages, 160, false, false));
    println!("{}", stage_table(&stages, 100, true, true));
    println!("{}", stage_csv(&stages));
}
