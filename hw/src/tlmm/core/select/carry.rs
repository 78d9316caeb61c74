//! ECP5: adders as explicit carry cells.
//!
//! A half of CCU2C is a LUT4 that gives propagate, P(A, B, C, D), and a carry that is CIN where P is 1 and
//! G(A, B) = P(A, B, 0, 0) where it is 0. Synthesis tools put a plain adder there and the choice of the operand into
//! LUTs of their own; but the choice fits into the same LUT4: with A the bit of the running sum, B and D the code, C
//! the bit of the activation, P is A or its complement, and G = A is right because where P is 0 both operands equal A.
//! C = D = 0 must then choose 0. It does for negated sums alone: codes 01 and 00 (-1 times a, negated: +a) of a 0.

use crate::rtl::{
    BlackBoxModel, BoxIo, Expr, ExternModule, ModuleBuilder, Param, bool_ty, cat, one, zero,
};

/// One half of a carry cell: truth table of P (index A + 2 B + 4 C + 8 D) and the inputs.
struct Half {
    table: u16,
    pins: [Expr; 4],
}

/// The truth table of a function of the pins A, B, C, D.
fn table(f: impl Fn(bool, bool, bool, bool) -> bool) -> u16 {
    (0..16u16)
        .filter(|i| f(i & 1 != 0, i & 2 != 0, i & 4 != 0, i & 8 != 0))
        .fold(0, |t, i| t | 1 << i)
}

/// A half whose carry out is `f` of two pins: P is 0 because C and D are 1.
fn carry_in(f: impl Fn(bool, bool) -> bool, a: &Expr, b: &Expr) -> Half {
    Half {
        table: table(|a, b, c, d| !c && !d && f(a, b)),
        pins: [a.clone(), b.clone(), one(), one()],
    }
}

/// Bit `i` of a net, its sign above it.
fn bit(x: &Expr, i: u32) -> Expr {
    x.bit(i.min(x.width() - 1))
}

pub(super) fn select_add(m: &mut ModuleBuilder, x: &Expr, code: &Expr, act: &Expr, sum: &Expr) {
    let (low, high) = (code.bit(0), code.bit(1));
    let term = table(|a, b, c, d| {
        a ^ match (d, b) {
            (false, false) => c,
            (true, false) => !c,
            _ => false,
        }
    });
    let mut halves = vec![carry_in(|a, b| a && !b, &high, &low)];
    halves.extend((0..sum.width()).map(|i| Half {
        table: term,
        pins: [bit(x, i), low.clone(), bit(act, i), high.clone()],
    }));
    carry_chain(m, halves, sum);
}

pub(super) fn add(m: &mut ModuleBuilder, x: &Expr, y: &Expr, one_in: &Expr, sum: &Expr) {
    let mut halves = vec![carry_in(|a, _| a, one_in, &zero())];
    halves.extend((0..sum.width()).map(|i| Half {
        table: table(|a, b, _, d| if d { a ^ b } else { a }),
        pins: [bit(x, i), bit(y, i), zero(), one()],
    }));
    carry_chain(m, halves, sum);
}

/// base - sum - plus = base + ~sum + (1 - plus).
pub(super) fn accumulate(
    m: &mut ModuleBuilder,
    old: &Expr,
    keep: &Expr,
    sum: &Expr,
    plus: &Expr,
    total: &Expr,
) {
    let mut halves = vec![carry_in(|a, _| !a, plus, &zero())];
    halves.extend((0..total.width()).map(|i| Half {
        table: table(|a, _, c, d| !a ^ (c && d)),
        pins: [bit(sum, i), zero(), old.bit(i), keep.clone()],
    }));
    carry_chain(m, halves, total);
}

/// Carry cells for `halves`; the first makes the carry, the others give the bits of `out`. The carry into the first cell
/// and out of the last stay open: a constant there would cost nextpnr a cell each to bring it in and out.
fn carry_chain(m: &mut ModuleBuilder, mut halves: Vec<Half>, out: &Expr) {
    if halves.len() % 2 == 1 {
        halves.push(Half {
            table: 0,
            pins: [zero(), zero(), zero(), zero()],
        });
    }
    let cells = halves.len() / 2;
    let mut carry: Option<Expr> = None;
    let mut bits = Vec::new();
    for (i, pair) in halves.chunks(2).enumerate() {
        let mut inputs: Vec<(String, Expr)> = Vec::new();
        let mut params = Vec::new();
        for (h, half) in pair.iter().enumerate() {
            params.push((format!("INIT{h}"), Param::Bits(half.table.into(), 16)));
            params.push((format!("INJECT1_{h}"), Param::Text("NO".into())));
            for (pin, value) in ["A", "B", "C", "D"].iter().zip(&half.pins) {
                inputs.push((format!("{pin}{h}"), value.clone()));
            }
        }
        let ends = [carry.is_some(), i + 1 < cells];
        inputs.extend(carry.map(|c| ("CIN".to_string(), c)));
        let params: Vec<(&str, Param)> = params
            .iter()
            .map(|(n, p)| (n.as_str(), p.clone()))
            .collect();
        let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(n, e)| (n.as_str(), e)).collect();
        let cell = m.black_box(&format!("u_bits{i}"), &carry_cell(ends), &params, &inputs);
        bits.extend([cell.get("S0"), cell.get("S1")]);
        carry = ends[1].then(|| cell.get("COUT"));
    }
    // The carry in has no sum, and the padding is nothing.
    let used = 1..=out.width() as usize;
    let rest = (0..bits.len())
        .filter(|i| !used.contains(i))
        .map(|i| &bits[i]);
    m.unused(cat(rest));
    let value = cat(bits[used].iter().rev());
    m.assign(
        out,
        if out.ty().signed {
            value.signed()
        } else {
            value
        },
    );
}

/// Inputs of a carry cell in the order of its ports; after them the sums, then the carry in and out where they are.
const PINS: [&str; 8] = ["A0", "B0", "C0", "D0", "A1", "B1", "C1", "D1"];

/// CCU2C with or without its carry in and out.
fn carry_cell([carry_in, carry_out]: [bool; 2]) -> ExternModule {
    let mut all = PINS.to_vec();
    let mut cell = PINS.iter().fold(ExternModule::new("CCU2C"), |cell, pin| {
        cell.input(pin, bool_ty())
    });
    if carry_in {
        all.push("CIN");
    }
    let low: Vec<&str> = all.iter().copied().filter(|p| !p.ends_with('1')).collect();
    cell = cell
        .output_through("S0", bool_ty(), &low)
        .output_through("S1", bool_ty(), &all);
    if carry_in {
        cell = cell.input("CIN", bool_ty());
    }
    if carry_out {
        cell = cell.output_through("COUT", bool_ty(), &all);
    }
    cell.model(match (carry_in, carry_out) {
        (true, true) => Carry::make::<true, true>,
        (true, false) => Carry::make::<true, false>,
        (false, true) => Carry::make::<false, true>,
        (false, false) => Carry::make::<false, false>,
    })
}

struct Carry {
    tables: [u16; 2],
    /// Ports of the carries.
    carry_in: Option<usize>,
    carry_out: Option<usize>,
}

impl Carry {
    fn make<const IN: bool, const OUT: bool>(params: &[(String, Param)]) -> Box<dyn BlackBoxModel> {
        let table = |name: &str| {
            let found = params.iter().find(|(n, _)| n == name);
            match found {
                Some((_, Param::Bits(v, _))) => v.to_u32_digits().first().map_or(0, |&d| d as u16),
                _ => 0,
            }
        };
        Box::new(Carry {
            tables: [table("INIT0"), table("INIT1")],
            carry_in: IN.then_some(PINS.len() + 2),
            carry_out: OUT.then_some(PINS.len() + 2 + usize::from(IN)),
        })
    }
}

impl BlackBoxModel for Carry {
    fn eval(&mut self, io: &mut BoxIo<'_>) {
        let mut carry = self.carry_in.map_or(0, |port| io.get(port));
        for h in 0..2 {
            let pins: [u64; 4] = std::array::from_fn(|i| io.get(4 * h + i));
            let index = pins[0] | pins[1] << 1 | pins[2] << 2 | pins[3] << 3;
            let propagate = u64::from(self.tables[h]) >> index & 1;
            let generate = u64::from(self.tables[h]) >> (index & 3) & 1;
            io.set(PINS.len() + h, propagate ^ carry);
            carry = if propagate == 1 { carry } else { generate };
        }
        if let Some(port) = self.carry_out {
            io.set(port, carry);
        }
    }

    fn tick(&mut self, _clock: usize, _io: &BoxIo<'_>) {}
}
