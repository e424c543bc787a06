// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing results so that a reader sees the old file or the new one, never half of one.

use std::path::{Path, PathBuf};

use reports::{Error, Record};

/// Replaces a file by this text: written beside it, then renamed into place.
///
/// # Errors
/// The path that could not be written.
pub fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    write_bytes(path, text.as_bytes())
}

/// Replaces a file by these bytes in the same way.
///
/// # Errors
/// The path that could not be written.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |source| Error::Write { path: path.to_path_buf(), source };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    std::fs::write(&beside, bytes).map_err(fail)?;
    std::fs::rename(&beside, path).map_err(fail)
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
