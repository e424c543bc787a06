// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recorded arrivals: the CSV files of sources `Trace`.
//!
//! One file can hold the arrivals of many interrupts and cores; each source takes its own. The hash of what was read goes
//! into the experiment, so that a record is of this trace and no other.

use std::collections::BTreeMap;
use std::sync::Arc;

use configs::{Loaded, Source};
use sha2::{Digest, Sha256};
use sim_core::time::Clock;

use crate::plan::InputError;

/// The first line of a trace.
const HEADER: &str = "time_ns,cpu,source";

/// `[core]`: cycles of its arrivals, ascending.
pub(crate) type ByCore = Vec<Arc<[u64]>>;

/// Reads the traces of all sources that have one, by number of the interrupt, and fills in their hashes.
///
/// # Errors
/// A file that cannot be read, is no trace, has another hash than the experiment says, or holds nothing for its source.
pub(crate) fn read(loaded: &mut Loaded) -> Result<BTreeMap<usize, ByCore>, InputError> {
    let mut all = BTreeMap::new();
    for i in 0..loaded.experiment.interrupts.len() {
        let x = &loaded.experiment.interrupts[i];
        let Source::Trace { file, sha256 } = &x.source else { continue };
        let path = loaded.beside(file);
        let field = |name: &str| format!("interrupts[{i}].source.{name}");
        let text = crate::files::read_text(&path, crate::files::TRACE_BYTES_MAX).map_err(|e| {
            let help = "the path is relative to the experiment file".to_owned();
            loaded.error_at(&field("file"), format!("cannot read the trace {}: {e}", path.display()), Some(help))
        })?;
        let hash: String = Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        if let Some(wanted) = sha256.as_ref().filter(|w| **w != hash) {
            let what = format!("the trace {} has the hash {hash}, not {wanted}", path.display());
            let help =
                "it is not the file this experiment was run with; leave `sha256` out to take this one".to_owned();
            return Err(loaded.error_at(&field("sha256"), what, Some(help)).into());
        }
        let machine = &loaded.experiment.machine;
        let rows = rows(&text, machine.cores).map_err(|(line, what)| {
            let help = format!("a trace has the header `{HEADER}`, then rows such as `1500,0,{}`", x.name);
            InputError::text(&format!("{}:{line}: {what}", path.display()), &help)
        })?;
        let chosen = x.on.list(machine.cores);
        let clock = Clock { khz: machine.clock.khz() };
        let mut cores = vec![Vec::new(); machine.cores as usize];
        for (time, cpu, _) in rows.iter().filter(|(_, cpu, name)| *name == x.name && chosen.contains(cpu)) {
            cores[*cpu as usize].push(clock.cycles(*time));
        }
        if cores.iter().all(Vec::is_empty) {
            let what = format!("the trace {} has no row for \"{}\" on the chosen cores", path.display(), x.name);
            let mut names: Vec<&str> = rows.iter().map(|(_, _, name)| *name).collect();
            names.sort_unstable();
            names.dedup();
            let help = format!("sources in it: {}", if names.is_empty() { "none".into() } else { names.join(", ") });
            return Err(loaded.error_at(&field("file"), what, Some(help)).into());
        }
        all.insert(i, cores.into_iter().map(Arc::from).collect());
        if let Source::Trace { sha256, .. } = &mut loaded.experiment.interrupts[i].source {
            *sha256 = Some(hash);
        }
    }
    Ok(all)
}

/// Time in nanoseconds, core and source.
type Row<'t> = (u64, u32, &'t str);

/// All rows; or the line, from 1, and what is wrong with it.
fn rows(text: &str, cores: u32) -> Result<Vec<Row<'_>>, (usize, String)> {
    let mut lines = text.lines().enumerate();
    match lines.next() {
        Some((_, HEADER)) => {}
        first => return Err((1, format!("the header is `{}`, not `{HEADER}`", first.map_or("", |(_, l)| l)))),
    }
    let mut rows = Vec::new();
    let mut latest = 0;
    for (i, line) in lines.filter(|(_, l)| !l.is_empty()) {
        let wrong = |what: String| (i + 1, what);
        let mut cells = line.split(',');
        let (Some(time), Some(cpu), Some(source), None) = (cells.next(), cells.next(), cells.next(), cells.next())
        else {
            return Err(wrong(format!("`{line}` has not three cells")));
        };
        let time: u64 = time.parse().map_err(|_| wrong(format!("time_ns = `{time}` is not a whole number of ns")))?;
        let cpu: u32 = cpu.parse().map_err(|_| wrong(format!("cpu = `{cpu}` is not a number of a core")))?;
        if cpu >= cores {
            return Err(wrong(format!("cpu = {cpu}: the machine has cores 0 to {}", cores - 1)));
        }
        if time < latest {
            return Err(wrong(format!("time_ns = {time} is before the row above it, {latest}")));
        }
        latest = time;
        rows.push((time, cpu, source));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_their_places() {
        let text = "time_ns,cpu,source\n5,0,a\n\n5,1,b\n7,0,a\n";
        assert_eq!(rows(text, 2), Ok(vec![(5, 0, "a"), (5, 1, "b"), (7, 0, "a")]));
        assert_eq!(rows("time_ns,cpu,source\n", 2), Ok(vec![]));
    }

    #[test]
    fn a_wrong_row_is_named_by_its_line() {
        let of = |rest: &str| rows(&format!("{HEADER}\n1,0,a\n{rest}\n"), 2).expect_err(rest);
        assert_eq!(rows("", 2), Err((1, "the header is ``, not `time_ns,cpu,source`".to_owned())));
        assert_eq!(of("2,0"), (3, "`2,0` has not three cells".to_owned()));
        assert_eq!(of("2,0,a,b"), (3, "`2,0,a,b` has not three cells".to_owned()));
        assert_eq!(of("1.5,0,a"), (3, "time_ns = `1.5` is not a whole number of ns".to_owned()));
        assert_eq!(of("2,-1,a"), (3, "cpu = `-1` is not a number of a core".to_owned()));
        assert_eq!(of("2,2,a"), (3, "cpu = 2: the machine has cores 0 to 1".to_owned()));
        assert_eq!(of("0,0,a"), (3, "time_ns = 0 is before the row above it, 1".to_owned()));
    }
}
