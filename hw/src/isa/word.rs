//! Instructions as values and as 256-bit words (`docs/machine.md` section 4).

use super::instr::Op;
use super::{FIELDS, REGISTERS};

/// One operand field: value = R[reg] + sign-extended imm, modulo 2^32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Operand {
    /// Register number, 0..=15; register 0 reads as 0.
    pub reg: u8,
    /// Signed immediate, -2^27 ..= 2^27 - 1.
    pub imm: i32,
}

impl Operand {
    pub const IMM_MIN: i32 = -(1 << 27);
    pub const IMM_MAX: i32 = (1 << 27) - 1;

    /// Operand in range, or nothing.
    pub const fn new(reg: u8, imm: i32) -> Option<Operand> {
        if (reg as usize) < REGISTERS && imm >= Operand::IMM_MIN && imm <= Operand::IMM_MAX {
            Some(Operand { reg, imm })
        } else {
            None
        }
    }

    /// Register alone.
    pub const fn reg(reg: u8) -> Operand {
        Operand { reg, imm: 0 }
    }

    /// The 32 bits of the field: register in [31:28], immediate in [27:0].
    pub const fn raw(self) -> u32 {
        (self.reg as u32) << 28 | (self.imm as u32 & 0x0fff_ffff)
    }

    /// Reads the 32 bits of a field; every pattern is an operand.
    pub const fn from_raw(raw: u32) -> Operand {
        Operand {
            reg: (raw >> 28) as u8,
            imm: (raw << 4) as i32 >> 4,
        }
    }

    /// Value with these registers; entry 0 is taken as 0.
    pub fn value(self, registers: &[u32; REGISTERS]) -> u32 {
        let base = match self.reg & 15 {
            0 => 0,
            r => registers[usize::from(r)],
        };
        base.wrapping_add(self.imm as u32)
    }
}

/// One instruction. Fields and flags outside the operation's table row are kept as they are, so that every
/// decodable word encodes back to itself; hardware ignores them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Instr {
    pub op: Op,
    pub flags: u8,
    /// Units whose token this instruction takes before it starts (queue instructions).
    pub wait: u8,
    /// Units to which this instruction gives a token when it retires (queue instructions).
    pub release: u8,
    pub f: [Operand; FIELDS],
}

/// A word that is no instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("opcode {0:#04x} is not an instruction")]
    Opcode(u8),
}

impl Instr {
    /// All fields zero.
    pub const fn new(op: Op) -> Instr {
        Instr {
            op,
            flags: 0,
            wait: 0,
            release: 0,
            f: [Operand { reg: 0, imm: 0 }; FIELDS],
        }
    }

    /// With field `index` set; an index past the fields changes nothing.
    pub const fn with(mut self, index: usize, operand: Operand) -> Instr {
        if index < FIELDS {
            self.f[index] = operand;
        }
        self
    }

    /// The 32 bytes of the word.
    pub fn encode(&self) -> [u8; 32] {
        let mut out = [0u8; 32];
        out[..4].copy_from_slice(&[self.op.opcode(), self.flags, self.wait, self.release]);
        for (bytes, operand) in out[4..].chunks_exact_mut(4).zip(&self.f) {
            bytes.copy_from_slice(&operand.raw().to_le_bytes());
        }
        out
    }

    /// Reads a word.
    ///
    /// # Errors
    /// The opcode is not in the table; hardware then raises ILLEGAL.
    pub fn decode(word: &[u8; 32]) -> Result<Instr, DecodeError> {
        let op = Op::from_opcode(word[0]).ok_or(DecodeError::Opcode(word[0]))?;
        let mut instr = Instr {
            flags: word[1],
            wait: word[2],
            release: word[3],
            ..Instr::new(op)
        };
        for (bytes, operand) in word[4..].chunks_exact(4).zip(&mut instr.f) {
            let raw = bytes
                .iter()
                .rev()
                .fold(0u32, |acc, &b| acc << 8 | u32::from(b));
            *operand = Operand::from_raw(raw);
        }
        Ok(instr)
    }
}
