//! Attention: q, k, v of the tokens, the KV cache, scores, softmax, weighted values, output projection.
//!
//! A block's scores all stay in the scratchpad, so each row's softmax is the one of a single token, over the token's own count:
//! what the array has computed of later tokens is never read. Weights behind the count read as zero (see `program`).

use hw::isa::{Op, Unit};
use hw::vec::{Output, Reduce, VecFlags};

use super::vector::{CODES, INTEGER, Vector};
use super::{Block, STATE, h};
use crate::compile::emit::{Access, Emitter, Step, imm, reg};
use crate::compile::layout::{Constant, LayerScalar, Matrix};
use crate::compile::program::{r, region};
use crate::compile::scratch::Place;

/// Output factors.
const Q: u32 = 0;
const K: u32 = 1;
const V: u32 = 2;
const O: u32 = 3;

impl Block<'_> {
    /// Products of Q, K, V from one quantisation of the input, and the factors of their codes.
    pub(super) fn project(&self, e: &mut Emitter) {
        let (hidden, p) = (self.model.config.hidden as u32, self.places);
        self.each_token(e, |e| {
            self.quantise(e, p.x, hidden, p.layer_norms[0], Constant::InvHidden);
            self.make_factor(e, Q, LayerScalar::QueryCodes);
            self.make_factor(e, K, LayerScalar::KeyCodes);
            self.make_factor(e, V, LayerScalar::ValueCodes);
        });
        self.products(e, &[Matrix::Q, Matrix::K, Matrix::V], hidden, &p.qkv);
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

    /// Codes and scales of K and V into the cache.
    pub(super) fn append_cache(&self, e: &mut Emitter) {
        let step = |register, by| Step {
            reg: register,
            start: reg(register, 0),
            by,
        };
        let steps = [step(r::ROW_AT, self.head_dim() / 4), step(r::SCALE_AT, 1)];
        self.each_token_and(e, &steps, |e| {
            self.append(e, K);
            self.append(e, V);
        });
        if self.tokens > 1 {
            e.sync(&[Unit::Store], "the cache has the block");
        }
    }

    /// All heads of K or V of the token at hand.
    fn append(&self, e: &mut Emitter, which: u32) {
        let (hd, kv, lanes, st) = (
            self.head_dim(),
            self.kv_heads(),
            self.p.vec_lanes,
            self.state,
        );
        let (row_words, code_words) = (hd / lanes, hd.div_ceil(4 * lanes));
        let (all_codes, rows, scales) = if which == K {
            (self.places.k_codes, st.k_rows, st.k_scales)
        } else {
            (self.places.v_codes, st.v_rows, st.v_scales)
        };
        for g in 0..kv {
            let slot = self.heads() + (which - K) * kv + g;
            let codes = all_codes.part(g * code_words, code_words);
            let acc = self.places.qkv[which as usize].part(g * row_words, row_words);
            self.head_codes(e, (slot, which == K), acc, self.factor(which), codes);
            let region = region::KV + 4 * g + 2 * (which - K);
            let row = reg(r::ROW_AT, rows + g * st.rows_stride);
            e.unit(
                Op::St,
                STATE,
                &[(0, codes.at()), (1, row), (2, imm(hd / 4))],
                &[Access::Scratch(codes)],
                &[Access::State(region)],
                "append codes",
            );
            let scale = self.head_scalar(slot, h::OUT);
            let at = reg(r::SCALE_AT, scales + g * st.scales_stride);
            e.unit(
                Op::St1,
                STATE,
                &[(0, scale.at()), (1, at)],
                &[Access::Scratch(scale)],
                &[Access::State(region + 1)],
                "append scale",
            );
        }
    }

    /// Rows of the array for each of its instructions over a KV head: first row of the head's, rows.
    fn passes(&self) -> impl Iterator<Item = (u32, u32)> {
        let (rows, most) = (self.tokens * self.group(), self.p.pe_rows);
        let starts = (0..rows).step_by(most as usize);
        starts.map(move |first| (first, most.min(rows - first)))
    }

    /// K, V and their scales of all tokens so far: first all of K, then all of V, as the pe array wants them; the codes once
    /// for each of its instructions.
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
                for _ in self.passes() {
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
    }

    /// The array's instructions over all rows of KV head `g`.
    fn pe(&self, e: &mut Emitter, op: Op, g: u32) {
        let p = self.places;
        let stride = p.row_stride;
        let (dst, src, name) = if op == Op::Pedot {
            (p.scores, p.q_codes, "scores")
        } else {
            (p.mixed, p.p_codes, "weighted values")
        };
        for (first, rows) in self.passes() {
            let first = self.first_row(g) + first;
            let row = |place: Place, i| place.moved_by(0).behind((first + i) * stride);
            let fields = [
                (0, row(dst, 0).at()),
                (1, row(src, 0).at()),
                (2, reg(r::COUNT, 0)),
                (3, imm(self.head_dim())),
                (4, imm(stride)),
                (5, imm(stride)),
            ];
            let all = |place| -> Vec<Access> {
                (0..rows).map(|i| Access::Scratch(row(place, i))).collect()
            };
            e.unit(op, (rows - 1) as u8, &fields, &all(src), &all(dst), name);
        }
    }

    /// Zero codes in all of a row: anything that is a number times the scalar `zero`.
    pub fn clear_codes(&self, e: &mut Emitter, zero: Place) {
        let p = self.places;
        let integers = VecFlags {
            output: Output::I8,
            ..INTEGER
        };
        let n = p.scores.words * self.p.vec_lanes;
        Vector::new(Op::Vscale, p.p_codes, p.scores, n)
            .flags(integers)
            .s0(zero)
            .emit(e, &[], "zero codes");
    }

    /// Attention of all heads, its output projection added to the residual stream, and codes of that for the feed-forward.
    /// Scores of all groups are requested first, so that the array works on one group while vec makes the softmax of another.
    pub(super) fn attend(&self, e: &mut Emitter) {
        let (hd, lanes, heads, p) = (self.head_dim(), self.p.vec_lanes, self.heads(), self.places);
        let row_words = hd / lanes;
        self.each_token_and(e, &[self.rows_step()], |e| {
            for head in 0..heads {
                let acc = p.qkv[0].part(head * row_words, row_words);
                let codes = self.row(p.q_codes, head);
                self.head_codes(e, (head, true), acc, self.factor(Q), codes);
            }
        });
        for g in 0..self.kv_heads() {
            self.pe(e, Op::Pedot, g);
        }
        let length = Step {
            reg: r::LENGTH,
            start: reg(r::POS, 1),
            by: 1,
        };
        for g in 0..self.kv_heads() {
            self.each_token_and(e, &[self.rows_step(), length], |e| {
                for head in g * self.group()..(g + 1) * self.group() {
                    self.softmax(e, g, head);
                }
            });
            self.pe(e, Op::Peaxpy, g);
        }
        let (width, hidden) = (heads * hd, self.model.config.hidden as u32);
        self.each_token_and(e, &[self.rows_step()], |e| {
            for head in 0..heads {
                let out = p.attention.part(head * row_words, row_words);
                Vector::new(Op::Vscale, out, self.row(p.mixed, head), hd)
                    .s0(self.head_scalar(head, h::OUT))
                    .flags(INTEGER)
                    .emit(e, &[], "output of the head");
            }
            let norm = p.layer_norms[1];
            self.quantise(e, p.attention, width, norm, Constant::InvAttention);
            self.make_factor(e, O, LayerScalar::Matrix(Matrix::O));
        });
        self.products(e, &[Matrix::O], width, &[p.out]);
        self.each_token(e, |e| {
            Vector::new(Op::Vaxpy, p.x, p.out, hidden)
                .b(p.x)
                .s0(self.factor(O))
                .flags(INTEGER)
                .emit(e, &[], "residual");
            self.enter_feed_forward(e);
        });
    }

    /// Scores of a query head of the token at hand to int8 codes of its weights, and the scale of what they will sum up.
    fn softmax(&self, e: &mut Emitter, g: u32, head: u32) {
        let p = self.places;
        let context_words = p.k_scales.words / self.kv_heads();
        let ks = p.k_scales.part(g * context_words, context_words);
        let vs = p.v_scales.part(g * context_words, context_words);
        let one = self.constant(Constant::One);
        let (score, codes) = (self.row(p.scores, head), self.row(p.p_codes, head));
        let at = |i| self.head_scalar(head, i);
        let count = self.attended();
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
}
