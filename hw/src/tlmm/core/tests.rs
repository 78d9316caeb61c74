//! The core in native simulation against the definition of the product.

use num_bigint::BigUint;

use super::*;
use crate::rtl::{Module, NativeSim};
use std::sync::Arc;

/// A small generator of our own: tests must not depend on a library's stream.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Weights that a code stands for, from papers.md: written out again, so that nothing is shared with the generator.
fn weights(code: Code, value: u64) -> Vec<i32> {
    match code {
        Code::G3 => {
            const FIRST: [[i32; 3]; 14] = [
                [0, 0, 0],
                [1, 0, 0],
                [0, 1, 0],
                [0, 0, 1],
                [1, 1, 0],
                [1, -1, 0],
                [1, 0, 1],
                [1, 0, -1],
                [0, 1, 1],
                [0, 1, -1],
                [1, 1, 1],
                [1, 1, -1],
                [1, -1, 1],
                [-1, 1, 1],
            ];
            match value {
                0..=13 => FIRST[value as usize].to_vec(),
                14..=26 => FIRST[value as usize - 13].map(|w| -w).to_vec(),
                _ => vec![0; 3],
            }
        }
        Code::Sherry => {
            let lead = if value & 16 == 0 { 1 } else { -1 };
            let mut signs = vec![lead];
            signs.push(if value & 1 == 0 { lead } else { -lead });
            signs.push(if value & 2 == 0 { lead } else { -lead });
            signs.insert((value >> 2 & 3) as usize, 0);
            signs
        }
        Code::TwoBit => vec![[-1, 0, 1, 0][value as usize]],
    }
}

/// One product: codes[k tile][row tile][q][t], activations[vector][k tile][group][element].
struct Product {
    k_tiles: usize,
    row_tiles: usize,
    codes: Vec<u64>,
    acts: Vec<i32>,
}

impl Product {
    fn random(p: &CoreParams, rng: &mut Rng, k_tiles: usize, row_tiles: usize) -> Product {
        let codes = k_tiles * row_tiles * (p.rows * p.groups) as usize;
        let acts = k_tiles * (p.batch * p.tile_k()) as usize;
        let extreme = rng.below(3) == 0;
        Product {
            k_tiles,
            row_tiles,
            codes: (0..codes).map(|_| rng.below(1 << p.code_bits())).collect(),
            acts: (0..acts)
                .map(|_| match extreme {
                    true => [-128, 127][rng.below(2) as usize],
                    false => rng.below(256) as i32 - 128,
                })
                .collect(),
        }
    }

    /// Activation of vector b.
    fn act(&self, p: &CoreParams, b: usize, tile: usize, t: usize, element: usize) -> i32 {
        let (groups, group) = (p.groups as usize, p.group() as usize);
        self.acts[((b * self.k_tiles + tile) * groups + t) * group + element]
    }

    /// Sums of each row tile: [row tile][b][q], from the definition.
    fn golden(&self, p: &CoreParams) -> Vec<Vec<i32>> {
        let (q_all, groups, batch) = (p.rows as usize, p.groups as usize, p.batch as usize);
        (0..self.row_tiles)
            .map(|row| {
                let mut sums = Vec::new();
                for b in 0..batch {
                    for q in 0..q_all {
                        let mut sum = 0;
                        for tile in 0..self.k_tiles {
                            for t in 0..groups {
                                let at = ((tile * self.row_tiles + row) * q_all + q) * groups + t;
                                let w = weights(p.code, self.codes[at]);
                                for (e, w) in w.iter().enumerate() {
                                    sum += w * self.act(p, b, tile, t, e);
                                }
                            }
                        }
                        sums.push(sum);
                    }
                }
                sums
            })
            .collect()
    }

    /// Weight word of a K tile and row tile.
    fn word(&self, p: &CoreParams, tile: usize, row: usize) -> BigUint {
        let n = (p.rows * p.groups) as usize;
        let codes = &self.codes[(tile * self.row_tiles + row) * n..][..n];
        pack(codes.iter().copied(), p.code_bits())
    }
}

fn pack(values: impl DoubleEndedIterator<Item = u64>, bits: u32) -> BigUint {
    values
        .rev()
        .fold(BigUint::ZERO, |all, v| (all << bits) | BigUint::from(v & ((1 << bits) - 1)))
}

/// Writes the activations, runs the product with stalls of words and holds, and compares. Returns the cycles from `start`
/// to the last sum.
fn run(sim: &mut NativeSim, p: &CoreParams, product: &Product, rng: &mut Rng, stall: u64) -> u64 {
    let half = rng.below(2);
    let words = product.k_tiles as u64 * u64::from(p.group());
    let mut written = 0;
    let want = product.golden(p);
    let (mut tile, mut row, mut got, mut held) = (0, 0, 0, 0);
    let mut cycle = 0u64;
    sim.set("k_tiles", product.k_tiles as u64 - 1);
    sim.set("row_tiles", product.row_tiles as u64 - 1);
    sim.set("act_half", half);
    assert_eq!(sim.get("idle"), 1);
    while got < product.row_tiles {
        // Activations arrive while the product runs.
        let write = written < words && rng.below(100) >= stall;
        sim.set("act_words", written);
        sim.set("act_we", write.into());
        if write {
            let (t, e) = (written / u64::from(p.group()), written % u64::from(p.group()));
            let bytes = (0..p.batch as usize).flat_map(|b| {
                (0..p.groups as usize)
                    .map(move |g| product.act(p, b, t as usize, g, e as usize) as u64)
            });
            let data = pack(bytes.collect::<Vec<_>>().into_iter(), 8);
            sim.set_wide("act_data", &data);
            sim.set("act_addr", half << (p.act_addr_bits() - 1) | written);
            written += 1;
        }
        sim.set("start", (cycle == 0).into());
        let offer = tile < product.k_tiles && rng.below(100) >= stall;
        sim.set("w_valid", offer.into());
        let noise = pack((0..p.rows * p.groups).map(|_| rng.next()).collect::<Vec<_>>().into_iter(), p.code_bits());
        sim.set_wide("w_data", &if offer { product.word(p, tile, row) } else { noise });
        let hold = rng.below(100) < stall;
        held = if hold { held + 1 } else { 0 };
        sim.set("hold", hold.into());
        if offer && sim.get("w_ready") == 1 {
            row += 1;
            if row == product.row_tiles {
                (row, tile) = (0, tile + 1);
            }
        }
        if sim.get("sum_valid") == 1 {
            assert!(held <= u64::from(p.latency()), "a sum {held} cycles after hold");
            let a = p.acc_bits();
            let data = sim.get_wide("sum_data");
            for (k, &want) in want[got].iter().enumerate() {
                let field = (&data >> (k * a as usize)) & BigUint::from((1u64 << a) - 1);
                let value = field.iter_u64_digits().next().unwrap_or(0) as i64;
                let value = value - if value >> (a - 1) == 1 { 1 << a } else { 0 };
                assert_eq!(value, i64::from(want), "{p:?} row tile {got}, sum {k}");
            }
            got += 1;
            assert_eq!(sim.get("sum_last"), u64::from(got == product.row_tiles));
        }
        sim.tick("clk");
        cycle += 1;
        assert!(cycle < 200_000, "no end: {got} row tiles of {}", product.row_tiles);
    }
    for (name, value) in [("w_valid", 0), ("act_we", 0), ("start", 0)] {
        sim.set(name, value);
    }
    cycle
}

fn exercise(core: &Arc<Module>, p: &CoreParams) {
    let mut rng = Rng(7 + u64::from(p.macs()));
    let mut sim = NativeSim::new(core).unwrap();
    sim.scramble(3);
    sim.reset("clk", "rst");
    let (k, n) = (p.max_k_tiles as usize, p.max_row_tiles as usize);
    for (k_tiles, row_tiles, stall) in [(1, 1, 0), (1, 2, 40), (k, 1, 0), (k, n, 0), (2, n, 30), (k, 3, 80)] {
        let product = Product::random(p, &mut rng, k_tiles, row_tiles);
        run(&mut sim, p, &product, &mut rng, stall);
    }
}

#[test]
fn tables_equal_the_definition() {
    for code in [Code::G3, Code::Sherry] {
        for (groups, rows, batch, max_k_tiles, max_row_tiles) in
            [(8, 4, 1, 5, 16), (16, 8, 2, 3, 8), (32, 4, 1, 4, 8), (40, 4, 2, 3, 4)]
        {
            let p = CoreParams { code, groups, rows, batch, max_k_tiles, max_row_tiles };
            let core = table_core(&p).unwrap_or_else(|e| panic!("{e}"));
            exercise(&core, &p);
        }
    }
}
