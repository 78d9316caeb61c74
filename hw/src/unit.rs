//! What every queue unit has on the side of its queue (`docs/machine.md`, section 3): the instruction register, which
//! takes fields of `op`, and the sticky fault.

use crate::control::OP_BITS;
use crate::rtl::{Clock, Expr, ModuleBuilder, one, uint};

/// A field of an `op` word: name of its register, highest and lowest bit. Without a name the field is not kept, for a
/// unit with a register of its own that does more than hold it.
pub type Field = (&'static str, u32, u32);

/// Operand f`k` as a field.
pub const fn operand(name: &'static str, k: u32) -> Field {
    (name, 63 + 32 * k, 32 + 32 * k)
}

/// Registers that take `fields` of `op` while `take` is high. Fields stand in the order of their bits; the bits between
/// them are left unread. A field without a name gives the bits of `op` themselves.
#[track_caller]
pub fn instruction_register<const N: usize>(
    m: &mut ModuleBuilder,
    clk: &Clock,
    take: &Expr,
    op: &Expr,
    fields: [Field; N],
) -> [Expr; N] {
    let mut next = 0;
    let mut unread = Vec::new();
    let registers = fields.map(|(name, high, low)| {
        if low > next {
            unread.push(op.bits(low - 1, next));
        }
        next = high + 1;
        match name {
            "" => op.bits(high, low),
            _ => m.delay(name, clk, Some(take), op.bits(high, low)),
        }
    });
    if next < OP_BITS {
        unread.push(op.bits(OP_BITS - 1, next));
    }
    for bits in unread {
        m.unused(bits);
    }
    registers
}

/// Sticky fault of a unit: outputs `fault_valid`, `fault_cause`, `fault_info`. The first fault is held until reset;
/// the unit takes no instruction after it.
pub struct StickyFault {
    valid: Expr,
    cause: Expr,
    info: Expr,
}

impl StickyFault {
    /// Declares the outputs; the texts say what cause and info can be.
    #[track_caller]
    pub fn outputs(m: &mut ModuleBuilder, cause: &str, info: &str) -> StickyFault {
        StickyFault {
            valid: m.output("fault_valid", uint(1), "held until reset"),
            cause: m.output("fault_cause", uint(8), cause),
            info: m.output("fault_info", uint(32), info),
        }
    }

    /// The flag, low until the first fault; [`StickyFault::raise`] sets it.
    #[track_caller]
    pub fn flag(&self, m: &mut ModuleBuilder) -> Expr {
        let faulted = m.reg_init("faulted", uint(1), 0);
        m.assign(&self.valid, &faulted);
        faulted
    }

    /// Sets `flag` in the cycle after `raise`. From then on `cause` and `info` must stay.
    #[track_caller]
    pub fn raise(
        &self,
        m: &mut ModuleBuilder,
        clk: &Clock,
        (flag, raise): (&Expr, &Expr),
        (cause, info): (&Expr, &Expr),
    ) {
        m.clocked(clk, |b| {
            b.when(raise, |b| {
                b.set(flag, one());
            });
        });
        m.assign(&self.cause, cause);
        m.assign(&self.info, info);
    }
}
