//! DRAM as a slice of bytes with the windows that the guard enforces.

use std::ops::Range;

use thiserror::Error;

use crate::isa::Cause;
use crate::scratchpad::RangeFault;

/// Why a load or a store stops the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{} (info {info:#x})", cause.name())]
pub struct MemoryFault {
    pub cause: Cause,
    /// `WINDOW`: byte address of the request's first beat; `ALIGN`: offset; `OPERAND`: n; `SCRATCH_RANGE`: word.
    pub info: u64,
}

impl MemoryFault {
    pub(super) fn new(cause: Cause, info: impl Into<u64>) -> MemoryFault {
        let info = info.into();
        MemoryFault { cause, info }
    }
}

impl From<RangeFault> for MemoryFault {
    fn from(f: RangeFault) -> MemoryFault {
        MemoryFault::new(Cause::ScratchRange, f.addr)
    }
}

/// Memory behind the guard. Windows are byte addresses; they may reach past `bytes`, which then reads as 0.
#[derive(Debug)]
pub struct Dram<'a> {
    /// Byte address of `bytes[0]`.
    pub origin: u64,
    pub bytes: &'a mut [u8],
    pub image: Range<u64>,
    pub state: Range<u64>,
}

impl Dram<'_> {
    /// Byte address of `offset` in 4-byte units from the base of a window.
    pub(super) fn address(&self, state: bool, offset: u32) -> u64 {
        let window = if state { &self.state } else { &self.image };
        window.start + 4 * u64::from(offset)
    }

    /// Checks the whole beats `addr .. addr + len` against the windows of load (`write` false) or store.
    pub(super) fn check(&self, addr: u64, len: u64, write: bool) -> Result<(), MemoryFault> {
        let inside = |w: &Range<u64>| addr >= w.start && addr + len <= w.end;
        if len == 0 || inside(&self.state) || (!write && inside(&self.image)) {
            return Ok(());
        }
        Err(MemoryFault::new(Cause::Window, addr))
    }

    fn place(&self, addr: u64) -> Option<usize> {
        let place = usize::try_from(addr.checked_sub(self.origin)?).ok()?;
        (place < self.bytes.len()).then_some(place)
    }

    pub(super) fn read(&self, addr: u64, len: u64) -> Vec<u8> {
        (addr..addr + len)
            .map(|a| self.place(a).map_or(0, |i| self.bytes[i]))
            .collect()
    }

    pub(super) fn write(&mut self, addr: u64, bytes: &[u8]) {
        for (a, byte) in (addr..).zip(bytes) {
            if let Some(i) = self.place(a) {
                self.bytes[i] = *byte;
            }
        }
    }
}
