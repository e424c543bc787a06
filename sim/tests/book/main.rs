// SPDX-License-Identifier: MIT OR Apache-2.0
//! The book in `docs/` does what it says: every command and every RON text in it is run, in the order of its page and in a folder
//! of its own; links lead somewhere; pictures are those that the commands make.
//!
//! What a comment before a block says of it:
//!
//! | comment | meaning |
//! |---|---|
//! | none | `sh` is executed, `ron` is the whole experiment `experiment.ron`, checked |
//! | `<!-- long -->` | `sh` too long for a test: only commands and flags are looked up |
//! | `<!-- exit 2 -->` | the last command of the block ends with this code |
//! | `<!-- file mine.ron -->` | the block is written to this file; `.ron` and `.uop` are checked |
//! | `<!-- field workload.tasks -->` | a value of this field in the experiment of `sim init` |
//! | `<!-- shows -->` | lines that the block before printed |
//!
//! `RQSIM_WRITE_BOOK=1` writes the pictures and the tables anew.

mod dependencies;
mod links;
mod page;

use std::path::{Path, PathBuf};
use std::process::Command;

use page::{Block, Page};
use tempfile::TempDir;

/// The folder of the book.
fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn is_written() -> bool {
    std::env::var_os("RQSIM_WRITE_BOOK").is_some()
}

/// A folder in which a page's blocks run one after the other.
struct Desk {
    dir: TempDir,
    /// What the last block printed.
    said: String,
}

impl Desk {
    fn new() -> Desk {
        let dir = TempDir::new().expect("a temporary folder");
        let desk = Desk { dir, said: String::new() };
        assert_eq!(desk.shell("sim init base").0, 0);
        std::fs::remove_file(desk.dir.path().join("base.ron")).expect("just written");
        desk
    }

    /// Runs a shell text with `sim` in the path; exit code and output.
    fn shell(&self, text: &str) -> (i32, String) {
        let bin = Path::new(env!("CARGO_BIN_EXE_sim")).parent().expect("a folder").to_path_buf();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&path))).expect("a path");
        let mut command = Command::new("sh");
        command.args(["-euc", &format!("exec 2>&1\n{text}")]).current_dir(self.dir.path());
        command.env("PATH", path).env("COLUMNS", "110").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
        let out = command.output().expect("a shell");
        (out.status.code().unwrap_or(-1), String::from_utf8_lossy(&out.stdout).into_owned())
    }

    fn run(&mut self, page: &str, block: &Block) {
        let place = format!("{page}:{}", block.line);
        match block.language.as_str() {
            "sh" if block.is("long") => self.look_up(&place, &block.text),
            "sh" => {
                let (code, said) = self.shell(&block.text);
                let wanted = block.value("exit").map_or(0, |v| v.parse().expect("a number"));
                assert_eq!(code, wanted, "{place}: the command ended with {code}:\n{}\n{said}", block.text);
                self.said = said;
            }
            "ron" | "uop" => self.file(&place, block),
            "text" if block.is("shows") => {
                let flat = |t: &str| t.split_whitespace().collect::<Vec<_>>().join(" ");
                let said = flat(&self.said);
                for line in block.text.lines().filter(|l| !l.trim().is_empty() && l.trim() != "..") {
                    assert!(said.contains(&flat(line)), "{place}: not printed:\n{line}\nbut:\n{}", self.said);
                }
            }
            "text" | "rust" | "toml" | "json" => {}
            other => panic!("{place}: a block of `{other}`; use sh, ron, uop, text, rust, toml or json"),
        }
    }

    fn file(&self, place: &str, block: &Block) {
        if let Some(field) = block.value("field") {
            // Comments and line ends are part of RON, so the value is handed over as it is.
            let (made, said) = self.shell("test -f field-base.ron || sim init field-base");
            assert_eq!(made, 0, "{said}");
            std::fs::write(self.dir.path().join("value"), &block.text).expect("writable");
            let command = format!("sim check field-base.ron --set \"{field}=$(cat value)\"");
            let (code, said) = self.shell(&command);
            assert_eq!(code, 0, "{place}: {said}");
            return;
        }
        let name = block.value("file").unwrap_or("experiment.ron");
        std::fs::write(self.dir.path().join(name), &block.text).expect("writable");
        let check = if name.ends_with(".uop") { "sim asm check" } else { "sim check" };
        let (code, said) = self.shell(&format!("{check} {name}"));
        assert_eq!(code, 0, "{place}: {said}");
    }

    /// For blocks too long to run: the commands are there, and so are their flags.
    fn look_up(&self, place: &str, text: &str) {
        let (code, said) = self.shell(&format!("sh -n <<'END_OF_BLOCK'\n{text}\nEND_OF_BLOCK"));
        assert_eq!(code, 0, "{place}: {said}");
        let joined = text.replace("\\\n", " ");
        let lines = joined.lines().map(|l| l.split('#').next().unwrap_or_default());
        for line in lines.filter(|l| l.trim_start().starts_with("sim ")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (code, help) = self.shell(&format!("sim {} --help", words[1]));
            assert_eq!(code, 0, "{place}: `sim {}` is no command", words[1]);
            for flag in words.iter().filter(|w| w.starts_with("--") && w.len() > 2) {
                let flag = flag.split('=').next().unwrap_or_default();
                let known = help.split(|c: char| c.is_whitespace() || c == ',').any(|w| w == flag)
                    || ["--seed", "--stage"].contains(&flag);
                assert!(known, "{place}: `sim {}` has no flag {flag}", words[1]);
            }
        }
    }

    /// Pictures that the page shows and its commands have made are the ones in the book.
    fn pictures(&self, page: &Page) {
        for (line, target) in page.links().filter(|(_, t)| t.ends_with(".svg")) {
            let Some(name) = Path::new(target).file_name() else { continue };
            let made = self.dir.path().join(name);
            let Ok(made) = std::fs::read_to_string(&made) else { continue };
            let kept = page.path.parent().expect("a folder").join(target);
            if is_written() {
                std::fs::write(&kept, without_version(&made)).expect("writable");
            }
            let there = std::fs::read_to_string(&kept).unwrap_or_default();
            let same = drawn(&made) == drawn(&there);
            assert!(same, "{}:{line}: {target} is not what the commands make; RQSIM_WRITE_BOOK=1 writes it", page.name);
        }
    }
}

/// A picture without the hash of the sources, which changes with every change of the program.
fn without_version(svg: &str) -> String {
    let mut rest = svg;
    let mut out = String::with_capacity(svg.len());
    while let Some(at) = rest.find("0.1.0+") {
        let end = at + "0.1.0".len();
        out.push_str(&rest[..end]);
        rest = rest[end + 1..].trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    out + rest
}

/// What of a picture does not depend on the build: shapes, places and description. Texts are drawn glyph by glyph, and the caption has
/// the version among them.
fn drawn(svg: &str) -> String {
    without_version(svg).lines().filter(|l| !l.contains("dejavu-")).collect::<Vec<_>>().join("\n")
}

fn run(name: &str) {
    let page = Page::read(&docs().join("book"), name);
    let mut desk = Desk::new();
    for block in &page.blocks {
        desk.run(name, block);
    }
    desk.pictures(&page);
}

/// A test for each chapter, so that they run beside each other.
macro_rules! chapters {
    ($($test:ident: $file:literal),* $(,)?) => {
        $(#[test] fn $test() { run($file); })*
        const CHAPTERS: &[&str] = &[$($file),*];
    };
}

chapters! {
    introduction: "introduction.md",
    quick_start: "quick-start.md",
    the_bug: "the-bug.md",
    own_patch: "own-patch.md",
    own_lock: "own-lock.md",
    workloads: "workloads.md",
    machines: "machines.md",
    model: "model.md",
    metrics: "metrics.md",
    sweeping: "sweeping.md",
    reports: "reports.md",
    library: "library.md",
    validation: "validation.md",
    reproduce: "reproduce.md",
    limits: "limits.md",
    contributing: "contributing.md",
    deviations: "deviations.md",
}

#[test]
fn every_chapter_is_in_the_contents_and_run_by_a_test() {
    let contents = std::fs::read_to_string(docs().join("SUMMARY.md")).expect("readable");
    let entries = std::fs::read_dir(docs().join("book")).expect("readable").flatten();
    let mut files: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    files.retain(|f| f.ends_with(".md"));
    assert_eq!(files.len(), CHAPTERS.len(), "{files:?}");
    for file in &files {
        assert!(CHAPTERS.contains(&file.as_str()), "{file} is run by no test");
        assert!(contents.contains(&format!("(book/{file})")), "{file} is not in SUMMARY.md");
    }
}

#[test]
fn the_table_of_exit_codes_is_that_of_the_help() {
    let page = std::fs::read_to_string(docs().join("book/limits.md")).expect("readable");
    let (_, help) = Desk::new().shell("sim --help");
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, rest) = help.split_once("Exit codes: ").expect("in the help");
    let (all, _) = rest.split_once(". An EXPERIMENT").expect("its end");
    // The last code has a semicolon in its words.
    let codes: Vec<&str> = all.splitn(5, "; ").collect();
    assert_eq!(codes.len(), 5, "{all}");
    for code in codes {
        let (number, what) = code.split_once(' ').expect("a number and words");
        assert!(page.contains(&format!("| {number} | {what} |")), "{code} is not in the table");
    }
}
