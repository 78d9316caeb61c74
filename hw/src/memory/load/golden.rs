//! What load instructions do, from `docs/machine.md` section 4.

use crate::isa::Cause;
use crate::memory::{Dram, MemoryFault, MoveParams};
use crate::scratchpad::Scratchpad;

/// Bytes of whole beats for `n` 4-byte units rounded up to `unit` of them.
fn fetch(
    p: &MoveParams,
    dram: &Dram,
    state: bool,
    offset: u32,
    n: u32,
    unit: u32,
) -> Result<Vec<u8>, MemoryFault> {
    let per_beat = p.bus_bits / 32;
    if !offset.is_multiple_of(per_beat) {
        return Err(MemoryFault::new(Cause::Align, offset));
    }
    let units = u64::from(n).div_ceil(unit.into()) * u64::from(unit);
    if units / u64::from(per_beat) >= 1 << 24 {
        return Err(MemoryFault::new(Cause::Operand, n));
    }
    let addr = dram.address(state, offset);
    dram.check(addr, 4 * units, false)?;
    Ok(dram.read(addr, 4 * units))
}

/// `ld`: `ceil(n / L)` whole words from DRAM to scratchpad word `dst` on.
pub fn ld(
    p: &MoveParams,
    dram: &Dram,
    pad: &mut Scratchpad,
    state: bool,
    (dst, offset, n): (u32, u32, u32),
) -> Result<(), MemoryFault> {
    let words = n.div_ceil(p.lanes);
    if offset.is_multiple_of(p.bus_bits / 32) && words >= 1 << 16 {
        return Err(MemoryFault::new(Cause::Operand, n));
    }
    let bytes = fetch(p, dram, state, offset, n, p.lanes.max(p.bus_bits / 32))?;
    Ok(pad.write_bytes(dst, &bytes[..(words * p.lanes * 4) as usize])?)
}

/// `ld1`: one 4-byte word, written in every lane of word `dst`.
pub fn ld1(
    p: &MoveParams,
    dram: &Dram,
    pad: &mut Scratchpad,
    state: bool,
    (dst, offset): (u32, u32),
) -> Result<(), MemoryFault> {
    let per_beat = p.bus_bits / 32;
    let first = offset - offset % per_beat;
    let beat = dram.address(state, first);
    dram.check(beat, 4 * u64::from(per_beat), false)?;
    let bytes = dram.read(dram.address(state, offset), 4);
    let value = bytes.iter().rev().fold(0, |v, &b| v << 8 | u32::from(b));
    Ok(pad.write_scalar(dst, value)?)
}

/// `ldw`, `ldp`: the bytes of one packet, whole beats; no packet when empty.
pub fn packet(
    p: &MoveParams,
    dram: &Dram,
    state: bool,
    (offset, n): (u32, u32),
) -> Result<Vec<u8>, MemoryFault> {
    fetch(p, dram, state, offset, n, p.bus_bits / 32)
}
