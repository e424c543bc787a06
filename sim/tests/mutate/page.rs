// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows of docs/mutants.md, the cheap ones.

use rqsim::mutate::table;

use crate::{lab, subject, trial};

/// Every n-th mutant of the page's first table.
const EACH: usize = 23;

#[test]
fn the_page_has_the_rows_that_the_command_makes() {
    let page = include_str!("../../../docs/mutants.md");
    let (_, part) = page.split_once("<!-- explore-aa.ron: made by sim mutate -->\n").expect("the page has the table");
    let plan = lab("explore-aa.ron", |_| ());
    let subject = subject(&plan, trial(1, 20));
    for m in subject.mutants.iter().step_by(EACH) {
        let rows = table(&[subject.judge(m)]);
        let row = rows.lines().last().expect("a row");
        assert!(
            part.lines().any(|l| l == row),
            "docs/mutants.md has no row\n{row}\nwrite it with `sim mutate explore-aa.ron --stages 'next +1-5' --page docs/mutants.md`"
        );
    }
}
