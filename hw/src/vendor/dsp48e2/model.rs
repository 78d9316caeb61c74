//! The DSP48E2 in native simulation.

use super::{INPUTS, WIDTH, port};
use crate::rtl::{BlackBoxModel, BoxIo, Param};

const MASK: u64 = (1 << WIDTH) - 1;

/// Bits of A and D that are multiplied, and of B.
const A_BITS: u32 = 27;
const B_BITS: u32 = 18;

const P: usize = INPUTS.len() + 1;
const PCOUT: usize = P + 1;

/// Parameters and registers of one instance.
pub(super) struct Model {
    lane_bits: u32,
    multiply: bool,
    pre_adder: bool,
    /// Whether A and B have two registers.
    two: [bool; 2],
    rnd: u64,
    a: [u64; 2],
    b: [u64; 2],
    d: u64,
    ad: u64,
    m: u64,
    c: u64,
    carry_in: u64,
    opmode: u64,
    alumode: u64,
    p: u64,
}

impl Model {
    pub(super) fn new(params: &[(String, Param)]) -> Model {
        let of = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, p)| p);
        let says = |name: &str, value: &str| matches!(of(name), Some(Param::Text(t)) if t == value);
        let lane_bits = match () {
            () if says("USE_SIMD", "FOUR12") => 12,
            () if says("USE_SIMD", "TWO24") => 24,
            () => 48,
        };
        let rnd = match of("RND") {
            Some(Param::Bits(v, _)) => v.iter_u64_digits().next().unwrap_or(0),
            _ => 0,
        };
        let two = ["AREG", "BREG"].map(|name| of(name) == Some(&Param::Int(2)));
        Model {
            lane_bits,
            multiply: says("USE_MULT", "MULTIPLY"),
            pre_adder: says("AMULTSEL", "AD"),
            two,
            rnd,
            a: [0; 2],
            b: [0; 2],
            d: 0,
            ad: 0,
            m: 0,
            c: 0,
            carry_in: 0,
            opmode: 0,
            alumode: 0,
            p: 0,
        }
    }

    /// The adder, lane by lane.
    ///
    /// # Panics
    /// A mode that the contract leaves out.
    fn alu(&self, pcin: u64) -> u64 {
        let mode = self.opmode;
        let pick = |kind: &str, select: u64, of: &[Option<u64>]| {
            let value = of.get(select as usize).copied().flatten();
            value
                .unwrap_or_else(|| panic!("DSP48E2: {kind} multiplexer {select:b} is not modelled"))
        };
        // M is the sum of what X and Y take, each of which alone is no number: here X takes it whole.
        let product = mode & 15 == 0b0101;
        let m = (self.multiply && product).then_some(self.m);
        let ab = (!self.multiply).then_some(self.a[1] << B_BITS | self.b[1]);
        let x = pick("X", mode & 3, &[Some(0), m, Some(self.p), ab]);
        let y_product = product.then_some(0);
        let y = pick(
            "Y",
            mode >> 2 & 3,
            &[Some(0), y_product, None, Some(self.c)],
        );
        let z = pick(
            "Z",
            mode >> 4 & 7,
            &[Some(0), Some(pcin), Some(self.p), Some(self.c)],
        );
        let w = [0, self.p, self.rnd, self.c][(mode >> 7) as usize];
        assert!(
            self.alumode < 4,
            "DSP48E2: ALUMODE {:04b} is not modelled",
            self.alumode
        );
        let invert = |on: u64, v: u64| if on == 1 { !v } else { v };
        let mask = (1u64 << self.lane_bits) - 1;
        (0..WIDTH)
            .step_by(self.lane_bits as usize)
            .fold(0, |p, at| {
                let lane = |v: u64| v >> at & mask;
                let carry = if at == 0 { self.carry_in } else { 0 };
                let sum = lane(w) + lane(x) + lane(y) + carry;
                let value = invert(self.alumode & 1, lane(z)).wrapping_add(sum);
                p | (invert(self.alumode >> 1, value) & mask) << at
            })
    }

    /// What M takes next.
    fn product(&self) -> u64 {
        let a = if self.pre_adder { self.ad } else { self.a[1] };
        (signed(a, A_BITS) * signed(self.b[1], B_BITS)).cast_unsigned() & MASK
    }
}

/// The low bits as two's complement.
const fn signed(v: u64, bits: u32) -> i64 {
    (v << (64 - bits)).cast_signed() >> (64 - bits)
}

impl BlackBoxModel for Model {
    fn eval(&mut self, io: &mut BoxIo<'_>) {
        io.set(P, self.p);
        io.set(PCOUT, self.p);
    }

    fn tick(&mut self, _clock: usize, io: &BoxIo<'_>) {
        let on = |port: usize| io.get(port) == 1;
        // From the last register to the first, so that each takes what the one before it held.
        let p = self.alu(io.get(const { port("PCIN") }));
        if on(const { port("CEP") }) {
            self.p = p & MASK;
        }
        if on(const { port("CEM") }) {
            self.m = self.product();
        }
        if on(const { port("CEAD") }) {
            self.ad = self.d.wrapping_add(self.a[1]);
        }
        if on(const { port("CED") }) {
            self.d = io.get(const { port("D") });
        }
        let (a, b) = (io.get(const { port("A") }), io.get(const { port("B") }));
        if on(const { port("CEA2") }) {
            self.a[1] = if self.two[0] { self.a[0] } else { a };
        }
        if on(const { port("CEA1") }) {
            self.a[0] = a;
        }
        if on(const { port("CEB2") }) {
            self.b[1] = if self.two[1] { self.b[0] } else { b };
        }
        if on(const { port("CEB1") }) {
            self.b[0] = b;
        }
        if on(const { port("CEC") }) {
            self.c = io.get(const { port("C") });
        }
        if on(const { port("CECARRYIN") }) {
            self.carry_in = io.get(const { port("CARRYIN") });
        }
        if on(const { port("CECTRL") }) {
            self.opmode = io.get(const { port("OPMODE") });
            self.alumode = io.get(const { port("ALUMODE") });
        }
    }
}
