// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done with an input that nobody vouches for. Everything may say no; nothing may panic, hang or take memory
//! without bound. Used by the fuzzers here, and by `sim/tests/robust` with the stable toolchain.

use lock_impl::litmus::{self, Variant};
use reports::StageSummary;
use reports::collect::Collection;
use reports::page::Report;
use sim_core::asm::{self, Options};
use sim_core::program::Source;

/// An experiment: read, shown if it is wrong, written out in full and read again, changed, planned.
pub fn experiment(text: &str) {
    let loaded = match configs::parse(text, "input.ron") {
        Ok(loaded) => loaded,
        Err(e) => {
            assert!(!e.render(false).is_empty() && !e.render(true).is_empty());
            return;
        }
    };
    let full = configs::expanded(&loaded.experiment);
    let again = configs::parse(&full, "input.ron").unwrap_or_else(|e| panic!("its own text is refused: {e}\n{full}"));
    assert_eq!(configs::expanded(&again.experiment), full, "written out twice it is another");
    let _ = configs::override_field(&full, "duration", "1us");
    // Files that an input names are not opened here.
    let names_files = text.contains("File") || text.contains("Trace");
    let is_small = loaded.experiment.machine.cores <= 64 && loaded.experiment.stages.len() <= 8;
    if !names_files
        && is_small
        && let Err(e) = rqsim::plan::plan(loaded)
    {
        assert!(!e.plain.is_empty());
    }
}

/// A program: assembled as it is and with everything switched on, looked over, listed, printed back.
pub fn program(text: &str) {
    let sources = [Source { name: "input.uop".into(), text: text.into() }];
    let bare = match asm::assemble(&sources, &Options::default()) {
        Ok(p) => p,
        Err(e) => {
            assert!(!e.render(&sources, false).is_empty());
            return;
        }
    };
    let _ = asm::check(&bare).render(&sources, false);
    let _ = asm::listing(&bare);
    let patches = bare.patches.iter().map(|p| p.name.clone());
    let all: Vec<String> = patches.chain(bare.options.iter().map(|(o, _)| o.clone())).collect();
    if let Ok(p) = asm::assemble(&sources, &Options { enabled: all, params: Vec::new() }) {
        let _ = asm::check(&p).render(&sources, true);
    }
}

/// A litmus test: read, and made into programs for both engines.
pub fn litmus(text: &str) {
    let Ok(test) = litmus::parse("input.litmus", text) else { return };
    for variant in [Variant::Bare, Variant::Timed] {
        let _ = litmus::compile(&test, variant);
    }
}

/// A file of records: read, summed up, printed, drawn.
pub fn records(text: &str) {
    let good: Vec<_> = text.lines().filter_map(|l| reports::record_of_line(l).ok()).collect();
    if good.is_empty() {
        return;
    }
    let stages = StageSummary::from_records(&good);
    for width in [20, 160] {
        let _ = reports::stage_table(&stages, width, true, false);
        let _ = reports::metrics_text(&stages, width, false, true);
        let _ = reports::recoveries_text(&stages, width, false, false);
        let _ = reports::attribution_text(&stages, width, false, false);
    }
    let _ = reports::stage_csv(&stages);
    let _ = reports::metrics_csv(&stages);
    let _ = reports::klog_text(&good);
    let figures = [reports::plots::figures(&stages).unwrap_or_default()];
    let seen = Collection::default();
    let _ =
        reports::page::html(&Report { seen: &seen, figures: &figures, landings: &[], timelines: &[], against: None });
}
