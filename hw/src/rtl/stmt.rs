//! Statements of a clocked block.

use super::error::Loc;
use super::expr::Expr;
use super::ty::uint;

#[derive(Clone, Debug)]
pub(crate) enum Stmt {
    /// Register `net` takes `value` at the edge.
    Set { net: usize, value: Expr },
    /// Arms in order of priority; the last may have no condition.
    If(Vec<(Option<Expr>, Vec<Stmt>)>),
}

/// Body of a clocked block; later statements win over earlier ones, as in Verilog.
#[derive(Default)]
pub struct Block {
    pub(crate) stmts: Vec<Stmt>,
    pub(crate) faults: Vec<String>,
}

impl Block {
    /// `reg` takes `value` at the clock edge; both of one type.
    #[track_caller]
    pub fn set(&mut self, reg: &Expr, value: impl AsRef<Expr>) -> &mut Block {
        let value = value.as_ref();
        match reg.net_id() {
            Some(net) if reg.ty == value.ty => {
                self.stmts.push(Stmt::Set {
                    net,
                    value: value.clone(),
                });
            }
            Some(_) => self.faults.push(format!(
                "{}: register of type {} set to a {}",
                Loc::here(),
                reg.ty,
                value.ty
            )),
            None => self
                .faults
                .push(format!("{}: set of something not a register", Loc::here())),
        }
        self
    }

    /// Statements under a condition.
    #[track_caller]
    pub fn when(&mut self, cond: impl AsRef<Expr>, body: impl FnOnce(&mut Block)) -> When<'_> {
        let arm = self.arm(Some(cond.as_ref()), body);
        self.stmts.push(Stmt::If(vec![arm]));
        When { block: self }
    }

    #[track_caller]
    fn arm(
        &mut self,
        cond: Option<&Expr>,
        body: impl FnOnce(&mut Block),
    ) -> (Option<Expr>, Vec<Stmt>) {
        if let Some(c) = cond
            && c.ty != uint(1)
        {
            self.faults.push(format!(
                "{}: condition has type {}, not u1",
                Loc::here(),
                c.ty
            ));
        }
        let mut inner = Block::default();
        body(&mut inner);
        self.faults.append(&mut inner.faults);
        (cond.cloned(), inner.stmts)
    }
}

/// Chains `elif` and `otherwise` to a `when`.
pub struct When<'a> {
    block: &'a mut Block,
}

impl<'a> When<'a> {
    #[track_caller]
    pub fn elif(self, cond: impl AsRef<Expr>, body: impl FnOnce(&mut Block)) -> When<'a> {
        let arm = self.block.arm(Some(cond.as_ref()), body);
        self.push(arm)
    }

    #[track_caller]
    pub fn otherwise(self, body: impl FnOnce(&mut Block)) {
        let arm = self.block.arm(None, body);
        self.push(arm);
    }

    fn push(self, arm: (Option<Expr>, Vec<Stmt>)) -> When<'a> {
        if let Some(Stmt::If(arms)) = self.block.stmts.last_mut() {
            arms.push(arm);
        }
        self
    }
}
