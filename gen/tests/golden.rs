//! The compiled program on the golden machine against the float reference.
#![allow(clippy::unwrap_used)]

use hw::params::MachineParams;
use hw::pe::{PeMode, PeModes};
use tritforge_gen::compile::{Plan, compile, scratchpad_need};
use tritforge_gen::model::{Model, import, reference::Reference};
use tritforge_gen::session::{Job, Sampling, Session};

fn machine(bus_bits: u32) -> MachineParams {
    MachineParams {
        bus_bits,
        scratchpad_words: 8192,
        program_words: 1024,
        max_row_tiles: 256,
        max_k: 1024,
        pe_rows: 4,
        pe_max_len: 256,
        pe_modes: PeModes::of(&PeMode::ALL),
        weight_buffer_beats: 1024,
        ..MachineParams::tiny()
    }
}

fn data(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/ref")
        .join(name)
}

/// A model with a vocabulary of `vocab` tokens.
fn with_vocabulary(family: &str, vocab: usize) -> Model {
    let model = import(&data(family)).unwrap();
    assert!(model.config.tied && model.config.vocab < vocab);
    model.with_vocabulary(vocab)
}

/// Logits of the golden machine are never far from the reference's: int8 attention and head cost some accuracy.
#[test]
fn nano_follows_the_reference() {
    for (family, bus) in [("nano", 64), ("nano", 128), ("nano1b", 64), ("llama", 64)] {
        let worst = follows(&import(&data(family)).unwrap(), bus, PeMode::Int8).0;
        println!("{family} {bus}: worst error of the best logit {worst} of the spread");
        assert!(worst < 0.05, "{family}: {worst}");
    }
}

/// Tokens of every tile of the output head are compared with each other, however it is computed: two whole tiles and a part.
#[test]
fn a_vocabulary_of_several_tiles_follows_the_reference() {
    let model = with_vocabulary("nano", 1300);
    for head in PeMode::ALL {
        let (worst, tokens) = follows(&model, 64, head);
        println!("{head:?}: worst {worst}, {tokens:?}");
        // The codes of four bits are sixteen times coarser; their errors cancel in the sums for the most part.
        assert!(
            worst < if head.nibbles() { 0.1 } else { 0.05 },
            "{head:?}: {worst}"
        );
        for tile in [512..1024, 1024..1300] {
            assert!(tokens.iter().any(|t| tile.contains(t)), "{tokens:?}");
        }
    }
}

/// Runs a prompt and some tokens more; returns the tokens, and the largest error of a best logit in units of the spread.
fn follows(model: &Model, bus: u32, head: PeMode) -> (f32, Vec<u32>) {
    let p = machine(bus);
    let context = 64;
    assert!(scratchpad_need(model, &p, context, p.batch).unwrap() <= p.scratchpad_words);
    let c = compile(model, &p, Plan { context, head }).unwrap();
    let prompt = [7, 12, 100, 24, 72]
        .map(|t| t % model.config.vocab as u32)
        .to_vec();
    let job = Job {
        prompt: prompt.clone(),
        tokens: 12,
        sampling: Sampling::GREEDY,
        eos: None,
    };
    let mut s = Session::start(&c, &p, &job).unwrap();
    let mut reference = Reference::new(model);
    let mut logits = Vec::new();
    for &t in &prompt {
        logits = reference.forward(t).unwrap();
    }
    let place = c.places["top.values"].addr;
    let mut worst: f32 = 0.0;
    let mut tokens = Vec::new();
    while let Some(token) = s.next_token().unwrap() {
        let best = logits.iter().copied().fold(f32::MIN, f32::max);
        let spread = best - logits.iter().copied().fold(f32::MAX, f32::min);
        let golden = s.machine.pad.read_f32s(place, 1).unwrap()[0];
        worst = worst.max((golden - best).abs() / spread);
        // What golden chose is as good as the reference's choice, within that error.
        worst = worst.max((best - logits[token as usize]) / spread);
        tokens.push(token);
        logits = reference.forward(token).unwrap();
    }
    assert_eq!(tokens.len(), 12);
    (worst, tokens)
}

#[test]
fn program_size_depends_on_neither_context_nor_vocabulary() {
    let size = |model: &Model, context| compile(model, &machine(64), context).unwrap().instrs.len();
    let small = with_vocabulary("nano1b", 512);
    let published = with_vocabulary("nano1b", 128_256);
    let expected = size(&small, 16);
    assert_eq!(size(&small, 256), expected);
    assert_eq!(size(&published, 16), expected);
}

/// The scales of the head and the RoPE table begin beyond 2^27 units of 4 bytes, where no immediate reaches them; the embedding's rows
/// end there.
#[test]
#[ignore = "two gigabytes of memory"]
fn an_image_beyond_the_reach_of_immediates_follows_the_reference() {
    let model = with_vocabulary("nano1b", 2_200_000);
    let compiled = compile(&model, &machine(64), 64).unwrap();
    let far = |note: &&String| note.ends_with("beyond an immediate");
    assert_eq!(compiled.notes.iter().filter(far).count(), 2);
    println!("{} bytes", compiled.image.len());
    drop(compiled);
    let (worst, tokens) = follows(&model, 64, PeMode::Int8);
    println!("worst {worst}, {tokens:?}");
    assert!(worst < 0.05, "{worst}");
}
