//! Golden model of vec: plain loops in the order of operations that the contract pins.

use super::{Output, Reduce, SUM_SLOTS, VecFlags, VecOp};
use crate::num::F32;
use crate::num::golden::{abs, add, from_i32, max, mul, neg, relu, to_i8, to_i32};
use crate::num::golden_func::{exp, recip, rsqrt};

/// Operands as raw 32-bit words. `b` is read only by operations that use it (a shorter slice is then allowed).
#[derive(Clone, Copy, Debug)]
pub struct Operands<'a> {
    pub a: &'a [u32],
    pub b: &'a [u32],
    pub s0: F32,
    pub s1: F32,
}

/// Elements in the output format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Elements {
    /// f32 bits or i32 bits.
    Words(Vec<u32>),
    Bytes(Vec<i8>),
    None,
}

/// Everything an instruction produces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Results {
    pub y: Elements,
    /// Maximum or absmax of `y`, for address f6.
    pub reduced: Option<F32>,
    /// Sum of squares (`Norm`) or of exponentials (`Exp`), for address f6 + 1.
    pub sum: Option<F32>,
}

impl VecOp {
    pub const fn uses_b(self) -> bool {
        use VecOp::*;
        matches!(
            self,
            Mul | Add | Axpy | ScaleMul | Norm | Rope | Exp | RecipMax
        )
    }

    pub const fn uses_s0(self) -> bool {
        use VecOp::*;
        !matches!(self, Mul | Add | Norm | Rope | RecipAdd)
    }

    pub const fn uses_s1(self) -> bool {
        use VecOp::*;
        matches!(self, Exp | RecipAdd | Rsqrt | Max | RecipMax)
    }

    pub const fn has_sum(self) -> bool {
        matches!(self, VecOp::Norm | VecOp::Exp)
    }
}

/// Executes one instruction on `o.a.len()` elements with `lanes` lanes.
pub fn execute(op: VecOp, flags: VecFlags, lanes: usize, o: &Operands) -> Results {
    let n = o.a.len();
    let x: Vec<F32> =
        o.a.iter()
            .map(|&w| {
                if flags.integer {
                    from_i32(w as i32)
                } else {
                    F32(w)
                }
            })
            .collect();
    let b = |i: usize| F32(o.b[i]);
    let scaled = |i: usize| mul(x[i], o.s0);
    // `term` is what the sum takes: x * x, or the exponential before its multiplication by b.
    let mut terms: Vec<F32> = Vec::new();
    let mut y: Vec<F32> = Vec::with_capacity(n);
    for i in 0..n {
        let value = match op {
            VecOp::Mul => mul(x[i], b(i)),
            VecOp::Scale => scaled(i),
            VecOp::Add => add(x[i], b(i)),
            VecOp::Axpy => add(scaled(i), b(i)),
            VecOp::ScaleMul => mul(scaled(i), b(i)),
            VecOp::Norm => {
                terms.push(mul(x[i], x[i]));
                mul(x[i], b(i))
            }
            VecOp::Rope => {
                // A pair cut by the end of the vector sees zero, as the hardware's masked lane does.
                let partner = x.get(i ^ 1).copied().unwrap_or(F32::ZERO);
                let (cos, sin) = (b(i & !1), o.b.get(i | 1).map_or(F32::ZERO, |&w| F32(w)));
                let (own, cross) = (mul(x[i], cos), mul(partner, sin));
                if i % 2 == 0 {
                    add(own, neg(cross))
                } else {
                    add(own, cross)
                }
            }
            VecOp::Exp => {
                let e = exp(add(scaled(i), neg(o.s1)));
                terms.push(e);
                mul(e, b(i))
            }
            VecOp::Relu2 => {
                let u = relu(scaled(i));
                mul(u, u)
            }
            VecOp::ExpScaled => exp(scaled(i)),
            VecOp::RecipAdd => recip(add(x[i], o.s1)),
            VecOp::Rsqrt => rsqrt(add(scaled(i), o.s1)),
            VecOp::Max => max(scaled(i), o.s1),
            VecOp::RecipMax => mul(recip(max(scaled(i), o.s1)), b(i)),
        };
        y.push(value);
    }
    let reduced = match flags.reduce {
        Reduce::None => None,
        Reduce::Max => Some(y.iter().fold(neg(F32::MAX), |m, &v| max(m, v))),
        Reduce::AbsMax => Some(y.iter().fold(F32::ZERO, |m, &v| max(m, abs(v)))),
    };
    let sum = op.has_sum().then(|| tree_sum(&terms, lanes));
    let y = match flags.output {
        Output::F32 => Elements::Words(y.iter().map(|v| v.0).collect()),
        Output::I32 => Elements::Words(y.iter().map(|&v| to_i32(v) as u32).collect()),
        Output::I8 => Elements::Bytes(y.iter().map(|&v| to_i8(v)).collect()),
        Output::None => Elements::None,
    };
    Results { y, reduced, sum }
}

/// Sum in the pinned order: eight interleaved partial sums a lane (they hide the adder's latency), then a tree
/// over the partial sums, then a tree over the lanes.
pub fn tree_sum(terms: &[F32], lanes: usize) -> F32 {
    let mut partial = vec![[F32::ZERO; SUM_SLOTS]; lanes];
    for (w, word) in terms.chunks(lanes).enumerate() {
        for (lane, &term) in word.iter().enumerate() {
            let p = &mut partial[lane][w % SUM_SLOTS];
            *p = add(*p, term);
        }
    }
    let mut stride = SUM_SLOTS / 2;
    while stride > 0 {
        for p in &mut partial {
            for i in 0..stride {
                p[i] = add(p[i], p[i + stride]);
            }
        }
        stride /= 2;
    }
    let mut sums: Vec<F32> = partial.iter().map(|p| p[0]).collect();
    let mut stride = lanes / 2;
    while stride > 0 {
        for l in 0..stride {
            sums[l] = add(sums[l], sums[l + stride]);
        }
        stride /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    #[test]
    fn norm_reports_product_absmax_and_sum_of_squares() {
        let (a, b) = (
            words(&[1.0, -2.0, 3.0, -4.0, 5.0]),
            words(&[2.0, 2.0, -2.0, 2.0, 1.0]),
        );
        let o = Operands {
            a: &a,
            b: &b,
            s0: F32::ZERO,
            s1: F32::ZERO,
        };
        let flags = VecFlags {
            integer: false,
            output: Output::F32,
            reduce: Reduce::AbsMax,
        };
        let r = execute(VecOp::Norm, flags, 4, &o);
        assert_eq!(r.y, Elements::Words(words(&[2.0, -4.0, -6.0, -8.0, 5.0])));
        assert_eq!(r.reduced.map(F32::to_f32), Some(8.0));
        assert_eq!(r.sum.map(F32::to_f32), Some(55.0));
    }

    #[test]
    fn rope_turns_by_a_quarter() {
        let (a, b) = (words(&[1.0, 0.0, 0.0, 1.0]), words(&[0.0, 1.0, 0.0, 1.0]));
        let o = Operands {
            a: &a,
            b: &b,
            s0: F32::ZERO,
            s1: F32::ZERO,
        };
        let flags = VecFlags {
            integer: false,
            output: Output::F32,
            reduce: Reduce::None,
        };
        let r = execute(VecOp::Rope, flags, 4, &o);
        assert_eq!(r.y, Elements::Words(words(&[0.0, 1.0, -1.0, 0.0])));
    }

    #[test]
    fn flags_round_trip() {
        for bits in 0..32u8 {
            let flags = VecFlags::decode(bits);
            assert_eq!(VecFlags::decode(flags.encode()), flags);
        }
    }

    #[test]
    fn sum_agrees_with_f64() {
        let terms: Vec<F32> = (0..1000)
            .map(|i| F32::from_f32(1.0 / (1.0 + i as f32)))
            .collect();
        let exact: f64 = terms.iter().map(|t| t.value()).sum();
        for lanes in [2, 4, 8, 16] {
            let got = tree_sum(&terms, lanes).value();
            assert!(
                (got - exact).abs() / exact < 1e-6,
                "{lanes} lanes: {got} against {exact}"
            );
        }
    }
}
