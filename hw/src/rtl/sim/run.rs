//! Runs a program.

use super::ops::{At, Memory, Op};
use super::wide;

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
