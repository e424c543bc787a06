// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changing one field of a RON text, for `--set` and for the axes of a sweep.

use crate::error::{ConfigError, Says};
use crate::near::suggestion;
use crate::scan::{Kind, Node, Scan, Segment, segments};

/// File name under which errors of overrides are reported.
const FILE: &str = "override";

/// Puts `value` where `path` stands in the RON text `text` and returns the new text; comments stay.
///
/// `path` is written as in error messages: `workload.tasks[0].body`, names of enum variants may be left out
/// (`interrupts[0].source.period`). A field that the text does not have is added to the group or map that would
/// hold it; the result must be parsed to learn whether such a field exists. A field of a machine preset is not in the
/// text of an experiment that only names the preset: apply the override to [`crate::expanded`] text then.
/// `value` is RON; where the old value is a text in quotes, quotes around the new one may be left out
/// (`250ms` for `"250ms"`).
///
/// ```
/// let text = configs::presets::experiment_text("ring8.ron").unwrap();
/// let changed = configs::override_field(text, "duration", "10ms")?;
/// assert!(changed.contains("duration: \"10ms\""));
/// # Ok::<(), configs::ConfigError>(())
/// ```
///
/// # Errors
/// If `path` is no path, leads nowhere, or `value` is not one RON value.
pub fn override_field(text: &str, path: &str, value: &str) -> Result<String, ConfigError> {
    let error = |message: String, help: String| {
        let says = Says { message, help: Some(help), ..Says::default() };
        ConfigError::without_place(FILE, says)
    };
    let help = "write it as in messages: `machine.cores` or `interrupts[0].source.period`";
    let path_segments = segments(path)
        .filter(|s| !s.is_empty())
        .ok_or_else(|| error(format!("`{path}` is not the path of a field"), help.to_owned()))?;
    let scan = Scan::new(text);
    if scan.failed.is_some() {
        return Err(error(format!("cannot set `{path}`: the text is not RON"), "mend it first".to_owned()));
    }
    let found = scan.follow(text, &path_segments);
    if found.depth == path_segments.len() {
        let span = found.node.span.clone();
        let value = fitting(value, is_text(&text[span.clone()])).map_err(|m| {
            error(format!("cannot set `{path}`: {m}"), format!("it is {} now", first_line(&text[span.clone()])))
        })?;
        return Ok(splice(text, span.start..span.end, &value));
    }
    let missing = &path_segments[found.depth];
    let last = found.depth + 1 == path_segments.len();
    if let (Segment::Name(name), true, Some(place)) = (missing, last, insertion(found.node)) {
        let value = fitting(value, false)
            .map_err(|m| error(format!("cannot set `{path}`: {m}"), "write one RON value".to_owned()))?;
        let key = if place.quoted { format!("\"{name}\"") } else { name.clone() };
        let comma = if place.after_value { ", " } else { "" };
        return Ok(splice(text, place.at..place.at, &format!("{comma}{key}: {value}")));
    }
    let (what, help) = match (missing, &found.node.kind) {
        (Segment::Index(i), Kind::List(items)) => {
            (format!("[{i}]"), format!("that list has {} entries, counted from 0", items.len()))
        }
        (Segment::Index(i), _) => (format!("[{i}]"), "that is not a list".to_owned()),
        (Segment::Name(name), _) => (format!("`{name}`"), suggestion(name, "fields there", found.node.names())),
    };
    Err(error(format!("cannot set `{path}`: there is no {what}"), help))
}

struct Place {
    at: usize,
    after_value: bool,
    quoted: bool,
}

/// Where a member can be added to a group or map, if the node is one.
fn insertion(node: &Node) -> Option<Place> {
    match &node.kind {
        Kind::Group(members) | Kind::Map(members) => {
            let quoted = matches!(node.kind, Kind::Map(_));
            Some(match members.last() {
                Some(m) => Place { at: m.value.span.end, after_value: true, quoted },
                None => Place { at: node.span.end - 1, after_value: false, quoted },
            })
        }
        Kind::Tuple(items) if items.is_empty() => {
            Some(Place { at: node.span.end - 1, after_value: false, quoted: false })
        }
        _ => None,
    }
}

/// Checks that `value` is exactly one RON value; puts it in quotes if a text is expected.
fn fitting(value: &str, text_expected: bool) -> Result<String, String> {
    let value = value.trim();
    if text_expected && !is_text(value) {
        return Ok(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    let scan = Scan::new(value);
    if scan.failed.is_some() || scan.root.span != (0..value.len()) {
        return Err(format!("`{value}` is not one RON value"));
    }
    Ok(value.to_owned())
}

/// Whether a value is written as a text, plain or raw.
fn is_text(value: &str) -> bool {
    ["\"", "r\"", "r#"].iter().any(|start| value.starts_with(start))
}

fn splice(text: &str, span: std::ops::Range<usize>, value: &str) -> String {
    [&text[..span.start], value, &text[span.end..]].concat()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}
