//! Expressions as Verilog text.

use num_bigint::BigUint;
use num_traits::Zero;

use super::super::expr::{BinOp, Expr, Node, UnOp};
use super::super::ty::Ty;

/// A constant, sized and signed like its type.
pub(super) fn literal(bits: &BigUint, ty: Ty) -> String {
    if !ty.signed {
        let long = ty.width > 32;
        return if long {
            format!("{}'h{bits:x}", ty.width)
        } else {
            format!("{}'d{bits}", ty.width)
        };
    }
    let sign = BigUint::from(1u32) << (ty.width - 1);
    if *bits < sign {
        format!("{}'sd{bits}", ty.width)
    } else if *bits == sign {
        // The magnitude of the minimum does not fit the type, so it is written as bits.
        format!("{}'sh{bits:x}", ty.width)
    } else {
        let magnitude = (&sign << 1u32) - bits;
        format!("-{}'sd{magnitude}", ty.width)
    }
}

/// An expression that stands alone: no parentheses around it.
pub(super) fn expr(e: &Expr) -> String {
    match &*e.node {
        Node::Net { name, .. } => name.to_string(),
        Node::Lit(v) => literal(v, e.ty),
        Node::Un(op, x) => {
            let sign = match op {
                UnOp::Not => "~",
                UnOp::Neg => "-",
                UnOp::RedAnd => "&",
                UnOp::RedOr => "|",
                UnOp::RedXor => "^",
            };
            format!("{sign}{}", operand(x))
        }
        Node::Bin(BinOp::Mul, a, b) => {
            format!("{} * {}", widened(a, e.ty.width), widened(b, e.ty.width))
        }
        Node::Bin(op @ (BinOp::Lt | BinOp::Le), a, b)
            if matches!(*a.node, Node::Lit(_)) && !matches!(*b.node, Node::Lit(_)) =>
        {
            // The constant stands on the right, where a reader looks for it.
            let sign = if *op == BinOp::Lt { ">" } else { ">=" };
            format!("{} {sign} {}", operand(b), operand(a))
        }
        Node::Bin(op, a, b) => {
            let sign = match op {
                BinOp::And => "&",
                BinOp::Or => "|",
                BinOp::Xor => "^",
                BinOp::Add => "+",
                BinOp::Sub => "-",
                BinOp::Mul => "*",
                BinOp::Eq => "==",
                BinOp::Ne => "!=",
                BinOp::Lt => "<",
                BinOp::Le => "<=",
                BinOp::Shl => "<<",
                BinOp::Shr if a.ty.signed => ">>>",
                BinOp::Shr => ">>",
            };
            // Chains of one associative operator read better without parentheses.
            let chain = matches!(op, BinOp::And | BinOp::Or | BinOp::Xor | BinOp::Add);
            let side = match op {
                BinOp::And | BinOp::Or | BinOp::Xor => bitwise_operand,
                _ => operand,
            };
            let left = match &*a.node {
                Node::Bin(inner, ..) if chain && inner == op => expr(a),
                _ => side(a),
            };
            format!("{left} {sign} {}", side(b))
        }
        Node::Mux(c, a, b) => {
            let (c, a) = (bitwise_operand(c), bitwise_operand(a));
            format!("{c} ? {a} : {}", mux_tail(b))
        }
        Node::Slice(base, lo) => {
            let hi = lo + e.ty.width - 1;
            if hi == *lo {
                format!("{}[{lo}]", expr(base))
            } else {
                format!("{}[{hi}:{lo}]", expr(base))
            }
        }
        Node::Part(base, index) => {
            let shift = e.ty.width.trailing_zeros();
            let start = if shift == 0 {
                expr(index)
            } else {
                format!("{{{}, {shift}'d0}}", expr(index))
            };
            if e.ty.width == 1 {
                format!("{}[{start}]", expr(base))
            } else {
                format!("{}[{start} +: {}]", expr(base), e.ty.width)
            }
        }
        Node::Cat(_) => concatenation(0, e),
        Node::Repeat(n, x) => format!("{{{n}{{{}}}}}", expr(x)),
        Node::Extend(_) => widened_node(e),
        Node::Cast(x) if e.ty.signed => format!("$signed({})", expr(x)),
        Node::Cast(x) => format!("$unsigned({})", expr(x)),
        Node::MemRead { name, addr, .. } => format!("{name}[{}]", expr(addr)),
        Node::Poison(message) => format!("/* {message} */"),
    }
}

/// A chain of multiplexers reads as a list.
fn mux_tail(e: &Expr) -> String {
    match &*e.node {
        Node::Mux(..) => expr(e),
        _ => bitwise_operand(e),
    }
}

/// An operand of `& | ^ ?:`, where a plain `~x` reads well without parentheses.
fn bitwise_operand(e: &Expr) -> String {
    match &*e.node {
        Node::Un(UnOp::Not, x) if !matches!(*x.node, Node::Un(..)) => expr(e),
        _ => operand(e),
    }
}

/// An expression inside another: parenthesised unless it is atomic.
pub(super) fn operand(e: &Expr) -> String {
    match &*e.node {
        Node::Un(..) | Node::Bin(..) | Node::Mux(..) => format!("({})", expr(e)),
        Node::Lit(_) => {
            let text = expr(e);
            if text.starts_with('-') {
                format!("({text})")
            } else {
                text
            }
        }
        _ => expr(e),
    }
}

fn widened_node(e: &Expr) -> String {
    match &*e.node {
        Node::Extend(x) => widened(x, e.ty.width),
        _ => expr(e),
    }
}

/// `x` with its bits up to `width` filled with zeros or its sign.
fn widened(x: &Expr, width: u32) -> String {
    let fill = width - x.ty.width;
    match &*x.node {
        _ if fill == 0 => operand(x),
        Node::Lit(_) => expr(&x.extend(width)),
        _ if !x.ty.signed => concatenation(fill, x),
        _ => {
            let name = expr(x);
            let sign = if x.ty.width == 1 {
                format!("{name}[0]")
            } else {
                format!("{name}[{}]", x.ty.width - 1)
            };
            format!("$signed({{{{{fill}{{{sign}}}}}, {name}}})")
        }
    }
}

/// `fill` zeros above `e`, with concatenations inside joined into one.
fn concatenation(fill: u32, e: &Expr) -> String {
    let mut parts = Parts {
        zeros: fill,
        texts: Vec::new(),
    };
    parts.add(e);
    parts.flush();
    format!("{{{}}}", parts.texts.join(", "))
}

/// Parts of a concatenation; adjacent zeros are collected. The sign of a part has no meaning here.
struct Parts {
    zeros: u32,
    texts: Vec<String>,
}

impl Parts {
    fn add(&mut self, e: &Expr) {
        match &*e.node {
            Node::Cat(parts) => parts.iter().for_each(|p| self.add(p)),
            Node::Cast(x) => self.add(x),
            Node::Extend(x) if !x.ty.signed => {
                self.zeros += e.ty.width - x.ty.width;
                self.add(x);
            }
            Node::Lit(v) if v.is_zero() => self.zeros += e.ty.width,
            Node::Lit(v) => {
                self.flush();
                self.texts
                    .push(literal(v, super::super::ty::uint(e.ty.width)));
            }
            _ => {
                self.flush();
                self.texts.push(expr(e));
            }
        }
    }

    fn flush(&mut self) {
        if self.zeros > 0 {
            self.texts.push(format!("{}'d0", self.zeros));
            self.zeros = 0;
        }
    }
}
