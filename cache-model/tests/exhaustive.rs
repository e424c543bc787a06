// SPDX-License-Identifier: MIT OR Apache-2.0
//! The larger exhaustive checks: two lines of one home, with recalls and values, and four caches of every
//! protocol. The numbers of states are pinned, so a table that changes has to say so here.
//!
//! `RQSIM_LONG=1 cargo test --release -p cache-model --test exhaustive` explores all of it (a minute and
//! some 3 GB); without it the largest are left to that form.

use cache_model::protocol::Tables;
use cache_model::protocol::check::{Options, Verdict, check, check_two_lines};

fn long() -> bool {
    std::env::var_os("RQSIM_LONG").is_some_and(|v| v != "0")
}

fn tables(name: &str) -> &'static Tables {
    Tables::by_name(name).expect("it is listed")
}

/// States and transitions of two caches with two lines, which have to be without fault.
fn two_lines(name: &str, data: bool) -> (usize, usize) {
    let options = Options::machine(2, true).with_data(data);
    let report = check_two_lines(tables(name), &options, true).expect("two caches");
    assert!(report.fault.is_none() && report.complete, "{name}: {report:?}");
    (report.states, report.transitions)
}

#[test]
fn two_lines_with_recalls_do_not_block_each_other() {
    assert_eq!(two_lines("msi", false), (1_598_587, 7_788_530));
    if long() {
        let counted = [
            ("msi", (2_194_945, 10_735_833)),
            ("mesi", (4_306_586, 21_638_720)),
            ("mesif", (7_296_613, 35_749_707)),
            ("moesi", (21_187_367, 100_294_530)),
        ];
        for (name, expected) in counted {
            assert_eq!(two_lines(name, true), expected, "{name}");
        }
    }
}

#[test]
fn four_caches_stay_coherent_and_take_every_cell() {
    let counted = [
        ("msi", (84_737, 408_860)),
        ("mesi", (164_922, 803_146)),
        ("mesif", (300_568, 1_463_335)),
        // What most machine presets have.
        ("mesi-upgrade", (202_143, 960_446)),
        ("moesi", (612_557, 2_921_338)),
    ];
    for (name, expected) in if long() { &counted[..] } else { &counted[..2] } {
        let tables = tables(name);
        let report = check(tables, &Options::machine(4, true).with_symmetry(true)).expect("four caches");
        assert_eq!(report.verdict, Verdict::Holds, "{name}");
        assert_eq!((report.states, report.transitions), *expected, "{name}");
        assert_eq!(report.coverage.cache_untaken(tables), [], "{name}");
        assert_eq!(report.coverage.home_untaken(tables), [], "{name}");
    }
}

/// Every combination of variants; without RQSIM_LONG every eighth.
#[test]
fn every_variant_stays_coherent_and_takes_every_cell() {
    let all = Tables::all();
    assert_eq!(all.len(), 64);
    for tables in all.iter().enumerate().filter(|(i, _)| long() || i % 8 == 3).map(|(_, t)| t) {
        let report = check(tables, &Options::machine(3, true).with_symmetry(true)).expect("three caches");
        assert_eq!(report.verdict, Verdict::Holds, "{}", tables.name);
        assert_eq!(report.coverage.cache_untaken(tables), [], "{}", tables.name);
        assert_eq!(report.coverage.home_untaken(tables), [], "{}", tables.name);
    }
}
