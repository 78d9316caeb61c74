//! The DSP48E2 as a multiplier with an adder behind it.

use super::{WIDTH, instance, text};
use crate::rtl::{Expr, Instance, ModuleBuilder, Param, cat, lit, repeat, zero};

/// INMODE that adds D to A before the multiplier; 0 multiplies A alone (UG579, table 2-1).
const ADD_D: u64 = 0b00100;

/// How an instance multiplies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MulConfig {
    /// Registers on A and B before the multiplier: 1 or 2. With the pre-adder 2: A and D have one each, their sum another,
    /// B two.
    pub input_registers: i32,
    /// M = (A + D) * B, the sum in 27 bits; without it M = A * B.
    pub pre_adder: bool,
    /// Constant of 48 bits that W can take as RND.
    pub rnd: u64,
}

/// What a multiplier connects; every other input is 0, and the clock enables of unused registers are off. An operand given
/// with `a` and `b` leaves on P `input_registers` + 2 cycles later, `c`, `opmode`, `alumode` and `carry_in` two.
pub struct MulPorts<'a> {
    pub clk: &'a Expr,
    /// 27 bits, two's complement.
    pub a: &'a Expr,
    /// 18 bits, two's complement.
    pub b: &'a Expr,
    pub c: &'a Expr,
    /// 27 bits, two's complement; unused without the pre-adder.
    pub d: &'a Expr,
    pub pcin: &'a Expr,
    pub opmode: &'a Expr,
    pub alumode: &'a Expr,
    pub carry_in: &'a Expr,
    /// Clock enable of all registers.
    pub enable: &'a Expr,
}

impl ModuleBuilder {
    /// A multiplier: outputs `P` and `PCOUT` of the instance.
    ///
    /// # Panics
    /// Other numbers of registers than the configuration's contract has.
    #[track_caller]
    pub fn dsp48e2_mul(
        &mut self,
        name: &str,
        config: &MulConfig,
        ports: &MulPorts<'_>,
    ) -> Instance {
        let (registers, add) = (config.input_registers, config.pre_adder);
        assert!(
            registers == 2 || registers == 1 && !add,
            "DSP48E2 with {registers} input registers, pre-adder {add}"
        );
        let a_registers = if add { 1 } else { registers };
        let when = |on: bool| if on { ports.enable.clone() } else { zero() };
        // The upper bits of A take no part in the product, but are sign bits by UG579, "A input".
        let a = cat([&repeat(3, ports.a.bit(26)), ports.a]);
        let params = [
            ("USE_MULT", text("MULTIPLY")),
            ("USE_SIMD", text("ONE48")),
            ("AMULTSEL", text(if add { "AD" } else { "A" })),
            ("PREADDINSEL", text("A")),
            ("AREG", Param::Int(a_registers)),
            ("BREG", Param::Int(registers)),
            ("ACASCREG", Param::Int(a_registers)),
            ("BCASCREG", Param::Int(registers)),
            ("MREG", Param::Int(1)),
            // A register would make the constant wrong in the first cycle.
            ("INMODEREG", Param::Int(0)),
            ("RND", Param::Bits(config.rnd.into(), WIDTH)),
        ];
        instance(self, name, &params, ports.clk, |port| {
            Some(match port {
                "A" => a.clone(),
                "B" => ports.b.clone(),
                "C" => ports.c.clone(),
                "D" => ports.d.clone(),
                "PCIN" => ports.pcin.clone(),
                "OPMODE" => ports.opmode.clone(),
                "ALUMODE" => ports.alumode.clone(),
                "CARRYIN" => ports.carry_in.clone(),
                "INMODE" => lit(if add { ADD_D } else { 0 }, 5),
                "CEA1" => when(a_registers == 2),
                "CEB1" => when(registers == 2),
                "CED" | "CEAD" => when(add),
                "CEA2" | "CEB2" | "CEC" | "CECTRL" | "CEALUMODE" | "CECARRYIN" | "CEM" | "CEP" => {
                    ports.enable.clone()
                }
                _ => return None,
            })
        })
    }
}
