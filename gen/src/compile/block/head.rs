//! What follows the last layer: logits of the vocabulary, the best candidates, the draw.

use hw::isa::{Op, Operand};
use hw::vec::{Output, Reduce, VecFlags};

use super::vector::{INTEGER, PLAIN, Vector};
use super::{Block, s};
use crate::compile::CompileError;
use crate::compile::emit::{Access, Emitter, imm, reg};
use crate::compile::layout::Constant;
use crate::compile::places::HEAD_TILE;
use crate::compile::program::r;

/// f32 in, i32 out: weights of the draw.
const WEIGHTS: VecFlags = VecFlags {
    output: Output::I32,
    ..PLAIN
};

impl Block<'_> {
    /// Final norm, then a loop over tiles of the vocabulary: logits, and the best candidates so far. The program's
    /// size does not depend on the vocabulary. Ends its segment.
    ///
    /// The rows of the next tile are requested before a tile's segment ends, so that the bus works on while the last
    /// candidates are compared. Nothing in a tile waits behind those rows: its scales, if any, were requested before them.
    pub fn head(&self, e: &mut Emitter) -> Result<(), CompileError> {
        let c = &self.model.config;
        let (hidden, vocab, p) = (c.hidden as u32, c.vocab as u32, self.places);
        let head = self.layout.head;
        // 4-byte units of a row.
        let row = head.mode.bytes(hidden) as u32 / 4;
        let (tile, short, done) = (e.label(), e.label(), e.label());
        e.context("head: ");
        e.li(r::HEAD_AT, head.rows, "rows of the first tile");
        e.li(r::HEAD_ROWS, HEAD_TILE.min(vocab), "their number");
        e.li(r::HEAD_START, 0, "first token of the tile");
        let units = imm(HEAD_TILE.min(vocab) * row);
        self.head_rows(e, units, "rows of the first tile");
        self.candidates(e, true, imm(0), "forget the last token's candidates");
        match head.mode.format() {
            None => self.quantise(e, p.x, hidden, Some(p.final_norm), Constant::InvHidden),
            Some(_) => self.normalise(e, p.x, hidden, p.final_norm, Constant::InvHidden),
        }
        e.barrier()?;

        e.place(tile);
        let rows = reg(r::HEAD_ROWS, 0);
        self.logits(e, rows);
        self.candidates(e, false, rows, "best candidates");

        // From here to the end of the segment only rows are requested, which order nothing, so that the jumps are safe.
        let start = reg(r::HEAD_START, HEAD_TILE);
        e.add(r::HEAD_START, start, imm(0), "next tile");
        let at = reg(r::HEAD_AT, HEAD_TILE * row);
        e.add(r::HEAD_AT, at, imm(0), "its rows");
        let start = reg(r::HEAD_START, 0);
        e.branch(Op::Bge, start, imm(vocab), done, "no token is left");
        e.sub(r::HEAD_ROWS, imm(vocab), start, "tokens left");
        e.branch(Op::Blt, rows, imm(HEAD_TILE), short, "less than a tile");
        e.li(r::HEAD_ROWS, HEAD_TILE, "a whole tile");
        e.place(short);
        e.mul(r::TEMP, rows, imm(row), "length of its rows");
        self.head_rows(e, reg(r::TEMP, 0), "rows of the next tile");
        e.barrier()?;
        e.branch(Op::Jmp, imm(0), imm(0), tile, "loop over tiles");
        e.place(done);
        e.barrier()
    }

    /// Logits of the `rows` rows of a tile from the final norm's codes or floats. Floats times floats are logits as they are;
    /// others are multiplied with the scales of the rows, and codes with what theirs stand for.
    fn logits(&self, e: &mut Emitter, rows: Operand) {
        let (p, head) = (self.places, self.layout.head);
        if let Some(scales) = head.scales {
            let scales = e.far(r::HEAD_START, scales, r::TEMP);
            e.ld(p.head_scales, scales, rows, "scales of the rows");
        }
        let codes = head.mode.format().is_none();
        let src = if codes { p.codes } else { p.t };
        let dst = head.scales.map_or(p.logits, |_| p.head_acc);
        let fields = [
            (0, imm(dst.addr)),
            (1, imm(src.addr)),
            (2, rows),
            (3, imm(self.model.config.hidden as u32)),
        ];
        let (reads, writes) = ([Access::Scratch(src)], [Access::Scratch(dst)]);
        let mode = (head.mode.code() << 4) as u8;
        e.unit(Op::Pedot, mode, &fields, &reads, &writes, "logits");
        if head.scales.is_some() {
            let scaled = if codes {
                Vector::new(Op::Vsmul, p.logits, dst, 0)
                    .s0(self.scalar(s::ABSMAX))
                    .flags(INTEGER)
            } else {
                Vector::new(Op::Vmul, p.logits, dst, 0)
            };
            scaled
                .n(rows)
                .b(p.head_scales)
                .emit(e, &[], "scaled logits");
        }
    }

    /// Requests rows of the head, as one packet of `units` 4-byte units.
    fn head_rows(&self, e: &mut Emitter, units: Operand, note: &str) {
        let fields = [(1, reg(r::HEAD_AT, 0)), (2, units)];
        e.unit(Op::Ldp, 0, &fields, &[], &[], note);
    }

    /// The best candidates of `rows` logits and, unless `forget`, of all tiles before.
    fn candidates(&self, e: &mut Emitter, forget: bool, rows: Operand, note: &str) {
        let p = self.places;
        let fields = [
            (0, imm(p.top_values.addr)),
            (1, imm(p.logits.addr)),
            (3, rows),
            (4, reg(r::TOP_K, 0)),
            (5, reg(r::HEAD_START, 0)),
            (6, imm(p.top_indices.addr)),
        ];
        let reads = [Access::Scratch(p.logits)];
        let writes = [
            Access::Scratch(p.top_values),
            Access::Scratch(p.top_indices),
        ];
        e.unit(Op::Topk, u8::from(forget), &fields, &reads, &writes, note);
    }

    /// A draw from the candidates. Ends its segment.
    pub fn draw(&self, e: &mut Emitter) -> Result<(), CompileError> {
        let p = self.places;
        let k = reg(r::TOP_K, 0);
        let top = self.scalar(s::TOP);
        Vector::new(Op::Vscale, top, p.top_values, 1)
            .s0(p.inv_temperature)
            .emit(e, &[], "maximum / temperature");
        Vector::new(Op::Vexp, p.draw, p.top_values, 0)
            .n(k)
            .s0(p.inv_temperature)
            .s1(top)
            .b(p.draw_scale)
            .flags(WEIGHTS)
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
}
