//! What follows the last layer: logits of the vocabulary, the best candidates, the draw.

use hw::isa::Op;
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
