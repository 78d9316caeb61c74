//! What is found on this machine, which version, and how to get what is missing.

use std::path::{Path, PathBuf};

use super::compiler::{Compiler, first_line};
use super::install::{MAIN, location};
use super::python::Python;
use super::{base_dir, pinned};

/// State of one tool on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Present in the wanted version.
    Ok,
    /// Absent now; the program installs it by itself when it is first needed.
    InstalledOnDemand,
    /// Absent or unsuitable; the user has to act.
    Missing,
}

/// One line of the doctor's report.
#[derive(Debug, Clone)]
pub struct Finding {
    pub name: &'static str,
    /// The version or range that this project wants.
    pub wanted: String,
    /// The version found, if any.
    pub found: Option<String>,
    pub path: Option<PathBuf>,
    pub status: Status,
    /// What to do when it is not there.
    pub how_to_get: &'static str,
}

/// Looks for every tool the project uses. Installs nothing and never fails.
pub fn doctor() -> Vec<Finding> {
    let python = Python::find().ok();
    vec![
        rustc(),
        python_finding(python.as_ref()),
        compiler(),
        verilator(&python),
        yosys(&python),
    ]
}

fn rustc() -> Finding {
    let found = first_line(Path::new("rustc"));
    Finding {
        name: "rustc",
        wanted: format!(">= {}", env!("CARGO_PKG_RUST_VERSION")),
        status: if found.is_some() {
            Status::Ok
        } else {
            Status::Missing
        },
        path: found.as_ref().map(|_| PathBuf::from("rustc")),
        found,
        how_to_get: "install Rust with rustup (only needed to build the program itself)",
    }
}

fn python_finding(python: Option<&Python>) -> Finding {
    Finding {
        name: "python3",
        wanted: "3.10 to 3.14, with pip or venv".into(),
        found: python.map(|p| p.version.clone()),
        path: python.map(|p| p.path.clone()),
        status: if python.is_some() {
            Status::Ok
        } else {
            Status::Missing
        },
        how_to_get: "apt install python3 python3-venv",
    }
}

fn compiler() -> Finding {
    let found = Compiler::find().ok();
    Finding {
        name: "C++ compiler",
        wanted: "clang++ or g++ with C++17".into(),
        status: if found.is_some() {
            Status::Ok
        } else {
            Status::Missing
        },
        path: found.as_ref().map(|c| c.path.clone()),
        found: found.map(|c| c.version),
        how_to_get: "apt install g++ (or clang, which builds large models faster)",
    }
}

fn verilator(python: &Option<Python>) -> Finding {
    pinned_tool(
        "verilator",
        "verilator",
        "site/verilator/bin/verilator_bin",
        python,
    )
}

fn yosys(python: &Option<Python>) -> Finding {
    pinned_tool(
        "yosys (pyosys)",
        "pyosys",
        "site/pyosys/libyosys.so",
        python,
    )
}

/// A tool of requirements.txt; its version is that of the installed package's metadata, because
/// the wheel's binary itself does not print one.
fn pinned_tool(name: &'static str, package: &str, file: &str, python: &Option<Python>) -> Finding {
    let wanted = pinned(package).to_string();
    let dir = python.as_ref().map(|p| location(&base_dir(), &MAIN, p));
    let path = dir.as_ref().map(|d| d.join(file)).filter(|p| p.exists());
    let metadata = dir.map(|d| d.join(format!("site/{package}-{wanted}.dist-info")));
    let present = path.is_some() && metadata.is_some_and(|m| m.exists());
    Finding {
        name,
        found: present.then(|| wanted.clone()),
        wanted,
        path,
        status: match (present, python) {
            (true, _) => Status::Ok,
            (false, Some(_)) => Status::InstalledOnDemand,
            (false, None) => Status::Missing,
        },
        how_to_get: "installed into target/tools by the program when first needed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor_reports_every_tool() {
        let names: Vec<_> = doctor().iter().map(|f| f.name).collect();
        assert_eq!(
            names,
            [
                "rustc",
                "python3",
                "C++ compiler",
                "verilator",
                "yosys (pyosys)"
            ]
        );
    }
}
