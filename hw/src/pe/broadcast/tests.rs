use super::*;
use crate::pe::float::FloatFormat;
use crate::rtl::{Design, NativeSim};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn params(lanes: u32, rows: u32, formats: Formats, max_beats: u32) -> BroadcastParams {
    BroadcastParams {
        technology: Technology::XilinxUscale,
        lanes,
        rows,
        formats,
        max_beats,
    }
}

#[test]
fn emitted_modules() {
    let p = params(8, 4, Formats::Fp16, 2);
    for m in Design::new(&pe_broadcast(&p).unwrap()).unwrap().modules() {
        if m.name.starts_with("pe_broadcast") || m.name.contains("_bias") {
            insta::assert_snapshot!(m.name.clone(), m.verilog());
        }
    }
}

#[test]
fn modules_are_short() {
    for (lanes, rows, formats) in [(64, 16, Formats::Fp16), (64, 16, Formats::Both)] {
        let p = params(lanes, rows, formats, 16);
        for m in Design::new(&pe_broadcast(&p).unwrap()).unwrap().modules() {
            let lines = m.verilog().lines().count();
            let own = m.name.starts_with("pe_broadcast");
            assert!(!own || lines <= 150, "{}: {lines} lines", m.name);
        }
    }
}

#[test]
fn parameters_that_do_not_fit_are_refused_with_the_nearest_legal_value() {
    let refuse = |lanes, rows, beats| {
        let p = params(lanes, rows, Formats::Fp16, beats);
        pe_broadcast(&p).unwrap_err().to_string()
    };
    assert!(refuse(10, 4, 4).contains("nearest 12"));
    assert!(refuse(24, 4, 4).contains("nearest 32"));
    assert!(refuse(80, 4, 4).contains("nearest 64"));
    assert!(refuse(16, 3, 4).contains("rows = 3 is not even or not in 2..=32, nearest 4"));
    assert!(refuse(16, 4, 1).contains("nearest 2"));
}

/// 8 n (2^F - 1) < 2^21, and not with one bit more.
#[test]
fn the_lower_row_stays_below_the_upper() {
    for lanes in [4, 8, 12, 16, 64] {
        let p = params(lanes, 2, Formats::Fp16, 2);
        let (n, f) = (u64::from(p.chain_lanes()), p.magnitude_bits());
        assert!(8 * n * ((1 << f) - 1) < BIAS, "{lanes} lanes");
        let more = 8 * n.next_power_of_two() * ((1 << (f + 1)) - 1);
        assert!(more >= BIAS, "{lanes} lanes");
    }
}

/// Activations of one beat whose exponents spread, rarely infinite.
fn activations(rng: &mut ChaCha8Rng, format: FloatFormat, lanes: u32) -> Vec<u16> {
    let top = (1i32 << format.exponent_bits()) - 2;
    let centre = rng.random_range(0..=top);
    let spread = [0, 2, 10, 40][rng.random_range(0..4)];
    let full = rng.random_range(0..4) == 0;
    let mut lane = || {
        let field = (centre + rng.random_range(-spread..=spread)).clamp(0, top);
        let field = field + i32::from(rng.random_range(0..3000) == 0);
        let low = if full { u16::MAX } else { rng.random() };
        let mask = (1 << format.fraction_bits()) - 1;
        (field as u16) << format.fraction_bits() | low & mask | rng.random::<u16>() & 0x8000
    };
    (0..lanes).map(|_| lane()).collect()
}

fn word(fields: impl Iterator<Item = u64>, bits: u32) -> BigUint {
    let mask = (1u64 << bits) - 1;
    (0u32..).zip(fields).fold(BigUint::ZERO, |word, (i, x)| {
        word | BigUint::from(x & mask) << (i * bits)
    })
}

/// The array with tiles as they were written.
struct Rig {
    p: BroadcastParams,
    sim: NativeSim,
    rng: ChaCha8Rng,
    tiles: Vec<Vec<Vec<i8>>>,
    results: Vec<u32>,
    /// Cycles since the last vector's end.
    idle: u32,
}

impl Rig {
    fn new(p: BroadcastParams) -> Rig {
        let mut sim = NativeSim::new(&pe_broadcast(&p).unwrap()).unwrap();
        sim.scramble(3);
        sim.reset("clk", "rst");
        let row = vec![0; p.lanes as usize];
        let tile = vec![row; p.rows as usize];
        Rig {
            tiles: vec![tile; 2 * p.max_beats as usize],
            rng: ChaCha8Rng::seed_from_u64(p.lanes.into()),
            results: Vec::new(),
            idle: 0,
            sim,
            p,
        }
    }

    fn tick(&mut self) {
        if self.sim.get("y_valid") == 1 {
            self.results.push(self.sim.get("y") as u32);
        }
        self.sim.tick("clk");
        self.sim.set("write", 0);
        self.sim.set("valid", 0);
        self.idle += 1;
    }

    /// Puts the write of two lanes of a tile at the ports; the caller ticks.
    fn write(&mut self, tile: usize, pair: usize) {
        let corner = self.rng.random_range(0..3) == 0;
        let mut fields = Vec::new();
        for lane in 2 * pair..2 * pair + 2 {
            for row in &mut self.tiles[tile] {
                row[lane] = match corner {
                    true => [-8, 7, -1, 0][self.rng.random_range(0..4)],
                    false => self.rng.random_range(-8..8),
                };
                fields.push(i64::from(row[lane]).cast_unsigned());
            }
        }
        self.sim.set("write", 1);
        self.sim.set("write_tile", tile as u64);
        self.sim.set("write_lanes", pair as u64);
        let data = word(fields.into_iter(), WEIGHT_BITS);
        self.sim.set_wide("write_data", &data);
    }

    /// Streams a vector of `n` beats through tiles from `at`, what `between` does before each; returns what its rows must be.
    fn vector(&mut self, n: usize, at: usize, mut between: impl FnMut(&mut Rig)) -> Vec<u32> {
        let list = self.p.formats.list();
        let format = list[self.rng.random_range(0..list.len())];
        let mut all = Vec::new();
        while self.idle + (n as u32) < self.p.rows {
            self.tick();
        }
        for beat in 0..n {
            let x = activations(&mut self.rng, format, self.p.lanes);
            between(self);
            self.sim.set("valid", 1);
            self.sim.set("first", (beat == 0).into());
            self.sim.set("last", (beat + 1 == n).into());
            self.sim.set("tile", (at + beat) as u64);
            self.sim
                .set_wide("x", &word(x.iter().map(|&x| x.into()), 16));
            if self.p.formats == Formats::Both {
                self.sim.set("format", format as u64);
            }
            self.tick();
            all.extend(x);
        }
        self.idle = 0;
        let row = |r: usize| {
            let held = self.tiles[at..at + n].iter();
            let held: Vec<i8> = held.flat_map(|tile| tile[r].iter().copied()).collect();
            golden::dot(&self.p, format, &held, &all)
        };
        (0..self.p.rows as usize).map(row).collect()
    }
}

/// Halves take turns: vectors read one while the other is written. Gaps, vectors of all lengths.
#[test]
fn equals_golden() {
    for (technology, lanes, rows, formats, max_beats) in [
        (Technology::XilinxUscale, 4, 4, Formats::Both, 5),
        (Technology::Generic, 12, 2, Formats::Bf16, 3),
        (Technology::XilinxUscale, 16, 6, Formats::Fp16, 16),
        (Technology::XilinxUscale, 48, 2, Formats::Bf16, 4),
        (Technology::Generic, 64, 4, Formats::Both, 4),
    ] {
        let mut p = params(lanes, rows, formats, max_beats);
        p.technology = technology;
        let mut rig = Rig::new(p);
        let (n, pairs) = (max_beats as usize, lanes as usize / 2);
        for (tile, pair) in (0..2 * n).flat_map(|t| (0..pairs).map(move |i| (t, i))) {
            rig.write(tile, pair);
            rig.tick();
        }
        let mut want = Vec::new();
        for round in 0..20 {
            let (read, written) = (round % 2 * n, (round + 1) % 2 * n);
            let mut left: Vec<(usize, usize)> = (written..written + n)
                .flat_map(|t| (0..pairs).map(move |i| (t, i)))
                .collect();
            // The other half's last beats are still on their way.
            for _ in 0..p.hold() {
                rig.tick();
            }
            for _ in 0..6 {
                let most = n - rig.rng.random_range(0..n);
                let at = read + rig.rng.random_range(0..=n - most);
                let rows = rig.vector(most, at, |rig| {
                    if let Some((tile, pair)) = left.pop() {
                        rig.write(tile, pair);
                    }
                    if rig.rng.random_range(0..4) == 0 {
                        rig.tick();
                    }
                });
                want.extend(rows);
            }
            while let Some((tile, pair)) = left.pop() {
                rig.write(tile, pair);
                rig.tick();
            }
        }
        for _ in 0..p.latency() + p.rows {
            rig.tick();
        }
        assert_eq!(rig.results, want, "{p:?}");
        assert!(want.iter().filter(|&&y| y == 0x7fc0_0000).count() < want.len() / 2);
    }
}

#[test]
fn latency_and_pace() {
    let p = params(16, 4, Formats::Fp16, 4);
    let mut rig = Rig::new(p);
    for pair in 0..8 {
        rig.write(0, pair);
        rig.tick();
    }
    // Vectors of one beat, as close as they may be.
    let mut want = Vec::new();
    for _ in 0..50 {
        want.extend(rig.vector(1, 0, |_| {}));
    }
    // The last beat is one cycle ago.
    (1..p.latency()).for_each(|_| rig.tick());
    assert_eq!(rig.results.len(), want.len() - p.rows as usize);
    rig.tick();
    assert_eq!(rig.results.len(), want.len() - p.rows as usize + 1);
    (0..p.rows).for_each(|_| rig.tick());
    assert_eq!(rig.results, want);
}

fn value(format: FloatFormat, x: u16) -> f64 {
    let fraction = format.fraction_bits();
    let field = i32::from(x & 0x7fff) >> fraction;
    let low = f64::from(x & ((1 << fraction) - 1)) / f64::from(1 << fraction);
    let sign = if x >> 15 == 1 { -1.0 } else { 1.0 };
    match field {
        0 => 0.0,
        _ => sign * (1.0 + low) * 2f64.powi(field - format.bias() as i32),
    }
}

/// Sums of a few numbers of 53 bits: doubles hold them with an error far below the bound.
#[test]
fn error_is_within_its_bound() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut closest: f64 = 0.0;
    for round in 0..20_000 {
        let format = FloatFormat::ALL[round % 2];
        let lanes = [4, 16, 64][rng.random_range(0..3)];
        let p = params(lanes, 2, Formats::Both, 64);
        let beats = rng.random_range(1..=20);
        let top = (1 << format.exponent_bits()) - 2;
        let wander = [0, 3, 40][rng.random_range(0..3)];
        let base = rng.random_range(0..=top);
        let (mut w, mut x) = (Vec::new(), Vec::new());
        let (mut limit, mut exact, mut scale) = (0.0, 0.0, i32::MIN);
        for _ in 0..beats {
            let centre = base + rng.random_range(-wander..=wander);
            let spread = [0, 3, 12][rng.random_range(0..3)];
            let mut most = i32::MIN;
            let mut weights = 0.0;
            for _ in 0..lanes {
                let field = (centre + rng.random_range(-spread..=spread)).clamp(0, top);
                let low = rng.random::<u16>() & (0x8000 | ((1 << format.fraction_bits()) - 1));
                x.push((field as u16) << format.fraction_bits() | low);
                w.push(rng.random_range(-8i8..8));
                let (a, b) = (value(format, x[x.len() - 1]), w[w.len() - 1]);
                exact += a * f64::from(b);
                weights += f64::from(b).abs();
                most = most.max(field);
            }
            if most > 0 {
                let e = most - format.bias() as i32;
                let f = p.magnitude_bits() as i32;
                limit += 2f64.powi(e - f) * weights;
                scale = scale.max((e - f + 18).div_euclid(16));
            }
        }
        let got = f32::from_bits(golden::dot(&p, format, &w, &x));
        let n = f64::from(beats);
        if scale > i32::MIN {
            limit += n * (2.0 + n / 64.0) * 2f64.powi(16 * scale - 21);
        }
        let field = got.to_bits() >> 23 & 0xff;
        limit += 2f64.powi((field as i32 - 151).max(-126));
        if exact.abs() >= f64::from(f32::MAX) {
            continue;
        }
        let error = (f64::from(got) - exact).abs();
        assert!(
            error <= limit * (1.0 + 1e-9),
            "round {round}: {error} of {limit}"
        );
        closest = closest.max(error / limit);
    }
    assert!(
        closest > 0.2,
        "the bound is far from what happens: {closest}"
    );
}

/// In per cent of the exact product; SkipOPU (arXiv 2603.14785) reports 0.116 for fp16 times fp16.
#[test]
fn mean_relative_error() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let normal = |rng: &mut ChaCha8Rng| {
        let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    for (format, length, uniform) in [
        (FloatFormat::Fp16, 64, false),
        (FloatFormat::Fp16, 128, false),
        (FloatFormat::Fp16, 64, true),
        (FloatFormat::Fp16, 128, true),
        (FloatFormat::Bf16, 64, false),
        (FloatFormat::Bf16, 128, true),
    ] {
        let p = params(64, 2, Formats::Both, 2);
        let mut sum = 0.0;
        let trials = 20_000;
        for _ in 0..trials {
            let mut w = Vec::new();
            let mut x = Vec::new();
            for _ in 0..length {
                let draw = match uniform {
                    true => rng.random::<f64>() * 2.0 - 1.0,
                    false => normal(&mut rng),
                };
                let single = crate::num::F32::from_f32(draw as f32);
                x.push(crate::pe::float::golden::convert(format, single));
                w.push((normal(&mut rng) * 3.0).round().clamp(-8.0, 7.0) as i8);
            }
            let products = w.iter().zip(&x);
            let exact: f64 = products
                .map(|(&w, &x)| f64::from(w) * value(format, x))
                .sum();
            if exact == 0.0 {
                continue;
            }
            let got = f64::from(f32::from_bits(golden::dot(&p, format, &w, &x)));
            sum += ((got - exact) / exact).abs();
        }
        let mean = 100.0 * sum / f64::from(trials);
        println!("{format:?} {length} uniform {uniform}: {mean:.4} %");
        assert!(mean <= 0.12, "{format:?} {length} {uniform}: {mean} %");
    }
}
