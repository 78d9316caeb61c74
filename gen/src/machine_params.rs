//! The one place where a configuration and a model become [`MachineParams`].

use crate::compile::{CompileError, prefill_block, scratchpad_need};
use crate::config::{Board, Derived};
use crate::model::Model;
use hw::params::MachineParams;

/// Bits of a memory address: the 1 TiB that the UltraScale+ family can reach.
const ADDR_BITS: u32 = 40;
/// AXI4 forbids bursts across this many bytes.
const BURST_BYTES: u32 = 4096;
/// Longest burst, beats; longer ones gain nothing and keep others waiting.
const MAX_BURST: u32 = 64;
/// AXI bursts in flight in each direction: enough to hide some hundred cycles of latency.
const OUTSTANDING: u32 = 8;
/// Cycles of a silent memory before the fault TIMEOUT.
const TIMEOUT: u32 = 1 << 16;
/// Cycles without progress before the fault DEADLOCK; above `TIMEOUT`, so that memory is blamed first.
const WATCHDOG: u32 = 1 << 20;
/// Banks of the scratchpad.
const SCRATCHPAD_BANKS: u32 = 4;
/// Least size of the scratchpad, words: one block memory is not used better by less.
const LEAST_SCRATCHPAD: u32 = 1024;
/// Most words of a scratchpad that is not given: what the hardware's addresses reach.
const MOST_SCRATCHPAD: u32 = 1 << 16;
/// Instructions the instruction memory holds, without and with prefill in blocks.
const PROGRAM_WORDS: [u32; 2] = [512, 1024];
/// Largest k of top-k.
const SAMPLE_K: u32 = 16;

/// Parameters of the machine for a model; `trace` adds the ports of the retired-instruction trace, which
/// simulation compares and hardware does without.
///
/// # Errors
/// The shapes of the model do not fit the machine.
pub fn machine_params(
    derived: &Derived,
    model: &Model,
    board: &Board,
    trace: bool,
) -> Result<MachineParams, CompileError> {
    let c = &model.config;
    let mut params = MachineParams {
        bus_bits: derived.bus_bits,
        addr_bits: ADDR_BITS.max(64 - board.memory_bytes.leading_zeros()),
        max_burst: MAX_BURST.min(BURST_BYTES / derived.bus_bytes),
        outstanding: OUTSTANDING,
        timeout: TIMEOUT,
        watchdog: WATCHDOG,
        vec_lanes: derived.lanes,
        scratchpad_words: LEAST_SCRATCHPAD,
        scratchpad_banks: SCRATCHPAD_BANKS,
        program_words: PROGRAM_WORDS[usize::from(derived.batch > 1)],
        queue_depth: derived.queue_depth,
        technology: derived.technology,
        weight_format: derived.weight_format,
        dram_format: derived.dram_format,
        style: derived.style,
        storage: derived.storage,
        reduction: derived.reduction,
        groups: derived.groups,
        rows: derived.rows,
        batch: derived.batch,
        max_row_tiles: derived.max_row_tiles,
        max_k: derived.longest_k,
        weight_buffer_beats: derived.weight_buffer_beats,
        stream_buffer_beats: derived.stream_buffer_beats,
        pe_rows: derived.pe_rows,
        pe_max_len: to_u32(c.hidden.max(c.head_dim)),
        pe_max_count: derived.context,
        pe_modes: derived.pe_modes,
        sample_k: SAMPLE_K,
        trace,
    };
    params.scratchpad_words = match derived.scratchpad_words {
        Some(words) => words,
        None => {
            let block = prefill_block(model, &params, derived.context, MOST_SCRATCHPAD)?;
            let need = scratchpad_need(model, &params, derived.context, block)?;
            need.next_power_of_two().max(LEAST_SCRATCHPAD)
        }
    };
    Ok(params)
}

/// Dimensions of a model are below 2^31: the importer refuses larger ones.
fn to_u32(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
