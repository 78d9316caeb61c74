//! Prefill: all tokens of the prompt but the last, in blocks that one pass over the weights and over the KV cache serves.
//! The last one is the first position of decode, which needs its logits.
//!
//! Blocks are always whole. What a prompt leaves over is done by one more block that ends where it must and does the tokens in
//! front again: they come out the same, and a whole block takes hardly longer than a token or two. A prompt with fewer
//! tokens than a block goes through decode.
//!
//! Masking. All rows of a block share the array's instructions, which run to the end of the block. Scores of tokens
//! behind a row's own are never read. Its codes behind them must be zero for the weighted values: in the last word vec
//! writes zeros, and later words are zero from the start of the run, because a row's position only grows in it.

use hw::isa::{Op, Unit};

use super::CompileError;
use super::block::Block;
use super::emit::{Emitter, Step, imm, reg};
use super::layout::Matrix;
use super::program::{begin_layers, layers, r, rows_of_token, token_of};

/// The loop over blocks of the prompt, and what comes before it. `decode`: what decode is emitted with. Afterwards POS
/// is the first position that is left.
///
/// # Errors
/// A mistake of the compiler.
pub fn prefill(
    decode: &Block<'_>,
    e: &mut Emitter,
    prefetch: &[Matrix],
) -> Result<(), CompileError> {
    let places = decode.places.in_loop(r::AT_TOKEN, r::AT_ROW);
    let tokens = places.block;
    let block = &Block {
        places: &places,
        tokens,
        ..*decode
    };
    let (more, done) = (e.label(), e.label());
    e.context("prefill: ");
    let prompt = reg(r::PROMPT, 0);
    e.branch(Op::Blt, prompt, imm(tokens + 1), done, "less than a block");
    clear_codes(block, e);
    e.barrier()?;
    e.place(more);
    e.context("prefill: ");
    open_block(block, e)?;
    e.context("prefill: ");
    layers(block, e, prefetch)?;
    e.context("prefill: ");
    e.add(r::POS, reg(r::POS, tokens), imm(0), "next block");
    let end = reg(r::TEMP, 0);
    e.add(r::TEMP, reg(r::POS, tokens), imm(0), "its end");
    e.branch(Op::Blt, end, prompt, more, "loop over whole blocks");
    let next = reg(r::TEMP, 0);
    e.add(r::TEMP, reg(r::POS, 1), imm(0), "position after the next");
    e.branch(Op::Bge, next, prompt, done, "only the last token is left");
    e.sub(r::POS, prompt, imm(tokens + 1), "the block that ends there");
    e.branch(Op::Jmp, imm(0), imm(0), more, "some tokens again");
    e.place(done);
    Ok(())
}

/// Zero codes in all rows of the array.
fn clear_codes(block: &Block<'_>, e: &mut Emitter) {
    // The next token's place is free before decode.
    let zero = block.places.next_token;
    e.wrs(zero, 0, "zero");
    let step = Step {
        reg: r::AT_ROW,
        start: imm(0),
        by: block.places.row_stride,
    };
    e.open(block.rows(), &[step], true);
    block.clear_codes(e, zero);
    e.close();
}

/// Embeddings and RoPE rows of the block at POS; registers of the loop over layers. Ends its segment.
fn open_block(block: &Block<'_>, e: &mut Emitter) -> Result<(), CompileError> {
    let at_token = Step {
        reg: r::AT_TOKEN,
        start: imm(0),
        by: block.places.token_stride,
    };
    let position = Step {
        reg: r::LENGTH,
        start: reg(r::POS, 0),
        by: 1,
    };
    let token = block.places.token;
    e.open(block.tokens, &[at_token, position], false);
    token_of(e, token, reg(r::LENGTH, 0), "token of the prompt");
    e.close();
    e.sync(&[Unit::Load], "tokens are there");
    e.open(block.tokens, &[at_token, position], false);
    e.rds(r::TOKEN, token, "token");
    rows_of_token(block, e, r::LENGTH);
    e.close();
    e.sync(&[Unit::Load], "embeddings and RoPE rows are there");
    begin_layers(block, e)
}
