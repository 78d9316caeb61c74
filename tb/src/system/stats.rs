//! Performance counters as the host reads them.

use hw::isa::{Unit, csr};
use serde::Serialize;

/// Cycles of one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnitCycles {
    /// With instructions in flight.
    pub busy: u64,
    /// The next instruction waits for a token.
    pub stalled: u64,
}

/// The machine's own counters of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub cycles: u64,
    /// In the order of `Unit::ALL`.
    pub units: [UnitCycles; Unit::COUNT],
    pub read_beats: u64,
    pub write_beats: u64,
    pub read_idle: u64,
    pub read_stall: u64,
    pub tokens: u32,
    pub retired: u32,
}

impl Counters {
    /// Share of cycles in which the memory bus moves a beat.
    pub fn bus_utilisation(&self) -> f64 {
        if self.cycles == 0 {
            return 0.0;
        }
        (self.read_beats + self.write_beats) as f64 / self.cycles as f64
    }
}

/// Registers that hold the counters, in the order in which `collect` takes their values.
pub(super) fn registers() -> Vec<u32> {
    let mut offsets = vec![csr::CYCLES_LO];
    for i in 0..Unit::COUNT as u32 {
        offsets.push(csr::BUSY_LOAD_LO + 8 * i);
        offsets.push(csr::STALLED_LOAD_LO + 8 * i);
    }
    let tail = [
        csr::READ_BEATS_LO,
        csr::WRITE_BEATS_LO,
        csr::READ_IDLE_LO,
        csr::READ_STALL_LO,
    ];
    offsets.extend(tail);
    let mut all: Vec<u32> = offsets.iter().flat_map(|&o| [o, o + 4]).collect();
    all.extend([csr::TOKEN_COUNT, csr::RETIRED]);
    all
}

/// Counters from the values of [`registers`].
pub(super) fn collect(values: &[u32]) -> Counters {
    let mut wide = values
        .chunks_exact(2)
        .map(|p| u64::from(p[0]) | u64::from(p[1]) << 32);
    let mut next = || wide.next().unwrap_or(0);
    let cycles = next();
    let units = std::array::from_fn(|_| UnitCycles {
        busy: next(),
        stalled: next(),
    });
    let (read_beats, write_beats, read_idle, read_stall) = (next(), next(), next(), next());
    let at = values.len().saturating_sub(2);
    let narrow = values.get(at..).unwrap_or(&[]);
    Counters {
        cycles,
        units,
        read_beats,
        write_beats,
        read_idle,
        read_stall,
        tokens: narrow.first().copied().unwrap_or(0),
        retired: narrow.get(1).copied().unwrap_or(0),
    }
}
