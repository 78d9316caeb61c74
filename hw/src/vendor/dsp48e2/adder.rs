//! The DSP48E2 as an adder: no multiplier, no pre-adder; one or two registers on A and B.

use super::{instance, text};
use crate::rtl::{Expr, Instance, ModuleBuilder, Param, zero};

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
        let params = [
            ("USE_MULT", text("NONE")),
            ("USE_SIMD", text(simd.name())),
            ("AREG", Param::Int(ab_registers)),
            ("BREG", Param::Int(ab_registers)),
            ("ACASCREG", Param::Int(ab_registers)),
            ("BCASCREG", Param::Int(ab_registers)),
            ("MREG", Param::Int(0)),
        ];
        instance(self, name, &params, ports.clk, |port| {
            Some(match port {
                "A" => a.clone(),
                "B" => b.clone(),
                "C" => ports.c.clone(),
                "PCIN" => ports.pcin.clone(),
                "OPMODE" => ports.opmode.clone(),
                "ALUMODE" => ports.alumode.clone(),
                "CEA1" | "CEB1" => first.clone(),
                "CEA2" | "CEB2" | "CEC" | "CECTRL" | "CEALUMODE" | "CEP" => ports.enable.clone(),
                _ => return None,
            })
        })
    }
}
