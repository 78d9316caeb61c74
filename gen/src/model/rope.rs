//! Rotary position embedding as data: computed once on the host and read by everyone.
//!
//! Correct f32 implementations differ by up to 5e-4 at position 4095 (their `pow` differs in the last bit), so
//! that neither hardware nor golden model may compute the table again.

/// cos and sin of every position and pair, f32.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeTable {
    /// Pairs of a head: head_dim / 2.
    pub half: usize,
    /// [positions, half], row-major.
    pub cos: Vec<f32>,
    /// [positions, half], row-major.
    pub sin: Vec<f32>,
}

/// inv_freq[j] = 1 / theta^(2j / head_dim) for j below head_dim / 2, each step rounded to f32 as torch does.
pub fn inverse_frequencies(theta: f64, head_dim: usize) -> Vec<f32> {
    (0..head_dim / 2)
        .map(|j| {
            let exponent = (2 * j) as f32 / head_dim as f32;
            let power = theta.powf(f64::from(exponent)) as f32;
            1.0 / power
        })
        .collect()
}

impl RopeTable {
    /// Table for `positions` positions: the angle is an f32 product; cos and sin are rounded from f64.
    pub fn new(theta: f64, head_dim: usize, positions: usize) -> Self {
        let frequencies = inverse_frequencies(theta, head_dim);
        let angles: Vec<f64> = (0..positions)
            .flat_map(|position| {
                frequencies
                    .iter()
                    .map(move |f| f64::from(position as f32 * f))
            })
            .collect();
        Self {
            half: head_dim / 2,
            cos: angles.iter().map(|angle| angle.cos() as f32).collect(),
            sin: angles.iter().map(|angle| angle.sin() as f32).collect(),
        }
    }

    /// Rotates one head in place: pairs (j, j + half), out = x cos + rotate_half(x) sin.
    ///
    /// `x` is head_dim long and `position` below the table's positions.
    pub fn rotate(&self, x: &mut [f32], position: usize) {
        let (low, high) = x.split_at_mut(self.half);
        let row = position * self.half..(position + 1) * self.half;
        let table = self.cos[row.clone()].iter().zip(&self.sin[row]);
        for ((a, b), (cos, sin)) in low.iter_mut().zip(high).zip(table) {
            let (x1, x2) = (*a, *b);
            *a = x1 * cos - x2 * sin;
            *b = x2 * cos + x1 * sin;
        }
    }
}
