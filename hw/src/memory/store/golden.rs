//! What store instructions do, from `docs/machine.md` section 4.

use crate::isa::Cause;
use crate::memory::{Dram, MemoryFault, MoveParams};
use crate::scratchpad::Scratchpad;

/// `st`: `n` 4-byte units from scratchpad word `src` on to DRAM.
pub fn st(
    p: &MoveParams,
    dram: &mut Dram,
    pad: &Scratchpad,
    state: bool,
    (src, offset, n): (u32, u32, u32),
) -> Result<(), MemoryFault> {
    let per_beat = p.bus_bits / 32;
    if !offset.is_multiple_of(per_beat) || !n.is_multiple_of(per_beat) {
        return Err(MemoryFault::new(Cause::Align, offset));
    }
    if n.div_ceil(p.lanes) >= 1 << 16 {
        return Err(MemoryFault::new(Cause::Operand, n));
    }
    let addr = dram.address(state, offset);
    dram.check(addr, 4 * u64::from(n), true)?;
    let bytes = pad.read_bytes(src, 4 * n as usize)?;
    dram.write(addr, &bytes);
    Ok(())
}

/// `st1`: lane 0 of scratchpad word `src` to DRAM.
pub fn st1(
    p: &MoveParams,
    dram: &mut Dram,
    pad: &Scratchpad,
    state: bool,
    (src, offset): (u32, u32),
) -> Result<(), MemoryFault> {
    let per_beat = p.bus_bits / 32;
    let beat = dram.address(state, offset - offset % per_beat);
    dram.check(beat, 4 * u64::from(per_beat), true)?;
    let value = pad.read_scalar(src)?;
    dram.write(dram.address(state, offset), &value.to_le_bytes());
    Ok(())
}
