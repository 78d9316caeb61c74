//! The select-and-add core against the product's definition, natively and in Verilator, for each technology.

#![allow(clippy::unwrap_used)]

mod core_bench;

use core_bench::{Bench, Dut, Product, Stalls, build, native, verilated};
use hw::tlmm::core::{
    CARRY_CELL_LINT, CARRY_CELL_MODEL, Code, CoreParams, RAM_MODELS, SelectCore, Technology,
    select_golden as golden,
};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const MODELS: [(&str, &str); 3] = [
    ("ecp5_carry.vlt", CARRY_CELL_LINT),
    ("ecp5_carry.v", CARRY_CELL_MODEL),
    ("ecp5_ram.v", RAM_MODELS),
];

fn params(groups: u32, rows: u32, batch: u32, max_k_tiles: u32, max_row_tiles: u32) -> CoreParams {
    CoreParams {
        code: Code::TwoBit,
        groups,
        rows,
        batch,
        act_lanes: (1..=8)
            .rev()
            .find(|&a: &u32| groups.is_multiple_of(a))
            .unwrap(),
        max_k_tiles,
        max_row_tiles,
    }
}

fn core(p: &CoreParams, technology: Technology) -> SelectCore {
    SelectCore::new(p.clone(), technology)
}

/// A matrix of codes and B activation vectors.
struct Case {
    codes: Vec<Vec<u8>>,
    acts: Vec<Vec<i8>>,
}

impl Case {
    fn new(
        rows: usize,
        k: usize,
        batch: usize,
        mut code: impl FnMut() -> u8,
        mut act: impl FnMut() -> i8,
    ) -> Case {
        Case {
            codes: (0..rows)
                .map(|_| (0..k).map(|_| code()).collect())
                .collect(),
            acts: (0..batch)
                .map(|_| (0..k).map(|_| act()).collect())
                .collect(),
        }
    }

    fn random(rng: &mut ChaCha8Rng, rows: usize, k: usize, batch: usize) -> Case {
        let mut other = ChaCha8Rng::seed_from_u64(rng.random());
        // Ends of the range come often.
        let act = |rng: &mut ChaCha8Rng| match rng.random_range(0..4) {
            0 => [-128, 127, -1, 0][rng.random_range(0..4)],
            _ => rng.random(),
        };
        Case::new(
            rows,
            k,
            batch,
            || rng.random_range(0..4),
            || act(&mut other),
        )
    }

    /// In tiles of the core: zero weights beyond the matrix, noise for activations beyond it.
    fn product(&self, p: &CoreParams, rng: &mut ChaCha8Rng) -> Product {
        let (rows, k) = (self.codes.len(), self.codes[0].len());
        let (t, q) = (p.groups as usize, p.rows as usize);
        let (k_tiles, row_tiles) = (k.div_ceil(t), rows.div_ceil(q));
        let mut words = Vec::new();
        for kt in 0..k_tiles {
            for rt in 0..row_tiles {
                let mut word = BigUint::ZERO;
                for i in 0..q * t {
                    let (r, c) = (rt * q + i / t, kt * t + i % t);
                    let code = self
                        .codes
                        .get(r)
                        .and_then(|row| row.get(c))
                        .copied()
                        .unwrap_or(1);
                    word |= BigUint::from(code) << (2 * i);
                }
                words.push(word);
            }
        }
        let mut acts = Vec::new();
        for kt in 0..k_tiles {
            let mut word = BigUint::ZERO;
            for (b, vector) in self.acts.iter().enumerate() {
                for g in 0..t {
                    let act = vector
                        .get(kt * t + g)
                        .map_or_else(|| rng.random(), |&a| a as u8);
                    word |= BigUint::from(act) << (8 * (b * t + g));
                }
            }
            acts.push(word);
        }
        Product {
            k_tiles: k_tiles as u32,
            row_tiles: row_tiles as u32,
            words,
            acts,
        }
    }

    fn check<D: Dut>(
        &self,
        c: &SelectCore,
        bench: &mut Bench<D>,
        rng: &mut ChaCha8Rng,
        stalls: Stalls,
    ) -> u64 {
        let product = self.product(&c.params, rng);
        let (sums, cycles) = bench.run(&c.params, &product, stalls, c.latency());
        for (b, acts) in self.acts.iter().enumerate() {
            let want = golden::product(&self.codes, acts);
            assert_eq!(
                sums[b][..want.len()],
                want,
                "vector {b} of {:?}, {:?}",
                c.params,
                c.technology
            );
            assert!(
                sums[b][want.len()..].iter().all(|&s| s == 0),
                "rows beyond the matrix"
            );
        }
        cycles
    }
}

/// Everything one simulator is asked, for one configuration.
fn exercise<D: Dut>(c: &SelectCore, mut bench: Bench<D>, random: usize) {
    let p = &c.params;
    let (t, q, b) = (p.groups as usize, p.rows as usize, p.batch as usize);
    let rng = &mut ChaCha8Rng::seed_from_u64(17);
    let longest = p.max_k_tiles as usize * t;
    // Largest sums of either sign, at the longest K; and each code alone.
    for code in 0..4 {
        for act in [-128, 127] {
            let rows = (q + 1).min(q * p.max_row_tiles as usize);
            let case = Case::new(rows, longest, b, || code, || act);
            case.check(c, &mut bench, rng, Stalls::default());
        }
    }
    // All patterns of codes over neighbours, each in its own row; activations at the ends with all signs.
    let patterns = 4usize
        .pow(t.min(3) as u32)
        .min(q * p.max_row_tiles as usize);
    for shift in 0..4 {
        let mut case = Case::new(patterns, t, b, || 1, || 0);
        for (r, row) in case.codes.iter_mut().enumerate() {
            row.iter_mut()
                .enumerate()
                .for_each(|(i, code)| *code = (r >> (2 * (i % 3)) & 3) as u8);
        }
        for vector in &mut case.acts {
            let ends = [-128, 127, -1, 1, 0, -127];
            vector
                .iter_mut()
                .enumerate()
                .for_each(|(i, a)| *a = ends[(i + shift) % 6]);
        }
        case.check(c, &mut bench, rng, Stalls::default());
    }
    // Shapes that do not divide the tiles, few row tiles among them, with all kinds of stalls.
    for i in 0..random {
        let rows = match i % 3 {
            0 => rng.random_range(1..=3 * q),
            _ => rng.random_range(1..=(8 * q).min(q * p.max_row_tiles as usize)),
        };
        let rows = rows.min(q * p.max_row_tiles as usize);
        let k = rng.random_range(1..=longest.min(6 * t));
        let case = Case::random(rng, rows, k, b);
        let percent = [0, 30, 80];
        let stalls = Stalls {
            words: percent[i % 3],
            hold: percent[i / 3 % 3],
            acts: percent[i / 9 % 3],
        };
        case.check(c, &mut bench, rng, stalls);
    }
    linear(c, &mut bench, rng);
}

/// W (x + y) = W x + W y: an oracle that knows nothing of the weights.
fn linear<D: Dut>(c: &SelectCore, bench: &mut Bench<D>, rng: &mut ChaCha8Rng) {
    let p = &c.params;
    let most = (p.rows * p.max_row_tiles) as usize;
    let (rows, k) = ((2 * p.rows as usize - 1).min(most), 2 * p.groups as usize);
    let mut case = Case::random(
        rng,
        rows,
        k.min((p.max_k_tiles * p.groups) as usize),
        p.batch as usize,
    );
    let half = |v: &[Vec<i8>]| -> Vec<Vec<i8>> {
        v.iter()
            .map(|v| v.iter().map(|a| a / 2).collect())
            .collect()
    };
    let x = half(&case.acts);
    let y = half(&Case::random(rng, rows, case.acts[0].len(), p.batch as usize).acts);
    let add = |(x, y): (&Vec<i8>, &Vec<i8>)| x.iter().zip(y).map(|(a, b)| a + b).collect();
    let both: Vec<Vec<i8>> = x.iter().zip(&y).map(add).collect();
    let mut run = |acts: &[Vec<i8>]| {
        case.acts = acts.to_vec();
        let product = case.product(p, rng);
        bench.run(p, &product, Stalls::default(), c.latency()).0
    };
    let (wx, wy, whole) = (run(&x), run(&y), run(&both));
    for b in 0..p.batch as usize {
        for r in 0..rows {
            assert_eq!(wx[b][r] + wy[b][r], whole[b][r]);
        }
    }
}

/// Small configurations that differ in everything: one group, one row, one tile, chains of unequal length.
fn shapes() -> Vec<CoreParams> {
    vec![
        params(1, 1, 1, 1, 1),
        params(2, 3, 4, 3, 2),
        params(5, 2, 1, 5, 8),
        params(9, 3, 2, 4, 64),
        params(19, 2, 1, 9, 16),
    ]
}

#[test]
fn generic_natively() {
    for p in shapes() {
        let c = core(&p, Technology::Generic);
        exercise(&c, native(&c.build().unwrap(), 1), 60);
    }
}

#[test]
fn ecp5_natively() {
    for p in shapes() {
        let c = core(&p, Technology::Ecp5);
        exercise(&c, native(&c.build().unwrap(), 2), 30);
    }
}

#[test]
fn asic_natively() {
    for p in shapes() {
        let c = core(&p, Technology::Asic);
        exercise(&c, native(&c.build().unwrap(), 3), 30);
    }
}

#[test]
fn chains_of_all_lengths() {
    for technology in [Technology::Generic, Technology::Ecp5] {
        for (chain, per_stage) in [(1, 1), (3, 1), (8, 1), (4, 2), (5, 3), (16, 4)] {
            let mut c = core(&params(11, 2, 2, 3, 8), technology);
            (c.chain, c.per_stage) = (chain, per_stage);
            exercise(&c, native(&c.build().unwrap(), 4), 20);
        }
    }
}

#[test]
fn all_technologies_in_verilator() {
    for technology in [Technology::Generic, Technology::Ecp5, Technology::Asic] {
        for (i, p) in [
            params(9, 3, 2, 4, 1024),
            params(16, 4, 1, 130, 16),
            params(3, 2, 4, 2, 1),
        ]
        .iter()
        .enumerate()
        {
            let c = core(p, technology);
            let models = if technology == Technology::Ecp5 {
                &MODELS[..]
            } else {
                &[]
            };
            let model = build(&c.build().unwrap(), models);
            exercise(&c, verilated(&model, i as u32), 90);
        }
    }
}

/// An outside oracle for the carry cell: Yosys's own model of it in the place of ours.
#[test]
fn ecp5_with_the_cell_of_yosys() {
    let share = tb::tools::Tools::get()
        .unwrap()
        .site()
        .join("pyosys/share/lattice");
    let read = |name: &str| std::fs::read_to_string(share.join(name)).unwrap();
    let common = read("common_sim.vh");
    let module = |name: &str| {
        let from = common.find(&format!("module {name}")).unwrap();
        let text = &common[from..];
        text[..text.find("endmodule").unwrap() + 10].to_string()
    };
    let cells = [module("LUT2"), module("LUT4"), read("ccu2c_sim.vh")].join("\n");
    let lint =
        format!("{CARRY_CELL_LINT}lint_off -file \"*yosys_cells.v\"\nlint_off -rule SPECIFYIGN\n");
    let c = core(&params(9, 2, 2, 3, 16), Technology::Ecp5);
    let files = [
        ("carry.vlt", lint.as_str()),
        ("yosys_cells.v", &cells),
        ("ecp5_ram.v", RAM_MODELS),
    ];
    exercise(&c, verilated(&build(&c.build().unwrap(), &files), 7), 60);
}

/// One word a cycle, without a pause between K tiles, when there are row tiles enough; a known pace when there are not.
#[test]
fn pace() {
    for technology in [Technology::Generic, Technology::Ecp5, Technology::Asic] {
        let c = core(&params(16, 2, 1, 16, 64), technology);
        let mut bench = native(&c.build().unwrap(), 5);
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        for row_tiles in [1, 2, 5, 8, 40] {
            let case = Case::random(rng, 2 * row_tiles, 16 * 16, 1);
            let cycles = case.check(&c, &mut bench, rng, Stalls::default());
            let tile = (row_tiles as u64).max(c.tile_cycles().into());
            let most = 16 * tile + u64::from(c.latency()) + 8;
            assert!(
                cycles <= most,
                "{technology:?}: {cycles} cycles for 16 tiles of {row_tiles}, not {most}"
            );
        }
    }
}
