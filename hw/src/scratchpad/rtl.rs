//! The scratchpad: decode, banks, responses, faults.

use std::sync::Arc;

use super::{ADDR_BITS, ScratchpadParams};
use crate::rtl::{
    Expr, MemStyle, Module, ModuleBuilder, RtlError, any, bits_for, cat, clog2, lit, mux, repeat,
    uint, zero,
};

impl ScratchpadParams {
    /// Bits that select the bank.
    fn bank_bits(&self) -> u32 {
        self.banks.trailing_zeros()
    }

    /// Words of a bank.
    fn bank_words(&self) -> u64 {
        u64::from(self.words / self.banks)
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let banks_fit = self.banks.is_power_of_two() && self.banks <= self.words / 2;
        if !self.words.is_power_of_two() || self.words > 1 << 30 || !banks_fit {
            faults.push(format!(
                "{} words in {} banks: both must be powers of two, at least two words a bank",
                self.words, self.banks
            ));
        }
        if self.reads.is_empty() || self.writes.is_empty() {
            faults.push("a scratchpad needs a read and a write port".into());
        }
        faults
    }
}

/// What a port asks of the banks.
struct Access {
    addr: Expr,
    /// Valid and inside the scratchpad.
    inside: Expr,
    /// Valid and past the end.
    outside: Expr,
}

/// The scratchpad; ports in the folder's index.
///
/// # Errors
/// Sizes that are not powers of two or do not fit each other.
pub fn scratchpad(p: &ScratchpadParams) -> Result<Arc<Module>, RtlError> {
    let faults = p.faults();
    if !faults.is_empty() {
        let module = "scratchpad".into();
        return Err(RtlError { module, faults });
    }
    let mut m = Module::new("scratchpad").doc(format!(
        "{} words of {} bits in {} banks, interleaved by the low address bits.\n\
         Responses come exactly 2 cycles after the grant. In each bank the port listed first wins.\n\
         A write is visible to reads granted in later cycles. Past the end: reads 0, writes nothing, fault.",
        p.words, p.word_bits, p.banks
    ));
    let clk = m.clock_reset("clk", "rst");
    let word = uint(p.word_bits);
    let reads: Vec<ReadPort> = p
        .reads
        .iter()
        .map(|n| ReadPort::new(&mut m, n, p))
        .collect();
    let writes: Vec<WritePort> = p
        .writes
        .iter()
        .map(|n| WritePort::new(&mut m, n, p))
        .collect();
    let port_bits = bits_for((reads.len() + writes.len()) as u64);
    let fault_valid = m.output(
        "fault_valid",
        uint(1),
        "an access was past the end; held until reset",
    );
    let fault_port = m.output(
        "fault_port",
        uint(port_bits),
        "its port: read ports, then write ports",
    );
    let fault_info = m.output("fault_info", uint(ADDR_BITS), "its word address");

    m.section("Decode: which accesses are inside");
    let reading: Vec<Access> = reads
        .iter()
        .map(|r| decode(&mut m, &r.name, &r.valid, &r.addr, p))
        .collect();
    let writing: Vec<Access> = writes
        .iter()
        .map(|w| decode(&mut m, &format!("{}_wr", w.name), &w.valid, &w.addr, p))
        .collect();

    m.section("Banks");
    let bank = bank(p)?;
    let row_bits = clog2(p.bank_words());
    let row = |a: &Access| a.addr.bits(p.bank_bits() + row_bits - 1, p.bank_bits());
    let joined = |list: Vec<Expr>| cat(list.iter().rev());
    let read_rows = m.wire("read_rows", joined(reading.iter().map(row).collect()));
    let write_rows = m.wire("write_rows", joined(writing.iter().map(row).collect()));
    let write_words = m.wire(
        "write_words",
        joined(writes.iter().map(|w| w.data.clone()).collect()),
    );
    let banks: Vec<_> = (0..p.banks)
        .map(|k| {
            let want = |list: &[Access]| {
                joined(
                    list.iter()
                        .map(|a| &a.inside & in_bank(p, &a.addr, k))
                        .collect(),
                )
            };
            let (rw, ww) = (want(&reading), want(&writing));
            m.instance(
                &format!("u_bank{k}"),
                &bank,
                &clk,
                &[
                    ("read_want", &rw),
                    ("read_row", &read_rows),
                    ("write_want", &ww),
                    ("write_row", &write_rows),
                    ("write_data", &write_words),
                ],
            )
        })
        .collect();
    let granted = |port: &str, i: usize| {
        let grants: Vec<Expr> = banks.iter().map(|b| b.get(port).bit(i as u32)).collect();
        any(&grants)
    };
    for (i, (w, a)) in writes.iter().zip(&writing).enumerate() {
        m.assign(&w.ready, &a.outside | granted("write_grant", i));
    }

    m.section("Responses: one cycle in the bank, one to choose the bank");
    for (i, (r, a)) in reads.iter().zip(&reading).enumerate() {
        let grant = m.wire(
            &format!("{}_grant", r.name),
            &a.outside | granted("read_grant", i),
        );
        m.assign(&r.ready, &grant);
        let first = m.reg_init(&format!("{}_first", r.name), uint(1), 0);
        let second = m.reg_init(&format!("{}_second", r.name), uint(1), 0);
        m.clocked(&clk, |b| {
            b.set(&first, &grant);
            b.set(&second, &first);
        });
        let none = m.delay(&format!("{}_none", r.name), &clk, None, &a.outside);
        let zeros = Expr::constant(0.into(), word);
        let chosen = if p.banks == 1 {
            banks[0].get("read_data")
        } else {
            let bank = a.addr.bits(p.bank_bits() - 1, 0);
            let bank = m.delay(&format!("{}_bank", r.name), &clk, None, bank);
            let arms = banks
                .iter()
                .enumerate()
                .map(|(k, b)| (k as u64, b.get("read_data")));
            m.case(&format!("{}_word", r.name), &bank, arms, &zeros)
        };
        let data = m.delay(
            &format!("{}_data_q", r.name),
            &clk,
            None,
            mux(&none, &zeros, chosen),
        );
        m.assign(&r.rsp_valid, &second);
        m.assign(&r.rsp_data, &data);
    }

    m.section("Fault: the first is kept");
    let accesses: Vec<&Access> = reading.iter().chain(&writing).collect();
    let outside: Vec<Expr> = accesses.iter().map(|a| a.outside.clone()).collect();
    let (mut port, mut info) = (lit(0, port_bits), accesses[0].addr.clone());
    for (k, a) in accesses.iter().enumerate().rev() {
        port = mux(&a.outside, lit(k as u64, port_bits), port);
        info = mux(&a.outside, &a.addr, info);
    }
    let seen = m.reg_init("fault_seen", uint(1), 0);
    let port_q = m.reg("fault_port_q", uint(port_bits));
    let info_q = m.reg("fault_info_q", uint(ADDR_BITS));
    m.clocked(&clk, |b| {
        b.when(!&seen & any(&outside), |b| {
            b.set(&seen, crate::rtl::one());
            b.set(&port_q, port);
            b.set(&info_q, info);
        });
    });
    m.assign(&fault_valid, &seen);
    m.assign(&fault_port, &port_q);
    m.assign(&fault_info, &info_q);
    m.finish()
}

struct ReadPort {
    name: String,
    valid: Expr,
    ready: Expr,
    addr: Expr,
    rsp_valid: Expr,
    rsp_data: Expr,
}

impl ReadPort {
    fn new(m: &mut ModuleBuilder, name: &str, p: &ScratchpadParams) -> ReadPort {
        ReadPort {
            name: name.into(),
            valid: m.input(&format!("{name}_req_valid"), uint(1), "read request"),
            ready: m.output(&format!("{name}_req_ready"), uint(1), "granted"),
            addr: m.input(&format!("{name}_req_addr"), uint(ADDR_BITS), "word"),
            rsp_valid: m.output(
                &format!("{name}_rsp_valid"),
                uint(1),
                "2 cycles after the grant",
            ),
            rsp_data: m.output(&format!("{name}_rsp_data"), uint(p.word_bits), ""),
        }
    }
}

struct WritePort {
    name: String,
    valid: Expr,
    ready: Expr,
    addr: Expr,
    data: Expr,
}

impl WritePort {
    fn new(m: &mut ModuleBuilder, name: &str, p: &ScratchpadParams) -> WritePort {
        WritePort {
            name: name.into(),
            valid: m.input(&format!("{name}_valid"), uint(1), "write"),
            ready: m.output(&format!("{name}_ready"), uint(1), "granted"),
            addr: m.input(&format!("{name}_addr"), uint(ADDR_BITS), "word"),
            data: m.input(&format!("{name}_data"), uint(p.word_bits), ""),
        }
    }
}

fn decode(
    m: &mut ModuleBuilder,
    name: &str,
    valid: &Expr,
    addr: &Expr,
    p: &ScratchpadParams,
) -> Access {
    let over = addr
        .bits(ADDR_BITS - 1, p.words.trailing_zeros())
        .reduce_or();
    let outside = m.wire(&format!("{name}_outside"), valid & over);
    let inside = m.wire(&format!("{name}_inside"), valid & !&outside);
    let addr = addr.clone();
    Access {
        addr,
        inside,
        outside,
    }
}

/// The address falls in bank `k`.
fn in_bank(p: &ScratchpadParams, addr: &Expr, k: u32) -> Expr {
    match p.bank_bits() {
        0 => crate::rtl::one(),
        n => addr.bits(n - 1, 0).is(k.into()),
    }
}

/// One bank; ports carry one bit or one field for each port of the scratchpad, the first in the low bits.
fn bank(p: &ScratchpadParams) -> Result<Arc<Module>, RtlError> {
    let (reads, writes) = (p.reads.len() as u32, p.writes.len() as u32);
    let row_bits = clog2(p.bank_words());
    let mut m = Module::new("scratchpad_bank").doc(format!(
        "{} words of {} bits, one read and one write a cycle; the lowest wanting port wins.\n\
         A read granted with a write of its row gets the old word.",
        p.bank_words(),
        p.word_bits
    ));
    let clk = m.clock("clk");
    let read_want = m.input("read_want", uint(reads), "one bit a read port");
    let read_row = m.input("read_row", uint(reads * row_bits), "row of each read port");
    let read_grant = m.output("read_grant", uint(reads), "at most one bit");
    let read_data = m.output("read_data", uint(p.word_bits), "1 cycle after the grant");
    let write_want = m.input("write_want", uint(writes), "one bit a write port");
    let write_row = m.input(
        "write_row",
        uint(writes * row_bits),
        "row of each write port",
    );
    let write_data = m.input(
        "write_data",
        uint(writes * p.word_bits),
        "word of each write port",
    );
    let write_grant = m.output("write_grant", uint(writes), "at most one bit");

    m.section("Fixed priority, then AND-OR of what the winner brings");
    let reader = winner(&mut m, "reader", &read_want, &read_grant);
    let writer = winner(&mut m, "writer", &write_want, &write_grant);
    let row_r = m.wire("reader_row", chosen(&reader, &read_row, row_bits));
    let row_w = m.wire("writer_row", chosen(&writer, &write_row, row_bits));
    let data_w = m.wire("writer_data", chosen(&writer, &write_data, p.word_bits));

    m.section("Storage");
    let mem = m.ram("mem", p.word_bits, p.bank_words(), MemStyle::Block, "");
    m.write(&mem, &clk, write_want.reduce_or(), &row_w, &data_w, None);
    let word = m.read_sync("word", &mem, &clk, read_want.reduce_or(), &row_r);
    m.assign(&read_data, &word);
    m.finish()
}

/// The lowest bit of `want`, one-hot, also driven on `grant`.
fn winner(m: &mut ModuleBuilder, name: &str, want: &Expr, grant: &Expr) -> Expr {
    let bits: Vec<Expr> = (0..want.width())
        .map(|i| match i {
            0 => want.bit(0),
            _ => want.bit(i) & !want.bits(i - 1, 0).reduce_or(),
        })
        .collect();
    let won = m.wire(name, cat(bits.iter().rev()));
    m.assign(grant, &won);
    won
}

/// The field of `width` bits that belongs to the one-hot bit.
fn chosen(won: &Expr, fields: &Expr, width: u32) -> Expr {
    (0..won.width())
        .map(|i| repeat(width, won.bit(i)) & fields.element(i, width))
        .reduce(|a, b| a | b)
        .unwrap_or_else(zero)
}
