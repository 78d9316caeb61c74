//! What every core is asked, whatever it is made of.

use std::sync::Arc;

use hw::rtl::Module;
use hw::tlmm::core::{self, Code, CoreParams};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Bench, Case, Dut, Stalls};

/// A core and what its contract says of it.
pub struct Core {
    pub params: CoreParams,
    pub module: Arc<Module>,
    /// Row tiles at most after `hold`.
    pub latency: u32,
}

impl Core {
    pub fn new(core: &core::Core) -> Core {
        Core {
            params: core.params().clone(),
            module: core.build().unwrap_or_else(|e| panic!("{e}")),
            latency: core.latency(),
        }
    }
}

/// Sizes of a core: T, Q, B, K tiles, row tiles. Activations are written in the largest blocks up to `lanes`.
pub fn params(code: Code, sizes: (u32, u32, u32, u32, u32), lanes: u32) -> CoreParams {
    let (groups, rows, batch, max_k_tiles, max_row_tiles) = sizes;
    CoreParams {
        code,
        groups,
        rows,
        batch,
        act_lanes: (1..=lanes)
            .rev()
            .find(|a| groups.is_multiple_of(*a))
            .unwrap_or(1),
        max_k_tiles,
        max_row_tiles,
    }
}

/// One product against the definition. Returns its cycles.
pub fn check<D: Dut>(core: &Core, bench: &mut Bench<D>, case: &Case, stalls: Stalls) -> u64 {
    let p = &core.params;
    let product = case.product(p, 9);
    let (sums, cycles) = bench.run(p, &product, stalls, core.latency);
    for (b, want) in case.golden(p).iter().enumerate() {
        assert_eq!(sums[b][..want.len()], want[..], "vector {b} of {p:?}");
        let beyond = &sums[b][want.len()..];
        // No code of sherry is zero: what it is given there is noise.
        assert!(
            p.code == Code::Sherry || beyond.iter().all(|&s| s == 0),
            "rows beyond the matrix"
        );
    }
    cycles
}

/// The ends of all ranges, then `random` products with stalls of all kinds.
pub fn exercise<D: Dut>(core: &Core, bench: &mut Bench<D>, random: usize) {
    let p = &core.params;
    let (q, group) = (p.rows as usize, p.group() as usize);
    let rng = &mut ChaCha8Rng::seed_from_u64(17);
    let most_rows = q * p.max_row_tiles as usize;
    let longest = (p.max_k_tiles * p.tile_k()) as usize;
    let codes = 1usize << p.code_bits();
    // Largest sums of either sign, at the longest K; each code alone in its row.
    for act in [-128, 127] {
        for first in (0..codes).step_by(most_rows) {
            let rows = codes.min(most_rows);
            let code = |r: usize, _: usize| ((first + r) % codes) as u8;
            let case = Case::new(p, rows, longest, code, |_, _| act);
            check(core, bench, &case, Stalls::default());
        }
    }
    // Every code meets every sign pattern of a group, at the ends of the range.
    for shift in 0..1usize << group {
        let code = |r: usize, g: usize| ((r + 5 * g) % codes) as u8;
        let act = |b: usize, k: usize| {
            let pattern = k / group + shift + b;
            if pattern >> (k % group) & 1 == 1 {
                -128
            } else {
                127
            }
        };
        let k = longest.min(2 * p.tile_k() as usize);
        let case = Case::new(p, codes.min(most_rows), k, code, act);
        check(core, bench, &case, Stalls::default());
    }
    // Shapes that do not divide the tiles, few row tiles among them.
    for i in 0..random {
        let rows = match i % 3 {
            0 => rng.random_range(1..=3 * q),
            _ => rng.random_range(1..=8 * q),
        };
        let k = rng.random_range(1..=longest.min(6 * p.tile_k() as usize));
        let case = Case::random(p, rng, rows.min(most_rows), k);
        let percent = [0, 30, 80];
        let stalls = Stalls {
            words: percent[i % 3],
            hold: percent[i / 3 % 3],
            acts: percent[i / 9 % 3],
        };
        check(core, bench, &case, stalls);
    }
    linear(core, bench, rng);
}

/// W (x + y) = W x + W y: an oracle that knows nothing of codes and weights.
fn linear<D: Dut>(core: &Core, bench: &mut Bench<D>, rng: &mut ChaCha8Rng) {
    let p = &core.params;
    let rows = (2 * p.rows as usize - 1).min((p.rows * p.max_row_tiles) as usize);
    let k = (2 * p.tile_k() as usize).min((p.max_k_tiles * p.tile_k()) as usize);
    let mut x = Case::random(p, rng, rows, k);
    let mut y = Case::random(p, rng, rows, k);
    y.codes.clone_from(&x.codes);
    // Halves, so that the sum is an int8.
    let halve = |case: &mut Case| case.acts.iter_mut().flatten().for_each(|a| *a /= 2);
    halve(&mut x);
    halve(&mut y);
    let mut both = x.clone();
    let terms = y.acts.iter().flatten();
    both.acts
        .iter_mut()
        .flatten()
        .zip(terms)
        .for_each(|(a, b)| *a += b);
    let mut run = |case: &Case| {
        let product = case.product(p, 9);
        bench.run(p, &product, Stalls::default(), core.latency).0
    };
    let (wx, wy, whole) = (run(&x), run(&y), run(&both));
    for b in 0..p.batch as usize {
        for r in 0..rows {
            assert_eq!(wx[b][r] + wy[b][r], whole[b][r], "{p:?} row {r}");
        }
    }
}
