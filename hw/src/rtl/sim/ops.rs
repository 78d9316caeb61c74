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

/// What a program works on besides the arena.
pub(super) struct State<'a> {
    pub m: &'a mut [u64],
    pub mems: &'a [Memory],
    pub tables: &'a [Vec<At>],
    /// First failed assertion.
    pub failed: &'a mut Option<u32>,
}

/// Runs a program; `model` is called for each `Op::Model`.
pub(super) fn run(ops: &[Op], s: &mut State<'_>, model: &mut dyn FnMut(u32, &mut [u64])) {
    let m = &mut *s.m;
    let mut pc = 0;
    while let Some(&op) = ops.get(pc) {
        pc += 1;
        macro_rules! set {
            ($d:expr, $v:expr) => {
                m[$d as usize] = $v
            };
        }
        macro_rules! get {
            ($a:expr) => {
                m[$a as usize]
            };
        }
        let u = |x: At| x as usize;
        match op {
            Op::Copy { d, a } => set!(d, get!(a)),
            Op::Not { d, a, m: k } => set!(d, !get!(a) & k),
            Op::Neg { d, a, m: k } => set!(d, get!(a).wrapping_neg() & k),
            Op::Ones { d, a, m: k } => set!(d, u64::from(get!(a) == k)),
            Op::Some { d, a } => set!(d, u64::from(get!(a) != 0)),
            Op::Parity { d, a } => set!(d, u64::from(get!(a).count_ones() & 1)),
            Op::And { d, a, b } => set!(d, get!(a) & get!(b)),
            Op::Or { d, a, b } => set!(d, get!(a) | get!(b)),
            Op::Xor { d, a, b } => set!(d, get!(a) ^ get!(b)),
            Op::Add { d, a, b, m: k } => set!(d, get!(a).wrapping_add(get!(b)) & k),
            Op::Sub { d, a, b, m: k } => set!(d, get!(a).wrapping_sub(get!(b)) & k),
            Op::MulU { d, a, b } => set!(d, get!(a).wrapping_mul(get!(b))),
            Op::MulS { d, a, b, wa, wb } => {
                let (wa, wb) = (u32::from(wa), u32::from(wb));
                let p = wide::sign_extend(get!(a), wa).wrapping_mul(wide::sign_extend(get!(b), wb));
                set!(d, p as u64 & wide::mask(wa + wb));
            }
            Op::Eq { d, a, b } => set!(d, u64::from(get!(a) == get!(b))),
            Op::Ne { d, a, b } => set!(d, u64::from(get!(a) != get!(b))),
            Op::LtU { d, a, b } => set!(d, u64::from(get!(a) < get!(b))),
            Op::LeU { d, a, b } => set!(d, u64::from(get!(a) <= get!(b))),
            Op::LtS { d, a, b, w } => {
                let w = w.into();
                let less = wide::sign_extend(get!(a), w) < wide::sign_extend(get!(b), w);
                set!(d, u64::from(less));
            }
            Op::LeS { d, a, b, w } => {
                let w = w.into();
                let le = wide::sign_extend(get!(a), w) <= wide::sign_extend(get!(b), w);
                set!(d, u64::from(le));
            }
            Op::Shl { d, a, b, m: k } => {
                let by = get!(b);
                set!(d, if by > 63 { 0 } else { get!(a) << by & k });
            }
            Op::ShrU { d, a, b } => {
                let by = get!(b);
                set!(d, if by > 63 { 0 } else { get!(a) >> by });
            }
            Op::ShrS { d, a, b, w } => {
                let w = u32::from(w);
                let v = wide::sign_extend(get!(a), w) >> get!(b).min(63);
                set!(d, v as u64 & wide::mask(w));
            }
            Op::Mux { d, c, a, b } => set!(d, if get!(c) != 0 { get!(a) } else { get!(b) }),
            Op::Bits { d, a, low, m: k } => set!(d, get!(a) >> low & k),
            Op::Sext { d, a, w, m: k } => {
                set!(d, wide::sign_extend(get!(a), w.into()) as u64 & k);
            }
            Op::Join { d, a, b, up } => set!(d, get!(a) << up | get!(b)),

            Op::WCopy { d, n, a, from } => wide::copy(m, u(d), u(n), u(a), u(from)),
            Op::WNot { d, a, w } => wide::not(m, u(d), u(a), w),
            Op::WNeg { d, a, w } => wide::neg(m, u(d), u(a), w),
            Op::WOnes { d, a, w } => set!(d, u64::from(wide::all_ones(m, u(a), w))),
            Op::WSome { d, a, n } => set!(d, u64::from(wide::any_one(m, u(a), u(n)))),
            Op::WParity { d, a, n } => set!(d, u64::from(wide::parity(m, u(a), u(n)))),
            Op::WAnd { d, a, b, n } => {
                for i in 0..n {
                    set!(d + i, get!(a + i) & get!(b + i));
                }
            }
            Op::WOr { d, a, b, n } => {
                for i in 0..n {
                    set!(d + i, get!(a + i) | get!(b + i));
                }
            }
            Op::WXor { d, a, b, n } => {
                for i in 0..n {
                    set!(d + i, get!(a + i) ^ get!(b + i));
                }
            }
            Op::WAdd { d, a, b, w } => wide::add(m, u(d), u(a), u(b), w),
            Op::WSub { d, a, b, w } => wide::sub(m, u(d), u(a), u(b), w),
            Op::WMul { d, a, b, w } => wide::mul(m, u(d), u(a), u(b), w),
            Op::WEq { d, a, b, n } => set!(d, u64::from(wide::equal(m, u(a), u(b), u(n)))),
            Op::WLt { d, a, b, w, signed } => {
                set!(d, u64::from(wide::less(m, u(a), u(b), w, signed)));
            }
            Op::WShl { d, a, w, b, nb } => {
                let by = wide::amount(m, u(b), u(nb), w);
                wide::shl(m, u(d), u(a), w, by);
            }
            Op::WShr {
                d,
                a,
                w,
                b,
                nb,
                signed,
            } => {
                let by = wide::amount(m, u(b), u(nb), w);
                wide::shr(m, u(d), u(a), w, by, signed);
            }
            Op::WMux { d, c, a, b, n } => {
                let from = if get!(c) != 0 { a } else { b };
                m.copy_within(u(from)..u(from + n), u(d));
            }
            Op::WBits { d, w, a, from, low } => wide::slice(m, u(d), w, u(a), u(from), low),
            Op::WSext { d, w, a, from } => wide::extend(m, u(d), w, u(a), from),
            Op::Zero { d, n } => m[u(d)..u(d + n)].fill(0),
            Op::Insert { d, low, a, w } => wide::insert(m, u(d), low, u(a), w),
            Op::Part { d, w, a, from, i } => {
                let low = get!(i) as u32 * w;
                wide::slice(m, u(d), w, u(a), u(from), low);
            }
            Op::Table {
                d,
                n,
                select,
                table,
            } => {
                let from = s.tables[u(table)][get!(select) as usize];
                m.copy_within(u(from)..u(from + n), u(d));
            }

            Op::MemRead { d, mem, addr, na } => {
                let mem = &s.mems[u(mem)];
                let (d, n) = (u(d), mem.stride());
                match mem.place(m, addr, na) {
                    Some(at) => m[d..d + n].copy_from_slice(&mem.words[at..at + n]),
                    None => m[d..d + n].fill(0),
                }
            }
            Op::Model { index } => model(index, m),
            Op::Jump { to } => pc = u(to),
            Op::JumpUnless { c, to } => {
                if get!(c) == 0 {
                    pc = u(to);
                }
            }
            Op::Check { cond, rst, index } => {
                if get!(cond) == 0 && get!(rst) == 0 && s.failed.is_none() {
                    *s.failed = Some(index);
                }
            }
        }
    }
}
