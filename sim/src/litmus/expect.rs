// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a test is expected to give: a verdict for all, or a file with verdicts or sets of states.

use std::collections::{BTreeMap, BTreeSet};

use lock_impl::litmus::{Quantifier, Test};

/// What is expected of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What the file asks for is so.
    Ok,
    /// It is not.
    No,
    /// Every outcome meets the condition.
    Always,
    /// Some outcomes meet it, some do not.
    Sometimes,
    /// No outcome meets it.
    Never,
    /// At least one outcome meets it.
    Allowed,
}

impl Verdict {
    /// The verdict of this name; those of the tools of the family are known.
    #[must_use]
    pub fn named(word: &str) -> Option<Verdict> {
        Some(match word.to_ascii_lowercase().as_str() {
            "ok" => Verdict::Ok,
            "no" => Verdict::No,
            "always" | "require" | "required" | "r" => Verdict::Always,
            "sometimes" => Verdict::Sometimes,
            "never" | "forbid" | "forbidden" | "f" => Verdict::Never,
            "allow" | "allowed" | "a" => Verdict::Allowed,
            _ => return None,
        })
    }

    /// Whether so many outcomes with and without the condition agree with it.
    #[must_use]
    pub fn agrees(self, quantifier: Quantifier, with: u64, without: u64) -> bool {
        match self {
            Verdict::Ok => is_ok(quantifier, with, without),
            Verdict::No => !is_ok(quantifier, with, without),
            Verdict::Always => without == 0,
            Verdict::Sometimes => with > 0 && without > 0,
            Verdict::Never => with == 0,
            Verdict::Allowed => with > 0,
        }
    }
}

/// Whether what the file asks for is so.
#[must_use]
pub(super) fn is_ok(quantifier: Quantifier, with: u64, without: u64) -> bool {
    match quantifier {
        Quantifier::Exists => with > 0,
        Quantifier::NotExists => with == 0,
        Quantifier::Forall => without == 0,
    }
}

/// What is expected of one test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Verdict.
    pub verdict: Option<Verdict>,
    /// All outcomes, each in one normal form.
    pub states: Option<BTreeSet<String>>,
}

/// What is expected of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The same of all.
    All(Verdict),
    /// By name of the test.
    ByName(BTreeMap<String, Expected>),
}

impl Expect {
    /// What is expected of this test; nothing if the file does not name it.
    #[must_use]
    pub fn of(&self, test: &Test) -> Option<Expected> {
        match self {
            Expect::All(v) => Some(Expected { verdict: Some(*v), states: None }),
            Expect::ByName(map) => map.get(&test.name).cloned(),
        }
    }

    /// Reads a log of the family (`Test NAME ..`, `States n` or `Histogram (n states)` and n lines,
    /// `Observation NAME WORD ..`), or lines of a name and a verdict; `#` begins a comment.
    ///
    /// # Errors
    /// The first line that is neither, with its number.
    pub fn read(file: &str, text: &str) -> Result<Expect, String> {
        let mut map: BTreeMap<String, Expected> = BTreeMap::new();
        let lines: Vec<&str> = text.lines().collect();
        let log = lines.iter().any(|l| l.starts_with("Test "));
        let (mut i, mut current) = (0, None::<String>);
        while i < lines.len() {
            let line = lines[i].trim();
            let words: Vec<&str> = line.split_whitespace().collect();
            let here = format!("{file}:{}", i + 1);
            i += 1;
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if !log {
                let [name, word] = words[..] else {
                    return Err(format!("{here}: expected the name of a test and a verdict"));
                };
                let verdict = Verdict::named(word).ok_or_else(|| format!("{here}: `{word}` is no verdict"))?;
                map.entry(name.to_owned()).or_default().verdict = Some(verdict);
                continue;
            }
            match words[0] {
                "Test" if words.len() >= 2 => current = Some(words[1].to_owned()),
                "States" | "Histogram" if words.len() >= 2 => {
                    let name = current.clone().ok_or_else(|| format!("{here}: states of no test"))?;
                    let n: usize = words[1]
                        .trim_start_matches('(')
                        .parse()
                        .map_err(|_| format!("{here}: `{}` is not a number of states", words[1]))?;
                    let rest = lines.get(i..i.saturating_add(n));
                    let rest = rest.ok_or_else(|| format!("{here}: the file ends before its {n} states"))?;
                    let states = rest.iter().map(|l| normal(l)).collect();
                    map.entry(name).or_default().states = Some(states);
                    i += n;
                }
                "Observation" if words.len() >= 3 => {
                    let verdict = Verdict::named(words[2]);
                    let verdict = verdict.ok_or_else(|| format!("{here}: `{}` is no observation", words[2]))?;
                    map.entry(words[1].to_owned()).or_default().verdict = Some(verdict);
                }
                _ => {}
            }
        }
        Ok(Expect::ByName(map))
    }
}

/// One form of an outcome whoever wrote it: no counts, no brackets around locations, numbers in
/// decimal, registers of x86 and Arm by their widest name in lower case, in order.
#[must_use]
pub(super) fn normal(state: &str) -> String {
    let bare = state.split_once('>').map_or(state, |(_, s)| s);
    let one = |part: &str| {
        let (place, value) = part.split_once('=')?;
        let place = place.trim().trim_start_matches('[').trim_end_matches(']');
        let value = value.trim();
        let value = match value.strip_prefix("0x").and_then(|h| u64::from_str_radix(h, 16).ok()) {
            Some(n) => n.to_string(),
            None => value.to_owned(),
        };
        Some(format!("{}={value};", place_name(place)))
    };
    let mut parts: Vec<String> = bare.split(';').filter_map(one).collect();
    parts.sort();
    parts.join(" ")
}

fn place_name(place: &str) -> String {
    let Some((thread, register)) = place.split_once(':') else { return place.to_owned() };
    let lower = register.trim_start_matches('%').to_ascii_lowercase();
    let wide = match lower.strip_prefix('e').filter(|r| r.len() == 2) {
        Some(rest) => format!("r{rest}"),
        None => match lower.strip_prefix('w') {
            Some(n) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => format!("x{n}"),
            _ => lower,
        },
    };
    format!("{}:{wide}", thread.trim())
}
