//! Golden model of the multiply-accumulate array.

use super::PeParams;
use crate::fault::OperandFault;

/// Checks in the order of the unit: rows, len, n, then the packet.
fn check(
    p: &PeParams,
    packet: &[u8],
    rows: usize,
    (n, max_n): (u32, u32),
    (len, max_len): (u32, u32),
) -> Result<(), OperandFault> {
    if rows == 0 || rows > p.rows as usize {
        return Err(OperandFault::Operand(rows as u32));
    }
    if len == 0 || len > max_len || !len.is_multiple_of(p.macs()) {
        return Err(OperandFault::Operand(len));
    }
    if n == 0 || n > max_n {
        return Err(OperandFault::Operand(n));
    }
    if (packet.len() as u64) < u64::from(n) * u64::from(len) {
        return Err(OperandFault::StreamShort);
    }
    Ok(())
}

/// An activation: -128 is no code.
fn code(x: i8) -> i32 {
    i32::from(x).max(-127)
}

fn vectors(packet: &[u8], n: u32, len: u32) -> impl Iterator<Item = &[u8]> {
    packet.chunks(len as usize).take(n as usize)
}

/// `pedot`: for each row of activations (`len` codes, missing ones zero) its dot products with the packet's `n` vectors.
///
/// # Errors
/// As the unit.
pub fn pedot(
    p: &PeParams,
    packet: &[u8],
    acts: &[Vec<i8>],
    n: u32,
    len: u32,
) -> Result<Vec<Vec<i32>>, OperandFault> {
    check(p, packet, acts.len(), (n, u32::MAX), (len, p.max_len))?;
    let dot = |row: &[i8], v: &[u8]| {
        let terms = row.iter().zip(v);
        terms
            .map(|(&a, &w)| code(a) * i32::from(w.cast_signed()))
            .sum()
    };
    Ok(acts
        .iter()
        .map(|row| vectors(packet, n, len).map(|v| dot(row, v)).collect())
        .collect())
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
    check(p, packet, codes.len(), (n, p.max_count), (len, p.max_axpy))?;
    Ok(codes
        .iter()
        .map(|row| {
            let mut sums = vec![0i32; len as usize];
            for (&p, v) in row.iter().zip(vectors(packet, n, len)) {
                for (s, &w) in sums.iter_mut().zip(v) {
                    *s += code(p) * i32::from(w.cast_signed());
                }
            }
            sums
        })
        .collect())
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
        let dots = pedot(&p, &packet, &acts, 2, 8).unwrap();
        assert_eq!(dots, [[5 - 12 - 7, -640 - 18], [-127 + 2, 127 * 128 + 3]]);
        let sums = peaxpy(&p, &packet, &[vec![10, 1]], 2, 8).unwrap();
        assert_eq!(sums, [[10 - 128, 20 + 3, -10, 0, 0, 0, 0, 0]]);
    }

    #[test]
    fn faults() {
        let p = PeParams::new(&MachineParams::tiny());
        let row = || vec![1i8; 8];
        let run = |rows: usize, n, len| pedot(&p, &[0; 64], &vec![row(); rows], n, len).err();
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
