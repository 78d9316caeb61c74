//! The sampler against its golden model, bit for bit.

#![allow(clippy::unwrap_used)]

mod vector_bench;

use hw::isa::Op;
use hw::params::MachineParams;
use hw::sample::golden::Sampler;
use hw::sample::{SampleParams, sample};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vector_bench::{End, Unit, build};

const SRC: u32 = 20;
const INDICES: u32 = 130;
const DST: u32 = 200;
const DST_INDICES: u32 = 260;

struct Bench {
    unit: Unit,
    golden: Sampler,
    rng: ChaCha8Rng,
    lanes: usize,
}

impl Bench {
    fn head(&mut self, op: Op, flags: u32) -> u32 {
        let noise: u32 = self.rng.random();
        u32::from(op.opcode()) | flags << 8 | noise << 16
    }

    /// Writes a vector with noise behind its end.
    fn place(&mut self, base: u32, data: &[u32]) {
        let mut whole: Vec<i32> = data.iter().map(|&w| w as i32).collect();
        let n = whole.len().next_multiple_of(self.lanes);
        whole.resize_with(n, || self.rng.random());
        self.unit.pad.write_i32s(base, &whole).unwrap();
    }

    fn logit(&mut self, kind: u32) -> u32 {
        match kind {
            0 => self.rng.random(),
            // Few values: ties, and zeros of both signs, denormals, numbers beyond the largest.
            1 => [
                0,
                1 << 31,
                5,
                0x4000_0000,
                0xc000_0000,
                0x7fff_ffff,
                0xffff_ffff,
            ][self.rng.random_range(0..7)],
            _ => self.rng.random_range(-9.0f32..9.0).to_bits(),
        }
    }

    fn topk(&mut self, n: usize, k: usize, first: bool, kind: u32) -> u64 {
        let logits: Vec<u32> = (0..n).map(|_| self.logit(kind)).collect();
        let base: u32 = self.rng.random();
        self.place(SRC, &logits);
        let (values, indices) = self.golden.topk(&logits, base, k, first);
        let mut want = self.unit.pad.clone();
        let signed = |v: &[u32]| v.iter().map(|&w| w as i32).collect::<Vec<_>>();
        want.write_i32s(DST, &signed(&values)).unwrap();
        want.write_i32s(DST_INDICES, &signed(&indices)).unwrap();
        let head = self.head(Op::Topk, u32::from(first));
        let fields = [DST, SRC, 7, n as u32, k as u32, base, DST_INDICES];
        let end = self.unit.run(head, fields);
        let End::Done(cycles) = end else {
            panic!("{end:?}")
        };
        assert_eq!(
            self.unit.pad.read_u32s(DST, k).unwrap(),
            values,
            "values of n = {n}, k = {k}, first = {first}"
        );
        assert_eq!(self.unit.pad.read_u32s(DST_INDICES, k).unwrap(), indices);
        assert!(self.unit.pad == want, "a word besides the results differs");
        cycles
    }

    fn seed(&mut self, value: u32) {
        self.golden.seed(value);
        let head = self.head(Op::Seed, 0);
        let before = self.unit.pad.clone();
        let end = self.unit.run(head, [1, value, 2, 3, 0, 5, 6]);
        assert!(matches!(end, End::Done(_)), "{end:?}");
        assert!(self.unit.pad == before, "a seed writes nothing");
    }

    fn draw(&mut self, k: usize, kind: u32) {
        let weight = |rng: &mut ChaCha8Rng| match kind {
            0 => 0,
            1 => rng.random_range(0..3),
            2 => rng.random_range(0..1 << 20),
            // The sum wraps.
            _ => rng.random_range(0..1 << 31),
        };
        let weights: Vec<u32> = (0..k).map(|_| weight(&mut self.rng)).collect();
        let indices: Vec<u32> = (0..k).map(|_| self.rng.random()).collect();
        self.place(SRC, &weights);
        self.place(INDICES, &indices);
        let mut want = self.unit.pad.clone();
        want.write_scalar(DST, self.golden.draw(&weights, &indices))
            .unwrap();
        let head = self.head(Op::Draw, 0);
        let fields = [DST, SRC, INDICES, 3, k as u32, 5, 6];
        let end = self.unit.run(head, fields);
        assert!(matches!(end, End::Done(_)), "{end:?}");
        assert_eq!(
            self.unit.pad.word(DST).unwrap(),
            want.word(DST).unwrap(),
            "draw of {weights:?}"
        );
        assert!(self.unit.pad == want, "a word besides the result differs");
    }

    fn refused(&mut self, op: Op, n: u32, k: u32, info: u32) {
        let before = self.unit.pad.clone();
        let head = self.head(op, 0);
        let fault = End::Fault { cause: 2, info };
        let fields = |n, k| [DST, SRC, INDICES, n, k, 5, DST_INDICES];
        assert_eq!(self.unit.run(head, fields(n, k)), fault);
        // The fault stays, and nothing else begins, until the reset.
        assert_eq!(self.unit.run(head, fields(1, 1)), fault);
        assert!(self.unit.pad == before);
        self.unit.reset();
    }
}

#[test]
fn equals_golden() {
    let p = SampleParams::from(&MachineParams::tiny());
    let (lanes, most) = (p.lanes as usize, p.capacity as usize);
    let model = build(&sample(&p).unwrap());
    let mut b = Bench {
        unit: Unit::new(&model, &["rd"], p.lanes, 3),
        golden: Sampler::new(most),
        rng: ChaCha8Rng::seed_from_u64(4),
        lanes,
    };
    // Before anything was kept, and before any seed.
    b.topk(0, 5, false, 0);
    b.draw(4, 2);
    for stalls in [0, 30, 80] {
        b.unit.stalls = stalls;
        for k in 1..=most {
            for n in [0, 1, 2, lanes - 1, lanes, lanes + 1, 31, 67] {
                let (first, kind) = (b.rng.random_range(0..3) == 0, b.rng.random_range(0..3));
                b.topk(n, k, first, kind);
            }
            for kind in 0..4 {
                b.draw(k, kind);
            }
            let value = b.rng.random_range(0..5) * 0x1234_5677;
            b.seed(value);
            b.draw(k, 2);
        }
    }
    b.unit.stalls = 0;
    let cycles = b.topk(400, 8, true, 2);
    assert!(cycles < 400 + 80, "{cycles} cycles for 400 logits");
    for (op, n, k, info) in [
        (Op::Topk, 8, 0, 0),
        (Op::Topk, 8, p.capacity + 1, p.capacity + 1),
        (Op::Topk, 1 << 18, 4, 1 << 18),
        (Op::Draw, 8, 0, 0),
        (Op::Draw, 8, 1 << 20, 1 << 20),
    ] {
        b.refused(op, n, k, info);
    }
    b.golden = Sampler::new(most);
    b.topk(9, 12, false, 2);
    b.draw(3, 2);
}
