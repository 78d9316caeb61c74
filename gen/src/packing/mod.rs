//! Packed products as a user sees them: search, proof with its cache, description, picture.

mod cache;
mod draw;
mod file;

pub use cache::prove_cached;
pub use draw::{lanes, svg};
pub use file::read_layout;

use hw::packing::{
    Cost, Found, Layout, Multiplier, Operand, Proof, cost, packed_multiplier, solve,
};
use serde::Serialize;
use tb::bench::{BenchError, cells};
use tb::yosys::Target;

/// A layout with everything that is known about it. The keys are an interface: scripts read them.
#[derive(Debug, Serialize)]
pub struct Description {
    pub layout: Layout,
    pub products: usize,
    pub proof: Proof,
    /// Multipliers: always one.
    pub dsp: u32,
    /// Look-up tables by the closed form.
    pub lut: u32,
    pub lut_per_product: f64,
    pub cost: Cost,
    /// Constant on D.
    pub d: i64,
    /// Constant that is added to the sum.
    pub rnd: String,
    /// Whether C is subtracted from the sum.
    pub subtracts_c: bool,
    /// After synthesis, when asked for.
    pub measured: Option<Measured>,
    /// Picture of the lanes.
    pub svg: String,
}

/// What synthesis counted.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Measured {
    pub lut: u64,
    /// Look-up tables when two small ones share one.
    pub lut_packed: u64,
    pub ff: u64,
    pub dsp: u64,
    /// Logic cells between registers.
    pub levels: Option<u64>,
}

/// Describes a layout that has been proven.
pub fn describe(layout: Layout, proof: Proof) -> Description {
    let cost = cost(&layout);
    let products = layout.products();
    Description {
        products,
        proof,
        dsp: 1,
        lut: cost.lut(),
        lut_per_product: f64::from(cost.lut()) / products as f64,
        cost,
        d: layout.d(),
        rnd: format!("0x{:012x}", layout.constant()),
        subtracts_c: layout.subtracts(),
        measured: None,
        svg: svg(&layout),
        layout,
    }
}

/// The layout with most products that takes at most `luts` look-up tables, or, when `products` is given, the cheapest of that
/// many; and the cheapest of each number of products.
pub fn choose(
    multiplier: Multiplier,
    (a, b): (Operand, Operand),
    luts: u32,
    products: Option<usize>,
) -> (Option<Found>, Vec<Found>) {
    let frontier = solve(multiplier, a, b);
    let fits = |f: &&Found| match products {
        Some(n) => f.layout.products() == n,
        None => f.cost.lut() <= luts,
    };
    (frontier.iter().rev().find(fits).cloned(), frontier)
}

/// Synthesises the multiplier of a layout.
///
/// # Errors
/// What the generator or the tool refuses.
pub fn measure(layout: &Layout) -> Result<Measured, BenchError> {
    let target = match layout.multiplier {
        Multiplier::Dsp48e2 => Target::Xcup,
        Multiplier::Mult18x18d => Target::Ecp5,
    };
    let total = cells(&packed_multiplier(layout)?, target)?;
    Ok(Measured {
        lut: total.lut,
        lut_packed: total.lut_packed,
        ff: total.ff,
        dsp: total.dsp,
        levels: total.levels,
    })
}
