//! Expressions: every node has a type that equals the self-determined width of the Verilog it prints as, so
//! that no implicit extension can happen in any tool.
//!
//! A typing fault does not panic: it makes a poisoned expression which carries the message and the generator's
//! source position to [`super::ModuleBuilder::finish`].

use std::sync::Arc;

use num_bigint::{BigInt, BigUint};
use num_traits::One;

use super::error::Loc;
use super::ty::{Ty, uint};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UnOp {
    Not,
    Neg,
    RedAnd,
    RedOr,
    RedXor,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BinOp {
    And,
    Or,
    Xor,
    Add,
    Sub,
    Mul,
    Eq,
    Ne,
    Lt,
    Le,
    /// Left shift; the amount is unsigned and of any width.
    Shl,
    /// Right shift: arithmetic when the left operand is signed.
    Shr,
}

#[derive(Debug)]
pub(crate) enum Node {
    /// A net of the module that made it, by index.
    Net {
        id: usize,
        name: Arc<str>,
    },
    /// Two's complement bits of a constant.
    Lit(BigUint),
    Un(UnOp, Expr),
    Bin(BinOp, Expr, Expr),
    Mux(Expr, Expr, Expr),
    /// Bits `lo ..= lo + width - 1` of a net.
    Slice(Expr, u32),
    /// Bits `index * width ..` of a net; width a power of two.
    Part(Expr, Expr),
    /// First operand most significant.
    Cat(Vec<Expr>),
    /// `n` copies of the operand.
    Repeat(u32, Expr),
    /// Widened with zeros or with the sign, as the operand's type says.
    Extend(Expr),
    /// Same bits, other sign.
    Cast(Expr),
    /// Asynchronous read of memory `mem` (index), for distributed RAM and ROM.
    MemRead {
        mem: usize,
        name: Arc<str>,
        addr: Expr,
    },
    Poison(String),
}

/// A typed expression. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Expr {
    pub(crate) node: Arc<Node>,
    pub(crate) ty: Ty,
}

/// Unsigned constant of `width` bits.
#[track_caller]
pub fn lit(value: u64, width: u32) -> Expr {
    Expr::constant(BigInt::from(value), uint(width))
}

/// Signed constant of `width` bits.
#[track_caller]
pub fn slit(value: i64, width: u32) -> Expr {
    Expr::constant(
        BigInt::from(value),
        Ty {
            width,
            signed: true,
        },
    )
}

/// One bit, 0.
pub fn zero() -> Expr {
    lit(0, 1)
}

/// One bit, 1.
pub fn one() -> Expr {
    lit(1, 1)
}

/// `if cond { a } else { b }`; `a` and `b` of one type.
#[track_caller]
pub fn mux(cond: impl AsRef<Expr>, a: impl AsRef<Expr>, b: impl AsRef<Expr>) -> Expr {
    let (cond, a, b) = (cond.as_ref(), a.as_ref(), b.as_ref());
    if cond.ty != uint(1) {
        return Expr::poison(a.ty, format!("mux condition has type {}, not u1", cond.ty));
    }
    if a.ty != b.ty {
        return Expr::poison(a.ty, format!("mux arms have types {} and {}", a.ty, b.ty));
    }
    Expr::new(Node::Mux(cond.clone(), a.clone(), b.clone()), a.ty)
}

/// Concatenation, first operand most significant.
#[track_caller]
pub fn cat<'a>(parts: impl IntoIterator<Item = &'a Expr>) -> Expr {
    let parts: Vec<Expr> = parts.into_iter().cloned().collect();
    let width = parts.iter().map(|p| p.ty.width).sum();
    if parts.is_empty() {
        return Expr::poison(uint(1), "concatenation of nothing".into());
    }
    if parts.len() == 1 {
        return parts[0].unsigned();
    }
    Expr::new(Node::Cat(parts), uint(width))
}

/// `n` copies of `x` side by side.
#[track_caller]
pub fn repeat(n: u32, x: impl AsRef<Expr>) -> Expr {
    let x = x.as_ref();
    match n {
        0 => Expr::poison(uint(1), "repetition of zero copies".into()),
        1 => x.unsigned(),
        _ => Expr::new(Node::Repeat(n, x.clone()), uint(n * x.ty.width)),
    }
}

/// Conjunction of one-bit terms; true when there are none.
#[track_caller]
pub fn all<'a>(terms: impl IntoIterator<Item = &'a Expr>) -> Expr {
    terms
        .into_iter()
        .cloned()
        .reduce(|a, b| &a & &b)
        .unwrap_or_else(one)
}

/// Disjunction of one-bit terms; false when there are none.
#[track_caller]
pub fn any<'a>(terms: impl IntoIterator<Item = &'a Expr>) -> Expr {
    terms
        .into_iter()
        .cloned()
        .reduce(|a, b| &a | &b)
        .unwrap_or_else(zero)
}

/// Balanced adder tree over terms of one type; the caller has made the type wide enough for the sum.
#[track_caller]
pub fn sum_tree(terms: &[Expr]) -> Expr {
    match terms {
        [] => Expr::poison(uint(1), "sum of nothing".into()),
        [x] => x.clone(),
        _ => {
            let (a, b) = terms.split_at(terms.len().div_ceil(2));
            &sum_tree(a) + &sum_tree(b)
        }
    }
}

impl Expr {
    pub(crate) fn new(node: Node, ty: Ty) -> Expr {
        Expr {
            node: Arc::new(node),
            ty,
        }
    }

    #[track_caller]
    pub(crate) fn poison(ty: Ty, message: String) -> Expr {
        Expr::new(Node::Poison(format!("{}: {message}", Loc::here())), ty)
    }

    /// Constant of any width; must fit the type.
    #[track_caller]
    pub fn constant(value: BigInt, ty: Ty) -> Expr {
        let span: BigInt = BigInt::one() << ty.width;
        let half: BigInt = &span >> 1;
        let (low, high) = if ty.signed {
            (-&half, &half - 1)
        } else {
            (BigInt::from(0), &span - 1)
        };
        if ty.width == 0 || value < low || value > high {
            return Expr::poison(ty, format!("constant {value} does not fit {ty}"));
        }
        let bits = if value < BigInt::from(0) {
            value + span
        } else {
            value
        };
        Expr::new(Node::Lit(bits.magnitude().clone()), ty)
    }

    pub fn ty(&self) -> Ty {
        self.ty
    }

    pub fn width(&self) -> u32 {
        self.ty.width
    }

    /// The message of a faulty expression.
    pub(crate) fn fault(&self) -> Option<&str> {
        match &*self.node {
            Node::Poison(message) => Some(message),
            _ => None,
        }
    }

    /// A net, whose name Verilog can index.
    pub(crate) fn net_id(&self) -> Option<usize> {
        match *self.node {
            Node::Net { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Bits `hi` down to `lo`, unsigned. The operand must be a net (name it with `wire` first).
    #[track_caller]
    pub fn bits(&self, hi: u32, lo: u32) -> Expr {
        if hi < lo || hi >= self.ty.width {
            return Expr::poison(
                uint(hi.saturating_sub(lo) + 1),
                format!("bits {hi}:{lo} of a {}", self.ty),
            );
        }
        if lo == 0 && hi + 1 == self.ty.width {
            return self.unsigned();
        }
        let ty = uint(hi - lo + 1);
        match &*self.node {
            Node::Net { .. } => Expr::new(Node::Slice(self.clone(), lo), ty),
            Node::Slice(base, l) => Expr::new(Node::Slice(base.clone(), l + lo), ty),
            Node::Lit(v) => {
                let mask = (BigUint::one() << ty.width) - 1u32;
                Expr::new(Node::Lit((v >> lo) & mask), ty)
            }
            Node::Poison(m) => Expr::new(Node::Poison(m.clone()), ty),
            _ => Expr::poison(
                ty,
                "bits of an unnamed expression: name it with wire()".into(),
            ),
        }
    }

    /// One bit.
    #[track_caller]
    pub fn bit(&self, index: u32) -> Expr {
        self.bits(index, index)
    }

    /// Element `index` of a net seen as elements of `width` bits, element 0 in the low bits.
    #[track_caller]
    pub fn element(&self, index: u32, width: u32) -> Expr {
        self.bits(index * width + width - 1, index * width)
    }

    /// Element chosen at run time; `width` a power of two, all indices in range.
    #[track_caller]
    pub fn part(&self, index: impl AsRef<Expr>, width: u32) -> Expr {
        let index = index.as_ref();
        let ty = uint(width);
        if self.ty.width == width {
            return self.unsigned();
        }
        if self.net_id().is_none() {
            return Expr::poison(
                ty,
                "part of an unnamed expression: name it with wire()".into(),
            );
        }
        if !width.is_power_of_two() || index.ty.signed {
            return Expr::poison(
                ty,
                format!("part of width {width} by an index {}", index.ty),
            );
        }
        if u64::from(width) << index.ty.width != u64::from(self.ty.width) {
            return Expr::poison(
                ty,
                format!(
                    "index {} does not span {} in parts of {width}",
                    index.ty, self.ty
                ),
            );
        }
        Expr::new(Node::Part(self.clone(), index.clone()), ty)
    }

    /// Widened to `width` bits: with zeros when unsigned, with the sign (of a net) when signed.
    #[track_caller]
    pub fn extend(&self, width: u32) -> Expr {
        let ty = Ty {
            width,
            signed: self.ty.signed,
        };
        if width == self.ty.width {
            return self.clone();
        }
        if width < self.ty.width {
            return Expr::poison(ty, format!("extend of {} to {width} bits", self.ty));
        }
        if let Node::Lit(v) = &*self.node {
            let negative = self.ty.signed && v.bit(u64::from(self.ty.width) - 1);
            let fill = if negative {
                (BigUint::one() << width) - (BigUint::one() << self.ty.width)
            } else {
                BigUint::from(0u32)
            };
            return Expr::new(Node::Lit(v + fill), ty);
        }
        if self.ty.signed && self.net_id().is_none() {
            if let Node::Extend(inner) = &*self.node {
                return inner.extend(width);
            }
            return Expr::poison(
                ty,
                "sign extension of an unnamed expression: name it with wire()".into(),
            );
        }
        Expr::new(Node::Extend(self.clone()), ty)
    }

    /// The low `width` bits, of the same sign.
    #[track_caller]
    pub fn truncate(&self, width: u32) -> Expr {
        if width == self.ty.width {
            return self.clone();
        }
        if width == 0 || width > self.ty.width {
            return Expr::poison(
                uint(width),
                format!("truncate of {} to {width} bits", self.ty),
            );
        }
        let low = self.bits(width - 1, 0);
        if self.ty.signed { low.signed() } else { low }
    }

    /// Extended or truncated to `width` bits.
    #[track_caller]
    pub fn resize(&self, width: u32) -> Expr {
        if width >= self.ty.width {
            self.extend(width)
        } else {
            self.truncate(width)
        }
    }

    /// Same bits read as two's complement.
    pub fn signed(&self) -> Expr {
        self.cast(true)
    }

    /// Same bits read as an unsigned number.
    pub fn unsigned(&self) -> Expr {
        self.cast(false)
    }

    fn cast(&self, signed: bool) -> Expr {
        let ty = Ty {
            width: self.ty.width,
            signed,
        };
        if self.ty.signed == signed {
            return self.clone();
        }
        match &*self.node {
            Node::Lit(v) => Expr::new(Node::Lit(v.clone()), ty),
            Node::Cast(inner) => inner.clone(),
            _ => Expr::new(Node::Cast(self.clone()), ty),
        }
    }

    /// All bits one.
    pub fn reduce_and(&self) -> Expr {
        Expr::new(Node::Un(UnOp::RedAnd, self.clone()), uint(1))
    }

    /// Any bit one.
    pub fn reduce_or(&self) -> Expr {
        Expr::new(Node::Un(UnOp::RedOr, self.clone()), uint(1))
    }

    /// Parity.
    pub fn reduce_xor(&self) -> Expr {
        Expr::new(Node::Un(UnOp::RedXor, self.clone()), uint(1))
    }
}

impl AsRef<Expr> for Expr {
    fn as_ref(&self) -> &Expr {
        self
    }
}
