//! Loops over the tokens of a block, without a segment of their own.
//!
//! A token between an instruction of a loop and one outside would be released or waited for once a pass, so there is none.
//! Inside a pass tokens work as everywhere: what they order happens once a pass. What comes before the loop is waited for by
//! an instruction of vec without effect in front of it, and later units wait for another one behind it: vec works in
//! order. Instructions of other units in a loop may not need anything outside, and what follows them needs a `sync`.
//!
//! Places that a register moves are those of one token; another pass has others. All that is not moved belongs to one unit.

use hw::isa::{Op, Operand, Unit};

use super::{Access, Clock, Emitter, Label, UNITS, imm, join, reg};
use crate::compile::scratch::Place;

/// A register that counts in a loop.
#[derive(Clone, Copy)]
pub struct Step {
    pub reg: u8,
    /// Its value in the first pass.
    pub start: Operand,
    /// What each pass adds to it.
    pub by: u32,
}

/// The loop at hand.
pub(super) struct Repeat {
    /// Past instructions in front of it.
    pub outer: usize,
    passes: u32,
    steps: Vec<Step>,
    top: Label,
    /// The instruction of vec in front of it, if it has one, and what is complete before that.
    gate: Option<(usize, Clock)>,
    /// The past instructions of other units that it waits for.
    need: [Option<usize>; UNITS],
}

impl Emitter {
    /// Opens a loop of `passes` passes, counted by the first of `steps`, which starts at 0. With `vec` it has instructions
    /// of vec.
    pub fn open(&mut self, passes: u32, steps: &[Step], vec: bool) {
        if self.repeat.is_some() {
            self.mistake("a loop in a loop".into());
        }
        let gate = vec.then(|| {
            self.idle(&[], &[], "loop: wait for what it needs");
            (self.instrs.len() - 1, self.known[Unit::Vec.index()])
        });
        for step in steps {
            self.add(step.reg, step.start, imm(0), "loop: start");
        }
        let top = self.label();
        self.place(top);
        self.repeat = Some(Repeat {
            outer: self.past.len(),
            passes,
            steps: steps.to_vec(),
            top,
            gate,
            need: [None; UNITS],
        });
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.check_passes();
        let Some(r) = self.repeat.take() else {
            return;
        };
        if let Some((gate, known)) = r.gate {
            self.wait_at_gate(gate, known, &r.need);
        }
        for step in &r.steps {
            self.add(step.reg, reg(step.reg, step.by), imm(0), "loop: step");
        }
        let end = r.steps.first().map_or((0, 0), |s| (s.reg, r.passes * s.by));
        self.branch(Op::Blt, reg(end.0, 0), imm(end.1), r.top, "loop");
        // What the loop's instructions do is now that of all passes.
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        for mut past in self.past.split_off(r.outer) {
            past.reads = r.all_passes(&past.reads);
            past.writes = r.all_passes(&past.writes);
            if past.unit == Unit::Vec {
                reads.extend(past.reads);
                writes.extend(past.writes);
            } else {
                past.repeated = true;
                self.past.push(past);
            }
        }
        if r.gate.is_some() {
            self.idle(&[], &[], "loop: all passes are done");
            // It needs nothing itself, but stands for all of them.
            if let Some(last) = self.past.last_mut() {
                last.reads.extend(reads);
                last.writes.extend(writes);
            }
        }
    }

    /// Tokens for what the passes need, to the instruction in front of the loop.
    fn wait_at_gate(&mut self, gate: usize, mut known: Clock, need: &[Option<usize>; UNITS]) {
        let vec = Unit::Vec.index();
        for (v, p) in need.iter().enumerate() {
            let Some(past) = p.map(|p| &self.past[p]) else {
                continue;
            };
            if past.index > known[v] {
                self.instrs[past.instr].release |= 1 << vec;
                self.instrs[gate].wait |= 1 << v;
                join(&mut known, &past.done);
            }
        }
        join(&mut self.known[vec], &known);
    }

    /// Whether a register of the loop at hand moves a place, or none does.
    pub(super) fn check_moves(&mut self, list: &[Access], at: usize) {
        let stray = |a: &Access| match a {
            Access::Scratch(p) if p.reg != 0 => self.repeat.as_ref().is_none_or(|r| !r.moves(*a)),
            _ => false,
        };
        if list.iter().any(stray) {
            let note = self.notes[at].clone();
            self.mistake(format!("`{note}` moves outside of a loop"));
        }
    }

    /// What all passes of the loop at hand access when one accesses `list`.
    pub(super) fn all_passes(&self, list: &[Access]) -> Vec<Access> {
        match &self.repeat {
            Some(r) => r.all_passes(list),
            None => list.to_vec(),
        }
    }

    /// Instruction `at` of unit `u` needs past instruction `p` of unit `v`, and a loop lies between them.
    pub(super) fn outside(&mut self, u: usize, v: usize, p: usize, at: usize) {
        if u == Unit::Vec.index()
            && !self.past[p].repeated
            && let Some(r) = &mut self.repeat
            && r.gate.is_some()
        {
            r.need[v] = r.need[v].max(Some(p));
            return;
        }
        let (a, b) = (&self.notes[at], &self.notes[self.past[p].instr]);
        self.mistake(format!("`{a}` needs `{b}`, and no token may order them"));
    }

    /// Whether different units of the loop at hand meet in different passes, which no token orders.
    fn check_passes(&mut self) {
        let Some(r) = &self.repeat else { return };
        let body = &self.past[r.outer..];
        // Of places that move, the other passes; of others, the same.
        let others = |list: &[Access]| -> Vec<Access> {
            let all = list.iter().flat_map(|&a| {
                let first = usize::from(r.moves(a));
                r.all_passes(&[a]).into_iter().skip(first)
            });
            all.collect()
        };
        let mut fault = None;
        for a in body {
            let (reads, writes) = (others(&a.reads), others(&a.writes));
            let meets = |b: &&super::Past| b.unit != a.unit && b.conflicts(&reads, &writes);
            if let Some(b) = body.iter().find(meets) {
                let (a, b) = (&self.notes[a.instr], &self.notes[b.instr]);
                fault = Some(format!("passes of a loop meet: `{a}` and `{b}`"));
            }
        }
        if let Some(fault) = fault {
            self.mistake(fault);
        }
    }

    fn mistake(&mut self, what: String) {
        self.fault.get_or_insert(what);
    }
}

impl Repeat {
    fn step(&self, place: Place) -> Option<&Step> {
        self.steps.iter().find(|s| s.reg == place.reg)
    }

    fn moves(&self, access: Access) -> bool {
        matches!(access, Access::Scratch(p) if self.step(p).is_some())
    }

    fn all_passes(&self, list: &[Access]) -> Vec<Access> {
        let mut all = Vec::new();
        for &access in list {
            match access {
                Access::Scratch(place) if self.moves(access) => {
                    let by = self.step(place).map_or(0, |s| s.by);
                    let passes = (0..self.passes).map(|t| place.moved_by(0).behind(t * by));
                    all.extend(passes.map(Access::Scratch));
                }
                other => all.push(other),
            }
        }
        all
    }
}
