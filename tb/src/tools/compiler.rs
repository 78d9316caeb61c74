//! Finding the C++ compiler that builds verilated models.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::ToolError;

/// A C++ compiler. clang++ is preferred: it builds big verilated models several times faster.
#[derive(Debug, Clone)]
pub struct Compiler {
    pub path: PathBuf,
    /// First line of `--version`; part of every cache key.
    pub version: String,
    pub is_clang: bool,
}

impl Compiler {
    /// `$CXX` when set, else the first of clang++, g++ and c++ that runs.
    pub fn find() -> Result<Self, ToolError> {
        let named = std::env::var("CXX").ok().filter(|s| !s.is_empty());
        let candidates: Vec<String> = match named {
            Some(cxx) => vec![cxx],
            None => ["clang++", "g++", "c++"].map(String::from).to_vec(),
        };
        for name in &candidates {
            if let Some(version) = first_line(Path::new(name)) {
                let is_clang = version.contains("clang");
                return Ok(Self {
                    path: name.into(),
                    version,
                    is_clang,
                });
            }
        }
        Err(ToolError::NoCompiler {
            tried: candidates.join(", "),
        })
    }
}

/// First line that `program --version` prints, or None when it does not run.
pub fn first_line(program: &Path) -> Option<String> {
    let out = Command::new(program).arg("--version").output().ok()?;
    if !out.status.success() {
        return None;
    }
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .next()
        .map(str::to_string)
}
