//! What products of the array cost: packed multipliers, chains, the broadcast array and its rival, beside what others publish.

use std::sync::Arc;

use hw::packing::{Broken, Layout, Multiplier, Operand, Proof, packed_multiplier, prove, solve};
use hw::params::{MachineParams, Technology};
use hw::pe::array::{ChainParams, pe_chain};
use hw::pe::broadcast::{BroadcastParams, pe_broadcast};
use hw::pe::float::Formats;
use hw::pe::{PeMode, PeModes, PeParams, pe};
use hw::rtl::{Module, RtlError};
use serde::Serialize;

use super::mac_chain::{Weight, mac};
use super::{BenchError, cells};
use crate::yosys::Target;

/// What a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Several products in one multiplier.
    Packed,
    /// Sums in DSP cascades.
    Chain,
    /// The broadcast array.
    Array,
    /// One multiply-add of the array's rival, a chain of them.
    Mac,
    /// The whole unit, with some modes; its products are those of int8.
    Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// By this program.
    Measured,
    /// By its authors, in their flow; nobody has checked it here.
    Published,
}

/// One line of the table; what is not known is none. The keys are an interface: scripts read them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub config: String,
    pub kind: Kind,
    pub technology: String,
    /// Products a cycle.
    pub products: u32,
    pub dsp: u64,
    pub products_per_dsp: Option<f64>,
    /// Look-up tables, those that are memory included.
    pub lut: Option<u64>,
    /// Fewest that two small ones can share one.
    pub lut_packed: Option<u64>,
    pub ff: Option<u64>,
    pub lut_per_product: Option<f64>,
    /// Logic cells between registers, every carry cell counted.
    pub levels: Option<u64>,
    /// How a layout is proven exact; empty for what is no layout.
    pub proof: String,
    /// Look-up tables a product, in per cent of those of the rival of the same operands.
    pub of_chain_percent: Option<f64>,
    pub source: Source,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
enum Unit {
    /// The cheapest layout of as many products.
    Solved(&'static str, &'static str, usize),
    /// Operands at weights that a paper gives, low bits where lanes overlap.
    Given(&'static str, &'static [u32], &'static str, &'static [u32]),
    Chain,
    Array(u32, u32),
    Mac(Weight),
    /// The unit with these modes beside int8.
    Whole(&'static [PeMode]),
}

/// A row to be measured for UltraScale+.
#[derive(Debug, Clone, PartialEq)]
pub struct Config(Unit);

impl Config {
    /// Operands and products.
    pub fn name(&self) -> String {
        match &self.0 {
            Unit::Solved(a, b, n) => format!("{a} x {b}, {n} products"),
            Unit::Given(a, a_at, b, b_at) => {
                let n = a_at.len() * b_at.len();
                format!("{a} x {b}, {n} products, papers' layout {a_at:?}")
            }
            Unit::Chain => "chain of 16 INT8 pairs".into(),
            Unit::Array(lanes, rows) => format!("array {lanes} x {rows}, fp16 x INT4"),
            Unit::Mac(Weight::Int4) => "chain of MACs, fp16 x INT4".into(),
            Unit::Mac(Weight::Fp16) => "chain of MACs, fp16 x fp16".into(),
            Unit::Whole([]) => "unit, int8".into(),
            Unit::Whole(modes) if modes.len() == PeMode::ALL.len() => "unit, all modes".into(),
            Unit::Whole(modes) => {
                let words: String = modes.iter().map(|m| format!(", {}", m.word())).collect();
                format!("unit, int8{words}")
            }
        }
    }

    /// Synthesises it with Yosys.
    ///
    /// # Errors
    /// Layouts that are not there or not exact, what the tool refuses.
    pub fn measure(&self) -> Result<Row, BenchError> {
        let mut proof = String::new();
        let mut packed = |layout: Layout| -> Result<(Arc<Module>, u32), BenchError> {
            let module = packed_multiplier(&layout)?;
            proof = match prove(&layout) {
                Ok(Proof::Exhaustive { cases }) => format!("all {cases}"),
                Ok(Proof::Intervals) => "intervals".into(),
                Err(e) => e.to_string(),
            };
            Ok((module, layout.products() as u32))
        };
        let (kind, (module, products)) = match &self.0 {
            Unit::Solved(a, b, n) => (Kind::Packed, packed(self.solved(a, b, *n)?)?),
            Unit::Given(a, a_at, b, b_at) => {
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                let layout = Layout::of(Multiplier::Dsp48e2, (a, a_at), (b, b_at), false, None);
                let layout = layout.map_err(|e: Broken| self.fault(&e.to_string()))?;
                (Kind::Packed, packed(layout)?)
            }
            Unit::Chain => {
                let p = ChainParams {
                    technology: Technology::XilinxUscale,
                    lanes: 16,
                    split: false,
                };
                (Kind::Chain, (pe_chain(&p)?, 2 * p.lanes))
            }
            Unit::Array(lanes, rows) => {
                let p = BroadcastParams {
                    technology: Technology::XilinxUscale,
                    lanes: *lanes,
                    rows: *rows,
                    formats: Formats::Fp16,
                    max_beats: 16,
                };
                (Kind::Array, (pe_broadcast(&p)?, p.products()))
            }
            Unit::Mac(weight) => (Kind::Mac, (mac(*weight)?, 1)),
            Unit::Whole(modes) => {
                let p = unit(modes);
                (Kind::Unit, (pe(&p)?, p.rows * p.macs()))
            }
        };
        let total = cells(&module, Target::Xcup)?;
        let each = f64::from(products);
        Ok(Row {
            config: self.name(),
            kind,
            technology: "xilinx-uscale".into(),
            products,
            dsp: total.dsp,
            products_per_dsp: (total.dsp > 0).then(|| each / total.dsp as f64),
            lut: Some(total.lut),
            lut_packed: Some(total.lut_packed),
            ff: Some(total.ff),
            lut_per_product: Some(total.lut as f64 / each),
            levels: total.levels,
            proof,
            of_chain_percent: None,
            source: Source::Measured,
        })
    }

    fn fault(&self, text: &str) -> RtlError {
        RtlError {
            module: self.name(),
            faults: vec![text.into()],
        }
    }

    fn operand(&self, text: &str) -> Result<Operand, RtlError> {
        text.parse().map_err(|e: String| self.fault(&e))
    }

    fn solved(&self, a: &str, b: &str, products: usize) -> Result<Layout, RtlError> {
        let found = solve(Multiplier::Dsp48e2, self.operand(a)?, self.operand(b)?);
        let mut layouts = found.into_iter().map(|found| found.layout);
        let layout = layouts.find(|layout| layout.products() == products);
        layout.ok_or_else(|| self.fault("no layout has so many products"))
    }
}

/// The unit of the rows: a bus of 128 bits, eight lanes and rows, vectors of up to 1536 elements.
fn unit(modes: &[PeMode]) -> PeParams {
    PeParams::new(&MachineParams {
        technology: Technology::XilinxUscale,
        bus_bits: 128,
        vec_lanes: 8,
        pe_rows: 8,
        pe_max_len: 1536,
        pe_max_count: 1024,
        pe_modes: PeModes::of(modes),
        ..MachineParams::tiny()
    })
}

/// The rows of the list; quick: those that the goals are about, with a smaller array, which shares its alignment among
/// fewer rows and so costs more a product.
pub fn configs(quick: bool) -> Vec<Config> {
    use PeMode::{Fp16, Fp16Int4, Fp16Int8, Int8Int4};
    use Unit::{Array, Chain, Given, Mac, Solved, Whole};
    let mut units = vec![
        Solved("8s", "8s", 2),
        Solved("4y", "4y", 8),
        Solved("4y", "4y", 9),
        Solved("11u", "11u", 2),
        Given("11u", &[0, 15], "11u", &[0]),
        Solved("11u", "4s", 3),
        Chain,
        Mac(Weight::Int4),
    ];
    if quick {
        units.push(Array(16, 8));
    } else {
        units.extend([
            Solved("4y", "4y", 4),
            Solved("4y", "4y", 6),
            Solved("4s", "4s", 8),
            Solved("11u", "4s", 2),
            Solved("3u", "11u", 3),
            Given("3u", &[0, 11, 22], "11u", &[0]),
            Solved("3u", "3u", 12),
            Mac(Weight::Fp16),
            Array(64, 16),
            Whole(&[]),
            Whole(&[Int8Int4]),
            Whole(&[Fp16Int8]),
            Whole(&[Fp16Int4]),
            Whole(&[Fp16]),
            Whole(&[Fp16Int4, Fp16Int8, Fp16]),
            Whole(&PeMode::ALL),
        ]);
    }
    let order = |unit: &Unit| match unit {
        Solved(a, b, n) => (0, *a, *b, *n),
        Given(a, at, b, _) => (0, *a, *b, at.len() + 1),
        Chain => (1, "", "", 0),
        Mac(weight) => (2, weight.word(), "", 0),
        Array(..) => (3, "", "", 0),
        Whole(modes) => (4, "", "", modes.len()),
    };
    units.sort_by_key(|unit| order(unit));
    units.into_iter().map(Config).collect()
}

/// Fills in what a row is of its rival, where both were measured.
pub fn relate(rows: &mut [Row]) {
    let int4 = Config(Unit::Mac(Weight::Int4)).name();
    let rival = rows.iter().find(|row| row.config == int4);
    let Some(rival) = rival.and_then(|row| row.lut_per_product) else {
        return;
    };
    for row in rows.iter_mut().filter(|row| row.kind == Kind::Array) {
        row.of_chain_percent = row.lut_per_product.map(|each| 100.0 * each / rival);
    }
}

/// What others publish of UltraScale+ designs, in their own flows.
pub fn published() -> Vec<Row> {
    let row = |config: &str, kind, products: u32, lut: Option<u64>, ff| Row {
        config: config.into(),
        kind,
        technology: "xilinx-uscale".into(),
        products,
        dsp: 1,
        products_per_dsp: Some(products.into()),
        lut,
        lut_packed: None,
        ff,
        lut_per_product: lut.map(|lut| lut as f64 / f64::from(products)),
        levels: None,
        proof: String::new(),
        of_chain_percent: None,
        source: Source::Published,
    };
    let skipopu = Row {
        // Look-up tables 57.2 % below a chain of 64 multiply-adds of fp16.
        of_chain_percent: Some(42.8),
        ..row(
            "SkipOPU array, fp16 x fp16 or INT4",
            Kind::Array,
            2,
            None,
            None,
        )
    };
    vec![
        row("WP486 INT8, 2 products", Kind::Packed, 2, None, None),
        row(
            "Ultra-DSP INT4, 4 products",
            Kind::Packed,
            4,
            Some(11),
            None,
        ),
        row(
            "Ultra-DSP INT4, 8 products",
            Kind::Packed,
            8,
            Some(82),
            Some(90),
        ),
        row(
            "Ultra-DSP INT4, 9 products",
            Kind::Packed,
            9,
            Some(75),
            Some(67),
        ),
        skipopu,
    ]
}
