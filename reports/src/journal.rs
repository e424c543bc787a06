// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of records: one JSON line per run, only ever appended to.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::record::{FORMAT, Record};

/// A line that is no usable record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Number of the line in its file, from 1.
    pub line: usize,
    /// What is wrong with it, in words.
    pub why: String,
}

/// Longest line of a file of records, in bytes; records have some kilobytes.
pub const LINE_BYTES_MAX: u64 = 64 << 20;

/// The one field that every format has.
#[derive(Deserialize)]
struct Head {
    format: Option<u32>,
}

/// Reads a file of records. Lines that are damaged, cut short, of another format or that contradict
/// themselves are skipped and named in the second list; empty lines are nothing.
///
/// # Errors
/// [`Error::Read`] if the file cannot be opened or read to its end.
pub fn read_records(path: &Path) -> Result<(Vec<Record>, Vec<BadLine>), Error> {
    read_lines(path, parse)
}

/// Reads a file line by line, each of which `parse` turns into a record or says what is wrong with it.
///
/// # Errors
/// As [`read_records`].
pub fn read_lines<T>(path: &Path, parse: impl Fn(&str) -> Result<T, String>) -> Result<(Vec<T>, Vec<BadLine>), Error> {
    let mut records = Vec::new();
    let bad = each_line(path, |text| parse(text).map(|record| records.push(record)))?;
    Ok((records, bad))
}

/// Reads a file line by line without keeping any; `take` says what is wrong with a line. Gives the lines that are wrong.
pub(crate) fn each_line(path: &Path, mut take: impl FnMut(&str) -> Result<(), String>) -> Result<Vec<BadLine>, Error> {
    let failed = |source| Error::Read { path: path.to_path_buf(), source };
    let mut reader = BufReader::new(std::fs::File::open(path).map_err(failed)?);
    let mut bad = Vec::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut bytes).map_err(failed)?;
        if read == 0 {
            break;
        }
        if read as u64 > LINE_BYTES_MAX {
            let what =
                format!("line {line} is longer than {} MiB, so this is no file of records", LINE_BYTES_MAX >> 20);
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidData, what)));
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| "not UTF-8 text".to_string());
        if let Err(why) = text.and_then(|t| take(t.trim_end())) {
            bad.push(BadLine { line, why });
        }
    }
    Ok(bad)
}

/// One line of a file of records to one record, which does not contradict itself.
///
/// # Errors
/// What is wrong with it, in words.
pub fn record_of_line(text: &str) -> Result<Record, String> {
    parse(text)
}

/// One line to one record, or what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Record, String> {
    let explain = |error: serde_json::Error| {
        if error.is_eof() {
            format!("cut short after {} characters", text.chars().count())
        } else {
            // The library counts lines within the text it was given, which is always one.
            error.to_string().replace("line 1 column", "column")
        }
    };
    // Lines of our own begin like this; others are read once more, for the words to say what they are.
    let is_ours = text
        .strip_prefix("{\"format\":")
        .and_then(|rest| rest.split_once(','))
        .is_some_and(|(n, _)| n.parse() == Ok(FORMAT));
    if !is_ours {
        let head: Head = serde_json::from_str(text).map_err(explain)?;
        match head.format {
            Some(FORMAT) => {}
            Some(other) => return Err(format!("format {other}, this version reads format {FORMAT}")),
            None => return Err("no field `format`, so not a record of rqsim".into()),
        }
    }
    let record: Record = serde_json::from_str(text).map_err(explain)?;
    record.check()?;
    Ok(record)
}

/// Appends one record to a file, which is made if need be, with a single write. If the file ends in
/// the middle of a line, as after a crash, the record starts a line of its own.
///
/// # Errors
/// [`Error::Encode`] if the record cannot be turned into JSON, [`Error::Write`] if the file cannot
/// be opened or written.
pub fn append_record(path: &Path, record: &Record) -> Result<(), Error> {
    append_line(path, record.to_json_line()?)
}

/// Appends a line, which ends in a line feed, as [`append_record`] does.
///
/// # Errors
/// [`Error::Write`] if the file cannot be opened or written.
pub fn append_line(path: &Path, mut text: String) -> Result<(), Error> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        if file.seek(SeekFrom::End(0))? > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                text.insert(0, '\n');
            }
        }
        file.write_all(text.as_bytes())
    };
    write_result(path, write)
}

/// Runs a write and names the path if it fails.
pub(crate) fn write_result(path: &Path, mut write: impl FnMut() -> std::io::Result<()>) -> Result<(), Error> {
    write().map_err(|source| Error::Write { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_records;

    #[test]
    fn records_come_back_in_the_order_they_were_appended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs.jsonl");
        let records = sample_records();
        for record in &records {
            append_record(&path, record).unwrap();
        }
        assert_eq!(read_records(&path).unwrap(), (records, vec![]));
    }

    #[test]
    fn damaged_lines_are_named_and_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs.jsonl");
        let good = sample_records().remove(0);
        let line = good.to_json_line().unwrap();
        let mut bytes = Vec::new();
        bytes.extend(line.as_bytes()); // 1: good
        bytes.extend(&line.as_bytes()[..100]); // 2: cut short
        bytes.extend(b"\n\nhello\n"); // 3: empty, 4: no JSON
        bytes.extend(line.replacen("\"format\":1", "\"format\":7", 1).as_bytes()); // 5
        bytes.extend(b"{\"a\":1}\n\xff\xfe\n"); // 6: no record, 7: no text
        bytes.extend(line.replacen("\"attempts\":", "\"attempts\":1", 1).as_bytes()); // 8
        bytes.extend(line.replacen("\"seed\":", "\"seed\":-", 1).as_bytes()); // 9
        bytes.extend(line.trim_end().as_bytes()); // 10: good, no line feed
        std::fs::write(&path, bytes).unwrap();
        let (records, bad) = read_records(&path).unwrap();
        assert_eq!(records, [good.clone(), good]);
        let bad: Vec<_> = bad.iter().map(|b| (b.line, b.why.as_str())).collect();
        assert_eq!(bad[0], (2, "cut short after 100 characters"));
        assert_eq!(bad[1], (4, "expected value at column 1"));
        assert_eq!(bad[2], (5, "format 7, this version reads format 1"));
        assert_eq!(bad[3], (6, "no field `format`, so not a record of rqsim"));
        assert_eq!(bad[4], (7, "not UTF-8 text"));
        assert!(bad[5].0 == 8 && bad[5].1.contains("outcomes"), "{:?}", bad[5]);
        assert!(bad[6].0 == 9 && bad[6].1.contains("invalid value"), "{:?}", bad[6]);
        assert_eq!(bad.len(), 7);
    }

    #[test]
    fn a_record_after_a_torn_line_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs.jsonl");
        std::fs::write(&path, "{\"format\":1,\"ver").unwrap();
        let good = sample_records().remove(0);
        append_record(&path, &good).unwrap();
        let (records, bad) = read_records(&path).unwrap();
        assert_eq!(records, [good]);
        assert_eq!(bad, [BadLine { line: 1, why: "cut short after 16 characters".into() }]);
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_it() {
        let error = read_records(Path::new("no/such/file.jsonl")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read no/such/file.jsonl: "), "{error}");
    }
}
