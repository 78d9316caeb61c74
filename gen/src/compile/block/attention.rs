//! Attention: q, k, v of the tokens, the KV cache, scores, softmax, weighted values, output projection.
//!
//! A block's scores all stay in the scratchpad, so each row's softmax is the one of a single token, over the token's own count:
//! what the array has computed of later tokens is never read. Weights behind the count read as zero (see `program`).

use hw::isa::{Op, Unit};
use hw::vec::{Output, Reduce, VecFlags};

use super::vector::{CODES, INTEGER, Vector};
use super::{Block, OfCodes, OfWeights, STATE};
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

    /// int8 codes of heads whose raw accumulators are `accs`, and what those must be multiplied with: head `first` is the first
    /// of them, those below `rotated` are rotated.
    fn head_codes(
        &self,
        e: &mut Emitter,
        first: u32,
        rotated: u32,
        accs: &[Place],
        codes: &[Place],
    ) {
        let (one, hd) = (self.constant(Constant::One), self.head_dim());
        let (count, lanes) = (accs.len() as u32, self.p.vec_lanes);
        let words = hd / lanes;
        let temporary = |i: u32| self.places.heads.part(i * words, words);
        for (i, &acc) in (0..).zip(accs) {
            let absmax = self.of_codes(OfCodes::AbsMax, first + i, 1);
            let v = if first + i < rotated {
                Vector::new(Op::Vrope, temporary(i), acc, hd).b(self.places.rope)
            } else {
                Vector::new(Op::Vscale, temporary(i), acc, hd).s0(one)
            };
            v.flags(INTEGER)
                .reduce(Reduce::AbsMax, absmax)
                .emit(e, &[], "head: rotate, absmax");
        }
        let factors = self.of_codes(OfCodes::Factor, first, count);
        let absmax = self.of_codes(OfCodes::AbsMax, first, count);
        Vector::new(Op::Vrecip, factors, absmax, count * lanes)
            .b(self.places.all_127.part(0, count))
            .s0(one)
            .s1(self.constant(Constant::Floor))
            .emit(e, &[], "heads: 127 / absmax");
        for (i, &codes) in (0..).zip(codes) {
            Vector::new(Op::Vscale, codes, temporary(i), hd)
                .s0(factors.word(i))
                .flags(CODES)
                .emit(e, &[], "head: int8 codes");
        }
    }

    /// Scales of the codes of `count` heads: their accumulators stand for `factor` each.
    fn head_scales(&self, e: &mut Emitter, first: u32, count: u32, factor: Place) {
        let scales = self.of_codes(OfCodes::Scale, first, count);
        let absmax = self.of_codes(OfCodes::AbsMax, first, count);
        Vector::new(Op::Vscale, scales, absmax, count * self.p.vec_lanes)
            .s0(factor)
            .emit(e, &[], "heads: scales of the codes");
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
            self.cache_codes(e);
            self.append(e, K);
            self.append(e, V);
        });
        if self.tokens > 1 {
            e.sync(&[Unit::Store], "the cache has the block");
        }
    }

    /// Codes of head `g` of K or V.
    fn cache_place(&self, which: u32, g: u32) -> Place {
        let words = self.head_dim().div_ceil(4 * self.p.vec_lanes);
        let p = self.places;
        let all = if which == K { p.k_codes } else { p.v_codes };
        all.part(g * words, words)
    }

    /// Codes and scales of all heads of K and V of the token at hand.
    fn cache_codes(&self, e: &mut Emitter) {
        let (kv, heads) = (self.kv_heads(), self.heads());
        let words = self.head_dim() / self.p.vec_lanes;
        let (mut accs, mut codes) = (Vec::new(), Vec::new());
        for which in [K, V] {
            for g in 0..kv {
                accs.push(self.places.qkv[which as usize].part(g * words, words));
                codes.push(self.cache_place(which, g));
            }
        }
        self.head_codes(e, heads, heads + kv, &accs, &codes);
        self.head_scales(e, heads, kv, self.factor(K));
        self.head_scales(e, heads + kv, kv, self.factor(V));
    }

    /// Stores all heads of K or V of the token at hand.
    fn append(&self, e: &mut Emitter, which: u32) {
        let (hd, kv, st) = (self.head_dim(), self.kv_heads(), self.state);
        let (rows, scales) = if which == K {
            (st.k_rows, st.k_scales)
        } else {
            (st.v_rows, st.v_scales)
        };
        for g in 0..kv {
            let codes = self.cache_place(which, g);
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
            let scale = self.of_codes(OfCodes::Scale, self.heads() + (which - K) * kv + g, 1);
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
            let acc = |head| p.qkv[0].part(head * row_words, row_words);
            let accs: Vec<Place> = (0..heads).map(acc).collect();
            let codes: Vec<Place> = (0..heads).map(|h| self.row(p.q_codes, h)).collect();
            self.head_codes(e, 0, heads, &accs, &codes);
            self.head_scales(e, 0, heads, self.factor(Q));
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
                self.softmax(e, g);
            });
            self.pe(e, Op::Peaxpy, g);
        }
        let (width, hidden) = (heads * hd, self.model.config.hidden as u32);
        self.each_token_and(e, &[self.rows_step()], |e| {
            for head in 0..heads {
                let out = p.attention.part(head * row_words, row_words);
                Vector::new(Op::Vscale, out, self.row(p.mixed, head), hd)
                    .s0(self.of_weights(OfWeights::Scale, head, 1).word(0))
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

    /// Scores of the query heads of KV head `g` of the token at hand to int8 codes of their weights, and the scales of what
    /// they will sum up.
    fn softmax(&self, e: &mut Emitter, g: u32) {
        let (p, group, lanes) = (self.places, self.group(), self.p.vec_lanes);
        let first = g * group;
        let context_words = p.k_scales.words / self.kv_heads();
        let ks = p.k_scales.part(g * context_words, context_words);
        let vs = p.v_scales.part(g * context_words, context_words);
        let (one, floor) = (self.constant(Constant::One), self.constant(Constant::Floor));
        let count = self.attended();
        let absmax = self.of_weights(OfWeights::AbsMax, first, group);
        let factors = self.of_weights(OfWeights::Factor, first, group);
        let scales = self.of_weights(OfWeights::Scale, first, group);
        for i in 0..group {
            let score = self.row(p.scores, first + i);
            let maximum = factors.word(2 * i);
            Vector::new(Op::Vsmul, score, score, 0)
                .n(count)
                .flags(INTEGER)
                .s0(self.of_codes(OfCodes::Scale, first + i, 1))
                .b(ks)
                .reduce(Reduce::Max, maximum)
                .emit(e, &[], "scores, maximum");
            Vector::new(Op::Vexp, score, score, 0)
                .n(count)
                .s0(one)
                .s1(maximum)
                .b(vs)
                .reduce(Reduce::AbsMax, absmax.part(2 * i, 2))
                .emit(e, &[], "exponentials times the scales of V, sum");
        }
        // Of the words of sums nobody reads what becomes.
        Vector::new(Op::Vrecip, factors, absmax, 2 * group * lanes)
            .b(p.all_127.part(0, 2 * group))
            .s0(one)
            .s1(floor)
            .emit(e, &[], "127 / absmax");
        for i in 0..group {
            let codes = self.row(p.p_codes, first + i);
            Vector::new(Op::Vscale, codes, self.row(p.scores, first + i), 0)
                .n(count)
                .s0(factors.word(2 * i))
                .flags(CODES)
                .emit(e, &[], "int8 codes of the weights");
        }
        let words = 2 * group - 1;
        Vector::new(Op::Vrecip, scales, absmax.part(1, words), words * lanes)
            .b(absmax)
            .s0(self.constant(Constant::C127))
            .s1(floor)
            .emit(e, &[], "absmax / (127 sum)");
    }
}
