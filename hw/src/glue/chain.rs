//! What rides along with a pipeline: valid bits, tags, and small arithmetic on counts.

use crate::rtl::{Clock, Expr, ModuleBuilder, bits_for, cat, lit, uint};

/// `value` and its copies 1 to `n` cycles later, without reset; element k is k cycles late.
#[track_caller]
pub fn delays(m: &mut ModuleBuilder, clk: &Clock, name: &str, value: &Expr, n: u32) -> Vec<Expr> {
    let mut all = vec![value.clone()];
    for k in 1..=n {
        let before = all[all.len() - 1].clone();
        all.push(m.delay(&format!("{name}_{k}"), clk, None, before));
    }
    all
}

/// As [`delays`] for valid bits: reset to 0.
#[track_caller]
pub fn valids(m: &mut ModuleBuilder, clk: &Clock, name: &str, value: &Expr, n: u32) -> Vec<Expr> {
    let mut all = vec![value.clone()];
    for k in 1..=n {
        all.push(m.reg_init(&format!("{name}_{k}"), uint(1), 0));
    }
    m.clocked(clk, |b| {
        for pair in all.windows(2) {
            b.set(&pair[1], &pair[0]);
        }
    });
    all
}

/// The value `n` cycles later, through one register of all stages, as unsigned.
#[track_caller]
pub fn delay_line(m: &mut ModuleBuilder, clk: &Clock, name: &str, value: &Expr, n: u32) -> Expr {
    if n == 0 {
        return value.unsigned();
    }
    let line = m.reg(name, uint(n * value.width()));
    shift_into(m, clk, &line, value, n)
}

/// As [`delay_line`] for a valid bit: reset to 0; `n` at least 1.
#[track_caller]
pub fn valid_line(m: &mut ModuleBuilder, clk: &Clock, name: &str, value: &Expr, n: u32) -> Expr {
    let line = m.reg_init(name, uint(n), 0);
    shift_into(m, clk, &line, value, n)
}

#[track_caller]
fn shift_into(m: &mut ModuleBuilder, clk: &Clock, line: &Expr, value: &Expr, n: u32) -> Expr {
    let width = value.width();
    let next = match n {
        1 => value.unsigned(),
        _ => cat([&line.bits((n - 1) * width - 1, 0), &value.unsigned()]),
    };
    m.clocked(clk, |b| {
        b.set(line, next);
    });
    line.element(n - 1, width)
}

/// ceil(x / 2^shift) as a wire of `width` bits; the caller knows that it fits.
#[track_caller]
pub fn ceil_shift(m: &mut ModuleBuilder, name: &str, x: &Expr, shift: u32, width: u32) -> Expr {
    let bits = x.width().max(bits_for((1 << shift) - 1)) + 1;
    let up = m.wire(
        &format!("{name}_up"),
        x.extend(bits) + lit((1 << shift) - 1, bits),
    );
    if shift > 0 {
        m.unused(up.bits(shift - 1, 0));
    }
    let high = up.bits(bits - 1, shift);
    if high.width() > width {
        m.unused(up.bits(bits - 1, shift + width));
    }
    m.wire(
        name,
        up.bits((shift + width - 1).min(bits - 1), shift)
            .extend(width),
    )
}
