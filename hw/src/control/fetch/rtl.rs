//! RTL of `fetch`.

use std::sync::Arc;

use super::{BEATS_BITS, CHUNK, request_addr_bits};
use crate::control::PC_BITS;
use crate::isa::{Cause, FORMAT_VERSION, HEADER_BYTES, IMAGE_MAGIC, INSTR_BYTES, PROGRAM_MAGIC};
use crate::params::MachineParams;
use crate::rtl::{Module, RtlError, all, any, bits_for, cat, clog2, lit, mux, uint};

const IDLE: u64 = 0;
const PROGRAM_ASK: u64 = 1;
const PROGRAM_HEAD: u64 = 2;
const IMAGE_ASK: u64 = 3;
const IMAGE_HEAD: u64 = 4;
const COPY_ASK: u64 = 5;
const COPY: u64 = 6;
const FINISHED: u64 = 7;

/// Program fetch; `abi` is the machine's own hash. The hash is a port, so that one module serves all machines of
/// these sizes.
///
/// # Errors
/// `program_words` is not a power of two, or `bus_bits` is not 32, 64, 128 or 256.
pub fn fetch(p: &MachineParams) -> Result<Arc<Module>, RtlError> {
    let (w, a) = (p.bus_bits, p.addr_bits);
    let ra = request_addr_bits(a);
    let words = p.program_words;
    let cw = bits_for(words.into());
    let iw = clog2(words.into());
    let name = format!("fetch_w{w}_a{a}_n{words}");
    if !words.is_power_of_two() || !w.is_power_of_two() || !(32..=256).contains(&w) {
        return Err(RtlError {
            module: name,
            faults: vec![format!("bus of {w} bits, {words} instructions")],
        });
    }
    let mut m = Module::new(name).doc(
        "Reads and checks the headers of program and image, copies the program into the\n\
         instruction memory, then pulses run. One beat a cycle; stops at the first fault.",
    );
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse: begin");
    let prog_base = m.input("prog_base", uint(a), "byte address of the program header");
    let image_base = m.input("image_base", uint(a), "byte address of the image header");
    let abi = m.input("abi", uint(64), "ABI hash of this machine");
    let req = m.source(
        "req",
        uint(PC_BITS + BEATS_BITS + ra),
        "pc, beats, byte address",
    );
    let rsp = m.sink_last("rsp", uint(w), "beats of the requests, in order");
    let imem_we = m.output("imem_we", uint(1), "write an instruction");
    let imem_addr = m.output("imem_addr", uint(iw), "its number");
    let imem_data = m.output("imem_data", uint(256), "");
    let run = m.output("run", uint(1), "pulse: the program is in place");
    let count_out = m.output("count", uint(cw), "instructions of the program");
    let fault_valid = m.output("fault_valid", uint(1), "held until reset");
    let fault_cause = m.output("fault_cause", uint(8), "");
    let fault_info = m.output("fault_info", uint(32), "the word that is wrong");

    m.section("State");
    let state = m.reg_init("state", uint(3), IDLE);
    let in_state = |s: u64| state.is(s);
    let failed = m.reg_init("failed", uint(1), 0);
    let cause = m.reg("cause", uint(8));
    let info = m.reg("info", uint(32));
    let count = m.reg("count_held", uint(cw));
    let done = m.reg("copied", uint(cw));
    let left = m.wire("left", &count - &done);
    let receiving = m.wire(
        "receiving",
        any([
            &in_state(PROGRAM_HEAD),
            &in_state(IMAGE_HEAD),
            &in_state(COPY),
        ]),
    );

    m.section("Beats to words of 256 bits, first beat in the low bits");
    m.assign(&rsp.ready, &receiving);
    let beat = m.wire("beat", rsp.fire());
    let word = m.reg("word", uint(256));
    let word_done = m.reg_init("word_done", uint(1), 0);
    let shifted = if w == 256 {
        rsp.data.clone()
    } else {
        cat([&rsp.data, &word.bits(255, w)])
    };
    let word_last = if w == 256 {
        beat.clone()
    } else {
        let parts = 256 / w;
        let part = m.reg_init("part", uint(clog2(parts.into())), 0);
        m.clocked(&clk, |b| {
            b.when(&beat, |b| {
                b.set(&part, part.plus(1));
            });
        });
        &beat & part.is((parts - 1).into())
    };
    m.clocked(&clk, |b| {
        b.when(&beat, |b| {
            b.set(&word, &shifted);
        });
        b.set(&word_done, &word_last);
    });
    if let Some(last) = &rsp.last {
        m.unused(last);
    }

    m.section("Words of the current request still to come");
    let chunk = u64::from(words.min(CHUNK));
    let pending = m.reg("pending", uint(cw));
    let asking = m.wire(
        "asking",
        any([
            &in_state(PROGRAM_ASK),
            &in_state(IMAGE_ASK),
            &in_state(COPY_ASK),
        ]),
    );
    let part_size = m.wire(
        "part_size",
        mux(left.gt(lit(chunk, cw)), lit(chunk, cw), &left),
    );
    let head_words = u64::from(HEADER_BYTES / INSTR_BYTES);
    let ask_words = m.wire(
        "ask_words",
        mux(in_state(COPY_ASK), &part_size, lit(head_words, cw)),
    );
    let last_word = m.wire("last_word", &word_done & pending.is(1));

    m.section("Requests");
    let beats_shift = clog2((256 / w).max(2).into());
    let beats = if w == 256 {
        ask_words.extend(BEATS_BITS)
    } else {
        ask_words.extend(BEATS_BITS).shl(lit(beats_shift.into(), 2))
    };
    let copy_offset = m.wire(
        "copy_offset",
        done.extend(ra)
            .shl(lit(INSTR_BYTES.trailing_zeros().into(), 3)),
    );
    let copy_addr = m.wire(
        "copy_addr",
        (&prog_base.extend(ra) + &copy_offset).plus(HEADER_BYTES.into()),
    );
    let head_addr = mux(
        in_state(IMAGE_ASK),
        image_base.extend(ra),
        prog_base.extend(ra),
    );
    let addr = m.wire("addr", mux(in_state(COPY_ASK), &copy_addr, head_addr));
    m.assign(&req.valid, &asking);
    m.assign(&req.data, cat([&lit(0, PC_BITS), &beats, &addr]));

    m.section("Header checks; the first word that is wrong is the information of the fault");
    let field = |i: u32| word.element(i, 32);
    let magic = mux(
        in_state(PROGRAM_HEAD),
        lit(PROGRAM_MAGIC.into(), 32),
        lit(IMAGE_MAGIC.into(), 32),
    );
    let bad_magic = m.wire("bad_magic", field(0).ne(&magic));
    let bad_format = m.wire("bad_format", field(1).ne(lit(FORMAT_VERSION.into(), 32)));
    let bad_abi = m.wire("bad_abi", word.bits(127, 64).ne(&abi));
    let first = m.wire("first_head_word", &word_done & pending.is(head_words));
    let bad_head = m.wire("bad_head", any([&bad_magic, &bad_format, &bad_abi]));
    let head_info = mux(&bad_magic, field(0), mux(&bad_format, field(1), field(2)));
    let head_info = m.wire("head_info", head_info);
    let size = field(4);
    let bad_size = m.wire("bad_size", size.is(0) | size.gt(lit(words.into(), 32)));
    let unaligned = |x: &crate::rtl::Expr| x.bits(5, 0).reduce_or();
    let bad_prog_base = m.wire("bad_prog_base", unaligned(&prog_base));
    let bad_base = m.wire("bad_base", &bad_prog_base | unaligned(&image_base));
    let base_info = mux(&bad_prog_base, prog_base.resize(32), image_base.resize(32));
    let code = |c: Cause| lit(c.code().into(), 8);

    m.section("Sequence");
    m.clocked(&clk, |b| {
        b.when(&start & in_state(IDLE), |b| {
            b.when(&bad_base, |b| {
                b.set(&failed, lit(1, 1));
                b.set(&cause, code(Cause::Align));
                b.set(&info, &base_info);
                b.set(&state, lit(FINISHED, 3));
            })
            .otherwise(|b| {
                b.set(&state, lit(PROGRAM_ASK, 3));
            });
        });
        b.when(&asking & &req.ready, |b| {
            b.set(&pending, &ask_words);
            b.set(&state, state.plus(1));
        });
        b.when(&word_done, |b| {
            b.set(&pending, pending.minus(1));
        });
        b.when(&last_word, |b| {
            b.when(in_state(COPY), |b| {
                b.set(&state, mux(left.is(1), lit(FINISHED, 3), lit(COPY_ASK, 3)));
            })
            .otherwise(|b| {
                b.set(&state, state.plus(1));
            });
        });
        b.when(&imem_we, |b| {
            b.set(&done, done.plus(1));
        });
        b.when(&first & in_state(PROGRAM_HEAD), |b| {
            b.set(&count, size.truncate(cw));
            b.set(&done, lit(0, cw));
            b.when(&bad_head | &bad_size, |b| {
                b.set(&failed, lit(1, 1));
                b.set(
                    &cause,
                    mux(&bad_head, code(Cause::AbiProgram), code(Cause::ProgramSize)),
                );
                b.set(&info, mux(&bad_head, &head_info, &size));
                b.set(&state, lit(FINISHED, 3));
            });
        });
        b.when(all([&first, &in_state(IMAGE_HEAD), &bad_head]), |b| {
            b.set(&failed, lit(1, 1));
            b.set(&cause, code(Cause::AbiImage));
            b.set(&info, &head_info);
            b.set(&state, lit(FINISHED, 3));
        });
    });

    m.section("Instruction memory");
    m.assign(&imem_we, &word_done & in_state(COPY));
    m.assign(&imem_addr, done.bits(iw - 1, 0));
    m.assign(&imem_data, &word);
    let running = m.reg_init("running", uint(1), 0);
    let finished = m.wire("finished", in_state(FINISHED) & !&failed);
    m.clocked(&clk, |b| {
        b.set(&running, &finished);
    });
    m.assign(&run, &finished & !&running);
    m.assign(&count_out, &count);
    m.assign(&fault_valid, &failed);
    m.assign(&fault_cause, &cause);
    m.assign(&fault_info, &info);
    m.finish()
}
