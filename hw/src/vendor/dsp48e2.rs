//! DSP48E2 of AMD UltraScale and UltraScale+ as an adder of one, two or four lanes (UG579, chapter 2, "SIMD mode").
//!
//! Used: A:B, C and PCIN as operands, no multiplier and no pre-adder; OPMODE and ALUMODE may change every cycle.
//! P = Z + W + X + Y (ALUMODE 0) or Z - (W + X + Y) (ALUMODE 3), carries end at the borders of lanes.
//! X: 0, P or A:B; Y: 0 or C; Z: 0, PCIN, P or C; W: 0, P or C. One register on P, on OPMODE and on ALUMODE; one or two on
//! A and B; one on C.

use crate::rtl::{
    BlackBoxModel, BoxIo, Expr, ExternModule, Instance, ModuleBuilder, Param, lit, uint, zero,
};

const WIDTH: u32 = 48;
const MASK: u64 = (1 << WIDTH) - 1;

/// Lanes of the adder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Simd {
    One48,
    Two24,
    Four12,
}

impl Simd {
    /// Value of the parameter USE_SIMD.
    pub const fn name(self) -> &'static str {
        match self {
            Simd::One48 => "ONE48",
            Simd::Two24 => "TWO24",
            Simd::Four12 => "FOUR12",
        }
    }

    /// Bits of a lane.
    pub const fn lane_bits(self) -> u32 {
        match self {
            Simd::One48 => 48,
            Simd::Two24 => 24,
            Simd::Four12 => 12,
        }
    }
}

/// Inputs besides CLK (UG579, table 2-2) with their widths. All are listed, because an input of a primitive that is left
/// open is not 0 in every tool.
const INPUTS: [(&str, u32); 37] = [
    ("A", 30),
    ("B", 18),
    ("C", 48),
    ("PCIN", 48),
    ("OPMODE", 9),
    ("ALUMODE", 4),
    ("CEA1", 1),
    ("CEA2", 1),
    ("CEB1", 1),
    ("CEB2", 1),
    ("CEC", 1),
    ("CECTRL", 1),
    ("CEALUMODE", 1),
    ("CEP", 1),
    ("ACIN", 30),
    ("BCIN", 18),
    ("CARRYCASCIN", 1),
    ("CARRYIN", 1),
    ("CARRYINSEL", 3),
    ("CEAD", 1),
    ("CECARRYIN", 1),
    ("CED", 1),
    ("CEINMODE", 1),
    ("CEM", 1),
    ("D", 27),
    ("INMODE", 5),
    ("MULTSIGNIN", 1),
    ("RSTA", 1),
    ("RSTALLCARRYIN", 1),
    ("RSTALUMODE", 1),
    ("RSTB", 1),
    ("RSTC", 1),
    ("RSTCTRL", 1),
    ("RSTD", 1),
    ("RSTINMODE", 1),
    ("RSTM", 1),
    ("RSTP", 1),
];

/// What an adder connects; every other input is 0, and the clock enables of unused registers are off.
pub struct Dsp48Ports<'a> {
    pub clk: &'a Expr,
    /// A:B as one word of 48 bits.
    pub ab: &'a Expr,
    pub c: &'a Expr,
    pub pcin: &'a Expr,
    pub opmode: &'a Expr,
    pub alumode: &'a Expr,
    /// Clock enable of all registers.
    pub enable: &'a Expr,
}

impl ModuleBuilder {
    /// An adder: outputs `P` and `PCOUT` of the instance. `ab_registers` is 1 or 2.
    #[track_caller]
    pub fn dsp48e2(
        &mut self,
        name: &str,
        simd: Simd,
        ab_registers: i32,
        ports: &Dsp48Ports<'_>,
    ) -> Instance {
        let (a, b) = (ports.ab.bits(47, 18), ports.ab.bits(17, 0));
        let first = if ab_registers == 2 {
            ports.enable.clone()
        } else {
            zero()
        };
        let values: Vec<Expr> = INPUTS
            .iter()
            .map(|&(port, width)| match port {
                "A" => a.clone(),
                "B" => b.clone(),
                "C" => ports.c.clone(),
                "PCIN" => ports.pcin.clone(),
                "OPMODE" => ports.opmode.clone(),
                "ALUMODE" => ports.alumode.clone(),
                "CEA1" | "CEB1" => first.clone(),
                "CEA2" | "CEB2" | "CEC" | "CECTRL" | "CEALUMODE" | "CEP" => ports.enable.clone(),
                _ => lit(0, width),
            })
            .collect();
        let mut conns = vec![("CLK", ports.clk)];
        conns.extend(INPUTS.iter().zip(&values).map(|(&(port, _), v)| (port, v)));
        let text = |s: &str| Param::Text(s.into());
        let params = [
            ("USE_MULT", text("NONE")),
            ("USE_SIMD", text(simd.name())),
            ("AREG", Param::Int(ab_registers)),
            ("BREG", Param::Int(ab_registers)),
            ("ACASCREG", Param::Int(ab_registers)),
            ("BCASCREG", Param::Int(ab_registers)),
            ("MREG", Param::Int(0)),
        ];
        self.black_box(name, &dsp48e2(), &params, &conns)
    }
}

/// The primitive.
fn dsp48e2() -> ExternModule {
    let ports = ExternModule::new("DSP48E2").clock("CLK");
    INPUTS
        .iter()
        .fold(ports, |e, &(name, width)| e.input(name, uint(width)))
        .output("P", uint(WIDTH))
        .output("PCOUT", uint(WIDTH))
        .model(|params| Box::new(Model::new(params)))
}

/// Index of a port in the primitive's list: CLK, the inputs, P, PCOUT.
fn port(name: &str) -> usize {
    let at = INPUTS.iter().position(|(n, _)| *n == name);
    at.map_or(INPUTS.len() + 1 + usize::from(name == "PCOUT"), |i| i + 1)
}

/// Registers of one instance.
struct Model {
    lane_bits: u32,
    two: bool,
    /// Ports by index: A, B, C, PCIN, OPMODE, ALUMODE, and the enables.
    at: Ports,
    ab1: u64,
    ab2: u64,
    c: u64,
    opmode: u64,
    alumode: u64,
    p: u64,
}

struct Ports {
    a: usize,
    b: usize,
    c: usize,
    pcin: usize,
    opmode: usize,
    alumode: usize,
    cea1: usize,
    cea2: usize,
    cec: usize,
    cectrl: usize,
    cep: usize,
    p: usize,
    pcout: usize,
}

impl Model {
    fn new(params: &[(String, Param)]) -> Model {
        let of = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, p)| p);
        let lane_bits = match of("USE_SIMD") {
            Some(Param::Text(s)) if s == Simd::Four12.name() => 12,
            Some(Param::Text(s)) if s == Simd::Two24.name() => 24,
            _ => 48,
        };
        Model {
            lane_bits,
            two: of("AREG") == Some(&Param::Int(2)),
            at: Ports {
                a: port("A"),
                b: port("B"),
                c: port("C"),
                pcin: port("PCIN"),
                opmode: port("OPMODE"),
                alumode: port("ALUMODE"),
                cea1: port("CEA1"),
                cea2: port("CEA2"),
                cec: port("CEC"),
                cectrl: port("CECTRL"),
                cep: port("CEP"),
                p: port("P"),
                pcout: port("PCOUT"),
            },
            ab1: 0,
            ab2: 0,
            c: 0,
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
        let x = pick(
            "X",
            mode & 3,
            &[Some(0), None, Some(self.p), Some(self.ab2)],
        );
        let y = pick("Y", mode >> 2 & 3, &[Some(0), None, None, Some(self.c)]);
        let z = pick(
            "Z",
            mode >> 4 & 7,
            &[Some(0), Some(pcin), Some(self.p), Some(self.c)],
        );
        let w = pick("W", mode >> 7, &[Some(0), Some(self.p), None, Some(self.c)]);
        let mask = (1u64 << self.lane_bits) - 1;
        (0..WIDTH)
            .step_by(self.lane_bits as usize)
            .fold(0, |p, at| {
                let lane = |v: u64| v >> at & mask;
                let sum = lane(w) + lane(x) + lane(y);
                let value = match self.alumode {
                    0b0000 => lane(z).wrapping_add(sum),
                    0b0011 => lane(z).wrapping_sub(sum),
                    other => panic!("DSP48E2: ALUMODE {other:04b} is not modelled"),
                };
                p | (value & mask) << at
            })
    }
}

impl BlackBoxModel for Model {
    fn eval(&mut self, io: &mut BoxIo<'_>) {
        io.set(self.at.p, self.p);
        io.set(self.at.pcout, self.p);
    }

    fn tick(&mut self, _clock: usize, io: &BoxIo<'_>) {
        let at = &self.at;
        let on = |port: usize| io.get(port) == 1;
        let p = self.alu(io.get(at.pcin));
        if on(at.cep) {
            self.p = p & MASK;
        }
        let ab = io.get(at.a) << 18 | io.get(at.b);
        if on(at.cea2) {
            self.ab2 = if self.two { self.ab1 } else { ab };
        }
        if on(at.cea1) {
            self.ab1 = ab;
        }
        if on(at.cec) {
            self.c = io.get(at.c);
        }
        if on(at.cectrl) {
            self.opmode = io.get(at.opmode);
            self.alumode = io.get(at.alumode);
        }
    }
}
