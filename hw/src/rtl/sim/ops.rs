//! The flat program: one operation a node, operands and results as offsets into the arena of limbs.

use super::wide;

/// Offset of a value in the arena.
pub(super) type At = u32;

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    // Values of at most 64 bits. `m` is the mask of the result.
    Copy {
        d: At,
        a: At,
    },
    Not {
        d: At,
        a: At,
        m: u64,
    },
    Neg {
        d: At,
        a: At,
        m: u64,
    },
    /// Equal to the mask: all bits one.
    Ones {
        d: At,
        a: At,
        m: u64,
    },
    Some {
        d: At,
        a: At,
    },
    Parity {
        d: At,
        a: At,
    },
    And {
        d: At,
        a: At,
        b: At,
    },
    Or {
        d: At,
        a: At,
        b: At,
    },
    Xor {
        d: At,
        a: At,
        b: At,
    },
    Add {
        d: At,
        a: At,
        b: At,
        m: u64,
    },
    Sub {
        d: At,
        a: At,
        b: At,
        m: u64,
    },
    MulU {
        d: At,
        a: At,
        b: At,
    },
    /// Signed operands of `wa` and `wb` bits.
    MulS {
        d: At,
        a: At,
        b: At,
        wa: u8,
        wb: u8,
    },
    Eq {
        d: At,
        a: At,
        b: At,
    },
    Ne {
        d: At,
        a: At,
        b: At,
    },
    LtU {
        d: At,
        a: At,
        b: At,
    },
    LeU {
        d: At,
        a: At,
        b: At,
    },
    LtS {
        d: At,
        a: At,
        b: At,
        w: u8,
    },
    LeS {
        d: At,
        a: At,
        b: At,
        w: u8,
    },
    Shl {
        d: At,
        a: At,
        b: At,
        m: u64,
    },
    ShrU {
        d: At,
        a: At,
        b: At,
    },
    ShrS {
        d: At,
        a: At,
        b: At,
        w: u8,
    },
    Mux {
        d: At,
        c: At,
        a: At,
        b: At,
    },
    /// Bits that lie within one limb.
    Bits {
        d: At,
        a: At,
        low: u8,
        m: u64,
    },
    Sext {
        d: At,
        a: At,
        w: u8,
        m: u64,
    },
    /// `a` above the `up` bits of `b`.
    Join {
        d: At,
        a: At,
        b: At,
        up: u8,
    },

    // Values of any width.
    WCopy {
        d: At,
        n: u32,
        a: At,
        from: u32,
    },
    WNot {
        d: At,
        a: At,
        w: u32,
    },
    WNeg {
        d: At,
        a: At,
        w: u32,
    },
    WOnes {
        d: At,
        a: At,
        w: u32,
    },
    WSome {
        d: At,
        a: At,
        n: u32,
    },
    WParity {
        d: At,
        a: At,
        n: u32,
    },
    WAnd {
        d: At,
        a: At,
        b: At,
        n: u32,
    },
    WOr {
        d: At,
        a: At,
        b: At,
        n: u32,
    },
    WXor {
        d: At,
        a: At,
        b: At,
        n: u32,
    },
    WAdd {
        d: At,
        a: At,
        b: At,
        w: u32,
    },
    WSub {
        d: At,
        a: At,
        b: At,
        w: u32,
    },
    /// Operands already widened to the result.
    WMul {
        d: At,
        a: At,
        b: At,
        w: u32,
    },
    WEq {
        d: At,
        a: At,
        b: At,
        n: u32,
    },
    WLt {
        d: At,
        a: At,
        b: At,
        w: u32,
        signed: bool,
    },
    WShl {
        d: At,
        a: At,
        w: u32,
        b: At,
        nb: u32,
    },
    WShr {
        d: At,
        a: At,
        w: u32,
        b: At,
        nb: u32,
        signed: bool,
    },
    WMux {
        d: At,
        c: At,
        a: At,
        b: At,
        n: u32,
    },
    WBits {
        d: At,
        w: u32,
        a: At,
        from: u32,
        low: u32,
    },
    WSext {
        d: At,
        w: u32,
        a: At,
        from: u32,
    },
    Zero {
        d: At,
        n: u32,
    },
    Insert {
        d: At,
        low: u32,
        a: At,
        w: u32,
    },
    /// Element at a run-time index.
    Part {
        d: At,
        w: u32,
        a: At,
        from: u32,
        i: At,
    },
    /// Value chosen by a table of offsets.
    Table {
        d: At,
        n: u32,
        select: At,
        table: u32,
    },

    MemRead {
        d: At,
        mem: u32,
        addr: At,
        na: u32,
    },
    /// Model `index` computes its outputs.
    Model {
        index: u32,
    },
    Jump {
        to: u32,
    },
    JumpUnless {
        c: At,
        to: u32,
    },
    /// Fails when neither reset nor condition is high.
    Check {
        cond: At,
        rst: At,
        index: u32,
    },
}

/// One memory: words of `stride` limbs.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    pub width: u32,
    pub depth: u64,
    pub words: Vec<u64>,
}

impl Memory {
    pub fn stride(&self) -> usize {
        wide::limbs(self.width)
    }

    /// Where a word begins; none when the address is outside.
    pub fn place(&self, arena: &[u64], addr: At, limbs: u32) -> Option<usize> {
        let a = addr as usize;
        let high = wide::any_one(arena, a + 1, limbs as usize - 1);
        (!high && arena[a] < self.depth).then(|| arena[a] as usize * self.stride())
    }
}

/// A write port; operands are read before any memory changes.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub mem: u32,
    pub enable: At,
    pub addr: At,
    pub addr_limbs: u32,
    pub data: At,
    /// Offset of the lane enables and bits of a lane.
    pub lanes: Option<(At, u32)>,
}

impl Write {
    pub fn run(&self, arena: &[u64], mems: &mut [Memory]) {
        let mem = &mut mems[self.mem as usize];
        if arena[self.enable as usize] == 0 {
            return;
        }
        // A write outside the memory changes nothing, as in Verilog.
        let Some(at) = mem.place(arena, self.addr, self.addr_limbs) else {
            return;
        };
        let n = mem.stride();
        let data = &arena[self.data as usize..self.data as usize + n];
        let Some((enables, width)) = self.lanes else {
            mem.words[at..at + n].copy_from_slice(data);
            return;
        };
        for bit in 0..mem.width {
            let lane = bit / width;
            if arena[enables as usize + (lane / 64) as usize] >> (lane % 64) & 1 == 1 {
                let (limb, one) = ((bit / 64) as usize, 1u64 << (bit % 64));
                let word = &mut mem.words[at + limb];
                *word = *word & !one | data[limb] & one;
            }
        }
    }
}
