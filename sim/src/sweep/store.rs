// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where runs are kept: which are there, and adding one so that a kill can lose nothing but it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use reports::sweep::Schema;
use reports::{Error, Record, names};

use super::disk::SyncedFile;
use super::line::{Identity, take_apart};
use crate::plan::InputError;

/// Names a run. Equal names, equal results; the version is that of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunKey {
    /// Hash of the expanded experiment of the stage, seeds left out.
    pub config: u128,
    /// Hash of the assembled program.
    pub program: u128,
    /// Place of the stage in its experiment.
    pub stage: u32,
    /// Seed.
    pub seed: u64,
}

/// One part of a sweep: part `idx` of `of`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub idx: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// Whether a point belongs to it.
    #[must_use]
    pub fn has(self, point: u64) -> bool {
        point % u64::from(self.of) == u64::from(self.idx - 1)
    }
}

impl std::str::FromStr for Shard {
    type Err = String;
    fn from_str(text: &str) -> Result<Shard, String> {
        let help = "write I/N, as in 1/4 to 4/4 for four parts";
        let (i, n) = text.split_once('/').ok_or_else(|| format!("\"{text}\" is no shard; {help}"))?;
        let number = |t: &str| t.parse::<u32>().map_err(|_| format!("\"{t}\" is no number; {help}"));
        let shard = Shard { idx: number(i)?, of: number(n)? };
        if shard.idx == 0 || shard.idx > shard.of {
            return Err(format!("there is no shard {text}; {help}"));
        }
        Ok(shard)
    }
}

/// Path of the finished records of a sweep, in the order of its plan.
#[must_use]
pub fn records_path(dir: &Path) -> PathBuf {
    crate::batch::records_path(dir)
}

/// Path of records that belong to no run of the plan.
#[must_use]
pub fn others_path(dir: &Path) -> PathBuf {
    dir.join("others.jsonl")
}

/// Path of the records that are finished while others are not.
#[must_use]
pub fn journal_path(dir: &Path, shard: Option<Shard>) -> PathBuf {
    match shard {
        None => crate::batch::journal_path(dir),
        Some(s) => dir.join(format!("records.partial.{}-of-{}.jsonl", s.idx, s.of)),
    }
}

/// Path of the note that a shard is complete; it holds the hash of its plan.
#[must_use]
pub fn marker_path(dir: &Path, shard: Shard) -> PathBuf {
    journal_path(dir, Some(shard)).with_extension("done")
}

/// All journals in a folder, in the order of their names.
///
/// # Errors
/// A folder that cannot be read.
pub fn journals(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(partial_files(dir)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "jsonl")).collect())
}

/// All files of runs that are not closed yet, in the order of their names.
pub(super) fn partial_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: dir.to_path_buf(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("records.partial.") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// All files of runs in a folder, finished records first.
fn store_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = vec![records_path(dir), others_path(dir)];
    files.retain(|p| p.is_file());
    files.extend(journals(dir)?);
    Ok(files)
}

/// Where the line of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    file: u32,
    at: u64,
    length: u32,
    /// A result, not a run that the host had no time for.
    is_final: bool,
    body: u64,
}

/// A run that this process has added to a journal: what the closing of the store would otherwise have to read there.
#[derive(Clone, Debug)]
pub struct Note {
    key: RunKey,
    place: Place,
    /// Number of its point, and its [`reports::sweep::Schema::cells`].
    cells: Option<(u64, Box<str>)>,
}

impl Note {
    /// Bytes of its cells.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells.as_ref().map_or(0, |(_, cells)| cells.len())
    }

    /// Forgets the cells: they will be made from the record.
    pub fn forget_cells(&mut self) {
        self.cells = None;
    }
}

/// What a store holds.
#[derive(Debug, Default)]
pub struct Index {
    files: Vec<PathBuf>,
    /// Bytes of each file that were looked at.
    lengths: Vec<u64>,
    places: HashMap<RunKey, Place>,
    cells: HashMap<RunKey, (u64, Box<str>)>,
    /// Lines of other versions of rqsim: how many, and one of these versions.
    pub other_versions: Option<(u64, String)>,
    /// Lines that are no records: file, number, what is wrong.
    pub damaged: Vec<String>,
    /// Last lines that a kill cut short.
    pub cut: usize,
    /// Runs of which there are two different results: proof that a run does not repeat itself, or of a foreign file.
    pub conflicts: Vec<String>,
}

impl Index {
    /// Reads which runs are in these files; of a run that is in several, the first one that is a result.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(files: Vec<PathBuf>) -> Result<Index, Error> {
        let mut index = Index { files, ..Index::default() };
        for i in 0..index.files.len() {
            index.add_file(i)?;
        }
        Ok(index)
    }

    /// All files of a store, finished records first.
    ///
    /// # Errors
    /// As [`Index::read`].
    pub fn of(dir: &Path) -> Result<Index, Error> {
        Index::read(store_files(dir)?)
    }

    /// The same store after this process has added runs to a journal of it, each with its note. If anybody else has changed a file since,
    /// all are read.
    ///
    /// # Errors
    /// As [`Index::read`].
    pub fn with(mut self, dir: &Path, journal: &Path, notes: Vec<Note>) -> Result<Index, Error> {
        if store_files(dir)? != self.files {
            return Index::of(dir);
        }
        let Some(file) = self.files.iter().position(|p| p == journal) else { return Index::of(dir) };
        self.lengths[file] += notes.iter().map(|n| u64::from(n.place.length)).sum::<u64>();
        for (path, length) in self.files.iter().zip(&self.lengths) {
            let there = std::fs::metadata(path).map_err(|source| Error::Read { path: path.clone(), source })?;
            if there.len() != *length {
                return Index::of(dir);
            }
        }
        for Note { key, place, cells } in notes {
            let place = Place { file: file as u32, ..place };
            if self.insert(key, place)
                && let Some(cells) = cells
            {
                self.cells.insert(key, cells);
            }
        }
        Ok(self)
    }

    /// Number of the point in a run's line and its cells, if they were noted when it was made.
    #[must_use]
    pub fn cells(&self, key: &RunKey) -> Option<(u64, &str)> {
        self.cells.get(key).map(|(point, cells)| (*point, &**cells))
    }

    fn add_file(&mut self, file: usize) -> Result<(), Error> {
        let path = self.files[file].clone();
        let failed = |source| Error::Read { path: path.clone(), source };
        let mut reader = BufReader::with_capacity(1 << 18, File::open(&path).map_err(failed)?);
        let (mut at, mut bytes) = (0_u64, Vec::new());
        for number in 1_u64.. {
            bytes.clear();
            let length = reader.read_until(b'\n', &mut bytes).map_err(failed)? as u64;
            if length == 0 {
                break;
            }
            let begin = at;
            at += length;
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let text = std::str::from_utf8(&bytes).map_err(|_| "not UTF-8 text".to_owned());
            if let Err(why) = text.and_then(|t| self.add_line(t, file, begin)) {
                let is_end = bytes.last() != Some(&b'\n') || reader.fill_buf().map_err(failed)?.is_empty();
                if is_end && why.starts_with("cut short") {
                    self.cut += 1;
                } else {
                    self.damaged.push(format!("{}:{number}: {why}", path.display()));
                }
            }
        }
        self.lengths.push(at);
        Ok(())
    }

    fn add_line(&mut self, text: &str, file: usize, at: u64) -> Result<(), String> {
        let body = take_apart(text)?.body;
        let identity = Identity::read(body)?;
        if identity.version != crate::VERSION {
            let (n, _) = self.other_versions.get_or_insert((0, identity.version));
            *n += 1;
            return Ok(());
        }
        let key = identity.key().ok_or("a hash that is none")?;
        let place = Place {
            file: file as u32,
            at,
            length: text.len() as u32,
            is_final: identity.status != names::TIMEOUT,
            body: super::line::checksum(body.as_bytes()),
        };
        self.insert(key, place);
        Ok(())
    }

    /// Takes a run; says whether it is the one that counts now.
    fn insert(&mut self, key: RunKey, place: Place) -> bool {
        match self.places.get(&key) {
            Some(known) if known.is_final && place.is_final && known.body != place.body => {
                let file = self.files[place.file as usize].display();
                self.conflicts.push(format!("{file}: seed {} of config {:032x}", key.seed, key.config));
                false
            }
            Some(known) if known.is_final || !place.is_final => false,
            _ => {
                self.places.insert(key, place);
                true
            }
        }
    }

    /// Whether there is a result of the run.
    #[must_use]
    pub fn has(&self, key: &RunKey) -> bool {
        self.places.get(key).is_some_and(|p| p.is_final)
    }

    /// Whether there is a result of the run, or a note that the host had no time for it.
    #[must_use]
    pub fn has_any(&self, key: &RunKey) -> bool {
        self.places.contains_key(key)
    }

    /// How many runs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Files with damaged lines.
    #[must_use]
    pub fn damaged_files(&self) -> Vec<PathBuf> {
        let has = |p: &&PathBuf| self.damaged.iter().any(|d| d.starts_with(&format!("{}:", p.display())));
        self.files.iter().filter(has).cloned().collect()
    }

    /// The files.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.files
    }

    /// All runs, in an order of their names.
    #[must_use]
    pub fn keys(&self) -> Vec<RunKey> {
        let mut keys: Vec<RunKey> = self.places.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// A reader of lines.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn lines(&self) -> Result<Lines<'_>, Error> {
        let open = |p: &PathBuf| File::open(p).map_err(|source| Error::Read { path: p.clone(), source });
        Ok(Lines { index: self, files: self.files.iter().map(open).collect::<Result<_, _>>()? })
    }
}

/// Reads lines of an [`Index`].
#[derive(Debug)]
pub struct Lines<'a> {
    index: &'a Index,
    files: Vec<File>,
}

impl Lines<'_> {
    /// The line of a run, if there is one.
    ///
    /// # Errors
    /// A file that cannot be read, or that is not what it was.
    pub fn get(&mut self, key: &RunKey) -> Result<Option<String>, Error> {
        let Some(place) = self.index.places.get(key) else { return Ok(None) };
        let path = &self.index.files[place.file as usize];
        let file = &mut self.files[place.file as usize];
        let mut bytes = vec![0; place.length as usize];
        let read = file.seek(SeekFrom::Start(place.at)).and_then(|_| file.read_exact(&mut bytes));
        let text =
            read.and_then(|()| String::from_utf8(bytes).map_err(|e| std::io::Error::new(ErrorKind::InvalidData, e)));
        text.map(Some).map_err(|source| Error::Read { path: path.clone(), source })
    }
}

/// A journal that is being written, by this process alone.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<SyncedFile>,
}

impl Journal {
    /// Opens or makes a journal, and locks it.
    ///
    /// # Errors
    /// It cannot be opened, or another process is at work on it.
    pub fn open(path: PathBuf) -> Result<Journal, InputError> {
        let failed = |e: &std::io::Error| {
            let what = format!("cannot write {}: {e}", path.display());
            InputError::text(&what, "is there room, and may you write there? --out names another folder")
        };
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(|e| failed(&e))?;
        match file.try_lock() {
            // Some network file systems know no locks; shards have journals of their own there.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("{} is being written by another process", path.display());
                return Err(InputError::text(&what, "wait for it, or name another folder with --out"));
            }
        }
        let ends = |file: &mut File| -> std::io::Result<()> {
            if file.seek(SeekFrom::End(0))? == 0 {
                return Ok(());
            }
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            // What a kill cut short stays a line of its own.
            if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
        };
        let length = ends(&mut file).and_then(|()| file.seek(SeekFrom::End(0))).map_err(|e| failed(&e))?;
        Ok(Journal { path, file: Mutex::new(SyncedFile::new(file, length)) })
    }

    /// Adds a line with a single write; gives its place.
    ///
    /// # Errors
    /// The path that could not be written.
    pub fn append(&self, line: &str) -> Result<u64, Error> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let at = file.length();
        file.write_all(line.as_bytes()).map_err(|source| Error::Write { path: self.path.clone(), source })?;
        Ok(at)
    }

    /// Adds a run, and notes what closing has to know of it. `body` is all of its line that depends on the run alone.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub(super) fn append_run(
        &self,
        key: RunKey,
        point: u64,
        line: &str,
        body: &str,
        record: &Record,
    ) -> Result<Note, Error> {
        // The text of the cells is made before the line is there: nothing but the write is done under the lock.
        let cells = Schema::cells(record).into_boxed_str();
        let body = super::line::checksum(body.as_bytes());
        let is_final = record.status != names::TIMEOUT;
        let at = self.append(line)?;
        let place = Place { file: 0, at, length: line.len() as u32, is_final, body };
        Ok(Note { key, place, cells: Some((point, cells)) })
    }

    /// Hands everything to the disk.
    ///
    /// # Errors
    /// The path that could not be written.
    pub fn sync(&self) -> Result<(), Error> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.sync().map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_in_one_shard() {
        for of in 1..9 {
            for point in 1..100 {
                let has: Vec<u32> = (1..=of).filter(|idx| Shard { idx: *idx, of }.has(point)).collect();
                assert_eq!(has.len(), 1, "point {point} of {of}: {has:?}");
            }
        }
        assert_eq!("3/4".parse(), Ok(Shard { idx: 3, of: 4 }));
        for wrong in ["0/4", "5/4", "4", "a/4", "1/", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_journal_has_one_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = journal_path(dir.path(), None);
        let first = Journal::open(path.clone()).unwrap();
        assert!(Journal::open(path.clone()).unwrap_err().plain.contains("is being written by another process"));
        drop(first);
        assert!(Journal::open(path).is_ok());
    }
}
