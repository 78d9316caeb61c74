//! Tokens around and inside loops.

use hw::isa::{Instr, Op, Operand, Unit};

use super::{Access, Emitter, Step, imm, reg};
use crate::compile::scratch::Place;

const AT: u8 = 14;
const ONE: Place = Place {
    addr: 0,
    words: 1,
    reg: 0,
};

fn step() -> Step {
    Step {
        reg: AT,
        start: imm(0),
        by: 100,
    }
}

fn place(addr: u32) -> Access {
    Access::Scratch(Place::new(addr, 4))
}

fn moved(addr: u32) -> Access {
    Access::Scratch(Place::new(addr, 4).moved_by(AT))
}

/// Release and wait masks as unit bits, of the instructions with this note.
fn masks(done: &(Vec<Instr>, Vec<String>), note: &str) -> (u8, u8) {
    let at = done.1.iter().position(|n| n == note).unwrap();
    (done.0[at].release, done.0[at].wait)
}

fn bit(unit: Unit) -> u8 {
    1 << unit.index()
}

/// A product of two tokens, a loop that reads the sums and makes codes, and a product of those.
#[test]
fn what_is_outside_of_a_loop_meets_instructions_around_it() {
    let mut e = Emitter::new(ONE);
    e.unit(Op::Gemv, 0, &[], &[], &[place(10), place(110)], "first");
    e.open(2, &[step()], true);
    e.unit(Op::Vscale, 0, &[], &[moved(10)], &[moved(20)], "body");
    e.unit(Op::St, 0, &[], &[moved(20)], &[Access::State(1)], "store");
    e.close();
    e.unit(Op::Gemv, 0, &[], &[place(120)], &[place(30)], "second");
    let done = e.finish().unwrap();
    let (tlmm, vec, store) = (bit(Unit::Tlmm), bit(Unit::Vec), bit(Unit::Store));
    assert_eq!(masks(&done, "first"), (vec, 0));
    assert_eq!(masks(&done, "loop: wait for what it needs"), (0, tlmm));
    assert_eq!(masks(&done, "body"), (store, 0), "only what a pass needs");
    assert_eq!(masks(&done, "store"), (0, vec));
    assert_eq!(masks(&done, "loop: all passes are done"), (tlmm, 0));
    assert_eq!(masks(&done, "second"), (0, vec));
    // Two passes of 100 words.
    let end = done.0.iter().find(|i| i.op == Op::Blt).unwrap();
    assert_eq!((end.f[0], end.f[1]), (reg(AT, 0), imm(200)));
}

/// What no token can order is a fault of the compiler, not of the machine.
#[test]
fn what_tokens_can_not_order_is_refused() {
    let fault = |emit: &dyn Fn(&mut Emitter)| {
        let mut e = Emitter::new(ONE);
        emit(&mut e);
        e.finish().unwrap_err().to_string()
    };
    let behind = fault(&|e| {
        e.open(2, &[step()], true);
        e.unit(Op::St, 0, &[], &[moved(20)], &[Access::State(1)], "store");
        e.close();
        e.unit(Op::Ldp, 0, &[], &[Access::State(1)], &[], "load");
    });
    assert!(behind.contains("`load` needs `store`"), "{behind}");
    let passes = fault(&|e| {
        e.open(2, &[step()], true);
        e.unit(Op::Vscale, 0, &[], &[], &[place(20)], "body");
        e.unit(Op::St, 0, &[], &[place(20)], &[], "store");
        e.close();
    });
    assert!(passes.contains("passes of a loop meet"), "{passes}");
    let stray = fault(&|e| e.unit(Op::Vscale, 0, &[], &[moved(20)], &[], "stray"));
    assert!(stray.contains("`stray` moves outside"), "{stray}");
}

/// A `sync` on the unit of a loop's instructions orders what follows.
#[test]
fn a_sync_orders_what_a_loop_has_stored() {
    let mut e = Emitter::new(ONE);
    e.open(2, &[step()], true);
    e.unit(Op::St, 0, &[], &[moved(20)], &[Access::State(1)], "store");
    e.close();
    e.sync(&[Unit::Store], "stored");
    e.unit(Op::Ldp, 0, &[], &[Access::State(1)], &[], "load");
    let done = e.finish().unwrap();
    assert_eq!(masks(&done, "load"), (0, 0));
}

/// What `far` gives has the value of register and offset, in either register, with as few instructions as it takes.
#[test]
fn far_offsets_are_reached_from_any_register() {
    const REACH: u32 = Operand::IMM_MAX as u32;
    for (offset, adds) in [
        (0, 0),
        (REACH, 0),
        (REACH + 1, 1),
        (3 * REACH, 1),
        (3 * REACH + 1, 2),
        (u32::MAX / 4, 4),
    ] {
        for rd in [AT, AT - 1] {
            let mut e = Emitter::new(ONE);
            let operand = e.far(AT, offset, rd);
            let instrs = e.finish().unwrap().0;
            assert_eq!(instrs.len(), adds, "{offset}");
            let mut registers = [0; 16];
            registers[AT as usize] = 1000;
            for i in &instrs {
                assert!(i.f.iter().all(|o| Operand::new(o.reg, o.imm).is_some()));
                let sum = i.f[1]
                    .value(&registers)
                    .wrapping_add(i.f[2].value(&registers));
                registers[usize::from(i.f[0].reg)] = sum;
            }
            assert_eq!(operand.value(&registers), 1000 + offset);
        }
    }
}

/// The word would hold other 28 bits than were meant: the compiler says so.
#[test]
fn an_immediate_beyond_its_field_is_refused() {
    let mut e = Emitter::new(ONE);
    e.add(AT, reg(AT, 1 << 27), imm(0), "too far");
    let message = e.finish().unwrap_err().to_string();
    assert!(
        message.contains("`too far` has an immediate of 134217728"),
        "{message}"
    );
}
