//! The cores of the ternary engine against the definition of the product, in the native simulator and in Verilator.

#![allow(clippy::unwrap_used)]

mod dut;
mod product;

use dut::Dut;
use hw::tlmm::core::{Code, CoreParams, Reduction};
use product::Product;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Corner sizes and random stalls.
fn exercise(dut: &mut Dut, p: &CoreParams, reduction: Reduction) {
    let mut rng = ChaCha8Rng::seed_from_u64(p.macs().into());
    let (k, n) = (p.max_k_tiles as usize, p.max_row_tiles as usize);
    let sizes = [
        (1, 1, 0),
        (1, 2, 40),
        (k, 1, 0),
        (k, n, 0),
        (2, n, 30),
        (k, 3, 80),
        (k, n, 50),
    ];
    for (k_tiles, row_tiles, stall) in sizes {
        let product = Product::random(p, &mut rng, k_tiles, row_tiles);
        dut.run(p, reduction, &product, &mut rng, stall);
    }
}

const SIZES: [(u32, u32, u32, u32, u32); 4] = [
    (8, 4, 1, 5, 16),
    (16, 8, 2, 3, 8),
    (32, 4, 1, 4, 8),
    (40, 4, 2, 3, 4),
];

fn params(code: Code, size: (u32, u32, u32, u32, u32)) -> CoreParams {
    let (groups, rows, batch, max_k_tiles, max_row_tiles) = size;
    CoreParams {
        code,
        groups,
        rows,
        batch,
        act_lanes: if groups.is_multiple_of(16) { 16 } else { 8 },
        max_k_tiles,
        max_row_tiles,
    }
}

/// Rows that share a table one and two, as only carry chains have them.
const FEW_ROWS: [(u32, u32, u32, u32, u32); 2] = [(24, 1, 1, 3, 16), (48, 2, 2, 3, 8)];

fn native(code: Code, size: (u32, u32, u32, u32, u32), reduction: Reduction) {
    let p = params(code, size);
    let core = reduction.core(&p).unwrap_or_else(|e| panic!("{e}"));
    exercise(&mut Dut::native(&core), &p, reduction);
}

#[test]
fn tables_in_the_native_simulator() {
    for code in [Code::G3, Code::Sherry] {
        for size in SIZES {
            native(code, size, Reduction::Dsp);
        }
    }
}

#[test]
fn tables_in_fabric_in_the_native_simulator() {
    for code in [Code::G3, Code::Sherry] {
        for size in SIZES.into_iter().chain(FEW_ROWS) {
            native(code, size, Reduction::Fabric);
        }
    }
}

#[test]
fn tables_in_verilator() {
    for (code, size, reduction) in [
        (Code::G3, SIZES[1], Reduction::Dsp),
        (Code::Sherry, SIZES[2], Reduction::Dsp),
        (Code::G3, FEW_ROWS[1], Reduction::Fabric),
        (Code::Sherry, SIZES[2], Reduction::Fabric),
    ] {
        let p = params(code, size);
        let core = reduction.core(&p).unwrap_or_else(|e| panic!("{e}"));
        exercise(&mut Dut::verilator(&core), &p, reduction);
    }
}

/// Filling tables is all that a K tile costs beside its weight words: what a product takes longer than the formula does not
/// grow with its size.
#[test]
fn utilisation_is_what_the_formula_says() {
    for code in [Code::G3, Code::Sherry] {
        let p = params(code, (8, 4, 1, 8, 64));
        let mut dut = Dut::native(&Reduction::Dsp.core(&p).unwrap());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (k_tiles, row_tiles) in [(1, 64), (4, 64), (8, 64), (8, 12)] {
            let product = Product::random(&p, &mut rng, k_tiles, row_tiles);
            let cycles = dut.run(&p, Reduction::Dsp, &product, &mut rng, 0);
            let (k, n) = (
                k_tiles as u64 * u64::from(p.tile_k()),
                row_tiles as u64 * u64::from(p.rows),
            );
            let steady = (k * n) as f64
                / f64::from(p.tile_k() * p.rows)
                / p.utilisation(Reduction::Dsp, k, n);
            let start = cycles as f64 - steady;
            assert!(
                (0.0..20.0 + f64::from(p.latency(Reduction::Dsp))).contains(&start),
                "{cycles} cycles, {steady}"
            );
        }
    }
}
