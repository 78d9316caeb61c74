//! Standard output for people and for programs.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;

use super::Failure;
use crate::diag::{Diagnostic, Diagnostics};

/// Where results go; messages and progress go to standard error.
pub struct Out {
    /// Results as JSON, one value a line.
    pub json: bool,
}

impl Out {
    /// Standard output.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Writes text at once.
    ///
    /// # Errors
    /// [`Failure::Closed`] when nobody reads, [`Failure::Failed`] when it can not be written.
    pub fn print(&mut self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|e| match e.kind() {
                ErrorKind::BrokenPipe => Failure::Closed,
                _ => Failure::failed(format!("standard output can not be written: {e}")),
            })
    }

    /// Writes one line of JSON.
    ///
    /// # Errors
    /// As [`Out::print`].
    pub fn value(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|e| Failure::failed(format!("the result can not be written as JSON: {e}")))?;
        self.print(&(text + "\n"))
    }

    /// Writes text for people, or the value for programs.
    ///
    /// # Errors
    /// As [`Out::print`].
    pub fn result(&mut self, text: &str, value: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            self.value(value)
        } else {
            self.print(text)
        }
    }

    /// Shows warnings on standard error.
    pub fn warn(&self, warnings: &Diagnostics) {
        warnings.emit();
    }

    /// Tells people on standard error what happens now.
    pub fn step(&self, text: &str) {
        if !self.json {
            // Lost progress is no reason to stop.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// Makes a directory unless it is there.
///
/// # Errors
/// [`Failure::Failed`] with its path.
pub fn make_dir(dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|e| unwritable(dir, &e))
}

/// Writes all files to temporary names and then renames them, so that a reader sees old files or new ones.
///
/// # Errors
/// [`Failure::Failed`] with the path that can not be written; nothing is changed then.
pub fn write_files(dir: &Path, files: &[(String, String)]) -> Result<(), Failure> {
    make_dir(dir)?;
    let mut written = Vec::new();
    for (name, text) in files {
        let path = dir.join(name);
        let file = tempfile::NamedTempFile::new_in(dir)
            .and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file))
            .map_err(|e| unwritable(&path, &e))?;
        written.push((path, file));
    }
    for (path, file) in written {
        file.persist(&path)
            .map_err(|e| unwritable(&path, &e.error))?;
    }
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let message = Diagnostic::error(format!("can not be written: {error}"));
    Failure::Failed(message.in_file(path.display().to_string()).into())
}
