// SPDX-License-Identifier: MIT OR Apache-2.0
//! A figure on the page: the drawing, its numbers as a table and as data, and the explorer of a sweep.

use serde_json::{Value, json};

use super::escape;
use crate::collect::Section;
use crate::plots::{self, Figure, chart::rounded};
use crate::point::{Mean, measures};
use crate::units::{count, plural};

/// Rows of a figure's table on the page.
const ROWS_MAX: usize = 400;

/// Points that the explorer takes: of more, the page would be too large.
const POINTS_MAX: usize = 20_000;

/// The figure with its caption and table.
pub(super) fn html(n: usize, f: &Figure) -> String {
    let id = format!("e{n}-{}", f.name);
    let question = escape(&f.question);
    // Glyphs are shared by their identifiers, which must be unique on the page.
    let svg = f.svg.replace("dejavu-", &format!("{id}-g"));
    let svg = svg.replacen("role=\"img\"", &format!("role=\"img\" aria-label=\"{question}\""), 1);
    let samples = match &f.samples {
        None => String::new(),
        Some((what, each)) => {
            let each: Vec<String> = each.iter().map(|(label, n)| format!("{label} {}", count(*n))).collect();
            format!("{}. ", escape(&format!("{what}: {}", each.join(", "))))
        }
    };
    format!(
        "<section aria-labelledby=\"{id}\"><h3 id=\"{id}\" class=\"question\">{question}</h3>\n\
         <figure class=\"paper\" tabindex=\"0\" data-figure=\"{}\" aria-describedby=\"{id}-caption\"><div class=\"drawing\">{svg}</div>\
         <figcaption id=\"{id}-caption\">{samples}In {}.</figcaption></figure>\n{}</section>\n",
        escape(&f.name),
        escape(&f.unit),
        table(&id, f),
    )
}

fn table(id: &str, f: &Figure) -> String {
    let (heads, rows) = f.chart.table();
    let mut text = format!(
        "<details id=\"{id}-table\"><summary>Numbers of this figure</summary><div class=\"wide\" tabindex=\"0\" role=\"region\" \
         aria-label=\"{0}\"><table><caption>{0}</caption><thead><tr>",
        escape(&f.question)
    );
    text.extend(heads.iter().map(|h| format!("<th scope=\"col\">{}</th>", escape(h))));
    text += "</tr></thead><tbody>\n";
    for row in rows.iter().take(ROWS_MAX) {
        text += "<tr>";
        for (j, cell) in row.iter().enumerate() {
            let cell = escape(cell);
            text += &if j == 0 { format!("<th scope=\"row\">{cell}</th>") } else { format!("<td>{cell}</td>") };
        }
        text += "</tr>\n";
    }
    text += "</tbody></table></div>";
    if rows.len() > ROWS_MAX {
        text += &format!("<p>The first {} of {}.</p>", ROWS_MAX, plural(rows.len() as u64, "row"));
    }
    text + "</details>\n"
}

/// Numbers for the script, in an element that nothing in them can end.
pub(super) fn data(n: usize, s: &Section, figures: &[Figure]) -> String {
    let shown = plots::drawn(&s.stages);
    let colors = plots::stage_colors(&s.stages);
    let stages: Vec<Value> = shown.iter().zip(&colors).map(|(s, c)| look(&s.label, c)).collect();
    let one = |f: &Figure| json!({ "name": f.name, "question": f.question, "chart": f.chart, "colors": f.colors });
    let all = json!({
        "stages": stages,
        "areas": plots::area_colors(),
        "heat": plots::heat_colors(),
        "figures": figures.iter().map(one).collect::<Vec<_>>(),
        "sweep": if is_explored(s) { sweep(s) } else { Value::Null },
    });
    let text = all.to_string().replace('<', "\\u003c");
    format!("<script type=\"application/json\" id=\"data-e{n}\">{text}</script>\n")
}

/// `#d55e00 7 3.5` is a colour and dashes.
fn look(label: &str, css: &str) -> Value {
    let (color, dash) = css.split_once(' ').unwrap_or((css, ""));
    let dash: Vec<f64> = dash.split(' ').filter_map(|d| d.parse().ok()).collect();
    json!({ "label": label, "color": color, "dash": dash })
}

fn is_explored(s: &Section) -> bool {
    !s.axes.is_empty() && (2..=POINTS_MAX).contains(&s.points.len())
}

/// Means of every measure at every point, and where the points are.
fn sweep(s: &Section) -> Value {
    let mut stages: Vec<(u32, &str)> = s.points.iter().map(|p| (p.stage_idx, p.stage.as_str())).collect();
    stages.sort_unstable();
    stages.dedup();
    let mut axes: Vec<Value> = s.axes.iter().map(|a| json!({ "name": a.title(), "values": a.values })).collect();
    axes.push(json!({ "name": "stage", "values": stages.iter().map(|x| x.1).collect::<Vec<_>>() }));
    let point = |p: &crate::point::Point| {
        let place = stages.iter().position(|x| *x == (p.stage_idx, &p.stage)).unwrap_or(0);
        let at: Vec<u64> = p.at.iter().map(|v| u64::from(*v)).chain([place as u64]).collect();
        let mean = |i: usize| Mean::of(&p.values(i).collect::<Vec<_>>()).map(|m| rounded(m.value));
        json!([at, p.runs.len(), (0..measures().len()).map(mean).collect::<Vec<_>>()])
    };
    let measures: Vec<Value> =
        measures().iter().map(|m| json!({ "name": m.name, "title": m.title, "unit": m.unit })).collect();
    json!({ "axes": axes, "measures": measures, "points": s.points.iter().map(point).collect::<Vec<_>>() })
}

/// Room for a plot over any two axes; the script fills it.
pub(super) fn explorer(n: usize, s: &Section) -> String {
    if s.axes.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for a in &s.axes {
        let values = if a.values.len() > 12 {
            format!("{} values from {} to {}", a.values.len(), a.values[0], a.values[a.values.len() - 1])
        } else {
            a.values.join(", ")
        };
        let with = a.other_fields();
        let with = if with.len() > 6 {
            format!("{} and {} more", with[..6].join(", "), with.len() - 6)
        } else {
            with.join(", ")
        };
        let cells = [&values, &with].map(|c| format!("<td class=\"words\">{}</td>", escape(c))).concat();
        rows += &format!("<tr><th scope=\"row\"><code>{}</code></th>{cells}</tr>\n", escape(a.title()));
    }
    let table = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Axes\"><table><caption>Axes: in what the experiments differ</caption><thead>\
         <tr><th scope=\"col\">axis</th><th scope=\"col\" class=\"words\">values</th><th scope=\"col\" class=\"words\">fields that change with it</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n"
    );
    let widget = if is_explored(s) {
        format!(
            "<section class=\"live\" aria-labelledby=\"x{n}\" data-explorer><h3 id=\"x{n}\">Any two axes</h3>\n<fieldset class=\"choices\"><legend>What is shown</legend></fieldset>\n\
             <figure class=\"paper\" tabindex=\"0\"><div class=\"plot\" role=\"img\" aria-labelledby=\"x{n}-caption\"></div><figcaption id=\"x{n}-caption\" aria-live=\"polite\"></figcaption></figure></section>\n"
        )
    } else {
        String::new()
    };
    table + &widget
}
