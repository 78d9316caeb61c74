//! The unit: control, and the walk over K tiles and weight words.

use std::sync::Arc;

use super::TlmmParams;
use super::parts::{RESULTS, activations, array, results};
use super::unpack::unpack;
use crate::glue::ceil_shift;
use crate::isa::Cause;
use crate::params::{DramFormat, WeightFormat};
use crate::rtl::{Module, RtlError, all, bits_for, clog2, lit, mux, one, uint, zero};
use crate::scratchpad::{ADDR_BITS, COUNT_BITS, command};

/// States of the control.
const IDLE: u64 = 0;
const CHECK: u64 = 1;
const RUN: u64 = 2;
const FINISH: u64 = 3;

impl TlmmParams {
    /// Rules of the parameters, those that are broken in words.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut rule = |ok: bool, text: String| {
            if !ok {
                faults.push(text);
            }
        };
        rule(
            (self.dram == DramFormat::Sherry) == (self.format == WeightFormat::Sherry),
            format!(
                "{:?} in DRAM cannot feed {:?} tables",
                self.dram, self.format
            ),
        );
        rule(
            self.groups > 0 && 8 * self.tile_k() <= 1024,
            format!(
                "T = {}: a K tile must have 1 to 128 activations",
                self.groups
            ),
        );
        rule(
            self.rows > 0 && self.rows <= 32,
            format!("Q = {} is not in 1..=32", self.rows),
        );
        rule(
            self.word_bits() <= 1024,
            format!("T Q = {} exceeds 204 indices", self.word_indices()),
        );
        rule(
            self.max_row_tiles.is_power_of_two() && self.max_row_tiles >= 2,
            format!(
                "max_row_tiles = {} is not a power of two",
                self.max_row_tiles
            ),
        );
        rule(
            self.max_k > 0 && self.acc_bits() <= 32,
            format!("max_k = {} is not in 1..=2^23", self.max_k),
        );
        rule(
            self.max_row_tiles * self.rows < 1 << COUNT_BITS,
            "more results than a writer can count".into(),
        );
        faults
    }
}

/// The unit. Ports: `clk`, `rst`, sink `op` (256 bits), `done`, `fault_valid`, `fault_cause`, `fault_info`, sink `w`
/// (W bits, last), read port `rd_req_*`, `rd_rsp_*`, write port `wr_*` of the scratchpad.
///
/// # Errors
/// Parameters out of range or that do not fit each other.
pub fn tlmm(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let faults = p.faults();
    if !faults.is_empty() {
        let module = "tlmm".into();
        return Err(RtlError { module, faults });
    }
    let mut m = Module::new("tlmm").doc(format!(
        "Ternary matrix engine: {} groups of {} weights times {} rows a cycle, by table lookup.\n\
         gemv: ceil(K / {}) * NT weight words, one a cycle when weights and activations are there.\n\
         Tables of the next K tile are made from activations that wait in a gearbox, so that the\n\
         switch costs no cycle; results leave during the pass over the last K tile.",
        p.groups,
        p.format.group(),
        p.rows,
        p.tile_k()
    ));
    let (word, lanes) = (32 * p.lanes, p.lanes);
    let clk = m.clock_reset("clk", "rst");
    let op = m.sink("op", uint(256), "instruction: opcode, flags, pc, f0..f6");
    let done = m.output(
        "done",
        uint(1),
        "pulse: instruction retired, results visible",
    );
    let fault_valid = m.output("fault_valid", uint(1), "held until reset");
    let fault_cause = m.output("fault_cause", uint(8), "2 OPERAND, 3 STREAM_SHORT");
    let fault_info = m.output(
        "fault_info",
        uint(32),
        "the operand, or the row tile at which words ended",
    );
    let w = m.sink_last("w", uint(p.bus_bits), "weight packets");
    let rd_valid = m.output("rd_req_valid", uint(1), "read port of the scratchpad");
    let rd_ready = m.input("rd_req_ready", uint(1), "");
    let rd_addr = m.output("rd_req_addr", uint(ADDR_BITS), "word");
    let rd_rsp_valid = m.input("rd_rsp_valid", uint(1), "2 cycles after the grant");
    let rd_rsp_data = m.input("rd_rsp_data", uint(word), "");
    let wr_valid = m.output("wr_valid", uint(1), "write port of the scratchpad");
    let wr_ready = m.input("wr_ready", uint(1), "");
    let wr_addr = m.output("wr_addr", uint(ADDR_BITS), "word");
    let wr_data = m.output("wr_data", uint(word), "");

    m.section("Instruction");
    let rw = clog2(p.max_row_tiles.into());
    let state = m.reg_init("state", uint(2), IDLE);
    m.note(&state, "0 idle, 1 check, 2 run, 3 finish");
    let [dst, src, k, nt] = ["dst", "src", "k", "nt"].map(|name| m.reg(name, uint(32)));
    m.unused(op.data.bits(31, 0));
    m.unused(op.data.bits(255, 160));
    let faulted = m.reg_init("faulted", uint(1), 0);
    m.assign(&op.ready, state.is(IDLE) & !&faulted);
    let accept = m.wire("accept", op.fire());
    let bad_k = m.wire("bad_k", k.is(0) | k.gt(lit(p.max_k.into(), 32)));
    let bad_nt = m.wire("bad_nt", nt.is(0) | nt.gt(lit(p.max_row_tiles.into(), 32)));
    let checking = m.wire("checking", state.is(CHECK) & !&faulted);
    let bad = m.wire("bad", &bad_k | &bad_nt);
    let start = m.wire("starting", &checking & !&bad);

    m.section("Weight words");
    let w_last = w.last.clone().unwrap_or_else(zero);
    let codes_ready = m.wire_decl("codes_ready", uint(1));
    let unpacked = m.instance(
        "u_unpack",
        &unpack(p)?,
        &clk,
        &[
            ("in_valid", &w.valid),
            ("in_data", &w.data),
            ("in_last", &w_last),
            ("out_ready", &codes_ready),
        ],
    );
    m.assign(&w.ready, unpacked.get("in_ready"));
    let (codes_valid, codes_last) = (unpacked.get("out_valid"), unpacked.get("out_last"));

    m.section("K tiles");
    let act_shift = (4 * lanes).trailing_zeros();
    let k_low = k.bits(bits_for(p.max_k.into()) - 1, 0);
    let src_words = ceil_shift(&mut m, "src_words", &k_low, act_shift, COUNT_BITS);
    let src_cmd = command(&src, &src_words);
    let acts_k = k.bits(bits_for(p.max_k.into()).max(act_shift) - 1, 0);
    let tile_ready = m.wire_decl("tile_ready", uint(1));
    let tiles = m.instance(
        "u_acts",
        &activations(p)?,
        &clk,
        &[
            ("cmd_valid", &start),
            ("cmd_data", &src_cmd),
            ("k", &acts_k),
            ("req_ready", &rd_ready),
            ("rsp_valid", &rd_rsp_valid),
            ("rsp_data", &rd_rsp_data),
            ("out_ready", &tile_ready),
        ],
    );
    m.assign(&rd_valid, tiles.get("req_valid"));
    m.assign(&rd_addr, tiles.get("req_addr"));

    m.section("Walk over the weight words");
    let tile_valid = m.reg_init("tile_valid", uint(1), 0);
    let tile_last = m.reg("tile_last", uint(1));
    let tile_first = m.reg("tile_first", uint(1));
    m.note(&tile_first, "first K tile: sums start from 0");
    let row = m.reg("row", uint(rw));
    let row_end = m.reg("row_end", uint(rw));
    m.note(&row_end, "row tiles minus one");
    let ended = m.reg("ended", uint(1));
    m.note(&ended, "the packet's last word has been taken");
    let rb = bits_for(RESULTS);
    let room = m.reg_init("room", uint(rb), RESULTS);
    m.note(&room, "places for results that no word in flight will take");
    let has_room = m.wire("has_room", !&tile_last | room.ne(lit(0, rb)));
    let running = m.wire("running", state.is(RUN) & !&faulted);
    let may_take = m.wire("may_take", all([&running, &tile_valid, &has_room]));
    let take = m.wire("take", &may_take & &codes_valid);
    let row_last = m.wire("row_last", row.eq(&row_end));
    let tile_end = m.wire("tile_end", &take & &row_last);
    let finish = m.wire("finish", &tile_end & &tile_last);
    let short = m.wire("short", &take & &codes_last & !&finish);
    m.assign(&tile_ready, &running & (!&tile_valid | &tile_end));
    let load = m.wire("load", tiles.get("out_valid") & &tile_ready);
    let drop = m.wire("drop", state.is(FINISH) & !&ended);
    m.assign(&codes_ready, &may_take | &drop);

    m.section("Lookups, sums, results");
    let single = row_end.is(0);
    let sums = m.instance(
        "u_array",
        &array(p)?,
        &clk,
        &[
            ("load", &load),
            ("acts", &tiles.get("out_data")),
            ("take", &take),
            ("codes", &unpacked.get("out_data")),
            ("row", &row),
            ("row_last", &row_last),
            ("tile_first", &tile_first),
            ("tile_last", &tile_last),
            ("single", &single),
        ],
    );
    let nt_low = m.wire("nt_low", nt.bits(rw, 0));
    let elements = m.wire(
        "elements",
        &nt_low * lit(p.rows.into(), bits_for(p.rows.into())),
    );
    let dst_words = ceil_shift(
        &mut m,
        "dst_words",
        &elements,
        lanes.trailing_zeros(),
        COUNT_BITS,
    );
    let out = m.instance(
        "u_results",
        &results(p)?,
        &clk,
        &[
            ("cmd_valid", &start),
            ("cmd_data", &command(&dst, &dst_words)),
            ("in_valid", &sums.get("out_valid")),
            ("in_data", &sums.get("out_data")),
            ("in_last", &sums.get("out_last")),
            ("wr_ready", &wr_ready),
        ],
    );
    m.assign(&wr_valid, out.get("wr_valid"));
    m.assign(&wr_addr, out.get("wr_addr"));
    m.assign(&wr_data, out.get("wr_data"));

    m.section("Control");
    let written = m.reg("written", uint(1));
    let retire = m.wire("retire", all([&state.is(FINISH), &ended, &written]));
    let done_q = m.reg_init("done_q", uint(1), 0);
    let reserve = m.wire("reserve", &take & &tile_last);
    let freed = out.get("popped");
    let last_word = m.wire(
        "last_word",
        (&finish | (&drop & &codes_valid)) & &codes_last,
    );
    m.clocked(&clk, |b| {
        b.set(&done_q, &retire);
        b.when(&accept, |b| {
            b.set(&state, lit(CHECK, 2));
            for (reg, field) in [(&dst, 0), (&src, 1), (&k, 2), (&nt, 3)] {
                b.set(reg, op.data.element(1 + field, 32));
            }
        })
        .elif(&start, |b| {
            b.set(&state, lit(RUN, 2));
            b.set(&row_end, nt.bits(rw - 1, 0).minus(1));
        })
        .elif(&finish, |b| {
            b.set(&state, lit(FINISH, 2));
        })
        .elif(&retire, |b| {
            b.set(&state, lit(IDLE, 2));
        });
        b.when(&start, |b| {
            b.set(&row, lit(0, rw));
        })
        .elif(&take, |b| {
            b.set(&row, mux(&row_last, lit(0, rw), row.plus(1)));
        });
        b.when(&load, |b| {
            b.set(&tile_valid, one());
            b.set(&tile_last, tiles.get("out_last"));
        })
        .elif(&tile_end, |b| {
            b.set(&tile_valid, zero());
        });
        b.set(&tile_first, &start | (&tile_first & !&tile_end));
        b.set(&ended, (&ended | &last_word) & !&start);
        b.set(&written, (&written | out.get("done")) & !&start);
        b.when(&reserve & !&freed, |b| {
            b.set(&room, room.minus(1));
        })
        .elif(&freed & !&reserve, |b| {
            b.set(&room, room.plus(1));
        });
    });
    m.assert("room_fits", &clk, room.le(lit(RESULTS, rb)));
    m.assign(&done, &done_q);

    m.section("Faults: the first is kept, and nothing more is taken");
    let cause = m.reg("cause", uint(8));
    let info = m.reg("info", uint(32));
    m.clocked(&clk, |b| {
        b.when(&checking & &bad, |b| {
            b.set(&faulted, one());
            b.set(&cause, lit(Cause::Operand.code().into(), 8));
            b.set(&info, mux(&bad_k, &k, &nt));
        })
        .elif(&short, |b| {
            b.set(&faulted, one());
            b.set(&cause, lit(Cause::StreamShort.code().into(), 8));
            b.set(&info, row.extend(32));
        });
    });
    m.assign(&fault_valid, &faulted);
    m.assign(&fault_cause, &cause);
    m.assign(&fault_info, &info);
    m.finish()
}
