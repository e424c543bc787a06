// SPDX-License-Identifier: MIT OR Apache-2.0
//! How busy links are, on a drawing of the network. The shape is found from the links alone: rings are circles, meshes are
//! grids, a switch or a bus is in the middle of what it joins; parts that single links join stand side by side.

use std::collections::{BTreeMap, BTreeSet};

use plotters::prelude::DrawingBackend;

use super::Figure;
use super::canvas::{Anchor, Canvas, Font, Stroke};
use super::chart::{Chart, LinkUse, rounded};
use super::frame::{self, MARGIN, Plot, SMALL, STRONG, TOP, WIDTH, shorten};
use super::style::{INK, LIMIT, PAPER, heat};
use super::svg::{self, Words};
use crate::attribution::Link;
use crate::stage::StageSummary;
use crate::units::percent;

/// Where stops are: in a square from 0 to 1 times the aspect.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layout {
    pub(super) at: BTreeMap<String, (f64, f64)>,
    /// Width over height.
    pub(super) aspect: f64,
}

/// Number of a stop: `stop 4 (core 4)` is 4. Buses come last.
fn number(stop: &str) -> u32 {
    let digits: String = stop.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    if stop.starts_with("bus") { u32::MAX } else { digits.parse().unwrap_or(u32::MAX) }
}

/// Undirected edges by name.
type Edges = BTreeMap<String, BTreeSet<String>>;

fn edges(links: &[Link]) -> Edges {
    let mut all = Edges::new();
    for l in links {
        let (from, to) = (l.from.clone(), l.to.clone());
        if from.is_empty() {
            all.entry(to).or_default();
            continue;
        }
        all.entry(from.clone()).or_default().insert(to.clone());
        all.entry(to).or_default().insert(from);
    }
    all
}

fn reach(all: &Edges, start: &str, without: Option<(&str, &str)>) -> BTreeSet<String> {
    let mut seen = BTreeSet::from([start.to_owned()]);
    let mut todo = vec![start.to_owned()];
    while let Some(stop) = todo.pop() {
        for next in &all[&stop] {
            let is_cut = without.is_some_and(|(a, b)| (a, b) == (&stop, next) || (b, a) == (&stop, next));
            if !is_cut && seen.insert(next.clone()) {
                todo.push(next.clone());
            }
        }
    }
    seen
}

/// Parts that hang together without the single links between them.
fn parts(all: &Edges) -> Vec<BTreeSet<String>> {
    let mut kept = all.clone();
    for (a, nexts) in all {
        for b in nexts.iter().filter(|b| *b > a) {
            let side = reach(all, a, Some((a, b)));
            // A link whose loss leaves two parts of some size joins them; one to a single stop belongs to its part.
            if !side.contains(b) && side.len() > 2 && all.len() - side.len() > 2 {
                kept.get_mut(a).expect("it is there").remove(b);
                kept.get_mut(b).expect("it is there").remove(a);
            }
        }
    }
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for stop in all.keys() {
        if !found.iter().any(|p| p.contains(stop)) {
            found.push(reach(&kept, stop, None));
        }
    }
    found.sort_by_key(|p| p.iter().map(|s| number(s)).min());
    found
}

/// Columns of a grid whose stops are numbered row by row, by the steps between neighbours; none if it is no grid.
fn columns(all: &Edges, part: &BTreeSet<String>) -> Option<u32> {
    let n = part.len() as u32;
    let first = part.iter().map(|s| number(s)).min()?;
    let steps: BTreeSet<u32> = part
        .iter()
        .flat_map(|s| all[s].iter().filter(|t| part.contains(*t)).map(move |t| number(s).abs_diff(number(t))))
        .collect();
    let degrees = part.iter().map(|s| all[s].iter().filter(|t| part.contains(*t)).count());
    let most = degrees.max()?;
    let is_numbered = part.iter().all(|s| number(s) < first + n);
    let fits = |c: u32| {
        let rows = n.div_ceil(c);
        steps.iter().all(|s| [1, c, c - 1, c * (rows - 1)].contains(s))
    };
    let candidates = steps.iter().copied().filter(|s| *s > 1);
    (is_numbered && (3..=4).contains(&most) && n > 4).then(|| candidates.filter(|&c| c < n && fits(c)).min())?
}

/// A ring's stops in the order of the ring; none if it is none.
fn ring<'a>(all: &Edges, part: &'a BTreeSet<String>) -> Option<Vec<&'a String>> {
    let inside = |s: &String| part.iter().filter(|t| all[s].contains(*t)).count();
    if part.len() < 3 || part.iter().any(|s| inside(s) != 2) {
        return None;
    }
    let mut order = vec![part.iter().min_by_key(|s| number(s))?];
    while order.len() < part.len() {
        let last = order[order.len() - 1];
        let next = part.iter().filter(|t| all[last].contains(*t) && !order.contains(t)).min_by_key(|t| number(t))?;
        order.push(next);
    }
    Some(order)
}

/// Places the stops of a part; a stop that a link to another part begins at is on the left of a circle, or on the right of the first one.
fn place(all: &Edges, part: &BTreeSet<String>, is_first: bool) -> (BTreeMap<String, (f64, f64)>, f64) {
    let circle = |stops: &[&String]| {
        let gate = stops.iter().position(|s| all[*s].iter().any(|t| !part.contains(t)));
        let step = std::f64::consts::TAU / stops.len() as f64;
        let start = match gate {
            None => -std::f64::consts::FRAC_PI_2,
            Some(i) => (if is_first { 0.0 } else { std::f64::consts::PI }) - step * i as f64,
        };
        let turn = |i: usize| {
            let angle = start + step * i as f64;
            (0.5 + 0.5 * angle.cos(), 0.5 + 0.5 * angle.sin())
        };
        stops.iter().enumerate().map(|(i, s)| ((*s).clone(), turn(i))).collect::<BTreeMap<_, _>>()
    };
    if let Some(c) = columns(all, part) {
        let first = part.iter().map(|s| number(s)).min().unwrap_or(0);
        let rows = (part.len() as u32).div_ceil(c);
        let share = |i: u32, n: u32| if n > 1 { f64::from(i) / f64::from(n - 1) } else { 0.5 };
        let aspect = f64::from(c) / f64::from(rows);
        let at = |s: &String| {
            let i = number(s) - first;
            (share(i % c, c) * aspect, share(i / c, rows))
        };
        return (part.iter().map(|s| (s.clone(), at(s))).collect(), aspect);
    }
    if let Some(order) = ring(all, part) {
        return (circle(&order), 1.0);
    }
    // What most others are joined to is in the middle.
    let mut stops: Vec<&String> = part.iter().collect();
    stops.sort_by_key(|s| number(s));
    let hub = stops.iter().copied().find(|s| stops.len() > 3 && all[*s].len() + 1 >= stops.len());
    let rest: Vec<&String> = stops.iter().copied().filter(|s| Some(*s) != hub).collect();
    let mut placed = if rest.is_empty() { BTreeMap::new() } else { circle(&rest) };
    placed.extend(hub.map(|h| (h.clone(), (0.5, 0.5))));
    (placed, 1.0)
}

/// Where the stops of a network are.
pub(super) fn layout(links: &[Link]) -> Layout {
    const BETWEEN: f64 = 0.35;
    let all = edges(links);
    let mut result = Layout::default();
    for part in parts(&all) {
        let (placed, aspect) = place(&all, &part, result.at.is_empty());
        let left = if result.at.is_empty() { 0.0 } else { result.aspect + BETWEEN };
        result.at.extend(placed.into_iter().map(|(s, (x, y))| (s, (x + left, y))));
        result.aspect = left + aspect;
    }
    result
}

/// The figure; none if nobody counted.
pub(super) fn draw(stages: &[StageSummary]) -> Result<Option<Figure>, String> {
    let counted = stages.iter().filter(|s| s.attribution.as_ref().is_some_and(|a| !a.links.is_empty()));
    let shown: Vec<StageSummary> = super::some_of(counted.cloned().collect());
    let Some(first) = shown.first() else { return Ok(None) };
    let links_of = |s: &StageSummary| s.attribution.as_ref().map_or_else(Vec::new, |a| a.links.clone());
    let names = |l: &Link| (l.from.clone(), l.to.clone());
    let network = links_of(first);
    // Drawings stand side by side only if they are of one network.
    let same = |s: &&StageSummary| links_of(s).iter().map(names).eq(network.iter().map(names));
    let shown: Vec<StageSummary> = shown.iter().filter(same).cloned().collect();
    let uses: Vec<Vec<Option<f64>>> =
        shown.iter().map(|s| links_of(s).iter().map(Link::utilisation).collect()).collect();
    let link =
        |(i, l): (usize, &Link)| LinkUse { ends: names(l), shares: uses.iter().map(|u| u[i].map(rounded)).collect() };
    let chart = Chart::Links {
        stages: shown.iter().map(|s| s.label.clone()).collect(),
        links: network.iter().enumerate().map(link).collect(),
    };
    let svg = picture(stages, &shown, &network, &uses)?;
    let title = "Which links are busy?".to_owned();
    let mut figure = Figure::new("links".into(), title, "per cent of the time of a link's wires", svg, chart);
    let messages = |s: &StageSummary| links_of(s).iter().map(|l| l.all_networks().messages).sum();
    figure.samples = Some(("Crossings of links", shown.iter().map(|s| (s.label.clone(), messages(s))).collect()));
    Ok(Some(figure))
}

fn picture(
    stages: &[StageSummary],
    shown: &[StageSummary],
    network: &[Link],
    uses: &[Vec<Option<f64>>],
) -> Result<String, String> {
    let layout = layout(network);
    let columns = if shown.len() == 1 || layout.aspect > 2.5 { 1 } else { 2 };
    let rows = shown.len().div_ceil(columns);
    let room = (WIDTH - 2.0 * MARGIN - 100.0) / columns as f64;
    let width = (room - 70.0).min(if columns == 1 { 640.0 } else { 300.0 } * layout.aspect.max(1.0));
    let size = (width / layout.aspect).min(360.0);
    let panel = size + 92.0;
    let most = uses.iter().flatten().flatten().copied().fold(0.0_f64, f64::max);
    let caption = frame::caption_lines(&format!(
        "Share of a link's time in which its wires were in use, on average over the run; of two lines between stops each is one \
         direction, on the right-hand side. Numbers: stops, as in the table. Colour: from 0 to the busiest link of all stages. {}{}",
        super::left_out(stages, shown),
        frame::setting(shown)
    ))?;
    let bottom = TOP + (panel * rows as f64).max(250.0) - 24.0;
    let plot = Plot { left: MARGIN, right: WIDTH - MARGIN - 100.0, top: TOP, bottom: bottom - 50.0 };
    let busiest = |(s, u): (&StageSummary, &Vec<Option<f64>>)| {
        let (i, share) =
            u.iter().enumerate().filter_map(|(i, v)| Some((i, (*v)?))).max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(format!("{}: busiest {} to {}, {}. ", s.label, network[i].from, network[i].to, percent(share)))
    };
    let description: String = shown.iter().zip(uses).filter_map(busiest).collect();
    let words = Words { title: "Which links are busy?", description: description.trim_end() };
    svg::draw((WIDTH, plot.bottom + frame::foot_height(&caption)), &words, |canvas| {
        frame::head(canvas, words.title, "Share of time in use, each link in each direction, by stage")?;
        for (i, (s, u)) in shown.iter().zip(uses).enumerate() {
            let left = MARGIN + room * (i % columns) as f64 + 40.0;
            let top = TOP + panel * (i / columns) as f64 + 40.0;
            canvas.text((left - 20.0, top - 26.0), &shorten(&s.label, STRONG, room - 40.0)?, STRONG, Anchor::Left);
            let at = |stop: &str| {
                let (x, y) = layout.at.get(stop).copied().unwrap_or((0.5, 0.5));
                (left + x * size, top + y * size)
            };
            let own = s.attribution.as_ref().map_or(&[][..], |a| &a.links);
            network_of(canvas, (own, u), most, &at, size * layout.aspect.sqrt())?;
        }
        let right = if columns == 1 { MARGIN + 40.0 + layout.aspect * size + 50.0 } else { WIDTH - MARGIN - 84.0 };
        key(canvas, (right, TOP + 20.0), most)?;
        frame::foot(canvas, plot, &caption)
    })
}

fn network_of<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (network, uses): (&[Link], &[Option<f64>]),
    most: f64,
    at: &impl Fn(&str) -> (f64, f64),
    size: f64,
) -> Result<(), String> {
    let stops: BTreeSet<&str> =
        network.iter().flat_map(|l| [l.from.as_str(), l.to.as_str()]).filter(|s| !s.is_empty()).collect();
    let dense = size / (stops.len() as f64).sqrt();
    let (radius, wide) = ((dense / 7.0).clamp(5.0, 13.0), (dense / 20.0).clamp(2.0, 5.0));
    for (l, share) in network.iter().zip(uses) {
        let color = share.map_or(LIMIT, |s| heat(if most > 0.0 { s / most } else { 0.0 }));
        let to = at(&l.to);
        let used = share.map_or_else(|| "not measured".into(), |s| format!("{} of the time in use", percent(s)));
        let crossed = crate::units::plural(l.all_networks().messages, "crossing");
        if l.from.is_empty() {
            canvas.tip(&format!("{}: {used}, {crossed}", l.to), || {
                canvas.rect((to.0 - 90.0, to.1 - 12.0), (to.0 + 90.0, to.1 + 12.0), color)
            })?;
            continue;
        }
        let from = at(&l.from);
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(1e-6);
        // Aside of the middle, to the right of the way, and not into the stops.
        let (sx, sy) = (-dy / length * wide * 0.75, dx / length * wide * 0.75);
        let (ex, ey) = (dx / length * radius, dy / length * radius);
        let ends = [(from.0 + ex + sx, from.1 + ey + sy), (to.0 - ex + sx, to.1 - ey + sy)];
        canvas.tip(&format!("{} to {}: {used}, {crossed}", l.from, l.to), || {
            canvas.line(&ends, Stroke::solid(color, wide))
        })?;
    }
    for stop in stops {
        let (x, y) = at(stop);
        if stop.starts_with("bus") {
            canvas.text((x, y), stop, Font { color: PAPER, ..STRONG }, Anchor::Middle);
            continue;
        }
        let has_core = stop.contains("core");
        canvas.tip(stop, || {
            canvas.dot((x, y), radius, INK)?;
            canvas.dot((x, y), radius - 1.2, if has_core { PAPER } else { LIMIT })
        })?;
        let font =
            Font { size: (radius * 0.95).clamp(6.5, 11.0), bold: false, color: if has_core { INK } else { PAPER } };
        canvas.text((x, y), &number(stop).to_string(), font, Anchor::Middle);
    }
    Ok(())
}

fn key<DB: DrawingBackend>(canvas: &Canvas<DB>, (left, top): (f64, f64), most: f64) -> Result<(), String> {
    const STEPS: u32 = 40;
    let (width, height) = (14.0, 170.0);
    let bottom = top + height;
    for step in (0..STEPS).rev() {
        let from = bottom - height * f64::from(step + 1) / f64::from(STEPS);
        canvas.rect((left, from), (left + width, bottom), heat((f64::from(step) + 0.5) / f64::from(STEPS)))?;
    }
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let y = bottom - height * share;
        canvas.line(&[(left + width, y), (left + width + 4.0, y)], Stroke::solid(INK, 1.0))?;
        canvas.text((left + width + 8.0, y), &percent(share * most), SMALL, Anchor::Left);
    }
    canvas.text((left, bottom + 16.0), "in use", SMALL, Anchor::Left);
    for (i, (text, fill)) in [("with a core", PAPER), ("without", LIMIT)].into_iter().enumerate() {
        let y = bottom + 40.0 + 18.0 * i as f64;
        canvas.dot((left + 6.0, y), 6.0, INK)?;
        canvas.dot((left + 6.0, y), 4.8, fill)?;
        canvas.text((left + 18.0, y), text, SMALL, Anchor::Left);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(from: u32, to: u32) -> Link {
        Link { from: format!("stop {from} (core {from})"), to: format!("stop {to} (core {to})"), ..Link::default() }
    }

    fn both(pairs: &[(u32, u32)]) -> Vec<Link> {
        pairs.iter().flat_map(|&(a, b)| [link(a, b), link(b, a)]).collect()
    }

    fn at(l: &Layout, i: u32) -> (i32, i32) {
        let (x, y) = l.at[&format!("stop {i} (core {i})")];
        ((x * 100.0).round() as i32, (y * 100.0).round() as i32)
    }

    #[test]
    fn a_ring_is_a_circle_in_its_order() {
        let l = layout(&both(&[(0, 1), (1, 2), (2, 3), (3, 0)]));
        assert_eq!([0, 1, 2, 3].map(|i| at(&l, i)), [(50, 0), (100, 50), (50, 100), (0, 50)]);
    }

    #[test]
    fn a_mesh_is_a_grid_of_its_columns() {
        let mut pairs = Vec::new();
        for r in 0..2 {
            for c in 0..4 {
                let i = r * 4 + c;
                pairs.extend((c < 3).then_some((i, i + 1)));
                pairs.extend((r < 1).then_some((i, i + 4)));
            }
        }
        let l = layout(&both(&pairs));
        assert!((l.aspect - 2.0).abs() < 1e-9);
        assert_eq!([at(&l, 0), at(&l, 3), at(&l, 7)], [(0, 0), (200, 0), (200, 100)]);
    }

    #[test]
    fn rings_that_one_link_joins_stand_side_by_side() {
        let l = layout(&both(&[(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]));
        // The joint on the right of the first one, on the left of the other.
        assert_eq!((at(&l, 2), at(&l, 3)), ((100, 50), (135, 50)));
    }

    #[test]
    fn a_switch_is_in_the_middle() {
        let l = layout(&both(&[(0, 4), (1, 4), (2, 4), (3, 4)]));
        assert_eq!((at(&l, 4), at(&l, 0)), ((50, 50), (50, 0)));
    }
}
