//! RTL of `issue`.

use std::sync::Arc;

use crate::control::{DISPATCH_BITS, PC_BITS};
use crate::isa::{ARGS, Cause, FIELDS, Op, REGISTERS, Target, Unit};
use crate::params::MachineParams;
use crate::rtl::{
    Expr, MemStyle, Module, RtlError, all, any, bits_for, cat, clog2, lit, mux, one, repeat, uint,
    zero,
};

const HOLD: u64 = 0;
const CLEAR: u64 = 1;
const READ: u64 = 2;
const VALUE: u64 = 3;
const EXECUTE: u64 = 4;
const PRODUCT: u64 = 5;
const RESPONSE: u64 = 6;
const FAULT: u64 = 7;

/// Issue with its instruction memory.
///
/// # Errors
/// `program_words` is not a power of two of at least 2.
pub fn issue(p: &MachineParams) -> Result<Arc<Module>, RtlError> {
    let words = u64::from(p.program_words);
    let sw = p.word_bits();
    let units = Unit::COUNT as u32;
    let (iw, cw) = (clog2(words), bits_for(words));
    let name = format!("issue_n{words}_s{sw}");
    if !words.is_power_of_two() || words < 2 {
        return Err(RtlError {
            module: name,
            faults: vec![format!("{words} is not a power of two of at least 2")],
        });
    }
    let mut m = Module::new(name).doc(format!(
        "Executes scalar instructions and dispatches the others in program order.\n\
         {words} instructions; three cycles each and what they wait for."
    ));
    let clk = m.clock_reset("clk", "rst");
    let imem_we = m.input("imem_we", uint(1), "write an instruction");
    let imem_addr = m.input("imem_addr", uint(iw), "its number");
    let imem_data = m.input("imem_data", uint(256), "");
    let run = m.input("run", uint(1), "pulse: start at instruction 0");
    let count = m.input("count", uint(cw), "instructions of the program");
    let args = m.input("args", uint(32 * ARGS as u32), "ARG0 in the low bits");
    let dispatch_valid = m.output("dispatch_valid", uint(units), "one bit a unit");
    let dispatch_ready = m.input("dispatch_ready", uint(units), "one bit a unit");
    let dispatch_data = m.output("dispatch_data", uint(DISPATCH_BITS), "op, wait, release");
    let idle = m.input("idle", uint(units), "units with nothing to do");
    let rd_valid = m.output("rd_req_valid", uint(1), "scratchpad read");
    let rd_ready = m.input("rd_req_ready", uint(1), "granted");
    let rd_addr = m.output("rd_req_addr", uint(32), "word");
    let rd_rsp = m.input("rd_rsp_valid", uint(1), "2 cycles after the grant");
    let rd_data = m.input("rd_rsp_data", uint(sw), "");
    let wr_valid = m.output("wr_valid", uint(1), "scratchpad write");
    let wr_ready = m.input("wr_ready", uint(1), "granted");
    let wr_addr = m.output("wr_addr", uint(32), "word");
    let wr_data = m.output("wr_data", uint(sw), "the value in every lane");
    let token_valid = m.output("token_valid", uint(1), "pulse: a value for the host");
    let token_data = m.output("token_data", uint(32), "");
    let halted = m.output("halted", uint(1), "pulse: the program has ended");
    let pc_out = m.output("pc", uint(32), "current instruction");
    let fault_valid = m.output("fault_valid", uint(1), "held until reset");
    let fault_cause = m.output("fault_cause", uint(8), "");
    let fault_info = m.output("fault_info", uint(32), "opcode, or 0 past the program");

    m.section("State");
    let state = m.reg_init("state", uint(3), HOLD);
    let in_state = |s: u64| state.is(s);
    let pc = m.reg_init("pc_now", uint(32), 0);
    let past = m.reg_init("past", uint(1), 0);
    let clear_index = m.reg_init("clear_index", uint(4), 0);

    m.section("Instruction memory; the word stays until the next read");
    let imem = m.ram("imem", 256, words, MemStyle::Block, "the program");
    m.write(&imem, &clk, &imem_we, &imem_addr, &imem_data, None);
    let reading = m.wire("reading", in_state(READ));
    let word = m.read_sync("word", &imem, &clk, &reading, pc.bits(iw - 1, 0));
    let opcode = m.wire("opcode", word.bits(7, 0));
    let outside = m.wire("outside", pc.ge(count.extend(32)));

    m.section("Decode, from the table");
    let rows = |pick: &dyn Fn(Op) -> bool| -> Vec<(u64, Expr)> {
        Op::ALL
            .iter()
            .filter(|&&op| pick(op))
            .map(|op| (u64::from(op.opcode()), one()))
            .collect()
    };
    let legal = m.case("legal", &opcode, rows(&|_| true), zero());
    let scalar = m.case(
        "scalar",
        &opcode,
        rows(&|op| op.target() == Target::Issue),
        zero(),
    );
    let mut unit_bits = Vec::new();
    for unit in Unit::ALL {
        let queued = rows(&|op| op.target() == Target::Queue(unit));
        unit_bits.push(m.case(&format!("for_{unit}"), &opcode, queued, zero()));
    }
    let is = |op: Op| opcode.is(op.opcode().into());

    m.section("Registers and operand values");
    m.comment("Register 0 is never written, so it keeps the 0 of the clearing.");
    let regs = m.ram(
        "regs",
        32,
        REGISTERS as u64,
        MemStyle::Distributed,
        "R0..R15",
    );
    let mut values = Vec::new();
    for i in 0..FIELDS as u32 {
        let lo = 32 + 32 * i;
        let base = m.read_async(&regs, word.bits(lo + 31, lo + 28));
        let imm = cat([&repeat(4, word.bit(lo + 27)), &word.bits(lo + 27, lo)]);
        let value = m.delay(&format!("v{i}"), &clk, Some(&in_state(VALUE)), &base + &imm);
        values.push(value);
    }
    let (v0, v1, v2) = (&values[0], &values[1], &values[2]);

    m.section("Execution: what each instruction waits for");
    let execute = m.wire("execute", in_state(EXECUTE));
    let unit_mask = m.wire("unit_mask", cat(unit_bits.iter().rev()));
    let accepted = m.wire("accepted", (&unit_mask & &dispatch_ready).reduce_or());
    let synced = m.wire("synced", !(&v0.bits(units - 1, 0) & &!&idle).reduce_or());
    let quiet = m.wire("quiet", idle.reduce_and());
    let two_step = m.wire("two_step", is(Op::Mul) | is(Op::Wrs));
    let waits = [
        (Op::Sync.opcode(), synced.clone()),
        (Op::Halt.opcode(), quiet.clone()),
        (Op::Wrs.opcode(), wr_ready.clone()),
        (Op::Rds.opcode(), rd_ready.clone()),
    ];
    let ready = m.case(
        "ready",
        &opcode,
        waits.map(|(code, ready)| (u64::from(code), ready)),
        &scalar | &accepted,
    );
    let step = m.wire("step", all([&execute, &legal, &ready]));
    let response = m.wire("response", in_state(RESPONSE) & &rd_rsp);
    let finish = any([
        &(&step & !any([&two_step, &is(Op::Rds), &is(Op::Halt)])),
        &in_state(PRODUCT),
        &response,
    ]);
    let finish = m.wire("finish", finish);
    let halt = m.wire("halt", &step & is(Op::Halt));

    m.section("Branches");
    let (equal, less) = (m.wire("equal", v0.eq(v1)), m.wire("less", v0.lt(v1)));
    let branches = [
        (Op::Jmp, one()),
        (Op::Beq, equal.clone()),
        (Op::Bne, !&equal),
        (Op::Blt, less.clone()),
        (Op::Bge, !&less),
    ];
    let taken = m.case(
        "taken",
        &opcode,
        branches.map(|(op, cond)| (u64::from(op.opcode()), cond)),
        zero(),
    );

    m.section("Results");
    m.comment("Low half of the product from three 16-bit products, summed in the next cycle.");
    let half = |v: &Expr, hi: bool| if hi { v.bits(31, 16) } else { v.bits(15, 0) };
    let low = m.delay("low_product", &clk, None, half(v1, false) * half(v2, false));
    let mut cross = Vec::new();
    for (name, hi) in [("cross_a", true), ("cross_b", false)] {
        let full = m.wire(&format!("{name}_full"), half(v1, hi) * half(v2, !hi));
        m.unused(full.bits(31, 16));
        cross.push(m.delay(name, &clk, None, full.bits(15, 0)));
    }
    let upper = m.wire("upper", &(&low.bits(31, 16) + &cross[0]) + &cross[1]);
    let arg_index = v1.bits(clog2(ARGS as u64) - 1, 0);
    let results = [
        (Op::Li, word.bits(95, 64)),
        (Op::Add, v1 + v2),
        (Op::Sub, v1 - v2),
        (Op::Mul, cat([&upper, &low.bits(15, 0)])),
        (Op::Arg, args.part(arg_index, 32)),
    ];
    let result = m.case(
        "result",
        &opcode,
        results.map(|(op, value)| (u64::from(op.opcode()), value)),
        rd_data.bits(31, 0),
    );
    if sw > 32 {
        m.unused(rd_data.bits(sw - 1, 32));
    }
    let writes = m.case("writes", &opcode, rows(&Op::writes_register), zero());
    let rd = word.bits(63, 60);
    let clearing = m.wire("clearing", in_state(CLEAR));
    let reg_we = m.wire(
        "reg_we",
        &clearing | all([&finish, &writes, &rd.ne(lit(0, 4))]),
    );
    let reg_addr = m.wire("reg_addr", mux(&clearing, &clear_index, &rd));
    let reg_data = m.wire("reg_data", mux(&clearing, lit(0, 32), &result));
    m.write(&regs, &clk, &reg_we, &reg_addr, &reg_data, None);

    m.section("Sequence");
    m.clocked(&clk, |b| {
        b.when(in_state(HOLD) & &run, |b| {
            b.set(&state, lit(CLEAR, 3));
            b.set(&pc, lit(0, 32));
        });
        b.when(&clearing, |b| {
            b.set(&clear_index, clear_index.plus(1));
            b.when(clear_index.is(REGISTERS as u64 - 1), |b| {
                b.set(&state, lit(READ, 3));
            });
        });
        b.when(&reading, |b| {
            b.set(&past, &outside);
            b.set(&state, mux(&outside, lit(FAULT, 3), lit(VALUE, 3)));
        });
        b.when(in_state(VALUE), |b| {
            b.set(&state, lit(EXECUTE, 3));
        });
        b.when(&execute & !&legal, |b| {
            b.set(&state, lit(FAULT, 3));
        });
        b.when(&step & &two_step, |b| {
            b.set(&state, lit(PRODUCT, 3));
        });
        b.when(&step & is(Op::Rds), |b| {
            b.set(&state, lit(RESPONSE, 3));
        });
        b.when(&halt, |b| {
            b.set(&state, lit(HOLD, 3));
        });
        b.when(&finish, |b| {
            b.set(&state, lit(READ, 3));
            b.set(&pc, mux(&taken, v2, pc.plus(1)));
        });
    });

    m.section("Outputs");
    m.assign(&dispatch_valid, &unit_mask & repeat(units, &execute));
    let mut parts: Vec<Expr> = vec![word.bits(24 + units - 1, 24), word.bits(16 + units - 1, 16)];
    parts.extend(values.iter().rev().cloned());
    parts.extend([pc.bits(PC_BITS - 1, 0), word.bits(15, 0)]);
    m.assign(&dispatch_data, cat(&parts));
    m.unused(word.bits(23, 16 + units));
    m.unused(word.bits(31, 24 + units));
    m.assign(&rd_valid, &execute & is(Op::Rds));
    m.assign(&rd_addr, v1);
    m.assign(&wr_valid, &execute & is(Op::Wrs));
    m.assign(&wr_addr, v0);
    m.assign(&wr_data, repeat(sw / 32, v1));
    m.assign(&token_valid, &step & is(Op::Emit));
    m.assign(&token_data, v1);
    m.assign(&halted, &halt);
    m.assign(&pc_out, &pc);
    m.assign(&fault_valid, in_state(FAULT));
    m.assign(&fault_cause, lit(Cause::Illegal.code().into(), 8));
    m.assign(&fault_info, mux(&past, lit(0, 32), opcode.extend(32)));
    m.finish()
}
