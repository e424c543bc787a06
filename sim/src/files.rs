// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing results so that a reader sees the old file or the new one, never half of one; reading input of a bounded size.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use reports::{Error, Record};

/// Largest program or litmus file, in bytes: what the assembler takes.
pub const PROGRAM_BYTES_MAX: u64 = sim_core::asm::SOURCE_BYTES_MAX as u64;
/// Largest file of recorded arrivals, in bytes.
pub const TRACE_BYTES_MAX: u64 = 256 << 20;
/// Largest log with expected outcomes, and largest page that a table is put into, in bytes.
pub const LOG_BYTES_MAX: u64 = 64 << 20;

/// Reads a file that has to have at most `max` bytes. The size is found by reading, because a device or pipe has none to ask for.
///
/// # Errors
/// What the operating system says, or `InvalidData` with the limit.
pub fn read_bytes(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        let limit = if max >= 1 << 20 { format!("{} MiB", max >> 20) } else { format!("{max} bytes") };
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {limit}, the limit")));
    }
    Ok(bytes)
}

/// Reads a text as [`read_bytes`] does.
///
/// # Errors
/// As [`read_bytes`], or `InvalidData` with the place of the first byte that is not UTF-8.
pub fn read_text(path: &Path, max: u64) -> io::Result<String> {
    String::from_utf8(read_bytes(path, max)?).map_err(|e| {
        let what = format!("it is not UTF-8 text from byte {} on", e.utf8_error().valid_up_to());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

/// Replaces a file by this text: written beside it, then renamed into place.
///
/// # Errors
/// The path that could not be written.
pub fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    write_bytes(path, text.as_bytes())
}

/// Replaces a file by these bytes, as [`write_text`] does.
///
/// # Errors
/// The path that could not be written.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |source| Error::Write { path: path.to_path_buf(), source };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // Half a file is of use to nobody; that it may not be removable either is told by the first error.
        let _ = std::fs::remove_file(&beside);
    }
    written.map_err(fail)
}

/// Replaces a file by these records, one line each.
///
/// # Errors
/// The path that could not be written.
pub fn write_records(path: &Path, records: &[Record]) -> Result<(), Error> {
    let mut text = String::new();
    for r in records {
        text += &r.to_json_line()?;
    }
    write_text(path, &text)
}

/// Copies a file that holds something unreadable to the same name with `.damaged` behind it, which is given back.
///
/// # Errors
/// The path that could not be written.
pub fn copy_aside(path: &Path) -> Result<PathBuf, Error> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    let aside = PathBuf::from(aside);
    match std::fs::copy(path, &aside) {
        Ok(_) => Ok(aside),
        Err(source) => Err(Error::Write { path: aside, source }),
    }
}

/// Removes a file if it exists.
///
/// # Errors
/// The path that could not be removed.
pub fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::Write { path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}
