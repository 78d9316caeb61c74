//! Program emission with automatic synchronisation.
//!
//! Queue units run concurrently; order between them exists only where tokens make it. The emitter knows what each
//! instruction reads and writes, finds the conflicts with earlier instructions of other units, and puts one
//! release and one wait where no order exists yet. Order that already follows from other tokens is not
//! bought twice (a vector clock for each unit).
//!
//! Tokens between two units are counted, not named, so the k-th wait must mean the k-th release. It does, because
//! a release is added only together with its wait and both advance in program order.
//!
//! Loops: [`Emitter::barrier`] ends a segment. It waits for all units except load and forgets the past; loads into
//! the scratchpad must have been waited for inside their segment, weight streams may stay in flight across it.
//! Loops without a segment of their own: [`repeat`].

mod repeat;
#[cfg(test)]
mod tests;

use hw::isa::{Instr, Op, Operand, Target, Unit};
use hw::vec::{Output, Reduce, VecFlags};

use super::CompileError;
use super::scratch::Place;
use repeat::Repeat;
pub use repeat::Step;

/// Something an instruction reads or writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    Scratch(Place),
    /// A region of the state memory, by number; conflicts are decided for the region as a whole.
    State(u32),
}

impl Access {
    /// Of places, both where their registers hold 0.
    fn conflicts(self, other: Access) -> bool {
        match (self, other) {
            (Access::Scratch(a), Access::Scratch(b)) => a.overlaps(b),
            (Access::State(a), Access::State(b)) => a == b,
            _ => false,
        }
    }
}

const UNITS: usize = 6;

/// For each unit the number of its instructions known to be complete.
type Clock = [usize; UNITS];

struct Past {
    unit: Unit,
    /// Position among the instructions of its unit, from 1.
    index: usize,
    instr: usize,
    reads: Vec<Access>,
    writes: Vec<Access>,
    /// What is complete when this instruction is.
    done: Clock,
    /// An instruction of a loop that has ended: a token of it would be one for each pass.
    repeated: bool,
}

impl Past {
    fn conflicts(&self, reads: &[Access], writes: &[Access]) -> bool {
        let hit = |mine: &[Access], theirs: &[Access]| {
            mine.iter().any(|m| theirs.iter().any(|t| m.conflicts(*t)))
        };
        hit(writes, &self.writes) || hit(writes, &self.reads) || hit(reads, &self.writes)
    }
}

/// Builds a program.
pub struct Emitter {
    instrs: Vec<Instr>,
    /// For each instruction, what it does, for people.
    notes: Vec<String>,
    past: Vec<Past>,
    issued: Clock,
    /// What is complete before the next instruction of a unit starts.
    known: [Clock; UNITS],
    labels: Vec<Option<u32>>,
    fixups: Vec<(usize, usize)>,
    context: String,
    /// Scalar 1 of the scratchpad, operand of instructions without effect.
    one: Place,
    repeat: Option<Repeat>,
    /// First mistake of the compiler.
    fault: Option<String>,
}

/// Jump target.
#[derive(Clone, Copy)]
pub struct Label(usize);

/// Register plus immediate.
pub fn reg(r: u8, imm: u32) -> Operand {
    Operand {
        reg: r,
        imm: imm as i32,
    }
}

/// Immediate.
pub fn imm(value: u32) -> Operand {
    reg(0, value)
}

impl Emitter {
    /// `one`: a scalar 1, for instructions without effect.
    pub fn new(one: Place) -> Emitter {
        Emitter {
            instrs: Vec::new(),
            notes: Vec::new(),
            past: Vec::new(),
            issued: [0; UNITS],
            known: [[0; UNITS]; UNITS],
            labels: Vec::new(),
            fixups: Vec::new(),
            context: String::new(),
            one,
            repeat: None,
            fault: None,
        }
    }

    /// Prefix of the notes of the following instructions, such as the layer's part.
    pub fn context(&mut self, text: &str) {
        self.context = text.to_string();
    }

    fn push(&mut self, instr: Instr, note: &str) -> usize {
        self.instrs.push(instr);
        self.notes.push(format!("{}{note}", self.context));
        self.instrs.len() - 1
    }

    /// Instruction of a queue unit, with what it reads and writes.
    pub fn unit(
        &mut self,
        op: Op,
        flags: u8,
        fields: &[(usize, Operand)],
        reads: &[Access],
        writes: &[Access],
        note: &str,
    ) {
        let Target::Queue(unit) = op.def().target else {
            return;
        };
        let u = unit.index();
        let mut instr = Instr::new(op);
        instr.flags = flags;
        for &(field, operand) in fields {
            instr.f[field] = operand;
        }
        let at = self.push(instr, note);
        self.check_moves(reads, at);
        self.check_moves(writes, at);
        let outer = self.repeat.as_ref().map_or(0, |r| r.outer);
        let (all_reads, all_writes) = (self.all_passes(reads), self.all_passes(writes));
        // The last conflicting instruction of each other unit that is not known to be complete.
        let mut need: [Option<usize>; UNITS] = [None; UNITS];
        for (p, past) in self.past.iter().enumerate() {
            let v = past.unit.index();
            if v == u || past.index <= self.known[u][v] {
                continue;
            }
            let conflict = if p < outer {
                past.conflicts(&all_reads, &all_writes)
            } else {
                past.conflicts(reads, writes)
            };
            if conflict {
                need[v] = Some(p);
            }
        }
        for (v, p) in need.into_iter().enumerate() {
            let Some(p) = p else { continue };
            if p < outer || self.past[p].repeated {
                self.outside(u, v, p, at);
            } else {
                self.order(u, v, p, at);
            }
        }
        self.issued[u] += 1;
        let mut done = self.known[u];
        done[u] = self.issued[u];
        self.known[u][u] = self.issued[u];
        self.past.push(Past {
            unit,
            index: self.issued[u],
            instr: at,
            reads: reads.to_vec(),
            writes: writes.to_vec(),
            done,
            repeated: false,
        });
    }

    /// Instruction `at` of unit `u` waits for past instruction `p` of unit `v`.
    fn order(&mut self, u: usize, v: usize, p: usize, at: usize) {
        // Another unit's token may have brought this order along in the meantime.
        if self.past[p].index <= self.known[u][v] {
            return;
        }
        self.instrs[self.past[p].instr].release |= 1 << u;
        self.instrs[at].wait |= 1 << v;
        let done = self.past[p].done;
        join(&mut self.known[u], &done);
    }

    /// An instruction of vec without effect: it waits until these places may be read and written.
    pub fn idle(&mut self, reads: &[Access], writes: &[Access], note: &str) {
        let one = self.one;
        let fields = [(1, one.at()), (3, imm(1)), (4, one.at())];
        let mut all = vec![Access::Scratch(one)];
        all.extend(reads);
        let flags = VecFlags {
            integer: false,
            output: Output::None,
            reduce: Reduce::None,
        };
        self.unit(Op::Vscale, flags.encode(), &fields, &all, writes, note);
    }

    /// Loads `units` 4-byte units from `offset` in the image into a place.
    pub fn ld(&mut self, to: Place, offset: Operand, units: Operand, note: &str) {
        let fields = [(0, to.at()), (1, offset), (2, units)];
        self.unit(Op::Ld, 0, &fields, &[], &[Access::Scratch(to)], note);
    }

    /// Scalar instruction.
    pub fn scalar(&mut self, op: Op, fields: &[(usize, Operand)], note: &str) {
        let mut instr = Instr::new(op);
        for &(field, operand) in fields {
            instr.f[field] = operand;
        }
        self.push(instr, note);
    }

    /// `rd = value`, any 32 bits.
    pub fn li(&mut self, rd: u8, value: u32, note: &str) {
        let mut instr = Instr::new(Op::Li);
        instr.f[0] = Operand::reg(rd);
        instr.f[1] = Operand::from_raw(value);
        self.push(instr, note);
    }

    /// `rd = a + b`.
    pub fn add(&mut self, rd: u8, a: Operand, b: Operand, note: &str) {
        self.scalar(Op::Add, &[(0, reg(rd, 0)), (1, a), (2, b)], note);
    }

    /// Operand of R[`from`] + `offset`, where `offset` may be more than an immediate holds: then `rd` gets the sum, less what
    /// an immediate still takes.
    pub fn far(&mut self, from: u8, offset: u32, rd: u8) -> Operand {
        const REACH: u32 = Operand::IMM_MAX as u32;
        let (mut at, mut left) = (from, offset);
        while left > REACH {
            let step = (left - REACH).min(REACH);
            self.add(rd, reg(at, REACH), imm(step), "beyond an immediate");
            left -= REACH + step;
            at = rd;
        }
        reg(at, left)
    }

    /// `rd = a - b`.
    pub fn sub(&mut self, rd: u8, a: Operand, b: Operand, note: &str) {
        self.scalar(Op::Sub, &[(0, reg(rd, 0)), (1, a), (2, b)], note);
    }

    /// `rd = a * b`.
    pub fn mul(&mut self, rd: u8, a: Operand, b: Operand, note: &str) {
        self.scalar(Op::Mul, &[(0, reg(rd, 0)), (1, a), (2, b)], note);
    }

    /// `rd` = scalar at the start of a place. The value must be there: only a barrier orders it.
    pub fn rds(&mut self, rd: u8, from: Place, note: &str) {
        self.scalar(Op::Rds, &[(0, reg(rd, 0)), (1, from.at())], note);
    }

    /// Scalar at the start of a place = `value`.
    pub fn wrs(&mut self, to: Place, value: u8, note: &str) {
        self.scalar(Op::Wrs, &[(0, to.at()), (1, reg(value, 0))], note);
    }

    /// A jump target to be placed later.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Places a label at the next instruction. Code that is jumped to starts a segment: call `barrier` before every
    /// way to get here.
    pub fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.instrs.len() as u32);
    }

    /// Branch (`Op::Beq` and the like) or `Op::Jmp` to a label.
    pub fn branch(&mut self, op: Op, a: Operand, b: Operand, to: Label, note: &str) {
        self.scalar(op, &[(0, a), (1, b)], note);
        self.fixups.push((self.instrs.len() - 1, to.0));
    }

    /// Waits until all units but load are idle, and starts a new segment.
    ///
    /// # Errors
    /// A load into the scratchpad that nobody has waited for: its order would be lost.
    pub fn barrier(&mut self) -> Result<(), CompileError> {
        let mask = 0x3f & !(1 << Unit::Load.index());
        let mut all = [0; UNITS];
        for u in (0..UNITS).filter(|u| mask >> u & 1 == 1) {
            all[u] = self.issued[u];
            let known = self.known[u];
            join(&mut all, &known);
        }
        let load = Unit::Load.index();
        for past in self.past.iter().filter(|p| p.unit == Unit::Load) {
            let scratch = past.writes.iter().any(|w| matches!(w, Access::Scratch(_)));
            if scratch && past.index > all[load] {
                let what = self.notes[past.instr].clone();
                return Err(CompileError::Internal(format!(
                    "`{what}` is not waited for"
                )));
            }
        }
        self.scalar(Op::Sync, &[(0, imm(mask))], "segment ends");
        self.past.clear();
        for known in &mut self.known {
            *known = self.issued;
        }
        Ok(())
    }

    /// Waits until the units of `mask` are idle, load included where named; order only, no new segment.
    pub fn sync(&mut self, units: &[Unit], note: &str) {
        let mask = units.iter().fold(0u32, |m, u| m | 1 << u.index());
        self.scalar(Op::Sync, &[(0, imm(mask))], note);
        let issued = self.issued;
        for known in &mut self.known {
            for u in units {
                known[u.index()] = issued[u.index()];
            }
        }
    }

    /// Instructions and their notes; branch targets are resolved.
    ///
    /// # Errors
    /// A mistake of the compiler.
    pub fn finish(mut self) -> Result<(Vec<Instr>, Vec<String>), CompileError> {
        if let Some(fault) = self.fault {
            return Err(CompileError::Internal(fault));
        }
        for &(at, label) in &self.fixups {
            let target = self.labels[label]
                .ok_or_else(|| CompileError::Internal("a label is never placed".into()))?;
            self.instrs[at].f[2] = imm(target);
        }
        for (instr, note) in self.instrs.iter().zip(&self.notes) {
            if let Some(o) = instr
                .f
                .iter()
                .find(|o| Operand::new(o.reg, o.imm).is_none())
            {
                let message = format!("`{note}` has an immediate of {}", o.imm as u32);
                return Err(CompileError::Internal(message));
            }
        }
        Ok((self.instrs, self.notes))
    }
}

fn join(a: &mut Clock, b: &Clock) {
    for (x, y) in a.iter_mut().zip(b) {
        *x = (*x).max(*y);
    }
}
