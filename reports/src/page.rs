// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report as one page that needs nothing but itself: no network, no font, no library.

use crate::collect::{Collection, Section};
use crate::error::Error;
use crate::names;
use crate::plots;
use crate::stage::StageSummary;
use crate::table::stage_cells;
use crate::units::{count, duration, estimate, plural, three_digits};

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// What a figure answers, and what its numbers are of.
const QUESTIONS: [(&str, &str, &str); 4] = [
    ("timeouts", "How often does an attempt to take the lock time out?", "timeouts per simulated second"),
    (
        "detection-latency",
        "How long does a deadlock last until somebody is told?",
        "nanoseconds of simulated time, logarithmic",
    ),
    ("coherence-traffic", "What does an acquisition cost in coherence messages?", "messages per acquisition"),
    (
        "nmi-duration",
        "How long do NMI handlers run, and how many pass the kernel's 1 ms?",
        "nanoseconds of simulated time, logarithmic",
    ),
];

/// The page. The same records give the same bytes.
///
/// # Errors
/// [`Error::Draw`] if a figure cannot be drawn.
pub fn html(seen: &Collection, against: Option<&str>) -> Result<String, Error> {
    let names: Vec<&str> = seen.sections.iter().map(|s| s.experiment.as_str()).collect();
    let title = escape(&format!("rqsim report: {}", names.join(", ")));
    let mut main = String::new();
    for (n, s) in seen.sections.iter().enumerate() {
        main += &section(n, s)?;
    }
    if let Some(text) = against {
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
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style></head>\n\
         <body><a class=\"skip\" href=\"#main\">Skip to the results</a>\n<header><h1>{title}</h1>\n\
         <p>Made from {}{damaged}. Nothing here was simulated anew; all times are simulated time.</p></header>\n\
         <nav aria-label=\"Experiments\"><ul>{entries}</ul>\n<p class=\"tools\"><label>Filter rows <input type=\"search\" id=\"filter\" \
         placeholder=\"stage, lock, machine\"></label> <output id=\"matches\" aria-live=\"polite\"></output></p></nav>\n\
         <main id=\"main\">\n{main}</main>\n<footer><p>rqsim. Font outlines: DejaVu Sans.</p></footer>\n<script>\n{SCRIPT}</script></body></html>\n",
        plural(seen.records, "record"),
    ))
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
    for x in &s.stages {
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

fn section(n: usize, s: &Section) -> Result<String, Error> {
    let name = escape(&s.experiment);
    let mut text =
        format!("<section class=\"experiment\" id=\"e{n}\" aria-labelledby=\"h{n}\"><h2 id=\"h{n}\">{name}</h2>\n");
    let words = verdict(s);
    text += &format!("<p class=\"verdict\">{}</p>\n<ul class=\"verdict\">", escape(&words[0]));
    text.extend(words[1..].iter().map(|w| format!("<li data-row>{}</li>", escape(w))));
    text += "</ul>\n";
    text += &table(s, &format!("{}: stages, merged over their seeds", s.experiment));
    text += "<fieldset class=\"toggles\"><legend>Stages shown in the figures</legend>";
    for (i, x) in s.stages.iter().enumerate() {
        text += &format!("<label><input type=\"checkbox\" checked data-stage=\"{i}\"> {}</label> ", escape(&x.label));
    }
    text += "</fieldset>\n";
    for figure in plots::figures(&s.stages)? {
        let known = QUESTIONS.iter().find(|q| q.0 == figure.name);
        let (question, unit) = known.map_or((figure.name, ""), |q| (q.1, q.2));
        let id = format!("e{n}-{}", figure.name);
        // Glyphs are shared by their identifiers, which must be unique on the page.
        let svg = figure.svg.replace("dejavu-", &format!("{id}-g"));
        let svg = svg.replacen("role=\"img\"", &format!("role=\"img\" aria-label=\"{}\"", escape(question)), 1);
        text += &format!(
            "<section aria-labelledby=\"{id}\"><h3 id=\"{id}\" class=\"said\">{}</h3>\n<figure class=\"paper\" tabindex=\"0\">{svg}\
             <figcaption>{}. In {unit}.</figcaption></figure></section>\n",
            escape(question),
            escape(&samples(&s.stages, figure.name)),
        );
    }
    Ok(text + &origin(n, s) + "</section>\n")
}

/// How many cases each stage has in a figure.
fn samples(stages: &[StageSummary], figure: &str) -> String {
    let (what, of): (&str, fn(&StageSummary) -> u64) = match figure {
        "timeouts" => ("Timeouts", StageSummary::timeouts),
        "detection-latency" => ("Deadlocks", |s| s.detection_latency().count() + s.oracle.misses),
        "coherence-traffic" => ("Acquisitions", StageSummary::acquisitions),
        _ => ("Handlers", |s| s.handlers.get(names::NMI).map_or(0, |h| h.count)),
    };
    let each: Vec<String> = stages.iter().map(|s| format!("{} {}", s.label, count(of(s)))).collect();
    format!("{what}: {}", each.join(", "))
}

fn table(s: &Section, caption: &str) -> String {
    let (heads, rows) = stage_cells(&s.stages);
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
    text + "</tbody></table></div>\n"
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
    for x in &s.stages {
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
        let section = Section { experiment: "ring8".into(), stages, configs };
        Collection { sections: vec![section], records: 12, ..Collection::default() }
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
        let page = html(&seen(), None).unwrap();
        assert_eq!(page.matches("<figure").count(), 4);
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert!(page.contains("(a: &quot;&lt;b&gt;&quot;)") || page.contains("(a: \"&lt;b&gt;\")"));
        let outside = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("http:") && !outside.contains("https:") && !outside.contains("url("));
        for i in 0..6 {
            // A group in each figure, beside the toggle.
            assert!(page.matches(&format!("<g class=\"stage-{i}\"")).count() >= 4, "stage {i}");
            assert!(page.contains(&format!("data-stage=\"{i}\"")));
        }
        assert_eq!(page.matches("<g").count(), page.matches("</g>").count());
        let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|t| t.split('"').next()).collect();
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
