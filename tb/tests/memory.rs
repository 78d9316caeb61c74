//! Guard, load and store together with the scratchpad, against golden and a memory with random stalls.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

#[path = "memory/rig.rs"]
mod rig;
#[path = "memory/top.rs"]
mod top;

use hw::isa::{Cause, Op};
use rand::Rng;
use rig::{BASE_IMAGE, BASE_STATE, Fault, IMAGE_BYTES, Rig, STATE_BYTES, shape};
use tb::axi::AxiConfig;

/// Latency and stalls of the memory and of the benches' streams.
fn timing(latency: (u32, u32), stall_percent: u32, seed: u64) -> AxiConfig {
    AxiConfig {
        latency,
        stall_percent,
        seed,
        ..AxiConfig::default()
    }
}

#[test]
fn random_moves_equal_golden_on_every_shape() {
    for (bus_bits, lanes) in [(64, 4), (128, 2), (32, 8)] {
        for (latency, stalls) in [((1, 1), 0), ((3, 40), 25), ((0, 12), 60)] {
            let mut rig = Rig::new(shape(bus_bits, lanes), timing(latency, stalls, 3), stalls);
            for _ in 0..3 {
                rig.random_batch(12);
            }
        }
    }
}

#[test]
fn data_moves_one_beat_a_cycle_when_memory_does() {
    let mut rig = Rig::new(shape(64, 4), timing((10, 10), 0, 1), 0);
    for (op, n) in [(Op::Ldw, 1024), (Op::Ld, 1024), (Op::St, 1024)] {
        let before = rig.sim.cycle();
        rig.send(op, true, [0, 0, n]);
        rig.finish();
        let cycles = rig.sim.cycle() - before;
        // 512 beats, once the latency, and the few steps of request and answer.
        assert!(cycles < 512 + 48, "{op:?}: {cycles} cycles");
    }
    // Requests of following instructions are out before the data of the first has come.
    let before = rig.sim.cycle();
    for _ in 0..8 {
        rig.send(Op::Ldw, true, [0, 0, 64]);
    }
    rig.finish();
    let cycles = rig.sim.cycle() - before;
    assert!(cycles < 8 * 32 + 40, "{cycles} cycles");
}

/// Ends a faulty run as the top does, then shows that the next run is right.
fn recover(rig: &mut Rig) {
    rig.abort();
    rig.reread_state();
    rig.axi.set_faults(None, None);
    rig.clear();
    assert_eq!(rig.fault(), None);
    rig.random_batch(8);
}

#[test]
fn a_request_outside_its_window_never_reaches_memory() {
    let mut rig = Rig::new(shape(64, 4), timing((2, 9), 20, 5), 20);
    let (image, state) = ((IMAGE_BYTES / 4) as u32, (STATE_BYTES / 4) as u32);
    let cases = [
        (
            Op::Ld,
            false,
            [0, image - 4, 6],
            0,
            BASE_IMAGE + IMAGE_BYTES - 16,
        ),
        (Op::Ldw, true, [0, state, 2], 0, BASE_STATE + STATE_BYTES),
        (
            Op::Ldp,
            false,
            [0, 0xffff_fff0, 64],
            0,
            BASE_IMAGE + 4 * 0xffff_fff0,
        ),
        (Op::St, false, [0, 0, 2], 1, BASE_IMAGE),
        (
            Op::St,
            true,
            [0, state - 2, 4],
            1,
            BASE_STATE + STATE_BYTES - 8,
        ),
        (
            Op::St1,
            true,
            [0, state + 1, 0],
            1,
            BASE_STATE + STATE_BYTES,
        ),
    ];
    for (op, from_state, fields, unit, addr) in cases {
        let before = rig.axi.stats();
        rig.send_at(0x1234, op, from_state, fields);
        let fault = Fault {
            cause: Cause::Window,
            unit,
            addr,
            pc: 0x1234,
        };
        assert_eq!(rig.run_to_fault(), fault, "{op:?}");
        assert_eq!(rig.axi.stats(), before, "{op:?}");
        recover(&mut rig);
    }
    // Fetch reads program and image, never state.
    rig.fetch(7, BASE_STATE, 8);
    let fault = Fault {
        cause: Cause::Window,
        unit: 7,
        addr: BASE_STATE,
        pc: 7,
    };
    assert_eq!(rig.run_to_fault(), fault);
    recover(&mut rig);
    rig.fetch(7, BASE_IMAGE + 4096 - 64, 40);
    assert_eq!(rig.fetched(40), rig.image_bytes(4096 - 64, 320));
}

#[test]
fn operands_that_do_not_fit_are_faults_of_the_unit() {
    let mut rig = Rig::new(shape(64, 4), timing((2, 2), 0, 5), 0);
    let cases = [
        (Op::Ld, [0, 1, 4], Cause::Align, 1),
        (Op::Ldw, [0, 3, 4], Cause::Align, 3),
        (Op::St, [0, 5, 4], Cause::Align, 5),
        (Op::St, [0, 4, 3], Cause::Align, 4),
        (Op::Ld, [0, 0, 4 * 65536], Cause::Operand, 4 * 65536),
        (Op::Ldw, [0, 0, 1 << 25], Cause::Operand, 1 << 25),
        (Op::St, [0, 0, 4 * 65536], Cause::Operand, 4 * 65536),
    ];
    for (op, fields, cause, info) in cases {
        rig.send(op, true, fields);
        assert_eq!(
            rig.run_to_unit_fault(op),
            (cause.code().into(), info),
            "{op:?}"
        );
        recover(&mut rig);
    }
}

#[test]
fn error_responses_are_faults_with_the_address_of_the_burst() {
    for stalls in [0, 40] {
        let mut rig = Rig::new(shape(64, 4), timing((2, 20), stalls, 5), stalls);
        let bad = BASE_STATE + 128 * 3 + 8;
        for (op, cause, unit) in [
            (Op::Ldw, Cause::AxiRead, 0),
            (Op::Ld, Cause::AxiRead, 0),
            (Op::St, Cause::AxiWrite, 1),
        ] {
            rig.axi.set_faults(Some(bad..bad + 8), None);
            rig.send_at(99, op, true, [0, 0, 1024]);
            let fault = Fault {
                cause,
                unit,
                addr: BASE_STATE + 128 * 3,
                pc: 99,
            };
            assert_eq!(rig.run_to_fault(), fault, "{op:?}");
            recover(&mut rig);
        }
    }
}

#[test]
fn a_silent_memory_is_a_timeout_and_needs_a_port_reset() {
    let mut rig = Rig::new(shape(64, 4), timing((2, 5), 10, 5), 10);
    for (op, unit) in [(Op::Ldp, 0), (Op::St, 1), (Op::St1, 1)] {
        let after = if op == Op::St1 { 0 } else { 2 };
        rig.axi.set_faults(None, Some(after));
        rig.send_at(3, op, true, [0, 0, 512]);
        let addr = BASE_STATE + 128 * after;
        let fault = Fault {
            cause: Cause::Timeout,
            unit,
            addr,
            pc: 3,
        };
        assert_eq!(rig.run_to_fault(), fault, "{op:?}");
        rig.set("cancel", 1);
        rig.steps(3 * rig::TIMEOUT);
        assert_eq!((rig.get("stuck"), rig.get("drained")), (1, 0));
        rig.set("port_reset", 1);
        rig.steps(1);
        rig.axi.reset();
        rig.set("port_reset", 0);
        rig.steps(1);
        assert_eq!((rig.get("stuck"), rig.get("drained")), (0, 1));
        recover(&mut rig);
    }
}

#[test]
fn an_abort_at_any_time_drains_and_the_next_run_is_right() {
    let mut rig = Rig::new(shape(64, 4), timing((2, 30), 30, 8), 30);
    for round in 0..25 {
        let after = rig.rng.random_range(1..260);
        rig.send(Op::Ldw, false, [0, 0, 256]);
        rig.send(Op::Ld, true, [64, 0, 128]);
        rig.send(Op::St, true, [0, 512, 300]);
        rig.fetch(1, BASE_IMAGE, 30);
        rig.steps(after);
        rig.abort();
        assert_eq!(rig.fault(), None, "round {round}");
        rig.reread_state();
        rig.clear();
        rig.random_batch(3);
    }
    assert!(
        rig.axi.stats().empty_beats > 0,
        "no abort came while write beats were owed"
    );
}
