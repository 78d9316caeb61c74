//! What cores cost: rows of a table of measurements, each of one configuration in one technology.

pub mod mac_chain;
pub mod pe;

use std::fmt::Write as _;
use std::sync::Arc;

use hw::rtl::{Design, Module, PortDir, RtlError};
use hw::tlmm::core::{Code, Core, CoreParams, Reduction, RegisterCore, SelectCore, Technology};
use serde::Serialize;
use thiserror::Error;

use crate::liberty::{self, LibertyError, Library};
use crate::nextpnr::{self, NextpnrError, place_ecp5};
use crate::yosys::{self, Cells, Target, YosysError};

/// The product whose utilisation makes LUT per MAC sustained: the square matrix of BitNet 2B4T. Its wider matrices
/// fill tables less often and are better.
pub const SHAPE: (u64, u64) = (2560, 2560);

/// One measurement; what a technology does not have is none. The keys are an interface: scripts read them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Architecture and sizes.
    pub config: String,
    pub technology: String,
    pub format: String,
    /// Ternary products a cycle.
    pub macs_per_cycle: u32,
    /// Look-up tables, those that are memory, shift registers or carry cells included. ECP5: after placement.
    pub lut: Option<u64>,
    /// Registers of the core.
    pub ff: Option<u64>,
    pub dsp: Option<u64>,
    /// Look-up tables that are memory.
    pub lutram: Option<u64>,
    /// Block memories of 18 kbit.
    pub bram: Option<u64>,
    pub uram: Option<u64>,
    /// Share of the cycles' products that a product of [`SHAPE`] uses: what fills K and row tiles, and cycles without a word
    /// because tables are filled, are loss.
    pub utilisation: f64,
    /// `lut` for each product that is used: lut / (macs_per_cycle utilisation).
    pub lut_per_mac: Option<f64>,
    /// Logic cells on the longest way between registers, every carry cell counted.
    pub levels: Option<u64>,
    /// Placed and routed.
    pub fmax_mhz: Option<f64>,
    /// Area in the library's unit (um2 as a rule) without memories.
    pub area: Option<f64>,
    /// `area` for each product that is used.
    pub area_per_mac: Option<f64>,
    /// Longest path in the library's unit, ns as a rule, without wires.
    pub delay: Option<f64>,
    /// Where the longest path is; empty where it is not told.
    pub path: String,
}

/// Why a core was not measured.
#[derive(Debug, Error)]
pub enum BenchError {
    #[error(transparent)]
    Rtl(#[from] RtlError),
    #[error(transparent)]
    Synthesis(#[from] YosysError),
    #[error(transparent)]
    Place(#[from] NextpnrError),
    #[error(transparent)]
    Liberty(#[from] LibertyError),
}

/// Architecture and sizes, such as `g3 T48 Q4 B1`: tables in distributed RAM need no word.
pub fn name(core: &Core) -> String {
    let p = core.params();
    let sizes = format!("T{} Q{} B{}", p.groups, p.rows, p.batch);
    match core {
        Core::Distributed(_, Reduction::Dsp) => format!("{} {sizes}", p.code.word()),
        Core::Distributed(_, Reduction::Fabric) => format!("fabric {} {sizes}", p.code.word()),
        Core::Registers(_) => format!("registers {} {sizes}", p.code.word()),
        Core::Select(_) => format!("select {sizes}"),
    }
}

fn row(core: &Core, technology: &str) -> Row {
    let p = core.params();
    Row {
        config: name(core),
        technology: technology.into(),
        format: p.code.word().into(),
        macs_per_cycle: p.macs(),
        lut: None,
        ff: None,
        dsp: None,
        lutram: None,
        bram: None,
        uram: None,
        utilisation: core.utilisation(SHAPE.0, SHAPE.1),
        lut_per_mac: None,
        levels: None,
        fmax_mhz: None,
        area: None,
        area_per_mac: None,
        delay: None,
        path: String::new(),
    }
}

impl Row {
    /// `x` for each product a cycle at the peak.
    pub fn per_mac(&self, x: f64) -> f64 {
        x / f64::from(self.macs_per_cycle)
    }

    /// `x` for each product that is used.
    fn sustained(&self, x: f64) -> f64 {
        self.per_mac(x) / self.utilisation
    }
}

/// Where a core is measured.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Synthesis for UltraScale+ with Yosys.
    Xcup,
    /// Placed and routed between registers.
    Ecp5(&'a nextpnr::Options),
    /// Mapped to a standard-cell library; memories, modules named `tlmm_ram_..`, are macros that do not count.
    Asic(&'a Library),
}

/// Measures a core.
///
/// # Errors
/// Rules that its parameters break, or what a tool refuses, with the end of its log.
pub fn measure(core: &Core, place: Place<'_>) -> Result<Row, BenchError> {
    let module = core.build()?;
    let files = emit(&module)?;
    let mut row = match place {
        Place::Xcup => {
            let total = cells(&module, Target::Xcup)?;
            Row {
                lut: Some(total.lut),
                ff: Some(total.ff),
                dsp: Some(total.dsp),
                lutram: Some(total.lutram),
                bram: Some(total.bram),
                uram: Some(total.uram),
                levels: total.levels,
                ..row(core, "xilinx-uscale")
            }
        }
        Place::Ecp5(options) => ecp5(&module, files, options, core)?,
        Place::Asic(library) => {
            let options = liberty::Options {
                black_boxes: vec!["tlmm_ram_".into()],
                // Isolation and other cells of power domains, which libraries do not mark as such.
                avoid: vec!["__lpflow_".into(), "__probe".into()],
            };
            let mapped = liberty::map(&files, &module.name, library, &options)?;
            Row {
                area: Some(mapped.area),
                delay: Some(mapped.delay),
                path: mapped.path,
                ..row(core, &library.name)
            }
        }
    };
    row.lut_per_mac = row.lut.map(|n| row.sustained(n as f64));
    row.area_per_mac = row.area.map(|a| row.sustained(a));
    Ok(row)
}

/// Cells of a module after synthesis for a device, flattened, its registers left flip-flops, with the longest chain.
///
/// # Errors
/// What the generator or the tool refuses.
pub fn cells(module: &Arc<Module>, target: Target) -> Result<Cells, BenchError> {
    let options = yosys::Options {
        flatten: true,
        flip_flops: true,
        levels: true,
    };
    Ok(yosys::synth_with(&emit(module)?, &module.name, target, options)?.total)
}

fn ecp5(
    module: &Arc<Module>,
    mut files: Vec<(String, String)>,
    options: &nextpnr::Options,
    core: &Core,
) -> Result<Row, BenchError> {
    let (text, registers) = wrapper(module);
    files.push(("bench.v".into(), text));
    let placed = place_ecp5(&files, "bench", options)?;
    Ok(Row {
        lut: Some(placed.lut),
        ff: Some(placed.ff.saturating_sub(registers)),
        dsp: Some(placed.dsp),
        bram: Some(placed.bram),
        fmax_mhz: Some(placed.fmax_mhz),
        path: placed.path,
        ..row(core, &format!("ECP5-{}", options.speed))
    })
}

/// Tables in distributed RAM, in the sizes that are measured: K of the 2B4T model, 1024 row tiles.
pub fn table(code: Code, groups: u32, rows: u32, batch: u32) -> Core {
    let mut p = sized(code, groups, rows, 6912, 1024);
    p.batch = batch;
    Core::Distributed(p, Reduction::Dsp)
}

/// As [`table`] without DSP48E2; as many lanes of activations as make tables in time for its words.
pub fn fabric(code: Code, groups: u32, rows: u32, batch: u32) -> Core {
    let mut p = sized(code, groups, rows, 6912, 2048);
    (p.batch, p.act_lanes) = (batch, if batch > 2 { 16 } else { 8 });
    Core::Distributed(p, Reduction::Fabric)
}

/// Tables in registers: the longest K and the row tiles of [`select`].
pub fn register(code: Code, groups: u32, rows: u32, technology: Technology) -> Core {
    Core::Registers(RegisterCore {
        params: sized(code, groups, rows, 8192, 512),
        technology,
    })
}

/// Select-and-add: K up to 8192, 512 row tiles.
pub fn select(groups: u32, rows: u32, technology: Technology) -> Core {
    let params = sized(Code::TwoBit, groups, rows, 8192, 512);
    Core::Select(SelectCore::new(params, technology))
}

fn sized(code: Code, groups: u32, rows: u32, k: u32, max_row_tiles: u32) -> CoreParams {
    let mut params = CoreParams {
        code,
        groups,
        rows,
        batch: 1,
        act_lanes: 8,
        max_k_tiles: 1,
        max_row_tiles,
    };
    params.max_k_tiles = k.div_ceil(params.tile_k());
    params
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
