//! Boards: `constraints/boards/*.toml`, embedded in the program, or a file of the user's own.

use super::read::{Absent, Key, Kind, read};
use crate::diag::{Diagnostics, Source};
use hw::params::Technology;
use serde::Serialize;

/// What the device offers; `None` where the board file is silent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// Lookup tables.
    pub luts: Option<u64>,
    /// Flip-flops.
    pub flip_flops: Option<u64>,
    /// Block RAMs, in the family's own size.
    pub block_rams: Option<u64>,
    /// UltraRAMs of 288 Kbit.
    pub ultra_rams: Option<u64>,
    /// Multiplier blocks.
    pub dsps: Option<u64>,
}

/// One board.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Board {
    /// Name used in `[target] board`.
    pub name: String,
    /// One line for lists.
    pub description: String,
    /// Ordering code of the device.
    pub part: String,
    /// What the emitted Verilog is for.
    pub technology: Technology,
    /// Clock of the accelerator, MHz.
    pub clock_mhz: f64,
    /// What kind of memory.
    pub memory_kind: String,
    /// Width of the memory bus at the accelerator, bits.
    pub bus_bits: u32,
    /// Size of the memory, bytes.
    pub memory_bytes: u64,
    /// Peak bandwidth of the memory, bytes a second.
    pub memory_bandwidth: f64,
    /// What the device offers.
    pub resources: Resources,
}

fn technology(word: &str) -> Technology {
    let found = Technology::ALL.into_iter().find(|t| t.word() == word);
    found.unwrap_or(Technology::Generic)
}

/// Widths the memory bus may have, bits.
pub const BUS_BITS: &[u64] = &[32, 64, 128, 256];

const BUILT_IN: &[(&str, &str)] = &[
    (
        "sim64",
        include_str!("../../../constraints/boards/sim64.toml"),
    ),
    (
        "kv260",
        include_str!("../../../constraints/boards/kv260.toml"),
    ),
    (
        "ulx3s-85f",
        include_str!("../../../constraints/boards/ulx3s-85f.toml"),
    ),
];

const ANY_COUNT: Kind = Kind::Count {
    min: 1,
    max: 1 << 62,
    power_of_two: false,
};

const fn key(section: &'static str, name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        section,
        name,
        kind,
        absent: Absent::Refuse,
        doc,
    }
}

const fn resource(name: &'static str, doc: &'static str) -> Key {
    Key {
        section: "resources",
        name,
        kind: ANY_COUNT,
        absent: Absent::Derive("nothing: the count is unknown"),
        doc,
    }
}

/// The keys of a board file.
pub const BOARD_KEYS: &[Key] = &[
    key(
        "board",
        "name",
        Kind::Text,
        "Name used in `[target] board`.",
    ),
    key("board", "description", Kind::Text, "One line for lists."),
    key("device", "part", Kind::Text, "Ordering code of the device."),
    key(
        "device",
        "technology",
        Kind::Choice(&["xilinx-uscale", "ecp5", "generic", "asic"]),
        "Technology of the emitted Verilog.",
    ),
    key(
        "clock",
        "mhz",
        Kind::Positive,
        "Clock of the accelerator, MHz.",
    ),
    key("memory", "kind", Kind::Text, "What kind of memory."),
    key(
        "memory",
        "bus_bits",
        Kind::OneOf(BUS_BITS),
        "Width of the memory bus, bits.",
    ),
    key("memory", "bytes", ANY_COUNT, "Size of the memory, bytes."),
    key(
        "memory",
        "bandwidth_gbps",
        Kind::Positive,
        "Peak bandwidth, 10^9 bytes a second.",
    ),
    resource("luts", "Lookup tables."),
    resource("flip_flops", "Flip-flops."),
    resource("block_rams", "Block RAMs, in the family's own size."),
    resource("ultra_rams", "UltraRAMs of 288 Kbit."),
    resource("dsps", "Multiplier blocks."),
];

impl Board {
    /// Names of the boards the program brings with it.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// A board the program brings with it; `None` for an unknown name.
    pub fn built_in(name: &str) -> Option<Result<Self, Diagnostics>> {
        let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(&Source::new(format!("{name}.toml"), *text)))
    }

    /// Reads a board file.
    ///
    /// # Errors
    /// Every unknown, missing or illegal key of the file.
    pub fn parse(source: &Source) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        let values = read(source, BOARD_KEYS, &mut diagnostics);
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        Ok(Self {
            name: values.text("board.name").to_owned(),
            description: values.text("board.description").to_owned(),
            part: values.text("device.part").to_owned(),
            technology: technology(values.text("device.technology")),
            clock_mhz: values.number("clock.mhz").unwrap_or_default(),
            memory_kind: values.text("memory.kind").to_owned(),
            bus_bits: values.small("memory.bus_bits").unwrap_or_default(),
            memory_bytes: values.count("memory.bytes").unwrap_or_default(),
            memory_bandwidth: values.number("memory.bandwidth_gbps").unwrap_or_default() * 1e9,
            resources: Resources {
                luts: values.count("resources.luts"),
                flip_flops: values.count("resources.flip_flops"),
                block_rams: values.count("resources.block_rams"),
                ultra_rams: values.count("resources.ultra_rams"),
                dsps: values.count("resources.dsps"),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_board_reads_and_carries_its_own_name() {
        for name in Board::names() {
            let board = Board::built_in(name)
                .unwrap()
                .unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(board.name, name);
            assert!(board.memory_bandwidth > 0.0 && board.clock_mhz > 0.0);
        }
        assert!(Board::built_in("kv26").is_none());
    }
}
