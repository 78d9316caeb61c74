//! The interpreter on small programs; whole models are run by the system tests.

use super::*;
use crate::isa::{Op, Operand};

const R1: Operand = Operand::reg(1);

fn imm(value: i32) -> Operand {
    Operand { reg: 0, imm: value }
}

fn machine(program: &[Instr]) -> (Machine, Memory) {
    let p = MachineParams::tiny();
    let abi = p.abi_hash(&isa_text());
    let header = |magic: u32, count: usize| {
        let words = [
            magic,
            FORMAT_VERSION,
            abi as u32,
            (abi >> 32) as u32,
            count as u32,
        ];
        words.map(u32::to_le_bytes).concat()
    };
    let mut bytes = vec![0u8; 4096];
    let mut put = |at: usize, data: &[u8]| bytes[at..at + data.len()].copy_from_slice(data);
    put(0, &header(PROGRAM_MAGIC, program.len()));
    for (i, instr) in program.iter().enumerate() {
        put(64 + 32 * i, &instr.encode());
    }
    put(2048, &header(IMAGE_MAGIC, 0));
    (
        Machine::new(&p),
        Memory {
            origin: 0,
            bytes,
            program: 0..2048,
            image: 2048..3072,
            state: 3072..4096,
        },
    )
}

fn run(program: &[Instr]) -> (Vec<Step>, Memory, Result<(), Fault>) {
    let (mut m, mut memory) = machine(program);
    m.start(&memory).unwrap();
    let mut steps = Vec::new();
    while steps.last() != Some(&Step::Halted) {
        match m.step(&mut memory) {
            Ok(step) => steps.push(step),
            Err(fault) => return (steps, memory, Err(fault)),
        }
    }
    (steps, memory, Ok(()))
}

#[test]
fn a_loop_counts_and_tells_the_host() {
    let (steps, ..) = run(&[
        Instr::new(Op::Li).with(0, R1).with(1, Operand::from_raw(3)),
        Instr::new(Op::Add).with(0, R1).with(1, R1).with(2, imm(5)),
        Instr::new(Op::Blt)
            .with(0, R1)
            .with(1, imm(15))
            .with(2, imm(1)),
        Instr::new(Op::Emit).with(1, R1),
        Instr::new(Op::Halt),
    ]);
    assert!(steps.contains(&Step::Token(18)));
    assert_eq!(steps.len(), 1 + 3 * 2 + 2);
}

#[test]
fn a_scalar_travels_to_memory_and_back() {
    let mut store = Instr::new(Op::St1).with(0, imm(7)).with(1, imm(3));
    store.flags = 8;
    let mut load = Instr::new(Op::Ld1).with(0, imm(9)).with(1, imm(3));
    load.flags = 8;
    let (steps, memory, _) = run(&[
        Instr::new(Op::Wrs).with(0, imm(7)).with(1, imm(77)),
        store,
        load,
        Instr::new(Op::Rds).with(0, R1).with(1, imm(9)),
        Instr::new(Op::Emit).with(1, R1),
        Instr::new(Op::Halt),
    ]);
    assert!(steps.contains(&Step::Token(77)));
    assert_eq!(memory.slice(3072 + 12..3072 + 16), 77u32.to_le_bytes());
}

#[test]
fn faults_name_cause_unit_and_place() {
    let halt = Instr::new(Op::Halt);
    let fault = |program: &[Instr]| run(program).2.unwrap_err();
    let outside = fault(&[
        Instr::new(Op::Ldw).with(1, imm(1000)).with(2, imm(16)),
        halt,
    ]);
    assert_eq!(
        (outside.cause, outside.info, outside.pc),
        (Cause::Window, 2048 + 4000, 0)
    );
    assert_eq!(outside.unit, FaultUnit::Queue(Unit::Load));
    let hungry = Instr::new(Op::Gemv).with(2, imm(24)).with(3, imm(1));
    assert_eq!(fault(&[hungry, halt]).cause, Cause::StreamShort);
    let far = Instr::new(Op::Rds).with(0, R1).with(1, imm(1 << 20));
    assert_eq!(fault(&[far, halt]).cause, Cause::ScratchRange);
    assert_eq!(
        fault(&[Instr::new(Op::Nop)]).cause,
        Cause::Illegal,
        "runs past the end"
    );
}

#[test]
fn a_foreign_program_is_refused_before_it_runs() {
    let (mut m, mut memory) = machine(&[Instr::new(Op::Halt)]);
    memory.bytes[8] ^= 1;
    assert_eq!(m.start(&memory).unwrap_err().cause, Cause::AbiProgram);
    memory.bytes[8] ^= 1;
    memory.bytes[2048 + 8] ^= 1;
    assert_eq!(m.start(&memory).unwrap_err().cause, Cause::AbiImage);
}
