//! Golden model of the multiply-accumulate array.

use super::float::{self, FloatFormat};
use super::{PeMode, PeParams};
use crate::fault::OperandFault;
use crate::num::F32;

/// Checks in the order of the unit: mode, rows, len, n, then the packet.
fn check(
    p: &PeParams,
    mode: PeMode,
    packet: &[u8],
    rows: usize,
    (n, max_n): (u32, u32),
    (len, max_len): (u32, u32),
) -> Result<(), OperandFault> {
    if !p.modes.has(mode) {
        return Err(OperandFault::Mode(mode.code()));
    }
    if rows == 0 || rows > mode.most_rows(p.rows) as usize {
        return Err(OperandFault::Operand(rows as u32));
    }
    if len == 0 || len > max_len || !len.is_multiple_of(p.beat_elements(mode)) {
        return Err(OperandFault::Operand(len));
    }
    if n == 0 || n > max_n {
        return Err(OperandFault::Operand(n));
    }
    if (packet.len() as u64) < u64::from(n) * mode.bytes(len) {
        return Err(OperandFault::StreamShort);
    }
    Ok(())
}

/// An activation: -128 is no code.
fn code(x: i8) -> i32 {
    i32::from(x).max(-127)
}

/// The packet's first `n` vectors of `len` elements: integers, or patterns of 16-bit floats.
fn vectors(p: &PeParams, mode: PeMode, packet: &[u8], n: u32, len: u32) -> Vec<Vec<i16>> {
    let nibble = |x: u8| i16::from((x << 4) as i8 >> 4);
    let beat = |beat: &[u8]| -> Vec<i16> {
        match mode.stream().bits() {
            16 => beat
                .chunks_exact(2)
                .map(|b| i16::from_le_bytes([b[0], b[1]]))
                .collect(),
            8 => beat.iter().map(|&b| i16::from(b as i8)).collect(),
            // The lower nibbles of a beat come before the upper ones.
            _ => {
                let (low, high) = (beat.iter().copied(), beat.iter().map(|b| b >> 4));
                low.chain(high).map(nibble).collect()
            }
        }
    };
    let bytes = mode.bytes(len) as usize;
    let vectors = packet.chunks(bytes).take(n as usize);
    let beats = |v: &[u8]| v.chunks(p.macs() as usize).flat_map(beat).collect();
    vectors.map(beats).collect()
}

/// For each row of activations `dot` of it with each of the packet's `n` vectors.
fn dots<A, Y>(
    p: &PeParams,
    mode: PeMode,
    packet: &[u8],
    acts: &[Vec<A>],
    (n, len): (u32, u32),
    dot: impl Fn(&[A], &[i16]) -> Y,
) -> Result<Vec<Vec<Y>>, OperandFault> {
    check(p, mode, packet, acts.len(), (n, u32::MAX), (len, p.max_len))?;
    let vectors = vectors(p, mode, packet, n, len);
    let row = |row: &Vec<A>| vectors.iter().map(|v| dot(row, v)).collect();
    Ok(acts.iter().map(row).collect())
}

/// `pedot` of codes: for each row of activations (`len` codes, missing ones zero) its dot products with the packet's `n`
/// vectors.
///
/// # Errors
/// As the unit.
pub fn pedot(
    p: &PeParams,
    mode: PeMode,
    packet: &[u8],
    acts: &[Vec<i8>],
    n: u32,
    len: u32,
) -> Result<Vec<Vec<i32>>, OperandFault> {
    dots(p, mode, packet, acts, (n, len), |row, v| {
        let terms = row.iter().zip(v);
        terms.map(|(&a, &w)| code(a) * i32::from(w)).sum()
    })
}

/// `pedot` of floats in `format`, that of `mode`: bits of fp32 results ([`super::float`] says how they are made).
///
/// # Errors
/// As the unit.
pub fn pedot_float(
    p: &PeParams,
    (mode, format): (PeMode, FloatFormat),
    packet: &[u8],
    acts: &[Vec<F32>],
    n: u32,
    len: u32,
) -> Result<Vec<Vec<u32>>, OperandFault> {
    let lanes = p.beat_elements(mode) as usize;
    dots(p, mode, packet, acts, (n, len), |row, v| {
        let elements: Vec<u16> = v.iter().map(|x| x.cast_unsigned()).collect();
        float::golden::dot(format, row, mode.stream(), &elements, lanes)
    })
}

/// `peaxpy`: for each row of codes (`n`, missing ones zero) the sum of the packet's vectors times their codes.
///
/// # Errors
/// As the unit.
pub fn peaxpy(
    p: &PeParams,
    packet: &[u8],
    codes: &[Vec<i8>],
    n: u32,
    len: u32,
) -> Result<Vec<Vec<i32>>, OperandFault> {
    let mode = PeMode::Int8;
    check(
        p,
        mode,
        packet,
        codes.len(),
        (n, p.max_count),
        (len, p.max_axpy),
    )?;
    let vectors = vectors(p, mode, packet, n, len);
    let sum = |row: &Vec<i8>| {
        let mut sum = vec![0i32; len as usize];
        for (&c, v) in row.iter().zip(&vectors) {
            for (s, &w) in sum.iter_mut().zip(v) {
                *s += code(c) * i32::from(w);
            }
        }
        sum
    };
    Ok(codes.iter().map(sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::MachineParams;

    #[test]
    fn small_products_by_hand() {
        let p = PeParams::new(&MachineParams::tiny());
        let mut packet = vec![0u8; 64];
        packet[..3].copy_from_slice(&[1, 2, 0xff]);
        packet[8..10].copy_from_slice(&[0x80, 3]);
        // -128 is no code and counts as -127; of the packet it is a number.
        let acts = vec![vec![5, -6, 7], vec![-128, 1, 0]];
        let dots = pedot(&p, PeMode::Int8, &packet, &acts, 2, 8).unwrap();
        assert_eq!(dots, [[5 - 12 - 7, -640 - 18], [-127 + 2, 127 * 128 + 3]]);
        let sums = peaxpy(&p, &packet, &[vec![10, 1]], 2, 8).unwrap();
        assert_eq!(sums, [[10 - 128, 20 + 3, -10, 0, 0, 0, 0, 0]]);
    }

    #[test]
    fn faults() {
        let p = PeParams::new(&MachineParams::tiny());
        let row = || vec![1i8; 8];
        let run = |rows: usize, n, len| {
            pedot(&p, PeMode::Int8, &[0; 64], &vec![row(); rows], n, len).err()
        };
        assert_eq!(run(1, 8, 8), None);
        assert_eq!(run(1, 9, 8), Some(OperandFault::StreamShort));
        assert_eq!(run(4, 1, 8), Some(OperandFault::Operand(4)));
        assert_eq!(run(1, 1, 9), Some(OperandFault::Operand(9)));
        assert_eq!(run(1, 1, 200), Some(OperandFault::Operand(200)));
        assert_eq!(run(1, 0, 8), Some(OperandFault::Operand(0)));
        let many = peaxpy(&p, &vec![0; 8 * 257], &[row()], 257, 8);
        assert_eq!(many, Err(OperandFault::Operand(257)));
        let long = peaxpy(&p, &[0; 200], &[row()], 1, 200);
        assert_eq!(long, Err(OperandFault::Operand(200)));
    }
}
