// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work in many parts that survives a kill: each part goes to a journal when it is finished, and a second start reads it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use reports::{BadLine, Error};

use crate::batch::Progress;
use crate::files;

/// Reads the parts in a file, and tells its damaged lines.
type Read<T> = fn(&Path) -> Result<(Vec<T>, Vec<BadLine>), Error>;

/// The finished parts in these files, each once. Damaged lines are described, and the file that has
/// some is copied aside before it is written again.
pub(crate) fn finished_before<T: PartialEq>(
    paths: [PathBuf; 2],
    read: Read<T>,
    damaged: &mut Vec<String>,
) -> Result<Vec<T>, Error> {
    let mut all: Vec<T> = Vec::new();
    for path in paths.iter().filter(|p| p.exists()) {
        let (parts, bad) = read(path)?;
        for part in parts {
            if !all.contains(&part) {
                all.push(part);
            }
        }
        if !bad.is_empty() {
            let aside = files::copy_aside(path)?;
            let line =
                |b: &BadLine| format!("{}:{}: {} (a copy is in {})", path.display(), b.line, b.why, aside.display());
            damaged.extend(bad.iter().map(line));
        }
    }
    Ok(all)
}

/// Who works, and who is told.
pub(crate) struct Crew<'a> {
    /// Worker threads, at least 1.
    pub(crate) threads: usize,
    /// Once it is set no part is begun any more.
    pub(crate) stop: &'a AtomicBool,
    /// Called after each part.
    pub(crate) progress: Progress<'a>,
}

/// Makes the parts that are missing: `make` gives the part of a number, `append` puts it into the journal. Gives how many were
/// not begun, because the crew was told to stop.
pub(crate) fn fill<T: Send>(
    slots: &mut [Option<T>],
    dir: &Path,
    crew: &Crew<'_>,
    make: impl Fn(usize) -> T + Sync,
    append: impl Fn(&T) -> Result<(), Error> + Sync,
) -> Result<usize, Error> {
    let all = slots.len();
    let missing: Vec<usize> = (0..all).filter(|&i| slots[i].is_none()).collect();
    let done = Mutex::new(all - missing.len());
    (crew.progress)(all - missing.len(), all);
    // Workers without work look for some all the time: thousands of them keep the others from theirs.
    let useful = missing.len().max(std::thread::available_parallelism().map_or(1, usize::from));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(crew.threads.min(useful)).build();
    let pool = pool.map_err(|e| Error::Write { path: dir.into(), source: std::io::Error::other(e) })?;
    let results: Vec<Result<Option<(usize, T)>, Error>> = pool.install(|| {
        missing
            .into_par_iter()
            .with_max_len(1)
            .map(|i| {
                if crew.stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                let part = make(i);
                // One writer at a time; a poisoned lock only means that another part panicked.
                let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                append(&part)?;
                *done += 1;
                (crew.progress)(*done, all);
                Ok(Some((i, part)))
            })
            .collect()
    });
    for result in results {
        if let Some((i, part)) = result? {
            slots[i] = Some(part);
        }
    }
    Ok(slots.iter().filter(|s| s.is_none()).count())
}
