// SPDX-License-Identifier: MIT OR Apache-2.0
//! From journals to the finished store: records in the order of the plan, and tables made from them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use reports::sweep::{PointRows, Schema, Value};
use reports::{Error, Record};

use super::adaptive::{Need, need};
use super::crew::{Job, key, known};
use super::disk::SyncedFile;
use super::line::{Identity, compose, take_apart};
use super::plan::SweepPlan;
use super::store::{Index, RunKey, Shard, others_path, partial_files, records_path};
use crate::files;

/// Runs that are read while as many are written.
const CHUNK: usize = 256;
/// Runs of a chunk that one thread reads.
const PART: usize = 32;

/// The runs of a plan that are there, or what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// In the order of the plan; of points whose rule cannot be followed to its end, the runs so far.
    pub jobs: Vec<Job>,
    /// How many are known to be missing.
    pub missing: u64,
    /// Numbers of the points with a missing run.
    pub incomplete: Vec<u64>,
}

impl Contents {
    /// Looks through an index. A run that the host had no time for counts as there if `or_timed_out`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(plan: &SweepPlan, index: &Index, shard: Option<Shard>, or_timed_out: bool) -> Result<Contents, Error> {
        let mut lines = index.lines()?;
        let mut contents = Contents::default();
        let rule = plan.header.adaptive.as_ref();
        for (point, p) in plan.points.iter().enumerate().filter(|(_, p)| shard.is_none_or(|s| s.has(p.point))) {
            let before = contents.missing;
            for stage in 0..plan.header.stages.len() {
                let mut values = std::collections::BTreeMap::new();
                let mut asked = plan.header.seeds.clone();
                let all = loop {
                    for &seed in &asked {
                        if let Some(v) = known(plan, index, &mut lines, Job { point, stage, seed }, or_timed_out)? {
                            values.insert(seed, v);
                        }
                    }
                    match need(&plan.header.seeds, rule, |s| values.get(&s).copied()) {
                        Need::Done(all) => break all,
                        Need::Runs(missing) if missing.iter().any(|s| asked.contains(s)) => {
                            contents.missing += missing.len() as u64;
                            break plan.header.seeds.iter().chain(&asked).copied().collect();
                        }
                        Need::Runs(more) => asked = more,
                    }
                };
                let mut seen = HashSet::new();
                let there = all.into_iter().filter(|s| values.contains_key(s) && seen.insert(*s));
                contents.jobs.extend(there.map(|seed| Job { point, stage, seed }));
            }
            if contents.missing > before {
                contents.incomplete.push(p.point);
            }
        }
        Ok(contents)
    }
}

/// What can be made of the runs of a plan.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which run.
    pub job: Job,
    /// Its line, with its place in this plan.
    pub line: String,
    /// Its row.
    pub row: Vec<Value>,
    /// Its record.
    pub record: Record,
}

/// A run's place in the tables of its plan.
#[derive(Clone, Debug)]
struct Entry {
    job: Job,
    /// Its line, with its place in this plan.
    line: String,
    row: Vec<Value>,
    /// Its line in the table of runs.
    csv: String,
}

/// Goes through runs in order with their records, chunk by chunk; lines are parsed on all threads.
///
/// # Errors
/// A file that cannot be read, a line that is damaged, or an error of `each`.
pub fn each_row(
    plan: &SweepPlan,
    index: &Index,
    jobs: &[Job],
    schema: &Schema,
    each: impl FnMut(Row) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    in_chunks(plan, index, jobs, |job, _, text| row(plan, schema, job, text), each)
}

/// Goes through runs in order. While some are handed to `each`, all threads read the next.
fn in_chunks<T: Send>(
    plan: &SweepPlan,
    index: &Index,
    jobs: &[Job],
    make: impl Fn(Job, Option<&RunKey>, &str) -> Result<T, Error> + Sync,
    mut each: impl FnMut(T) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let part = |jobs: &[Job]| -> Result<Vec<T>, Error> {
        let mut lines = index.lines()?;
        let one = |job: &Job| {
            let key = key(plan, *job);
            let text = key.as_ref().map(|k| lines.get(k)).transpose()?.flatten();
            make(*job, key.as_ref(), &text.unwrap_or_default())
        };
        jobs.iter().map(one).collect()
    };
    let read = |jobs: &[Job]| jobs.par_chunks(PART).map(part).collect::<Vec<_>>();
    let mut all = |made: Vec<Result<Vec<T>, Error>>| -> Result<(), Error> {
        for part in made {
            part?.into_iter().try_for_each(&mut each)?;
        }
        Ok(())
    };
    let mut made = Vec::new();
    for chunk in jobs.chunks(CHUNK) {
        let (done, next) = rayon::join(|| all(made), || read(chunk));
        done?;
        made = next;
    }
    all(made)
}

fn damaged(plan: &SweepPlan, job: Job, why: String) -> Error {
    Error::Read {
        path: PathBuf::from(format!("record of point {}, seed {}", plan.points[job.point].point, job.seed)),
        source: std::io::Error::other(why),
    }
}

fn row(plan: &SweepPlan, schema: &Schema, job: Job, text: &str) -> Result<Row, Error> {
    let point = &plan.points[job.point];
    let body = take_apart(text).map_err(|why| damaged(plan, job, why))?.body;
    let record: Record = serde_json::from_str(text).map_err(|e| damaged(plan, job, e.to_string()))?;
    let mut stand = plan.stand(point);
    stand.replay = (!record.is_as_expected()).then(|| plan.replay(point, &record.stage, job.seed));
    let line = compose(body, &stand)?;
    let row = schema.row(point.point, &SweepPlan::stands(point), &record);
    Ok(Row { job, line, row, record })
}

/// From what was noted when the run was made, if its line stands where this plan has it; from its record otherwise.
fn entry(
    plan: &SweepPlan,
    index: &Index,
    schema: &Schema,
    job: Job,
    key: Option<&RunKey>,
    text: &str,
) -> Result<Entry, Error> {
    let point = &plan.points[job.point];
    let noted = key.and_then(|k| index.cells(k)).filter(|(at, _)| *at == point.point);
    if let Some((row, csv)) =
        noted.and_then(|(_, cells)| schema.row_of_cells(point.point, &SweepPlan::stands(point), cells))
    {
        take_apart(text).map_err(|why| damaged(plan, job, why))?;
        return Ok(Entry { job, line: text.to_owned(), row, csv });
    }
    let Row { job, line, row, .. } = self::row(plan, schema, job, text)?;
    let csv = Schema::csv_line(&row);
    Ok(Entry { job, line, row, csv })
}

/// The table of points: a row for each stage of each point, as its runs go by in order.
#[derive(Debug)]
pub struct Points<'a> {
    schema: &'a Schema,
    now: Option<(usize, usize)>,
    rows: PointRows,
}

impl<'a> Points<'a> {
    /// An empty one.
    #[must_use]
    pub fn new(schema: &'a Schema) -> Points<'a> {
        Points { schema, now: None, rows: PointRows::default() }
    }

    /// Takes the next run; gives the rows of the stage before, if this one begins another.
    pub fn take(&mut self, job: Job, row: Vec<Value>) -> Option<(Job, PointRows)> {
        let done = if self.now == Some((job.point, job.stage)) { None } else { self.finish() };
        self.now = Some((job.point, job.stage));
        self.rows.add(row);
        done
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> Option<(Job, PointRows)> {
        let (point, stage) = self.now.take()?;
        Some((Job { point, stage, seed: 0 }, std::mem::take(&mut self.rows)))
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        self.schema
    }
}

/// A file that is written beside its place and renamed when it is whole.
struct Beside {
    path: PathBuf,
    tmp: PathBuf,
    file: BufWriter<SyncedFile>,
}

impl Beside {
    fn new(path: PathBuf) -> Result<Beside, Error> {
        let mut tmp = path.as_os_str().to_owned();
        tmp.push(".tmp");
        let tmp = PathBuf::from(tmp);
        let file = File::create(&tmp).map_err(|source| Error::Write { path: tmp.clone(), source })?;
        Ok(Beside { path, tmp, file: BufWriter::with_capacity(1 << 18, SyncedFile::new(file, 0)) })
    }

    fn add(&mut self, text: &str) -> Result<(), Error> {
        self.file.write_all(text.as_bytes()).map_err(|source| Error::Write { path: self.tmp.clone(), source })
    }

    /// Hands it to the disk; [`Beside::rename`] puts it into place.
    fn sync(&mut self) -> Result<(), Error> {
        let done = self.file.flush().and_then(|()| self.file.get_mut().sync());
        done.map_err(|source| Error::Write { path: self.tmp.clone(), source })
    }

    fn rename(self) -> Result<(), Error> {
        std::fs::rename(&self.tmp, &self.path).map_err(|source| Error::Write { path: self.path, source })
    }
}

/// Writes the finished store of a complete plan: `records.jsonl`, `runs.csv`, `points.csv`, what belongs to no run of the plan into
/// `others.jsonl`; then removes the journals. `jobs` are all of [`Contents`]; `seen` is shown each stage of each point.
///
/// # Errors
/// A file that cannot be read or written. Whatever was there is there still.
pub fn close(
    dir: &Path,
    plan: &SweepPlan,
    index: &Index,
    jobs: &[Job],
    mut seen: impl FnMut(Job, &PointRows, &Schema) + Send,
) -> Result<(), Error> {
    let schema = Schema::new(plan.axis_columns());
    let mut records = Beside::new(records_path(dir))?;
    let mut runs = Beside::new(dir.join("runs.csv"))?;
    let mut table = Beside::new(dir.join("points.csv"))?;
    runs.add(&schema.csv_header())?;
    table.add(&schema.points_header())?;
    let mut points = Points::new(&schema);
    let make = |job: Job, key: Option<&RunKey>, text: &str| entry(plan, index, &schema, job, key, text);
    in_chunks(plan, index, jobs, make, |entry: Entry| {
        records.add(&entry.line)?;
        runs.add(&entry.csv)?;
        if let Some((job, rows)) = points.take(entry.job, entry.row) {
            table.add(&rows.csv_line(&schema))?;
            seen(job, &rows, &schema);
        }
        Ok(())
    })?;
    if let Some((job, rows)) = points.finish() {
        table.add(&rows.csv_line(&schema))?;
        seen(job, &rows, &schema);
    }
    let others = others(dir, plan, index, jobs)?;
    for file in [&mut records, &mut runs, &mut table] {
        file.sync()?;
    }
    if let Some(others) = others {
        others.rename()?;
    }
    records.rename()?;
    runs.rename()?;
    table.rename()?;
    partial_files(dir)?.iter().try_for_each(|path| files::remove_if_there(path))
}

/// Lines of the store that belong to no run of the plan, in a file that is not in place yet; nothing if there are none.
fn others(dir: &Path, plan: &SweepPlan, index: &Index, jobs: &[Job]) -> Result<Option<Beside>, Error> {
    let ours: HashSet<RunKey> = jobs.iter().filter_map(|j| key(plan, *j)).collect();
    let foreign: Vec<RunKey> = index.keys().into_iter().filter(|k| !ours.contains(k)).collect();
    if foreign.is_empty() && index.other_versions.is_none() {
        files::remove_if_there(&others_path(dir))?;
        return Ok(None);
    }
    let mut file = Beside::new(others_path(dir))?;
    let mut lines = index.lines()?;
    for key in foreign {
        file.add(&lines.get(&key)?.unwrap_or_default())?;
    }
    for path in index.paths() {
        let (kept, _) = reports::read_lines(path, |line| {
            let identity = Identity::read(take_apart(line)?.body)?;
            if identity.version == crate::VERSION { Err(String::new()) } else { Ok(line.to_owned() + "\n") }
        })?;
        kept.iter().try_for_each(|line| file.add(line))?;
    }
    file.sync()?;
    Ok(Some(file))
}
