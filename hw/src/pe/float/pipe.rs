//! Pieces of RTL that the units of this folder share: stages of a pipeline without reset, normalising.

use crate::rtl::{Clock, Expr, ModuleBuilder, cat, lit, mux, uint};

/// Clock and clock enable of a pipeline without reset.
pub(super) struct Pipeline {
    pub clk: Clock,
    pub en: Expr,
}

impl Pipeline {
    /// Makes the ports `clk` and `en`.
    #[track_caller]
    pub fn ports(m: &mut ModuleBuilder) -> Pipeline {
        let clk = m.clock("clk");
        let en = m.input("en", uint(1), "clock enable of the whole pipeline");
        Pipeline { clk, en }
    }

    /// One register stage: the named values of this cycle as registers of the next.
    #[track_caller]
    pub fn stage<const N: usize>(
        &self,
        m: &mut ModuleBuilder,
        values: [(&str, &Expr); N],
    ) -> [Expr; N] {
        let regs = values.map(|(name, value)| m.reg(name, value.ty()));
        m.clocked(&self.clk, |b| {
            b.when(&self.en, |b| {
                for (reg, (_, value)) in regs.iter().zip(values) {
                    b.set(reg, value);
                }
            });
        });
        regs
    }

    /// `value`, `stages` enabled cycles later.
    #[track_caller]
    pub fn delay(&self, m: &mut ModuleBuilder, name: &str, value: &Expr, stages: u32) -> Expr {
        let name = |k| format!("{name}_{k}");
        let late: Vec<Expr> = (1..=stages).map(|k| m.reg(&name(k), value.ty())).collect();
        if late.is_empty() {
            return value.clone();
        }
        m.clocked(&self.clk, |b| {
            b.when(&self.en, |b| {
                for (reg, before) in late.iter().zip(std::iter::once(value).chain(&late)) {
                    b.set(reg, before);
                }
            });
        });
        late[late.len() - 1].clone()
    }
}

/// `value` shifted left by 0, 1, 2 or 3 times `step`, by as many as its top bits leave room for, and that number.
#[track_caller]
pub(super) fn normalise_by(
    m: &mut ModuleBuilder,
    value: &Expr,
    step: u32,
    name: &str,
) -> (Expr, Expr) {
    let width = value.width();
    let most = 3.min((width - 1) / step);
    let mut moved = value.clone();
    let mut count = lit(0, 2);
    // From the largest distance down, so that the smallest that finds a one comes out on top.
    for k in (0..most).rev() {
        let top = width - k * step;
        let found = m.wire(
            &format!("{name}_{k}"),
            value.bits(top - 1, top - step).reduce_or(),
        );
        let rest = |k: u32| match k {
            0 => value.clone(),
            _ => cat([&value.bits(width - 1 - k * step, 0), &lit(0, k * step)]),
        };
        if k + 1 == most {
            (moved, count) = (rest(most), lit(most.into(), 2));
        }
        moved = mux(&found, rest(k), moved);
        count = mux(&found, lit(k.into(), 2), count);
    }
    (
        m.wire(&format!("{name}_moved"), moved),
        m.wire(&format!("{name}_count"), count),
    )
}
