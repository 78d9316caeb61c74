//! Benchmarks of the ternary engine: what a core costs after synthesis, beside what others have built.

mod plot;
mod rivals;
mod table;

pub use plot::svg;
pub use rivals::{RIVALS, Rival};
pub use table::{csv, text};

use hw::rtl::Design;
use hw::tlmm::core::{Code, CoreParams, Reduction};
use serde::Serialize;
use tb::yosys::{self, Options, Target};

/// The product whose utilisation makes LUT per MAC sustained: the square matrix of BitNet 2B4T. Its wider matrices
/// fill tables less often and are better.
pub const SHAPE: (u64, u64) = (2560, 2560);

/// A core and what it is called.
pub struct Config {
    pub name: String,
    pub params: CoreParams,
    pub reduction: Reduction,
}

/// One measured core. The keys are an interface: scripts read them.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub config: String,
    pub technology: String,
    pub format: String,
    /// Ternary products a cycle.
    pub macs_per_cycle: u32,
    /// Look-up tables, those that are memory or shift registers included.
    pub lut: u64,
    pub ff: u64,
    pub dsp: u64,
    /// Look-up tables that are memory.
    pub lutram: u64,
    /// Block memories of 18 kbit.
    pub bram: u64,
    pub uram: u64,
    /// Share of the cycles' products that a product of [`SHAPE`] uses, K tiles, row tiles and table filling as loss.
    pub utilisation: f64,
    /// `lut` for each product that is used: lut / (macs_per_cycle utilisation).
    pub lut_per_mac: f64,
    /// Logic cells, memory look-ups included, on the longest way between registers.
    pub levels: u64,
}

/// The cores of the default list: both codes, growing batch, and the sizes of the goals.
pub fn configs(quick: bool) -> Vec<Config> {
    let sizes: &[(u32, u32, u32)] = if quick {
        &[(48, 4, 1)]
    } else {
        &[(16, 4, 1), (48, 4, 1), (48, 8, 1), (72, 4, 2), (48, 4, 4)]
    };
    let sherry: &[(u32, u32, u32)] = if quick {
        &[(40, 4, 1)]
    } else {
        &[(16, 4, 1), (40, 4, 1), (40, 8, 1), (80, 4, 2), (40, 4, 4)]
    };
    let of =
        |code: Code, name: &str, reduction: Reduction, sizes: &[(u32, u32, u32)]| -> Vec<Config> {
            sizes
                .iter()
                .map(|&(groups, rows, batch)| {
                    let mut params = CoreParams {
                        code,
                        groups,
                        rows,
                        batch,
                        // As many walkers of a core without DSP48E2 as keep up with its words.
                        act_lanes: if batch > 2 && reduction == Reduction::Fabric {
                            16
                        } else {
                            8
                        },
                        max_k_tiles: 1,
                        max_row_tiles: 1024.max(4096 / rows),
                    };
                    // The longest K of the 2B4T model.
                    params.max_k_tiles = 6912u32.div_ceil(params.tile_k());
                    let name = format!("{name} T{groups} Q{rows} B{batch}");
                    Config {
                        name,
                        params,
                        reduction,
                    }
                })
                .collect()
        };
    let mut all = of(Code::G3, "g3", Reduction::Dsp, sizes);
    all.extend(of(Code::Sherry, "sherry", Reduction::Dsp, sherry));
    if !quick {
        let (g3, sherry) = (&[(144, 2, 2), (144, 2, 4)], &[(128, 2, 2), (128, 2, 4)]);
        all.extend(of(Code::G3, "g3 fabric", Reduction::Fabric, g3));
        all.extend(of(Code::Sherry, "sherry fabric", Reduction::Fabric, sherry));
    }
    all
}

/// Synthesises a core for UltraScale+.
///
/// # Errors
/// In words: a rule that the parameters break, or what the tool says.
pub fn measure(config: &Config) -> Result<Row, String> {
    let p = &config.params;
    let core = config.reduction.core(p).map_err(|e| e.to_string())?;
    let design = Design::new(&core).map_err(|e| e.to_string())?;
    let files: Vec<(String, String)> = design
        .emit("")
        .into_iter()
        .map(|f| (f.name, f.text))
        .collect();
    let options = Options {
        flatten: true,
        flip_flops: true,
        levels: true,
    };
    let report =
        yosys::synth_with(&files, &core.name, Target::Xcup, options).map_err(|e| e.to_string())?;
    let total = &report.total;
    let utilisation = p.utilisation(config.reduction, SHAPE.0, SHAPE.1);
    Ok(Row {
        config: config.name.clone(),
        technology: "xilinx-uscale".into(),
        format: match p.code {
            Code::G3 => "g3",
            Code::Sherry => "sherry",
            Code::TwoBit => "two_bit",
        }
        .into(),
        macs_per_cycle: p.macs(),
        lut: total.lut,
        ff: total.ff,
        dsp: total.dsp,
        lutram: total.lutram,
        bram: total.bram,
        uram: total.uram,
        utilisation,
        lut_per_mac: total.lut as f64 / (f64::from(p.macs()) * utilisation),
        levels: total.levels.unwrap_or(0),
    })
}
