//! ISA golden: executes the same program binary against the same memory image as the RTL, one instruction after the
//! other, with the golden model of each unit, and must leave the same memory, tokens and retired-instruction trace.
//!
//! Queue units run concurrently in hardware; tokens make every order that matters the program order, so a
//! sequential interpreter is exact for every program whose tokens are complete.

mod execute;
mod signature;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;

use crate::isa::{
    ARGS, Cause, FORMAT_VERSION, FaultUnit, HEADER_BYTES, IMAGE_MAGIC, INSTR_BYTES, Instr,
    PROGRAM_MAGIC, REGISTERS, Unit, isa_text,
};
use crate::memory::MoveParams;
use crate::params::MachineParams;
use crate::pe::PeParams;
use crate::sample::golden::Sampler;
use crate::scratchpad::Scratchpad;
use crate::tlmm::TlmmParams;

pub use signature::Signature;

/// Memory with the windows that the guard enforces, all byte addresses.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Address of `bytes[0]`.
    pub origin: u64,
    pub bytes: Vec<u8>,
    pub program: Range<u64>,
    pub image: Range<u64>,
    pub state: Range<u64>,
}

impl Memory {
    /// The bytes of an address range that lies in memory; empty otherwise.
    pub fn slice(&self, range: Range<u64>) -> &[u8] {
        let place = |a: u64| usize::try_from(a.checked_sub(self.origin)?).ok();
        match (place(range.start), place(range.end)) {
            (Some(a), Some(b)) => self.bytes.get(a..b).unwrap_or(&[]),
            _ => &[],
        }
    }
}

/// Sticky fault of the machine, as the CSRs report it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} in {} at instruction {pc} (address or operand {info:#x})", .cause.name(), .unit.name())]
pub struct Fault {
    pub cause: Cause,
    pub unit: FaultUnit,
    pub info: u64,
    pub pc: u32,
}

/// One retired instruction of a queue unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retired {
    pub unit: Unit,
    pub pc: u32,
    /// See `docs/machine.md`, section 7.
    pub signature: u32,
}

/// What one step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A scalar instruction.
    Scalar,
    /// An instruction of a queue unit, complete.
    Retired(Retired),
    /// The program told the host a token.
    Token(u32),
    Halted,
}

/// The machine's architectural state.
pub struct Machine {
    tlmm: TlmmParams,
    pe: PeParams,
    moves: MoveParams,
    program_words: u32,
    sample_k: u32,
    abi: u64,
    pub pad: Scratchpad,
    /// Packets in front of tlmm and pe.
    weights: VecDeque<Vec<u8>>,
    vectors: VecDeque<Vec<u8>>,
    sampler: Sampler,
    registers: [u32; REGISTERS],
    pub args: [u32; ARGS],
    pub pc: u32,
    program: Vec<[u8; INSTR_BYTES as usize]>,
    /// CSR TOKEN_COUNT.
    pub token_count: u32,
    /// Scratchpad words that the last instruction has written: first word, words.
    pub written: Vec<(u32, u32)>,
}

impl Machine {
    pub fn new(p: &MachineParams) -> Machine {
        Machine {
            tlmm: TlmmParams::new(p),
            pe: PeParams::new(p),
            moves: MoveParams::from(p),
            program_words: p.program_words,
            sample_k: p.sample_k,
            abi: p.abi_hash(&isa_text()),
            pad: Scratchpad::new(p.scratchpad_words, p.vec_lanes),
            weights: VecDeque::new(),
            vectors: VecDeque::new(),
            sampler: Sampler::new(p.sample_k as usize),
            registers: [0; REGISTERS],
            args: [0; ARGS],
            pc: 0,
            program: Vec::new(),
            token_count: 0,
            written: Vec::new(),
        }
    }

    /// What fetch does: compares both headers with the machine's ABI and copies the program.
    ///
    /// # Errors
    /// ABI_PROGRAM, ABI_IMAGE, PROGRAM_SIZE.
    pub fn start(&mut self, memory: &Memory) -> Result<(), Fault> {
        let fault = |cause, info| Fault {
            cause,
            unit: FaultUnit::Fetch,
            info,
            pc: 0,
        };
        let header = |base: u64| -> Vec<u32> {
            let bytes = memory.slice(base..base + u64::from(HEADER_BYTES));
            bytes
                .chunks_exact(4)
                .map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]))
                .collect()
        };
        let expected = |magic: u32| {
            [
                magic,
                FORMAT_VERSION,
                self.abi as u32,
                (self.abi >> 32) as u32,
            ]
        };
        let program = header(memory.program.start);
        if program.get(..4) != Some(&expected(PROGRAM_MAGIC)) {
            return Err(fault(Cause::AbiProgram, memory.program.start));
        }
        let count = program[4];
        if count == 0 || count > self.program_words {
            return Err(fault(Cause::ProgramSize, u64::from(count)));
        }
        if header(memory.image.start).get(..4) != Some(&expected(IMAGE_MAGIC)) {
            return Err(fault(Cause::AbiImage, memory.image.start));
        }
        let code = memory.program.start + u64::from(HEADER_BYTES);
        let code = memory.slice(code..code + u64::from(count) * u64::from(INSTR_BYTES));
        self.program = code
            .chunks_exact(INSTR_BYTES as usize)
            .map(|c| {
                let mut word = [0; INSTR_BYTES as usize];
                word.copy_from_slice(c);
                word
            })
            .collect();
        self.weights.clear();
        self.vectors.clear();
        self.sampler = Sampler::new(self.sample_k as usize);
        self.registers = [0; REGISTERS];
        self.pc = 0;
        self.token_count = 0;
        Ok(())
    }

    /// Overwrites a scalar register, as a debugger would: teacher forcing sets the token that the program goes on with.
    pub fn set_register(&mut self, register: u8, value: u32) {
        if let Some(r) = self
            .registers
            .get_mut(usize::from(register))
            .filter(|_| register != 0)
        {
            *r = value;
        }
    }

    /// Executes one instruction.
    ///
    /// # Errors
    /// The fault that the hardware would raise.
    pub fn step(&mut self, memory: &mut Memory) -> Result<Step, Fault> {
        let pc = self.pc;
        let instr = self
            .program
            .get(pc as usize)
            .and_then(|word| Instr::decode(word).ok())
            .ok_or(Fault {
                cause: Cause::Illegal,
                unit: FaultUnit::Issue,
                info: 0,
                pc,
            })?;
        self.pc = pc.wrapping_add(1);
        self.written.clear();
        execute::execute(self, &instr, pc, memory)
    }
}
