//! Products of random codes and activations, and what they are by the definition.

use hw::tlmm::core::{Code, CoreParams};
use num_bigint::BigUint;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

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
pub struct Product {
    pub k_tiles: usize,
    pub row_tiles: usize,
    pub codes: Vec<u64>,
    pub acts: Vec<i32>,
}

impl Product {
    pub fn random(
        p: &CoreParams,
        rng: &mut ChaCha8Rng,
        k_tiles: usize,
        row_tiles: usize,
    ) -> Product {
        let codes = k_tiles * row_tiles * (p.rows * p.groups) as usize;
        let acts = k_tiles * (p.batch * p.tile_k()) as usize;
        let extreme = rng.random_range(0..3) == 0;
        Product {
            k_tiles,
            row_tiles,
            codes: (0..codes)
                .map(|_| rng.random_range(0..1 << p.code_bits()))
                .collect(),
            acts: (0..acts)
                .map(|_| match extreme {
                    true => [-128, 127][rng.random_range(0..2)],
                    false => rng.random_range(-128..128),
                })
                .collect(),
        }
    }

    /// Activation of vector b.
    pub fn act(&self, p: &CoreParams, b: usize, tile: usize, t: usize, element: usize) -> i32 {
        let (groups, group) = (p.groups as usize, p.group() as usize);
        self.acts[((b * self.k_tiles + tile) * groups + t) * group + element]
    }

    /// Sums of each row tile: [row tile][b][q], from the definition.
    pub fn golden(&self, p: &CoreParams) -> Vec<Vec<i32>> {
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
    pub fn word(&self, p: &CoreParams, tile: usize, row: usize) -> BigUint {
        let n = (p.rows * p.groups) as usize;
        let codes = &self.codes[(tile * self.row_tiles + row) * n..][..n];
        pack(codes.iter().copied(), p.code_bits())
    }
}

pub fn pack(values: impl DoubleEndedIterator<Item = u64>, bits: u32) -> BigUint {
    values.rev().fold(BigUint::ZERO, |all, v| {
        (all << bits) | BigUint::from(v & ((1 << bits) - 1))
    })
}
