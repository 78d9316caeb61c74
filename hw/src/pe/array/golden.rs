//! What chains compute.

/// Bits of the lower of two int8 rows in one A.
const LANE_BITS: u32 = 19;

/// Makes the lower row's sum of at most 16 products of a code and an int8 non-negative: it is at least -127 * 128 * 16. Any number
/// from there to 264191 would do; this one is taken off again by inverting a bit.
pub const BIAS: i64 = 1 << (LANE_BITS - 1);

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

/// Two held codes, -127 to 127, as one A: `low` + `high` * 2^19; none of other numbers.
pub fn held_pair(low: i8, high: i8) -> Option<i32> {
    let codes = low != i8::MIN && high != i8::MIN;
    codes.then_some(i32::from(low) + (i32::from(high) << LANE_BITS))
}

/// The two rows' sums out of a biased sum of at most 16 products of pairs and int8. With the bias the lower row's sum
/// is between 2048 and 522240 < 2^19, so that it takes nothing from the upper one.
pub const fn pair(sum: i64) -> (i32, i32) {
    let low = sum & ((1 << LANE_BITS) - 1);
    ((low - BIAS) as i32, (sum >> LANE_BITS) as i32)
}
