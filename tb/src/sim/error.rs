//! What can go wrong while a model is built or run.

use std::path::PathBuf;

use thiserror::Error;

use crate::tools::ToolError;

/// An error of the simulation harness.
#[derive(Debug, Error)]
pub enum SimError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("module {top}: {what}")]
    Spec { top: String, what: String },
    #[error("Verilator refuses module {top}:\n{messages}")]
    Lint { top: String, messages: String },
    #[error("the C++ compiler refuses the model of {top}:\n{messages}")]
    Compile { top: String, messages: String },
    #[error("cannot load {path}: {what}. Delete it to have it built again")]
    Load { path: PathBuf, what: String },
    #[error("module {top} has no {what} named {name}; there are: {known}")]
    Unknown {
        top: String,
        what: &'static str,
        name: String,
        known: String,
    },
    #[error("peek {name}: {what}")]
    Peek { name: String, what: String },
    #[error("cycle {cycle}: the model stopped: {messages}")]
    Stopped { cycle: u64, messages: String },
    #[error("trace {path}: {what}")]
    Trace { path: PathBuf, what: String },
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
}

impl SimError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
