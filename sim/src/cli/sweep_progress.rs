// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far a sweep has come: a bar for people, lines of JSON for logs.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rqsim::sweep::crew::State;

use super::output;
use super::sweep_table::{nanos, seconds};

/// Between two lines of JSON.
const JSON_EVERY: Duration = Duration::from_secs(1);
/// Between two looks of the bar at the state.
const BAR_EVERY: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressKind {
    /// A bar, if stderr is a terminal.
    Bar,
    /// A line of JSON on stderr every second, and one at the end.
    Json,
    /// Nothing.
    None,
}

/// Shows the state of a sweep.
pub(super) struct Progress {
    kind: ProgressKind,
    bar: ProgressBar,
    begin: Instant,
    last: Mutex<(Option<Instant>, State)>,
}

impl Progress {
    pub(super) fn new(kind: ProgressKind) -> Progress {
        let bar = if kind == ProgressKind::Bar {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} runs, {elapsed} gone\n{wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        } else {
            ProgressBar::hidden()
        };
        Progress { kind, bar, begin: Instant::now(), last: Mutex::default() }
    }

    pub(super) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    pub(super) fn show(&self, state: &State) {
        let every = match self.kind {
            ProgressKind::None => return,
            ProgressKind::Bar => BAR_EVERY,
            ProgressKind::Json => JSON_EVERY,
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.0.is_none_or(|t| t.elapsed() >= every);
        if !due && state.done < state.all {
            last.1.clone_from(state);
            return;
        }
        *last = (Some(Instant::now()), state.clone());
        match self.kind {
            ProgressKind::Json => output::say(&self.json(state)),
            _ => {
                self.bar.set_length(state.all);
                self.bar.set_position(state.done);
                self.bar.set_message(self.words(state));
            }
        }
    }

    /// Finished runs of this process a second, and seconds left by the estimate, scaled by how it has held so far.
    fn pace(&self, state: &State) -> (f64, Option<f64>) {
        let elapsed = self.begin.elapsed().as_secs_f64();
        let rate = (state.done - state.reused) as f64 / elapsed.max(1e-9);
        let left = (state.done_s > 0.0).then(|| state.left_s / state.done_s * elapsed);
        (rate, left)
    }

    fn words(&self, s: &State) -> String {
        let (rate, left) = self.pace(s);
        let mut text = format!("{} running, {} failed, {rate:.1}/s", s.running, s.failed);
        if let Some(left) = left {
            text += &format!(", {} left", seconds(left));
        }
        if s.longest.ns > 0 {
            let l = &s.longest;
            text += &format!("; longest wait {} (point {}, {}, seed {})", nanos(l.ns as f64), l.point, l.stage, l.seed);
        }
        text
    }

    fn json(&self, s: &State) -> String {
        let (rate, left) = self.pace(s);
        let l = &s.longest;
        let value = serde_json::json!({
            "done": s.done, "all": s.all, "found": s.reused, "running": s.running, "failed": s.failed,
            "runs_per_s": (rate * 10.0).round() / 10.0,
            "left_s": left.map(|l| (l * 10.0).round() / 10.0),
            "elapsed_s": (self.begin.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            "worst": (l.ns > 0).then(|| serde_json::json!({"ns": l.ns, "point": l.point, "stage": l.stage, "seed": l.seed})),
        });
        value.to_string()
    }

    /// Takes the bar away; the last line of JSON.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.kind == ProgressKind::Json && last.1.done < last.1.all {
            output::say(&self.json(&last.1));
        }
    }
}
