//! Golden model of sample.

use crate::num::F32;
use crate::num::golden::pass;

/// State that lives from instruction to instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sampler {
    /// Kept candidates, best first: value and index; at most `capacity`.
    best: Vec<(F32, u32)>,
    /// Largest k of the hardware.
    capacity: usize,
    /// xorshift32 state, never 0.
    state: u32,
}

impl Sampler {
    /// Sampler of a machine with `sample_k = capacity`.
    pub fn new(capacity: usize) -> Sampler {
        Sampler {
            best: Vec::new(),
            capacity,
            state: 1,
        }
    }

    /// `topk`: offers `logits` with indices from `base`; `first` forgets what was kept before. Returns the values and
    /// indices of the k best so far; places that no logit has filled hold the smallest number and index 0.
    pub fn topk(
        &mut self,
        logits: &[u32],
        base: u32,
        k: usize,
        first: bool,
    ) -> (Vec<u32>, Vec<u32>) {
        if first {
            self.best.clear();
        }
        for (i, &bits) in logits.iter().enumerate() {
            let value = pass(F32(bits));
            // After all equal values: the lower index, which came earlier, stays ahead.
            let at = self
                .best
                .partition_point(|(v, _)| v.value() >= value.value());
            if at < self.capacity {
                self.best.insert(at, (value, base.wrapping_add(i as u32)));
                self.best.truncate(self.capacity);
            }
        }
        let mut filled = self.best.clone();
        filled.resize(k, (F32(F32::MAX.0 | 0x8000_0000), 0));
        (
            filled.iter().map(|b| b.0.0).collect(),
            filled.iter().map(|b| b.1).collect(),
        )
    }

    /// `seed`.
    pub fn seed(&mut self, value: u32) {
        self.state = value.max(1);
    }

    /// `draw`: an index with probability proportional to its weight.
    pub fn draw(&mut self, weights: &[u32], indices: &[u32]) -> u32 {
        // Marsaglia, "Xorshift RNGs", 2003: the triple (13, 17, 5) has period 2^32 - 1.
        let mut x = self.state;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.state = x;
        let sum = weights.iter().fold(0u32, |s, &w| s.wrapping_add(w));
        let threshold = ((u64::from(x) * u64::from(sum)) >> 32) as u32;
        let mut running = 0u32;
        for (&w, &index) in weights.iter().zip(indices) {
            running = running.wrapping_add(w);
            if running > threshold {
                return index;
            }
        }
        // Only when every weight is 0: the best candidate.
        indices.first().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topk_over_tiles_equals_a_sort() {
        let logits: Vec<f32> = (0..100)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) / 7.0)
            .collect();
        let bits: Vec<u32> = logits.iter().map(|v| v.to_bits()).collect();
        let mut s = Sampler::new(16);
        s.topk(&bits[..40], 0, 8, true);
        let (values, indices) = s.topk(&bits[40..], 40, 8, false);
        let mut order: Vec<usize> = (0..100).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
        assert_eq!(
            indices,
            order[..8].iter().map(|&i| i as u32).collect::<Vec<_>>()
        );
        assert_eq!(
            values,
            order[..8].iter().map(|&i| bits[i]).collect::<Vec<_>>()
        );
    }

    #[test]
    fn draw_follows_the_weights() {
        let mut s = Sampler::new(16);
        s.seed(12345);
        let mut count = [0u32; 3];
        for _ in 0..10_000 {
            count[s.draw(&[1000, 2000, 1000], &[0, 1, 2]) as usize] += 1;
        }
        assert!(
            (4800..5200).contains(&count[1]) && (2300..2700).contains(&count[0]),
            "{count:?}"
        );
    }
}
