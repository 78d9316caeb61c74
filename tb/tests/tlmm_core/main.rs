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
        (Code::G3, (16, 2, 2, 3, 8), Reduction::Fabric),
        (Code::Sherry, SIZES[0], Reduction::Fabric),
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
        for reduction in [Reduction::Dsp, Reduction::Fabric] {
            let p = params(code, (8, 4, 1, 8, 64));
            let mut dut = Dut::native(&reduction.core(&p).unwrap());
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let most = 20 + u64::from(p.latency(reduction)) + p.start_cycles(reduction);
            for (k_tiles, row_tiles) in [(1, 64), (4, 64), (8, 64), (8, 12)] {
                let product = Product::random(&p, &mut rng, k_tiles, row_tiles);
                let cycles = dut.run(&p, reduction, &product, &mut rng, 0);
                let steady = product_cycles(&p, reduction, k_tiles, row_tiles);
                let start = cycles as f64 - steady;
                assert!(
                    (0.0..most as f64).contains(&start),
                    "{cycles} cycles, {steady}"
                );
            }
        }
    }
}

/// Cycles of a product from its utilisation.
fn product_cycles(p: &CoreParams, reduction: Reduction, k_tiles: usize, row_tiles: usize) -> f64 {
    let (k, n) = (
        k_tiles as u64 * u64::from(p.tile_k()),
        row_tiles as u64 * u64::from(p.rows),
    );
    (k * n) as f64 / f64::from(p.tile_k() * p.rows) / p.utilisation(reduction, k, n)
}

/// Products that follow each other take exactly what the formula says, and of the right activations: the tables of the next
/// are made behind the words of the one before.
#[test]
fn fabric_makes_the_next_products_tables_in_time() {
    for code in [Code::G3, Code::Sherry] {
        let p = params(code, (32, 2, 2, 4, 512));
        let mut dut = Dut::native(&Reduction::Fabric.core(&p).unwrap());
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for (k_tiles, row_tiles) in [(4, 512), (1, 400), (3, 130)] {
            let products: Vec<Product> = (0..4)
                .map(|_| Product::random(&p, &mut rng, k_tiles, row_tiles))
                .collect();
            let ends = dut.run_in_turn(&p, &products);
            let steady = product_cycles(&p, Reduction::Fabric, k_tiles, row_tiles).round() as u64;
            // Where making tables is what takes time, starting a product adds to it.
            let slack = if row_tiles > 200 { 0 } else { 8 };
            for pair in ends.windows(2) {
                let cycles = pair[1] - pair[0];
                assert!(
                    (steady..=steady + slack).contains(&cycles),
                    "{k_tiles} x {row_tiles}: {cycles} cycles, {steady}"
                );
            }
        }
    }
}
