//! Program fetch: reads the headers, checks them, fills the instruction memory.
//!
//! # `fetch_w<bus>_n<program words>`
//! On `start` (pulse, after reset): checks that both bases are aligned to 64 bytes (ALIGN), reads the program header
//! (ABI_PROGRAM, PROGRAM_SIZE), then the image header (ABI_IMAGE), then copies the instructions through `imem_we`, `imem_addr`,
//! `imem_data`, and pulses `run` with `count` (instructions; held). The first fault stops it until reset. `fault_info` is the word
//! that is wrong: magic, format version, low half of the ABI hash, count, or the base.
//! CRCs are for the host; hardware does not check them.
//!
//! Toward the guard: source `req` with `data` = pc [`super::PC_BITS`] (always 0), beats ([`BEATS_BITS`]), byte address
//! ([`request_addr_bits`]), most significant first; sink `rsp` with last (one packet a request), always ready while waiting.
//! At most [`CHUNK`] instructions a request. One beat a cycle.

mod rtl;

pub use rtl::fetch;

/// Bits of the beat count of a request.
pub const BEATS_BITS: u32 = 24;
/// Instructions in one request.
pub const CHUNK: u32 = 1024;

/// Bits of a request's byte address, as the guard takes it: one more than the longer of an AXI address and
/// 4 * offset.
pub const fn request_addr_bits(addr_bits: u32) -> u32 {
    if addr_bits > 34 { addr_bits + 1 } else { 35 }
}
