//! Memories of a module: RAM, ROM and their ports.

use std::sync::Arc;

use num_bigint::BigUint;

use super::ModuleBuilder;
use super::builder::net_index;
use super::error::Loc;
use super::expr::{Expr, Node};
use super::module::{ByteEnable, Clock, Item, Mem, MemDef, MemPort, MemStyle};
use super::ty::{bool_ty, clog2, uint};

impl ModuleBuilder {
    /// Memory of `depth` words of `width` bits.
    #[track_caller]
    pub fn ram(&mut self, name: &str, width: u32, depth: u64, style: MemStyle, doc: &str) -> Mem {
        self.memory(name, width, depth, style, doc, None)
    }

    /// Read-only memory; read it with `read_async`.
    #[track_caller]
    pub fn rom(&mut self, name: &str, width: u32, contents: Vec<BigUint>, doc: &str) -> Mem {
        let depth = contents.len() as u64;
        if contents.iter().any(|w| w.bits() > u64::from(width)) {
            self.faults.push(format!(
                "{}: a word of {name} exceeds {width} bits",
                Loc::here()
            ));
        }
        self.memory(name, width, depth, MemStyle::Auto, doc, Some(contents))
    }

    #[track_caller]
    fn memory(
        &mut self,
        name: &str,
        width: u32,
        depth: u64,
        style: MemStyle,
        doc: &str,
        contents: Option<Vec<BigUint>>,
    ) -> Mem {
        let id = self.mems.len();
        let name: Arc<str> = Arc::from(name);
        if width == 0 || depth == 0 {
            self.faults
                .push(format!("{}: memory {name} is empty", Loc::here()));
        }
        self.mems.push(MemDef {
            name: name.clone(),
            width,
            depth,
            style,
            doc: doc.to_string(),
            loc: Loc::here(),
            contents,
        });
        self.items.push(Item::Mem { mem: id });
        Mem {
            id,
            name,
            width,
            depth,
        }
    }

    /// Write port, optionally with an enable for each group of bits.
    #[track_caller]
    pub fn write(
        &mut self,
        mem: &Mem,
        clock: &Clock,
        enable: impl AsRef<Expr>,
        addr: impl AsRef<Expr>,
        data: impl AsRef<Expr>,
        bytes: Option<ByteEnable>,
    ) {
        let (enable, addr, data) = (enable.as_ref(), addr.as_ref(), data.as_ref());
        self.check_access(mem, enable, addr);
        if data.ty != uint(mem.width) {
            self.faults.push(format!(
                "{}: word of {} is u{}, data is {}",
                Loc::here(),
                mem.name,
                mem.width,
                data.ty
            ));
        }
        if let Some(b) = &bytes
            && b.enable.ty.width * b.width != mem.width
        {
            let text = format!(
                "{}: {} enables of {} bits for a word of {}",
                Loc::here(),
                b.enable.ty.width,
                b.width,
                mem.width
            );
            self.faults.push(text);
        }
        let mut enable = enable.clone();
        // One lane is the whole word.
        let bytes = bytes.filter(|b| {
            if b.enable.ty == bool_ty() {
                enable = &enable & &b.enable;
            }
            b.enable.ty != bool_ty()
        });
        if let Some(b) = &bytes
            && (b.enable.net_id().is_none() || data.net_id().is_none())
        {
            let text = format!(
                "{}: byte enables and their data need named nets: name them with wire()",
                Loc::here()
            );
            self.faults.push(text);
        }
        let lanes = self.items.iter().filter(|i| {
            matches!(i, Item::MemAccess { mem: m, port: MemPort::Write { bytes: Some(_), .. }, .. } if *m == mem.id)
        });
        let nth = lanes.count();
        let port = MemPort::Write {
            enable,
            addr: addr.clone(),
            data: data.clone(),
            bytes: bytes.map(|b| (b, nth)),
        };
        self.items.push(Item::MemAccess {
            mem: mem.id,
            clock: clock.clone(),
            port,
        });
    }

    /// Registered read port; the result is a register that keeps its value while `enable` is low.
    #[track_caller]
    pub fn read_sync(
        &mut self,
        name: &str,
        mem: &Mem,
        clock: &Clock,
        enable: impl AsRef<Expr>,
        addr: impl AsRef<Expr>,
    ) -> Expr {
        let (enable, addr) = (enable.as_ref(), addr.as_ref());
        self.check_access(mem, enable, addr);
        let net = self.reg(name, uint(mem.width));
        let port = MemPort::Read {
            enable: enable.clone(),
            addr: addr.clone(),
            net: net_index(&net),
        };
        self.items.push(Item::MemAccess {
            mem: mem.id,
            clock: clock.clone(),
            port,
        });
        net
    }

    /// Combinational read (distributed RAM, ROM).
    #[track_caller]
    pub fn read_async(&mut self, mem: &Mem, addr: impl AsRef<Expr>) -> Expr {
        let addr = addr.as_ref();
        self.check_access(mem, &super::expr::one(), addr);
        let node = Node::MemRead {
            mem: mem.id,
            name: mem.name.clone(),
            addr: addr.clone(),
        };
        Expr::new(node, uint(mem.width))
    }

    #[track_caller]
    fn check_access(&mut self, mem: &Mem, enable: &Expr, addr: &Expr) {
        if enable.ty != bool_ty() {
            let text = format!("{}: enable of {} is {}", Loc::here(), mem.name, enable.ty);
            self.faults.push(text);
        }
        let want = uint(clog2(mem.depth));
        if addr.ty != want {
            let text = format!(
                "{}: address of {} is {}, not {want}",
                Loc::here(),
                mem.name,
                addr.ty
            );
            self.faults.push(text);
        }
    }
}
