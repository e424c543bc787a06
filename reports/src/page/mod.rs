// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report as one page that needs nothing but itself: no network, no font.
//!
//! Every figure is there twice: as a drawing, which is what is printed and what is seen without scripts, and as numbers, from which a
//! plotting library in the page (Apache ECharts) draws one to hover over and to zoom into.

mod figure;

use crate::collect::{Collection, Section};
use crate::names;
use crate::plots::{self, Figure};
use crate::stage::StageSummary;
use crate::table::stage_cells;
use crate::units::{count, duration, estimate, plural, three_digits};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The library, its name and licence being in its first lines.
const LIBRARY: &str = include_str!("../../vendor/echarts/echarts.min.js");
const LIBRARY_NAME: &str = "Apache ECharts 6.1.0";
const LIBRARY_NOTICE: &str = include_str!("../../vendor/echarts/NOTICE");
const LIBRARY_PARTS: &str = include_str!("../../vendor/echarts/LICENSE-zrender");

/// Rows of a table on the page; the files have all of them.
const ROWS_MAX: usize = 200;

/// Headings of figures that are not of records.
const TIME_LINES: &str = "Time lines";
const LANDING_MAPS: &str = "Landing maps";

/// All that a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What was read.
    pub seen: &'a Collection,
    /// The figures of each section of `seen`, then those of all sections together if there are some.
    pub figures: &'a [Vec<Figure>],
    /// Landing maps, each with the path it was read from.
    pub landings: &'a [(String, Figure)],
    /// Time lines, each with the path it was read from.
    pub timelines: &'a [(String, Figure)],
    /// What changed since a baseline, as text.
    pub against: Option<&'a str>,
}

/// The page. The same records give the same bytes.
///
#[must_use]
pub fn html(report: &Report<'_>) -> String {
    let seen = report.seen;
    let sections: Vec<&Section> = seen.sections.iter().chain(&seen.all).collect();
    let mut names: Vec<&str> = sections.iter().map(|s| s.experiment.as_str()).collect();
    let mut besides = [(TIME_LINES, report.timelines), (LANDING_MAPS, report.landings)].to_vec();
    besides.retain(|(_, figures)| !figures.is_empty());
    let landings = besides.iter().map(|(title, _)| title).filter(|t| **t == LANDING_MAPS);
    let title = names.iter().take(4).chain(landings).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(4);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let title = escape(&format!("rqsim report: {title}{more}"));
    let mut main = String::new();
    for (n, (s, figures)) in sections.iter().zip(report.figures).enumerate() {
        main += &section(n, s, figures);
    }
    for (title, figures) in besides {
        main += &beside_records(names.len(), title, figures);
        names.push(title);
    }
    if let Some(text) = report.against {
        main += &format!(
            "<section aria-labelledby=\"against\"><h2 id=\"against\">Compared with the baseline</h2><pre>{}</pre></section>\n",
            escape(text)
        );
    }
    let damaged = if seen.bad.is_empty() {
        String::new()
    } else {
        format!(", {} damaged ones were skipped", count(seen.bad.len() as u64))
    };
    let entries: String =
        names.iter().enumerate().map(|(n, name)| format!("<li><a href=\"#e{n}\">{}</a></li>", escape(name))).collect();
    // In a comment two dashes in a row could end it.
    let notice = format!("{LIBRARY_NOTICE}\n\nParts of it:\n{LIBRARY_PARTS}").replace("--", "- -");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style></head>\n\
         <body><a class=\"skip\" href=\"#main\">Skip to the results</a>\n<header><h1>{title}</h1>\n\
         <p>Made from {}{damaged}. Nothing here was simulated anew; all times are simulated time.</p></header>\n\
         <nav aria-label=\"Experiments\"><ul>{entries}</ul>\n<p class=\"tools\"><label>Filter rows <input type=\"search\" id=\"filter\" \
         placeholder=\"stage, lock, machine\"></label> <output id=\"matches\" aria-live=\"polite\"></output> \
         <label class=\"live\"><input type=\"checkbox\" id=\"drawings\"> Drawings as printed</label></p></nav>\n\
         <main id=\"main\">\n{main}</main>\n<footer><p>rqsim. Font outlines: DejaVu Sans. Plots on screen: {LIBRARY_NAME} (Apache License 2.0).</p></footer>\n\
         <!--\n{LIBRARY_NAME}\n{notice}\n-->\n<script>\n{LIBRARY}</script>\n<script>\n{SCRIPT}</script></body></html>\n",
        plural(seen.records, "record"),
    )
}

/// A text for elements and for attributes.
fn escape(text: &str) -> String {
    plots::escape(text).replace('"', "&quot;")
}

/// What the records say, in words.
#[must_use]
pub fn verdict(s: &Section) -> Vec<String> {
    let mut words = Vec::new();
    let failed: usize = s.stages.iter().map(|x| x.findings.len()).sum();
    let runs: usize = s.stages.iter().map(|x| x.seeds.len()).sum();
    words.push(if failed == 0 {
        format!("All {} ended as their stages expect.", plural(runs as u64, "run"))
    } else {
        format!("{failed} of {} did not end as their stages expect.", plural(runs as u64, "run"))
    });
    let conflicts: usize = s.stages.iter().map(|x| x.conflicts).sum();
    if conflicts > 0 {
        let records = plural(conflicts as u64, "record");
        words.push(format!("{records} left out that contradict others of the same run: runs were not repeatable."));
    }
    for x in s.stages.iter().take(plots::DRAWN_MAX) {
        let Some(e) = x.timeouts_per_s() else { continue };
        let (value, interval) = estimate(&e, 1.0);
        let exposure = duration(x.simulated_ns);
        let mut line = if e.events == 0 {
            format!(
                "{}: no timeout in {exposure} simulated, so at most {} per second (95 %)",
                x.label,
                three_digits(e.high)
            )
        } else {
            format!(
                "{}: {} in {exposure} simulated, {value} per second {interval}",
                x.label,
                plural(e.events, "timeout")
            )
        };
        if let Some(h) = x.handlers.get(names::NMI).filter(|h| h.count > 0) {
            line += &format!("; longest of {} {}", plural(h.count, "NMI"), duration(h.longest_ns));
        }
        words.push(line + ".");
    }
    words
}

fn section(n: usize, s: &Section, figures: &[Figure]) -> String {
    let name = escape(&s.experiment);
    let mut text =
        format!("<section class=\"experiment\" id=\"e{n}\" aria-labelledby=\"h{n}\"><h2 id=\"h{n}\">{name}</h2>\n");
    if !s.stages.is_empty() {
        let words = verdict(s);
        text += &format!("<p class=\"verdict\">{}</p>\n<ul class=\"verdict\">", escape(&words[0]));
        text.extend(words[1..].iter().map(|w| format!("<li data-row>{}</li>", escape(w))));
        text += "</ul>\n";
        text += &table(s, &format!("{}: stages, merged over their seeds", s.experiment));
        let shown = plots::drawn(&s.stages);
        text += "<fieldset class=\"toggles\"><legend>Stages shown in the figures</legend>";
        for (i, x) in shown.iter().enumerate() {
            text +=
                &format!("<label><input type=\"checkbox\" checked data-stage=\"{i}\"> {}</label> ", escape(&x.label));
        }
        text += "</fieldset>\n";
        if shown.len() < s.points.len() {
            text += &format!(
                "<p>Figures by stage show the first {} of {} stages and configurations; those of the sweep show all of them.</p>\n",
                shown.len(),
                count(s.points.len() as u64)
            );
        }
    }
    text += &figure::explorer(n, s);
    text.extend(figures.iter().map(|f| figure::html(n, f)));
    let open = plots::unanswered(figures);
    if !s.stages.is_empty() && !open.is_empty() {
        text += &format!("<p>Nothing was measured for: {}</p>\n", escape(&open.join(" ")));
    }
    text += &figure::data(n, s, figures);
    if !s.stages.is_empty() {
        text += &origin(n, s);
    }
    text + "</section>\n"
}

/// Figures of files that are no records.
fn beside_records(n: usize, title: &str, figures: &[(String, Figure)]) -> String {
    let mut text =
        format!("<section class=\"experiment\" id=\"e{n}\" aria-labelledby=\"h{n}\"><h2 id=\"h{n}\">{title}</h2>\n");
    for (i, (path, f)) in figures.iter().enumerate() {
        let unique = Figure { name: format!("{}-{i}", f.name), ..f.clone() };
        text += &format!("<p>From <code>{}</code>.</p>\n{}", escape(path), figure::html(n, &unique));
    }
    text + "</section>\n"
}

fn table(s: &Section, caption: &str) -> String {
    let (heads, rows) = stage_cells(&s.stages[..s.stages.len().min(ROWS_MAX)]);
    let lines = |cell: &str| cell.lines().map(|l| escape(l.trim())).collect::<Vec<_>>().join("<br>");
    let mut text = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table><caption>{0}</caption><thead><tr>",
        escape(caption)
    );
    text.extend(heads.iter().map(|h| format!("<th scope=\"col\">{}</th>", lines(h.trim()))));
    text += "</tr></thead><tbody>\n";
    for (i, row) in rows.iter().enumerate() {
        text += &format!("<tr data-row data-of=\"{i}\">");
        for (j, cell) in row.iter().enumerate() {
            text += &if j == 0 {
                format!("<th scope=\"row\">{}</th>", lines(cell))
            } else {
                format!("<td>{}</td>", lines(cell))
            };
        }
        text += "</tr>\n";
    }
    text += "</tbody></table></div>\n";
    if rows.len() < s.stages.len() {
        text += &format!(
            "<p>The first {} of {} stages; the files have more.</p>\n",
            rows.len(),
            count(s.stages.len() as u64)
        );
    }
    text
}

/// Where the numbers come from and how to make them again.
fn origin(n: usize, s: &Section) -> String {
    let mut text = format!(
        "<section aria-labelledby=\"o{n}\"><h3 id=\"o{n}\">Make it again</h3>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Origin\"><table><caption>Seeds and hashes</caption><thead><tr>"
    );
    for head in ["stage", "seeds", "configuration", "program", "version"] {
        text += &format!("<th scope=\"col\">{head}</th>");
    }
    text += "</tr></thead><tbody>\n";
    for x in s.stages.iter().take(ROWS_MAX) {
        let row = format!(
            "<td>{}</td><td><code>{}</code></td><td><code>{}</code></td><td>{}</td>",
            ranges(&x.seeds),
            escape(&x.config_hash),
            escape(&x.program_hash),
            escape(&x.version)
        );
        text += &format!("<tr data-row><th scope=\"row\">{}</th>{row}</tr>\n", escape(&x.label));
    }
    text += "</tbody></table></div>\n";
    for (hash, config) in &s.configs {
        let short: String = hash.chars().take(8).collect();
        let of: Vec<&StageSummary> = s.stages.iter().filter(|x| x.config_hash == *hash).collect();
        let mut seeds: Vec<u64> = of.iter().flat_map(|x| x.seeds.iter().copied()).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let file = format!("{}.ron", short);
        text += &format!(
            "<p>Save the expanded experiment below as <code>{file}</code>, then:</p><pre><code>sim run {file} --seeds {}</code></pre>\n\
             <details><summary>Expanded experiment {short}</summary><pre>{}</pre></details>\n",
            ranges(&seeds).replace(", ", ","),
            escape(config)
        );
    }
    text + "</section>\n"
}

/// Seeds as `--seeds` takes them: A..B for A to before B.
fn ranges(seeds: &[u64]) -> String {
    let runs = seeds.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let one = |run: &[u64]| match run {
        [one] => one.to_string(),
        [a, b] => format!("{a}, {b}"),
        [a, .., b] => b.checked_add(1).map_or_else(|| format!("{a}..{b}, {b}"), |end| format!("{a}..{end}")),
        [] => String::new(),
    };
    runs.map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;
    use std::collections::BTreeMap;

    fn seen() -> Collection {
        let stages = StageSummary::from_records(&sample_records());
        let configs = BTreeMap::from([("5e1f".to_owned(), "(a: \"<b>\")".to_owned())]);
        let section = Section { experiment: "ring8".into(), stages, configs, ..Section::default() };
        Collection { sections: vec![section], records: 12, ..Collection::default() }
    }

    fn page() -> String {
        let seen = seen();
        let figures = [plots::section_figures(&seen.sections[0], &plots::sweep::Choice::default()).unwrap()];
        html(&Report { seen: &seen, figures: &figures, landings: &[], timelines: &[], against: None })
    }

    /// The data of the first section.
    fn data(page: &str) -> serde_json::Value {
        let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data-e0\">").unwrap();
        serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
    }

    #[test]
    fn the_data_of_every_figure_is_in_the_page_and_cannot_end_its_element() {
        let mut seen = seen();
        seen.sections[0].stages[0].label = "</script><b>".into();
        let figures = [plots::section_figures(&seen.sections[0], &plots::sweep::Choice::default()).unwrap()];
        let page = html(&Report { seen: &seen, figures: &figures, landings: &[], timelines: &[], against: None });
        assert!(!page.contains("</script><b>"));
        let data = data(&page);
        assert_eq!(data["stages"][0]["label"], "</script><b>");
        assert_eq!(data["stages"][1]["color"], "#d55e00");
        let names: Vec<&str> =
            data["figures"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "timeouts",
                "timeouts-by-wait",
                "detection-latency",
                "detection-cdf",
                "hand-off",
                "nmi-duration",
                "coherence-traffic",
                "line-traffic"
            ]
        );
        assert_eq!(data["figures"][0]["chart"]["kind"], "intervals");
        assert_eq!(data["figures"][0]["chart"]["rows"][0]["value"], 46.0);
        for name in names {
            assert!(page.contains(&format!("id=\"e0-{name}\"")) && page.contains(&format!("id=\"e0-{name}-table\"")));
        }
    }

    #[test]
    fn the_verdict_names_rates_and_bounds() {
        let words = verdict(&seen().sections[0]);
        assert_eq!(words[0], "All 12 runs ended as their stages expect.");
        assert!(words[1].starts_with("base: 92 timeouts in 2.00 s simulated, 46"), "{}", words[1]);
        assert!(words[6].contains("no timeout in 2.00 s simulated, so at most 1.50 per second"), "{}", words[6]);
    }

    #[test]
    fn the_page_is_whole_and_fetches_nothing() {
        let page = page();
        assert_eq!(page.matches("<figure").count(), 8);
        assert_eq!(
            page.replace(LIBRARY, "").matches("<svg").count(),
            page.replace(LIBRARY, "").matches("</svg>").count()
        );
        assert!(page.contains("(a: &quot;&lt;b&gt;&quot;)") || page.contains("(a: \"&lt;b&gt;\")"));
        assert_eq!(page.matches(LIBRARY).count(), 1, "the library is there once");
        let outside = page.replace(LIBRARY, "").replace("http://www.w3.org/2000/svg", "");
        let outside = outside.replace("https://www.apache.org/", "");
        assert!(!outside.contains("http:") && !outside.contains("https:") && !outside.contains("url("));
        for i in 0..6 {
            // A group in each figure, beside the toggle.
            assert!(page.matches(&format!("<g class=\"stage-{i}\"")).count() >= 8, "stage {i}");
            assert!(page.contains(&format!("data-stage=\"{i}\"")));
        }
        assert_eq!(outside.matches("<g").count(), outside.matches("</g>").count());
        let mut ids: Vec<&str> = outside.split(" id=\"").skip(1).filter_map(|t| t.split('"').next()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "an identifier is there twice");
    }

    #[test]
    fn seeds_are_written_as_the_command_takes_them() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1..4, 7, 9, 10");
        assert_eq!(ranges(&[u64::MAX - 2, u64::MAX - 1, u64::MAX]), format!("{}..{1}, {1}", u64::MAX - 2, u64::MAX));
    }
}
