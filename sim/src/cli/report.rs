// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sim report`.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use reports::against::compare;
use reports::collect::{Collection, Section, collect, files_of};
use reports::page;
use rqsim::plan::InputError;

use super::{Failure, output};

/// How many damaged lines are named one by one.
const NAMED_MAX: usize = 20;

/// Make tables, figures and a page again from records alone. Nothing is simulated.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sim report results/ring8
  sim report results/ring8 results/stress-abba --out report --format html,png
  sim report new/records.jsonl --against old/records.jsonl")]
pub(super) struct ReportArgs {
    /// Files of records, or folders of results that hold some.
    #[arg(value_name = "RESULTS", required = true)]
    results: Vec<PathBuf>,
    /// Folder for what is made.
    #[arg(long, short, value_name = "DIR", default_value = "report")]
    out: PathBuf,
    /// Only these kinds of files.
    #[arg(long, value_name = "FORMAT", value_delimiter = ',')]
    format: Vec<Format>,
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
    /// Figures as SVG.
    Svg,
    /// Figures as PNG.
    Png,
    /// One page with everything.
    Html,
}

/// Reads records, says what is damaged.
fn read(paths: &[PathBuf]) -> Result<Collection, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let landings = |p: &Path| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("landings."));
        if landings(path) || (path.is_dir() && path.join("landings.jsonl").is_file() && files_of(path).is_err()) {
            let what = format!("{} holds landing maps, of which no report is made", path.display());
            return Err(InputError::text(&what, "`sim windows` prints them again from there").into());
        }
        let found = files_of(path).map_err(|what| {
            InputError::text(&what, "name a records.jsonl or the folder of results that `sim run` wrote")
        })?;
        files.extend(found);
    }
    files.sort();
    files.dedup();
    let seen = collect(&files)?;
    for (path, bad) in seen.bad.iter().take(NAMED_MAX) {
        output::say(&format!("warning: {}:{}: skipped: {}", path.display(), bad.line, bad.why));
    }
    if !seen.bad.is_empty() {
        let more = seen.bad.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(" ({more} of them not named above)") } else { String::new() };
        output::say(&format!("{} damaged records skipped{more}, {} records read", seen.bad.len(), seen.records));
    }
    if seen.records == 0 {
        let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
        let what = format!("there is no usable record in {}", names.join(", "));
        return Err(InputError::text(&what, "`sim run` makes some").into());
    }
    Ok(seen)
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

pub(super) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let wants = |f: Format| args.format.is_empty() || args.format.contains(&f);
    let seen = read(&args.results)?;
    let against = if args.against.is_empty() {
        None
    } else {
        let before = read(&args.against)?;
        Some(compare(&before.sections, &seen.sections))
    };
    let several = seen.sections.len() > 1;
    let mut taken = BTreeSet::new();
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for section in &seen.sections {
        let dir = if several { args.out.join(slug(&section.experiment, &mut taken)) } else { args.out.clone() };
        tables(section, &dir, wants, &mut files);
        if wants(Format::Svg) || wants(Format::Png) {
            for figure in reports::plots::figures(&section.stages)? {
                if wants(Format::Png) {
                    files.push((dir.join(format!("{}.png", figure.name)), figure.png()?));
                }
                if wants(Format::Svg) {
                    files.push((dir.join(format!("{}.svg", figure.name)), figure.svg.into_bytes()));
                }
            }
        }
    }
    if wants(Format::Html) {
        files.push((args.out.join("report.html"), page::html(&seen, against.as_deref())?.into_bytes()));
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
        output::print(&reports::stage_table(&section.stages, output::width(), colored, output::ascii()))?;
    }
    output::say(&format!("{} records; {} files in {}", seen.records, files.len(), args.out.display()));
    Ok(())
}

fn tables(section: &Section, dir: &Path, wants: impl Fn(Format) -> bool, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let s = &section.stages;
    let mut add = |name: &str, text: String| {
        if !text.is_empty() {
            files.push((dir.join(name), text.into_bytes()));
        }
    };
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
}

/// Writes all files, or none if one is there already.
fn write(files: &[(PathBuf, Vec<u8>)], args: &ReportArgs) -> Result<(), Failure> {
    let there = files.iter().find(|(path, _)| path.exists());
    if let Some((path, _)) = there.filter(|(path, _)| !args.force || path.is_dir()) {
        let what = format!("{} is there already", path.display());
        return Err(InputError::text(&what, "--force overwrites it; --out names another folder").into());
    }
    for (path, bytes) in files {
        let dir = path.parent().unwrap_or(&args.out);
        let failed = |source| reports::Error::Write { path: path.clone(), source };
        std::fs::create_dir_all(dir).map_err(failed)?;
        rqsim::files::write_bytes(path, bytes)?;
    }
    Ok(())
}
