// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the cores of a run did over a window of time, cut into the steps of a picture: the numbers behind a time line.
//!
//! `sim run` keeps that of the longest attempt in `timeline.jsonl` beside its records, so that a report can draw it without simulating.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::journal::{BadLine, read_lines};
use crate::trace::{Doing, Span, Trace};

/// Version of the format.
const FORMAT: u32 = 1;
/// What a line says it is.
const KIND: &str = "time line";
/// Name of the file beside records.
pub const FILE: &str = "timeline.jsonl";
/// Steps into which a window is cut at most: a quarter of a pixel each.
pub const STEPS_MAX: u32 = 3416;
/// Kinds of [`Doing`].
const KINDS: usize = 6;
/// Most cores of a time line that is read.
const CORES_MAX: usize = 4096;

/// A step from which on a core does something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The step, from 0.
    pub step: u32,
    /// What took most of the steps from here to the next change.
    pub doing: Doing,
    /// Whether business with a lock took at least half of them.
    pub is_most: bool,
}

/// When a core runs handlers; those less than a step apart are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handler {
    /// Begin, ns.
    pub from_ns: u64,
    /// End, ns.
    pub to_ns: u64,
    /// Whether one of them is an NMI.
    pub is_nmi: bool,
}

/// A core's row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// In order; the first is of step 0.
    pub changes: Vec<Change>,
    /// `[doing]`: time that it took, ns.
    pub times_ns: [u64; KINDS],
    /// In order.
    pub handlers: Vec<Handler>,
    /// Begin and end of each time in which an attempt was stuck, ns.
    pub stuck: Vec<(u64, u64)>,
}

/// A window of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeLine {
    format: u32,
    record: String,
    /// Name of the run.
    pub title: String,
    /// What was simulated, in words.
    pub setting: String,
    /// Begin of the window, ns.
    pub from_ns: u64,
    /// End of the window, ns.
    pub to_ns: u64,
    /// Steps into which it is cut; none is shorter than 1 ns.
    pub steps: u32,
    /// An attempt is called stuck after this long, ns.
    pub stuck_after_ns: u64,
    /// `[core]`.
    pub rows: Vec<Row>,
}

impl From<&Trace> for TimeLine {
    fn from(trace: &Trace) -> Self {
        let steps = (trace.to_ns - trace.from_ns).clamp(1, u64::from(STEPS_MAX)) as u32;
        Self {
            format: FORMAT,
            record: KIND.to_owned(),
            title: trace.title.clone(),
            setting: trace.setting.clone(),
            from_ns: trace.from_ns,
            to_ns: trace.to_ns,
            steps,
            stuck_after_ns: trace.stuck_after_ns,
            rows: (0..trace.cores).map(|core| row(trace, core, steps as usize)).collect(),
        }
    }
}

impl TimeLine {
    /// The length of the window, ns.
    #[must_use]
    pub fn span_ns(&self) -> u64 {
        self.to_ns - self.from_ns
    }

    /// As a line of a file.
    ///
    /// # Errors
    /// Only if the JSON writer fails; no value can make it.
    pub fn to_line(&self) -> Result<String, Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// What a line must be beyond its form, to be drawn.
    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT || self.record != KIND {
            return Err(format!(
                "format {} of a {:?}, this version reads format {FORMAT} of a {KIND:?}",
                self.format, self.record
            ));
        }
        if self.from_ns >= self.to_ns || self.rows.len() > CORES_MAX {
            return Err(format!("{} cores from {} ns to {} ns", self.rows.len(), self.from_ns, self.to_ns));
        }
        if !(1..=STEPS_MAX).contains(&self.steps) {
            return Err(format!("{} steps, which are 1 to {STEPS_MAX}", self.steps));
        }
        for (core, row) in self.rows.iter().enumerate() {
            let starts = row.changes.first().is_some_and(|c| c.step == 0);
            let climbs = row.changes.windows(2).all(|w| w[0].step < w[1].step);
            let ends = row.changes.last().is_some_and(|c| c.step < self.steps);
            if !(starts && climbs && ends) {
                return Err(format!("core {core}: its changes are not steps from 0 to {} in order", self.steps - 1));
            }
            let handlers = row.handlers.iter().map(|h| (h.from_ns, h.to_ns));
            if let Some((from, to)) = handlers
                .chain(row.stuck.iter().copied())
                .find(|(from, to)| from > to || *from < self.from_ns || *to > self.to_ns)
            {
                return Err(format!("core {core}: {from} ns to {to} ns is not within the window"));
            }
            let shares = row.times_ns.iter().try_fold(0_u64, |sum, t| sum.checked_add(*t));
            if shares.is_none_or(|s| s > self.span_ns()) {
                return Err(format!("core {core}: its times are more than the window has"));
            }
        }
        Ok(())
    }
}

/// Reads a file of time lines, and what in it is none.
///
/// # Errors
/// [`Error::Read`] if the file cannot be read.
pub fn read(path: &Path) -> Result<(Vec<TimeLine>, Vec<BadLine>), Error> {
    read_lines(path, |line| {
        let one: TimeLine = serde_json::from_str(line).map_err(|e| e.to_string().replace("line 1 column", "column"))?;
        one.check().map(|()| one)
    })
}

fn row(trace: &Trace, core: u32, count: usize) -> Row {
    let mine = || trace.doing.iter().filter(|s| s.core == core);
    let mut times_ns = [0; KINDS];
    mine().for_each(|s| times_ns[s.what as usize] += s.to_ns - s.from_ns);
    let mut changes: Vec<Change> = Vec::new();
    for (step, (doing, is_most)) in steps(trace, core, count).into_iter().enumerate() {
        if changes.last().is_none_or(|c| (c.doing, c.is_most) != (doing, is_most)) {
            changes.push(Change { step: step as u32, doing, is_most });
        }
    }
    let step_ns = (trace.to_ns - trace.from_ns) / count as u64;
    let handlers = merged(trace.handlers.iter().filter(|s| s.core == core), step_ns);
    let stuck = trace.stuck.iter().filter(|s| s.core == core).map(|s| (s.from_ns, s.to_ns)).collect();
    Row { changes, times_ns, handlers, stuck }
}

/// Cuts a window into steps and says for each what business took most of its time, and whether that is at least half of it.
fn steps(trace: &Trace, core: u32, count: usize) -> Vec<(Doing, bool)> {
    let span = (trace.to_ns - trace.from_ns).max(1);
    let begin = |i: usize| trace.from_ns + (u128::from(span) * i as u128 / count as u128) as u64;
    let mut times = vec![[0_u64; KINDS]; count];
    for s in trace.doing.iter().filter(|s| s.core == core) {
        let first = (u128::from(s.from_ns - trace.from_ns) * count as u128 / u128::from(span)) as usize;
        for (i, time) in times.iter_mut().enumerate().skip(first.saturating_sub(1)) {
            let (from, to) = (begin(i), begin(i + 1));
            if from >= s.to_ns {
                break;
            }
            time[s.what as usize] += s.to_ns.min(to).saturating_sub(s.from_ns.max(from));
        }
    }
    let most = |(i, time): (usize, &[u64; KINDS])| {
        // Where two took equally long, the one that is more of a lock's business.
        let doing =
            Doing::BUSINESS.into_iter().filter(|d| time[*d as usize] > 0).max_by_key(|d| (time[*d as usize], *d));
        let busy: u64 = time.iter().sum();
        (doing.unwrap_or_default(), 2 * busy >= begin(i + 1) - begin(i))
    };
    times.iter().enumerate().map(most).collect()
}

/// Handlers that are less than a step apart, as one.
fn merged<'a>(spans: impl Iterator<Item = &'a Span<bool>>, step: u64) -> Vec<Handler> {
    let mut out: Vec<Handler> = Vec::new();
    for s in spans {
        match out.last_mut() {
            Some(last)
                if s.from_ns <= last.to_ns + step && (s.what == last.is_nmi || last.to_ns - last.from_ns <= step) =>
            {
                last.to_ns = last.to_ns.max(s.to_ns);
                last.is_nmi |= s.what;
            }
            _ => out.push(Handler { from_ns: s.from_ns, to_ns: s.to_ns, is_nmi: s.what }),
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn small() -> Trace {
        fn span<T>(core: u32, from_ns: u64, to_ns: u64, what: T) -> Span<T> {
            Span { core, from_ns, to_ns, what }
        }
        Trace {
            title: "t".into(),
            cores: 2,
            from_ns: 1000,
            to_ns: 2000,
            doing: vec![span(0, 1000, 1500, Doing::Holding), span(1, 1050, 1900, Doing::Queued)],
            handlers: vec![span(1, 1100, 1200, true), span(1, 1201, 1300, true)],
            stuck: vec![span(1, 1600, 1900, ())],
            ..Trace::default()
        }
    }

    #[test]
    fn a_step_shows_what_took_most_of_it() {
        let (h, q, o) = ((Doing::Holding, true), (Doing::Queued, true), (Doing::Other, false));
        assert_eq!(steps(&small(), 0, 4), [h, h, o, o]);
        assert_eq!(steps(&small(), 1, 10), [q, q, q, q, q, q, q, q, q, o]);
        // Here the queue has 450 and 400 of 500 ns; with one step 850 of 1000.
        assert_eq!(steps(&small(), 1, 2), [q, q]);
        let mut short = small();
        short.doing.truncate(1);
        short.doing[0].to_ns = 1040;
        assert_eq!(steps(&short, 0, 10)[..2], [(Doing::Holding, false), o]);
    }

    #[test]
    fn near_handlers_are_one() {
        let t = small();
        let one = |from_ns, to_ns| Handler { from_ns, to_ns, is_nmi: true };
        assert_eq!(merged(t.handlers.iter(), 5), [one(1100, 1300)]);
        assert_eq!(merged(t.handlers.iter(), 0), [one(1100, 1200), one(1201, 1300)]);
    }

    #[test]
    fn a_line_comes_back_and_a_wrong_one_is_named() {
        let made = TimeLine::from(&small());
        let at = |row: &Row| row.changes.iter().map(|c| c.step).collect::<Vec<_>>();
        assert_eq!((made.steps, at(&made.rows[0]), at(&made.rows[1])), (1000, vec![0, 500], vec![0, 50, 900]));
        assert_eq!(made.rows[1].times_ns[Doing::Queued as usize], 850);
        let mut late = made.clone();
        late.rows[1].stuck[0].1 = 2001;
        let mut backwards = made.clone();
        backwards.rows[0].changes[1].step = 0;
        let mut long = made.clone();
        long.rows[0].times_ns[0] = u64::MAX;
        let other = TimeLine { format: 2, ..made.clone() };
        let empty = TimeLine { to_ns: 1000, ..made.clone() };
        let fine = TimeLine { steps: STEPS_MAX + 1, ..made.clone() };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let lines: Vec<String> =
            [&made, &late, &backwards, &long, &other, &empty, &fine].iter().map(|t| t.to_line().unwrap()).collect();
        std::fs::write(&path, lines.concat()).unwrap();
        let (good, bad) = read(&path).unwrap();
        assert_eq!(good, [made]);
        let said: Vec<(usize, &str)> = bad.iter().map(|b| (b.line, b.why.as_str())).collect();
        let wanted = [
            (2, "core 1: 1600 ns to 2001 ns is not within the window"),
            (3, "core 0: its changes are not steps from 0 to 999 in order"),
            (4, "core 0: its times are more than the window has"),
            (5, "format 2 of a \"time line\", this version reads format 1 of a \"time line\""),
            (6, "2 cores from 1000 ns to 1000 ns"),
            (7, "3417 steps, which are 1 to 3416"),
        ];
        assert_eq!(said, wanted);
    }
}
