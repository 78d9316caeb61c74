//! Issue against a reference interpreter: the same dispatches, writes, tokens and end, in the same order.

use std::collections::BTreeMap;

use hw::control::issue::issue;
use hw::isa::{Cause, FIELDS, Instr, Op, Operand, Target, Unit, assemble};
use hw::params::MachineParams;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::sim::Sim;

use crate::{ByName, simulate};

/// What issue does that others see.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Event {
    /// Unit, opcode, flags, pc, wait, release, operand values.
    Dispatch(usize, u8, u8, u32, u8, u8, [u32; FIELDS]),
    Write(u32, u32),
    Token(u32),
    Halted,
    /// Cause, pc.
    Fault(u64, u64),
}

const ARGS: [u32; 8] = [3, 0, u32::MAX, 77, 5, 6, 0x8000_0000, 9];

/// Scratchpad word before any write.
fn fresh(addr: u32) -> u32 {
    addr.wrapping_mul(0x0101_6b29) ^ 0x5a
}

/// The scalar instruction set in plain Rust; stops after `limit` instructions.
fn interpret(program: &[[u8; 32]], limit: usize) -> Option<Vec<Event>> {
    let mut regs = [0u32; 16];
    let mut memory: BTreeMap<u32, u32> = BTreeMap::new();
    let mut events = Vec::new();
    let mut pc = 0u32;
    for _ in 0..limit {
        let illegal = Event::Fault(u64::from(Cause::Illegal.code()), u64::from(pc));
        let Some(Ok(i)) = program.get(pc as usize).map(Instr::decode) else {
            events.push(illegal);
            return Some(events);
        };
        let v = i.f.map(|f| f.value(&regs));
        let mut next = pc.wrapping_add(1);
        let result = match i.op {
            Op::Li => i.f[1].raw(),
            Op::Add => v[1].wrapping_add(v[2]),
            Op::Sub => v[1].wrapping_sub(v[2]),
            Op::Mul => v[1].wrapping_mul(v[2]),
            Op::Arg => ARGS[v[1] as usize % 8],
            Op::Rds => *memory.get(&v[1]).unwrap_or(&fresh(v[1])),
            _ => 0,
        };
        let taken = match i.op {
            Op::Jmp => true,
            Op::Beq => v[0] == v[1],
            Op::Bne => v[0] != v[1],
            Op::Blt => v[0] < v[1],
            Op::Bge => v[0] >= v[1],
            _ => false,
        };
        if taken {
            next = v[2];
        }
        if i.op.writes_register() && i.f[0].reg != 0 {
            regs[usize::from(i.f[0].reg)] = result;
        }
        match i.op {
            Op::Halt => {
                events.push(Event::Halted);
                return Some(events);
            }
            Op::Emit => events.push(Event::Token(v[1])),
            Op::Wrs => {
                memory.insert(v[0], v[1]);
                events.push(Event::Write(v[0], v[1]));
            }
            _ => {}
        }
        if let Target::Queue(unit) = i.op.target() {
            let (wait, release) = (i.wait & 63, i.release & 63);
            events.push(Event::Dispatch(
                unit.index(),
                i.op.opcode(),
                i.flags,
                pc & 0xffff,
                wait,
                release,
                v,
            ));
        }
        pc = next;
    }
    None
}

/// Runs the RTL until it halts or faults.
fn run(sim: &mut Sim, program: &[[u8; 32]], seed: u64) -> Vec<Event> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let port = |sim: &Sim, name: &str| sim.port(name).unwrap();
    let words = |bytes: &[u8; 32]| -> Vec<u32> {
        let word = |c: &[u8]| u32::from_le_bytes([c[0], c[1], c[2], c[3]]);
        bytes.chunks_exact(4).map(word).collect()
    };
    for name in [
        "imem_we",
        "run",
        "rd_rsp_valid",
        "dispatch_ready",
        "wr_ready",
        "rd_req_ready",
    ] {
        sim.put(name, 0);
    }
    sim.reset(1).unwrap();
    sim.put("imem_we", 1);
    for (i, word) in program.iter().enumerate() {
        sim.put("imem_addr", i as u64);
        let data = port(sim, "imem_data");
        sim.set_wide(data, &words(word));
        sim.tick().unwrap();
    }
    sim.put("imem_we", 0);
    let args = port(sim, "args");
    sim.set_wide(args, &ARGS);
    sim.put("count", program.len() as u64);
    sim.put("run", 1);
    let mut memory: BTreeMap<u32, u32> = BTreeMap::new();
    let mut events = Vec::new();
    let mut responses = [None; 2];
    for _ in 0..200_000 {
        let ready = rng.random::<u64>() & rng.random::<u64>() & 63;
        sim.put("dispatch_ready", ready);
        sim.put("idle", (rng.random::<u64>() | rng.random::<u64>()) & 63);
        for name in ["rd_req_ready", "wr_ready"] {
            sim.put(name, rng.random_range(0..2));
        }
        let [now, later] = responses;
        sim.put("rd_rsp_valid", u64::from(now.is_some()));
        let rsp = port(sim, "rd_rsp_data");
        sim.set_wide(
            rsp,
            &[now.unwrap_or(rng.random()), rng.random(), rng.random(), 7],
        );
        sim.tick().unwrap();
        sim.put("run", 0);
        let mut next = None;
        if sim.see("rd_req_valid") & sim.see("rd_req_ready") == 1 {
            let addr = sim.see("rd_req_addr") as u32;
            next = Some(*memory.get(&addr).unwrap_or(&fresh(addr)));
        }
        responses = [later, next];
        if sim.see("wr_valid") & sim.see("wr_ready") == 1 {
            let (addr, data) = (
                sim.see("wr_addr") as u32,
                sim.get_wide(port(sim, "wr_data")),
            );
            assert!(data.iter().all(|&lane| lane == data[0]), "every lane");
            memory.insert(addr, data[0]);
            events.push(Event::Write(addr, data[0]));
        }
        if sim.see("token_valid") == 1 {
            events.push(Event::Token(sim.see("token_data") as u32));
        }
        let valid = sim.see("dispatch_valid");
        assert!(valid.count_ones() <= 1);
        if valid & ready != 0 {
            let d = sim.get_wide(port(sim, "dispatch_data"));
            let mut values = [0; FIELDS];
            values.copy_from_slice(&d[1..8]);
            let masks = ((d[8] & 63) as u8, (d[8] >> 6 & 63) as u8);
            let unit = valid.trailing_zeros() as usize;
            events.push(Event::Dispatch(
                unit,
                d[0] as u8,
                (d[0] >> 8) as u8,
                d[0] >> 16,
                masks.0,
                masks.1,
                values,
            ));
        }
        if sim.see("halted") == 1 {
            assert_eq!(sim.see("idle"), 63, "halt waits for every unit");
            events.push(Event::Halted);
            return events;
        }
        if sim.see("fault_valid") == 1 {
            events.push(Event::Fault(sim.see("fault_cause"), sim.see("pc")));
            return events;
        }
    }
    panic!("seed {seed}: the program does not end");
}

fn encode(text: &str) -> Vec<[u8; 32]> {
    assemble(text).unwrap().iter().map(Instr::encode).collect()
}

/// Forward branches only, so that it ends; sometimes an illegal word or no halt at the end.
fn random_program(rng: &mut ChaCha8Rng) -> Vec<[u8; 32]> {
    let length = rng.random_range(5..200usize);
    let mut program = Vec::new();
    for pc in 0..length {
        let op = Op::ALL[rng.random_range(0..Op::ALL.len())];
        let op = if op == Op::Halt { Op::Mul } else { op };
        let mut instr = Instr::new(op);
        for f in &mut instr.f {
            let small = rng.random_range(0..2) == 0;
            *f = Operand {
                reg: rng.random_range(0..16),
                imm: Operand::from_raw(rng.random()).imm,
            };
            if small {
                f.imm = rng.random_range(-2..3);
            }
        }
        if op.def().fields.iter().any(|f| f.name == "to") {
            instr.f[2] = Operand {
                reg: 0,
                imm: rng.random_range(pc as i32 + 1..length as i32 + 2),
            };
        }
        (instr.flags, instr.wait, instr.release) = (rng.random(), rng.random(), rng.random());
        let mut word = instr.encode();
        if rng.random_range(0..400) == 0 {
            word[0] = [0x00, 0x14, 0xff][rng.random_range(0..3)];
        }
        program.push(word);
    }
    program.push(Instr::new(Op::Halt).encode());
    program
}

#[test]
fn random_programs_run_as_interpreted() {
    let mut sim = simulate(&issue(&MachineParams::tiny()).unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut faults = 0;
    for seed in 0..60 {
        let program = random_program(&mut rng);
        let want = interpret(&program, 1000).unwrap();
        faults += usize::from(matches!(want.last(), Some(Event::Fault(..))));
        assert_eq!(run(&mut sim, &program, seed), want, "seed {seed}");
    }
    assert!(faults > 0, "some programs end in a fault");
}

#[test]
fn loops_arguments_and_memory() {
    let mut sim = simulate(&issue(&MachineParams::tiny()).unwrap());
    let program = encode(
        "    arg rd=r1, k=0
             li rd=r2, value=0x10001
             add rd=r3, a=0, b=1
         loop:
             mul rd=r3, a=r3, b=r2+7
             wrs dst=r1+100, value=r3
             rds rd=r4, src=r1+100
             sub rd=r5, a=r4, b=r3
             bne a=r5, b=0, to=@bad
             emit value=r4
             gemv dst=r1+12, src=64, k=192, nt=48 wait=load release=vec
             sync units=4
             sub rd=r1, a=r1, b=1
             bne a=r1, b=0, to=@loop
             add rd=r0, a=0, b=9
             emit value=r0
             halt
         bad:
             jmp to=100000",
    );
    let want = interpret(&program, 1000).unwrap();
    assert_eq!(want.len(), 3 * 3 + 2);
    assert_eq!(want.last(), Some(&Event::Halted));
    for seed in 0..3 {
        assert_eq!(run(&mut sim, &program, seed), want);
    }
    // Far past the end: the fault tells where.
    let far = encode("jmp to=100000");
    assert_eq!(run(&mut sim, &far, 1), [Event::Fault(1, 100_000)]);
    assert_eq!(sim.see("fault_info"), 0);
    let illegal = vec![[0u8; 32]];
    assert_eq!(run(&mut sim, &illegal, 1), [Event::Fault(1, 0)]);
}

#[test]
fn sync_waits_for_its_units_only() {
    let mut sim = simulate(&issue(&MachineParams::tiny()).unwrap());
    let program = encode("sync units=0x14\nemit value=1\nhalt");
    run(&mut sim, &program, 1);
    sim.put("idle", !Unit::Tlmm.mask() as u64 & 63);
    sim.put("run", 1);
    for _ in 0..100 {
        sim.tick().unwrap();
        sim.put("run", 0);
        assert_eq!(sim.see("token_valid"), 0);
    }
    sim.put("idle", 0x14);
    let tokens: u64 = (0..10)
        .map(|_| {
            sim.tick().unwrap();
            sim.see("token_valid")
        })
        .sum();
    assert_eq!(tokens, 1);
}
