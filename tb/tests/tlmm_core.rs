//! The cores with tables against the definition of the product, in the native simulator and in Verilator.

#![allow(clippy::unwrap_used)]

mod core_bench;

use core_bench::{Case, Core, Product, Stalls, build, check, exercise, native, params, verilated};
use hw::tlmm::core::{self, Code, CoreParams, Reduction, RegisterCore, Technology};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const CODES: [Code; 2] = [Code::G3, Code::Sherry];

fn table(p: CoreParams) -> Core {
    distributed(p, Reduction::Dsp)
}

fn distributed(p: CoreParams, reduction: Reduction) -> Core {
    Core::new(&core::Core::Distributed(p, reduction))
}

fn register(params: CoreParams, technology: Technology) -> (Core, RegisterCore) {
    let core = RegisterCore { params, technology };
    (Core::new(&core::Core::Registers(core.clone())), core)
}

const TABLES: [(u32, u32, u32, u32, u32); 4] = [
    (8, 4, 1, 5, 16),
    (16, 8, 2, 3, 8),
    (32, 4, 1, 4, 8),
    (40, 4, 2, 3, 4),
];

/// Sizes that differ in everything: one group, one row, one tile, memories of both kinds.
const REGISTERS: [(u32, u32, u32, u32, u32); 5] = [
    (1, 1, 1, 1, 1),
    (2, 3, 4, 3, 2),
    (5, 2, 1, 5, 8),
    (8, 3, 2, 4, 64),
    (11, 2, 1, 9, 16),
];

#[test]
fn tables_natively() {
    for code in CODES {
        for size in TABLES {
            let lanes = if size.0.is_multiple_of(16) { 16 } else { 8 };
            let core = table(params(code, size, lanes));
            exercise(&core, &mut native(&core.module, 1), 12);
        }
    }
}

#[test]
fn tables_in_verilator() {
    for (code, size) in [(Code::G3, TABLES[1]), (Code::Sherry, TABLES[0])] {
        let core = table(params(code, size, 8));
        exercise(&core, &mut verilated(&build(&core.module, &[]), 2), 60);
    }
}

/// Rows that share a table's readers in all ways.
const FABRIC: [(u32, u32, u32, u32, u32); 4] = [
    (8, 1, 1, 5, 16),
    (16, 8, 2, 3, 8),
    (40, 2, 1, 4, 8),
    (24, 4, 3, 3, 4),
];

#[test]
fn fabric_natively() {
    for code in CODES {
        for size in FABRIC {
            let core = distributed(params(code, size, 8), Reduction::Fabric);
            exercise(&core, &mut native(&core.module, 9), 12);
        }
    }
}

#[test]
fn fabric_in_verilator() {
    for (code, size) in [(Code::G3, FABRIC[2]), (Code::Sherry, FABRIC[1])] {
        let core = distributed(params(code, size, 8), Reduction::Fabric);
        exercise(&core, &mut verilated(&build(&core.module, &[]), 2), 60);
    }
}

#[test]
fn registers_natively() {
    for code in CODES {
        for size in REGISTERS {
            for technology in [Technology::Generic, Technology::Ecp5] {
                let (core, _) = register(params(code, size, 8), technology);
                exercise(&core, &mut native(&core.module, 3), 20);
            }
        }
    }
}

#[test]
fn registers_in_verilator() {
    for (code, size, technology) in [
        (Code::G3, (9, 3, 2, 4, 1024), Technology::Ecp5),
        (Code::Sherry, (16, 4, 1, 9, 16), Technology::Generic),
    ] {
        let (core, _) = register(params(code, size, 8), technology);
        exercise(&core, &mut verilated(&build(&core.module, &[]), 4), 60);
    }
}

/// As many vectors as there may be.
#[test]
fn largest_batch() {
    for code in CODES {
        let core = table(params(code, (8, 4, 16, 2, 4), 8));
        exercise(&core, &mut native(&core.module, 5), 3);
        let (core, _) = register(params(code, (3, 2, 16, 2, 4), 8), Technology::Generic);
        exercise(&core, &mut native(&core.module, 6), 3);
    }
}

/// Filling tables is all that a K tile costs beside its weight words: what a product takes longer than the formula does not
/// grow with its size.
#[test]
fn utilisation_is_what_the_formula_says() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for code in CODES {
        let core = table(params(code, (8, 4, 1, 8, 64), 8));
        let p = &core.params;
        let formula = core::Core::Distributed(p.clone(), Reduction::Dsp);
        let mut bench = native(&core.module, 7);
        for (k_tiles, row_tiles) in [(1, 64), (4, 64), (8, 64), (8, 12)] {
            let (k, n) = (
                k_tiles * u64::from(p.tile_k()),
                row_tiles * u64::from(p.rows),
            );
            let case = Case::random(p, rng, n as usize, k as usize);
            let cycles = check(&core, &mut bench, &case, Stalls::default());
            let steady =
                (k * n) as f64 / f64::from(p.tile_k() * p.rows) / formula.utilisation(k, n);
            let start = cycles as f64 - steady;
            assert!(
                (0.0..20.0 + f64::from(formula.latency())).contains(&start),
                "{cycles} cycles, {steady}"
            );
        }
    }
}

/// Products that follow each other take exactly what the formula says, and of the right activations: the tables of the next
/// are made behind the words of the one before.
#[test]
fn fabric_makes_the_next_products_tables_in_time() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    for code in CODES {
        let p = params(code, (32, 2, 2, 4, 512), 8);
        let core = distributed(p.clone(), Reduction::Fabric);
        let mut bench = native(&core.module, 10);
        for (k_tiles, row_tiles) in [(4, 512), (1, 400), (3, 130)] {
            let (k, n) = (k_tiles * p.tile_k() as usize, row_tiles * p.rows as usize);
            let cases: Vec<Case> = (0..4).map(|_| Case::random(&p, rng, n, k)).collect();
            let products: Vec<Product> = (0..).zip(&cases).map(|(i, c)| c.product(&p, i)).collect();
            let (sums, ends) = bench.in_turn(&p, &products);
            for (i, case) in cases.iter().enumerate() {
                for (sums, want) in sums.iter().zip(case.golden(&p)) {
                    assert_eq!(sums[i * n..(i + 1) * n], want);
                }
            }
            let formula = core::Core::Distributed(p.clone(), Reduction::Fabric);
            let steady = formula.cycles(k_tiles as u64, row_tiles as u64);
            // Where making tables is what takes time, what lies between two products may hide.
            let (less, more) = if row_tiles > 200 { (0, 0) } else { (2, 8) };
            for pair in ends.windows(2) {
                let cycles = pair[1] - pair[0];
                assert!(
                    (steady - less..=steady + more).contains(&cycles),
                    "{k_tiles} x {row_tiles}: {cycles} cycles, {steady}"
                );
            }
        }
    }
}

/// Tables in registers: one word a cycle, without a pause between K tiles, when there are row tiles enough.
#[test]
fn pace_of_registers() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    for technology in [Technology::Generic, Technology::Ecp5] {
        let (core, c) = register(params(Code::G3, (8, 2, 1, 16, 64), 8), technology);
        let mut bench = native(&core.module, 8);
        for row_tiles in [1, 2, 5, 8, 40] {
            let case = Case::random(&core.params, rng, 2 * row_tiles, 16 * 24);
            let cycles = check(&core, &mut bench, &case, Stalls::default());
            let tile = (row_tiles as u64).max(c.tile_cycles().into());
            // The first K tile is written element by element.
            let most = 16 * tile + u64::from(c.latency()) + 11;
            assert!(
                cycles <= most,
                "{technology:?}: {cycles} cycles for 16 tiles of {row_tiles}, not {most}"
            );
        }
    }
}
