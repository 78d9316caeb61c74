//! Operators of expressions and their typing rules.

use std::ops;

use num_bigint::BigInt;

use super::expr::{BinOp, Expr, Node, UnOp, lit};
use super::ty::{Ty, uint};

impl Expr {
    #[track_caller]
    fn binary(&self, op: BinOp, rhs: &Expr) -> Expr {
        let ty = match op {
            BinOp::Mul => {
                if self.ty.signed != rhs.ty.signed {
                    let width = self.ty.width + rhs.ty.width;
                    return self.mismatch("product", rhs, Ty { width, ..self.ty });
                }
                for side in [self, rhs] {
                    if side.ty.signed && side.net_id().is_none() && !side.is_lit() {
                        return Expr::poison(
                            side.ty,
                            "signed product of an unnamed expression: name it with wire()".into(),
                        );
                    }
                }
                Ty {
                    width: self.ty.width + rhs.ty.width,
                    signed: self.ty.signed,
                }
            }
            BinOp::Shl | BinOp::Shr => {
                if rhs.ty.signed {
                    return Expr::poison(self.ty, format!("shift by a signed {}", rhs.ty));
                }
                self.ty
            }
            BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le => {
                if self.ty != rhs.ty {
                    return self.mismatch("comparison", rhs, uint(1));
                }
                uint(1)
            }
            BinOp::And | BinOp::Or | BinOp::Xor | BinOp::Add | BinOp::Sub => {
                if self.ty != rhs.ty {
                    return self.mismatch("operation", rhs, self.ty);
                }
                self.ty
            }
        };
        Expr::new(Node::Bin(op, self.clone(), rhs.clone()), ty)
    }

    #[track_caller]
    fn mismatch(&self, what: &str, rhs: &Expr, result: Ty) -> Expr {
        // An operand that is a fault itself explains more than its type.
        for e in [self, rhs] {
            if let Node::Poison(message) = &*e.node {
                return Expr::new(Node::Poison(message.clone()), result);
            }
        }
        Expr::poison(result, format!("{what} of {} and {}", self.ty, rhs.ty))
    }

    fn is_lit(&self) -> bool {
        matches!(*self.node, Node::Lit(_))
    }

    #[track_caller]
    pub fn eq(&self, rhs: impl AsRef<Expr>) -> Expr {
        self.binary(BinOp::Eq, rhs.as_ref())
    }

    #[track_caller]
    pub fn ne(&self, rhs: impl AsRef<Expr>) -> Expr {
        self.binary(BinOp::Ne, rhs.as_ref())
    }

    #[track_caller]
    pub fn lt(&self, rhs: impl AsRef<Expr>) -> Expr {
        self.binary(BinOp::Lt, rhs.as_ref())
    }

    #[track_caller]
    pub fn le(&self, rhs: impl AsRef<Expr>) -> Expr {
        self.binary(BinOp::Le, rhs.as_ref())
    }

    #[track_caller]
    pub fn gt(&self, rhs: impl AsRef<Expr>) -> Expr {
        rhs.as_ref().binary(BinOp::Lt, self)
    }

    #[track_caller]
    pub fn ge(&self, rhs: impl AsRef<Expr>) -> Expr {
        rhs.as_ref().binary(BinOp::Le, self)
    }

    /// Equal to an unsigned constant.
    #[track_caller]
    pub fn is(&self, value: u64) -> Expr {
        self.binary(BinOp::Eq, &lit(value, self.ty.width))
    }

    /// Shift by a constant; the type stays.
    #[track_caller]
    pub fn shl(&self, amount: impl AsRef<Expr>) -> Expr {
        self.binary(BinOp::Shl, amount.as_ref())
    }

    /// Right shift, arithmetic when signed; the type stays.
    #[track_caller]
    pub fn shr(&self, amount: impl AsRef<Expr>) -> Expr {
        self.binary(BinOp::Shr, amount.as_ref())
    }

    /// Plus a constant, wrapping.
    #[track_caller]
    pub fn plus(&self, value: u64) -> Expr {
        let k = Expr::constant(BigInt::from(value), self.ty);
        self.binary(BinOp::Add, &k)
    }

    /// Minus a constant, wrapping.
    #[track_caller]
    pub fn minus(&self, value: u64) -> Expr {
        let k = Expr::constant(BigInt::from(value), self.ty);
        self.binary(BinOp::Sub, &k)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $op:expr) => {
        impl ops::$trait<&Expr> for &Expr {
            type Output = Expr;
            #[track_caller]
            fn $method(self, rhs: &Expr) -> Expr {
                self.binary($op, rhs)
            }
        }
        impl ops::$trait<Expr> for &Expr {
            type Output = Expr;
            #[track_caller]
            fn $method(self, rhs: Expr) -> Expr {
                self.binary($op, &rhs)
            }
        }
        impl ops::$trait<&Expr> for Expr {
            type Output = Expr;
            #[track_caller]
            fn $method(self, rhs: &Expr) -> Expr {
                self.binary($op, rhs)
            }
        }
        impl ops::$trait<Expr> for Expr {
            type Output = Expr;
            #[track_caller]
            fn $method(self, rhs: Expr) -> Expr {
                self.binary($op, &rhs)
            }
        }
    };
}
operator!(BitAnd, bitand, BinOp::And);
operator!(BitOr, bitor, BinOp::Or);
operator!(BitXor, bitxor, BinOp::Xor);
operator!(Add, add, BinOp::Add);
operator!(Sub, sub, BinOp::Sub);
operator!(Mul, mul, BinOp::Mul);

impl ops::Not for &Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        Expr::new(Node::Un(UnOp::Not, self.clone()), self.ty)
    }
}

impl ops::Not for Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        !&self
    }
}

impl ops::Neg for &Expr {
    type Output = Expr;
    #[track_caller]
    fn neg(self) -> Expr {
        if !self.ty.signed {
            return Expr::poison(self.ty, format!("negation of {}", self.ty));
        }
        Expr::new(Node::Un(UnOp::Neg, self.clone()), self.ty)
    }
}

impl ops::Neg for Expr {
    type Output = Expr;
    #[track_caller]
    fn neg(self) -> Expr {
        -&self
    }
}
