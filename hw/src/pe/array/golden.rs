//! What chains compute.

/// Bits of the lower of two int8 rows in one A.
const LANE_BITS: u32 = 19;

/// Makes the lower row's sum of at most 16 products of int8 non-negative: it is at least -128 * 127 * 16.
pub const BIAS: i64 = 128 * 127 * 16;

/// Sum of products.
///
/// # Panics
/// Vectors of different lengths.
pub fn chain(a: &[i32], b: &[i32]) -> i64 {
    assert_eq!(a.len(), b.len(), "a chain has as many A as B");
    a.iter()
        .zip(b)
        .map(|(&a, &b)| i64::from(a) * i64::from(b))
        .sum()
}

/// Two held int8 codes as one A: `low` + `high` * 2^19, or none where that is less than -2^26: `high` -128 beside a negative
/// `low`.
pub fn held_pair(low: i8, high: i8) -> Option<i32> {
    let a = i32::from(low) + (i32::from(high) << LANE_BITS);
    (a >= -(1 << 26)).then_some(a)
}

/// The two rows' sums out of a biased sum of at most 16 products of pairs and int8. With the bias the lower row's sum
/// is between 0 and 128 * 128 * 16 + 128 * 127 * 16 = 522240 < 2^19, so that it takes nothing from the upper one.
pub const fn pair(sum: i64) -> (i32, i32) {
    let low = sum & ((1 << LANE_BITS) - 1);
    ((low - BIAS) as i32, (sum >> LANE_BITS) as i32)
}
