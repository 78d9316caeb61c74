//! Between the units and DRAM.
//!
//! | folder | module |
//! |---|---|
//! | `guard` | the AXI4 master: window checks, bursts, faults, draining |
//! | `load` | DRAM to scratchpad, weight buffer, stream buffer |
//! | `store` | scratchpad to DRAM |
//!
//! Clients ask the guard for whole transfers with a *request*: `data` is pc in the high 16 bits, then the number of beats
//! ([`BEATS_BITS`]), then the byte address ([`request_addr_bits`]: wide enough that base + 4 * offset cannot wrap).

mod golden;
pub mod guard;
pub mod load;
pub mod store;

pub use golden::{Dram, MemoryFault};

use crate::control::OP_BITS;
use crate::isa::Cause;
use crate::params::MachineParams;
use crate::rtl::{Clock, Expr, ModuleBuilder, RtlError, Sink, Source, cat, lit, mux, uint, zero};
use crate::unit::{StickyFault, instruction_register, operand};

/// Bits of the beat count of a request.
pub const BEATS_BITS: u32 = 24;
/// Bits of an instruction's number.
pub const PC_BITS: u32 = 16;

/// Bits of a request's byte address: one more than the longer of an AXI address and 4 * offset.
pub const fn request_addr_bits(addr_bits: u32) -> u32 {
    if addr_bits > 34 { addr_bits + 1 } else { 35 }
}

/// Bits of a request.
pub const fn request_bits(addr_bits: u32) -> u32 {
    PC_BITS + BEATS_BITS + request_addr_bits(addr_bits)
}

/// The data of a request.
#[track_caller]
pub fn request(pc: &Expr, beats: &Expr, addr: &Expr) -> Expr {
    cat([pc, beats, addr])
}

/// Parameters of `load` and `store`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MoveParams {
    /// Bits of the bus: a power of two, at least 32.
    pub bus_bits: u32,
    /// Bits of an AXI address.
    pub addr_bits: u32,
    /// Lanes of a scratchpad word; a power of two, at least 2.
    pub lanes: u32,
}

impl From<&MachineParams> for MoveParams {
    fn from(p: &MachineParams) -> MoveParams {
        MoveParams {
            bus_bits: p.bus_bits,
            addr_bits: p.addr_bits,
            lanes: p.vec_lanes,
        }
    }
}

impl MoveParams {
    /// Bits of a 4-byte unit's place in a beat.
    const fn place_bits(&self) -> u32 {
        (self.bus_bits / 32).trailing_zeros()
    }

    /// Bits of a scratchpad word.
    const fn word_bits(&self) -> u32 {
        32 * self.lanes
    }

    /// The rules of the sizes, as faults of the module `name`.
    fn check(&self, name: &str) -> Result<(), RtlError> {
        let bus = self.bus_bits.is_power_of_two() && (32..=1024).contains(&self.bus_bits);
        let lanes = self.lanes.is_power_of_two() && (2..=32).contains(&self.lanes);
        if bus && lanes {
            return Ok(());
        }
        let (b, l) = (self.bus_bits, self.lanes);
        Err(RtlError {
            module: name.into(),
            faults: vec![format!(
                "bus of {b} bits, {l} lanes: must be powers of two in 32..=1024 and 2..=32"
            )],
        })
    }
}

/// The operand fields f0, f1, f2 and the rest of an `op` that memory instructions use, in registers.
struct Operation {
    opcode: Expr,
    /// Flag 3: count from STATE_BASE.
    state: Expr,
    pc: Expr,
    f0: Expr,
    offset: Expr,
    n: Expr,
}

impl Operation {
    /// Registers that take the fields of `op` while `take` is high.
    fn capture(m: &mut ModuleBuilder, clk: &Clock, take: &Expr, op: &Expr) -> Operation {
        let fields = [
            ("opcode", 7, 0),
            ("from_state", 11, 11),
            ("pc", 31, 16),
            operand("f0", 0),
            operand("offset", 1),
            operand("n", 2),
        ];
        let [opcode, state, pc, f0, offset, n] = instruction_register(m, clk, take, op, fields);
        Operation {
            opcode,
            state,
            pc,
            f0,
            offset,
            n,
        }
    }

    /// Byte address of the beat that holds the first byte: base + 4 * offset, the place in the beat left out.
    fn address(&self, p: &MoveParams, image: &Expr, state: &Expr) -> Expr {
        let (ra, k) = (request_addr_bits(p.addr_bits), p.place_bits());
        let base = mux(&self.state, state, image);
        base.extend(ra) + cat([&self.offset.bits(31, k), &lit(0, 2 + k)]).extend(ra)
    }

    /// The 4-byte units of `x` do not begin at a beat.
    fn off_beat(p: &MoveParams, x: &Expr) -> Expr {
        match p.place_bits() {
            0 => zero(),
            k => x.bits(k - 1, 0).reduce_or(),
        }
    }
}

/// ceil(x / 2^k) in 33 bits.
fn ceil_shift(m: &mut ModuleBuilder, name: &str, x: &Expr, k: u32) -> Expr {
    let sum = m.wire(&format!("{name}_sum"), x.extend(33) + lit((1 << k) - 1, 33));
    if k == 0 {
        return sum;
    }
    m.unused(sum.bits(k - 1, 0));
    sum.bits(32, k).extend(33)
}

/// The ports that load and store have in common.
struct MovePorts {
    op: Sink,
    done: Expr,
    image_base: Expr,
    state_base: Expr,
    req: Source,
    fault: StickyFault,
    fault_pc: Expr,
}

impl MovePorts {
    /// Declares the ports; `done` says when it pulses.
    #[track_caller]
    fn new(m: &mut ModuleBuilder, p: &MoveParams, done: &str) -> MovePorts {
        let address = uint(p.addr_bits);
        MovePorts {
            op: m.sink("op", uint(OP_BITS), "instruction with resolved operands"),
            done: m.output("done", uint(1), done),
            fault: StickyFault::outputs(m, "ALIGN or OPERAND", "offset (ALIGN) or n (OPERAND)"),
            fault_pc: m.output("fault_pc", uint(PC_BITS), "instruction"),
            image_base: m.input("image_base", address, "byte address"),
            state_base: m.input("state_base", address, "byte address"),
            req: m.source(
                "mem_req",
                uint(request_bits(p.addr_bits)),
                "{pc, beats, byte address}",
            ),
        }
    }

    /// In state `compute` an instruction off the beats (ALIGN) or too long (OPERAND) is refused: sets `faulted`. Gives
    /// the wire that says so.
    #[track_caller]
    fn refuse(
        &self,
        m: &mut ModuleBuilder,
        clk: &Clock,
        (faulted, compute): (&Expr, &Expr),
        o: &Operation,
        (astray, oversize): (&Expr, &Expr),
    ) -> Expr {
        let refuse = m.wire("refuse", compute & (astray | oversize));
        let code = |c: Cause| lit(c.code().into(), 8);
        let mut hold = |name: &str, value: &Expr| m.delay(name, clk, Some(&refuse), value);
        let cause = hold(
            "cause_q",
            &mux(astray, code(Cause::Align), code(Cause::Operand)),
        );
        let info = hold("info_q", &mux(astray, &o.offset, &o.n));
        let pc = hold("pc_q", &o.pc);
        m.assign(&self.fault_pc, pc);
        self.fault
            .raise(m, clk, (faulted, &refuse), (&cause, &info));
        refuse
    }
}
