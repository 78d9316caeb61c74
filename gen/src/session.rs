//! A compiled model on the golden machine: text at once, without any external tool.

use hw::machine::{Fault, Machine, Memory, Step};
use hw::params::MachineParams;

use crate::compile::Compiled;
use crate::compile::program::arg;

/// How the next token is chosen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sampling {
    /// Candidates of the draw; 1 is greedy.
    pub top_k: u32,
    /// Greater is bolder; only used when `top_k > 1`.
    pub temperature: f32,
    pub seed: u32,
}

impl Sampling {
    /// Always the likeliest token.
    pub const GREEDY: Sampling = Sampling {
        top_k: 1,
        temperature: 1.0,
        seed: 1,
    };
}

/// One run of the program: what the host writes before it starts the machine.
#[derive(Clone, Debug)]
pub struct Job {
    /// Prompt, at least one token.
    pub prompt: Vec<u32>,
    /// Tokens to generate.
    pub tokens: u32,
    pub sampling: Sampling,
    /// Token that ends the text.
    pub eos: Option<u32>,
}

/// What is wrong with a job.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum JobError {
    #[error("the prompt is empty: it must have at least one token")]
    EmptyPrompt,
    #[error(
        "the prompt has {prompt} tokens and {tokens} are to be generated, but the context holds {context}"
    )]
    TooLong {
        prompt: usize,
        tokens: u32,
        context: u32,
    },
    #[error("token {token} of the prompt is not in the vocabulary of {vocab}")]
    Vocabulary { token: u32, vocab: usize },
    #[error("top-k of {k} is outside 1..={max}")]
    TopK { k: u32, max: u32 },
    #[error("temperature {0} is not a positive number")]
    Temperature(f32),
    #[error("{0}")]
    Fault(#[from] Fault),
}

impl Job {
    /// Arguments for the CSRs.
    ///
    /// # Errors
    /// The job does not fit the compiled context, vocabulary or sampler.
    pub fn arguments(&self, c: &Compiled) -> Result<[u32; 8], JobError> {
        let (context, vocab) = (c.manifest.context, c.manifest.model.vocab);
        if self.prompt.is_empty() {
            return Err(JobError::EmptyPrompt);
        }
        let limit = self.prompt.len() as u64 + u64::from(self.tokens);
        // The last generated token is never fed back, so it needs no place in the cache.
        if self.prompt.len() > context as usize || limit > u64::from(context) + 1 {
            let prompt = self.prompt.len();
            return Err(JobError::TooLong {
                prompt,
                tokens: self.tokens,
                context,
            });
        }
        if let Some(&token) = self.prompt.iter().find(|&&t| t as usize >= vocab) {
            return Err(JobError::Vocabulary { token, vocab });
        }
        let (k, max) = (self.sampling.top_k, c.manifest.machine.sample_k);
        if k == 0 || k > max {
            return Err(JobError::TopK { k, max });
        }
        let t = self.sampling.temperature;
        if !(t.is_finite() && t > 0.0) {
            return Err(JobError::Temperature(t));
        }
        let mut args = [0; 8];
        args[arg::PROMPT as usize] = self.prompt.len() as u32;
        args[arg::LIMIT as usize] = limit as u32 - 1;
        args[arg::TOP_K as usize] = k;
        args[arg::INV_TEMPERATURE as usize] = (1.0 / t).to_bits();
        args[arg::SEED as usize] = self.sampling.seed;
        args[arg::EOS as usize] = self.eos.unwrap_or(u32::MAX);
        Ok(args)
    }
}

/// Memory as the host leaves it before the start: program, image, empty state with the prompt in it.
pub fn memory(c: &Compiled, prompt: &[u32]) -> Memory {
    let [program, image, state] = c.windows();
    let origin = program.base;
    let mut bytes = vec![0; (state.limit - origin) as usize];
    let mut put = |base: u64, data: &[u8]| {
        let at = (base - origin) as usize;
        bytes[at..at + data.len()].copy_from_slice(data);
    };
    put(program.base, &c.program);
    put(image.base, &c.image);
    let tokens: Vec<u8> = prompt.iter().flat_map(|t| t.to_le_bytes()).collect();
    put(state.base, &tokens);
    Memory {
        origin,
        bytes,
        program: program.base..program.limit,
        image: image.base..image.limit,
        state: state.base..state.limit,
    }
}

/// A started golden machine.
pub struct Session {
    pub machine: Machine,
    pub memory: Memory,
    done: bool,
}

impl Session {
    /// Loads memory and arguments and starts the machine.
    ///
    /// # Errors
    /// See [`JobError`].
    pub fn start(c: &Compiled, p: &MachineParams, job: &Job) -> Result<Session, JobError> {
        let mut machine = Machine::new(p);
        machine.args = job.arguments(c)?;
        let memory = memory(c, &job.prompt);
        machine.start(&memory)?;
        Ok(Session {
            machine,
            memory,
            done: false,
        })
    }

    /// The next generated token; `None` when the program has halted.
    ///
    /// # Errors
    /// A fault of the machine.
    pub fn next_token(&mut self) -> Result<Option<u32>, Fault> {
        while !self.done {
            match self.machine.step(&mut self.memory)? {
                Step::Token(token) => return Ok(Some(token)),
                Step::Halted => self.done = true,
                Step::Scalar | Step::Retired(_) => {}
            }
        }
        Ok(None)
    }
}
