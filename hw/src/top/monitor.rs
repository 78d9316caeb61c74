//! Signature of what a unit has written, for the retired-instruction trace.

use std::sync::Arc;

use crate::control::PC_BITS;
use crate::glue::{FifoParams, sync_fifo};
use crate::rtl::{Expr, MemStyle, Module, ModuleBuilder, RtlError, cat, lit, mux, uint};

/// One kind of writes that the monitor watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// Prefix of the ports `<name>_fire`, `<name>_index`, `<name>_data`.
    pub name: &'static str,
    /// 32-bit lanes of a word.
    pub lanes: u32,
    /// Number the beats instead of taking `<name>_index`; pulse `<name>_end`: the next beat is number 0.
    pub counts: bool,
}

/// Monitor of one unit; name `trace_monitor_<unit>`. `early` units may write for their next instruction in the cycle of `done`;
/// the others still finish the old one.
///
/// # Errors
/// Those of the RTL layer.
pub fn trace_monitor(unit: &str, watches: &[Watch], early: bool) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("trace_monitor_{unit}")).doc(
        "Signature of each retired instruction: the sum over its writes of\n\
         rotl(xor of the lanes l rotated by l, index mod 32) + index. Passive: it only listens.",
    );
    let clk = m.clock_reset("clk", "rst");
    let inputs: Vec<(Watch, Expr, Expr, Expr)> = watches
        .iter()
        .map(|w| {
            let fire = m.input(&format!("{}_fire", w.name), uint(1), "a write moves");
            let data = m.input(&format!("{}_data", w.name), uint(32 * w.lanes), "");
            let index = if w.counts {
                m.input(
                    &format!("{}_end", w.name),
                    uint(1),
                    "pulse: the next beat is number 0",
                )
            } else {
                m.input(&format!("{}_index", w.name), uint(32), "scratchpad word")
            };
            (*w, fire, data, index)
        })
        .collect();
    let done = m.input(
        "done",
        uint(1),
        "pulse: the unit has finished an instruction",
    );
    let retire = m.input("retire", uint(1), "pulse: the queue retires it");
    let retire_pc = m.input("retire_pc", uint(PC_BITS), "its number");
    let valid = m.output("trace_valid", uint(1), "pulse: one retired instruction");
    let pc = m.output("trace_pc", uint(PC_BITS), "its number");
    let sig = m.output("trace_sig", uint(32), "its signature");

    m.section("What this cycle's writes add");
    let mut term: Option<Expr> = None;
    for (w, fire, data, tail) in &inputs {
        let index = if w.counts {
            let beat = m.reg_init(&format!("{}_beat", w.name), uint(32), 0);
            m.clocked(&clk, |b| {
                b.when(tail, |b| {
                    b.set(&beat, lit(0, 32));
                })
                .elif(fire, |b| {
                    b.set(&beat, beat.plus(1));
                });
            });
            beat
        } else {
            tail.clone()
        };
        let value = write_term(&mut m, w, data, &index);
        let value = m.wire(&format!("{}_term", w.name), mux(fire, value, lit(0, 32)));
        term = Some(term.map_or(value.clone(), |t| t + &value));
    }
    let term = m.wire("term", term.unwrap_or_else(|| lit(0, 32)));

    m.section("Sum of the instruction at hand");
    let sum = m.reg_init("sum", uint(32), 0);
    let next = m.wire("next", &sum + &term);
    let (report, restart) = if early {
        (sum.clone(), term.clone())
    } else {
        (next.clone(), lit(0, 32))
    };
    m.clocked(&clk, |b| {
        b.set(&sum, mux(&done, &restart, &next));
    });

    m.section(
        "Signatures come with done, numbers with retirement, which a full token counter may delay",
    );
    let pair = |m: &mut ModuleBuilder, name: &str, width, push: &Expr, data: &Expr, pop: &Expr| {
        let fifo = sync_fifo(&FifoParams {
            width,
            depth: 16,
            style: MemStyle::Distributed,
        })?;
        let f = m.instance(
            name,
            &fifo,
            &clk,
            &[("in_valid", push), ("in_data", data), ("out_ready", pop)],
        );
        m.unused(f.get("level"));
        m.unused(f.get("in_ready"));
        Ok::<_, RtlError>((f.get("out_valid"), f.get("out_data")))
    };
    let both = m.wire_decl("both", uint(1));
    let (sig_valid, sig_data) = pair(&mut m, "u_sig", 32, &done, &report, &both)?;
    let (pc_valid, pc_data) = pair(&mut m, "u_pc", PC_BITS, &retire, &retire_pc, &both)?;
    m.assign(&both, &sig_valid & &pc_valid);
    m.assign(&valid, &both);
    m.assign(&pc, &pc_data);
    m.assign(&sig, &sig_data);
    m.finish()
}

/// `rotl(fold(data), index mod 32) + index`.
fn write_term(m: &mut ModuleBuilder, w: &Watch, data: &Expr, index: &Expr) -> Expr {
    let mut fold: Option<Expr> = None;
    for l in 0..w.lanes {
        let lane = m.wire(&format!("{}_lane{l}", w.name), data.element(l, 32));
        let turned = rotate(&lane, l % 32);
        fold = Some(fold.map_or(turned.clone(), |f| f ^ &turned));
    }
    let fold = m.wire(
        &format!("{}_fold", w.name),
        fold.unwrap_or_else(|| lit(0, 32)),
    );
    let twice = cat([&fold, &fold]);
    let shifted = m.wire(&format!("{}_turned", w.name), twice.shl(index.bits(4, 0)));
    m.unused(shifted.bits(31, 0));
    shifted.bits(63, 32) + index
}

/// Left rotation of a 32-bit net by a constant.
fn rotate(x: &Expr, by: u32) -> Expr {
    if by == 0 {
        x.clone()
    } else {
        cat([&x.bits(31 - by, 0), &x.bits(31, 32 - by)])
    }
}
