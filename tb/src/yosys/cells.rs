//! Cells sorted into the resources of a device.

use std::collections::BTreeMap;

use super::Target;

/// Cells of one module, or of the whole design.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells {
    /// Look-up tables as mapped (LUT1 to LUT6, LUT4), each counted once, and those used as memory.
    pub lut: u64,
    /// Fewest physical look-up tables they can be packed into: on UltraScale+ two tables of at most
    /// five inputs share one LUT6 if their inputs allow it; equal to `lut` elsewhere.
    pub lut_packed: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Hardware multipliers (MULT18X18D, MULT9X9D, DSP48E2); multiplications before mapping for
    /// [`Target::Generic`].
    pub dsp: u64,
    /// Block memories of 18 kbit (DP16KD, PDPW16KD and RAMB18E2 count 1, RAMB36E2 counts 2); whole memories
    /// of any size for [`Target::Generic`].
    pub bram: u64,
    /// UltraRAM blocks of 288 kbit.
    pub uram: u64,
    /// Look-up tables used as memory or shift register; part of `lut`.
    pub lutram: u64,
    /// Carry cells (CCU2C, CARRY4, CARRY8).
    pub carry: u64,
    /// Logic gates, for [`Target::Generic`] only.
    pub gates: u64,
    /// Longest chain of logic cells between registers, memories and ports, if it was asked for: look-up tables, wide
    /// multiplexers, multipliers and carry cells count 1 each, so a carry chain counts 1 for every 4 bits (CARRY4), 8
    /// (CARRY8) or 2 (CCU2C), although it is fast; the way through a memory that is read without a clock counts
    /// nothing. Chains that cross modules are found only in a flattened design.
    pub levels: Option<u64>,
    /// Every cell type and its count, as Yosys names them, without instances of modules.
    pub raw: BTreeMap<String, u64>,
}

impl Cells {
    pub(super) fn classify(raw: BTreeMap<String, u64>, target: Target) -> Self {
        let mut cells = Self::default();
        let mut small_luts = 0;
        for (kind, &n) in &raw {
            match kind.as_str() {
                "LUT6" | "LUT4" if target == Target::Ecp5 || kind == "LUT6" => cells.lut += n,
                "LUT6_2" => cells.lut += n,
                // An inverter in front of what is no look-up table.
                "INV" | "LUT1" | "LUT2" | "LUT3" | "LUT4" | "LUT5" => {
                    cells.lut += n;
                    small_luts += n;
                }
                "TRELLIS_FF" | "FDRE" | "FDSE" | "FDCE" | "FDPE" => cells.ff += n,
                "MULT18X18D" | "MULT9X9D" | "DSP48E2" => cells.dsp += n,
                "DP16KD" | "PDPW16KD" | "RAMB18E2" | "$mem_v2" => cells.bram += n,
                "RAMB36E2" => cells.bram += 2 * n,
                "URAM288" => cells.uram += n,
                "CCU2C" | "CARRY4" | "CARRY8" => cells.carry += n,
                k if k.starts_with("$_") && (k.contains("FF") || k.contains("LATCH")) => {
                    cells.ff += n;
                }
                k if k.starts_with("$_") => cells.gates += n,
                k => cells.lutram += n * memory_luts(k),
            }
        }
        cells.lut += cells.lutram;
        cells.lut_packed = cells.lut - small_luts + small_luts.div_ceil(2);
        cells.raw = raw;
        cells
    }
}

/// Look-up tables that a cell uses as memory, 0 for other cells. UltraScale+: Xilinx UG574, "Distributed RAM" and "Shift
/// Registers" (a SLICEM has 8 tables of 64 bits, a dual-port cell holds its bits twice). ECP5: Lattice TN1264,
/// "Distributed Memory": 16 words of 4 bits are the 4 tables of two slices; the third slice, which takes their write
/// address and data, is not counted.
fn memory_luts(kind: &str) -> u64 {
    match kind {
        "RAM32X1S" | "RAM64X1S" | "SRL16E" | "SRLC32E" => 1,
        "RAM32X1D" | "RAM64X1D" | "RAM128X1S" => 2,
        "RAM32M" | "RAM64M" | "RAM128X1D" | "RAM256X1S" | "TRELLIS_DPR16X4" => 4,
        "RAM32M16" | "RAM64M8" | "RAM256X1D" | "RAM512X1S" | "RAM32X16DR8" | "RAM64X8SW" => 8,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(raw: &[(&str, u64)], target: Target) -> Cells {
        let raw = raw.iter().map(|&(k, n)| (k.to_string(), n)).collect();
        Cells::classify(raw, target)
    }

    #[test]
    fn cells_are_sorted_into_resources() {
        let raw = [("LUT6", 3), ("LUT2", 5), ("FDRE", 7), ("RAMB36E2", 2)];
        let cells = classify(&raw, Target::Xcup);
        assert_eq!((cells.lut, cells.lut_packed, cells.ff), (8, 6, 7));
        assert_eq!((cells.bram, cells.lutram), (4, 0));
        let raw = [("LUT4", 4), ("$_DFF_P_", 2), ("$_AND_", 9)];
        let cells = classify(&raw, Target::Ecp5);
        assert_eq!(
            (cells.lut, cells.lut_packed, cells.ff, cells.gates),
            (4, 4, 2, 9)
        );
    }

    #[test]
    fn memories_in_tables_count_as_tables() {
        let raw = [("LUT2", 2), ("RAM32M16", 3), ("RAM64X1D", 1), ("SRL16E", 5)];
        let cells = classify(&raw, Target::Xcup);
        assert_eq!((cells.lutram, cells.lut, cells.lut_packed), (31, 33, 32));
        let cells = classify(&[("LUT4", 1), ("TRELLIS_DPR16X4", 2)], Target::Ecp5);
        assert_eq!((cells.lutram, cells.lut), (8, 9));
    }
}
