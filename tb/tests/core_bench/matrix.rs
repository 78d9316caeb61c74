//! Matrices of codes with activation vectors: their product from the definition, and how a core takes them.

use hw::tlmm::core::{Code, CoreParams};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Product;

/// Weights that a code stands for, from papers.md 1.3 and 5.2: written out again, so that nothing is shared with the
/// generator.
pub fn weights(code: Code, value: u8) -> Vec<i64> {
    const G3: [[i64; 3]; 14] = [
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
    match (code, value) {
        (Code::G3, 0..=13) => G3[usize::from(value)].to_vec(),
        (Code::G3, 14..=26) => G3[usize::from(value) - 13].map(|w| -w).to_vec(),
        (Code::G3, _) => vec![0; 3],
        (Code::Sherry, _) => {
            let lead = if value & 16 == 0 { 1 } else { -1 };
            let mut signs = vec![lead];
            signs.push(if value & 1 == 0 { lead } else { -lead });
            signs.push(if value & 2 == 0 { lead } else { -lead });
            signs.insert(usize::from(value >> 2 & 3), 0);
            signs
        }
        (Code::TwoBit, _) => vec![[-1, 0, 1, 0][usize::from(value)]],
    }
}

/// The code of a group of zeros, where there is one.
fn zero_code(code: Code) -> Option<u8> {
    match code {
        Code::G3 => Some(0),
        Code::Sherry => None,
        Code::TwoBit => Some(1),
    }
}

/// A matrix of codes, `codes[row][group]`, and activation vectors `acts[b][k]`.
#[derive(Clone)]
pub struct Case {
    pub codes: Vec<Vec<u8>>,
    pub acts: Vec<Vec<i8>>,
}

impl Case {
    pub fn new(
        p: &CoreParams,
        rows: usize,
        k: usize,
        code: impl Fn(usize, usize) -> u8,
        act: impl Fn(usize, usize) -> i8,
    ) -> Case {
        let groups = k.div_ceil(p.group() as usize);
        Case {
            codes: (0..rows)
                .map(|r| (0..groups).map(|g| code(r, g)).collect())
                .collect(),
            acts: (0..p.batch as usize)
                .map(|b| (0..k).map(|i| act(b, i)).collect())
                .collect(),
        }
    }

    /// Random codes and activations; the ends of the range come often.
    pub fn random(p: &CoreParams, rng: &mut ChaCha8Rng, rows: usize, k: usize) -> Case {
        let mut case = Case::new(p, rows, k, |_, _| 0, |_, _| 0);
        for code in case.codes.iter_mut().flatten() {
            *code = rng.random_range(0..1 << p.code_bits());
        }
        for act in case.acts.iter_mut().flatten() {
            *act = match rng.random_range(0..4) {
                0 => [-128, 127, -1, 0][rng.random_range(0..4)],
                _ => rng.random(),
            };
        }
        case
    }

    /// `sums[b][row]`.
    pub fn golden(&self, p: &CoreParams) -> Vec<Vec<i64>> {
        let sum = |acts: &[i8], codes: &[u8]| {
            let weights = codes.iter().flat_map(|&c| weights(p.code, c));
            let terms = weights.zip(acts);
            terms.map(|(w, &a)| w * i64::from(a)).sum()
        };
        let rows = |acts: &Vec<i8>| self.codes.iter().map(|codes| sum(acts, codes)).collect();
        self.acts.iter().map(rows).collect()
    }

    /// In tiles of the core. Beyond the matrix: codes of zeros with noise for activations, or noise for codes, with zero
    /// activations, where no code is zero; what rows beyond the matrix give then is noise too.
    pub fn product(&self, p: &CoreParams, seed: u64) -> Product {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (t, q, group) = (p.groups as usize, p.rows as usize, p.group() as usize);
        let groups = self.codes[0].len();
        let (k_tiles, row_tiles) = (groups.div_ceil(t), self.codes.len().div_ceil(q));
        let zero = zero_code(p.code);
        let mut words = Vec::new();
        for kt in 0..k_tiles {
            for rt in 0..row_tiles {
                let codes: Vec<u64> = (0..q * t)
                    .map(|i| {
                        let row = self.codes.get(rt * q + i / t);
                        let code = row.and_then(|row| row.get(kt * t + i % t)).copied();
                        let beyond = zero.unwrap_or_else(|| rng.random_range(0..32));
                        code.unwrap_or(beyond).into()
                    })
                    .collect();
                words.push(pack(&codes, p.code_bits()));
            }
        }
        let mut acts = Vec::new();
        for kt in 0..k_tiles {
            for e in 0..group {
                let bytes: Vec<u64> = (0..p.batch as usize * t)
                    .map(|i| {
                        let at = (kt * t + i % t) * group + e;
                        let noise = zero.map_or(0, |_| rng.random());
                        // Within the matrix's last group what is beyond K meets weights.
                        let beyond = if at < groups * group { 0 } else { noise };
                        let act = self.acts[i / t].get(at).map_or(beyond, |&a| a as u8);
                        act.into()
                    })
                    .collect();
                acts.push(pack(&bytes, 8));
            }
        }
        Product {
            k_tiles: k_tiles as u32,
            row_tiles: row_tiles as u32,
            words,
            acts,
        }
    }
}

/// Values of `bits` bits, the first one low.
fn pack(values: &[u64], bits: u32) -> BigUint {
    values.iter().rev().fold(BigUint::ZERO, |all, &v| {
        (all << bits) | BigUint::from(v & ((1 << bits) - 1))
    })
}
