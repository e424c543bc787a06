// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which known name somebody probably meant.

/// Longer names are not compared: nobody mistypes them by a letter or two and asks why.
const NAME_CHARS_MAX: usize = 64;

/// The candidate closest to `wanted` by edit distance (insert, delete, replace, swap neighbours;
/// case does not count), if it is close enough to be a slip: at most a third of the letters of
/// `wanted`, and at least one letter may differ. Of equally close ones the first is taken.
#[must_use]
pub fn near_name<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().collect();
    if wanted.is_empty() || wanted.len() > NAME_CHARS_MAX {
        return None;
    }
    let allowed = (wanted.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for name in candidates {
        if name.len() > 4 * NAME_CHARS_MAX {
            continue;
        }
        let other: Vec<char> = name.to_lowercase().chars().collect();
        if other.len().abs_diff(wanted.len()) > allowed {
            continue;
        }
        let d = distance(&wanted, &other);
        // A name of which nothing is left is no suggestion ("x" for "y").
        let close = d <= allowed && d < wanted.len().max(other.len());
        if close && best.is_none_or(|(b, _)| d < b) {
            best = Some((d, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Edit distance with swaps of neighbouring letters, three rows of the usual table at a time.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut d = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                d = d.min(before[j - 2] + 1);
            }
            row[j] = d;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let names = ["load", "store", "fetch_add", "fetch_and", "x"];
        assert_eq!(near_name("laod", names), Some("load"));
        assert_eq!(near_name("Store", names), Some("store"));
        assert_eq!(near_name("fetch_ad", names), Some("fetch_add"));
        assert_eq!(near_name("ftech_and", names), Some("fetch_and"));
        assert_eq!(near_name("release", names), None);
        assert_eq!(near_name("y", names), None);
        assert_eq!(near_name("", names), None);
    }

    #[test]
    fn distance_counts_a_swap_once() {
        let chars = |s: &str| s.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("ab"), &chars("ba")), 1);
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
    }
}
