//! Attention: q, k, v of this token, the KV cache, scores, softmax, weighted values, output projection.

use hw::isa::Op;
use hw::vec::Reduce;

use super::vector::{CODES, INTEGER, Vector};
use super::{Block, STATE, h};
use crate::compile::emit::{Access, Emitter, imm, reg};
use crate::compile::layout::{Constant, LayerScalar, Matrix};
use crate::compile::program::{r, region};
use crate::compile::scratch::Place;

impl Block<'_> {
    /// Products of Q, K, V from one quantisation of the input; returns the factors of their codes.
    pub(super) fn project(&self, e: &mut Emitter) -> [Place; 3] {
        let (hidden, p) = (self.model.config.hidden as u32, self.places);
        self.quantise(e, p.x, hidden, p.layer_norms[0], Constant::InvHidden);
        self.products(e, &[Matrix::Q, Matrix::K, Matrix::V], hidden, &p.qkv);
        let factors = [
            LayerScalar::QueryCodes,
            LayerScalar::KeyCodes,
            LayerScalar::ValueCodes,
        ];
        [0, 1, 2].map(|i| self.factor(e, i, factors[i as usize]))
    }

    /// int8 codes of one head and their scale: `acc` is the raw accumulator, `factor` what it stands for.
    fn head_codes(
        &self,
        e: &mut Emitter,
        (slot, rotate): (u32, bool),
        acc: Place,
        factor: Place,
        codes: Place,
    ) {
        let (one, hd) = (self.constant(Constant::One), self.head_dim());
        let absmax = self.head_scalar(slot, h::ABSMAX);
        let op = if rotate { Op::Vrope } else { Op::Vscale };
        let mut v = Vector::new(op, self.places.head, acc, hd).flags(INTEGER);
        v = if rotate {
            v.b(self.places.rope)
        } else {
            v.s0(one)
        };
        v.reduce(Reduce::AbsMax, absmax)
            .emit(e, &[], "head: rotate, absmax");
        let scale = self.head_scalar(slot, h::SCALE);
        Vector::new(Op::Vrecip, scale, absmax, 1)
            .b(self.constant(Constant::C127))
            .s0(one)
            .s1(self.constant(Constant::Floor))
            .emit(e, &[], "head: 127 / absmax");
        Vector::new(Op::Vscale, codes, self.places.head, hd)
            .s0(scale)
            .flags(CODES)
            .emit(e, &[], "head: int8 codes");
        Vector::new(Op::Vscale, self.head_scalar(slot, h::OUT), absmax, 1)
            .s0(factor)
            .emit(e, &[], "head: scale of the codes");
    }

    /// Codes and scales of this token's K and V into the cache.
    pub(super) fn append_cache(&self, e: &mut Emitter, fk: Place, fv: Place) {
        let (hd, kv, heads) = (self.head_dim(), self.kv_heads(), self.heads());
        let lanes = self.p.vec_lanes;
        let (row_words, code_words) = (hd / lanes, hd.div_ceil(4 * lanes));
        let st = self.state;
        for (which, factor) in [(0, fk), (1, fv)] {
            for g in 0..kv {
                let slot = heads + which * kv + g;
                let codes = if which == 0 {
                    self.places.k_codes
                } else {
                    self.places.v_codes
                };
                let codes = codes.part(g * code_words, code_words);
                let acc = self.places.qkv[1 + which as usize].part(g * row_words, row_words);
                self.head_codes(e, (slot, which == 0), acc, factor, codes);
                let (rows, scales) = if which == 0 {
                    (st.k_rows, st.k_scales)
                } else {
                    (st.v_rows, st.v_scales)
                };
                let region = region::KV + 4 * g + 2 * which;
                e.unit(
                    Op::St,
                    STATE,
                    &[
                        (0, imm(codes.addr)),
                        (1, reg(r::ROW_AT, rows + g * st.rows_stride)),
                        (2, imm(hd / 4)),
                    ],
                    &[Access::Scratch(codes)],
                    &[Access::State(region)],
                    "append codes",
                );
                let scale = self.head_scalar(slot, h::OUT);
                e.unit(
                    Op::St1,
                    STATE,
                    &[
                        (0, imm(scale.addr)),
                        (1, reg(r::SCALE_AT, scales + g * st.scales_stride)),
                    ],
                    &[Access::Scratch(scale)],
                    &[Access::State(region + 1)],
                    "append scale",
                );
            }
        }
    }

    /// K, V and their scales of all tokens so far: first all of K, then all of V, as the pe array wants them.
    pub(super) fn request_cache(&self, e: &mut Emitter) {
        let st = self.state;
        let context_words = self.places.k_scales.words / self.kv_heads();
        for which in 0..2 {
            for g in 0..self.kv_heads() {
                let region = region::KV + 4 * g + 2 * which;
                let (place, rows, scales, name) = if which == 0 {
                    (self.places.k_scales, st.k_rows, st.k_scales, "K")
                } else {
                    (self.places.v_scales, st.v_rows, st.v_scales, "V")
                };
                let place = place.part(g * context_words, context_words);
                e.unit(
                    Op::Ld,
                    STATE,
                    &[
                        (0, imm(place.addr)),
                        (1, reg(r::KV, scales + g * st.scales_stride)),
                        (2, reg(r::COUNT, 0)),
                    ],
                    &[Access::State(region + 1)],
                    &[Access::Scratch(place)],
                    &format!("scales of {name}"),
                );
                e.unit(
                    Op::Ldp,
                    STATE,
                    &[
                        (1, reg(r::KV, rows + g * st.rows_stride)),
                        (2, reg(r::ROWS, 0)),
                    ],
                    &[Access::State(region)],
                    &[],
                    &format!("codes of {name}"),
                );
            }
        }
    }

    /// A pe instruction over the query heads `first .. first + rows`.
    fn pe(&self, e: &mut Emitter, op: Op, first: u32, rows: u32) {
        let (hd, lanes, p) = (self.head_dim(), self.p.vec_lanes, self.places);
        let scores = p.scores.words / self.heads();
        let p_words = p.p_codes.words / self.heads();
        let code_words = hd.div_ceil(4 * lanes);
        let (dst, dst_stride, src, src_stride, name) = if op == Op::Pedot {
            (p.scores, scores, p.q_codes, code_words, "scores")
        } else {
            (p.mixed, hd / lanes, p.p_codes, p_words, "weighted values")
        };
        let dst = dst.part(first * dst_stride, rows * dst_stride);
        let src = src.part(first * src_stride, rows * src_stride);
        let fields = [
            (0, imm(dst.addr)),
            (1, imm(src.addr)),
            (2, reg(r::COUNT, 0)),
            (3, imm(hd)),
            (4, imm(dst_stride)),
            (5, imm(src_stride)),
        ];
        let (reads, writes) = ([Access::Scratch(src)], [Access::Scratch(dst)]);
        e.unit(op, (rows - 1) as u8, &fields, &reads, &writes, name);
    }

    /// Output projection of all heads together, added to the residual stream.
    pub(super) fn project_out(&self, e: &mut Emitter) {
        let (width, hidden) = (
            self.heads() * self.head_dim(),
            self.model.config.hidden as u32,
        );
        let p = self.places;
        self.quantise(
            e,
            p.attention,
            width,
            p.layer_norms[1],
            Constant::InvAttention,
        );
        self.products(e, &[Matrix::O], width, &[p.out]);
        let fo = self.factor(e, 3, LayerScalar::Matrix(Matrix::O));
        Vector::new(Op::Vaxpy, p.x, p.out, hidden)
            .b(p.x)
            .s0(fo)
            .flags(INTEGER)
            .emit(e, &[], "residual");
    }

    /// Attention of all heads. Scores of all groups are requested first, so that the array works on one group while
    /// vec makes the softmax of another.
    pub(super) fn attend(&self, e: &mut Emitter, fq: Place) {
        let (hd, lanes, heads, p) = (self.head_dim(), self.p.vec_lanes, self.heads(), self.places);
        let group = heads / self.kv_heads();
        let (row_words, code_words) = (hd / lanes, hd.div_ceil(4 * lanes));
        for head in 0..heads {
            let acc = p.qkv[0].part(head * row_words, row_words);
            let codes = p.q_codes.part(head * code_words, code_words);
            self.head_codes(e, (head, true), acc, fq, codes);
        }
        for g in 0..self.kv_heads() {
            self.pe(e, Op::Pedot, g * group, group);
        }
        let scores = p.scores.words / heads;
        let p_words = p.p_codes.words / heads;
        let context_words = p.k_scales.words / self.kv_heads();
        let one = self.constant(Constant::One);
        for g in 0..self.kv_heads() {
            let ks = p.k_scales.part(g * context_words, context_words);
            let vs = p.v_scales.part(g * context_words, context_words);
            for head in g * group..(g + 1) * group {
                let score = p.scores.part(head * scores, scores);
                let codes = p.p_codes.part(head * p_words, p_words);
                let at = |i| self.head_scalar(head, i);
                let count = reg(r::COUNT, 0);
                Vector::new(Op::Vsmul, score, score, 0)
                    .n(count)
                    .flags(INTEGER)
                    .s0(at(h::OUT))
                    .b(ks)
                    .reduce(Reduce::Max, at(h::SCALE))
                    .emit(e, &[], "scores, maximum");
                let red = Place {
                    words: 2,
                    ..at(h::ABSMAX)
                };
                Vector::new(Op::Vexp, score, score, 0)
                    .n(count)
                    .s0(one)
                    .s1(at(h::SCALE))
                    .b(vs)
                    .reduce(Reduce::AbsMax, red)
                    .emit(e, &[], "exponentials times the scales of V, sum");
                Vector::new(Op::Vrecip, at(h::SCALE), at(h::ABSMAX), 1)
                    .b(self.constant(Constant::C127))
                    .s0(one)
                    .s1(self.constant(Constant::Floor))
                    .emit(e, &[], "127 / absmax");
                Vector::new(Op::Vscale, codes, score, 0)
                    .n(count)
                    .s0(at(h::SCALE))
                    .flags(CODES)
                    .emit(e, &[], "int8 codes of the weights");
                Vector::new(Op::Vrecip, at(h::OUT), at(h::SUM), 1)
                    .b(at(h::ABSMAX))
                    .s0(self.constant(Constant::C127))
                    .s1(self.constant(Constant::Floor))
                    .emit(e, &[], "absmax / (127 sum)");
            }
            self.pe(e, Op::Peaxpy, g * group, group);
        }
        for head in 0..heads {
            let part = |place: Place| place.part(head * row_words, row_words);
            Vector::new(Op::Vscale, part(p.attention), part(p.mixed), hd)
                .s0(self.head_scalar(head, h::OUT))
                .flags(INTEGER)
                .emit(e, &[], "output of the head");
        }
    }
}
