//! `vec_operand`: one operand of an instruction, its scalar first, then its vector.

use std::sync::Arc;

use super::reduce::named;
use crate::rtl::{Module, RtlError, lit, mux, uint, zero};
use crate::scratchpad::{ADDR_BITS, COUNT_BITS, command, vector_reader};

/// Both reads are asked for at once, so that the vector follows its scalar without a pause.
///
/// # Errors
/// A fault of the description itself.
pub(super) fn vec_operand(lanes: u32) -> Result<Arc<Module>, RtlError> {
    let word = uint(32 * lanes);
    let mut m = Module::new(named("vec_operand", lanes)).doc(
        "Reads a scalar (first word, marked by out_scalar) and a vector, each when wanted at start.\n\
         The scalar's word leaves in the cycle in which it is valid, whatever out_ready says.",
    );
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse: takes the four operands below");
    let want_scalar = m.input("want_scalar", uint(1), "");
    let want_vector = m.input("want_vector", uint(1), "the vector has a word or more");
    let scalar_addr = m.input("scalar_addr", uint(ADDR_BITS), "stands still");
    let base = m.input("base", uint(ADDR_BITS), "of the vector; stands still");
    let count = m.input(
        "count",
        uint(COUNT_BITS),
        "words of the vector; stands still",
    );
    let out_valid = m.output("out_valid", uint(1), "words, the scalar's first");
    let out_ready = m.input("out_ready", uint(1), "");
    let out_data = m.output("out_data", word, "");
    let out_scalar = m.output("out_scalar", uint(1), "the next word is the scalar");
    let req_valid = m.output("req_valid", uint(1), "read port of the scratchpad");
    let req_ready = m.input("req_ready", uint(1), "");
    let req_addr = m.output("req_addr", uint(ADDR_BITS), "");
    let rsp_valid = m.input("rsp_valid", uint(1), "exactly 2 cycles after the grant");
    let rsp_data = m.input("rsp_data", word, "");

    let ask_scalar = m.reg_init("ask_scalar", uint(1), 0);
    let ask_vector = m.reg_init("ask_vector", uint(1), 0);
    let scalar = m.reg_init("scalar", uint(1), 0);
    let cmd_valid = m.wire("cmd_valid", &ask_scalar | &ask_vector);
    let scalar_cmd = command(&scalar_addr, &lit(1, COUNT_BITS));
    let cmd = mux(&ask_scalar, scalar_cmd, command(&base, &count));
    let cmd = m.wire("cmd", cmd);
    let take = m.wire("take", &scalar | &out_ready);
    let reader = m.instance(
        "u_read",
        &vector_reader(word.width)?,
        &clk,
        &[
            ("cmd_valid", &cmd_valid),
            ("cmd_data", &cmd),
            ("out_ready", &take),
            ("req_ready", &req_ready),
            ("rsp_valid", &rsp_valid),
            ("rsp_data", &rsp_data),
        ],
    );
    m.unused(reader.get("out_last"));
    m.assign(&req_valid, reader.get("req_valid"));
    m.assign(&req_addr, reader.get("req_addr"));
    m.assign(&out_valid, reader.get("out_valid"));
    m.assign(&out_data, reader.get("out_data"));
    m.assign(&out_scalar, &scalar);
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&ask_scalar, &want_scalar);
            b.set(&scalar, &want_scalar);
            b.set(&ask_vector, &want_vector);
        })
        .otherwise(|b| {
            b.when(reader.get("cmd_ready"), |b| {
                b.set(&ask_scalar, zero());
                b.set(&ask_vector, &ask_vector & &ask_scalar);
            });
            b.when(reader.get("out_valid"), |b| {
                b.set(&scalar, zero());
            });
        });
    });
    m.finish()
}
