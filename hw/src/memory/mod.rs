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

use crate::params::MachineParams;
use crate::rtl::{Clock, Expr, ModuleBuilder, RtlError, cat, lit, mux, one, uint, zero};

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
        let mut field =
            |name: &str, high: u32, low: u32| m.delay(name, clk, Some(take), op.bits(high, low));
        let operation = Operation {
            opcode: field("opcode", 7, 0),
            state: field("from_state", 11, 11),
            pc: field("pc", 31, 16),
            f0: field("f0", 63, 32),
            offset: field("offset", 95, 64),
            n: field("n", 127, 96),
        };
        m.unused(op.bits(10, 8));
        m.unused(op.bits(15, 12));
        m.unused(op.bits(255, 128));
        operation
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

/// Sticky fault of a unit: `fault_valid`, `fault_cause`, `fault_info`, `fault_pc`, held until reset.
fn unit_fault(
    m: &mut ModuleBuilder,
    clk: &Clock,
    raise: &Expr,
    cause: &Expr,
    info: &Expr,
    pc: &Expr,
) -> Expr {
    let valid = m.output("fault_valid", uint(1), "held until reset");
    let faulted = m.reg_init("faulted", uint(1), 0);
    m.clocked(clk, |b| {
        b.when(raise, |b| {
            b.set(&faulted, one());
        });
    });
    m.assign(&valid, &faulted);
    for (name, value, doc) in [
        ("cause", cause, "ALIGN or OPERAND"),
        ("info", info, "offset (ALIGN) or n (OPERAND)"),
        ("pc", pc, ""),
    ] {
        let out = m.output(&format!("fault_{name}"), value.ty(), doc);
        let held = m.delay(&format!("{name}_q"), clk, Some(raise), value);
        m.assign(&out, held);
    }
    faulted
}
