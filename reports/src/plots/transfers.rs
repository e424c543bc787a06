// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines that private caches send each other: core by core.

use super::Figure;
use super::chart::{Chart, Panel, rounded};
use super::data::transfers;
use super::frame;
use super::heat::{self, Subject};
use crate::stage::StageSummary;

/// The figure; none if nobody counted.
pub(super) fn draw(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let counted: Vec<(&StageSummary, Vec<Vec<f64>>)> =
        super::some_of(stages.iter().filter_map(|s| Some((s, transfers(s)?))).collect());
    let Some(cores) = counted.iter().map(|(_, m)| m.len()).max() else { return Ok(None) };
    let names: Vec<String> = (0..cores).map(|c| c.to_string()).collect();
    let panel = |(s, matrix): &(&StageSummary, Vec<Vec<f64>>)| {
        let cell = |from: usize, to: usize| {
            let value = matrix.get(from).and_then(|row| row.get(to)).copied();
            value.filter(|_| from != to).map(rounded)
        };
        let cells = (0..cores).map(|from| (0..cores).map(|to| cell(from, to)).collect()).collect();
        Panel { title: s.label.clone(), cells }
    };
    let chart = Chart::Heat {
        x: "receiving core".into(),
        y: "sending core".into(),
        value: "lines between private caches per acquisition".into(),
        unit: "/acq".into(),
        xs: names.clone(),
        ys: names,
        panels: counted.iter().map(panel).collect(),
    };
    let shown: Vec<StageSummary> = counted.iter().map(|(s, _)| (*s).clone()).collect();
    let title = "Which cores send each other lines?";
    let caption = format!(
        "Messages with a line from one core's private cache to another's, divided by the acquisitions of the stage. \
         Lines that come from a shared cache or from memory are not among them. {}{}",
        super::left_out(stages, &shown),
        frame::setting(&shown)
    );
    let subject = Subject {
        title,
        subtitle: "Transfers between private caches per acquisition, by core and stage",
        caption: &caption,
    };
    let svg = heat::draw(&chart, &subject)?;
    let mut figure = Figure::new("transfers".into(), title.into(), "messages per acquisition", svg, chart);
    figure.samples = Some(("Acquisitions", shown.iter().map(|s| (s.label.clone(), s.acquisitions())).collect()));
    Ok(Some(figure))
}
