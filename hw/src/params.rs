//! Parameters of the whole machine: one plain struct that every unit's parameters derive from, and its digest, the ABI hash.

use crate::pe::PeModes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Format of a group of ternary weights inside the engine: one index a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightFormat {
    /// 3 dense ternary weights, 27 of 32 codes (TeLLMe, papers.md 1.3); 27..=31 read as zeros.
    G3,
    /// 4 weights of which exactly one is zero, 32 codes (Sherry, papers.md 5.2).
    Sherry,
    /// One ternary weight, weight + 1 in 2 bits; 3 reads as zero.
    TwoBit,
}

impl WeightFormat {
    pub const ALL: [WeightFormat; 3] =
        [WeightFormat::G3, WeightFormat::Sherry, WeightFormat::TwoBit];

    /// Its name in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            WeightFormat::G3 => "g3",
            WeightFormat::Sherry => "sherry",
            WeightFormat::TwoBit => "two_bit",
        }
    }

    /// Weights in a group.
    pub const fn group(self) -> u32 {
        match self {
            WeightFormat::G3 => 3,
            WeightFormat::Sherry => 4,
            WeightFormat::TwoBit => 1,
        }
    }

    /// Bits of an index.
    pub const fn index_bits(self) -> u32 {
        match self {
            WeightFormat::G3 | WeightFormat::Sherry => 5,
            WeightFormat::TwoBit => 2,
        }
    }
}

/// Format of weights in DRAM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DramFormat {
    /// 5 weights a byte, 1.6 bits a weight; unpacks to g3 or two-bit indices.
    Base3,
    /// 5 bits for 3 weights.
    G3,
    /// 5 bits for 4 weights.
    Sherry,
    /// 2 bits a weight.
    TwoBit,
}

impl DramFormat {
    pub const ALL: [DramFormat; 4] = [
        DramFormat::Base3,
        DramFormat::G3,
        DramFormat::Sherry,
        DramFormat::TwoBit,
    ];

    /// Its name in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            DramFormat::Base3 => "base3",
            DramFormat::G3 => "g3",
            DramFormat::Sherry => "sherry",
            DramFormat::TwoBit => "two_bit",
        }
    }

    /// Weights and the bits that hold them, without padding.
    pub const fn weights_in_bits(self) -> (u32, u32) {
        match self {
            DramFormat::Base3 => (5, 8),
            DramFormat::G3 => (3, 5),
            DramFormat::Sherry => (4, 5),
            DramFormat::TwoBit => (1, 2),
        }
    }

    /// What it unpacks to, the usual one first.
    pub const fn feeds(self) -> &'static [WeightFormat] {
        match self {
            DramFormat::Base3 => &[WeightFormat::G3, WeightFormat::TwoBit],
            DramFormat::G3 => &[WeightFormat::G3],
            DramFormat::Sherry => &[WeightFormat::Sherry],
            DramFormat::TwoBit => &[WeightFormat::TwoBit],
        }
    }
}

/// What the emitted Verilog is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technology {
    /// AMD UltraScale+: RAM32M16 and DSP48E2 are instantiated.
    XilinxUscale,
    /// Lattice ECP5: CCU2C and block RAM are instantiated.
    Ecp5,
    /// Nothing is assumed; memories and multipliers are inferred.
    Generic,
    /// Standard cells; memories are macros.
    Asic,
}

impl Technology {
    pub const ALL: [Technology; 4] = [
        Technology::XilinxUscale,
        Technology::Ecp5,
        Technology::Generic,
        Technology::Asic,
    ];

    /// Its name in board files.
    pub const fn word(self) -> &'static str {
        match self {
            Technology::XilinxUscale => "xilinx-uscale",
            Technology::Ecp5 => "ecp5",
            Technology::Generic => "generic",
            Technology::Asic => "asic",
        }
    }
}

/// How the ternary engine multiplies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Look-up in tables of the signed sums of a group.
    Table,
    /// Each weight selects plus, minus or nothing of an activation.
    Select,
}

impl Style {
    pub const ALL: [Style; 2] = [Style::Table, Style::Select];

    /// Its name in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Style::Table => "table",
            Style::Select => "select",
        }
    }

    /// What is smallest: tables where there are RAM32M16 and DSP48E2 to make them of, and groups to make them for.
    pub const fn usual(technology: Technology, format: WeightFormat) -> Style {
        match (technology, format) {
            (Technology::XilinxUscale, WeightFormat::G3 | WeightFormat::Sherry) => Style::Table,
            _ => Style::Select,
        }
    }
}

/// Where the tables of [`Style::Table`] are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// Full tables in distributed RAM (UltraScale+).
    Distributed,
    /// Half tables in registers, built and summed in fabric.
    Registers,
}

impl Storage {
    pub const ALL: [Storage; 2] = [Storage::Distributed, Storage::Registers];

    /// Its name in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Storage::Distributed => "distributed",
            Storage::Registers => "registers",
        }
    }

    /// What is smallest.
    pub const fn usual(technology: Technology) -> Storage {
        match technology {
            Technology::XilinxUscale => Storage::Distributed,
            _ => Storage::Registers,
        }
    }
}

/// What sums the look-ups of [`Storage::Distributed`] and makes its tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// DSP48E2: four lanes of 12 bits, then two of 24.
    Dsp,
    /// Carry chains of three operands.
    Fabric,
}

impl Reduction {
    pub const ALL: [Reduction; 2] = [Reduction::Dsp, Reduction::Fabric];

    /// Groups T at most.
    pub const fn most_groups(self) -> u32 {
        match self {
            Reduction::Dsp => 128,
            Reduction::Fabric => 256,
        }
    }

    /// Whether it sums T groups: tables are read and summed eight at a time.
    pub const fn takes_groups(self, t: u32) -> bool {
        t > 0 && t.is_multiple_of(8) && t <= self.most_groups()
    }

    /// Whether it sums Q rows: a DSP48E2 takes four; without it rows share the eight readers of a table.
    pub const fn takes_rows(self, q: u32) -> bool {
        let fours = q > 0 && q.is_multiple_of(4);
        match self {
            Reduction::Dsp => fours,
            Reduction::Fabric => fours || q == 1 || q == 2,
        }
    }

    /// Its name in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Reduction::Dsp => "dsp",
            Reduction::Fabric => "fabric",
        }
    }
}

/// Parameters of the machine. `gen` checks every rule before it makes one of these.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MachineParams {
    /// AXI data bits W: 32, 64, 128 or 256.
    pub bus_bits: u32,
    /// AXI address bits.
    pub addr_bits: u32,
    /// Longest AXI burst in beats (power of two, at most 256).
    pub max_burst: u32,
    /// AXI bursts in flight in each direction.
    pub outstanding: u32,
    /// Cycles of a silent memory before TIMEOUT.
    pub timeout: u32,
    /// Cycles without progress before DEADLOCK.
    pub watchdog: u32,
    /// Vector lanes L: 2, 4, 8 or 16.
    pub vec_lanes: u32,
    /// Scratchpad size in words of 32 L bits; a power of two, at most 65536.
    pub scratchpad_words: u32,
    /// Scratchpad banks; a power of two.
    pub scratchpad_banks: u32,
    /// Instructions the instruction memory holds; a power of two.
    pub program_words: u32,
    /// Places in each unit's instruction queue; a power of two.
    pub queue_depth: u32,
    pub technology: Technology,
    pub weight_format: WeightFormat,
    pub dram_format: DramFormat,
    pub style: Style,
    pub storage: Storage,
    pub reduction: Reduction,
    /// Groups in parallel T.
    pub groups: u32,
    /// Output rows in parallel Q.
    pub rows: u32,
    /// Activation vectors that one weight pass serves at most, B.
    pub batch: u32,
    /// Row tiles (N / Q) the accumulator memory holds; a power of two.
    pub max_row_tiles: u32,
    /// Longest K of a ternary product; sizes the accumulator.
    pub max_k: u32,
    /// Beats in the buffer in front of tlmm; a power of two.
    pub weight_buffer_beats: u32,
    /// Beats in the buffer in front of pe; a power of two.
    pub stream_buffer_beats: u32,
    /// Query heads R that one pass over K or V serves.
    pub pe_rows: u32,
    /// Longest vector of pedot/peaxpy in elements.
    pub pe_max_len: u32,
    /// Most vectors of peaxpy (the context).
    pub pe_max_count: u32,
    /// What pe multiplies with what.
    pub pe_modes: PeModes,
    /// Largest k of top-k.
    pub sample_k: u32,
    /// Retired-instruction trace ports.
    pub trace: bool,
}

impl MachineParams {
    /// Bytes of a bus beat WB.
    pub const fn bus_bytes(&self) -> u32 {
        self.bus_bits / 8
    }

    /// Bits of a scratchpad word.
    pub const fn word_bits(&self) -> u32 {
        32 * self.vec_lanes
    }

    /// Bytes of a scratchpad word.
    pub const fn word_bytes(&self) -> u32 {
        4 * self.vec_lanes
    }

    /// Bits of a scratchpad address.
    pub const fn scratch_addr_bits(&self) -> u32 {
        crate::rtl::clog2(self.scratchpad_words as u64)
    }

    /// Activations of one K tile of the ternary engine.
    pub const fn tile_k(&self) -> u32 {
        self.groups * self.weight_format.group()
    }

    /// ABI hash: the first 8 bytes of SHA-256 over the parameters and the ISA tables. It stands in a CSR, in the
    /// program, in the image and in the headers; a mismatch is a fault before the first fetch.
    pub fn abi_hash(&self, isa_text: &str) -> u64 {
        let mut h = Sha256::new();
        // The Debug text of a plain struct is a stable, complete list of its fields.
        h.update(format!("{self:?}\n{isa_text}"));
        let digest = h.finalize();
        digest
            .iter()
            .take(8)
            .rev()
            .fold(0u64, |acc, &b| acc << 8 | u64::from(b))
    }

    /// Smallest machine that exercises everything; reference configuration of unit tests and snapshots.
    pub fn tiny() -> MachineParams {
        MachineParams {
            bus_bits: 64,
            addr_bits: 40,
            max_burst: 16,
            outstanding: 4,
            timeout: 4096,
            watchdog: 65536,
            vec_lanes: 4,
            scratchpad_words: 2048,
            scratchpad_banks: 4,
            program_words: 512,
            queue_depth: 4,
            technology: Technology::Generic,
            weight_format: WeightFormat::G3,
            dram_format: DramFormat::Base3,
            style: Style::Select,
            storage: Storage::Registers,
            reduction: Reduction::Dsp,
            groups: 8,
            rows: 4,
            batch: 1,
            max_row_tiles: 256,
            max_k: 480,
            weight_buffer_beats: 512,
            stream_buffer_beats: 256,
            pe_rows: 3,
            pe_max_len: 192,
            pe_max_count: 256,
            pe_modes: PeModes::INT8,
            sample_k: 16,
            trace: true,
        }
    }

    /// [`MachineParams::tiny`] with sherry weights.
    pub fn tiny_sherry() -> MachineParams {
        MachineParams {
            weight_format: WeightFormat::Sherry,
            dram_format: DramFormat::Sherry,
            ..MachineParams::tiny()
        }
    }

    /// [`MachineParams::tiny`] for UltraScale+, with tables and two activation vectors a weight pass.
    pub fn tiny_uscale() -> MachineParams {
        MachineParams {
            technology: Technology::XilinxUscale,
            style: Style::Table,
            storage: Storage::Distributed,
            batch: 2,
            ..MachineParams::tiny()
        }
    }
}
