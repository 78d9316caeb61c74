//! Mapping to a standard-cell library that the user names by the path of its liberty file: area, cells and delay.
//!
//! | file | what |
//! |---|---|
//! | `parse` | the text as groups and attributes |
//! | `library` | what of it is needed: areas, functions, timing tables |
//! | `timing` | the longest path of a mapped netlist |
//!
//! What the figures are: area is the sum of the library's cells; the delay is that of the longest path from register,
//! input or memory to register, output or memory, from the library's tables, with slopes, setup and the loads of pins,
//! but no wires. Nets with more than 20 readers get trees of buffers, which count; the clock gets none. There is no
//! layout behind the figures.

mod library;
mod parse;
mod timing;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use library::{Cell, Library};

use crate::passes::{self, PassError};
use crate::tools::ToolError;

/// Why there is no mapped design.
#[derive(Debug, Error)]
pub enum LibertyError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Synthesis(#[from] PassError),
    #[error("{}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}:{line}: {what}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        what: String,
    },
    #[error("{}: {what}", path.display())]
    Library { path: PathBuf, what: String },
    #[error("the mapped netlist of {top} cannot be read: {what}")]
    Netlist { top: String, what: String },
}

/// A mapped design.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// In the library's unit, um2 as a rule; black boxes count nothing.
    pub area: f64,
    /// The part of it that is registers.
    pub register_area: f64,
    /// Cells by their type, black boxes among them.
    pub cells: BTreeMap<String, u64>,
    /// Longest path, in the library's unit, ns as a rule.
    pub delay: f64,
    /// Where it begins and ends, and through how many cells it goes.
    pub path: String,
}

/// How a design is mapped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Modules whose names begin so are macros of another library: memories.
    pub black_boxes: Vec<String>,
    /// Cells whose names contain one of these are not used.
    pub avoid: Vec<String>,
}

/// Maps module `top` of `files` (file name, Verilog text) to `library`. Instances of modules `full_adder` (a, b, c,
/// sum, carry) and `and_or_invert` (a, b, c, d, y) become the library's cells of these functions, where it has them.
///
/// # Errors
/// What Yosys refuses, or a library without registers or gates.
pub fn map(
    files: &[(String, String)],
    top: &str,
    library: &Library,
    options: &Options,
) -> Result<Mapped, LibertyError> {
    let dir = tempfile::tempdir().map_err(ToolError::io("making a folder for Yosys"))?;
    let dir = dir.path();
    let write = |name: &str, text: &str| {
        fs::write(dir.join(name), text).map_err(ToolError::io(format!("writing {name}")))
    };
    write("cells.lib", &library.text)?;
    let avoided: String = library
        .cells
        .keys()
        .filter(|name| options.avoid.iter().any(|a| name.contains(a.as_str())))
        .map(|name| format!(" -dont_use {name}"))
        .collect();
    let mut passes = vec![
        "read_liberty -lib cells.lib".to_string(),
        format!("hierarchy -top {top}"),
    ];
    write("templates.v", &library.templates())?;
    passes.push("techmap -map templates.v".into());
    passes.extend(options.black_boxes.iter().map(|b| format!("blackbox {b}*")));
    passes.extend([
        format!("synth -top {top} -flatten -noabc"),
        format!("dfflibmap -liberty cells.lib{avoided}"),
        "opt -fast".into(),
        format!("abc -liberty cells.lib{avoided}"),
        "opt_clean -purge".into(),
        "write_json netlist.json".into(),
    ]);
    passes::run(dir, files, &passes)?;
    let bad = |what: String| LibertyError::Netlist {
        top: top.into(),
        what,
    };
    let text = fs::read_to_string(dir.join("netlist.json")).map_err(|e| bad(e.to_string()))?;
    let netlist = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    timing::analyse(&netlist, top, library).map_err(bad)
}

/// The text of a file, unpacked when its name ends in `.gz`.
fn read(path: &Path) -> std::io::Result<String> {
    let bytes = fs::read(path)?;
    if path.extension().is_some_and(|e| e == "gz") {
        std::io::read_to_string(flate2::read::GzDecoder::new(&bytes[..]))
    } else {
        String::from_utf8(bytes)
            .map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidData, e))
    }
}
