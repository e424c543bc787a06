// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names that are nearly right, for "did you mean".

/// Candidates within a small edit distance of `name`, nearest first, then in alphabetical order.
///
/// The distance allowed is a third of the name's length, at least one and at most four edits, and none for a
/// single letter, so a short name is not "near" everything. The beginning of a name is near it, too. Upper and
/// lower case count as equal.
#[must_use]
pub fn near_names<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let length = name.chars().count();
    let allowed = (length / 3).clamp(usize::from(length > 1), 4);
    let mut scored: Vec<(usize, &str)> = candidates
        .into_iter()
        .map(|c| (distance(&name.to_lowercase(), &c.to_lowercase()), c))
        .filter(|&(d, c)| {
            let begins = name.len() >= 3 && c.starts_with(name);
            let goes_on = c.len() >= 2 && name.starts_with(c);
            d <= allowed || begins || goes_on
        })
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().map(|(_, c)| c).collect()
}

/// Most names of which a message lists all.
const LISTED_MAX: usize = 30;

/// Names listed of more than that.
const LISTED_FIRST: usize = 8;

/// Names for a message, with commas between them; of very many the first few, and how many there are.
#[must_use]
pub fn listed(names: &[&str]) -> String {
    match names.len() {
        0 => "none".to_owned(),
        1..=LISTED_MAX => names.join(", "),
        n => format!("{}, .. ({n} in all)", names[..LISTED_FIRST].join(", ")),
    }
}

/// One line of help: the nearest names if there are any, then all names under `what`.
#[must_use]
pub(crate) fn suggestion<'a>(name: &str, what: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = candidates.into_iter().collect();
    if all.is_empty() {
        return format!("there are no {what}");
    }
    let list = format!("{what}: {}", listed(&all));
    match near_names(name, all.iter().copied()).as_slice() {
        [] => list,
        near => {
            let quoted: Vec<String> = near.iter().take(3).map(|n| format!("`{n}`")).collect();
            format!("did you mean {}? {list}", quoted.join(" or "))
        }
    }
}

/// Edit distance in characters: insertion, deletion, replacement and swap of neighbours cost one each.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_edits_and_swaps() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("ways", "ways"), 0);
        assert_eq!(distance("way", "ways"), 1);
        assert_eq!(distance("wyas", "ways"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn near_names_are_few_and_in_a_fixed_order() {
        let all = ["ring8.ron", "ring8-next.ron", "mesh.ron"];
        assert_eq!(near_names("rign8.ron", all), ["ring8.ron"]);
        assert_eq!(near_names("ring8", all), ["ring8.ron", "ring8-next.ron"]);
        assert!(near_names("zzz", all).is_empty());
    }

    #[test]
    fn a_message_lists_the_first_few_of_very_many_names() {
        let many = ["ab"; LISTED_MAX + 1];
        assert_eq!(listed(&many), format!("{}.. (31 in all)", "ab, ".repeat(8)));
        assert_eq!(listed(&many[..LISTED_MAX]).matches("ab").count(), LISTED_MAX);
        assert_eq!(listed(&[]), "none");
    }

    #[test]
    fn a_suggestion_lists_everything_and_puts_the_near_name_first() {
        assert_eq!(suggestion("wais", "fields", ["ways", "hit"]), "did you mean `ways`? fields: ways, hit");
        assert_eq!(suggestion("zzz", "fields", ["ways"]), "fields: ways");
        assert_eq!(suggestion("zzz", "locks declared", []), "there are no locks declared");
    }
}
