//! The compiled program on the golden machine against the float reference.
#![allow(clippy::unwrap_used)]

use hw::params::MachineParams;
use tritforge_gen::compile::{compile, scratchpad_need};
use tritforge_gen::model::{import, reference::Reference};
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
        weight_buffer_beats: 1024,
        ..MachineParams::tiny()
    }
}

fn data(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/ref")
        .join(name)
}

/// Logits of the golden machine are never far from the reference's: int8 attention and head cost some accuracy.
#[test]
fn nano_follows_the_reference() {
    for (family, bus) in [("nano", 64), ("nano", 128), ("llama", 64)] {
        let model = import(&data(family)).unwrap();
        let p = machine(bus);
        let context = 64;
        assert!(scratchpad_need(&model, &p, context).unwrap() <= p.scratchpad_words);
        let c = compile(&model, &p, context).unwrap();
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
        let mut reference = Reference::new(&model);
        let mut logits = Vec::new();
        for &t in &prompt {
            logits = reference.forward(t).unwrap();
        }
        let place = c.places["top.values"].addr;
        let mut worst: f32 = 0.0;
        let mut count = 0;
        while let Some(token) = s.next_token().unwrap() {
            let best = logits.iter().copied().fold(f32::MIN, f32::max);
            let spread = best - logits.iter().copied().fold(f32::MAX, f32::min);
            let golden = s.machine.pad.read_f32s(place, 1).unwrap()[0];
            worst = worst.max((golden - best).abs() / spread);
            logits = reference.forward(token).unwrap();
            count += 1;
        }
        assert_eq!(count, 12);
        println!("{family} {bus}: worst error of the best logit {worst} of the spread");
        assert!(worst < 0.05, "{family}: {worst}");
    }
}

#[test]
fn program_size_does_not_depend_on_context() {
    let model = import(&data("nano")).unwrap();
    let size = |context| compile(&model, &machine(64), context).unwrap().instrs.len();
    assert_eq!(size(16), size(128));
}
