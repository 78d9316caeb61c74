//! What cores cost: rows of a table of measurements, each of one configuration in one technology.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use hw::rtl::{Design, Module, PortDir, RtlError};
use hw::tlmm::core::{Code, CoreParams, SelectCore, Technology};
use thiserror::Error;

use crate::liberty::{self, LibertyError, Library};
use crate::nextpnr::{self, NextpnrError, place_ecp5};

/// One measurement. What the technology does not have is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Architecture and sizes.
    pub config: String,
    pub technology: String,
    /// Ternary products a cycle.
    pub macs_per_cycle: u32,
    /// LUT4s after placement, those of the few around the core included.
    pub lut: Option<u64>,
    /// Registers of the core.
    pub ff: Option<u64>,
    pub dsp: Option<u64>,
    pub bram: Option<u64>,
    /// Area in the library's unit without memories.
    pub area: Option<f64>,
    pub fmax_mhz: Option<f64>,
    /// Longest path in the library's unit.
    pub delay: Option<f64>,
    /// Where the longest path is.
    pub path: String,
}

#[derive(Debug, Error)]
pub enum BenchError {
    #[error(transparent)]
    Rtl(#[from] RtlError),
    #[error(transparent)]
    Place(#[from] NextpnrError),
    #[error(transparent)]
    Liberty(#[from] LibertyError),
}

impl Row {
    fn new(config: &str, technology: &str, macs_per_cycle: u32) -> Row {
        Row {
            config: config.into(),
            technology: technology.into(),
            macs_per_cycle,
            lut: None,
            ff: None,
            dsp: None,
            bram: None,
            area: None,
            fmax_mhz: None,
            delay: None,
            path: String::new(),
        }
    }

    /// `x` for each product a cycle.
    pub fn per_mac(&self, x: f64) -> f64 {
        x / f64::from(self.macs_per_cycle)
    }
}

/// Places a core for ECP5, between registers.
///
/// # Errors
/// What a tool refuses.
pub fn ecp5(
    core: &Arc<Module>,
    config: &str,
    macs: u32,
    options: &nextpnr::Options,
) -> Result<Row, BenchError> {
    let (text, registers) = wrapper(core);
    let mut files = emit(core)?;
    files.push(("bench.v".into(), text));
    let placed = place_ecp5(&files, "bench", options)?;
    Ok(Row {
        lut: Some(placed.lut),
        ff: Some(placed.ff.saturating_sub(registers)),
        dsp: Some(placed.dsp),
        bram: Some(placed.bram),
        fmax_mhz: Some(placed.fmax_mhz),
        path: placed.path,
        ..Row::new(config, &format!("ECP5-{}", options.speed), macs)
    })
}

/// Maps a core to a library; its memories, modules named `tlmm_ram_..`, are macros that do not count.
///
/// # Errors
/// What a tool refuses.
pub fn asic(
    core: &Arc<Module>,
    config: &str,
    macs: u32,
    library: &Library,
) -> Result<Row, BenchError> {
    let options = liberty::Options {
        black_boxes: vec!["tlmm_ram_".into()],
        // Isolation and other cells of power domains, which libraries do not mark as such.
        avoid: vec!["__lpflow_".into(), "__probe".into()],
    };
    let mapped = liberty::map(&emit(core)?, &core.name, library, &options)?;
    Ok(Row {
        area: Some(mapped.area),
        delay: Some(mapped.delay),
        path: mapped.path,
        ..Row::new(config, &library.name, macs)
    })
}

/// The select-and-add core in its measured sizes: on ECP5, and mapped to the library at `liberty` when one is given.
///
/// # Errors
/// What a tool refuses.
pub fn select(liberty: Option<&Path>) -> Result<Vec<Row>, BenchError> {
    let mut rows = vec![select_ecp5(&nextpnr::Options::default())?];
    if let Some(path) = liberty {
        rows.push(select_asic(path)?);
    }
    Ok(rows)
}

/// 256 products a cycle, placed for ECP5.
///
/// # Errors
/// What a tool refuses.
pub fn select_ecp5(options: &nextpnr::Options) -> Result<Row, BenchError> {
    let c = select_core(32, 8, Technology::Ecp5);
    ecp5(&c.build()?, &select_config(&c), c.params.macs(), options)
}

/// 1024 products a cycle, mapped to the library at `liberty`.
///
/// # Errors
/// What a tool refuses, and a library that cannot be read.
pub fn select_asic(liberty: &Path) -> Result<Row, BenchError> {
    let c = select_core(64, 16, Technology::Asic);
    let library = Library::read(liberty)?;
    asic(&c.build()?, &select_config(&c), c.params.macs(), &library)
}

/// K up to 8192, 512 row tiles.
fn select_core(groups: u32, rows: u32, technology: Technology) -> SelectCore {
    let params = CoreParams {
        code: Code::TwoBit,
        groups,
        rows,
        batch: 1,
        act_lanes: 8,
        max_k_tiles: 8192 / groups,
        max_row_tiles: 512,
    };
    SelectCore::new(params, technology)
}

fn select_config(c: &SelectCore) -> String {
    let p = &c.params;
    format!("select T={} Q={} B={}", p.groups, p.rows, p.batch)
}

fn emit(core: &Arc<Module>) -> Result<Vec<(String, String)>, RtlError> {
    let files = Design::new(core)?.emit("");
    Ok(files.into_iter().map(|f| (f.name, f.text)).collect())
}

/// Module `bench`: the core between registers, with four pins. Its inputs are places of one long shift register, so
/// that they cost no LUT; its outputs are registered and folded by parity, a LUT for about three of them. The shift
/// register has a reset, the core's datapath none: otherwise a register of the core that delays an input would be
/// found to be the next place and be shared. Returns the text, and how many registers are not the core's.
pub fn wrapper(core: &Module) -> (String, u64) {
    let mut connections = String::new();
    let (mut ins, mut outs) = (0, 0);
    for port in &core.ports {
        let width = port.ty.width;
        let (net, count) = match (port.name.as_str(), port.dir) {
            ("clk", _) => {
                connections += ",\n    .clk (clk)";
                continue;
            }
            ("rst", _) => {
                connections += ",\n    .rst (reset)";
                continue;
            }
            (_, PortDir::Input) => ("shift", &mut ins),
            (_, PortDir::Output) => ("out", &mut outs),
        };
        let _ = write!(
            connections,
            ",\n    .{} ({net}[{}:{}])",
            port.name,
            *count + width - 1,
            *count
        );
        *count += width;
    }
    let mut fold = String::new();
    let (mut from, mut width, mut registers) =
        ("held".to_string(), outs, u64::from(ins + outs) + 1);
    let mut level = 0;
    while width > 1 {
        level += 1;
        let next = width.div_ceil(4);
        let _ = writeln!(
            fold,
            "  reg [{}:0] fold{level};\n  always @(posedge clk) begin",
            next - 1
        );
        for i in 0..next {
            let high = (4 * i + 3).min(width - 1);
            let _ = writeln!(fold, "    fold{level}[{i}] <= ^{from}[{high}:{}];", 4 * i);
        }
        fold += "  end\n";
        registers += u64::from(next);
        (from, width) = (format!("fold{level}"), next);
    }
    let text = format!(
        "module bench (input wire clk, input wire rst, input wire in, output wire parity);\n  \
           reg reset;\n  \
           reg [{}:0] shift;\n  \
           wire [{top}:0] out;\n  \
           reg [{top}:0] held;\n  \
           {} u_core ({}\n  );\n  \
           always @(posedge clk) begin\n    \
             reset <= rst;\n    \
             shift <= rst ? {ins}'d0 : {{shift, in}};\n    \
             held <= out;\n  \
           end\n{fold}  assign parity = {from}[0];\nendmodule\n",
        ins - 1,
        core.name,
        connections.trim_start_matches(','),
        top = outs - 1,
    );
    (text, registers)
}
