//! Synthesis with the pinned Yosys, to count the cells that each module costs.

mod cells;
mod passes;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use thiserror::Error;

pub use cells::Cells;

use self::passes::{COARSE, LEVELS, Passes, SPLIT, STAT};
use crate::tools::{ToolError, Tools, tail};

const SCRIPT: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../scripts/yosys_job.py"
));
const JOB: &str = "job.json";
const DONE: &str = "done.json";

/// What to synthesise for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Lattice ECP5 (`synth_ecp5`, abc9).
    Ecp5,
    /// Xilinx UltraScale+ (`synth_xilinx -family xcup`, abc9), without pads and clock buffers.
    /// Vivado's own counts differ.
    Xcup,
    /// Two-input gates; memories stay whole and are counted as blocks.
    Generic,
}

/// How to synthesise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// One module, optimised across borders; otherwise the cells of each module are told apart.
    pub flatten: bool,
    /// Find [`Cells::levels`].
    pub levels: bool,
    /// Chains of registers stay flip-flops. Yosys does not know the attribute `shreg_extract` with which a design says
    /// so of single registers; this says it of all.
    pub flip_flops: bool,
}

/// The result of a synthesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub target: Target,
    pub top: String,
    /// Cells of each module by itself, without the modules it instantiates.
    pub modules: BTreeMap<String, Cells>,
    /// Cells of the whole design, every instance counted.
    pub total: Cells,
}

/// Why a synthesis gave no report.
#[derive(Debug, Error)]
pub enum YosysError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("Yosys fails on module {top} for {target:?}:\n{log}")]
    Failed {
        top: String,
        target: Target,
        log: String,
    },
    #[error("Yosys gave a report of module {top} that cannot be read: {what}")]
    Report { top: String, what: String },
    #[error("{name:?} is not usable as a file or module name")]
    Name { name: String },
}

/// Synthesises module `top` of `files` (file name, Verilog text). With `flatten` all is one module
/// and optimised across borders; without it the cells of each module are told apart.
///
/// # Errors
/// What Yosys refuses, with the end of its log; a run that stops before its last pass counts as
/// failed whatever its exit status.
pub fn synth(
    files: &[(String, String)],
    top: &str,
    target: Target,
    flatten: bool,
) -> Result<Report, YosysError> {
    let options = Options {
        flatten,
        ..Options::default()
    };
    synth_with(files, top, target, options)
}

/// As [`synth`], with all its options.
///
/// # Errors
/// As [`synth`].
pub fn synth_with(
    files: &[(String, String)],
    top: &str,
    target: Target,
    options: Options,
) -> Result<Report, YosysError> {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
    };
    if let Some(name) = files
        .iter()
        .map(|f| f.0.as_str())
        .chain([top])
        .find(|n| !plain(n))
    {
        return Err(YosysError::Name { name: name.into() });
    }
    let tools = Tools::get()?;
    let dir = tempfile::tempdir().map_err(ToolError::io("making a folder for Yosys"))?;
    let dir = dir.path();
    for (name, text) in files {
        write(&dir.join(name), text)?;
    }
    let mut job = serde_json::to_value(Passes::new(files, top, target, options))
        .map_err(|e| report_error(top, &e))?;
    job["site"] = tools.site().display().to_string().into();
    job["done"] = DONE.into();
    write(&dir.join(JOB), &job.to_string())?;
    write(&dir.join("job.py"), SCRIPT)?;
    write(&dir.join(SPLIT), include_str!("split.v"))?;
    let out = tools
        .python()
        .args(["job.py", JOB])
        .current_dir(dir)
        .output()
        .map_err(ToolError::io("starting Yosys"))?;
    if !out.status.success() || !dir.join(DONE).exists() {
        let log = [out.stdout, out.stderr].concat();
        let log = tail(&String::from_utf8_lossy(&log), 12);
        return Err(YosysError::Failed {
            top: top.into(),
            target,
            log,
        });
    }
    let mut report = read(dir, top, target)?;
    if options.levels {
        let text = fs::read_to_string(dir.join(LEVELS)).map_err(|e| report_error(top, &e))?;
        add_levels(&mut report, &text);
    }
    if target == Target::Generic {
        add_multipliers(&mut report, &stat(dir, COARSE, top)?);
    }
    Ok(report)
}

fn report_error(top: &str, what: &dyn std::fmt::Display) -> YosysError {
    YosysError::Report {
        top: top.into(),
        what: what.to_string(),
    }
}

fn write(path: &Path, text: &str) -> Result<(), ToolError> {
    fs::write(path, text).map_err(ToolError::io(format!("writing {}", path.display())))
}

#[derive(Deserialize)]
struct Stat {
    modules: BTreeMap<String, ModuleStat>,
    /// Absent when the design has one module only.
    design: Option<ModuleStat>,
}

#[derive(Deserialize, Clone)]
struct ModuleStat {
    num_cells_by_type: BTreeMap<String, u64>,
}

fn stat(dir: &Path, file: &str, top: &str) -> Result<Stat, YosysError> {
    let text = fs::read_to_string(dir.join(file)).map_err(|e| report_error(top, &e))?;
    let mut stat: Stat = serde_json::from_str(&text).map_err(|e| report_error(top, &e))?;
    stat.modules = stat
        .modules
        .into_iter()
        .map(|(name, module)| (name.trim_start_matches('\\').to_string(), module))
        .collect();
    let names: Vec<String> = stat.modules.keys().cloned().collect();
    // Instances and scope markers are not cells.
    let is_cell = |kind: &String| !names.contains(kind) && kind != "$scopeinfo";
    let modules = stat.modules.values_mut();
    modules
        .chain(stat.design.as_mut())
        .for_each(|m| m.num_cells_by_type.retain(|k, _| is_cell(k)));
    Ok(stat)
}

fn read(dir: &Path, top: &str, target: Target) -> Result<Report, YosysError> {
    let stat = stat(dir, STAT, top)?;
    let modules: BTreeMap<String, Cells> = stat
        .modules
        .into_iter()
        .map(|(name, module)| (name, Cells::classify(module.num_cells_by_type, target)))
        .collect();
    let total = match (stat.design, modules.get(top)) {
        (Some(design), _) => Cells::classify(design.num_cells_by_type, target),
        (None, Some(cells)) => cells.clone(),
        (None, None) => {
            return Err(report_error(top, &"the top is absent"));
        }
    };
    Ok(Report {
        target,
        top: top.into(),
        modules,
        total,
    })
}

/// Counts multiplications, which gates no longer show, from the statistics before mapping.
fn add_multipliers(report: &mut Report, coarse: &Stat) {
    let count = |m: &ModuleStat| m.num_cells_by_type.get("$mul").copied().unwrap_or(0);
    for (name, cells) in &mut report.modules {
        cells.dsp = coarse.modules.get(name).map_or(0, count);
    }
    let whole = coarse
        .design
        .as_ref()
        .or_else(|| coarse.modules.get(&report.top));
    report.total.dsp = whole.map_or(0, count);
}

/// Takes the lengths from what the `ltp` pass prints for each module; a module without a path has none.
fn add_levels(report: &mut Report, text: &str) {
    for line in text.lines() {
        let Some((module, length)) = line
            .strip_prefix("Longest topological path in ")
            .and_then(|rest| rest.split_once(" (length="))
        else {
            continue;
        };
        let length = length.trim_end_matches("):").parse().ok();
        if let Some(cells) = report.modules.get_mut(module) {
            cells.levels = length;
        }
    }
    // A path that crosses modules is seen only when there is just one.
    if report.modules.len() == 1 {
        report.total.levels = report
            .modules
            .get(&report.top)
            .and_then(|cells| cells.levels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_for_each_module() {
        let mut report = Report {
            target: Target::Xcup,
            top: "top".into(),
            modules: ["top", "part", "store"]
                .map(|name| (name.to_string(), Cells::default()))
                .into(),
            total: Cells::default(),
        };
        let text = "3. Executing LTP pass (find longest path).\n\n\
                    Longest topological path in part (length=6):\n    0: \\a\n\
                    Longest topological path in store (length=-1):\n\
                    Longest topological path in top (length=0):\n";
        add_levels(&mut report, text);
        let levels = ["top", "part", "store"].map(|name| report.modules[name].levels);
        assert_eq!(levels, [Some(0), Some(6), None]);
        assert_eq!(report.total.levels, None);
    }
}
