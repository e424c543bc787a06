// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which window of a run is wanted, as written on the command line.

use std::str::FromStr;

use configs::Span;

/// What a window is around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The first attempt that ends with ETIMEDOUT, all of it.
    FirstTimeout,
    /// The first time that a core comes to a label of the program.
    Label(String),
}

/// A window: by time, or by what happens and so much before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// From the first instant to before the second.
    Time(Span, Span),
    /// Around what happens.
    Around(Mark, Span),
}

const HELP: &str = "write FROM..TO as in 2ms..2.5ms, or first-timeout, or label:NAME; the last two with +-SPAN, \
                    as in first-timeout+-100us";

impl Default for Wanted {
    /// The first millisecond.
    fn default() -> Self {
        Wanted::Time(Span::ZERO, Span::Picos(1_000_000_000))
    }
}

impl FromStr for Wanted {
    type Err = String;
    fn from_str(text: &str) -> Result<Wanted, String> {
        let span = |t: &str| t.parse::<Span>().map_err(|e| format!("{}; {HELP}", e.to_string().replace('\n', "; ")));
        let (what, around) = match text.split_once("+-") {
            Some((what, s)) => (what, Some(span(s)?)),
            None => (text, None),
        };
        let mark = match what.strip_prefix("label:") {
            Some("") => return Err(format!("label: without a name; {HELP}")),
            Some(name) => Some(Mark::Label(name.to_owned())),
            None => (what == "first-timeout").then_some(Mark::FirstTimeout),
        };
        if let Some(mark) = mark {
            return Ok(Wanted::Around(mark, around.unwrap_or(Span::Picos(50_000_000))));
        }
        match (what.split_once(".."), around) {
            (Some((from, to)), None) => Ok(Wanted::Time(span(from)?, span(to)?)),
            _ => Err(format!("\"{text}\" is no window; {HELP}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read() {
        let ps = Span::Picos;
        assert_eq!("2us..3ms".parse(), Ok(Wanted::Time(ps(2_000_000), ps(3_000_000_000))));
        assert_eq!("first-timeout".parse(), Ok(Wanted::Around(Mark::FirstTimeout, ps(50_000_000))));
        assert_eq!("first-timeout+-1us".parse(), Ok(Wanted::Around(Mark::FirstTimeout, ps(1_000_000))));
        assert_eq!("label:a.b+-1ns".parse(), Ok(Wanted::Around(Mark::Label("a.b".into()), ps(1000))));
    }

    #[test]
    fn a_wrong_window_says_how_to_write_one() {
        for bad in ["", "first", "1us", "1us..", "1..2", "label:", "1us..2us+-3us", "first-timeout+-x"] {
            let e = bad.parse::<Wanted>().expect_err(bad);
            assert!(e.ends_with(HELP), "{bad}: {e}");
        }
    }
}
