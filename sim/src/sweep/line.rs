// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line of a sweep's records: an ordinary record, then its place in the sweep and a checksum.

use reports::{Record, SweepPoint};
use serde::Deserialize;

use super::store::RunKey;

/// Between what depends on the run alone and its place in a sweep. Within texts a quote has a backslash before it, so this is found nowhere else.
const SWEEP: &str = ",\"sweep\":{";
const SUM: &str = ",\"sum\":\"";

/// The record as JSON without its last brace.
///
/// # Errors
/// Only if the JSON writer fails.
pub(super) fn body(record: &Record) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(record)?;
    text.pop();
    Ok(text)
}

/// The line of a run, with its line feed.
///
/// # Errors
/// Only if the JSON writer fails.
pub(super) fn compose(body: &str, stand: &SweepPoint) -> Result<String, serde_json::Error> {
    let mut line = String::with_capacity(body.len() + 256);
    line.push_str(body);
    line.push_str(SWEEP);
    line.push_str(&format!("\"point\":{},\"axes\":", stand.point));
    line.push_str(&serde_json::to_string(&stand.axes)?);
    if let Some(replay) = &stand.replay {
        line.push_str(&format!(",\"replay\":{}", serde_json::to_string(replay)?));
    }
    let sum = checksum(line.as_bytes());
    line.push_str(&format!("{SUM}{sum:016x}\"}}}}\n"));
    Ok(line)
}

/// A line taken apart, its checksum found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// What depends on the run alone, see [`body`].
    pub(super) body: &'a str,
}

/// Takes a line apart.
///
/// # Errors
/// In words, what is wrong with it.
pub(super) fn take_apart(line: &str) -> Result<Parts<'_>, String> {
    let line = line.trim_end();
    if !line.ends_with('}') {
        return Err(format!("cut short after {} bytes", line.len()));
    }
    let (before, sum) = line.rsplit_once(SUM).ok_or("no checksum, so not a record of a sweep")?;
    let sum = sum.strip_suffix("\"}}").and_then(|s| u64::from_str_radix(s, 16).ok());
    if sum != Some(checksum(before.as_bytes())) {
        return Err("the checksum is wrong: the line is damaged".into());
    }
    let (body, _) = before.rsplit_once(SWEEP).ok_or("no place in a sweep")?;
    Ok(Parts { body })
}

/// What names the run of a record, and how it ended.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Identity {
    pub(super) format: u32,
    pub(super) version: String,
    pub(super) stage_idx: u32,
    pub(super) seed: u64,
    pub(super) config_hash: String,
    pub(super) program_hash: String,
    pub(super) status: String,
}

impl Identity {
    /// Reads what names a run from a record's [`body`]. Fields behind it are not looked at.
    ///
    /// # Errors
    /// In words, what is wrong.
    pub(super) fn read(body: &str) -> Result<Identity, String> {
        // Behind these come the measurements, in the order of the record's definition.
        let short = body.find(",\"finding\":").map_or(body, |at| &body[..at]);
        let read = serde_json::from_str::<Identity>(&format!("{short}}}"));
        let read = read.or_else(|_| serde_json::from_str(&format!("{body}}}")));
        let identity = read.map_err(|e| format!("not a record of rqsim: {e}"))?;
        if identity.format != reports::FORMAT {
            return Err(format!("format {}, this version reads format {}", identity.format, reports::FORMAT));
        }
        Ok(identity)
    }

    pub(super) fn key(&self) -> Option<RunKey> {
        Some(RunKey {
            config: u128::from_str_radix(&self.config_hash, 16).ok()?,
            program: u128::from_str_radix(&self.program_hash, 16).ok()?,
            stage: self.stage_idx,
            seed: self.seed,
        })
    }
}

/// A checksum of 64 bits: as FNV-1a, but over words of eight bytes (little end first, the last filled up with zeros), then the number of
/// bytes, and rotated by 29 after each. A step is one to one, so a change within a word is always seen. It finds damage, and is no proof against a forger.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |word: u64| sum = (sum ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(29);
    let mut words = bytes.chunks_exact(8);
    for word in words.by_ref() {
        add(u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    add(u64::from_le_bytes(last));
    add(bytes.len() as u64);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> (Record, String) {
        let record = Record {
            format: reports::FORMAT,
            version: "1".into(),
            config_hash: "a1".into(),
            program_hash: "b2".into(),
            stage_idx: 3,
            seed: 9,
            status: "ok".into(),
            expect: "ok".into(),
            config: "(a: \"x,\\\"sweep\\\":{\")".into(),
            ..Record::default()
        };
        let axes = [("cores".to_owned(), "4".to_owned())].into();
        let stand = SweepPoint { point: 7, axes, replay: Some("sim run 'x'".into()), sum: String::new() };
        let line = compose(&body(&record).unwrap(), &stand).unwrap();
        (record, line)
    }

    #[test]
    fn a_line_is_an_ordinary_record_and_comes_apart_again() {
        let (record, line) = line();
        let read: Record = serde_json::from_str(&line).unwrap();
        assert_eq!(read.check(), Ok(()));
        let sweep = read.sweep.clone().unwrap();
        assert_eq!((sweep.point, sweep.text()), (7, "cores=4".to_owned()));
        assert_eq!(Record { sweep: None, ..read }, record);
        let parts = take_apart(&line).unwrap();
        assert_eq!(parts.body, body(&record).unwrap());
        let key = Identity::read(parts.body).unwrap().key().unwrap();
        assert_eq!(key, RunKey { config: 0xa1, program: 0xb2, stage: 3, seed: 9 });
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let (_, line) = line();
        let text = line.trim_end();
        for at in 0..text.len() {
            assert!(take_apart(&text[..at]).is_err(), "cut at {at}");
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            let damaged = String::from_utf8(bytes).unwrap();
            assert!(take_apart(&damaged).is_err(), "flipped at {at}");
        }
    }
}
