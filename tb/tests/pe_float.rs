//! Float units of the array, natively and in Verilator, against their golden functions under random stalls.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::Arc;

use hw::num::{CORNERS, F32};
use hw::pe::float::golden::{self, Accumulator, Beat};
use hw::pe::float::{
    ACCUMULATE_LATENCY, AccumulateParams, AlignParams, CONVERT_LATENCY, FloatFormat, Formats,
    HELD_BITS, NORMALISE_LATENCY, STREAM_BITS, StreamKind, StreamParams, accumulate, align,
    convert, normalise, stream_align,
};
use hw::rtl::{Design, Module, NativeSim, Port, PortDir};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::{BuildSpec, Model, PortSpec, Sim};

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Values of some ports, in the order of their names.
type Values = Vec<BigUint>;

/// A simulation of either kind.
enum Either {
    Native(Box<NativeSim>),
    Verilator(Sim),
}

impl Either {
    fn native(module: &Arc<Module>) -> Either {
        let mut sim = NativeSim::new(module).unwrap();
        sim.scramble(1);
        Either::Native(Box::new(sim))
    }

    /// A lint warning fails the build.
    fn verilator(module: &Arc<Module>) -> Either {
        let files = Design::new(module).unwrap().emit("");
        let port = |p: &Port| match p.dir {
            PortDir::Input => PortSpec::input(&p.name, p.ty.width),
            PortDir::Output => PortSpec::output(&p.name, p.ty.width),
        };
        let spec = BuildSpec {
            top: module.name.clone(),
            files: files.into_iter().map(|f| (f.name, f.text)).collect(),
            ports: module.ports.iter().map(port).collect(),
            ..BuildSpec::default()
        };
        Either::Verilator(Sim::new(&Model::build(&spec).unwrap()).unwrap())
    }

    /// One cycle: what the outputs were before its edge.
    fn cycle(&mut self, inputs: &[(&str, BigUint)], outputs: &[&str]) -> Values {
        match self {
            Either::Native(sim) => {
                for (name, value) in inputs {
                    sim.set_wide(name, value);
                }
                let got = outputs.iter().map(|name| sim.get_wide(name)).collect();
                sim.tick("clk");
                got
            }
            Either::Verilator(sim) => {
                for (name, value) in inputs {
                    let port = sim.port(name).unwrap();
                    let mut words = value.to_u32_digits();
                    words.resize(tb::sim::words(port.width()), 0);
                    sim.set_wide(port, &words);
                }
                sim.tick().unwrap();
                let get = |name: &&str| {
                    let port = sim.port(name).unwrap();
                    BigUint::from_slice(sim.get_wide(port))
                };
                outputs.iter().map(get).collect()
            }
        }
    }
}

/// Feeds `operands` and checks, before every edge, that the outputs hold the golden result of the operands accepted
/// `latency` enabled edges ago, also through stalls.
fn check(
    mut sim: Either,
    latency: u32,
    (inputs, outputs): (&[&str], &[&str]),
    operands: &[Values],
    mut golden: impl FnMut(&Values) -> Option<Values>,
) {
    let mut rng = rng(7);
    let mut inside = VecDeque::new();
    let mut visible: Option<(&Values, Option<Values>)> = None;
    let drain = std::iter::repeat_n(&operands[0], latency as usize + 1);
    for x in operands.iter().chain(drain) {
        let stalls = match rng.random_range(0..4) {
            0 => rng.random_range(1..3),
            _ => 0,
        };
        for stalled in (0..=stalls).map(|k| k < stalls) {
            let mut driven = vec![("en", BigUint::from(u32::from(!stalled)))];
            for (&name, value) in inputs.iter().zip(x) {
                // Other operands at the ports while the pipeline stands.
                let other = &operands[rng.random_range(0..operands.len())];
                let place = driven.len() - 1;
                let value = if stalled { &other[place] } else { value };
                driven.push((name, value.clone()));
            }
            let got = sim.cycle(&driven, outputs);
            if let Some((x, Some(want))) = &visible {
                assert_eq!(&got, want, "{outputs:?} of {inputs:?} {x:x?}");
            }
        }
        inside.push_back((x, golden(x)));
        if inside.len() == latency as usize {
            visible = inside.pop_front();
        }
    }
}

/// Elements of `width` bits side by side, the first lowest.
fn pack(elements: impl IntoIterator<Item = i64>, width: u32) -> BigUint {
    let mask = u64::MAX >> (64 - width);
    let mut word = BigUint::ZERO;
    for (k, x) in elements.into_iter().enumerate() {
        word |= BigUint::from(x as u64 & mask) << (k * width as usize);
    }
    word
}

fn bit(x: bool) -> BigUint {
    u32::from(x).into()
}

/// Blocks in which exponents are the same, near each other or anywhere, with zeros, subnormals and, rarely, infinities.
fn blocks(format: FloatFormat, lanes: usize, count: usize, seed: u64) -> Vec<Vec<u16>> {
    let mut rng = rng(seed);
    let (bits, fraction) = (format.exponent_bits(), format.fraction_bits());
    let infinite = (1i32 << bits) - 1;
    let mut blocks = vec![
        vec![0; lanes],
        vec![0x8000; lanes],
        vec![0xffff; lanes],
        vec![(1 << fraction) - 1; lanes],
        vec![(1 << fraction) | 0x8000; lanes],
    ];
    // One lane differs: every lane finds the largest exponent, and every distance occurs.
    for k in 0..lanes * infinite as usize {
        let mut block = vec![1 << fraction | 0x8001; lanes];
        block[k % lanes] = ((k / lanes) as u16) << fraction;
        blocks.push(block);
    }
    for _ in 0..count {
        let centre = rng.random_range(0..infinite);
        let spread = [0, 1, 4, 12, 40, 300][rng.random_range(0..6)];
        let mut lane = || {
            let field = centre + rng.random_range(-spread..=spread);
            let most = infinite - i32::from(rng.random_range(0..50) > 0);
            let field = (field.clamp(0, most) as u16) << fraction;
            let low = [0, 1, u16::MAX][rng.random_range(0..3)] | rng.random::<u16>();
            field | (low & ((1 << fraction) - 1)) | (rng.random::<u16>() & 0x8000)
        };
        blocks.push((0..lanes).map(|_| lane()).collect());
    }
    blocks
}

fn check_align(p: AlignParams, sim: fn(&Arc<Module>) -> Either, count: usize) {
    let mut operands: Vec<Values> = Vec::new();
    for &format in p.formats.list() {
        for block in blocks(format, p.lanes as usize, count, 3) {
            let lanes = pack(block.iter().map(|&x| x.into()), 16);
            operands.push(vec![lanes, (format as u32).into()]);
        }
    }
    // The formats change from beat to beat.
    let mut rng = rng(4);
    for k in (1..operands.len()).rev() {
        operands.swap(k, rng.random_range(0..=k));
    }
    let golden = |x: &Values| {
        let format = FloatFormat::ALL[usize::from(x[1] != BigUint::ZERO)];
        let mut bytes = x[0].to_bytes_le();
        bytes.resize(2 * p.lanes as usize, 0);
        let lanes = bytes.chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let lanes: Vec<u16> = lanes.collect();
        let block = golden::align(format, p.magnitude_bits, &lanes);
        Some(vec![
            pack(block.integers, p.magnitude_bits + 1),
            pack([block.exponent.into()], 8),
            bit(block.zero),
            bit(block.poison),
        ])
    };
    let inputs: &[&str] = match p.formats {
        Formats::Both => &["x", "format"],
        _ => &["x"],
    };
    let ports = (inputs, &["y", "exponent", "zero", "poison"][..]);
    let module = align(&p).unwrap();
    check(sim(&module), p.latency(), ports, &operands, golden);
}

#[test]
fn align_equals_golden() {
    for formats in Formats::ALL {
        for (lanes, magnitude_bits) in [
            (2, 13),
            (5, 14),
            (4, 15),
            (2, 16),
            (3, 17),
            (7, 26),
            (16, 17),
            (16, 26),
            (33, 27),
        ] {
            let p = AlignParams {
                lanes,
                magnitude_bits,
                formats,
            };
            check_align(p, Either::native, 3_000);
        }
    }
    for magnitude_bits in [STREAM_BITS, HELD_BITS] {
        let p = AlignParams {
            lanes: 16,
            magnitude_bits,
            formats: Formats::Both,
        };
        check_align(p, Either::verilator, 50_000);
    }
}

fn check_stream(p: &StreamParams, sim: fn(&Arc<Module>) -> Either, count: usize) {
    let mut rng = rng(5);
    let bytes = p.bus_bits as usize / 8;
    let floats = FloatFormat::ALL.map(|f| blocks(f, bytes / 2, count, 6));
    let beat = |k: usize, rng: &mut ChaCha8Rng| {
        let kind = p.kinds[rng.random_range(0..p.kinds.len())];
        let data = match kind.float() {
            Some(f) => {
                let block = &floats[f as usize][k % floats[f as usize].len()];
                pack(block.iter().map(|&x| x.into()), 16)
            }
            None => pack((0..bytes).map(|_| rng.random::<i8>().into()), 8),
        };
        vec![data, kind.code().into()]
    };
    let operands: Vec<Values> = (0..2 * count).map(|k| beat(k, &mut rng)).collect();
    let golden = |x: &Values| {
        let kind = StreamKind::ALL[x[1].iter_u32_digits().next().unwrap_or(0) as usize];
        let mut beat = x[0].to_bytes_le();
        beat.resize(bytes, 0);
        let got = golden::stream_align(kind, &beat);
        let mut want = vec![
            pack(got.b0, 18),
            pack([got.exponent.into()], 8),
            bit(got.zero),
            bit(got.poison),
        ];
        want.extend(p.two_sets().then(|| pack(got.b1, 18)));
        Some(want)
    };
    let inputs = &["x", "kind"][..p.kinds.len().min(2)];
    let outputs = &["b0", "exponent", "zero", "poison", "b1"][..4 + usize::from(p.two_sets())];
    let module = stream_align(p).unwrap();
    check(
        sim(&module),
        p.latency(),
        (inputs, outputs),
        &operands,
        golden,
    );
}

#[test]
fn stream_align_equals_golden() {
    for set in 1..64 {
        let chosen = |k: &StreamKind| set >> k.code() & 1 == 1;
        let p = StreamParams {
            bus_bits: 64,
            kinds: StreamKind::ALL.into_iter().filter(chosen).collect(),
        };
        check_stream(&p, Either::native, 500);
    }
    let p = StreamParams {
        bus_bits: 128,
        kinds: StreamKind::ALL.to_vec(),
    };
    check_stream(&p, Either::verilator, 30_000);
}

#[test]
fn convert_equals_golden() {
    let mut rng = rng(8);
    for formats in Formats::ALL {
        let mut numbers: Vec<u32> = CORNERS.iter().flat_map(|&x| [x, x | 1 << 31]).collect();
        for _ in 0..40_000 {
            // Half of them where a rounding is a tie or next to one, or at the ends of fp16.
            let bits: u32 = rng.random();
            numbers.push(bits);
            let near = [111, 112, 113, 142, 143][rng.random_range(0..5)] << 23;
            let fraction = (bits & 0x007f_e000)
                | [0, 1, 0xfff, 0x1000, 0x1001, 0x1fff][rng.random_range(0..6)];
            numbers.push(bits & (1 << 31) | near | fraction);
            numbers.push(bits & 0xffff_0000 | [0x7fff, 0x8000, 0x8001][rng.random_range(0..3)]);
        }
        let operands: Vec<Values> = numbers
            .iter()
            .map(|&x| {
                let format = formats.list()[rng.random_range(0..formats.list().len())];
                vec![x.into(), (format as u32).into()]
            })
            .collect();
        let golden = |x: &Values| {
            let bits = x[0].iter_u32_digits().next().unwrap_or(0);
            let format = FloatFormat::ALL[usize::from(x[1] != BigUint::ZERO)];
            Some(vec![golden::convert(format, F32(bits)).into()])
        };
        let inputs = &["x", "format"][..formats.list().len()];
        let module = convert(formats).unwrap();
        let sims = match formats {
            Formats::Both => vec![Either::native(&module), Either::verilator(&module)],
            _ => vec![Either::native(&module)],
        };
        for sim in sims {
            check(sim, CONVERT_LATENCY, (inputs, &["y"]), &operands, golden);
        }
    }
}

#[test]
fn accumulate_equals_golden() {
    let mut rng = rng(9);
    for max_beats in [2, 64, 1000] {
        let p = AccumulateParams { max_beats };
        let (mut operands, mut wants) = (Vec::new(), Vec::new());
        let mut so_far: Option<Accumulator> = None;
        while operands.len() < 60_000 {
            let spread = [0, 5, 20, 100][rng.random_range(0..4)];
            let centre = rng.random_range(-200..200);
            let extreme = rng.random_range(0..8) == 0;
            let beats = rng.random_range(1..=max_beats);
            let mut sent = 0;
            while sent < beats {
                let valid = rng.random_range(0..6) > 0;
                let small = rng.random::<i64>() >> rng.random_range(17..64);
                let beat = Beat {
                    sum: if extreme { -1 << 47 } else { small },
                    exponent: (centre + rng.random_range(-spread..=spread)).clamp(-255, 255),
                    zero: rng.random_range(0..6) == 0,
                    poison: rng.random_range(0..100) == 0,
                };
                let first = if valid { sent == 0 } else { rng.random() };
                if valid {
                    let before = so_far.filter(|_| !first).unwrap_or_default();
                    so_far = Some(before.plus(beat));
                    sent += 1;
                }
                operands.push(vec![
                    bit(valid),
                    bit(first),
                    bit(beat.zero),
                    bit(beat.poison),
                    pack([beat.exponent.into()], 9),
                    pack([beat.sum], 48),
                ]);
                wants.push(so_far.map(|total| {
                    vec![
                        pack([total.sum as i64], p.sum_bits()),
                        pack([total.scale.into()], 5),
                        bit(total.poison),
                    ]
                }));
            }
        }
        let inputs = ["valid", "first", "zero", "poison", "exponent", "p"];
        let ports = (&inputs[..], &["sum", "scale", "sum_poison"][..]);
        let module = accumulate(&p).unwrap();
        let sims = match max_beats {
            64 => vec![Either::native(&module), Either::verilator(&module)],
            _ => vec![Either::native(&module)],
        };
        for sim in sims {
            let mut wants = wants.iter();
            let golden = |_: &Values| wants.next().cloned().flatten();
            check(sim, ACCUMULATE_LATENCY, ports, &operands, golden);
        }
    }
}

#[test]
fn normalise_equals_golden() {
    let mut rng = rng(10);
    for sum_bits in [44, 49, 64] {
        let mut operands = Vec::new();
        for k in 0..100_000 {
            let length = rng.random_range(1..=sum_bits);
            let mut sum = rng.random::<i64>() >> (64 - length);
            // Ties and their neighbours, the ends, powers of two.
            match k % 8 {
                0..3 if length > 26 => {
                    let low = length - 26;
                    sum = (sum >> low << low) + rng.random_range(-1..=1);
                }
                3 => sum = -1 << (length - 1),
                4 => sum = !(-1 << (length - 1)),
                _ => {}
            }
            // Also exponents at both ends of fp32.
            let scale = rng.random_range(-16..16);
            operands.push(vec![
                pack([sum], sum_bits),
                pack([scale], 5),
                bit(rng.random_range(0..20) == 0),
            ]);
        }
        let golden = |x: &Values| {
            let low = |x: &BigUint| x.iter_u64_digits().next().unwrap_or(0) as i64;
            let sum = low(&x[0]) << (64 - sum_bits) >> (64 - sum_bits);
            let scale = (low(&x[1]) << 59 >> 59) as i32;
            let poison = x[2] != BigUint::ZERO;
            Some(vec![golden::normalise(sum.into(), scale, poison).into()])
        };
        let ports = (&["sum", "scale", "poison"][..], &["y"][..]);
        let module = normalise(sum_bits).unwrap();
        let sims = match sum_bits {
            49 => vec![Either::native(&module), Either::verilator(&module)],
            _ => vec![Either::native(&module)],
        };
        for sim in sims {
            check(sim, NORMALISE_LATENCY, ports, &operands, golden);
        }
    }
}
