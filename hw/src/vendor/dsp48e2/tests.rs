use super::*;
use crate::rtl::{Module, NativeSim, one};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CONFIGS: [(i32, bool); 3] = [(1, false), (2, false), (2, true)];
const RND: u64 = 0x5a5a_1234_9876;

/// The primitive alone, with every port outside.
fn alone(config: &MulConfig) -> NativeSim {
    let mut m = Module::new("alone");
    let clk = m.clock("clk");
    let [a, b, c, d, pcin, opmode, alumode, carry_in] = [
        ("a", 27),
        ("b", 18),
        ("c", 48),
        ("d", 27),
        ("pcin", 48),
        ("opmode", 9),
        ("alumode", 4),
        ("carry_in", 1),
    ]
    .map(|(name, width)| m.input(name, uint(width), ""));
    let p = m.output("p", uint(48), "");
    let ports = MulPorts {
        clk: &clk.clk,
        a: &a,
        b: &b,
        c: &c,
        d: &d,
        pcin: &pcin,
        opmode: &opmode,
        alumode: &alumode,
        carry_in: &carry_in,
        enable: &one(),
    };
    let u = m.dsp48e2_mul("u_mul", config, &ports);
    m.unused(u.get("PCOUT"));
    m.assign(&p, u.get("P"));
    if !config.pre_adder {
        m.unused(&d);
    }
    NativeSim::new(&m.finish().unwrap()).unwrap()
}

/// One cycle's inputs.
#[derive(Clone, Copy, Default)]
struct Beat {
    a: i64,
    b: i64,
    c: u64,
    d: i64,
    pcin: u64,
    z: u64,
    w: u64,
    product: bool,
    alumode: u64,
    carry_in: u64,
}

impl Beat {
    fn random(rng: &mut ChaCha8Rng) -> Beat {
        // Every other operand is as large as can be.
        let mut signed = |bits: u32| {
            let (low, high) = (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1);
            [low, high, rng.random_range(low..=high)][rng.random_range(0..3)]
        };
        let (a, b, d) = (signed(27), signed(18), signed(27));
        Beat {
            a,
            b,
            d,
            c: rng.random_range(0..1 << 48),
            pcin: rng.random_range(0..1 << 48),
            z: rng.random_range(0..4),
            w: rng.random_range(0..4),
            product: rng.random_range(0..4) > 0,
            alumode: rng.random_range(0..4),
            carry_in: rng.random_range(0..2),
        }
    }

    fn opmode(self) -> u64 {
        let base = if self.product {
            Opmode::product()
        } else {
            Opmode::zero()
        };
        let z = [Z::Zero, Z::Pcin, Z::P, Z::C][self.z as usize];
        let w = [W::Zero, W::P, W::Rnd, W::C][self.w as usize];
        base.z(z).w(w).value()
    }
}

#[test]
fn multiplies_and_adds_in_every_mode() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for (input_registers, pre_adder) in CONFIGS {
        let config = MulConfig {
            input_registers,
            pre_adder,
            rnd: RND,
        };
        let mut sim = alone(&config);
        let mut beats = vec![Beat::default(); input_registers as usize + 1];
        let mut p = 0i128;
        for cycle in 0..3000 {
            let beat = Beat::random(rng);
            beats.push(beat);
            for (name, value) in [("a", beat.a), ("b", beat.b), ("d", beat.d)] {
                sim.set_signed(name, value);
            }
            for (name, value) in [
                ("c", beat.c),
                ("pcin", beat.pcin),
                ("opmode", beat.opmode()),
                ("alumode", beat.alumode),
                ("carry_in", beat.carry_in),
            ] {
                sim.set(name, value);
            }
            sim.tick("clk");
            // What P takes at this edge: PCIN of this cycle, control of the one before, and the factors before those.
            let now = beats.len() - 1;
            let (control, factors) = (beats[now - 1], beats[now - 1 - input_registers as usize]);
            let a = if pre_adder {
                let sum = factors.a + factors.d;
                (sum << 37) >> 37
            } else {
                factors.a
            };
            let m = if control.product { a * factors.b } else { 0 };
            let (rnd, c, pcin) = (RND.into(), control.c.into(), beat.pcin.into());
            let z = [0, pcin, p, c][control.z as usize];
            let w = [0, p, rnd, c][control.w as usize];
            let s = w + i128::from(m) + i128::from(control.carry_in);
            let next = match control.alumode {
                0b0000 => z + s,
                0b0001 => s - z - 1,
                0b0010 => -(z + s) - 1,
                _ => z - s,
            };
            p = next & ((1 << 48) - 1);
            assert_eq!(
                i128::from(sim.get("p")),
                p,
                "cycle {cycle}, {config:?}, OPMODE {:09b}, ALUMODE {:04b}",
                control.opmode(),
                control.alumode
            );
        }
    }
}

#[test]
fn names_of_modes() {
    assert_eq!(Opmode::product().value(), 5);
    let mode = Opmode::product().z(Z::Pcin).w(W::Rnd);
    assert_eq!(mode.value(), 2 << 7 | 1 << 4 | 5);
    assert_eq!(mode.z(Z::C).w(W::P).value(), 1 << 7 | 3 << 4 | 5);
    assert_eq!(Opmode::operands().value(), 15);
    assert_eq!(Alumode::ALL.map(Alumode::value), [0, 1, 2, 3]);
}

/// Half a product, A:B beside the multiplier, and what UG579 reserves or means for logic.
#[test]
fn other_modes_are_refused() {
    for (opmode, alumode) in [
        (0b0001, 0),
        (0b0100, 0),
        (0b1111, 0),
        (0b1000, 0),
        (0b100_0101, 0),
        (0b101_0101, 0),
        (0b0101, 0b0100),
    ] {
        let refused = std::panic::catch_unwind(|| {
            let config = MulConfig {
                input_registers: 1,
                pre_adder: false,
                rnd: 0,
            };
            let mut sim = alone(&config);
            sim.set("opmode", opmode);
            sim.set("alumode", alumode);
            sim.tick("clk");
            sim.tick("clk");
        });
        assert!(
            refused.is_err(),
            "OPMODE {opmode:09b}, ALUMODE {alumode:04b}"
        );
    }
}
