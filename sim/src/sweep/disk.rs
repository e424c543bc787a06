// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file whose bytes are handed to the disk while more are written.

use std::fs::File;
use std::io::{Error, Result, Write};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long what was written may be in the system's memory only.
const SYNC_EVERY: Duration = Duration::from_secs(2);
/// How many bytes may be, so that little is left to wait for at the end.
const SYNC_BYTES: u64 = 16 << 20;

/// A file that is only ever added to. Every few seconds a thread of its own waits for the disk, so that nobody else has to.
#[derive(Debug)]
pub(super) struct SyncedFile {
    file: File,
    length: u64,
    /// When and with how many bytes it was handed over last.
    since: (Instant, u64),
    sync: Option<JoinHandle<Result<()>>>,
}

impl SyncedFile {
    /// A file that has `length` bytes and is written at its end.
    pub(super) fn new(file: File, length: u64) -> SyncedFile {
        SyncedFile { file, length, since: (Instant::now(), length), sync: None }
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Waits until the disk has everything.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.join()?;
        self.file.sync_data()
    }

    /// Waits for the thread, if there is one.
    fn join(&mut self) -> Result<()> {
        self.sync
            .take()
            .map_or(Ok(()), |t| t.join().unwrap_or_else(|_| Err(Error::other("the thread that syncs failed"))))
    }

    fn hand_over(&mut self) -> Result<()> {
        let (when, length) = self.since;
        let is_due = self.length - length >= SYNC_BYTES || when.elapsed() >= SYNC_EVERY;
        if !is_due || self.sync.as_ref().is_some_and(|t| !t.is_finished()) {
            return Ok(());
        }
        self.join()?;
        let file = self.file.try_clone()?;
        self.sync = Some(std::thread::Builder::new().spawn(move || file.sync_data())?);
        self.since = (Instant::now(), self.length);
        Ok(())
    }
}

impl Write for SyncedFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let n = self.file.write(bytes)?;
        self.length += n as u64;
        self.hand_over()?;
        Ok(n)
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush()
    }
}

impl Drop for SyncedFile {
    /// The thread's handle shares the lock of the file, which has to go with it.
    fn drop(&mut self) {
        // An error of the disk is met by `sync`; here nobody is left to be told.
        let _ = self.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_while_the_disk_is_waited_for_is_all_there_and_the_lock_goes_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let mut file = SyncedFile::new(File::create(&path).unwrap(), 0);
        file.file.try_lock().unwrap();
        for i in 0..50_u8 {
            // As if it had been written long ago.
            file.since.0 = Instant::now().checked_sub(SYNC_EVERY).unwrap_or(file.since.0);
            file.write_all(&[i; 1000]).unwrap();
        }
        assert_eq!(file.length(), 50_000);
        drop(file);
        File::open(&path).unwrap().try_lock().unwrap();
        assert_eq!(std::fs::read(&path).unwrap().len(), 50_000);
    }
}
