//! Synthesis with the pinned Yosys, to count the cells that each module costs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use thiserror::Error;

use crate::tools::{ToolError, Tools, tail};

const SCRIPT: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../scripts/yosys_job.py"
));

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

/// Cells of one module, or of the whole design.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells {
    /// Look-up tables as mapped (LUT1 to LUT6, LUT4), each counted once.
    pub lut: u64,
    /// Fewest physical look-up tables they can be packed into: on UltraScale+ two tables of at most
    /// five inputs share one LUT6 if their inputs allow it; equal to `lut` elsewhere.
    pub lut_packed: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Hardware multipliers (MULT18X18D, MULT9X9D, DSP48E2); multiplications before mapping for
    /// [`Target::Generic`].
    pub dsp: u64,
    /// Block memories of 18 kbit (DP16KD and RAMB18E2 count 1, RAMB36E2 counts 2); whole memories
    /// of any size for [`Target::Generic`].
    pub bram: u64,
    /// UltraRAM blocks of 288 kbit.
    pub uram: u64,
    /// Cells that use look-up tables as memory or shift register.
    pub lutram: u64,
    /// Carry cells (CCU2C, CARRY4, CARRY8).
    pub carry: u64,
    /// Logic gates, for [`Target::Generic`] only.
    pub gates: u64,
    /// Every cell type and its count, as Yosys names them, without instances of modules.
    pub raw: BTreeMap<String, u64>,
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
    let job = serde_json::json!({
        "site": tools.site(),
        "passes": passes(files, top, target, flatten),
        "done": "done.json",
    });
    write(&dir.join("job.json"), &job.to_string())?;
    write(&dir.join("job.py"), SCRIPT)?;
    let out = tools
        .python()
        .args(["job.py", "job.json"])
        .current_dir(dir)
        .output()
        .map_err(ToolError::io("starting Yosys"))?;
    if !out.status.success() || !dir.join("done.json").exists() {
        let log = [out.stdout, out.stderr].concat();
        let log = tail(&String::from_utf8_lossy(&log), 12);
        return Err(YosysError::Failed {
            top: top.into(),
            target,
            log,
        });
    }
    let mut report = read(dir, top, target)?;
    if target == Target::Generic {
        add_multipliers(&mut report, &stat(dir, "coarse.json", top)?);
    }
    Ok(report)
}

fn passes(files: &[(String, String)], top: &str, target: Target, flatten: bool) -> Vec<String> {
    let mut passes: Vec<String> = files
        .iter()
        .map(|(name, _)| format!("read_verilog {name}"))
        .collect();
    let flag = |on: &'static str, off: &'static str| if flatten { on } else { off };
    match target {
        Target::Ecp5 => passes.push(format!("synth_ecp5 -top {top} {}", flag("", "-noflatten"))),
        Target::Xcup => passes.push(format!(
            "synth_xilinx -family xcup -noiopad -noclkbuf -top {top} {}",
            flag("-flatten", "")
        )),
        Target::Generic => {
            // The steps of `synth`, but memories are not torn into flip-flops.
            passes.push(format!(
                "synth -top {top} -run begin:fine {}",
                flag("-flatten", "")
            ));
            passes.push(format!("tee -q -o coarse.json stat -json -top {top}"));
            for pass in [
                "opt -fast -full",
                "techmap",
                "opt -fast",
                "abc",
                "opt -fast",
            ] {
                passes.push(pass.into());
            }
            passes.push("clean".into());
        }
    }
    passes.push(format!("tee -q -o stat.json stat -json -top {top}"));
    passes
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
    let bad = |what: String| YosysError::Report {
        top: top.into(),
        what,
    };
    let text = fs::read_to_string(dir.join(file)).map_err(|e| bad(e.to_string()))?;
    let mut stat: Stat = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
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
    let stat = stat(dir, "stat.json", top)?;
    let modules: BTreeMap<String, Cells> = stat
        .modules
        .into_iter()
        .map(|(name, module)| (name, Cells::classify(module.num_cells_by_type, target)))
        .collect();
    let total = match (stat.design, modules.get(top)) {
        (Some(design), _) => Cells::classify(design.num_cells_by_type, target),
        (None, Some(cells)) => cells.clone(),
        (None, None) => {
            return Err(YosysError::Report {
                top: top.into(),
                what: "the top is absent".into(),
            });
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
    let count = |m: &ModuleStat| {
        let is_multiplier = |k: &str| k == "$mul" || k.starts_with("$macc");
        m.num_cells_by_type
            .iter()
            .filter(|(k, _)| is_multiplier(k))
            .map(|(_, n)| n)
            .sum()
    };
    for (name, cells) in &mut report.modules {
        cells.dsp = coarse.modules.get(name).map_or(0, count);
    }
    let whole = coarse
        .design
        .as_ref()
        .or_else(|| coarse.modules.get(&report.top));
    report.total.dsp = whole.map_or(0, count);
}

impl Cells {
    fn classify(raw: BTreeMap<String, u64>, target: Target) -> Self {
        let mut cells = Self::default();
        let mut small_luts = 0;
        for (kind, &n) in &raw {
            match kind.as_str() {
                "LUT6" | "LUT4" if target == Target::Ecp5 || kind == "LUT6" => cells.lut += n,
                "LUT1" | "LUT2" | "LUT3" | "LUT4" | "LUT5" => {
                    cells.lut += n;
                    small_luts += n;
                }
                "TRELLIS_FF" | "FDRE" | "FDSE" | "FDCE" | "FDPE" => cells.ff += n,
                "MULT18X18D" | "MULT9X9D" | "DSP48E2" => cells.dsp += n,
                "DP16KD" | "RAMB18E2" | "$mem_v2" => cells.bram += n,
                "RAMB36E2" => cells.bram += 2 * n,
                "URAM288" => cells.uram += n,
                "CCU2C" | "CARRY4" | "CARRY8" => cells.carry += n,
                "TRELLIS_DPR16X4" => cells.lutram += n,
                k if target == Target::Xcup && (k.starts_with("RAM") || k.starts_with("SRL")) => {
                    cells.lutram += n;
                }
                k if k.starts_with("$_") && (k.contains("FF") || k.contains("LATCH")) => {
                    cells.ff += n;
                }
                k if k.starts_with("$_") => cells.gates += n,
                _ => {}
            }
        }
        cells.lut_packed = cells.lut - small_luts + small_luts.div_ceil(2);
        cells.raw = raw;
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_sorted_into_resources() {
        let raw = [
            ("LUT6", 3),
            ("LUT2", 5),
            ("FDRE", 7),
            ("RAMB36E2", 2),
            ("RAM32M", 1),
        ];
        let raw = raw.map(|(k, n)| (k.to_string(), n)).into_iter().collect();
        let cells = Cells::classify(raw, Target::Xcup);
        assert_eq!((cells.lut, cells.lut_packed, cells.ff), (8, 6, 7));
        assert_eq!((cells.bram, cells.lutram), (4, 1));
        let raw = [("LUT4", 4), ("$_DFF_P_", 2), ("$_AND_", 9)];
        let raw = raw.map(|(k, n)| (k.to_string(), n)).into_iter().collect();
        let cells = Cells::classify(raw, Target::Ecp5);
        assert_eq!(
            (cells.lut, cells.lut_packed, cells.ff, cells.gates),
            (4, 4, 2, 9)
        );
    }
}
