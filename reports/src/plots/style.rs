// SPDX-License-Identifier: MIT OR Apache-2.0
//! Colours and strokes.

use std::collections::BTreeMap;

use plotters::style::RGBColor;

use crate::stage::StageSummary;

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
/// Secondary text.
pub(super) const GREY: RGBColor = RGBColor(96, 96, 96);
/// Grid lines at labelled ticks.
pub(super) const GRID: RGBColor = RGBColor(216, 216, 216);
/// Grid lines between them.
pub(super) const FAINT: RGBColor = RGBColor(238, 238, 238);
/// Limits that are not measured.
pub(super) const LIMIT: RGBColor = RGBColor(120, 120, 120);
/// The paper.
pub(super) const PAPER: RGBColor = RGBColor(255, 255, 255);

/// Okabe and Ito's colours, which people with any colour vision can tell apart; the yellow comes
/// last because thin lines of it hardly show on white.
const STAGES: [RGBColor; 8] = [
    RGBColor(0, 0, 0),
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(86, 180, 233),
    RGBColor(204, 121, 167),
    RGBColor(240, 228, 66),
];

/// Paul Tol's light scheme, made for areas, so that no message class looks like a stage.
const AREAS: [RGBColor; 9] = [
    RGBColor(119, 170, 221),
    RGBColor(238, 136, 102),
    RGBColor(238, 221, 136),
    RGBColor(68, 187, 153),
    RGBColor(255, 170, 187),
    RGBColor(153, 221, 255),
    RGBColor(187, 204, 51),
    RGBColor(170, 170, 0),
    RGBColor(221, 221, 221),
];

/// Dash patterns (drawn, left out) in pixels: for stages that must share a colour.
const DASHES: [Option<(f64, f64)>; 4] = [None, Some((7.0, 3.5)), Some((2.0, 2.5)), Some((12.0, 3.0))];

/// How a stage looks in every figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct StageStyle {
    pub(super) color: RGBColor,
    pub(super) dash: Option<(f64, f64)>,
}

/// The style of each stage: the colour follows from its place in its experiment alone, so it is the
/// same whichever stages are drawn with it; stages that share one differ in their dashes.
pub(super) fn stage_styles(stages: &[StageSummary]) -> Vec<StageStyle> {
    let mut uses: BTreeMap<usize, usize> = BTreeMap::new();
    // The points of a sweep of a single stage are told apart by their place among those drawn.
    let one_stage = stages.iter().all(|s| s.stage_idx == stages[0].stage_idx);
    let style = |(i, s): (usize, &StageSummary)| {
        let color = if one_stage && stages.len() > 1 { i } else { s.stage_idx as usize } % STAGES.len();
        let before = uses.entry(color).or_default();
        let dash = DASHES[*before % DASHES.len()];
        *before += 1;
        StageStyle { color: STAGES[color], dash }
    };
    stages.iter().enumerate().map(style).collect()
}

/// The style of the stage at a place in its experiment, where none shares its colour.
pub(super) fn style_of(stage_idx: usize) -> StageStyle {
    StageStyle { color: STAGES[stage_idx % STAGES.len()], dash: DASHES[stage_idx / STAGES.len() % DASHES.len()] }
}

/// A colour as pages write it.
fn css(c: RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", c.0, c.1, c.2)
}

impl StageStyle {
    /// Its colour, then its dashes if it has some: `#d55e00 7 3.5`.
    pub(super) fn css(&self) -> String {
        let dash = self.dash.map_or_else(String::new, |(on, off)| format!(" {on} {off}"));
        css(self.color) + &dash
    }
}

/// The anchors of [`heat`], as pages write them.
pub(super) fn heat_colors() -> Vec<String> {
    (0..9).map(|i| css(heat(f64::from(i) / 8.0))).collect()
}

/// The colours of areas, as pages write them.
pub(super) fn area_colors() -> Vec<String> {
    AREAS.iter().map(|c| css(*c)).collect()
}

/// A colour for curves of a figure that is not about stages.
pub(super) fn series_color(idx: usize) -> RGBColor {
    [STAGES[2], STAGES[1], STAGES[4], STAGES[6]][idx % 4]
}

/// A colour for a share from 0 to 1: viridis, by its published anchors; dark is little.
pub(super) fn heat(share: f64) -> RGBColor {
    const ANCHORS: [(f64, f64, f64); 9] = [
        (68.0, 1.0, 84.0),
        (71.0, 44.0, 122.0),
        (59.0, 81.0, 139.0),
        (44.0, 113.0, 142.0),
        (33.0, 144.0, 141.0),
        (39.0, 173.0, 129.0),
        (92.0, 200.0, 99.0),
        (170.0, 220.0, 50.0),
        (253.0, 231.0, 37.0),
    ];
    let at = share.clamp(0.0, 1.0) * (ANCHORS.len() - 1) as f64;
    let i = (at as usize).min(ANCHORS.len() - 2);
    let part = at - i as f64;
    let mix = |a: f64, b: f64| (a + (b - a) * part).round() as u8;
    let (a, b) = (ANCHORS[i], ANCHORS[i + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// The colour of the `idx`-th area of a stack.
pub(super) fn area(idx: usize) -> RGBColor {
    AREAS[idx % AREAS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_keeps_its_colour_whatever_it_is_drawn_with() {
        let stage = |stage_idx| StageSummary { stage_idx, ..StageSummary::default() };
        let all: Vec<_> = (0..12).map(stage).collect();
        let styles = stage_styles(&all);
        assert_eq!(styles[3].color, stage_styles(&all[3..4])[0].color);
        assert_eq!(styles[1].color, styles[9].color);
        for (i, a) in styles.iter().enumerate() {
            assert!(styles[..i].iter().all(|b| a != b), "stage {i} looks like another");
        }
    }
}
