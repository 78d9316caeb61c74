//! Finding a Python for which wheels of the pinned tools exist.

use std::path::PathBuf;
use std::process::Command;

use super::error::ToolError;

const CANDIDATES: [&str; 6] = [
    "python3",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
];
const WANTED: &str = "3.10 to 3.14";

/// A Python interpreter that the pinned wheels fit.
#[derive(Debug, Clone)]
pub struct Python {
    /// The interpreter itself, links and shims resolved.
    pub path: PathBuf,
    /// `major.minor.micro`.
    pub version: String,
    /// Such as `cpython-311-linux-x86_64`; wheels with native code depend on it.
    pub tag: String,
}

impl Python {
    /// The first suitable interpreter on PATH.
    pub fn find() -> Result<Self, ToolError> {
        let mut tried = Vec::new();
        for name in CANDIDATES {
            match probe(name) {
                Some((python, minor)) if (10..=14).contains(&minor) => return Ok(python),
                Some((python, _)) => tried.push(format!("{name}: version {}", python.version)),
                None => tried.push(format!("{name}: absent")),
            }
        }
        Err(ToolError::NoPython {
            wanted: WANTED,
            tried: tried.join(", "),
        })
    }
}

fn probe(name: &str) -> Option<(Python, u32)> {
    let code = "import sys, platform; v = sys.version_info; print(sys.executable); \
                print('%d.%d.%d' % v[:3]); print('%s-%d%d-%s-%s' % (sys.implementation.name, v[0], \
                v[1], sys.platform, platform.machine())); print(v[1] if v[0] == 3 else 0)";
    let out = Command::new(name).args(["-I", "-c", code]).output().ok()?;
    if !out.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut lines = text.lines();
    let path = PathBuf::from(lines.next()?);
    let version = lines.next()?.to_string();
    let tag = lines.next()?.to_string();
    let minor = lines.next()?.parse().ok()?;
    Some((Python { path, version, tag }, minor))
}
