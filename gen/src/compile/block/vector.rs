//! Instructions of the vector unit: operands by name, and what they read and write.

use hw::isa::{Op, Operand};
use hw::vec::{Output, Reduce, VecFlags};

use crate::compile::emit::{Access, Emitter, imm};
use crate::compile::scratch::Place;

/// A vec instruction under construction: `y = op(a, b, s0, s1)` over `n` elements (docs/machine.md, section 4).
pub(super) struct Vector {
    op: Op,
    flags: VecFlags,
    dst: Option<Place>,
    a: Place,
    b: Option<Place>,
    n: Operand,
    s0: Option<Place>,
    s1: Option<Place>,
    /// Reduction results: one word, or two for vnorm and vexp.
    red: Option<Place>,
}

/// f32 in, f32 out.
pub(super) const PLAIN: VecFlags = VecFlags {
    integer: false,
    output: Output::F32,
    reduce: Reduce::None,
};
/// i32 accumulators in, f32 out.
pub(super) const INTEGER: VecFlags = VecFlags {
    integer: true,
    ..PLAIN
};
/// f32 in, int8 out.
pub(super) const CODES: VecFlags = VecFlags {
    output: Output::I8,
    ..PLAIN
};

impl Vector {
    pub(super) fn new(op: Op, dst: Place, a: Place, n: u32) -> Vector {
        Vector {
            op,
            flags: PLAIN,
            dst: Some(dst),
            a,
            b: None,
            n: imm(n),
            s0: None,
            s1: None,
            red: None,
        }
    }

    pub(super) fn flags(self, flags: VecFlags) -> Vector {
        Vector { flags, ..self }
    }

    pub(super) fn b(self, place: Place) -> Vector {
        Vector {
            b: Some(place),
            ..self
        }
    }

    pub(super) fn s0(self, place: Place) -> Vector {
        Vector {
            s0: Some(place),
            ..self
        }
    }

    pub(super) fn s1(self, place: Place) -> Vector {
        Vector {
            s1: Some(place),
            ..self
        }
    }

    pub(super) fn n(self, n: Operand) -> Vector {
        Vector { n, ..self }
    }

    /// Only the reduction is wanted, or nothing but the wait for operands.
    pub(super) fn no_output(self) -> Vector {
        Vector {
            dst: None,
            flags: VecFlags {
                output: Output::None,
                ..self.flags
            },
            ..self
        }
    }

    pub(super) fn reduce(self, reduce: Reduce, red: Place) -> Vector {
        Vector {
            flags: VecFlags {
                reduce,
                ..self.flags
            },
            red: Some(red),
            ..self
        }
    }

    /// Appends the instruction; `also` are further places that it waits for.
    pub(super) fn emit(self, e: &mut Emitter, also: &[Place], note: &str) {
        let mut fields = vec![(1, self.a.at()), (3, self.n)];
        let mut reads = vec![Access::Scratch(self.a)];
        let mut writes = Vec::new();
        for (field, place) in [(2, self.b), (4, self.s0), (5, self.s1)] {
            if let Some(p) = place {
                fields.push((field, p.at()));
                reads.push(Access::Scratch(p));
            }
        }
        for (field, place) in [(0, self.dst), (6, self.red)] {
            if let Some(p) = place {
                fields.push((field, p.at()));
                writes.push(Access::Scratch(p));
            }
        }
        reads.extend(also.iter().map(|&p| Access::Scratch(p)));
        e.unit(self.op, self.flags.encode(), &fields, &reads, &writes, note);
    }
}
