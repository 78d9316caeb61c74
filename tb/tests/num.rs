//! Float units in Verilator against their golden functions, bit for bit, under random stalls.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::Arc;

use hw::num::golden::{add, from_i32, mul, to_i8, to_i32};
use hw::num::golden_func::func;
use hw::num::table::Func;
use hw::num::{
    ADD_LATENCY, CORNERS, F32, FROM_I32_LATENCY, FUNC_LATENCY, MUL_LATENCY, TO_INT_LATENCY, fp_add,
    fp_from_i32, fp_func, fp_mul, fp_to_int,
};
use hw::rtl::{Design, Module, Port, PortDir};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::{BuildSpec, Model, PortSpec, Sim};

/// Random operands a unit; corners come on top.
const VECTORS: usize = 300_000;

fn corners() -> impl Iterator<Item = u32> + Clone {
    CORNERS
        .into_iter()
        .flat_map(|bits| [bits, bits | (1 << 31)])
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(20_250_711)
}

/// Verilates a unit; a lint warning fails the build.
fn build(module: &Arc<Module>) -> Sim {
    let design = Design::new(module).unwrap();
    let files = design.emit("").into_iter().map(|f| (f.name, f.text));
    let port = |p: &Port| match p.dir {
        PortDir::Input => PortSpec::input(&p.name, p.ty.width),
        PortDir::Output => PortSpec::output(&p.name, p.ty.width),
    };
    let spec = BuildSpec {
        top: module.name.clone(),
        files: files.collect(),
        ports: module.ports.iter().map(port).collect(),
        ..BuildSpec::default()
    };
    Sim::new(&Model::build(&spec).unwrap()).unwrap()
}

/// Feeds `operands` (one value for each of the input ports) and checks, before every edge, that the output
/// ports hold the golden result of the operands accepted `latency` enabled edges ago, also through stalls.
fn check<const I: usize, const O: usize>(
    module: Arc<Module>,
    latency: u32,
    (inputs, outputs): ([&str; I], [&str; O]),
    operands: impl Iterator<Item = [u32; I]>,
    golden: impl Fn([u32; I]) -> [u32; O],
) {
    let mut sim = build(&module);
    let mut rng = rng();
    let en = sim.port("en").unwrap();
    let inputs = inputs.map(|name| sim.port(name).unwrap());
    let outputs = outputs.map(|name| sim.port(name).unwrap());
    let masks = outputs.map(|port| u32::MAX >> (32 - port.width()));
    let mut inside = VecDeque::new();
    let mut visible: Option<([u32; I], [u32; O])> = None;
    let mut checked = 0u64;
    // Extra operands at the end push the last ones out.
    let drain = std::iter::repeat_n([0; I], latency as usize + 1);
    for x in operands.chain(drain) {
        // A third of the operands wait, with garbage at the ports while the pipeline stands.
        let stalls = match rng.random_range(0..3) {
            0 => rng.random_range(1..4),
            _ => 0,
        };
        for stalled in (0..=stalls).map(|k| k < stalls) {
            sim.set(en, u64::from(!stalled));
            for (&port, &value) in inputs.iter().zip(&x) {
                let value = if stalled { rng.random() } else { value };
                sim.set(port, u64::from(value));
            }
            sim.tick().unwrap();
            if let Some((x, want)) = visible {
                let got = outputs.map(|port| sim.get(port) as u32);
                assert_eq!(got, want, "{} of {x:08x?}, want {want:08x?}", module.name);
                checked += 1;
            }
        }
        let mut result = golden(x);
        result
            .iter_mut()
            .zip(masks)
            .for_each(|(r, mask)| *r &= mask);
        inside.push_back((x, result));
        if inside.len() == latency as usize {
            visible = inside.pop_front();
        }
    }
    assert!(checked > VECTORS as u64, "only {checked} results seen");
}

/// A pair of operands: half the time uniform bits, else exponents close together so that cancellation,
/// ties and carries happen often, a quarter of those with few significant bits.
fn pair(rng: &mut ChaCha8Rng) -> [u32; 2] {
    let [a, b]: [u32; 2] = rng.random();
    if rng.random() {
        return [a, b];
    }
    let near = (((a >> 23) & 0xff) as i32 + rng.random_range(-34..=34)).clamp(0, 255) as u32;
    let b = (b & 0x807f_ffff) | (near << 23);
    let mask = match rng.random_range(0..4) {
        0 => 0xfff8_0000,
        _ => u32::MAX,
    };
    [a & mask, b & (mask | 3)]
}

fn pairs() -> impl Iterator<Item = [u32; 2]> {
    let mut rng = rng();
    let crossed = corners().flat_map(|a| corners().map(move |b| [a, b]));
    crossed.chain((0..VECTORS).map(move |_| pair(&mut rng)))
}

/// Corners, then floats whose biased exponent lies in `low..=high`, every fourth anywhere.
fn floats(low: u32, high: u32) -> impl Iterator<Item = u32> {
    let mut rng = rng();
    corners().chain((0..VECTORS).map(move |k| {
        let bits: u32 = rng.random();
        let near = rng.random_range(low..=high) << 23;
        if k % 4 == 0 {
            bits
        } else {
            (bits & 0x807f_ffff) | near
        }
    }))
}

#[test]
fn fp_add_equals_golden() {
    let golden = |[a, b]: [u32; 2]| [add(F32(a), F32(b)).0];
    let ports = (["a", "b"], ["y"]);
    check(fp_add().unwrap(), ADD_LATENCY, ports, pairs(), golden);
}

#[test]
fn fp_mul_equals_golden() {
    let golden = |[a, b]: [u32; 2]| [mul(F32(a), F32(b)).0];
    // Products on both edges of the range: exponents that sum to about 127 and about 381.
    let mut rng = rng();
    let edges = (0..100_000).map(move |k| {
        let [a, b]: [u32; 2] = rng.random();
        let sum: i32 = if k % 2 == 0 { 127 } else { 381 };
        let other = sum + rng.random_range(-2..=2) - ((a >> 23) & 0xff) as i32;
        [a, (b & 0x807f_ffff) | ((other.clamp(0, 255) as u32) << 23)]
    });
    let ports = (["a", "b"], ["y"]);
    let operands = pairs().chain(edges);
    check(fp_mul().unwrap(), MUL_LATENCY, ports, operands, golden);
}

#[test]
fn fp_from_i32_equals_golden() {
    let golden = |[x]: [u32; 1]| [from_i32(x as i32).0];
    let mut rng = rng();
    // Ties and their neighbours at every length, then every length at random.
    let ties = (24..31).flat_map(|k| [-1, 0, 1].map(|d| (1i32 << k) + (1 << (k - 24)) + d));
    let ends = [0, 1, -1, i32::MAX, i32::MIN, i32::MIN + 1];
    let random = (0..VECTORS).map(move |_| rng.random::<i32>() >> rng.random_range(0..32));
    let integers = ties.flat_map(|i| [i, -i]).chain(ends).chain(random);
    let operands = integers.map(|i| [i as u32]);
    let ports = (["x"], ["y"]);
    check(
        fp_from_i32().unwrap(),
        FROM_I32_LATENCY,
        ports,
        operands,
        golden,
    );
}

#[test]
fn fp_to_int_equals_golden() {
    let golden = |[x]: [u32; 1]| [to_i32(F32(x)) as u32, i32::from(to_i8(F32(x))) as u32];
    let halves = (-600..600).map(|k| (k as f32 / 4.0).to_bits());
    let operands = halves.chain(floats(120, 162)).map(|x| [x]);
    let ports = (["x"], ["y_i32", "y_i8"]);
    check(
        fp_to_int().unwrap(),
        TO_INT_LATENCY,
        ports,
        operands,
        golden,
    );
}

fn golden_func([select, x]: [u32; 2]) -> [u32; 1] {
    [func(Func::ALL[select as usize], F32(x)).0]
}

#[test]
fn fp_func_equals_golden() {
    // All functions on the same arguments, changing every cycle; exponents around those of exp's
    // range, which is as good as any for the others.
    let operands = floats(100, 136).flat_map(|x| [0, 1, 2, 3].map(|select| [select, x]));
    let ports = (["func", "x"], ["y"]);
    check(
        fp_func().unwrap(),
        FUNC_LATENCY,
        ports,
        operands,
        golden_func,
    );
}

#[test]
fn fp_func_reads_every_coefficient() {
    // Both ends of every piece over the two binades of rsqrt, then evenly through [1/2, 4), in which exp
    // comes to every address too.
    let ends = (0..256u32).flat_map(|k| [k << 16, (k << 16) + 1, (k << 16) + 0xffff]);
    let pieces = ends.map(|offset| 0x3f80_0000 + offset);
    let even = (0..VECTORS as u32).map(|k| 0x3f00_0000 + k * 83);
    let operands = pieces.chain(even);
    let operands = operands.flat_map(|x| [0, 1, 2].map(|select| [select, x]));
    let ports = (["func", "x"], ["y"]);
    check(
        fp_func().unwrap(),
        FUNC_LATENCY,
        ports,
        operands,
        golden_func,
    );
}
