//! One transformer layer, the output head and the draw as instructions.
//!
//! Scales never meet the data before they must: int8 codes of a rotated head are made from the raw accumulator
//! (rotation is linear), and all scalar factors of an output are multiplied once into one scalar that the
//! consumer applies while it reads.

use hw::isa::{Op, Operand};
use hw::params::MachineParams;
use hw::vec::{Output, Reduce, VecFlags};

use super::CompileError;
use super::emit::{Access, Emitter, imm, reg};
use super::layout::{Constant, ImageLayout, LAYER_SCALARS, LayerScalar, Matrix, StateLayout};
use super::program::{HEAD_TILE, Places, SCALARS, arg, r, region};
use super::scratch::Place;
use crate::model::{Activation, Model};

/// Flag bit of load and store: addresses count from the state window.
const STATE: u8 = 8;

/// Scalars shared by all norms, words of `places.scalars`.
mod s {
    /// Absmax of the norm's product; the sum of squares lies behind it.
    pub const RAW: u32 = 0;
    pub const SQUARES: u32 = 1;
    pub const RSQRT: u32 = 2;
    pub const SCALE: u32 = 3;
    pub const ABSMAX: u32 = 4;
    pub const FACTOR: u32 = 5;
    /// Output factors of matrices, and of the codes of q, k, v.
    pub const OUT: u32 = 6;
    /// Scaled maximum of the candidates.
    pub const TOP: u32 = 14;
}

/// Words of a head's scalars.
mod h {
    pub const ABSMAX: u32 = 0;
    pub const SUM: u32 = 1;
    pub const SCALE: u32 = 2;
    pub const OUT: u32 = 3;
}

/// Everything that emission of a layer needs.
pub struct Block<'a> {
    pub model: &'a Model,
    pub p: &'a MachineParams,
    pub layout: &'a ImageLayout,
    pub state: &'a StateLayout,
    pub places: &'a Places,
}

/// A vec instruction.
struct Vector {
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

const PLAIN: VecFlags = VecFlags {
    integer: false,
    output: Output::F32,
    reduce: Reduce::None,
};
const INTEGER: VecFlags = VecFlags {
    integer: true,
    ..PLAIN
};
const CODES: VecFlags = VecFlags {
    output: Output::I8,
    ..PLAIN
};

impl Vector {
    fn new(op: Op, dst: Place, a: Place, n: u32) -> Vector {
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

    fn flags(self, flags: VecFlags) -> Vector {
        Vector { flags, ..self }
    }

    fn b(self, place: Place) -> Vector {
        Vector {
            b: Some(place),
            ..self
        }
    }

    fn s0(self, place: Place) -> Vector {
        Vector {
            s0: Some(place),
            ..self
        }
    }

    fn s1(self, place: Place) -> Vector {
        Vector {
            s1: Some(place),
            ..self
        }
    }

    fn n(self, n: Operand) -> Vector {
        Vector { n, ..self }
    }

    fn reduce(self, reduce: Reduce, red: Place) -> Vector {
        Vector {
            flags: VecFlags {
                reduce,
                ..self.flags
            },
            red: Some(red),
            ..self
        }
    }

    fn emit(self, e: &mut Emitter, also: &[Place], note: &str) {
        let mut fields = vec![(1, imm(self.a.addr)), (3, self.n)];
        let mut reads = vec![Access::Scratch(self.a)];
        let mut writes = Vec::new();
        for (field, place) in [(2, self.b), (4, self.s0), (5, self.s1)] {
            if let Some(p) = place {
                fields.push((field, imm(p.addr)));
                reads.push(Access::Scratch(p));
            }
        }
        for (field, place) in [(0, self.dst), (6, self.red)] {
            if let Some(p) = place {
                fields.push((field, imm(p.addr)));
                writes.push(Access::Scratch(p));
            }
        }
        reads.extend(also.iter().map(|&p| Access::Scratch(p)));
        e.unit(self.op, self.flags.encode(), &fields, &reads, &writes, note);
    }
}

impl Block<'_> {
    fn scalar(&self, index: u32) -> Place {
        self.places.scalars.word(index)
    }

    /// Scalar `index` of head slot `slot`: query heads first, then K heads, then V heads.
    fn head_scalar(&self, slot: u32, index: u32) -> Place {
        self.scalar(SCALARS + 4 * slot + index)
    }

    fn constant(&self, c: Constant) -> Place {
        self.places.constant(c)
    }

    fn layer_scalar(&self, s: LayerScalar) -> Place {
        let at = LAYER_SCALARS.iter().position(|&k| k == s).unwrap_or(0);
        self.places.layer_scalars.word(at as u32)
    }

    fn heads(&self) -> u32 {
        self.model.config.heads as u32
    }

    fn kv_heads(&self) -> u32 {
        self.model.config.kv_heads as u32
    }

    fn head_dim(&self) -> u32 {
        self.model.config.head_dim as u32
    }

    /// Requests packets of the layer whose block starts at register `base`.
    pub fn request(&self, e: &mut Emitter, base: u8, matrices: &[Matrix]) {
        for &m in matrices {
            let packet = self.layout.packets[m as usize];
            let fields = [(1, reg(base, packet.offset)), (2, imm(packet.units))];
            e.unit(
                Op::Ldw,
                0,
                &fields,
                &[],
                &[],
                &format!("weights of {}", m.name()),
            );
        }
    }

    /// Norm weights and scales of the layer at register NEXT.
    pub fn load_layer_constants(&self, e: &mut Emitter) {
        let place = self.places.layer_block;
        let fields = [
            (0, imm(place.addr)),
            (1, reg(r::NEXT, 0)),
            (2, imm(self.layout.layer_constant_units)),
        ];
        e.unit(
            Op::Ld,
            0,
            &fields,
            &[],
            &[Access::Scratch(place)],
            "constants of the next layer",
        );
    }

    /// A vec instruction without effect that waits for loads into these places.
    pub fn wait_for(&self, e: &mut Emitter, places: &[Place]) {
        let one = self.constant(Constant::One);
        let flags = VecFlags {
            output: Output::None,
            ..PLAIN
        };
        let v = Vector {
            dst: None,
            ..Vector::new(Op::Vscale, one, one, 1)
        };
        v.s0(one).flags(flags).emit(e, places, "wait for loads");
    }

    /// int8 codes of `norm(x) * weights` (or of `x` where the family has no norm) into `codes`; afterwards scalar ABSMAX
    /// holds what the codes must be multiplied with, times 127.
    fn quantise(&self, e: &mut Emitter, x: Place, n: u32, norm: Option<Place>, inv_n: Constant) {
        let (one, floor) = (self.constant(Constant::One), self.constant(Constant::Floor));
        let red = self.places.scalars.part(s::RAW, 2);
        let (source, rsqrt) = match norm {
            Some(weights) => {
                let t = self.places.t;
                Vector::new(Op::Vnorm, t, x, n)
                    .b(weights)
                    .reduce(Reduce::AbsMax, red)
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
                (t, self.scalar(s::RSQRT))
            }
            None => {
                let flags = VecFlags {
                    output: Output::None,
                    ..PLAIN
                };
                let v = Vector {
                    dst: None,
                    ..Vector::new(Op::Vscale, x, x, n)
                };
                v.s0(one)
                    .flags(flags)
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

    /// Factor of a matrix' accumulator: absmax of its input times a scalar of the layer.
    fn factor(&self, e: &mut Emitter, slot: u32, scalar: LayerScalar) -> Place {
        let out = self.scalar(s::OUT + slot);
        Vector::new(Op::Vscale, out, self.scalar(s::ABSMAX), 1)
            .s0(self.layer_scalar(scalar))
            .emit(e, &[], "factor of the accumulator");
        out
    }

    fn gemv(&self, e: &mut Emitter, m: Matrix, k: u32, dst: Place) {
        let packet = self.layout.packets[m as usize];
        let fields = [
            (0, imm(dst.addr)),
            (1, imm(self.places.codes.addr)),
            (2, imm(k)),
            (3, imm(packet.row_tiles)),
        ];
        let reads = [Access::Scratch(self.places.codes)];
        e.unit(
            Op::Gemv,
            0,
            &fields,
            &reads,
            &[Access::Scratch(dst)],
            m.name(),
        );
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

    /// One layer; at its end the residual stream is complete and the next layer's first weights are on their way.
    pub fn layer(&self, e: &mut Emitter, prefetch: &[Matrix]) -> Result<(), CompileError> {
        let c = &self.model.config;
        let (hidden, ffn, p) = (c.hidden as u32, c.ffn as u32, self.places);
        let late: Vec<Matrix> = [Matrix::Q, Matrix::K, Matrix::V]
            .into_iter()
            .filter(|m| !prefetch.contains(m))
            .collect();
        e.context("qkv: ");
        self.request(e, r::BASE, &late);
        self.quantise(e, p.x, hidden, p.layer_norms[0], Constant::InvHidden);
        for (i, m) in [Matrix::Q, Matrix::K, Matrix::V].into_iter().enumerate() {
            self.gemv(e, m, hidden, p.qkv[i]);
        }
        let factors = [
            LayerScalar::QueryCodes,
            LayerScalar::KeyCodes,
            LayerScalar::ValueCodes,
        ];
        let [fq, fk, fv] = [0, 1, 2].map(|i| self.factor(e, i, factors[i as usize]));
        e.context("cache: ");
        self.append_cache(e, fk, fv);
        self.request_cache(e);
        let o = if prefetch.contains(&Matrix::O) {
            &[][..]
        } else {
            &[Matrix::O][..]
        };
        self.request(e, r::BASE, o);
        self.request(e, r::BASE, &[Matrix::Gate, Matrix::Up, Matrix::Down]);
        e.context("attention: ");
        self.attend(e, fq);
        let width = self.heads() * self.head_dim();
        self.quantise(
            e,
            p.attention,
            width,
            p.layer_norms[1],
            Constant::InvAttention,
        );
        self.gemv(e, Matrix::O, width, p.out);
        let fo = self.factor(e, 3, LayerScalar::Matrix(Matrix::O));
        Vector::new(Op::Vaxpy, p.x, p.out, hidden)
            .b(p.x)
            .s0(fo)
            .flags(INTEGER)
            .emit(e, &[], "residual");
        e.context("ffn: ");
        self.quantise(e, p.x, hidden, p.layer_norms[2], Constant::InvHidden);
        self.gemv(e, Matrix::Gate, hidden, p.gate);
        self.gemv(e, Matrix::Up, hidden, p.up);
        self.activation(e, ffn);
        self.quantise(e, p.act, ffn, p.layer_norms[3], Constant::InvFfn);
        let fd = self.factor(e, 6, LayerScalar::Matrix(Matrix::Down));
        self.load_layer_constants(e);
        self.request(e, r::NEXT, prefetch);
        self.gemv(e, Matrix::Down, ffn, p.out);
        // Waits for the next layer's constants too, so that the segment may end.
        Vector::new(Op::Vaxpy, p.x, p.out, hidden)
            .b(p.x)
            .s0(fd)
            .flags(INTEGER)
            .emit(e, &[p.layer_block], "residual");
        Ok(())
    }

    /// Codes and scales of this token's K and V into the cache.
    fn append_cache(&self, e: &mut Emitter, fk: Place, fv: Place) {
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
    fn request_cache(&self, e: &mut Emitter) {
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

    /// Attention of all heads. Scores of all groups are requested first, so that the array works on one group while
    /// vec makes the softmax of another.
    fn attend(&self, e: &mut Emitter, fq: Place) {
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

    /// `act(gate) * up` from the raw accumulators.
    fn activation(&self, e: &mut Emitter, ffn: u32) {
        let p = self.places;
        let fg = self.factor(e, 4, LayerScalar::Matrix(Matrix::Gate));
        let fu = self.factor(e, 5, LayerScalar::Matrix(Matrix::Up));
        match self.model.config.activation {
            Activation::Relu2 => {
                Vector::new(Op::Vrelu2, p.act, p.gate, ffn)
                    .s0(fg)
                    .flags(INTEGER)
                    .emit(e, &[], "relu(gate)^2");
            }
            Activation::Silu => {
                let minus = self.factor(e, 7, LayerScalar::GateNegated);
                let one = self.constant(Constant::One);
                Vector::new(Op::Vexps, p.act, p.gate, ffn)
                    .s0(minus)
                    .flags(INTEGER)
                    .emit(e, &[], "exp(-gate)");
                Vector::new(Op::Vrecip1, p.act, p.act, ffn)
                    .s1(one)
                    .emit(e, &[], "sigmoid(gate)");
                Vector::new(Op::Vsmul, p.act, p.gate, ffn)
                    .s0(fg)
                    .b(p.act)
                    .flags(INTEGER)
                    .emit(e, &[], "silu(gate)");
            }
        }
        Vector::new(Op::Vsmul, p.act, p.up, ffn)
            .s0(fu)
            .b(p.act)
            .flags(INTEGER)
            .emit(e, &[], "times up");
    }

    /// Final norm, output head in tiles of the vocabulary, the best candidates. Ends its segment.
    pub fn head(&self, e: &mut Emitter) -> Result<(), CompileError> {
        let c = &self.model.config;
        let (hidden, vocab, p) = (c.hidden as u32, c.vocab as u32, self.places);
        e.context("head: ");
        for (tile, start) in (0..vocab).step_by(HEAD_TILE as usize).enumerate() {
            let rows = HEAD_TILE.min(vocab - start);
            let fields = [
                (1, imm(self.layout.head + start * hidden / 4)),
                (2, imm(rows * hidden / 4)),
            ];
            e.unit(Op::Ldp, 0, &fields, &[], &[], "rows of the output head");
            let fields = [
                (0, imm(p.head_scales.addr)),
                (1, imm(self.layout.head_scales + start)),
                (2, imm(rows)),
            ];
            e.unit(
                Op::Ld,
                0,
                &fields,
                &[],
                &[Access::Scratch(p.head_scales)],
                "their scales",
            );
            if tile == 0 {
                self.quantise(e, p.x, hidden, Some(p.final_norm), Constant::InvHidden);
            }
            let fields = [
                (0, imm(p.head_acc.addr)),
                (1, imm(p.codes.addr)),
                (2, imm(rows)),
                (3, imm(hidden)),
            ];
            let (reads, writes) = ([Access::Scratch(p.codes)], [Access::Scratch(p.head_acc)]);
            e.unit(Op::Pedot, 0, &fields, &reads, &writes, "logits");
            Vector::new(Op::Vsmul, p.logits, p.head_acc, rows)
                .s0(self.scalar(s::ABSMAX))
                .b(p.head_scales)
                .flags(INTEGER)
                .emit(e, &[], "scaled logits");
            let fields = [
                (0, imm(p.top_values.addr)),
                (1, imm(p.logits.addr)),
                (3, imm(rows)),
                (4, reg(r::TOP_K, 0)),
                (5, imm(start)),
                (6, imm(p.top_indices.addr)),
            ];
            let writes = [
                Access::Scratch(p.top_values),
                Access::Scratch(p.top_indices),
            ];
            let reads = [Access::Scratch(p.logits)];
            e.unit(
                Op::Topk,
                u8::from(tile == 0),
                &fields,
                &reads,
                &writes,
                "best candidates",
            );
        }
        e.barrier()
    }

    /// A draw from the candidates. Ends its segment.
    pub fn draw(&self, e: &mut Emitter) -> Result<(), CompileError> {
        let p = self.places;
        let k = reg(r::TOP_K, 0);
        let top = self.scalar(s::TOP);
        Vector::new(Op::Vscale, top, p.top_values, 1)
            .s0(p.inv_temperature)
            .emit(e, &[], "maximum / temperature");
        let flags = VecFlags {
            output: Output::I32,
            ..PLAIN
        };
        Vector::new(Op::Vexp, p.draw, p.top_values, 0)
            .n(k)
            .s0(p.inv_temperature)
            .s1(top)
            .b(p.draw_scale)
            .flags(flags)
            .reduce(Reduce::None, self.places.scalars.part(s::RAW, 2))
            .emit(e, &[], "weights of the draw");
        let fields = [
            (0, imm(p.token.addr)),
            (1, imm(p.draw.addr)),
            (2, imm(p.top_indices.addr)),
            (4, k),
        ];
        let reads = [Access::Scratch(p.draw), Access::Scratch(p.top_indices)];
        e.unit(
            Op::Draw,
            0,
            &fields,
            &reads,
            &[Access::Scratch(p.token)],
            "draw",
        );
        e.barrier()
    }

    /// Arguments that the program reads, for the manifest.
    pub fn arguments() -> [(&'static str, u32); 6] {
        [
            ("prompt", arg::PROMPT),
            ("limit", arg::LIMIT),
            ("top_k", arg::TOP_K),
            ("inv_temperature", arg::INV_TEMPERATURE),
            ("seed", arg::SEED),
            ("eos", arg::EOS),
        ]
    }
}
