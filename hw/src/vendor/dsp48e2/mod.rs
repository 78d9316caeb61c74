//! DSP48E2 of AMD UltraScale and UltraScale+ (UG579) in two uses: as an adder of one, two or four lanes (chapter 2, "SIMD
//! mode"), and as a multiplier of 27 x 18 bits with an adder behind it.
//!
//! | file | what |
//! |---|---|
//! | `mode` | values of OPMODE and ALUMODE by name |
//! | `adder` | an instance that adds A:B, C and PCIN |
//! | `mul` | an instance that multiplies and adds |
//! | `model` | both in native simulation |
//!
//! S = W + X + Y + CIN, and P is Z + S, Z - S, S - Z - 1 or -(Z + S) - 1 as ALUMODE says; carries end at the borders of
//! lanes. X: 0, P and, as the instance is used, A:B or M; Y: 0, C or M, together with X; Z: 0, PCIN, P or C; W: 0, P, RND
//! or C. OPMODE and ALUMODE may change every cycle. One register on P, C, M, CARRYIN, OPMODE and ALUMODE.

mod adder;
mod mode;
mod model;
mod mul;
#[cfg(test)]
mod tests;

pub use adder::{Dsp48Ports, Simd};
pub use mode::{Alumode, Opmode, W, Z};
pub use mul::{MulConfig, MulPorts};

use crate::rtl::{Expr, ExternModule, Instance, ModuleBuilder, Param, lit, uint};

/// Bits of P.
const WIDTH: u32 = 48;

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

/// Place of a port in the primitive's list: CLK, the inputs, P, PCOUT.
const fn port(name: &str) -> usize {
    let mut at = 0;
    while at < INPUTS.len() {
        if same(INPUTS[at].0.as_bytes(), name.as_bytes()) {
            return at + 1;
        }
        at += 1;
    }
    panic!("not an input of DSP48E2")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut equal = a.len() == b.len();
    let mut at = 0;
    while equal && at < a.len() {
        equal = a[at] == b[at];
        at += 1;
    }
    equal
}

/// An instance whose inputs are what `value` says and 0 where it says nothing.
#[track_caller]
fn instance(
    m: &mut ModuleBuilder,
    name: &str,
    params: &[(&str, Param)],
    clk: &Expr,
    value: impl Fn(&str) -> Option<Expr>,
) -> Instance {
    let values: Vec<Expr> = INPUTS
        .iter()
        .map(|&(port, width)| value(port).unwrap_or_else(|| lit(0, width)))
        .collect();
    let mut conns = vec![("CLK", clk)];
    conns.extend(INPUTS.iter().zip(&values).map(|(&(port, _), v)| (port, v)));
    let ports = ExternModule::new("DSP48E2").clock("CLK");
    let primitive = INPUTS
        .iter()
        .fold(ports, |e, &(name, width)| e.input(name, uint(width)))
        .output("P", uint(WIDTH))
        .output("PCOUT", uint(WIDTH))
        .model(|params| Box::new(model::Model::new(params)));
    m.black_box(name, &primitive, params, &conns)
}

fn text(value: &str) -> Param {
    Param::Text(value.into())
}
