// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ctrl-C while runs are made.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use indicatif::ProgressBar;
use rqsim::batch::HowToRun;

use super::output;

/// Exit code of a program that Ctrl-C ended: 128 and the number of the signal.
pub(super) const EXIT_CODE: u8 = 130;

/// What a first Ctrl-C sets, and what is said then.
#[derive(Clone, Debug)]
pub(super) struct Interrupt {
    /// Set by the first one: no further run is to begin.
    pub(super) stop: Arc<AtomicBool>,
    /// Runs that are finished.
    pub(super) done: Arc<AtomicUsize>,
    /// What they are called, and the files that keep them.
    what: &'static str,
    files: [PathBuf; 2],
    how: HowToRun,
}

impl Interrupt {
    /// Watches for Ctrl-C from now on. A second one ends the program at once. `files` keep what is finished.
    pub(super) fn watch(what: &'static str, files: [PathBuf; 2], how: HowToRun, bar: &ProgressBar) -> Interrupt {
        let interrupt = Interrupt { stop: Arc::default(), done: Arc::default(), what, files, how };
        let (seen, bar) = (interrupt.clone(), bar.clone());
        let on_signal = move || {
            if seen.stop.swap(true, Ordering::Relaxed) {
                bar.suspend(|| output::say(&seen.kept()));
                std::process::exit(EXIT_CODE.into());
            }
            let what = seen.what;
            let text = format!(
                "interrupted: the {what} in progress are finished, no other is begun; Ctrl-C again stops at once"
            );
            bar.suspend(|| output::say(&text));
        };
        if let Err(e) = ctrlc::set_handler(on_signal) {
            output::say(&format!("warning: Ctrl-C will end the program without a word: {e}"));
        }
        interrupt
    }

    /// What is there, and how to go on.
    pub(super) fn kept(&self) -> String {
        let done = self.done.load(Ordering::Relaxed);
        let there: Vec<String> = self.files.iter().filter(|p| p.exists()).map(|p| p.display().to_string()).collect();
        let place = if there.is_empty() { String::new() } else { format!(" in {}", there.join(" and ")) };
        let again = match (self.how.exact, self.how.fresh) {
            (true, _) => "the same command makes all of them again, because of --exact",
            (_, true) => "the same command without --fresh makes the rest",
            _ => "the same command makes the rest",
        };
        format!("interrupted: {done} finished {} of this experiment are kept{place}; {again}", self.what)
    }
}
