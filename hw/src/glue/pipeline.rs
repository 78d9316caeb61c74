//! Stages of a pipeline without reset.

use crate::rtl::{Clock, Expr, ModuleBuilder, uint};

/// Clock and clock enable of a pipeline without reset.
pub struct Pipeline {
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
