// SPDX-License-Identifier: MIT OR Apache-2.0
//! Outcomes held against each other and against what is expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::expect::{is_ok, normal};
use super::{Expect, Ran, Refused};

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing to complain about.
    Ok,
    /// An expectation failed, or a timed run showed what no interleaving gives.
    Failed,
    /// The file cannot be used.
    Unsupported,
    /// The enumeration did not finish.
    Incomplete,
}

impl Status {
    /// Name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Failed => "failed",
            Status::Unsupported => "unsupported",
            Status::Incomplete => "incomplete",
        }
    }
}

/// A set of outcomes against another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What is compared with what.
    pub what: &'static str,
    /// In the reference and not found.
    pub missing: Vec<String>,
    /// Found and not in the reference.
    pub extra: Vec<String>,
}

/// A test with its end.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its folder.
    pub suite: String,
    /// File as given.
    pub file: String,
    /// What running it gave.
    pub ran: Result<Ran, Refused>,
    /// Comparisons made.
    pub comparisons: Vec<Comparison>,
    /// Outcomes with and without the condition: all there are if enumerated, else as often as seen.
    pub witnesses: Option<(u64, u64)>,
    /// How it ended.
    pub status: Status,
    /// Why, if it is not ok.
    pub why: String,
}

impl Judged {
    /// `Always`, `Sometimes` or `Never` is the condition met.
    #[must_use]
    pub fn observation(&self) -> &'static str {
        match self.witnesses {
            None => "",
            Some((0, _)) => "Never",
            Some((_, 0)) => "Always",
            Some(_) => "Sometimes",
        }
    }

    /// Whether what the file asks for is so.
    #[must_use]
    pub fn is_ok(&self) -> Option<bool> {
        let (with, without) = self.witnesses?;
        Some(is_ok(self.ran.as_ref().ok()?.test.quantifier, with, without))
    }
}

/// Holds a test against what is expected and, if both were made, timed runs against all outcomes.
#[must_use]
pub fn judge(path: &Path, ran: Result<Ran, Refused>, expect: Option<&Expect>) -> Judged {
    let suite = path.parent().map(|p| p.display().to_string()).filter(|s| !s.is_empty());
    let mut out = Judged {
        suite: suite.unwrap_or_else(|| ".".to_owned()),
        file: path.display().to_string(),
        comparisons: Vec::new(),
        witnesses: None,
        status: Status::Ok,
        why: String::new(),
        ran,
    };
    let ran = match &out.ran {
        Ok(ran) => ran,
        Err(e) => {
            (out.status, out.why) = match e {
                Refused::Input(s) => (Status::Unsupported, s.clone()),
                Refused::Incomplete(s) => (Status::Incomplete, s.clone()),
                Refused::Run(s) => (Status::Failed, s.clone()),
            };
            return out;
        }
    };
    let witnesses = witnesses(ran);
    let mut reasons = Vec::new();
    if let (Some(timed), Some(all)) = (&ran.timed, &ran.all) {
        let show = |o: &Vec<i64>| ran.compiled.show(&ran.test, o);
        let extra: Vec<String> = timed.keys().filter(|o| !all.contains(*o)).map(show).collect();
        let missing = all.iter().filter(|o| !timed.contains_key(*o)).map(show).collect();
        if !extra.is_empty() {
            reasons.push(format!("timed runs show what no interleaving gives: {}", extra.join(" | ")));
        }
        out.comparisons.push(Comparison { what: "timed-exhaustive", missing, extra });
    }
    let expected = expect.and_then(|e| e.of(&ran.test));
    if expect.is_some() && expected.is_none() {
        reasons.push("the expectations do not name this test".to_owned());
    }
    let expected = expected.unwrap_or_default();
    // Runs that are no enumeration cannot show that an outcome is missing: the set decides then.
    let by_set_alone = ran.all.is_none() && expected.states.is_some();
    if let Some(v) = expected.verdict
        && !by_set_alone
        && !v.agrees(ran.test.quantifier, witnesses.0, witnesses.1)
    {
        reasons.push(format!("expected {v:?}; with the condition {}, without {}", witnesses.0, witnesses.1));
    }
    if let Some(states) = &expected.states {
        let complete = ran.all.is_some();
        let c = against(ran, states, complete);
        if !c.extra.is_empty() || (complete && !c.missing.is_empty()) {
            reasons.push(format!("{} outcomes missing, {} extra", c.missing.len(), c.extra.len()));
        }
        out.comparisons.push(c);
    }
    out.witnesses = Some(witnesses);
    if !reasons.is_empty() {
        out.status = Status::Failed;
        out.why = reasons.join("; ");
    }
    out
}

fn against(ran: &Ran, states: &BTreeSet<String>, complete: bool) -> Comparison {
    let show = |o: &Vec<i64>| normal(&ran.compiled.show(&ran.test, o));
    let found: BTreeSet<String> = match (&ran.all, &ran.timed) {
        (Some(all), _) => all.iter().map(show).collect(),
        (None, Some(timed)) => timed.keys().map(show).collect(),
        (None, None) => BTreeSet::new(),
    };
    Comparison {
        what: if complete { "exhaustive-expected" } else { "timed-expected" },
        missing: states.difference(&found).cloned().collect(),
        extra: found.difference(states).cloned().collect(),
    }
}

/// Outcomes with and without the condition.
fn witnesses(ran: &Ran) -> (u64, u64) {
    let mut n = (0, 0);
    let mut count = |o: &Vec<i64>, times: u64| {
        if ran.compiled.holds(&ran.test.condition, o) {
            n.0 += times;
        } else {
            n.1 += times;
        }
    };
    match (&ran.all, &ran.timed) {
        (Some(all), _) => all.iter().for_each(|o| count(o, 1)),
        (None, Some(timed)) => timed.iter().for_each(|(o, times)| count(o, *times)),
        (None, None) => {}
    }
    n
}

/// Sums over the tests of a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuiteSums {
    /// Tests.
    pub tests: u64,
    /// Of them, by status in order of declaration.
    pub by_status: [u64; 4],
    /// Outcomes missing, and tests that miss some, all comparisons together.
    pub missing: (u64, u64),
    /// The same for extra ones.
    pub extra: (u64, u64),
}

/// Sums by folder, in order of name.
#[must_use]
pub fn suites(tests: &[Judged]) -> BTreeMap<String, SuiteSums> {
    let mut out: BTreeMap<String, SuiteSums> = BTreeMap::new();
    for t in tests {
        let s = out.entry(t.suite.clone()).or_default();
        s.tests += 1;
        s.by_status[t.status as usize] += 1;
        let missing: usize = t.comparisons.iter().map(|c| c.missing.len()).sum();
        let extra: usize = t.comparisons.iter().map(|c| c.extra.len()).sum();
        s.missing = (s.missing.0 + missing as u64, s.missing.1 + u64::from(missing > 0));
        s.extra = (s.extra.0 + extra as u64, s.extra.1 + u64::from(extra > 0));
    }
    out
}
