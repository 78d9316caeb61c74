//! Arithmetic on values of any width: little-endian limbs of 64 bits in one arena, bits above the width zero.
//!
//! Operands and result are offsets into the arena and never overlap, except that an operand may be read twice.

/// Limbs of a value.
pub(super) const fn limbs(width: u32) -> usize {
    width.div_ceil(64) as usize
}

/// The bits that a value of `width` (1 to 64) may have.
pub(super) const fn mask(width: u32) -> u64 {
    u64::MAX >> (64 - width)
}

/// Bits of the highest limb of a value.
const fn top_mask(width: u32) -> u64 {
    mask((width - 1) % 64 + 1)
}

/// Sign-extends the low `width` (1 to 64) bits.
pub(in crate::rtl) const fn sign_extend(value: u64, width: u32) -> i64 {
    let up = 64 - width;
    ((value << up) as i64) >> up
}

fn bit(m: &[u64], a: usize, index: u32) -> bool {
    m[a + (index / 64) as usize] >> (index % 64) & 1 == 1
}

/// Copies `from` limbs and clears the rest of `n`.
pub(super) fn copy(m: &mut [u64], d: usize, n: usize, a: usize, from: usize) {
    m.copy_within(a..a + from.min(n), d);
    if n > from {
        m[d + from..d + n].fill(0);
    }
}

pub(super) fn not(m: &mut [u64], d: usize, a: usize, width: u32) {
    let n = limbs(width);
    for i in 0..n {
        m[d + i] = !m[a + i];
    }
    m[d + n - 1] &= top_mask(width);
}

pub(super) fn add(m: &mut [u64], d: usize, a: usize, b: usize, width: u32) {
    let n = limbs(width);
    let mut carry = false;
    for i in 0..n {
        let (s, c0) = m[a + i].overflowing_add(m[b + i]);
        let (s, c1) = s.overflowing_add(u64::from(carry));
        (m[d + i], carry) = (s, c0 | c1);
    }
    m[d + n - 1] &= top_mask(width);
}

pub(super) fn sub(m: &mut [u64], d: usize, a: usize, b: usize, width: u32) {
    let n = limbs(width);
    let mut borrow = false;
    for i in 0..n {
        let (s, c0) = m[a + i].overflowing_sub(m[b + i]);
        let (s, c1) = s.overflowing_sub(u64::from(borrow));
        (m[d + i], borrow) = (s, c0 | c1);
    }
    m[d + n - 1] &= top_mask(width);
}

pub(super) fn neg(m: &mut [u64], d: usize, a: usize, width: u32) {
    let n = limbs(width);
    let mut carry = true;
    for i in 0..n {
        (m[d + i], carry) = (!m[a + i]).overflowing_add(u64::from(carry));
    }
    m[d + n - 1] &= top_mask(width);
}

/// Widens with the sign of the operand.
pub(super) fn extend(m: &mut [u64], d: usize, width: u32, a: usize, from: u32) {
    let (n, na) = (limbs(width), limbs(from));
    copy(m, d, n, a, na);
    if bit(m, a, from - 1) {
        m[d + na - 1] |= !top_mask(from);
        m[d + na..d + n].fill(u64::MAX);
    }
    m[d + n - 1] &= top_mask(width);
}

/// Product of two operands that have been widened to `width`, modulo 2^width.
pub(super) fn mul(m: &mut [u64], d: usize, a: usize, b: usize, width: u32) {
    let n = limbs(width);
    m[d..d + n].fill(0);
    for i in 0..n {
        let mut carry = 0u128;
        for j in 0..n - i {
            let at = d + i + j;
            let t = u128::from(m[a + i]) * u128::from(m[b + j]) + u128::from(m[at]) + carry;
            m[at] = t as u64;
            carry = t >> 64;
        }
    }
    m[d + n - 1] &= top_mask(width);
}

pub(super) fn equal(m: &[u64], a: usize, b: usize, n: usize) -> bool {
    m[a..a + n] == m[b..b + n]
}

pub(super) fn less(m: &[u64], a: usize, b: usize, width: u32, signed: bool) -> bool {
    let n = limbs(width);
    if signed {
        let (sa, sb) = (bit(m, a, width - 1), bit(m, b, width - 1));
        if sa != sb {
            return sa;
        }
    }
    (m[a..a + n].iter().rev()).lt(m[b..b + n].iter().rev())
}

pub(super) fn all_ones(m: &[u64], a: usize, width: u32) -> bool {
    let n = limbs(width);
    m[a..a + n - 1].iter().all(|&l| l == u64::MAX) && m[a + n - 1] == top_mask(width)
}

pub(super) fn any_one(m: &[u64], a: usize, n: usize) -> bool {
    m[a..a + n].iter().any(|&l| l != 0)
}

pub(super) fn parity(m: &[u64], a: usize, n: usize) -> bool {
    m[a..a + n].iter().fold(0, |x, l| x ^ l).count_ones() % 2 == 1
}

/// A shift amount, or `limit` when it is larger.
pub(super) fn amount(m: &[u64], a: usize, n: usize, limit: u32) -> u32 {
    if any_one(m, a + 1, n - 1) || m[a] > u64::from(limit) {
        limit
    } else {
        m[a] as u32
    }
}

pub(super) fn shl(m: &mut [u64], d: usize, a: usize, width: u32, by: u32) {
    let n = limbs(width);
    let (skip, up) = ((by / 64) as usize, by % 64);
    for i in (0..n).rev() {
        let low = |k: usize| if k <= i { m[a + i - k] } else { 0 };
        m[d + i] = match up {
            0 => low(skip),
            _ => low(skip) << up | low(skip + 1) >> (64 - up),
        };
    }
    m[d + n - 1] &= top_mask(width);
}

/// Right shift; filled with the sign when `signed`.
pub(super) fn shr(m: &mut [u64], d: usize, a: usize, width: u32, by: u32, signed: bool) {
    let negative = signed && bit(m, a, width - 1);
    if by >= width {
        m[d..d + limbs(width)].fill(if negative { u64::MAX } else { 0 });
    } else {
        slice(m, d, width - by, a, limbs(width), by);
        let (keep, n) = (limbs(width - by), limbs(width));
        m[d + keep..d + n].fill(if negative { u64::MAX } else { 0 });
        if negative {
            m[d + keep - 1] |= !top_mask(width - by);
        }
    }
    m[d + limbs(width) - 1] &= top_mask(width);
}

/// `width` bits from bit `low` of a value of `from` limbs.
pub(super) fn slice(m: &mut [u64], d: usize, width: u32, a: usize, from: usize, low: u32) {
    let n = limbs(width);
    let (skip, down) = ((low / 64) as usize, low % 64);
    for i in 0..n {
        let at = |k: usize| if k < from { m[a + k] } else { 0 };
        m[d + i] = match down {
            0 => at(i + skip),
            _ => at(i + skip) >> down | at(i + skip + 1) << (64 - down),
        };
    }
    m[d + n - 1] &= top_mask(width);
}

/// Puts a value of `width` bits at bit `low` of a destination whose bits from there on are zero.
pub(super) fn insert(m: &mut [u64], d: usize, low: u32, a: usize, width: u32) {
    let (skip, up) = ((low / 64) as usize, low % 64);
    let last = ((low + width - 1) / 64) as usize;
    for i in 0..limbs(width) {
        let (v, at) = (m[a + i], skip + i);
        m[d + at] |= v << up;
        if up > 0 && at < last {
            m[d + at + 1] |= v >> (64 - up);
        }
    }
}
