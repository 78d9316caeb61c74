use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::params::MachineParams;
use crate::tlmm::pack::{PackError, base3_byte, pack_matrix, packet_bytes};

fn random_trits(rng: &mut ChaCha8Rng, format: WeightFormat, rows: usize, cols: usize) -> Vec<i8> {
    (0..rows)
        .flat_map(|_| {
            let mut row = Vec::new();
            while row.len() < cols {
                row.extend(index_trits(format, rng.random_range(0..codes(format))));
            }
            row.truncate(cols);
            row
        })
        .collect()
}

/// Codes listed in papers.md 5.2, sign 0, as lanes 0..4.
const SHERRY: [&str; 16] = [
    "0+++", "0+-+", "0++-", "0+--", "+0++", "+0-+", "+0+-", "+0--", "++0+", "+-0+", "++0-", "+-0-",
    "+++0", "+-+0", "++-0", "+--0",
];

#[test]
fn codes_are_those_of_the_papers() {
    for (slot, text) in SHERRY.iter().enumerate() {
        let lanes: Vec<i8> = text
            .bytes()
            .map(|c| match c {
                b'+' => 1,
                b'-' => -1,
                _ => 0,
            })
            .collect();
        assert_eq!(sherry_trits(slot as u8).to_vec(), lanes, "slot {slot}");
        let negated: Vec<i8> = lanes.iter().map(|w| -w).collect();
        assert_eq!(sherry_trits(slot as u8 | 16).to_vec(), negated);
    }
    assert_eq!(g3_trits(13), [-1, 1, 1]);
    assert_eq!(g3_trits(26), [1, -1, -1]);
    assert_eq!(g3_trits(31), [0, 0, 0]);
}

#[test]
fn every_legal_group_has_one_index_and_back() {
    for (format, legal) in [
        (WeightFormat::G3, 27),
        (WeightFormat::Sherry, 32),
        (WeightFormat::TwoBit, 3),
    ] {
        let mut seen = std::collections::BTreeSet::new();
        for i in 0..legal {
            let trits = index_trits(format, i);
            assert_eq!(trits_index(format, &trits), Some(i));
            seen.insert(trits);
        }
        assert_eq!(seen.len(), usize::from(legal), "{format:?}");
    }
    assert_eq!(trits_index(WeightFormat::Sherry, &[0, 0, 1, 1]), None);
}

#[test]
fn base3_bytes_are_five_weights_and_spare_codes_are_zeros() {
    for byte in 0..=255u8 {
        let trits = base3_trits(byte);
        let back = if byte < 243 { byte } else { 121 };
        assert_eq!(base3_byte(&trits), back);
    }
    assert_eq!(base3_trits(121), [0; 5]);
    assert_eq!(base3_trits(0), [-1; 5]);
    assert_eq!(base3_trits(2), [1, -1, -1, -1, -1]);
}

fn formats() -> Vec<TlmmParams> {
    let mut all = vec![
        TlmmParams::new(&MachineParams::tiny()),
        TlmmParams::new(&MachineParams::tiny_sherry()),
    ];
    let mut g3 = all[0].clone();
    g3.dram = DramFormat::G3;
    g3.groups = 5;
    g3.rows = 3;
    g3.batch = 3;
    all.push(g3);
    for dram in [DramFormat::TwoBit, DramFormat::Base3] {
        let mut two_bit = all[0].clone();
        (two_bit.format, two_bit.dram) = (WeightFormat::TwoBit, dram);
        two_bit.groups = 20;
        all.push(two_bit);
    }
    all
}

#[test]
fn packed_matrix_times_vector_is_the_product() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for p in formats() {
        for (rows, cols) in [(1, 1), (4, 24), (7, 50), (33, 97), (12, 480)] {
            let w = random_trits(&mut rng, p.format, rows, cols);
            let packed = pack_matrix(&p, &w, rows, cols).unwrap();
            assert_eq!(packed.bytes.len() % 64, 0);
            assert_eq!(packed.bytes.len(), packet_bytes(&p, rows, cols));
            let vectors: Vec<Vec<i8>> = (0..p.batch)
                .map(|_| (0..cols).map(|_| rng.random_range(-128..=127)).collect())
                .collect();
            let sums = gemv(&p, &packed.bytes, &vectors, cols as u32, packed.nt).unwrap();
            for (x, y) in vectors.iter().zip(&sums) {
                for (r, row) in w.chunks(cols).enumerate() {
                    let terms = row.iter().zip(x);
                    let want: i32 = terms.map(|(&w, &x)| i32::from(w) * i32::from(x)).sum();
                    assert_eq!(y[r], want, "{p:?} {rows}x{cols} row {r}");
                }
            }
        }
    }
}

#[test]
fn activations_past_k_do_not_count() {
    for p in formats() {
        let w = random_trits(&mut ChaCha8Rng::seed_from_u64(2), p.format, 5, 13);
        let packed = pack_matrix(&p, &w, 5, 13).unwrap();
        let run = |x: &[i8]| gemv(&p, &packed.bytes, &[x.to_vec()], 13, packed.nt).unwrap();
        assert_eq!(run(&[3; 13]), run(&[[3; 13], [9; 13]].concat()));
    }
}

#[test]
fn effective_bits_are_near_the_format_when_tiles_divide() {
    let ideal = [1.6, 1.25, 5.0 / 3.0, 2.0, 1.6];
    for (p, ideal) in formats().iter().zip(ideal) {
        let (rows, cols) = (p.rows as usize * 32, p.tile_k() as usize * 4);
        let w = random_trits(&mut ChaCha8Rng::seed_from_u64(3), p.format, rows, cols);
        let packed = pack_matrix(p, &w, rows, cols).unwrap();
        assert_eq!(packed.pad_weights, 0);
        let bits = packed.bits_per_weight();
        assert!(bits >= ideal && bits < ideal * 1.03, "{bits} for {ideal}");
    }
}

#[test]
fn faults_and_errors_say_what_is_wrong() {
    let p = TlmmParams::new(&MachineParams::tiny_sherry());
    let short = gemv(&p, &[0; 64], &[vec![1; 32]], 32, 100);
    assert_eq!(short, Err(OperandFault::StreamShort));
    let ok = |k, nt| gemv(&p, &[0; 64], &[vec![1; 32]], k, nt);
    assert_eq!(ok(0, 1), Err(OperandFault::Operand(0)));
    assert_eq!(ok(481, 1), Err(OperandFault::Operand(481)));
    assert_eq!(ok(32, 257), Err(OperandFault::Operand(257)));
    let two = gemv(&p, &[0; 64], &[vec![1; 32], vec![1; 32]], 32, 1);
    assert_eq!(two, Err(OperandFault::Operand(1)));
    assert!(matches!(
        pack_matrix(&p, &[1, 0, 0, 1], 1, 4),
        Err(PackError::NoCode { row: 0, col: 0, .. })
    ));
    assert!(matches!(
        pack_matrix(&p, &[1, 0, 2, 1], 2, 2),
        Err(PackError::NotTernary {
            value: 2,
            row: 1,
            col: 0
        })
    ));
    assert!(matches!(
        pack_matrix(&p, &[1, 0], 2, 2),
        Err(PackError::Shape { .. })
    ));
}

/// Shapes of BitNet 0.7B, layer by layer: padding to tiles and to 64 bytes, and the eight scales of a layer (a word of 64 bytes
/// each), are all that is added to the format.
#[test]
fn a_real_layer_is_packed_without_slack() {
    const LAYER: [(usize, usize); 7] = [
        (1536, 1536),
        (1536, 1536),
        (1536, 1536),
        (1536, 1536),
        (4096, 1536),
        (4096, 1536),
        (1536, 4096),
    ];
    let weights: usize = LAYER.iter().map(|(n, k)| n * k).sum();
    for (format, dram, most) in [
        (WeightFormat::G3, DramFormat::Base3, 1.65),
        (WeightFormat::TwoBit, DramFormat::Base3, 1.65),
        (WeightFormat::Sherry, DramFormat::Sherry, 1.30),
    ] {
        let mut p = TlmmParams::new(&MachineParams::tiny_uscale());
        (p.format, p.dram, p.groups) = (format, dram, 64);
        let bytes: usize = LAYER.iter().map(|&(n, k)| packet_bytes(&p, n, k)).sum();
        let bits = (bytes + 8 * 64) as f64 * 8.0 / weights as f64;
        assert!(bits <= most, "{format:?}: {bits} bits a weight");
    }
}
