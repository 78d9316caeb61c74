//! What can be wrong with a model directory.

use crate::diag::{Diagnostic, Diagnostics, Place, Source};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What is wrong, in words that name the field or tensor and the legal values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The operating system refused.
    #[error("can not be read: {0}")]
    Io(String),
    /// Not JSON, or JSON of the wrong kind.
    #[error("{0}")]
    Json(String),
    /// A field of config.json that must be there.
    #[error("`{field}` is missing; it must be {wanted}")]
    Missing {
        /// The field.
        field: String,
        /// Its legal values.
        wanted: String,
    },
    /// A field of config.json with an illegal value.
    #[error("`{field}` must be {wanted}, not {found}")]
    Field {
        /// The field.
        field: String,
        /// Its legal values.
        wanted: String,
        /// What stands there.
        found: String,
    },
    /// Fields of config.json that contradict each other.
    #[error("{0}")]
    Config(String),
    /// The safetensors header.
    #[error("not a safetensors file: {0}")]
    Header(String),
    /// One tensor.
    #[error("tensor `{tensor}` {problem}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// One mistake in one file of a model directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct ImportError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: Box<Problem>,
    /// Where, in a text file.
    pub place: Option<Box<Place>>,
    /// What to do about it.
    pub help: Option<String>,
}

impl ImportError {
    /// A mistake without place or help.
    pub fn new(file: &Path, problem: Problem) -> Self {
        Self {
            file: file.to_owned(),
            problem: Box::new(problem),
            place: None,
            help: None,
        }
    }

    /// A mistake in one tensor of a file.
    pub fn tensor(file: &Path, tensor: &str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        Self::new(
            file,
            Problem::Tensor {
                tensor: tensor.to_owned(),
                problem,
            },
        )
    }

    /// Points into a text file.
    #[must_use]
    pub fn at(mut self, source: &Source, span: Range<usize>) -> Self {
        self.place = Some(Box::new(Place {
            source: source.clone(),
            span,
        }));
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<ImportError> for Diagnostic {
    fn from(error: ImportError) -> Self {
        let mut message = Diagnostic::error(error.problem.to_string());
        message.place = error.place;
        if message.place.is_none() {
            message.file = Some(error.file.display().to_string());
        }
        message.help.extend(error.help);
        message
    }
}

/// Every mistake that was found before the import had to stop; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportErrors(pub Vec<ImportError>);

impl fmt::Display for ImportErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ImportErrors {}

impl From<ImportError> for ImportErrors {
    fn from(error: ImportError) -> Self {
        Self(vec![error])
    }
}

impl From<ImportErrors> for Diagnostics {
    fn from(errors: ImportErrors) -> Self {
        let mut diagnostics = Diagnostics::new();
        for error in errors.0 {
            diagnostics.push(error.into());
        }
        diagnostics
    }
}
