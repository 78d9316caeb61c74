//! Instructions with their packets, and what becomes of them.

use hw::num::F32;
use hw::params::{MachineParams, Technology};
use hw::pe::float::FloatFormat;
use hw::pe::{PeMode, PeModes, PeParams, golden};
use hw::scratchpad::Scratchpad;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::unit_bench::{End, Unit, WORDS, codes, word};

pub const PEDOT: u32 = 0x40;
pub const PEAXPY: u32 = 0x41;
pub const SRC: u32 = 3;
pub const DST: u32 = 700;

pub fn params(
    technology: Technology,
    (bus_bits, lanes, rows): (u32, u32, u32),
    (max_len, max_count): (u32, u32),
) -> PeParams {
    with_modes(
        PeModes::INT8,
        technology,
        (bus_bits, lanes, rows),
        (max_len, max_count),
    )
}

pub fn with_modes(
    pe_modes: PeModes,
    technology: Technology,
    (bus_bits, lanes, rows): (u32, u32, u32),
    (max_len, max_count): (u32, u32),
) -> PeParams {
    PeParams::new(&MachineParams {
        pe_modes,
        technology,
        bus_bits,
        vec_lanes: lanes,
        pe_rows: rows,
        pe_max_len: max_len,
        pe_max_count: max_count,
        ..MachineParams::tiny()
    })
}

/// One instruction and its packet.
#[derive(Clone, Debug)]
pub struct Op {
    pub opcode: u32,
    pub mode: PeMode,
    pub rows: u32,
    pub n: u32,
    pub len: u32,
    pub src: (u32, u32),
    pub dst: (u32, u32),
    pub packet: Vec<u8>,
}

impl Op {
    /// Random codes, and a few beats more than needed. Strides are that of the vectors and up to two words more.
    pub fn random(p: &PeParams, rng: &mut ChaCha8Rng, opcode: u32, shape: (u32, u32, u32)) -> Op {
        Op::of_mode(p, rng, (opcode, PeMode::Int8), shape)
    }

    pub fn of_mode(
        p: &PeParams,
        rng: &mut ChaCha8Rng,
        (opcode, mode): (u32, PeMode),
        (rows, n, len): (u32, u32, u32),
    ) -> Op {
        let extra = rng.random_range(0..4) * p.macs();
        let bytes = (u64::from(n) * mode.bytes(len)) as usize + extra as usize;
        let packet = match mode.stream().float() {
            Some(format) => {
                let floats = (0..bytes / 2).map(|_| streamed(rng, format));
                floats.flat_map(u16::to_le_bytes).collect()
            }
            None => codes(rng, bytes)
                .iter()
                .map(|c| c.cast_unsigned())
                .collect(),
        };
        let mut op = Op {
            opcode,
            mode,
            rows,
            n,
            len,
            src: (SRC, 0),
            dst: (DST, 0),
            packet,
        };
        let in_word = if mode.format().is_some() { 1 } else { 4 } * p.lanes;
        op.src.1 = op.width().div_ceil(in_word) + rng.random_range(0..3);
        op.dst.1 = op.results().div_ceil(p.lanes) + rng.random_range(0..3);
        op
    }

    /// Codes of a row.
    fn width(&self) -> u32 {
        if self.opcode == PEDOT {
            self.len
        } else {
            self.n
        }
    }

    /// Results of a row.
    fn results(&self) -> u32 {
        if self.opcode == PEDOT {
            self.n
        } else {
            self.len
        }
    }

    pub fn word(&self) -> [u32; 8] {
        let head = self.opcode | (self.rows - 1) << 8 | self.mode.code() << 12 | 0x0bad_0000;
        word(
            head,
            [
                self.dst.0, self.src.0, self.n, self.len, self.dst.1, self.src.1, 99,
            ],
        )
    }

    pub fn golden(&self, p: &PeParams, pad: &mut Scratchpad) {
        let (n, len, width) = (self.n, self.len, self.width() as usize);
        let rows = (0..self.rows).map(|r| self.src.0 + r * self.src.1);
        let y: Vec<Vec<i32>> = if let Some(format) = self.mode.format() {
            let row = |at| {
                pad.read_u32s(at, width)
                    .unwrap()
                    .into_iter()
                    .map(F32)
                    .collect()
            };
            let acts: Vec<Vec<F32>> = rows.map(row).collect();
            let mode = (self.mode, format);
            let y = golden::pedot_float(p, mode, &self.packet, &acts, n, len).unwrap();
            let signed = |y: &Vec<u32>| y.iter().map(|x| x.cast_signed()).collect();
            y.iter().map(signed).collect()
        } else {
            let acts: Vec<Vec<i8>> = rows.map(|at| pad.read_i8s(at, width).unwrap()).collect();
            let y = match self.opcode {
                PEDOT => golden::pedot(p, self.mode, &self.packet, &acts, n, len),
                _ => golden::peaxpy(p, &self.packet, &acts, n, len),
            };
            y.unwrap()
        };
        for (r, row) in (0..).zip(&y) {
            pad.write_i32s(self.dst.0 + r * self.dst.1, row).unwrap();
        }
    }
}

/// A 16-bit float near one, now and then anything.
fn streamed(rng: &mut ChaCha8Rng, format: FloatFormat) -> u16 {
    let bits: u16 = rng.random();
    let fraction = format.fraction_bits();
    match rng.random_range(0..4000) {
        0 => bits | ((1 << format.exponent_bits()) - 1) << fraction,
        1..10 => bits,
        10..200 => 0,
        _ => {
            let exponent = format.bias() as u16 - rng.random_range(0..6);
            bits & (0x8000 | ((1 << fraction) - 1)) | exponent << fraction
        }
    }
}

/// Activations of floats where an instruction reads them; noise stays around them, and now and then within.
pub fn activations(unit: &mut Unit, p: &PeParams, rng: &mut ChaCha8Rng, op: &Op) {
    if op.mode.format().is_none() {
        return;
    }
    for r in 0..op.rows {
        for w in 0..op.len.div_ceil(p.lanes) {
            let number = |rng: &mut ChaCha8Rng| match rng.random_range(0..60) {
                0 => rng.random(),
                1 => 0,
                _ => ((rng.random::<f32>() - 0.5) * 2f32.powi(rng.random_range(-9..3))).to_bits(),
            };
            let word: Vec<u32> = (0..p.lanes).map(|_| number(rng)).collect();
            unit.pad
                .write_word(op.src.0 + r * op.src.1 + w, &word)
                .unwrap();
        }
    }
}

/// Instructions one behind the other; compares the whole scratchpad and returns the cycles.
pub fn run(unit: &mut Unit, p: &PeParams, all: &[Op]) -> u64 {
    let mut want = unit.pad.clone();
    for op in all {
        unit.packet(&op.packet);
        op.golden(p, &mut want);
    }
    let what: Vec<String> = all
        .iter()
        .map(|o| {
            format!(
                "{:#x} {:?} {:?} {:?} {:?}",
                o.opcode,
                o.mode,
                (o.rows, o.n, o.len),
                o.src,
                o.dst
            )
        })
        .collect();
    let words: Vec<[u32; 8]> = all.iter().map(Op::word).collect();
    let End::Done(cycles) = unit.run_all(&words) else {
        panic!("a fault: {what:?}")
    };
    assert_eq!(unit.beats_left(), 0, "packets consumed: {what:?}");
    // A retired instruction's words are all written, and none of the next one's: the trace relies on it.
    let words = all.iter().scan(0, |sum, op| {
        *sum += op.rows * op.results().div_ceil(p.lanes);
        Some(*sum)
    });
    assert_eq!(unit.writes_at_done, words.collect::<Vec<_>>(), "{what:?}");
    for a in 0..WORDS {
        let (got, want) = (unit.pad.word(a).unwrap(), want.word(a).unwrap());
        assert_eq!(got, want, "word {a}: {what:?}");
    }
    cycles
}
