//! Standard output for people and for programs.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use super::Failure;
use crate::diag::Diagnostics;

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
