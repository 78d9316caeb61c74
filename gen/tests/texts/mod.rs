//! The shipped models and their held-out texts, and the logits of a text on the golden machine.

use std::path::{Path, PathBuf};

use hw::params::MachineParams;
use tritforge_gen::compile::Compiled;
use tritforge_gen::compile::program::r;
use tritforge_gen::model::Model;
use tritforge_gen::model::tokenizer::Tokenizer;
use tritforge_gen::session::{Job, Sampling, Session};

pub fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(name)
}

/// Texts of at most 256 tokens.
pub fn held_out(model: &Model, dir: &Path, lines: usize) -> Vec<Vec<u32>> {
    let tokenizer = Tokenizer::open(dir, model.config.vocab).unwrap().unwrap();
    let text = std::fs::read_to_string(dir.join("heldout.txt")).unwrap();
    text.lines()
        .take(lines)
        .map(|line| {
            // The tokenizer puts <bos> in front.
            let mut tokens = tokenizer.encode(line).unwrap();
            assert_eq!(tokens.first(), model.config.bos.as_ref());
            tokens.truncate(256);
            tokens
        })
        .collect()
}

/// Logits at every position of a text but the last, teacher-forced.
pub fn logits(c: &Compiled, p: &MachineParams, tokens: &[u32]) -> Vec<Vec<f32>> {
    let job = Job {
        prompt: tokens[..1].to_vec(),
        tokens: tokens.len() as u32 - 1,
        sampling: Sampling::GREEDY,
        eos: None,
    };
    let mut s = Session::start(c, p, &job).unwrap();
    let (place, vocab) = (c.places["logits"].addr, c.manifest.model.vocab);
    let follow = |&next: &u32| {
        s.next_token().unwrap().unwrap();
        let logits = s.machine.pad.read_f32s(place, vocab).unwrap();
        s.machine.set_register(r::TOKEN, next);
        logits
    };
    tokens[1..].iter().map(follow).collect()
}
