//! The AXI4 master: every access to DRAM is checked here.
//!
//! # Clients
//! Read clients `fetch` (first) and `load`: stream `<c>_req` of requests ([`super::request`]), answered in order on stream
//! `<c>_rsp` (data, last beat of the request). Write client `store`: stream `store_req`, stream `store_wr` of beats
//! (`data`: data in the low W bits, strobes above), then one pulse `store_rsp_valid` a request, after its last response.
//! A request of 0 beats is forgotten without an answer. Data of a request may wait for the request's check; it is taken
//! in the order of the requests.
//!
//! # Checks
//! A request lies wholly in one window or is a fault `WINDOW`: fetch reads program and image, load reads image and
//! state, store writes state. Windows are `base ..= limit - 1` in bytes. An address off the bus width is a fault `ALIGN`.
//! Bursts (INCR, ID 0) do not cross 4 KB and have at most `max_burst` beats; at most `outstanding` in each direction.
//! RRESP, BRESP other than OKAY or an RLAST in the wrong beat: fault with the address of the burst. Memory that makes no
//! progress for `timeout` cycles while it owes something: `TIMEOUT` with the address of the oldest burst.
//!
//! # Faults and draining
//! The first fault is kept in `fault_*` until `clear` (a pulse when nothing runs). While there is a fault or `cancel` is high:
//! no new requests or bursts, read data is dropped, owed write beats go out without strobes, responses are collected.
//! `drained` says that memory owes nothing. Memory silent for `timeout` cycles while draining sets `stuck`, until memory
//! answers after all or `port_reset`, which clears everything and is only for use with a reset of the interconnect.
//! Valid never falls before ready and payload stays, also while draining.
//!
//! # Speed
//! A request takes 3 cycles until its first burst, a burst 2 cycles on AR or AW, so bursts of 2 beats and more follow each
//! other without a gap when memory allows. Data passes R combinationally and W through one register.

mod cutter;
mod read;
mod rtl;
#[cfg(test)]
mod tests;
mod write;

pub use rtl::guard;

use super::{PC_BITS, request_addr_bits};
use crate::glue::{FifoParams, sync_fifo};
use crate::isa::Cause;
use crate::params::MachineParams;
use crate::rtl::{
    Clock, Expr, Instance, MemStyle, ModuleBuilder, RtlError, bits_for, cat, lit, mux, one, uint,
    zero,
};

/// Parameters of [`guard`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GuardParams {
    /// Bits of the bus: 32 to 1024, a power of two.
    pub bus_bits: u32,
    /// Bits of an AXI address, 13 to 64.
    pub addr_bits: u32,
    /// Longest burst in beats, 1 to 256.
    pub max_burst: u32,
    /// Bursts in flight in each direction, at least 1.
    pub outstanding: u32,
    /// Cycles of a silent memory before a fault.
    pub timeout: u32,
}

impl From<&MachineParams> for GuardParams {
    fn from(p: &MachineParams) -> GuardParams {
        GuardParams {
            bus_bits: p.bus_bits,
            addr_bits: p.addr_bits,
            max_burst: p.max_burst,
            outstanding: p.outstanding,
            timeout: p.timeout,
        }
    }
}

impl GuardParams {
    /// Bits of a beat's byte address.
    fn beat_bits(&self) -> u32 {
        (self.bus_bits / 8).trailing_zeros()
    }

    /// Bits of a request's address.
    fn request_addr_bits(&self) -> u32 {
        request_addr_bits(self.addr_bits)
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut rule = |holds: bool, text: String| {
            if !holds {
                faults.push(text);
            }
        };
        let bus_ok = self.bus_bits.is_power_of_two() && (32..=1024).contains(&self.bus_bits);
        rule(
            bus_ok,
            format!(
                "bus of {} bits: must be a power of two in 32..=1024",
                self.bus_bits
            ),
        );
        rule(
            (13..=63).contains(&self.addr_bits),
            format!("{} address bits: must be in 13..=63", self.addr_bits),
        );
        rule(
            (1..=256).contains(&self.max_burst),
            format!("bursts of {} beats: must be in 1..=256", self.max_burst),
        );
        rule(
            (1..=256).contains(&self.outstanding),
            format!("{} bursts in flight: must be in 1..=256", self.outstanding),
        );
        rule(
            self.timeout >= 2,
            format!("timeout of {} cycles: must be at least 2", self.timeout),
        );
        faults
    }
}

/// What went wrong, valid in one cycle.
#[derive(Clone)]
struct Report {
    valid: Expr,
    cause: Expr,
    /// Byte address, as wide as a request's.
    addr: Expr,
    pc: Expr,
}

impl Report {
    fn of(cause: Cause, valid: &Expr, addr: &Expr, pc: &Expr) -> Report {
        Report {
            valid: valid.clone(),
            cause: lit(cause.code().into(), 8),
            addr: addr.clone(),
            pc: pc.clone(),
        }
    }

    /// This report, or else `other`.
    fn or(&self, other: &Report) -> Report {
        Report {
            valid: &self.valid | &other.valid,
            cause: mux(&self.valid, &self.cause, &other.cause),
            addr: mux(&self.valid, &self.addr, &other.addr),
            pc: mux(&self.valid, &self.pc, &other.pc),
        }
    }
}

/// Queue of bursts, as deep as bursts may be in flight.
fn burst_fifo(
    m: &mut ModuleBuilder,
    name: &str,
    clk: &Clock,
    p: &GuardParams,
    push: &Expr,
    entry: &Expr,
    pop: &Expr,
) -> Result<Instance, RtlError> {
    let fifo = sync_fifo(&FifoParams {
        width: entry.width(),
        depth: u64::from(p.outstanding).next_power_of_two().max(2),
        style: MemStyle::Distributed,
    })?;
    Ok(m.instance(
        name,
        &fifo,
        clk,
        &[("in_valid", push), ("in_data", entry), ("out_ready", pop)],
    ))
}

/// AR or AW.
struct AddressChannel {
    valid: Expr,
    ready: Expr,
    addr: Expr,
    len: Expr,
}

impl AddressChannel {
    /// The channel's ports, without prefix: `name` is ar or aw.
    #[track_caller]
    fn ports(m: &mut ModuleBuilder, name: &str, p: &GuardParams) -> AddressChannel {
        AddressChannel {
            valid: m.output(&format!("{name}valid"), uint(1), ""),
            ready: m.input(&format!("{name}ready"), uint(1), ""),
            addr: m.output(&format!("{name}addr"), uint(p.addr_bits), ""),
            len: m.output(&format!("{name}len"), uint(8), "beats - 1"),
        }
    }

    /// A register between cutter and channel, which takes a burst on `push`, so that valid stays whatever happens
    /// behind it. Gives the register's valid bit.
    #[track_caller]
    fn register(
        &self,
        m: &mut ModuleBuilder,
        clk: &Clock,
        name: &str,
        cut: &Instance,
        push: &Expr,
    ) -> Expr {
        let valid = m.reg_init(&format!("{name}_valid"), uint(1), 0);
        let addr = m.reg(&format!("{name}_addr"), self.addr.ty());
        let len = m.reg(&format!("{name}_len"), uint(8));
        m.clocked(clk, |b| {
            b.when(push, |b| {
                b.set(&valid, one());
                b.set(&addr, cut.get("burst_addr"));
                b.set(&len, cut.get("burst_len"));
            })
            .elif(&self.ready, |b| {
                b.set(&valid, zero());
            });
        });
        m.assign(&self.valid, &valid);
        m.assign(&self.addr, &addr);
        m.assign(&self.len, &len);
        valid
    }
}

/// Bursts that memory owes an answer for.
struct Owed {
    /// There is one.
    owing: Expr,
    /// Byte address of the oldest, its instruction, and what was pushed with it.
    addr: Expr,
    pc: Expr,
    tag: Expr,
    /// One more may be issued.
    room: Expr,
}

impl Owed {
    /// Takes the cutter's burst with a `tag` on `push`, forgets the oldest on `pop`.
    #[track_caller]
    fn new(
        m: &mut ModuleBuilder,
        clk: &Clock,
        p: &GuardParams,
        cut: &Instance,
        tag: &Expr,
        (push, pop): (&Expr, &Expr),
    ) -> Result<Owed, RtlError> {
        let a = p.addr_bits;
        let entry = m.wire("entry", cat([tag, &cut.get("pc"), &cut.get("burst_addr")]));
        let fifo = burst_fifo(m, "u_owed", clk, p, push, &entry, pop)?;
        let level = fifo.get("level");
        let most = lit(p.outstanding.into(), level.width());
        let head = fifo.get("out_data");
        Ok(Owed {
            owing: m.wire("owing", fifo.get("out_valid")),
            addr: m.wire("head_addr", head.bits(a - 1, 0)),
            pc: m.wire("head_pc", head.bits(a + PC_BITS - 1, a)),
            tag: m.wire("head_tag", head.bits(head.width() - 1, a + PC_BITS)),
            room: level.lt(most) & fifo.get("in_ready"),
        })
    }
}

/// High for one cycle when `waiting` has held for `timeout` cycles without `progress`; then counts anew.
fn silence(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &GuardParams,
    waiting: &Expr,
    progress: &Expr,
) -> Expr {
    let bits = bits_for(p.timeout.into());
    let silent = m.reg_init("silent", uint(bits), 0);
    m.note(
        &silent,
        "cycles in which memory owed something and did nothing",
    );
    let expired = m.wire("expired", silent.is(p.timeout.into()));
    m.clocked(clk, |b| {
        b.when(!waiting | progress | &expired, |b| {
            b.set(&silent, lit(0, bits));
        })
        .otherwise(|b| {
            b.set(&silent, silent.plus(1));
        });
    });
    expired
}

/// Set when memory was silent for too long while it drained; cleared when it owes nothing any more.
fn stuck_flag(
    m: &mut ModuleBuilder,
    clk: &Clock,
    expired: &Expr,
    halt: &Expr,
    busy: &Expr,
) -> Expr {
    let stuck = m.reg_init("stuck_q", uint(1), 0);
    m.clocked(clk, |b| {
        b.when(!busy, |b| {
            b.set(&stuck, zero());
        })
        .elif(expired & halt, |b| {
            b.set(&stuck, one());
        });
    });
    stuck
}
