//! A ternary linear layer: norm and int8 codes of its input, the product, the factor of its accumulator; and the norm alone.

use hw::isa::Op;
use hw::vec::Reduce;

use super::vector::{CODES, Vector};
use super::{Block, s};
use crate::compile::emit::{Access, Emitter, imm};
use crate::compile::layout::{Constant, LayerScalar, Matrix};
use crate::compile::scratch::Place;

impl Block<'_> {
    /// int8 codes of `norm(x) * weights` (or of `x` where the family has no norm) into `codes`; afterwards scalar ABSMAX
    /// holds what the codes must be multiplied with, times 127.
    pub(super) fn quantise(
        &self,
        e: &mut Emitter,
        x: Place,
        n: u32,
        norm: Option<Place>,
        inv_n: Constant,
    ) {
        let (one, floor) = (self.constant(Constant::One), self.constant(Constant::Floor));
        let red = self.places.scalars.part(s::RAW, 2);
        let (source, rsqrt) = match norm {
            Some(weights) => {
                self.norm(e, x, n, weights, inv_n);
                (self.places.t, self.scalar(s::RSQRT))
            }
            None => {
                Vector::new(Op::Vscale, x, x, n)
                    .s0(one)
                    .no_output()
                    .reduce(Reduce::AbsMax, red.word(0))
                    .emit(e, &[], "absmax");
                (x, one)
            }
        };
        let raw = self.scalar(s::RAW);
        Vector::new(Op::Vrecip, self.scalar(s::SCALE), raw, 1)
            .b(self.constant(Constant::C127))
            .s0(rsqrt)
            .s1(floor)
            .emit(e, &[], "quantise: 127 / absmax");
        Vector::new(Op::Vmax, self.scalar(s::ABSMAX), raw, 1)
            .s0(rsqrt)
            .s1(floor)
            .emit(e, &[], "quantise: absmax");
        Vector::new(Op::Vscale, self.scalar(s::FACTOR), self.scalar(s::SCALE), 1)
            .s0(rsqrt)
            .emit(e, &[], "quantise: factor of the product");
        Vector::new(Op::Vscale, self.places.codes, source, n)
            .s0(self.scalar(s::FACTOR))
            .flags(CODES)
            .emit(e, &[], "quantise: int8 codes");
    }

    /// `x * weights` into `t` and its absmax; scalar RSQRT is what is missing to the norm of `x`.
    fn norm(&self, e: &mut Emitter, x: Place, n: u32, weights: Place, inv_n: Constant) {
        Vector::new(Op::Vnorm, self.places.t, x, n)
            .b(weights)
            .reduce(Reduce::AbsMax, self.places.scalars.part(s::RAW, 2))
            .emit(
                e,
                &[],
                "norm: product with the weights, sum of squares, absmax",
            );
        Vector::new(
            Op::Vrsqrt,
            self.scalar(s::RSQRT),
            self.scalar(s::SQUARES),
            1,
        )
        .s0(self.constant(inv_n))
        .s1(self.constant(Constant::Eps))
        .emit(e, &[], "norm: 1/rms");
    }

    /// `norm(x) * weights` as floats into `t`.
    pub(super) fn normalise(
        &self,
        e: &mut Emitter,
        x: Place,
        n: u32,
        weights: Place,
        inv_n: Constant,
    ) {
        self.norm(e, x, n, weights, inv_n);
        let t = self.places.t;
        Vector::new(Op::Vscale, t, t, n)
            .s0(self.scalar(s::RSQRT))
            .emit(e, &[], "norm");
    }

    /// Output factor number `slot`.
    pub(super) fn factor(&self, slot: u32) -> Place {
        self.scalar(s::OUT + slot)
    }

    /// Factor of a matrix' accumulator: absmax of its input times a scalar of the layer.
    pub(super) fn make_factor(&self, e: &mut Emitter, slot: u32, scalar: LayerScalar) {
        Vector::new(Op::Vscale, self.factor(slot), self.scalar(s::ABSMAX), 1)
            .s0(self.layer_scalar(scalar))
            .emit(e, &[], "factor of the accumulator");
    }

    /// Products of matrices with the codes of all tokens; the sums of each begin at its place, which are neighbours, so that
    /// a packet of several matrices fills several.
    pub(super) fn products(&self, e: &mut Emitter, matrices: &[Matrix], k: u32, sums: &[Place]) {
        for packet in self.packets(matrices) {
            let first = matrices.iter().position(|m| packet.matrices[0] == *m);
            let dst = Place {
                words: (packet.row_tiles * self.p.rows).div_ceil(self.p.vec_lanes),
                ..sums[first.unwrap_or(0)]
            };
            let mut fields = vec![
                (0, imm(dst.addr)),
                (1, imm(self.places.codes.addr)),
                (2, imm(k)),
                (3, imm(packet.row_tiles)),
            ];
            if self.tokens > 1 {
                let stride = imm(self.places.token_stride);
                fields.extend([(4, imm(self.tokens - 1)), (5, stride), (6, stride)]);
            }
            let accesses = |place| -> Vec<Access> {
                let places = self.of_tokens(place).into_iter();
                places.map(Access::Scratch).collect()
            };
            let (reads, writes) = (accesses(self.places.codes), accesses(dst));
            e.unit(Op::Gemv, 0, &fields, &reads, &writes, &packet.name());
        }
    }
}
