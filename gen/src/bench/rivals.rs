//! What others have built, synthesised in the same flow (Yosys 0.70, `synth_xilinx -family xcup -flatten`, compute core only
//! unless said). The figures are of those designs as published; they are not measured by this program.

/// A published engine. LUT per MAC is at its peak: utilisation is not published for most.
#[derive(Debug, Clone, Copy)]
pub struct Rival {
    pub name: &'static str,
    pub what: &'static str,
    pub macs_per_cycle: u32,
    pub lut: u64,
    pub ff: u64,
    pub dsp: u64,
    pub levels: u64,
}

impl Rival {
    pub fn lut_per_mac(&self) -> f64 {
        self.lut as f64 / f64::from(self.macs_per_cycle)
    }
}

const fn rival(
    name: &'static str,
    what: &'static str,
    macs_per_cycle: u32,
    (lut, ff, dsp, levels): (u64, u64, u64, u64),
) -> Rival {
    Rival {
        name,
        what,
        macs_per_cycle,
        lut,
        ff,
        dsp,
        levels,
    }
}

/// In the order of their LUT per MAC.
pub const RIVALS: [Rival; 8] = [
    rival(
        "max042004 core128",
        "128 lanes, select and add",
        128,
        (2449, 2571, 0, 2),
    ),
    rival(
        "matmulfree KRIA array",
        "ternary array port",
        128,
        (2856, 2573, 0, 3),
    ),
    rival(
        "bitnet-kv260 matvec",
        "two vectors, buffers and unpacking included",
        160,
        (3874, 1814, 0, 6),
    ),
    rival(
        "FINN RTL MVU 4sx4u",
        "packed DSP",
        256,
        (6224, 1729, 64, 10),
    ),
    rival("ternfpga dot K64", "adder tree", 64, (1641, 675, 0, 10)),
    rival("FINN RTL MVU 8sx8u", "DSP", 256, (7285, 1453, 128, 9)),
    rival(
        "rejunity systolic 4",
        "Tiny Tapeout core",
        20,
        (1321, 2066, 0, 3),
    ),
    rival("ternarycore GEMM 64", "systolic", 64, (7296, 7296, 0, 3)),
];
