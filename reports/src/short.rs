// SPDX-License-Identifier: MIT OR Apache-2.0
//! Short names for points of a sweep: of a value with fields only those that tell it from others of its kind.

use std::collections::{BTreeMap, BTreeSet};

use crate::axes::fields;

/// `cores=4 Ring(bidirectional: true) mcs` for each point, given as what its axes stand at: a word says of itself what it is, a number does not.
pub(crate) fn point_names(points: &[&BTreeMap<String, String>]) -> Vec<String> {
    let mut of_axis: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (axis, value) in points.iter().flat_map(|p| p.iter()) {
        of_axis.entry(axis).or_default().insert(value);
    }
    let mut short: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for (axis, values) in &of_axis {
        short.extend(values.iter().map(|v| ((*axis, *v), shortened(v, values))));
    }
    let one = |(axis, value): (&String, &String)| {
        let short = &short[&(axis.as_str(), value.as_str())];
        let is_word = short.starts_with(char::is_alphabetic) && !["true", "false"].contains(&value.as_str());
        if is_word { short.clone() } else { format!("{axis}={short}") }
    };
    points.iter().map(|p| p.iter().map(one).collect::<Vec<_>>().join(" ")).collect()
}

/// A value without the fields that all of `values` with the same head have alike; values without fields stay as they are.
pub(crate) fn shortened(value: &str, values: &BTreeSet<&str>) -> String {
    let head = |v: &str| v.split_once('(').map(|(head, _)| head.to_owned());
    let Some(own) = head(value) else { return value.to_owned() };
    let peers: Vec<Vec<(String, String)>> =
        values.iter().filter(|v| head(v).as_ref() == Some(&own)).map(|v| fields(v)).collect();
    let kept: Vec<String> = fields(value)
        .into_iter()
        .filter(|field| peers.iter().any(|p| !p.contains(field)))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if kept.is_empty() { own } else { format!("{own}({})", kept.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_value_with_fields_only_what_tells_it_from_others_of_its_kind_is_named() {
        let at = |net: &str, cores: &str| -> BTreeMap<String, String> {
            [("cores", cores), ("net", net)].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
        };
        let all = [
            at("Ring(hop: \"2cy\", bidirectional: true)", "4"),
            at("Ring(hop: \"2cy\", bidirectional: false)", "8"),
            at("Mesh(columns: 4, link: (queue: 8, latency: \"2cy\"))", "4"),
            at("Mesh(columns: 4, link: (queue: 2, latency: \"2cy\"))", "4"),
            at("Bus(latency: \"4cy\")", "10us"),
        ];
        let names = point_names(&all.iter().collect::<Vec<_>>());
        assert_eq!(
            names,
            [
                "cores=4 Ring(bidirectional: true)",
                "cores=8 Ring(bidirectional: false)",
                "cores=4 Mesh(link.queue: 8)",
                "cores=4 Mesh(link.queue: 2)",
                "cores=10us Bus",
            ]
        );
    }
}
