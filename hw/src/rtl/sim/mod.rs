//! Native simulation: the same description that is printed, flattened, ordered and compiled to one flat program.
//!
//! Registers and memories start at 0 (in hardware they start unknown; [`NativeSim::scramble`] finds designs that
//! rely on it). A memory read in the cycle of a write to the same address gives the old word; a read outside the
//! memory gives 0. All values are two-state. Assertions are checked at each edge of their clock outside reset.

mod build;
mod compile;
mod error;
mod flat;
mod ops;
mod run;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_design;
mod wide;

pub use error::SimError;
pub(super) use wide::sign_extend;

use indexmap::IndexMap;
use num_bigint::BigUint;

use ops::{At, Memory, Op, Write};
use run::{State, run};
use wide::{limbs, mask};

use super::blackbox::{BlackBoxModel, BoxIo};

/// A net, found once by name and then used without a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortId {
    at: At,
    width: u32,
    input: bool,
}

impl PortId {
    pub fn width(&self) -> u32 {
        self.width
    }
}

struct BoxInstance {
    model: Box<dyn BlackBoxModel>,
    ports: Vec<(At, u32)>,
}

/// One clock's program.
struct ClockProgram {
    name: String,
    /// Computes next values, operands of writes, and assertions.
    ops: Vec<Op>,
    writes: Vec<Write>,
    /// Present values, next values, number of limbs.
    regs: (usize, usize, usize),
    /// Models with this clock and the index of their clock port.
    models: Vec<(usize, usize)>,
}

/// A design under simulation.
pub struct NativeSim {
    arena: Vec<u64>,
    mems: Vec<Memory>,
    tables: Vec<Vec<At>>,
    settle: Vec<Op>,
    clocks: Vec<ClockProgram>,
    models: Vec<BoxInstance>,
    nets: IndexMap<String, PortId>,
    mem_names: IndexMap<String, usize>,
    /// Memories that are ROMs keep their contents when scrambled.
    roms: Vec<bool>,
    /// Registers without reset: offset and width.
    unreset: Vec<(At, u32)>,
    assertions: Vec<String>,
    /// Inputs or state changed since the nets were computed.
    stale: bool,
    edges: u64,
}

impl NativeSim {
    /// The net `name`: a port of the top, or an inner net by its path such as `u_fifo.count`.
    ///
    /// # Errors
    /// No such net.
    pub fn port(&self, name: &str) -> Result<PortId, SimError> {
        self.nets
            .get(name)
            .copied()
            .ok_or_else(|| SimError::NoSuchName {
                name: name.to_string(),
            })
    }

    /// # Panics
    /// Names are written by the author of a test: a wrong one is a fault of the test.
    #[track_caller]
    fn named(&self, name: &str) -> PortId {
        match self.port(name) {
            Ok(p) => p,
            Err(e) => panic!("{e}"),
        }
    }

    /// Sets input `name`.
    ///
    /// # Panics
    /// No such input, or `value` does not fit it.
    #[track_caller]
    pub fn set(&mut self, name: &str, value: u64) {
        self.set_at(self.named(name), value);
    }

    /// Sets input `name` to a two's complement value.
    ///
    /// # Panics
    /// No such input, or `value` does not fit it.
    #[track_caller]
    pub fn set_signed(&mut self, name: &str, value: i64) {
        self.set_signed_at(self.named(name), value);
    }

    /// Sets input `name` of any width.
    ///
    /// # Panics
    /// No such input, or `value` does not fit it.
    #[track_caller]
    pub fn set_wide(&mut self, name: &str, value: &BigUint) {
        self.set_wide_at(self.named(name), value);
    }

    /// See [`NativeSim::set`].
    #[track_caller]
    pub fn set_at(&mut self, port: PortId, value: u64) {
        let fits = port.width >= 64 || value >> port.width == 0;
        assert!(port.input, "only inputs of the top can be set");
        assert!(fits, "{value} does not fit {} bits", port.width);
        store(&mut self.arena, port.at, port.width, &[value]);
        self.stale = true;
    }

    /// See [`NativeSim::set_signed`].
    #[track_caller]
    pub fn set_signed_at(&mut self, port: PortId, value: i64) {
        if port.width > 64 {
            let bits = BigUint::from(1u32) << port.width;
            let magnitude = BigUint::from(value.unsigned_abs());
            let wrapped = if value < 0 {
                bits - magnitude
            } else {
                magnitude
            };
            return self.set_wide_at(port, &wrapped);
        }
        let bits = value as u64 & mask(port.width);
        assert!(
            sign_extend(bits, port.width) == value,
            "{value} does not fit {} signed bits",
            port.width
        );
        self.set_at(port, bits);
    }

    /// See [`NativeSim::set_wide`].
    #[track_caller]
    pub fn set_wide_at(&mut self, port: PortId, value: &BigUint) {
        assert!(port.input, "only inputs of the top can be set");
        let fits = value.bits() <= u64::from(port.width);
        assert!(fits, "{value} does not fit {} bits", port.width);
        store(&mut self.arena, port.at, port.width, &value.to_u64_digits());
        self.stale = true;
    }

    /// The net's low 64 bits.
    ///
    /// # Panics
    /// No such net.
    #[track_caller]
    pub fn get(&mut self, name: &str) -> u64 {
        self.get_at(self.named(name))
    }

    /// The net, of at most 64 bits, as two's complement.
    ///
    /// # Panics
    /// No such net.
    #[track_caller]
    pub fn get_signed(&mut self, name: &str) -> i64 {
        self.get_signed_at(self.named(name))
    }

    /// The net's bits at any width.
    ///
    /// # Panics
    /// No such net.
    #[track_caller]
    pub fn get_wide(&mut self, name: &str) -> BigUint {
        self.get_wide_at(self.named(name))
    }

    /// See [`NativeSim::get`].
    pub fn get_at(&mut self, port: PortId) -> u64 {
        self.eval();
        self.arena[port.at as usize]
    }

    /// See [`NativeSim::get_signed`].
    pub fn get_signed_at(&mut self, port: PortId) -> i64 {
        sign_extend(self.get_at(port), port.width.min(64))
    }

    /// See [`NativeSim::get_wide`].
    pub fn get_wide_at(&mut self, port: PortId) -> BigUint {
        self.eval();
        load(&self.arena, port.at, port.width)
    }

    /// Computes all nets from inputs and state, if either changed; `get` and `tick` do so by themselves.
    pub fn eval(&mut self) {
        if !self.stale {
            return;
        }
        let mut failed = None;
        let models = &mut self.models;
        let mut state = State {
            m: &mut self.arena,
            mems: &self.mems,
            tables: &self.tables,
            failed: &mut failed,
        };
        run(&self.settle, &mut state, &mut |index, arena| {
            let b = &mut models[index as usize];
            let mut io = BoxIo {
                arena,
                ports: &b.ports,
            };
            b.model.eval(&mut io);
        });
        self.stale = false;
    }

    /// One rising edge of a clock.
    ///
    /// # Panics
    /// No such clock, or an assertion fails; [`NativeSim::try_tick`] returns these.
    #[track_caller]
    pub fn tick(&mut self, clock: &str) {
        if let Err(e) = self.try_tick(&[clock]) {
            panic!("{e}");
        }
    }

    /// One rising edge of several clocks at the same time.
    ///
    /// # Errors
    /// No such clock, or an assertion fails (the state is then as before the edge).
    pub fn try_tick(&mut self, clocks: &[&str]) -> Result<(), SimError> {
        let mut which = Vec::with_capacity(clocks.len());
        for name in clocks {
            let index = self.clocks.iter().position(|c| c.name == *name);
            which.push(index.ok_or_else(|| SimError::NoSuchClock {
                name: name.to_string(),
            })?);
        }
        self.eval();
        let mut failed = None;
        for &c in &which {
            let program = &self.clocks[c];
            let (now, next, n) = program.regs;
            self.arena.copy_within(now..now + n, next);
            let mut state = State {
                m: &mut self.arena,
                mems: &self.mems,
                tables: &self.tables,
                failed: &mut failed,
            };
            run(&program.ops, &mut state, &mut |_, _| {});
        }
        if let Some(index) = failed {
            return Err(SimError::Assertion {
                name: self.assertions[index as usize].clone(),
                cycle: self.edges,
            });
        }
        for &c in &which {
            let program = &self.clocks[c];
            for &(index, port) in &program.models {
                let b = &mut self.models[index];
                let io = BoxIo {
                    arena: &mut self.arena,
                    ports: &b.ports,
                };
                b.model.tick(port, &io);
            }
            for write in &program.writes {
                write.run(&self.arena, &mut self.mems);
            }
        }
        for &c in &which {
            let (now, next, n) = self.clocks[c].regs;
            self.arena.copy_within(next..next + n, now);
        }
        self.edges += 1;
        self.stale = true;
        Ok(())
    }

    /// Holds the reset input high for two edges of `clock`.
    ///
    /// # Panics
    /// As [`NativeSim::set`] and [`NativeSim::tick`].
    #[track_caller]
    pub fn reset(&mut self, clock: &str, reset: &str) {
        self.set(reset, 1);
        self.tick(clock);
        self.tick(clock);
        self.set(reset, 0);
    }

    /// Fills registers without reset value, and memories that are not ROMs, with values derived from `seed`.
    /// A design that gives the same results for every seed does not rely on the state at power-on.
    pub fn scramble(&mut self, seed: u64) {
        let mut state = seed;
        // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
        let mut draw = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ z >> 31
        };
        for &(at, width) in &self.unreset {
            let bits: Vec<u64> = (0..limbs(width)).map(|_| draw()).collect();
            store(&mut self.arena, at, width, &bits);
        }
        for (mem, _) in self
            .mems
            .iter_mut()
            .zip(&self.roms)
            .filter(|(_, rom)| !**rom)
        {
            let (n, width) = (mem.stride(), mem.width);
            for at in (0..mem.words.len()).step_by(n) {
                let bits: Vec<u64> = (0..n).map(|_| draw()).collect();
                store(&mut mem.words, at as At, width, &bits);
            }
        }
        self.stale = true;
    }

    /// Word `addr` of memory `name` (a path as in [`NativeSim::port`]).
    ///
    /// # Errors
    /// No such memory or word.
    pub fn read_mem(&self, name: &str, addr: u64) -> Result<BigUint, SimError> {
        let (index, at) = self.word(name, addr)?;
        let mem = &self.mems[index];
        Ok(load(&mem.words, at as At, mem.width))
    }

    /// Sets word `addr` of memory `name` to the low bits of `value`.
    ///
    /// # Errors
    /// No such memory or word.
    pub fn write_mem(&mut self, name: &str, addr: u64, value: &BigUint) -> Result<(), SimError> {
        let (index, at) = self.word(name, addr)?;
        let mem = &mut self.mems[index];
        store(&mut mem.words, at as At, mem.width, &value.to_u64_digits());
        self.stale = true;
        Ok(())
    }

    fn word(&self, name: &str, addr: u64) -> Result<(usize, usize), SimError> {
        let index = self.mem_names.get(name).copied();
        index
            .filter(|&i| addr < self.mems[i].depth)
            .map(|i| (i, addr as usize * self.mems[i].stride()))
            .ok_or_else(|| SimError::NoSuchName {
                name: format!("{name}[{addr}]"),
            })
    }
}

/// Reads a value from an arena.
pub(super) fn load(arena: &[u64], at: At, width: u32) -> BigUint {
    let at = at as usize;
    let limbs = &arena[at..at + limbs(width)];
    let digits = limbs.iter().flat_map(|&l| [l as u32, (l >> 32) as u32]);
    BigUint::new(digits.collect())
}

/// Stores the low `width` bits of a value; missing digits are zero.
pub(super) fn store(arena: &mut [u64], at: At, width: u32, digits: &[u64]) {
    let (at, n) = (at as usize, limbs(width));
    for i in 0..n {
        arena[at + i] = digits.get(i).copied().unwrap_or(0);
    }
    arena[at + n - 1] &= mask((width - 1) % 64 + 1);
}
