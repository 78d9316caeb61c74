//! Compiles expressions and statements into the flat program.

use indexmap::IndexMap;
use num_bigint::BigUint;

use super::ops::{At, Op};
use super::wide::{limbs, mask};
use crate::rtl::expr::{BinOp, Expr, Node, UnOp};
use crate::rtl::stmt::Stmt;

/// Case statements with at most this many select bits become a table.
const TABLE_BITS: u32 = 10;

/// Names of nets and memories in the scope of one instance.
pub(super) trait Names {
    fn net(&self, scope: usize, id: usize) -> At;
    fn mem(&self, scope: usize, mem: usize) -> u32;
}

#[derive(Default)]
pub(super) struct Compiler {
    pub ops: Vec<Op>,
    /// Initial contents of the arena: constants are set, all else is zero.
    pub arena: Vec<u64>,
    pub tables: Vec<Vec<At>>,
    constants: IndexMap<(BigUint, usize), At>,
    /// Where shared expressions are, by scope and address; the modules outlive the compiler.
    memo: IndexMap<(usize, usize), At>,
}

impl Compiler {
    pub fn alloc(&mut self, width: u32) -> At {
        let at = self.arena.len() as At;
        self.arena.resize(self.arena.len() + limbs(width), 0);
        at
    }

    pub fn constant(&mut self, value: &BigUint, width: u32) -> At {
        let n = limbs(width);
        if let Some(&at) = self.constants.get(&(value.clone(), n)) {
            return at;
        }
        let at = self.alloc(width);
        for (i, digit) in value.iter_u64_digits().enumerate().take(n) {
            self.arena[at as usize + i] = digit;
        }
        self.constants.insert((value.clone(), n), at);
        at
    }

    /// Forgets what was computed since `mark`, which may not have been executed.
    pub fn forget(&mut self, mark: usize) {
        self.memo.truncate(mark);
    }

    pub fn mark(&self) -> usize {
        self.memo.len()
    }

    pub fn copy(&mut self, d: At, a: At, width: u32, from: u32) {
        let (n, from) = (limbs(width) as u32, limbs(from) as u32);
        self.ops.push(if n == 1 {
            Op::Copy { d, a }
        } else {
            Op::WCopy { d, n, a, from }
        });
    }

    /// Computes `e` into `dst`.
    pub fn compute(&mut self, names: &dyn Names, scope: usize, e: &Expr, dst: At) {
        let at = self.build(names, scope, e, Some(dst));
        if at != dst {
            self.copy(dst, at, e.ty.width, e.ty.width);
        }
    }

    /// Computes `e` and says where it is.
    pub fn value(&mut self, names: &dyn Names, scope: usize, e: &Expr) -> At {
        let key = (scope, std::sync::Arc::as_ptr(&e.node) as usize);
        if let Some(&at) = self.memo.get(&key) {
            return at;
        }
        let at = self.build(names, scope, e, None);
        self.memo.insert(key, at);
        at
    }

    /// Computes `e`, into `dst` unless it is somewhere already.
    fn build(&mut self, names: &dyn Names, scope: usize, e: &Expr, dst: Option<At>) -> At {
        let width = e.ty.width;
        match &*e.node {
            Node::Net { id, .. } => names.net(scope, *id),
            Node::Lit(v) => self.constant(v, width),
            Node::Cast(x) => match dst {
                Some(_) => self.build(names, scope, x, dst),
                None => self.value(names, scope, x),
            },
            Node::Un(op, x) => {
                let a = self.value(names, scope, x);
                self.unary(*op, a, x.ty.width, width, dst)
            }
            Node::Bin(op, x, y) => {
                let (a, b) = (self.value(names, scope, x), self.value(names, scope, y));
                self.binary(*op, (a, x), (b, y), width, dst)
            }
            Node::Mux(c, x, y) => {
                let c = self.value(names, scope, c);
                let (a, b) = (self.value(names, scope, x), self.value(names, scope, y));
                let d = dst.unwrap_or_else(|| self.alloc(width));
                self.mux(d, c, a, b, width);
                d
            }
            Node::Slice(base, low) => {
                let a = self.value(names, scope, base);
                self.slice(a, base.ty.width, *low, width, dst)
            }
            Node::Part(base, index) => {
                let a = self.value(names, scope, base);
                let i = self.value(names, scope, index);
                let d = dst.unwrap_or_else(|| self.alloc(width));
                let from = limbs(base.ty.width) as u32;
                self.ops.push(Op::Part {
                    d,
                    w: width,
                    a,
                    from,
                    i,
                });
                d
            }
            Node::Cat(parts) => {
                let parts: Vec<(At, u32)> = parts
                    .iter()
                    .map(|p| (self.value(names, scope, p), p.ty.width))
                    .collect();
                self.join(&parts, width, dst)
            }
            Node::Repeat(n, x) => {
                let a = self.value(names, scope, x);
                if x.ty.width > 1 {
                    return self.join(&vec![(a, x.ty.width); *n as usize], width, dst);
                }
                let d = dst.unwrap_or_else(|| self.alloc(width));
                self.sign(d, width, a, 1);
                d
            }
            Node::Extend(x) => {
                let a = self.value(names, scope, x);
                let from = x.ty.width;
                if x.ty.signed {
                    let d = dst.unwrap_or_else(|| self.alloc(width));
                    self.sign(d, width, a, from);
                    return d;
                }
                // Bits above a value are zero, so within one limb nothing is to do.
                if limbs(from) == limbs(width) {
                    return a;
                }
                let d = dst.unwrap_or_else(|| self.alloc(width));
                self.copy(d, a, width, from);
                d
            }
            Node::MemRead { mem, addr, .. } => {
                let na = limbs(addr.ty.width) as u32;
                let addr = self.value(names, scope, addr);
                let d = dst.unwrap_or_else(|| self.alloc(width));
                let mem = names.mem(scope, *mem);
                self.ops.push(Op::MemRead { d, mem, addr, na });
                d
            }
            // No finished module contains one.
            Node::Poison(_) => self.constant(&BigUint::default(), width),
        }
    }

    fn unary(&mut self, op: UnOp, a: At, from: u32, width: u32, dst: Option<At>) -> At {
        let d = dst.unwrap_or_else(|| self.alloc(width));
        let (w, n) = (from, limbs(from) as u32);
        self.ops.push(if n == 1 {
            let m = mask(from);
            match op {
                UnOp::Not => Op::Not { d, a, m },
                UnOp::Neg => Op::Neg { d, a, m },
                UnOp::RedAnd => Op::Ones { d, a, m },
                UnOp::RedOr => Op::Some { d, a },
                UnOp::RedXor => Op::Parity { d, a },
            }
        } else {
            match op {
                UnOp::Not => Op::WNot { d, a, w },
                UnOp::Neg => Op::WNeg { d, a, w },
                UnOp::RedAnd => Op::WOnes { d, a, w },
                UnOp::RedOr => Op::WSome { d, a, n },
                UnOp::RedXor => Op::WParity { d, a, n },
            }
        });
        d
    }

    fn binary(
        &mut self,
        op: BinOp,
        (a, x): (At, &Expr),
        (b, y): (At, &Expr),
        width: u32,
        dst: Option<At>,
    ) -> At {
        let d = dst.unwrap_or_else(|| self.alloc(width));
        let (w, signed) = (x.ty.width, x.ty.signed);
        let (n, nb) = (limbs(w) as u32, limbs(y.ty.width) as u32);
        if matches!(op, BinOp::Mul) && width > 64 {
            let (ta, tb) = (self.alloc(width), self.alloc(width));
            for (t, at, ty) in [(ta, a, x.ty), (tb, b, y.ty)] {
                if ty.signed {
                    self.sign(t, width, at, ty.width);
                } else {
                    self.copy(t, at, width, ty.width);
                }
            }
            self.ops.push(Op::WMul {
                d,
                a: ta,
                b: tb,
                w: width,
            });
            return d;
        }
        if n == 1 && nb == 1 {
            let (m, w8) = (mask(w), w as u8);
            self.ops.push(match op {
                BinOp::And => Op::And { d, a, b },
                BinOp::Or => Op::Or { d, a, b },
                BinOp::Xor => Op::Xor { d, a, b },
                BinOp::Add => Op::Add { d, a, b, m },
                BinOp::Sub => Op::Sub { d, a, b, m },
                BinOp::Mul if signed => Op::MulS {
                    d,
                    a,
                    b,
                    wa: w8,
                    wb: y.ty.width as u8,
                },
                BinOp::Mul => Op::MulU { d, a, b },
                BinOp::Eq => Op::Eq { d, a, b },
                BinOp::Ne => Op::Ne { d, a, b },
                BinOp::Lt if signed => Op::LtS { d, a, b, w: w8 },
                BinOp::Lt => Op::LtU { d, a, b },
                BinOp::Le if signed => Op::LeS { d, a, b, w: w8 },
                BinOp::Le => Op::LeU { d, a, b },
                BinOp::Shl => Op::Shl { d, a, b, m },
                BinOp::Shr if signed => Op::ShrS { d, a, b, w: w8 },
                BinOp::Shr => Op::ShrU { d, a, b },
            });
            return d;
        }
        let negate = matches!(op, BinOp::Ne | BinOp::Le);
        self.ops.push(match op {
            BinOp::And => Op::WAnd { d, a, b, n },
            BinOp::Or => Op::WOr { d, a, b, n },
            BinOp::Xor => Op::WXor { d, a, b, n },
            BinOp::Add => Op::WAdd { d, a, b, w },
            BinOp::Sub => Op::WSub { d, a, b, w },
            BinOp::Mul => Op::WMul { d, a, b, w: width },
            BinOp::Eq | BinOp::Ne => Op::WEq { d, a, b, n },
            BinOp::Lt => Op::WLt { d, a, b, w, signed },
            // a <= b is not b < a.
            BinOp::Le => Op::WLt {
                d,
                a: b,
                b: a,
                w,
                signed,
            },
            BinOp::Shl => Op::WShl { d, a, w, b, nb },
            BinOp::Shr => Op::WShr {
                d,
                a,
                w,
                b,
                nb,
                signed,
            },
        });
        if negate {
            self.ops.push(Op::Not { d, a: d, m: 1 });
        }
        d
    }

    fn mux(&mut self, d: At, c: At, a: At, b: At, width: u32) {
        let n = limbs(width) as u32;
        self.ops.push(if n == 1 {
            Op::Mux { d, c, a, b }
        } else {
            Op::WMux { d, c, a, b, n }
        });
    }

    /// Widens with the sign.
    fn sign(&mut self, d: At, width: u32, a: At, from: u32) {
        self.ops.push(if width <= 64 {
            Op::Sext {
                d,
                a,
                w: from as u8,
                m: mask(width),
            }
        } else {
            Op::WSext {
                d,
                w: width,
                a,
                from,
            }
        });
    }

    fn slice(&mut self, a: At, from: u32, low: u32, width: u32, dst: Option<At>) -> At {
        let first = a + low / 64;
        let inside = low % 64;
        let ends_on_limb = (low + width).is_multiple_of(64) || low + width == from;
        if inside == 0 && ends_on_limb {
            return first;
        }
        let d = dst.unwrap_or_else(|| self.alloc(width));
        self.ops.push(if inside + width <= 64 {
            Op::Bits {
                d,
                a: first,
                low: inside as u8,
                m: mask(width),
            }
        } else {
            Op::WBits {
                d,
                w: width,
                a,
                from: limbs(from) as u32,
                low,
            }
        });
        d
    }

    /// Concatenation, first part most significant.
    fn join(&mut self, parts: &[(At, u32)], width: u32, dst: Option<At>) -> At {
        if width > 64 {
            let d = dst.unwrap_or_else(|| self.alloc(width));
            self.ops.push(Op::Zero {
                d,
                n: limbs(width) as u32,
            });
            let mut low = 0;
            for &(a, w) in parts.iter().rev() {
                self.ops.push(Op::Insert { d, low, a, w });
                low += w;
            }
            return d;
        }
        let mut acc: Option<At> = None;
        for (i, &(b, w)) in parts.iter().enumerate() {
            acc = Some(match acc {
                None => b,
                Some(a) => {
                    let last = i + 1 == parts.len();
                    let d = dst.filter(|_| last).unwrap_or_else(|| self.alloc(width));
                    self.ops.push(Op::Join {
                        d,
                        a,
                        b,
                        up: w as u8,
                    });
                    d
                }
            });
        }
        acc.unwrap_or_else(|| self.constant(&BigUint::default(), width))
    }

    /// A case statement: the first arm whose key equals the select.
    pub fn case(
        &mut self,
        names: &dyn Names,
        scope: usize,
        select: &Expr,
        arms: &[(BigUint, Expr)],
        default: &Expr,
        dst: At,
    ) {
        let width = default.ty.width;
        let other = self.value(names, scope, default);
        let s = self.value(names, scope, select);
        if select.ty.width <= TABLE_BITS {
            let mut table = vec![None; 1 << select.ty.width];
            for (key, value) in arms {
                let at = self.value(names, scope, value);
                let key = key.iter_u64_digits().next().unwrap_or(0) as usize;
                table[key].get_or_insert(at);
            }
            let table = table.into_iter().map(|t| t.unwrap_or(other)).collect();
            self.tables.push(table);
            self.ops.push(Op::Table {
                d: dst,
                n: limbs(width) as u32,
                select: s,
                table: self.tables.len() as u32 - 1,
            });
            return;
        }
        let mut result = other;
        for (key, value) in arms.iter().rev() {
            let at = self.value(names, scope, value);
            let k = self.constant(key, select.ty.width);
            let (d, hit) = (self.alloc(width), self.alloc(1));
            let n = limbs(select.ty.width) as u32;
            self.ops.push(Op::WEq {
                d: hit,
                a: s,
                b: k,
                n,
            });
            self.mux(d, hit, at, result, width);
            result = d;
        }
        self.copy(dst, result, width, width);
    }

    /// Statements of a clocked block; `next` says where a register's next value is.
    pub fn statements(
        &mut self,
        names: &dyn Names,
        scope: usize,
        stmts: &[Stmt],
        next: &dyn Fn(usize) -> At,
    ) {
        for stmt in stmts {
            match stmt {
                Stmt::Set { net, value } => self.compute(names, scope, value, next(*net)),
                Stmt::If(arms) => self.arms(names, scope, arms, next),
            }
        }
    }

    fn arms(
        &mut self,
        names: &dyn Names,
        scope: usize,
        arms: &[(Option<Expr>, Vec<Stmt>)],
        next: &dyn Fn(usize) -> At,
    ) {
        let start = self.mark();
        let mut ends = Vec::new();
        for (cond, body) in arms {
            let skip = cond.as_ref().map(|c| {
                let c = self.value(names, scope, c);
                self.ops.push(Op::JumpUnless { c, to: 0 });
                self.ops.len() - 1
            });
            // Conditions stay computed in later arms, bodies do not.
            let mark = self.mark();
            self.statements(names, scope, body, next);
            self.forget(mark);
            ends.push(self.ops.len());
            self.ops.push(Op::Jump { to: 0 });
            self.land(skip);
        }
        for at in ends {
            self.land(Some(at));
        }
        self.forget(start);
    }

    /// Lets a jump go to the next operation.
    pub fn land(&mut self, jump: Option<usize>) {
        let here = self.ops.len() as u32;
        let op = jump.and_then(|at| self.ops.get_mut(at));
        if let Some(Op::Jump { to } | Op::JumpUnless { to, .. }) = op {
            *to = here;
        }
    }
}
