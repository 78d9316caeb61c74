//! The program: one loop over positions, inside it one over layers and one over tiles of the vocabulary; its size
//! depends on none of them. In front of it, where the engine takes batches, a loop over blocks of the prompt ([`super::prefill`]).
//!
//! Order of the weight stream. The bus shall never idle, so loads run ahead of the units that need them:
//! the packets of Q, K, V and O of the next layer (after the last layer: of the first layer, for the next token) are
//! requested as soon as the buffer has let the current layer's last packet in. Only what fits into the weight
//! buffer may be requested before a load into the scratchpad, because loads are delivered in order and a full buffer
//! would keep the scratchpad load from the very units that empty it.

use hw::isa::{Instr, Op, Operand, Unit};
use hw::params::MachineParams;

use super::CompileError;
use super::block::{Block, STATE};
use super::emit::{Access, Emitter, imm, reg};
use super::layout::{Constant, ImageLayout, Matrix};
use super::prefill::prefill;
use super::scratch::Place;

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

    /// In prefill, which ends before their arguments are needed: how far what the token at hand has is behind what the first
    /// has, the same for rows of the attention array, and the tokens that it attends to.
    pub const AT_TOKEN: u8 = TOP_K;
    pub const AT_ROW: u8 = EOS;
    pub const LENGTH: u8 = LIMIT;

    /// In the output head, where the layers' registers are free: first token of the tile, its rows, and the image
    /// offset of their codes.
    pub const HEAD_START: u8 = LAYER;
    pub const HEAD_ROWS: u8 = ROWS;
    pub const HEAD_AT: u8 = BASE;
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

    /// Names and numbers of all of them, for the manifest.
    pub const ALL: [(&str, u32); 6] = [
        ("prompt", PROMPT),
        ("limit", LIMIT),
        ("top_k", TOP_K),
        ("inv_temperature", INV_TEMPERATURE),
        ("seed", SEED),
        ("eos", EOS),
    ];
}

/// Regions of the state memory for the emitter.
pub mod region {
    pub const TOKENS: u32 = 0;
    /// K rows, K scales, V rows, V scales of KV head g: `KV + 4 g + 0..=3`.
    pub const KV: u32 = 1;
}

/// Emits the whole program.
///
/// # Errors
/// The instruction memory is too small.
pub fn program(block: &Block<'_>) -> Result<(Vec<Instr>, Vec<String>), CompileError> {
    let mut e = Emitter::new(block.places.constant(Constant::One));
    let (token_loop, next_token, end) = (e.label(), e.label(), e.label());
    start(block, &mut e)?;
    // The weights of the first layer are requested once here; later the end of the last layer does it.
    let prefetch = fits(block.p, block.layout);
    block.request(&mut e, r::NEXT, &prefetch);
    if block.places.block > 1 {
        prefill(block, &mut e, &prefetch)?;
    }
    first_token(block, &mut e)?;

    e.context("token: ");
    e.place(token_loop);
    open_token(block, &mut e)?;
    layers(block, &mut e, &prefetch)?;
    e.context("token: ");
    let (next, token) = (block.places.next_token, block.places.token);
    e.rds(r::TOKEN, next, "if in the prompt");
    e.branch(
        Op::Blt,
        reg(r::COUNT, 0),
        reg(r::PROMPT, 0),
        next_token,
        "prompt goes on: no logits",
    );

    block.head(&mut e)?;
    e.context("sample: ");
    choose(block, &mut e)?;
    e.wrs(token, r::TOKEN, "for the store");
    e.scalar(Op::Emit, &[(1, reg(r::TOKEN, 0))], "tell the host");
    e.unit(
        Op::St1,
        STATE,
        &[(0, token.at()), (1, reg(r::POS, 1))],
        &[Access::Scratch(token)],
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
    if instrs.len() > block.p.program_words as usize {
        return Err(CompileError::ProgramTooLarge {
            need: instrs.len() as u32,
            have: block.p.program_words,
        });
    }
    Ok((instrs, notes))
}

/// What prefill needs too: arguments, constants and the constants of the first layer. Ends its segment.
fn start(block: &Block<'_>, e: &mut Emitter) -> Result<(), CompileError> {
    let (layout, places) = (block.layout, block.places);
    e.context("start: ");
    argument(e, r::PROMPT, arg::PROMPT, "tokens of the prompt");
    argument(e, r::TEMP, arg::INV_TEMPERATURE, "1/temperature");
    e.wrs(places.inv_temperature, r::TEMP, "1/temperature");
    argument(e, r::TEMP, arg::SEED, "seed");
    let seed = [(1, reg(r::TEMP, 0))];
    e.unit(Op::Seed, 0, &seed, &[], &[], "seed the generator");
    e.li(r::POS, 0, "first position");
    let constants = Place::new(
        places.constants.addr,
        layout.constant_units / block.p.vec_lanes,
    );
    let units = imm(layout.constant_units);
    e.ld(constants, imm(layout.constants), units, "constants");
    e.li(r::NEXT, layout.layer, "first layer");
    block.load_layer_constants(e);
    e.sync(&[Unit::Load, Unit::Sample], "constants are there");
    e.barrier()
}

/// The token at POS and the arguments of decode. Ends its segment.
fn first_token(block: &Block<'_>, e: &mut Emitter) -> Result<(), CompileError> {
    e.context("start: ");
    let token = block.places.token;
    token_of(e, token, reg(r::POS, 0), "first token");
    argument(e, r::LIMIT, arg::LIMIT, "positions");
    argument(e, r::TOP_K, arg::TOP_K, "candidates");
    argument(e, r::EOS, arg::EOS, "end of text");
    e.sync(&[Unit::Load], "the token is there");
    e.barrier()?;
    e.rds(r::TOKEN, token, "first token");
    Ok(())
}

fn argument(e: &mut Emitter, register: u8, k: u32, note: &str) {
    let fields = [(0, reg(register, 0)), (1, imm(k))];
    e.scalar(Op::Arg, &fields, &format!("argument: {note}"));
}

/// Loads a token of the text from state memory.
pub(super) fn token_of(e: &mut Emitter, to: Place, position: Operand, note: &str) {
    e.unit(
        Op::Ld1,
        STATE,
        &[(0, to.at()), (1, position)],
        &[Access::State(region::TOKENS)],
        &[Access::Scratch(to)],
        note,
    );
}

/// Embedding and RoPE row of the token of register TOKEN at the position of register `position`.
pub(super) fn rows_of_token(block: &Block<'_>, e: &mut Emitter, position: u8) {
    let (c, layout, places) = (&block.model.config, block.layout, block.places);
    let (stride, base) = (imm(layout.embed_stride), layout.embed);
    e.mul(r::TEMP, reg(r::TOKEN, 0), stride, "row of the embedding");
    let hidden = imm(c.hidden as u32);
    let at = e.far(r::TEMP, base, r::TEMP);
    e.ld(places.x, at, hidden, "embedding");
    let (stride, base) = (imm(layout.rope_stride), layout.rope);
    e.mul(r::TEMP, reg(position, 0), stride, "row of the RoPE table");
    let head_dim = imm(c.head_dim as u32);
    let at = e.far(r::TEMP, base, r::TEMP);
    e.ld(places.rope, at, head_dim, "RoPE row");
}

/// Registers of the loop over layers, for the block that begins at POS. Ends its segment.
pub(super) fn begin_layers(block: &Block<'_>, e: &mut Emitter) -> Result<(), CompileError> {
    let (c, layout) = (&block.model.config, block.layout);
    let end = reg(r::POS, block.tokens);
    e.add(r::COUNT, end, imm(0), "tokens attended to");
    let row = imm(c.head_dim as u32 / 4);
    e.mul(r::ROWS, reg(r::COUNT, 0), row, "their int8 rows");
    e.li(r::LAYER, 0, "layer 0");
    e.li(r::BASE, layout.layer, "its weights");
    e.li(r::KV, block.state.layers, "its KV cache");
    e.barrier()
}

/// Embedding, RoPE row and the next token of the prompt; registers of the loop over layers. Ends its segment.
fn open_token(block: &Block<'_>, e: &mut Emitter) -> Result<(), CompileError> {
    let places = block.places;
    rows_of_token(block, e, r::POS);
    let next = places.next_token;
    token_of(e, next, reg(r::POS, 1), "next token of the prompt");
    // One instruction of vec waits for all three, so that the loop over layers starts with nothing in flight.
    let waited = [places.x, places.rope, next].map(Access::Scratch);
    e.idle(&waited, &[], "wait for loads");
    begin_layers(block, e)
}

/// The loop over layers. Ends its segment.
pub(super) fn layers(
    block: &Block<'_>,
    e: &mut Emitter,
    prefetch: &[Matrix],
) -> Result<(), CompileError> {
    let (c, layout) = (&block.model.config, block.layout);
    let (layer_loop, no_wrap) = (e.label(), e.label());
    let layers = imm(c.layers as u32);
    e.context("layer: ");
    e.place(layer_loop);
    let row = imm(c.head_dim as u32 / 4);
    e.mul(r::TEMP, reg(r::POS, 0), row, "row of this token");
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
        layers,
        no_wrap,
        "more layers follow",
    );
    e.li(
        r::NEXT,
        layout.layer,
        "after the last layer the first, for the next token",
    );
    e.place(no_wrap);
    block.layer(e, prefetch);
    e.context("layer: ");
    e.add(r::BASE, reg(r::NEXT, 0), imm(0), "to the next layer");
    let stride = block.state.layer_stride;
    e.add(r::KV, reg(r::KV, stride), imm(0), "and its KV cache");
    e.barrier()?;
    e.branch(
        Op::Blt,
        reg(r::LAYER, 0),
        layers,
        layer_loop,
        "loop over layers",
    );
    Ok(())
}

/// The best candidate, or one that is drawn, into TOKEN.
fn choose(block: &Block<'_>, e: &mut Emitter) -> Result<(), CompileError> {
    let (drawn, greedy) = (e.label(), e.label());
    e.branch(
        Op::Beq,
        reg(r::TOP_K, 0),
        imm(1),
        greedy,
        "greedy needs no draw",
    );
    block.draw(e)?;
    e.rds(r::TOKEN, block.places.token, "drawn token");
    e.branch(Op::Jmp, imm(0), imm(0), drawn, "");
    e.place(greedy);
    e.rds(r::TOKEN, block.places.top_indices, "best token");
    e.place(drawn);
    Ok(())
}

/// Matrices requested ahead, in streaming order: those of as many packets of Q, K, V and O as the weight buffer holds
/// together.
pub fn fits(p: &MachineParams, layout: &ImageLayout) -> Vec<Matrix> {
    let mut beats = 0;
    let mut fit = Vec::new();
    for packet in &layout.packets {
        beats += (packet.units * 4).div_ceil(p.bus_bytes());
        if beats > p.weight_buffer_beats || packet.matrices.contains(&Matrix::Gate) {
            break;
        }
        fit.extend(packet.matrices);
    }
    fit
}
