//! The product from its definition, for tests: integers, no idea of tiles, adders or memories.

/// The weight of a two-bit code; code 3 reads as zero.
pub fn weight(code: u8) -> i64 {
    match code & 3 {
        0 => -1,
        2 => 1,
        _ => 0,
    }
}

/// y[r] = sum over k of the weight of `codes[r][k]` times `acts[k]`.
pub fn product(codes: &[Vec<u8>], acts: &[i8]) -> Vec<i64> {
    let row = |codes: &Vec<u8>| {
        let terms = codes.iter().zip(acts);
        terms.map(|(&c, &a)| weight(c) * i64::from(a)).sum()
    };
    codes.iter().map(row).collect()
}
