//! One lane of a chain: a product, and what it adds to.

use std::sync::Arc;

use super::{A_BITS, B_BITS, BIAS, SUM_BITS};
use crate::glue::delays;
use crate::params::Technology;
use crate::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, lit, mux, one, uint, zero};
use crate::vendor::{Alumode, MulConfig, MulPorts, Opmode, W, Z};

/// What a lane is in its chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Registers on A and B, 1 or 2.
    pub registers: u32,
    /// The first of its half: nothing comes from below.
    pub start: bool,
    /// The last of its half: the sum leaves the cascade.
    pub end: bool,
    /// Port `bias`, and what it adds.
    pub bias: Option<u64>,
    pub join: Join,
}

/// Whether the other half's sum is added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Join {
    Never,
    Always,
    /// When port `whole` says so.
    Chosen,
}

impl Place {
    fn name(self) -> String {
        let mut name = format!("pe_product{}", self.registers);
        let bias = self.bias.map(|bias| format!("_bias{}", suffix(bias)));
        for (is, word) in [
            (self.start, "_start"),
            (bias.is_some(), bias.as_deref().unwrap_or_default()),
            (self.end, "_end"),
            (self.join == Join::Always, "_joins"),
            (self.join == Join::Chosen, "_may_join"),
        ] {
            if is {
                name += word;
            }
        }
        name
    }
}

/// What the bias adds to names of modules: nothing for that of int8 pairs.
pub(super) fn suffix(bias: u64) -> String {
    if bias == BIAS.cast_unsigned() {
        String::new()
    } else {
        bias.to_string()
    }
}

/// Ports of a lane that are there only in some places.
struct Ports {
    pcin: Option<Expr>,
    c: Option<Expr>,
    bias: Option<Expr>,
    join: Option<Expr>,
}

/// Ports: `clk`, `a`, `b`; `pcin` but for a start; `bias`; `c`, `whole`; `sum`, which is for `pcin` of the next lane alone
/// but for an end.
pub(super) fn product(technology: Technology, place: Place) -> Result<Arc<Module>, RtlError> {
    let r = place.registers;
    let mut m = Module::new(place.name()).doc(format!(
        "One lane of a chain: a * b, {} cycles later on `sum`, added to the sum of the lanes below.\n\
         `pcin` counts from 1 cycle before `sum`, every other input from 2.",
        r + 2
    ));
    let clk = m.clock("clk");
    let a = m.input("a", uint(A_BITS), "two's complement");
    let b = m.input("b", uint(B_BITS), "two's complement");
    let wide = uint(SUM_BITS);
    let pcin = (!place.start).then(|| m.input("pcin", wide, "sum of the lanes below"));
    let bias = place.bias.map(|bias| {
        let doc = format!("add {bias}; never with `whole`");
        m.input("bias", uint(1), &doc)
    });
    let joins = place.join != Join::Never;
    let c = joins.then(|| m.input("c", wide, "sum of the other half"));
    let chosen = place.join == Join::Chosen;
    let join = chosen.then(|| m.input("whole", uint(1), "add `c`"));
    let sum = m.output("sum", wide, "");
    let ports = Ports {
        pcin,
        c,
        bias,
        join,
    };
    let value = match technology {
        Technology::XilinxUscale => cell(&mut m, &clk, place, (&a, &b), &ports),
        _ => inferred(&mut m, &clk, place, (&a, &b), &ports),
    };
    m.assign(&sum, value);
    m.finish()
}

/// A DSP48E2.
fn cell(
    m: &mut ModuleBuilder,
    clk: &Clock,
    place: Place,
    (a, b): (&Expr, &Expr),
    ports: &Ports,
) -> Expr {
    let base = Opmode::product().z(if place.start { Z::Zero } else { Z::Pcin });
    let with = |w: W| lit(base.w(w).value(), 9);
    let mut opmode = match place.join {
        Join::Always => with(W::C),
        _ => with(W::Zero),
    };
    if let Some(bias) = &ports.bias {
        opmode = mux(bias, with(W::Rnd), opmode);
    }
    if let Some(join) = &ports.join {
        opmode = mux(join, with(W::C), opmode);
    }
    let opmode = m.wire("opmode", opmode);
    let none = lit(0, SUM_BITS);
    let config = MulConfig {
        input_registers: place.registers as i32,
        pre_adder: false,
        rnd: place.bias.unwrap_or(0),
    };
    let u = m.dsp48e2_mul(
        "u_mul",
        &config,
        &MulPorts {
            clk: &clk.clk,
            a,
            b,
            c: ports.c.as_ref().unwrap_or(&none),
            d: &lit(0, A_BITS),
            pcin: ports.pcin.as_ref().unwrap_or(&none),
            opmode: &opmode,
            alumode: &lit(Alumode::Add.value(), 4),
            carry_in: &zero(),
            enable: &one(),
        },
    );
    let (used, other) = if place.end {
        ("P", "PCOUT")
    } else {
        ("PCOUT", "P")
    };
    m.unused(u.get(other));
    u.get(used)
}

/// The same registers around a multiplication and a sum.
fn inferred(
    m: &mut ModuleBuilder,
    clk: &Clock,
    place: Place,
    (a, b): (&Expr, &Expr),
    ports: &Ports,
) -> Expr {
    let r = place.registers;
    let a = delays(m, clk, "a", a, r).remove(r as usize);
    let b = delays(m, clk, "b", b, r).remove(r as usize);
    let (a, b) = (
        m.wire("factor_a", a.signed()),
        m.wire("factor_b", b.signed()),
    );
    let product = m.delay("product", clk, None, a * b);
    let mut sum = m.wire("product_wide", product.extend(SUM_BITS)).unsigned();
    if let Some(pcin) = &ports.pcin {
        sum = sum + pcin;
    }
    if let Some(c) = &ports.c {
        let mut c = m.delay("c_q", clk, None, c);
        if let Some(join) = &ports.join {
            let join = m.delay("whole_q", clk, None, join);
            c = mux(&join, &c, lit(0, SUM_BITS));
        }
        sum = sum + c;
    }
    if let (Some(bias), Some(value)) = (&ports.bias, place.bias) {
        let bias = m.delay("bias_q", clk, None, bias);
        let value = lit(value, SUM_BITS);
        sum = sum + mux(&bias, value, lit(0, SUM_BITS));
    }
    m.delay("sum_q", clk, None, sum)
}
