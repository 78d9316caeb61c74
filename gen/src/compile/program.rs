//! The program: one loop over positions, inside it one loop over layers; its size depends on neither.
//!
//! Order of the weight stream. The bus shall never idle, so loads run ahead of the units that need them:
//! the packets of Q, K, V and O of the next layer (after the last layer: of the first layer, for the next token) are
//! requested as soon as the buffer has let the current layer's last packet in. Only what fits into the weight
//! buffer may be requested before a load into the scratchpad, because loads are delivered in order and a full buffer
//! would keep the scratchpad load from the very units that empty it.

use hw::isa::{Instr, Op, Unit};
use hw::params::MachineParams;
use indexmap::IndexMap;

use super::CompileError;
use super::block::Block;
use super::emit::{Access, Emitter, imm, reg};
use super::layout::{CONSTANTS, Constant, ImageLayout, Matrix, StateLayout};
use super::scratch::{Place, Scratch};
use crate::model::Model;

/// Scalar registers of the program.
pub mod r {
    /// Position of the token at hand.
    pub const POS: u8 = 1;
    /// Tokens of the prompt.
    pub const PROMPT: u8 = 2;
    /// Position after the last one allowed.
    pub const LIMIT: u8 = 3;
    /// Layer counter.
    pub const LAYER: u8 = 4;
    /// Image offset of the layer's block, and of the block to prefetch.
    pub const BASE: u8 = 5;
    pub const NEXT: u8 = 6;
    /// State offset of the layer's KV cache.
    pub const KV: u8 = 7;
    /// Tokens attended to: position + 1; and 4-byte units of that many int8 rows.
    pub const COUNT: u8 = 8;
    pub const ROWS: u8 = 9;
    /// State offsets of this token's row and scale in head 0 of the layer.
    pub const ROW_AT: u8 = 10;
    pub const SCALE_AT: u8 = 11;
    /// Token id.
    pub const TOKEN: u8 = 12;
    /// Scratch register.
    pub const TEMP: u8 = 13;
    /// Candidates to draw from; 1 is greedy.
    pub const TOP_K: u8 = 14;
    /// Token that ends the text.
    pub const EOS: u8 = 15;
}

/// CSR arguments of the program.
pub mod arg {
    /// Tokens of the prompt, at least 1.
    pub const PROMPT: u32 = 0;
    /// Positions to use: prompt and generated tokens together, at most the context.
    pub const LIMIT: u32 = 1;
    /// Candidates of the draw; 1 is greedy.
    pub const TOP_K: u32 = 2;
    /// Bits of the f32 1/temperature.
    pub const INV_TEMPERATURE: u32 = 3;
    pub const SEED: u32 = 4;
    /// End-of-text token, or u32::MAX.
    pub const EOS: u32 = 5;
}

/// Regions of the state memory for the emitter.
pub mod region {
    pub const TOKENS: u32 = 0;
    /// K rows, K scales, V rows, V scales of KV head g: `KV + 4 g + 0..=3`.
    pub const KV: u32 = 1;
}

/// All named places of the scratchpad.
pub struct Places {
    pub constants: Place,
    pub draw_scale: Place,
    pub final_norm: Place,
    pub layer_norms: [Option<Place>; 4],
    pub layer_scalars: Place,
    pub layer_block: Place,
    /// Residual stream, f32[hidden].
    pub x: Place,
    /// Product of a norm, f32, and its int8 codes.
    pub t: Place,
    pub codes: Place,
    pub qkv: [Place; 3],
    /// Rotated or converted heads, f32[head_dim].
    pub head: Place,
    pub q_codes: Place,
    pub k_codes: Place,
    pub v_codes: Place,
    pub rope: Place,
    pub k_scales: Place,
    pub v_scales: Place,
    /// Scores and probabilities of the query heads of all KV heads, f32[context] each.
    pub scores: Place,
    pub p_codes: Place,
    pub mixed: Place,
    pub attention: Place,
    pub gate: Place,
    pub up: Place,
    pub act: Place,
    pub out: Place,
    pub head_scales: Place,
    pub head_acc: Place,
    pub logits: Place,
    pub top_values: Place,
    pub top_indices: Place,
    pub draw: Place,
    pub scalars: Place,
    pub next_token: Place,
    pub token: Place,
    pub inv_temperature: Place,
}

/// Rows of the output head that one tile of logits covers.
pub const HEAD_TILE: u32 = 512;

impl Places {
    pub fn new(
        model: &Model,
        p: &MachineParams,
        layout: &ImageLayout,
        context: u32,
    ) -> Result<(Places, IndexMap<String, Place>, u32), CompileError> {
        let c = &model.config;
        let (hidden, ffn, hd) = (c.hidden as u32, c.ffn as u32, c.head_dim as u32);
        let (heads, kv) = (c.heads as u32, c.kv_heads as u32);
        let attention = heads * hd;
        let mut s = Scratch::new(p.vec_lanes, p.scratchpad_words);
        let l = p.vec_lanes;
        let constants = s.scalars("constants", CONSTANTS.len() as u32);
        let draw_scale = s.words32("draw_scale", p.sample_k);
        let final_norm = s.words32("norm.final", hidden);
        let layer_block = s.words32("layer.constants", layout.layer_constant_units);
        let mut at = 0;
        let mut layer_norms = [None; 4];
        let lengths = [hidden, attention, hidden, ffn];
        let present = [true, c.sub_norms, true, c.sub_norms];
        for i in 0..4 {
            if present[i] {
                let words = lengths[i].div_ceil(l);
                layer_norms[i] = Some(layer_block.part(at, words));
                at += words;
            }
        }
        let layer_scalars = layer_block.part(at, layer_block.words - at);
        // The engine writes whole row tiles, so results are padded to Q.
        let tiles = |n: u32| n.next_multiple_of(p.rows);
        let widest = hidden.max(ffn).max(attention);
        let per_head = context.div_ceil(l) * l;
        let places = Places {
            constants,
            draw_scale,
            final_norm,
            layer_norms,
            layer_scalars,
            layer_block,
            x: s.words32("x", hidden),
            t: s.words32("t", widest),
            codes: s.bytes("codes", widest),
            qkv: [
                s.words32("q", tiles(attention)),
                s.words32("k", tiles(kv * hd)),
                s.words32("v", tiles(kv * hd)),
            ],
            head: s.words32("head", hd),
            q_codes: s.scalars("q.codes", heads * hd.div_ceil(4 * l)),
            k_codes: s.scalars("k.codes", kv * hd.div_ceil(4 * l)),
            v_codes: s.scalars("v.codes", kv * hd.div_ceil(4 * l)),
            rope: s.words32("rope", hd),
            k_scales: s.scalars("k.scales", kv * context.div_ceil(l)),
            v_scales: s.scalars("v.scales", kv * context.div_ceil(l)),
            scores: s.words32("scores", heads * per_head),
            p_codes: s.scalars("p.codes", heads * context.div_ceil(4 * l)),
            mixed: s.words32("mixed", attention),
            attention: s.words32("attention", attention),
            gate: s.words32("gate", tiles(ffn)),
            up: s.words32("up", tiles(ffn)),
            act: s.words32("act", ffn),
            out: s.words32("out", tiles(hidden)),
            head_scales: s.words32("head.scales", HEAD_TILE),
            head_acc: s.words32("head.acc", HEAD_TILE),
            logits: s.words32("logits", HEAD_TILE),
            top_values: s.words32("top.values", p.sample_k),
            top_indices: s.words32("top.indices", p.sample_k),
            draw: s.words32("draw.weights", p.sample_k),
            scalars: s.scalars("scalars", SCALARS + 4 * (heads + 2 * kv)),
            next_token: s.scalars("token.next", 1),
            token: s.scalars("token", 1),
            inv_temperature: s.scalars("inv_temperature", 1),
        };
        let used = s.used();
        Ok((places, s.finish()?, used))
    }

    pub fn constant(&self, c: Constant) -> Place {
        let at = CONSTANTS.iter().position(|&k| k == c).unwrap_or(0);
        self.constants.word(at as u32)
    }
}

/// Scalars that every norm shares, before those of the heads.
pub const SCALARS: u32 = 24;

/// Emits the whole program.
pub fn program(
    model: &Model,
    p: &MachineParams,
    layout: &ImageLayout,
    state: &StateLayout,
    places: &Places,
) -> Result<(Vec<Instr>, Vec<String>), CompileError> {
    let c = &model.config;
    let mut e = Emitter::new();
    let block = Block {
        model,
        p,
        layout,
        state,
        places,
    };

    e.context("start: ");
    for (register, k) in [
        (r::PROMPT, arg::PROMPT),
        (r::LIMIT, arg::LIMIT),
        (r::TOP_K, arg::TOP_K),
        (r::EOS, arg::EOS),
        (r::TEMP, arg::INV_TEMPERATURE),
    ] {
        e.scalar(Op::Arg, &[(0, reg(register, 0)), (1, imm(k))], "argument");
    }
    e.scalar(
        Op::Wrs,
        &[(0, imm(places.inv_temperature.addr)), (1, reg(r::TEMP, 0))],
        "1/temperature",
    );
    e.scalar(
        Op::Arg,
        &[(0, reg(r::TEMP, 0)), (1, imm(arg::SEED))],
        "seed",
    );
    e.unit(
        Op::Seed,
        0,
        &[(1, reg(r::TEMP, 0))],
        &[],
        &[],
        "seed the generator",
    );
    e.li(r::POS, 0, "first position");
    let constants = Place {
        addr: places.constants.addr,
        words: layout.constant_units / p.vec_lanes,
    };
    e.unit(
        Op::Ld,
        0,
        &[
            (0, imm(constants.addr)),
            (1, imm(layout.constants)),
            (2, imm(layout.constant_units)),
        ],
        &[],
        &[Access::Scratch(constants)],
        "constants",
    );
    e.unit(
        Op::Ld1,
        8,
        &[(0, imm(places.token.addr)), (1, imm(0))],
        &[Access::State(region::TOKENS)],
        &[Access::Scratch(places.token)],
        "first token",
    );
    e.li(r::NEXT, layout.layer, "first layer");
    block.load_layer_constants(&mut e);
    e.sync(&[Unit::Load, Unit::Sample], "constants are there");
    e.barrier()?;
    e.scalar(
        Op::Rds,
        &[(0, reg(r::TOKEN, 0)), (1, imm(places.token.addr))],
        "first token",
    );

    let (token_loop, layer_loop) = (e.label(), e.label());
    let (next_token, no_wrap, head_done, greedy, end) =
        (e.label(), e.label(), e.label(), e.label(), e.label());

    // The weights of the first layer are requested once here; later the end of the last layer does it.
    let prefetch = fits(p, layout);
    block.request(&mut e, r::NEXT, &prefetch);

    e.context("token: ");
    e.place(token_loop);
    e.mul(
        r::TEMP,
        reg(r::TOKEN, 0),
        imm(layout.embed_stride),
        "row of the embedding",
    );
    e.unit(
        Op::Ld,
        0,
        &[
            (0, imm(places.x.addr)),
            (1, reg(r::TEMP, layout.embed)),
            (2, imm(c.hidden as u32)),
        ],
        &[],
        &[Access::Scratch(places.x)],
        "embedding",
    );
    e.mul(
        r::TEMP,
        reg(r::POS, 0),
        imm(layout.rope_stride),
        "row of the RoPE table",
    );
    e.unit(
        Op::Ld,
        0,
        &[
            (0, imm(places.rope.addr)),
            (1, reg(r::TEMP, layout.rope)),
            (2, imm(c.head_dim as u32)),
        ],
        &[],
        &[Access::Scratch(places.rope)],
        "RoPE row",
    );
    e.unit(
        Op::Ld1,
        8,
        &[(0, imm(places.next_token.addr)), (1, reg(r::POS, 1))],
        &[Access::State(region::TOKENS)],
        &[Access::Scratch(places.next_token)],
        "next token of the prompt",
    );
    // One instruction of vec waits for all three, so that the loop over layers starts with nothing in flight.
    block.wait_for(&mut e, &[places.x, places.rope, places.next_token]);
    e.add(r::COUNT, reg(r::POS, 1), imm(0), "tokens attended to");
    e.mul(
        r::ROWS,
        reg(r::COUNT, 0),
        imm(c.head_dim as u32 / 4),
        "their int8 rows",
    );
    e.li(r::LAYER, 0, "layer 0");
    e.li(r::BASE, layout.layer, "its weights");
    e.li(r::KV, state.layers, "its KV cache");
    e.barrier()?;

    e.context("layer: ");
    e.place(layer_loop);
    e.mul(
        r::TEMP,
        reg(r::POS, 0),
        imm(c.head_dim as u32 / 4),
        "row of this token",
    );
    e.add(r::ROW_AT, reg(r::KV, 0), reg(r::TEMP, 0), "where it goes");
    e.add(
        r::SCALE_AT,
        reg(r::KV, 0),
        reg(r::POS, 0),
        "where its scale goes",
    );
    e.add(
        r::NEXT,
        reg(r::BASE, layout.layer_stride),
        imm(0),
        "next layer",
    );
    e.add(r::LAYER, reg(r::LAYER, 1), imm(0), "count layers");
    e.branch(
        Op::Blt,
        reg(r::LAYER, 0),
        imm(c.layers as u32),
        no_wrap,
        "more layers follow",
    );
    e.li(
        r::NEXT,
        layout.layer,
        "after the last layer the first, for the next token",
    );
    e.place(no_wrap);
    block.layer(&mut e, &prefetch)?;
    e.context("layer: ");
    e.add(r::BASE, reg(r::NEXT, 0), imm(0), "to the next layer");
    e.add(
        r::KV,
        reg(r::KV, state.layer_stride),
        imm(0),
        "and its KV cache",
    );
    e.barrier()?;
    e.branch(
        Op::Blt,
        reg(r::LAYER, 0),
        imm(c.layers as u32),
        layer_loop,
        "loop over layers",
    );

    e.context("token: ");
    e.scalar(
        Op::Rds,
        &[(0, reg(r::TOKEN, 0)), (1, imm(places.next_token.addr))],
        "if in the prompt",
    );
    e.branch(
        Op::Blt,
        reg(r::COUNT, 0),
        reg(r::PROMPT, 0),
        next_token,
        "prompt goes on: no logits",
    );

    block.head(&mut e)?;
    e.context("sample: ");
    e.branch(
        Op::Beq,
        reg(r::TOP_K, 0),
        imm(1),
        greedy,
        "greedy needs no draw",
    );
    block.draw(&mut e)?;
    e.scalar(
        Op::Rds,
        &[(0, reg(r::TOKEN, 0)), (1, imm(places.token.addr))],
        "drawn token",
    );
    e.branch(Op::Jmp, imm(0), imm(0), head_done, "");
    e.place(greedy);
    e.scalar(
        Op::Rds,
        &[(0, reg(r::TOKEN, 0)), (1, imm(places.top_indices.addr))],
        "best token",
    );
    e.place(head_done);
    e.scalar(
        Op::Wrs,
        &[(0, imm(places.token.addr)), (1, reg(r::TOKEN, 0))],
        "for the store",
    );
    e.scalar(Op::Emit, &[(1, reg(r::TOKEN, 0))], "tell the host");
    e.unit(
        Op::St1,
        8,
        &[(0, imm(places.token.addr)), (1, reg(r::POS, 1))],
        &[Access::Scratch(places.token)],
        &[Access::State(region::TOKENS)],
        "append the token",
    );
    e.barrier()?;
    e.branch(
        Op::Beq,
        reg(r::TOKEN, 0),
        reg(r::EOS, 0),
        end,
        "end of text",
    );
    e.place(next_token);
    e.context("token: ");
    e.add(r::POS, reg(r::POS, 1), imm(0), "next position");
    e.branch(
        Op::Blt,
        reg(r::POS, 0),
        reg(r::LIMIT, 0),
        token_loop,
        "loop over positions",
    );
    e.place(end);
    e.scalar(Op::Halt, &[], "done");
    let (instrs, notes) = e.finish()?;
    if instrs.len() > p.program_words as usize {
        return Err(CompileError::ProgramTooLarge {
            need: instrs.len() as u32,
            have: p.program_words,
        });
    }
    Ok((instrs, notes))
}

/// Packets requested ahead, in streaming order: as many of Q, K, V, O as the weight buffer holds together.
pub fn fits(p: &MachineParams, layout: &ImageLayout) -> Vec<Matrix> {
    let mut beats = 0;
    let mut fit = Vec::new();
    for m in [Matrix::Q, Matrix::K, Matrix::V, Matrix::O] {
        beats += (layout.packets[m as usize].units * 4).div_ceil(p.bus_bytes());
        if beats > p.weight_buffer_beats {
            break;
        }
        fit.push(m);
    }
    fit
}
