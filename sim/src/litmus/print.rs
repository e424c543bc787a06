// SPDX-License-Identifier: MIT OR Apache-2.0
//! Results as the tools of the family print them, and as CSV.

use std::fmt::Write;

use lock_impl::litmus::Quantifier;
use reports::csv_field;
use sim_core::untimed::Model;

use super::judge::{Judged, SuiteSums, suites};
use super::{Histogram, Ran};

// Writing to a string cannot fail; the results are dropped for that reason.

/// Timed outcomes with counts, litmus7's way. A star marks outcomes that the question is about.
#[must_use]
pub fn histogram(ran: &Ran, seen: &Histogram) -> String {
    let test = &ran.test;
    let mut out = format!("Test {} {}\nHistogram ({} states)\n", test.name, test.quantifier.name(), seen.len());
    let mut n = (0, 0);
    for (o, times) in seen {
        let holds = ran.compiled.holds(&test.condition, o);
        let starred = holds != (test.quantifier == Quantifier::Forall);
        let _ = writeln!(out, "{times:<7}{}>{}", if starred { '*' } else { ':' }, ran.compiled.show(test, o));
        if holds {
            n.0 += times;
        } else {
            n.1 += times;
        }
    }
    closing(ran, n, &mut out);
    out
}

/// All outcomes, herd's way.
#[must_use]
pub fn states(ran: &Ran, judged: &Judged) -> String {
    let test = &ran.test;
    let Some(all) = &ran.all else { return String::new() };
    let mut out = format!("Test {} {}\nStates {}\n", test.name, test.quantifier.name(), all.len());
    for o in all {
        let _ = writeln!(out, "{}", ran.compiled.show(test, o));
    }
    closing(ran, judged.witnesses.unwrap_or_default(), &mut out);
    out
}

fn closing(ran: &Ran, (with, without): (u64, u64), out: &mut String) {
    let test = &ran.test;
    let ok = super::expect::is_ok(test.quantifier, with, without);
    let word = match test.quantifier {
        Quantifier::Exists => "exists",
        Quantifier::NotExists => "~exists",
        Quantifier::Forall => "forall",
    };
    let observation = match (with, without) {
        (0, _) => "Never",
        (_, 0) => "Always",
        _ => "Sometimes",
    };
    let _ = writeln!(
        out,
        "{}\n\nWitnesses\nPositive: {with}, Negative: {without}\nCondition {word} {} is {}validated\n\
         Observation {} {observation} {with} {without}\n",
        if ok { "Ok" } else { "No" },
        test.condition_text,
        if ok { "" } else { "NOT " },
        test.name,
    );
}

const fn model_name(model: Model) -> &'static str {
    match model {
        Model::Sc => "sc",
        Model::Tso => "tso",
        Model::Weak => "weak",
    }
}

/// One line per test and comparison; a test without any has one line.
#[must_use]
pub fn test_csv(tests: &[Judged], model: Model) -> String {
    let mut out = String::from(
        "suite,file,test,dialect,model,threads,exhaustive_states,timed_states,timed_runs,observation,ok,status,\
         comparison,missing,extra,missing_outcomes,extra_outcomes,why\n",
    );
    for t in tests {
        let mut head = vec![t.suite.clone(), t.file.clone()];
        match &t.ran {
            Ok(ran) => head.extend([
                ran.test.name.clone(),
                ran.test.dialect.name().to_owned(),
                model_name(model).to_owned(),
                ran.test.threads.len().to_string(),
                ran.all.as_ref().map(|a| a.len().to_string()).unwrap_or_default(),
                ran.timed.as_ref().map(|h| h.len().to_string()).unwrap_or_default(),
                ran.timed.as_ref().map(|h| h.values().sum::<u64>().to_string()).unwrap_or_default(),
            ]),
            Err(_) => head.extend([const { String::new() }; 2].into_iter().chain([model_name(model).to_owned()])),
        }
        head.resize(9, String::new());
        let ok = t.is_ok().map(|ok| if ok { "Ok" } else { "No" }).unwrap_or_default();
        head.extend([t.observation().to_owned(), ok.to_owned(), t.status.name().to_owned()]);
        let mut line = |cells: [String; 5]| {
            let all: Vec<String> = head.iter().chain(&cells).chain([&t.why]).map(|c| csv_field(c)).collect();
            out += &all.join(",");
            out.push('\n');
        };
        for c in &t.comparisons {
            line([
                c.what.to_owned(),
                c.missing.len().to_string(),
                c.extra.len().to_string(),
                c.missing.join(" | "),
                c.extra.join(" | "),
            ]);
        }
        if t.comparisons.is_empty() {
            line([const { String::new() }; 5]);
        }
    }
    out
}

/// One line per folder.
#[must_use]
pub fn suite_csv(tests: &[Judged]) -> String {
    let mut out = String::from(
        "suite,tests,ok,failed,unsupported,incomplete,missing_outcomes,tests_missing,extra_outcomes,tests_extra\n",
    );
    for (name, s) in suites(tests) {
        let _ = writeln!(out, "{},{}", csv_field(&name), numbers(&s).map(|n| n.to_string()).join(","));
    }
    out
}

fn numbers(s: &SuiteSums) -> [u64; 9] {
    let [ok, failed, unsupported, incomplete] = s.by_status;
    [s.tests, ok, failed, unsupported, incomplete, s.missing.0, s.missing.1, s.extra.0, s.extra.1]
}

/// The same for people.
#[must_use]
pub fn suite_table(tests: &[Judged]) -> String {
    let heads = ["tests", "ok", "failed", "unsupported", "incomplete", "missing", "in tests", "extra", "in tests"];
    let all = suites(tests);
    let first = all.keys().map(|n| n.chars().count()).max().unwrap_or(0).max(5);
    let mut out = format!("{:<first$}", "suite");
    heads.iter().for_each(|h| out += &format!("  {h:>0$}", h.len().max(7)));
    out.push('\n');
    for (name, s) in &all {
        let _ = write!(out, "{name:<first$}");
        for (n, h) in numbers(s).iter().zip(heads) {
            let _ = write!(out, "  {n:>0$}", h.len().max(7));
        }
        out.push('\n');
    }
    out
}
