// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim sweep --engine slurm`: parts of the points as an array of jobs, until all parts are complete.
//!
//! What counts is on the shared file system: a part is complete when it has left its note there. Slurm is asked only whether jobs are
//! still about (`squeue`; accounting is not needed), and gets the incomplete parts again when none is.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use rqsim::plan::InputError;
use rqsim::sweep::estimate::Estimate;
use rqsim::sweep::store::{Shard, marker_path};
use serde::{Deserialize, Serialize};

use super::sweep::{Ready, SweepArgs, finish};
use super::sweep_table::count;
use super::{Failure, output};

/// Seconds of work of one part, if nothing else is asked for.
const PART_S: f64 = 900.0;
/// Polls of `squeue` that may fail one after the other.
const POLLS_FAILED_MAX: u32 = 10;

#[derive(Debug, Args)]
#[command(next_help_heading = "With --engine slurm")]
pub(super) struct SlurmFlags {
    /// Parts of the points, an array element each [default: by the estimate, a quarter of an hour each].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    shards: Option<u32>,
    /// How often parts that ended without being complete are submitted again.
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
    /// Another argument of sbatch, as in `--sbatch=--partition=short`; can be given several times.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    sbatch: Vec<String>,
    /// Seconds between two looks at the jobs.
    #[arg(long, value_name = "S", default_value_t = 5)]
    poll: u64,
}

/// The array that is at work, kept beside its results so that the next start finds it.
#[derive(Debug, Serialize, Deserialize)]
struct Submitted {
    job: Option<String>,
    shards: u32,
    plan: String,
}

impl Submitted {
    fn path(dir: &Path) -> PathBuf {
        dir.join("slurm").join("job.json")
    }

    fn read(dir: &Path, plan: &str) -> Option<Submitted> {
        let text = std::fs::read_to_string(Self::path(dir)).ok()?;
        serde_json::from_str(&text).ok().filter(|s: &Submitted| s.plan == plan)
    }

    fn write(&self, dir: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string(self).map_err(reports::Error::from)?;
        Ok(rqsim::files::write_text(&Self::path(dir), &text)?)
    }
}

pub(super) fn run(args: &SweepArgs, ready: &Ready, dir: &Path) -> Result<(), Failure> {
    let flags = &args.slurm;
    let wrong = |what: String, help: &str| Failure::from(InputError::text(&what, help));
    slurm("sbatch", &["--version"], None).map_err(|why| {
        let help =
            "load the cluster's Slurm tools, or run the parts with another scheduler: --shard I/N, see docs/sweeps.md";
        wrong(format!("--engine slurm: {why}"), help)
    })?;
    let hash = ready.plan.hash()?;
    let folder = dir.join("slurm");
    std::fs::create_dir_all(&folder).map_err(|source| reports::Error::Write { path: folder.clone(), source })?;
    let mut submitted = match Submitted::read(dir, &hash) {
        Some(s) => s,
        None => Submitted { job: None, shards: shards(args, ready)?, plan: hash.clone() },
    };
    let of = submitted.shards;
    let incomplete = || -> Vec<u32> {
        let note = |idx: &u32| std::fs::read_to_string(marker_path(dir, Shard { idx: *idx, of })).unwrap_or_default();
        (1..=of).filter(|idx| note(idx).trim() != hash).collect()
    };
    let mut tries = 0;
    loop {
        let left = incomplete();
        if left.is_empty() {
            break;
        }
        let at_work = submitted.job.as_ref().is_some_and(|job| states(job).is_some_and(|s| !s.is_empty()));
        if !at_work {
            if tries > flags.retries {
                let logs = format!("{}/*_{}.log", folder.display(), left[0]);
                let what =
                    format!("parts {} are not complete after {}", list(&left), count(tries.into(), "submission"));
                return Err(wrong(what, &format!("their logs say why: {logs}; the same command goes on from there")));
            }
            tries += 1;
            let job = submit(args, &hash, dir, of, &left)?;
            output::say(&format!("job {job}: {} of {of} submitted: {}", count(left.len() as u64, "part"), list(&left)));
            output::say("Ctrl-C leaves them at work; the same command follows them again");
            submitted.job = Some(job);
            submitted.write(dir)?;
        } else if tries == 0 {
            tries = 1;
            output::say(&format!("job {} is still at work", submitted.job.as_deref().unwrap_or_default()));
        }
        follow(submitted.job.as_deref().unwrap_or_default(), args, &|| of as usize - incomplete().len(), of)?;
    }
    finish(dir, &ready.plan, args.quiet)?;
    // The store is what a run on one machine leaves.
    std::fs::remove_dir_all(&folder).map_err(|source| reports::Error::Write { path: folder, source })?;
    Ok(())
}

/// How many parts: as asked, or by the estimate; not more than there are points, or than an array of this cluster may have.
fn shards(args: &SweepArgs, ready: &Ready) -> Result<u32, Failure> {
    let config = slurm("scontrol", &["show", "config"], None).unwrap_or_default();
    let size = config.lines().find_map(|l| l.strip_prefix("MaxArraySize"));
    let size: Option<u32> = size.and_then(|s| s.trim().strip_prefix('=')?.trim().parse().ok());
    let max = size.unwrap_or(1001).saturating_sub(1).max(1);
    let points = u32::try_from(ready.plan.points.len()).unwrap_or(u32::MAX);
    if let Some(n) = args.slurm.shards {
        if n > max {
            let what = format!("--shards {n}: an array of this cluster has at most {max} elements (MaxArraySize)");
            return Err(InputError::text(&what, "take fewer, larger parts").into());
        }
        return Ok(n.min(points));
    }
    let total = Estimate::make(&ready.sweep, &ready.plan, &ready.assembled)?.total(&ready.plan);
    Ok(((total / PART_S).ceil() as u32).clamp(1, max).min(points))
}

/// Runs one of Slurm's commands.
fn slurm(command: &str, args: &[&str], input: Option<&str>) -> Result<String, String> {
    let mut c = Command::new(command);
    c.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // From within a job, its variables would be taken for options.
    for (name, _) in std::env::vars_os().filter(|(n, _)| {
        let n = n.to_string_lossy();
        (n.starts_with("SLURM_") && n != "SLURM_CONF") || n.starts_with("SBATCH_")
    }) {
        c.env_remove(name);
    }
    let mut child = c.spawn().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => format!("there is no `{command}` on the path"),
        _ => format!("{command}: {e}"),
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.unwrap_or_default().as_bytes()).map_err(|e| format!("{command}: {e}"))?;
    }
    let out = child.wait_with_output().map_err(|e| format!("{command}: {e}"))?;
    if !out.status.success() {
        return Err(format!("{command} failed: {}", String::from_utf8_lossy(&out.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// States of the elements that are still about; nothing if Slurm does not answer.
fn states(job: &str) -> Option<Vec<String>> {
    match slurm("squeue", &["-h", "-r", "-j", job, "-o", "%T"], None) {
        Ok(text) => Some(text.lines().map(str::to_owned).collect()),
        // A job that has been gone for a while is unknown.
        Err(why) if why.contains("Invalid job id") => Some(Vec::new()),
        Err(_) => None,
    }
}

/// Submits these parts; gives the number of the job.
fn submit(args: &SweepArgs, hash: &str, dir: &Path, of: u32, parts: &[u32]) -> Result<String, Failure> {
    let quoted = |word: &str| format!("'{}'", word.replace('\'', "'\\''"));
    let program = std::env::current_exe().map_err(|e| InputError::text(&format!("where is this program? {e}"), ""))?;
    let mut command = format!("{} sweep {}", quoted(&program.display().to_string()), quoted(&args.file));
    command += &format!(
        " --shard \"$SLURM_ARRAY_TASK_ID/{of}\" --plan-hash {hash} --out {}",
        quoted(&dir.display().to_string())
    );
    for set in &args.set {
        command += &format!(" --set {}", quoted(set));
    }
    for (flag, ranges) in [("--seeds", &args.seeds), ("--points", &args.points)] {
        for range in ranges {
            command += &format!(" {flag} {}..{}", range.0.start, range.0.end);
        }
    }
    // Without a word about processors a job has one.
    command += " --threads \"${SLURM_CPUS_PER_TASK:-1}\" --progress json";
    // What the runs found is no failure of the job.
    let script = format!("#!/bin/sh\n{command}\ncode=$?\n[ $code -eq 1 ] && exit 0\nexit $code\n");
    let log = dir.join("slurm").join("%A_%a.log");
    let array = format!("--array={}", list(parts));
    let log = format!("--output={}", log.display());
    let mut all = vec!["--parsable", "--requeue", "--open-mode=append", "--job-name=rqsim", &array, &log];
    all.extend(args.slurm.sbatch.iter().map(String::as_str));
    let answer = slurm("sbatch", &all, Some(&script))
        .map_err(|why| InputError::text(&why, "arguments for sbatch are given with --sbatch"))?;
    // With several clusters the name of one follows.
    Ok(answer.trim().split(';').next().unwrap_or_default().to_owned())
}

/// Waits until no element of the job is about, saying how far it is.
fn follow(job: &str, args: &SweepArgs, complete: &dyn Fn() -> usize, of: u32) -> Result<(), Failure> {
    let (mut said, mut failed) = (String::new(), 0);
    loop {
        let now = states(job);
        failed = if now.is_some() { 0 } else { failed + 1 };
        if failed > POLLS_FAILED_MAX {
            let what = format!("Slurm does not answer about job {job}");
            return Err(InputError::text(&what, "it may go on by itself; the same command follows it again").into());
        }
        if let Some(now) = now {
            let running = now.iter().filter(|s| *s == "RUNNING").count();
            let done = complete();
            let text = format!("{done} of {of} parts complete, {running} running, {} waiting", now.len() - running);
            if text != said && !args.quiet {
                output::say(&text);
            }
            said = text;
            if now.is_empty() || done == of as usize {
                return Ok(());
            }
        }
        std::thread::sleep(Duration::from_secs(args.slurm.poll.max(1)));
    }
}

/// `1-3,7`, as `--array` takes it.
fn list(parts: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &p in parts {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == p => *last = p,
            _ => ranges.push((p, p)),
        }
    }
    let one = |(a, b): &(u32, u32)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    ranges.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn parts_are_listed_as_an_array_takes_them() {
        assert_eq!(list(&[1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
        assert_eq!(list(&[4]), "4");
    }
}
