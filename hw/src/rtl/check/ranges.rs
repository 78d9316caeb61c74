//! Promised ranges, verified by interval arithmetic.

use indexmap::IndexMap;
use num_traits::ToPrimitive;

use super::super::builder::ModuleBuilder;
use super::super::expr::{BinOp, Expr, Node, UnOp};
use super::super::module::Item;
use super::super::stmt::Stmt;
use super::super::ty::Ty;
use super::MASK;

/// Interval arithmetic over declared ranges. An operation that could wrap has the full range of its type, so a
/// sum one bit too narrow is caught although every width agrees.
pub(super) struct Ranges<'a> {
    pub m: &'a ModuleBuilder,
    pub memo: IndexMap<usize, (i128, i128)>,
}

/// Types wider than this are not tracked.
const WIDEST: u32 = 120;

fn full(ty: Ty) -> (i128, i128) {
    match (ty.width > WIDEST, ty.signed) {
        (true, _) => (i128::MIN / 2, i128::MAX / 2),
        (false, true) => (-(1i128 << (ty.width - 1)), (1i128 << (ty.width - 1)) - 1),
        (false, false) => (0, (1i128 << ty.width) - 1),
    }
}

impl Ranges<'_> {
    pub fn check(mut self, faults: &mut Vec<String>) {
        for def in &self.m.nets {
            let ((low, high), Some((a, b))) = (full(def.ty), def.range) else {
                continue;
            };
            if a < low || b > high {
                let text = format!("{}: `{}` promises {a}..={b}", def.loc, def.name);
                faults.push(format!("{text}, more than a {} holds", def.ty));
            }
        }
        for item in &self.m.items {
            match item {
                Item::Wire {
                    net,
                    value: Some(value),
                }
                | Item::Assign { net, value } => {
                    self.demand(*net, value, faults);
                }
                Item::Case {
                    net, arms, default, ..
                } => {
                    for value in arms.iter().map(|(_, v)| v).chain([default]) {
                        self.demand(*net, value, faults);
                    }
                }
                Item::Clocked { stmts, .. } => self.statements(stmts, faults),
                _ => {}
            }
        }
    }

    fn statements(&mut self, stmts: &[Stmt], faults: &mut Vec<String>) {
        for s in stmts {
            match s {
                Stmt::Set { net, value } => self.demand(net & MASK, value, faults),
                Stmt::If(arms) => arms.iter().for_each(|(_, b)| self.statements(b, faults)),
            }
        }
    }

    fn demand(&mut self, net: usize, value: &Expr, faults: &mut Vec<String>) {
        let def = &self.m.nets[net];
        let (Some((low, high)), false) = (def.range, def.assumed) else {
            return;
        };
        let (a, b) = self.of(value);
        if a < low || b > high {
            faults.push(format!(
                "{}: `{}` promises {low}..={high} but can be {a}..={b}",
                def.loc, def.name
            ));
        }
    }

    fn of(&mut self, e: &Expr) -> (i128, i128) {
        let whole = full(e.ty);
        if e.ty.width > WIDEST {
            return whole;
        }
        let exact = match &*e.node {
            Node::Net { id, .. } => self.net(id & MASK, e.ty),
            Node::Lit(v) => {
                let v = v.to_i128().unwrap_or(0);
                let v = if v > whole.1 {
                    v - (1i128 << e.ty.width)
                } else {
                    v
                };
                (v, v)
            }
            Node::Un(UnOp::Neg, x) => {
                let (a, b) = self.of(x);
                (-b, -a)
            }
            Node::Bin(op, a, b) => {
                let ((a0, a1), (b0, b1)) = (self.of(a), self.of(b));
                match op {
                    BinOp::Add => (a0 + b0, a1 + b1),
                    BinOp::Sub => (a0 - b1, a1 - b0),
                    BinOp::Mul => {
                        let p = [a0, a1].map(|x| [x.saturating_mul(b0), x.saturating_mul(b1)]);
                        let p = p.concat();
                        let low = p.iter().copied().min().unwrap_or(whole.0);
                        (low, p.iter().copied().max().unwrap_or(whole.1))
                    }
                    _ => whole,
                }
            }
            Node::Mux(_, a, b) => {
                let ((a0, a1), (b0, b1)) = (self.of(a), self.of(b));
                (a0.min(b0), a1.max(b1))
            }
            Node::Extend(x) => self.of(x),
            Node::Cast(x) => self.of(x),
            _ => whole,
        };
        if exact.0 < whole.0 || exact.1 > whole.1 {
            whole
        } else {
            exact
        }
    }

    fn net(&mut self, net: usize, ty: Ty) -> (i128, i128) {
        if let Some(range) = self.m.nets[net].range {
            return range;
        }
        if let Some(&known) = self.memo.get(&net) {
            return known;
        }
        let value = self.m.items.iter().find_map(|i| match i {
            Item::Wire {
                net: n,
                value: Some(v),
            } if *n == net => Some(v),
            _ => None,
        });
        let range = value.map_or(full(ty), |v| self.of(v));
        self.memo.insert(net, range);
        range
    }
}
