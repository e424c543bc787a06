// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim report`.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use reports::BadLine;
use reports::against::compare;
use reports::collect::{Collection, Section, collect, files_of};
use reports::page;
use reports::plots::Figure;
use reports::plots::sweep::{self, Choice};
use reports::timeline::TimeLine;
use reports::windows::{Map, StageMap, landings_csv, read_maps};
use rqsim::plan::InputError;

use super::{Failure, output};

/// How many damaged lines are named one by one.
const NAMED_MAX: usize = 20;

/// Stages that are printed; the files have all.
const PRINTED_MAX: usize = 64;

/// Make tables, figures and a page again from records alone. Nothing is simulated.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim report results/ring8
  sim report results/ring8 results/stress-abba --out report --format html,png
  sim report results/sweep --axes machine.cores,check_interval --measure throughput,fairness
  sim report results/ring8-windows                                  the landing map of `sim windows`
  sim report new/records.jsonl --against old/records.jsonl")]
pub(super) struct ReportArgs {
    /// Files of records, or folders of results that hold some: of `sim run`, `sim orderings`, `sim windows`, or a sweep.
    #[arg(value_name = "RESULTS", required = true)]
    results: Vec<PathBuf>,
    /// Folder for what is made.
    #[arg(long, short, value_name = "DIR", default_value = "report")]
    out: PathBuf,
    /// Only these kinds of files.
    #[arg(long, value_name = "FORMAT", value_delimiter = ',')]
    format: Vec<Format>,
    /// Axes of a sweep's heat maps: across, down, and one map for each value; fields of the experiment, `stage` or `seed` [default: those with
    /// most values].
    #[arg(long, value_name = "FIELD,..", value_delimiter = ',')]
    axes: Vec<String>,
    /// Only these measures in the figures of a sweep: timeouts, worst_nmi, p99_detection, messages, throughput, needless_errors, bytes,
    /// fairness [default: all that vary].
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    measure: Vec<String>,
    /// Say what changed beyond noise since these records.
    #[arg(long, value_name = "BASELINE")]
    against: Vec<PathBuf>,
    /// Overwrite files of an earlier report.
    #[arg(long)]
    force: bool,
    /// Write files only.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables as plain text.
    Text,
    /// Tables in Markdown.
    Md,
    /// Tables as comma-separated values.
    Csv,
    /// Tables as JSON.
    Json,
    /// The figures of every run as a Parquet table.
    Parquet,
    /// Figures as SVG.
    Svg,
    /// Figures as PNG.
    Png,
    /// One page with everything.
    Html,
}

/// What was read.
#[derive(Default)]
struct Read {
    seen: Collection,
    /// Landing maps by the file they came from.
    maps: Vec<(PathBuf, Vec<Map>)>,
    /// Time lines by the file they came from.
    timelines: Vec<(PathBuf, TimeLine)>,
}

/// The file that a path is, if its name begins so, or that has one of these names in the folder that it is.
fn beside(path: &Path, begin: &str, names: &[&str]) -> Option<PathBuf> {
    if path.is_file() {
        let is_one = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(begin));
        return is_one.then(|| path.to_path_buf());
    }
    names.iter().map(|n| path.join(n)).find(|p| p.is_file())
}

/// Reads records, says what is damaged.
fn read(paths: &[PathBuf]) -> Result<Read, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut landings: Vec<PathBuf> = Vec::new();
    let mut timelines: Vec<PathBuf> = Vec::new();
    for path in paths {
        let maps = beside(path, "landings.", &["landings.jsonl", "landings.partial.jsonl"]);
        let timeline = beside(path, "timeline.", &[reports::timeline::FILE]);
        let is_other = [&maps, &timeline].into_iter().flatten().any(|p| p == path);
        let found = if is_other { Err(String::new()) } else { files_of(path) };
        match found {
            Ok(found) => files.extend(found),
            Err(_) if maps.is_some() || timeline.is_some() => {}
            Err(what) => {
                let help = "name a records.jsonl or landings.jsonl, or the folder of results that `sim run` wrote";
                return Err(InputError::text(&what, help).into());
            }
        }
        landings.extend(maps);
        timelines.extend(timeline);
    }
    for list in [&mut files, &mut landings, &mut timelines] {
        list.sort();
        list.dedup();
    }
    let seen = collect(&files)?;
    let mut read = Read { seen, maps: Vec::new(), timelines: Vec::new() };
    let mut bad: Vec<(PathBuf, BadLine)> = read.seen.bad.clone();
    for path in landings {
        let (maps, damaged) = read_maps(&path)?;
        bad.extend(damaged.into_iter().map(|line| (path.clone(), line)));
        if !maps.is_empty() {
            read.maps.push((path, maps));
        } else {
            files.push(path);
        }
    }
    for path in timelines {
        let (lines, damaged) = reports::timeline::read(&path)?;
        bad.extend(damaged.into_iter().map(|line| (path.clone(), line)));
        if lines.is_empty() {
            files.push(path.clone());
        }
        read.timelines.extend(lines.into_iter().map(|line| (path.clone(), line)));
    }
    let maps: usize = read.maps.iter().map(|(_, m)| m.len()).sum();
    // A time line is something of its own only where no records were named.
    if read.seen.records == 0 && maps == 0 && (read.timelines.is_empty() || !files.is_empty()) {
        let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
        let error = match bad.first() {
            Some((path, first)) => no_record(path, first),
            None => InputError::text(&format!("there is no usable record in {}", names.join(", ")), NAME_RECORDS),
        };
        return Err(error.into());
    }
    for (path, bad) in bad.iter().take(NAMED_MAX) {
        output::say(&format!("warning: {}:{}: skipped: {}", path.display(), bad.line, bad.why));
    }
    if !bad.is_empty() {
        let more = bad.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(" ({more} of them not named above)") } else { String::new() };
        let maps = if maps > 0 { format!(", {maps} landing maps read") } else { String::new() };
        output::say(&format!("{} damaged records skipped{more}, {} records read{maps}", bad.len(), read.seen.records));
    }
    Ok(read)
}

/// A name for a folder.
fn slug(name: &str, taken: &mut BTreeSet<String>) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let base: String = name.chars().map(fit).collect();
    let base = if base.trim_matches('.').is_empty() { "experiment".to_owned() } else { base };
    let mut slug = base.clone();
    for n in 2.. {
        if taken.insert(slug.clone()) {
            break;
        }
        slug = format!("{base}-{n}");
    }
    slug
}

/// What to do where there is no record.
const NAME_RECORDS: &str = "name a records.jsonl, or the folder of results that `sim run FILE` wrote";

/// Of a file with nothing but damaged records the first line is enough to see what it is.
pub(super) fn no_record(path: &Path, first: &BadLine) -> InputError {
    let what = format!("{}:{}: there is no usable record in the file: {}", path.display(), first.line, first.why);
    InputError::text(&what, NAME_RECORDS)
}

pub(super) fn run(args: &ReportArgs) -> Result<(), Failure> {
    super::flags::no_file_in_the_way(&args.out, "name another folder with --out")?;
    let wants = |f: Format| args.format.is_empty() || args.format.contains(&f);
    let Read { seen, maps, timelines } = read(&args.results)?;
    let choice = Choice { axes: args.axes.clone(), measures: args.measure.clone() };
    let sections: Vec<&Section> = seen.sections.iter().chain(&seen.all).collect();
    sweep::check(&sections, &choice)
        .map_err(|what| InputError::text(&what, "--axes and --measure take these names"))?;
    let against = if args.against.is_empty() {
        None
    } else {
        let before = read(&args.against)?.seen;
        Some(compare(&before.sections, &seen.sections))
    };
    let draws = [Format::Svg, Format::Png, Format::Html].into_iter().any(wants);
    let figures: Vec<Vec<Figure>> = if draws {
        sections.iter().map(|s| reports::plots::section_figures(s, &choice)).collect::<Result<_, _>>()?
    } else {
        Vec::new()
    };
    let landings = landing_figures(&maps)?;
    let timelines = timelines
        .iter()
        .map(|(path, line)| Ok((path.display().to_string(), reports::plots::timeline_figure(line)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let several = sections.len() > 1;
    let mut taken = BTreeSet::new();
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let pictures = |figure: &Figure, dir: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>| -> Result<(), Failure> {
        if wants(Format::Png) {
            files.push((dir.join(format!("{}.png", figure.name)), figure.png()?));
        }
        if wants(Format::Svg) {
            files.push((dir.join(format!("{}.svg", figure.name)), figure.svg.clone().into_bytes()));
        }
        Ok(())
    };
    for (i, section) in sections.iter().enumerate() {
        let dir = if several { args.out.join(slug(&section.experiment, &mut taken)) } else { args.out.clone() };
        tables(section, &dir, wants, &mut files)?;
        for figure in figures.get(i).into_iter().flatten() {
            pictures(figure, &dir, &mut files)?;
        }
    }
    // One goes beside the rest, of several each has a folder.
    let folder = |name: &str, i: usize, all: usize| {
        if all > 1 { args.out.join(format!("{name}-{}", i + 1)) } else { args.out.clone() }
    };
    for (i, ((_, maps), (_, figure))) in maps.iter().zip(&landings).enumerate() {
        let dir = folder("landings", i, landings.len());
        if wants(Format::Csv) {
            files.push((dir.join("landings.csv"), landings_csv(maps).into_bytes()));
        }
        pictures(figure, &dir, &mut files)?;
    }
    for (i, (_, figure)) in timelines.iter().enumerate() {
        let dir = folder("timeline", i, timelines.len());
        pictures(figure, &dir, &mut files)?;
    }
    if wants(Format::Html) {
        let report = page::Report {
            seen: &seen,
            figures: &figures,
            landings: &landings,
            timelines: &timelines,
            against: against.as_deref(),
        };
        files.push((args.out.join("report.html"), page::html(&report).into_bytes()));
    }
    if let Some(text) = &against {
        files.push((args.out.join("against.txt"), text.clone().into_bytes()));
    }
    write(&files, args)?;
    if args.quiet {
        return Ok(());
    }
    if let Some(text) = against {
        return output::print(&text);
    }
    let colored = output::color(std::io::stdout().is_terminal());
    for (i, section) in seen.sections.iter().enumerate() {
        let gap = if i > 0 { "\n" } else { "" };
        output::print(gap)?;
        let shown = &section.stages[..section.stages.len().min(PRINTED_MAX)];
        output::print(&reports::stage_table(shown, output::width(), colored, output::ascii()))?;
        if shown.len() < section.points.len() {
            let all = section.points.len();
            output::say(&format!("the first {} of {all} stages and configurations; points.csv has all", shown.len()));
        }
    }
    for (_, maps) in &maps {
        output::print(&reports::windows::stages_text(&StageMap::from_maps(maps), output::width(), false))?;
    }
    let records = reports::plural(seen.records, "record");
    let made = reports::plural(files.len() as u64, "file");
    output::say(&format!("{records}; {made} in {}", args.out.display()));
    Ok(())
}

/// The figure of each file of landing maps.
fn landing_figures(maps: &[(PathBuf, Vec<Map>)]) -> Result<Vec<(String, Figure)>, Failure> {
    let one = |(path, maps): &(PathBuf, Vec<Map>)| {
        Ok((path.display().to_string(), reports::windows::figure(&StageMap::from_maps(maps))?))
    };
    maps.iter().map(one).collect()
}

fn tables(
    section: &Section,
    dir: &Path,
    wants: impl Fn(Format) -> bool,
    files: &mut Vec<(PathBuf, Vec<u8>)>,
) -> Result<(), Failure> {
    if wants(Format::Parquet) {
        files.push((dir.join("points.parquet"), reports::points_parquet(section)?));
    }
    let s = &section.stages;
    let mut add = |name: &str, text: String| {
        if !text.is_empty() {
            files.push((dir.join(name), text.into_bytes()));
        }
    };
    if wants(Format::Csv) {
        add("points.csv", reports::points_csv(section));
    }
    if s.is_empty() {
        return Ok(());
    }
    if wants(Format::Text) {
        let text = [
            reports::stage_table(s, 160, false, false),
            reports::metrics_text(s, 160, false, false),
            reports::recoveries_text(s, 160, false, false),
        ];
        add("stages.txt", text.concat());
    }
    if wants(Format::Md) {
        add("stages.md", reports::stage_markdown(s));
    }
    if wants(Format::Csv) {
        add("stages.csv", reports::stage_csv(s));
        add("metrics.csv", reports::metrics_csv(s));
        add("recoveries.csv", reports::recoveries_csv(s));
        if s.iter().any(|s| s.attribution.is_some()) {
            add("attribution.csv", reports::attribution_csv(s));
            add("sharing.csv", reports::sharing_csv(s));
            add("links.csv", reports::links_csv(s));
        }
    }
    if wants(Format::Json) {
        add("stages.json", reports::stage_json(s));
    }
    Ok(())
}

/// Writes all files, or none if one is there already.
fn write(files: &[(PathBuf, Vec<u8>)], args: &ReportArgs) -> Result<(), Failure> {
    for (path, _) in files {
        output::check_free(path, args.force, "another folder with --out")?;
    }
    for (path, bytes) in files {
        let dir = path.parent().unwrap_or(&args.out);
        let failed = |source| reports::Error::Write { path: path.clone(), source };
        std::fs::create_dir_all(dir).map_err(failed)?;
        rqsim::files::write_bytes(path, bytes)?;
    }
    Ok(())
}
