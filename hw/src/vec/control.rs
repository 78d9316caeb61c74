//! What each operation makes of the pipeline: one row of switches an operation.

use super::VecOp;
use crate::num::table::Func;
use crate::rtl::{Expr, ModuleBuilder};

/// Second factor of the first multiplier, whose first factor is x.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Factor {
    S0 = 0,
    B = 1,
    /// Cosine of the pair's angle.
    Cos = 2,
}

/// Second operand of the adder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Addend {
    B = 0,
    S1 = 1,
    /// Product of the neighbour and the sine, negated in even lanes.
    Cross = 2,
}

/// What happens to the first product where the adder is not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Limit {
    None = 0,
    Relu = 1,
    /// Not less than s1.
    Max = 2,
}

/// The switches of the lanes; they stand still while an instruction streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Control {
    pub factor: Factor,
    pub addend: Addend,
    pub limit: Limit,
    pub func: Func,
    /// The adder's result goes on, not the first product.
    pub add: bool,
    /// The adder's first operand is x, not the first product.
    pub direct: bool,
    /// The second multiplier works beside the first: on x and x, or with `Addend::Cross` on neighbour and sine.
    pub early: bool,
    /// The second multiplier works behind the function and gives the result.
    pub late: bool,
    /// Late, its second factor is its first, not b.
    pub square: bool,
}

/// Bits of a row.
pub(super) const CONTROL_BITS: u32 = 13;
/// Place of `early`.
pub(super) const EARLY: u32 = 10;

impl Control {
    /// The row of an operation.
    pub const fn of(op: VecOp) -> Control {
        let c = Control {
            factor: Factor::S0,
            addend: Addend::B,
            limit: Limit::None,
            func: Func::Pass,
            add: false,
            direct: false,
            early: false,
            late: false,
            square: false,
        };
        match op {
            VecOp::Mul => Control {
                factor: Factor::B,
                ..c
            },
            VecOp::Scale => c,
            VecOp::Add => Control {
                direct: true,
                add: true,
                ..c
            },
            VecOp::Axpy => Control { add: true, ..c },
            VecOp::ScaleMul => Control { late: true, ..c },
            VecOp::Norm => Control {
                factor: Factor::B,
                early: true,
                ..c
            },
            VecOp::Rope => Control {
                factor: Factor::Cos,
                addend: Addend::Cross,
                add: true,
                early: true,
                ..c
            },
            VecOp::Exp => Control {
                addend: Addend::S1,
                add: true,
                func: Func::Exp,
                late: true,
                ..c
            },
            VecOp::Relu2 => Control {
                limit: Limit::Relu,
                late: true,
                square: true,
                ..c
            },
            VecOp::ExpScaled => Control {
                func: Func::Exp,
                ..c
            },
            VecOp::RecipAdd => Control {
                direct: true,
                addend: Addend::S1,
                add: true,
                func: Func::Recip,
                ..c
            },
            VecOp::Rsqrt => Control {
                addend: Addend::S1,
                add: true,
                func: Func::Rsqrt,
                ..c
            },
            VecOp::Max => Control {
                limit: Limit::Max,
                ..c
            },
            VecOp::RecipMax => Control {
                limit: Limit::Max,
                func: Func::Recip,
                late: true,
                ..c
            },
        }
    }

    /// The row as bits; [`Switches`] takes them apart again.
    pub const fn encode(self) -> u64 {
        self.factor as u64
            | (self.addend as u64) << 2
            | (self.limit as u64) << 4
            | (self.func as u64) << 6
            | (self.add as u64) << 8
            | (self.direct as u64) << 9
            | (self.early as u64) << EARLY
            | (self.late as u64) << 11
            | (self.square as u64) << 12
    }
}

/// The fields of a net that holds an encoded [`Control`].
pub(super) struct Switches {
    pub factor: Expr,
    pub addend: Expr,
    pub limit: Expr,
    pub func: Expr,
    pub add: Expr,
    pub direct: Expr,
    pub early: Expr,
    pub late: Expr,
    pub square: Expr,
}

impl Switches {
    /// Names the fields of the net `control`.
    #[track_caller]
    pub fn of(m: &mut ModuleBuilder, control: &Expr) -> Switches {
        let mut field = |name: &str, high, low| m.wire(name, control.bits(high, low));
        Switches {
            factor: field("factor", 1, 0),
            addend: field("addend", 3, 2),
            limit: field("limit", 5, 4),
            func: field("func", 7, 6),
            add: field("add", 8, 8),
            direct: field("direct", 9, 9),
            early: field("early", EARLY, EARLY),
            late: field("late", 11, 11),
            square: field("square", 12, 12),
        }
    }
}
