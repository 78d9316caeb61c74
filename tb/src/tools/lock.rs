//! Locks between processes, so that parallel tests wait for each other instead of racing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// How many C++ compilers of this project may run at once on a machine.
const COMPILER_SLOTS: usize = 2;

/// An exclusive lock on a file; released when dropped, also when the process dies.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits until the lock on `path` is ours; creates the file (and its folder) when absent.
    /// `on_wait` is called once if another holder makes us wait.
    pub fn acquire(path: &Path, on_wait: impl FnOnce()) -> io::Result<Self> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                on_wait();
                file.lock()?;
            }
            Err(TryLockError::Error(e)) => return Err(e),
        }
        Ok(Self { _file: file })
    }
}

/// Waits for one of the machine's compiler slots under `dir`. A slot is held while the returned
/// lock lives, so the sum over all processes never exceeds the number of slots.
pub fn compiler_slot(dir: &Path) -> io::Result<FileLock> {
    loop {
        for slot in 0..COMPILER_SLOTS {
            let file = open(&dir.join(format!("compiler-{slot}.lock")))?;
            match file.try_lock() {
                Ok(()) => return Ok(FileLock { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(e),
            }
        }
        sleep(Duration::from_millis(20));
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}
