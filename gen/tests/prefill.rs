//! A prompt in blocks leaves the same cache and gives the same tokens as one position after the other, bit for bit.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use hw::params::MachineParams;
use tritforge_gen::compile::{Compiled, compile, prefill_block, scratchpad_need};
use tritforge_gen::model::{Model, import};
use tritforge_gen::session::{Job, Sampling, Session};

fn machine(batch: u32, pe_rows: u32) -> MachineParams {
    MachineParams {
        scratchpad_words: 1 << 15,
        program_words: 1024,
        max_k: 1024,
        pe_max_len: 256,
        batch,
        pe_rows,
        ..MachineParams::tiny()
    }
}

fn model(path: &str) -> Model {
    import(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn prompt(model: &Model, length: u32) -> Vec<u32> {
    let vocab = model.config.vocab as u32;
    (0..length).map(|i| (i * i * 31 + 7 * i) % vocab).collect()
}

/// State memory behind the tokens, and tokens, of a run on a scratchpad that another program has left full of noise.
fn run(c: &Compiled, p: &MachineParams, prompt: Vec<u32>, tokens: u32) -> (Vec<u8>, Vec<u32>) {
    let job = Job {
        prompt,
        tokens,
        sampling: Sampling::GREEDY,
        eos: None,
    };
    let mut s = Session::start(c, p, &job).unwrap();
    for word in 0..p.scratchpad_words {
        let noise = (0..p.vec_lanes).map(|l| ((word * 8 + l) as i32).wrapping_mul(-0x61c8_8647));
        s.machine
            .pad
            .write_i32s(word, &noise.collect::<Vec<_>>())
            .unwrap();
    }
    let mut text = Vec::new();
    while let Some(token) = s.next_token().unwrap() {
        text.push(token);
    }
    let state = s.memory.slice(s.memory.state.clone()).to_vec();
    (state, text)
}

fn same(model: &Model, context: u32, machines: &[(u32, u32)], lengths: impl Fn(u32) -> Vec<u32>) {
    let plain = machine(1, 4);
    let one = compile(model, &plain, context).unwrap();
    for &(batch, pe_rows) in machines {
        let p = machine(batch, pe_rows);
        let c = compile(model, &p, context).unwrap();
        let group = (model.config.heads / model.config.kv_heads) as u32;
        let block = batch.min(pe_rows / group).max(1);
        assert_eq!(c.manifest.prefill_block, block);
        for length in lengths(batch) {
            let tokens = 2.min(context + 1 - length);
            let (state, text) = run(&c, &p, prompt(model, length), tokens);
            let (wanted, words) = run(&one, &plain, prompt(model, length), tokens);
            assert_eq!(text, words, "batch {batch}, prompt of {length}");
            assert!(state == wanted, "batch {batch}, prompt of {length}: state");
        }
    }
}

/// Every length around one and two blocks; and an array with fewer rows than a KV head has query heads.
#[test]
fn every_length_gives_the_same_bits() {
    let all = |batch| (1..=2 * batch + 1).collect();
    for name in ["nano", "nano1b", "llama"] {
        let model = model(&format!("tests/data/ref/{name}"));
        same(
            &model,
            40,
            &[(2, 4), (3, 7), (4, 8), (8, 16), (16, 16)],
            all,
        );
        same(&model, 40, &[(4, 1)], |_| vec![6]);
    }
}

/// Positions across several words of codes and up to the end of the context.
#[test]
fn long_prompts_give_the_same_bits() {
    let model = model("models/tale");
    same(&model, 39, &[(4, 12), (5, 16)], |_| (30..=39).collect());
}

/// The largest block that a scratchpad holds; only what one token needs is an error.
#[test]
fn a_block_is_as_large_as_the_scratchpad_allows() {
    let model = model("models/tale");
    let p = machine(5, 15);
    let block = |words| prefill_block(&model, &p, 256, words).unwrap();
    let need = |block| scratchpad_need(&model, &p, 256, block).unwrap();
    assert_eq!([block(need(5)), block(need(5) - 1), block(0)], [5, 4, 1]);
    let sized = |scratchpad_words| {
        compile(
            &model,
            &MachineParams {
                scratchpad_words,
                ..p.clone()
            },
            256,
        )
    };
    assert_eq!(sized(4096).unwrap().manifest.prefill_block, 2);
    let error = sized(2048).unwrap_err().to_string();
    let one = format!("need {} scratchpad words", need(1));
    assert!(error.contains(&one), "{error}");
    // Rows of the array, and the last position, which is decode's.
    let rows = |rows| compile(&model, &machine(8, rows), 256).unwrap();
    assert_eq!(
        [2, 3, 11, 16].map(|r| rows(r).manifest.prefill_block),
        [1, 1, 3, 5]
    );
    let short = compile(&model, &p, 3).unwrap();
    assert_eq!(short.manifest.prefill_block, 2);
}

/// Loops over tokens keep the program's size, and each weight is requested once a block.
#[test]
fn program_size_does_not_depend_on_the_block() {
    let model = model("models/tale");
    let compiled = |batch| compile(&model, &machine(batch, 16), 64).unwrap();
    let size = |batch| compiled(batch).instrs.len();
    // Up to five tokens of three heads are one pass of the array.
    assert_eq!(size(2), size(5));
    let gemvs = compiled(4)
        .instrs
        .iter()
        .filter(|i| i.op == hw::isa::Op::Gemv)
        .map(|i| i.f[4].imm)
        .collect::<Vec<_>>();
    assert_eq!(gemvs, [[3; 7], [0; 7]].concat());
}
