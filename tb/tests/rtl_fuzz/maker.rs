//! Random modules: typed expressions of all kinds, registers, memories, an instance.

use std::sync::Arc;

use hw::rtl::{
    Block, ByteEnable, Clock, Expr, MemStyle, Module, ModuleBuilder, PortDir, Ty, cat, mux, one,
    repeat, sint, uint,
};
use num_bigint::{BigInt, BigUint};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tb::sim::words;

const WIDTHS: [u32; 18] = [
    1, 1, 2, 3, 4, 5, 7, 8, 8, 16, 17, 31, 32, 33, 63, 64, 65, 100,
];

pub fn digits(rng: &mut ChaCha8Rng, width: u32) -> BigUint {
    let ones = (BigUint::from(1u32) << width) - 1u32;
    match rng.random_range(0..8) {
        0 => BigUint::from(0u32),
        1 => ones,
        2 => BigUint::from(1u32) << (width - 1),
        3 => BigUint::from(rng.random_range(0..4u32)) & ones,
        _ => BigUint::new((0..words(width)).map(|_| rng.random()).collect()) & ones,
    }
}

/// Makes random expressions over the nets made so far.
struct Maker<'a> {
    m: ModuleBuilder,
    rng: &'a mut ChaCha8Rng,
    nets: Vec<Expr>,
    roms: Vec<hw::rtl::Mem>,
    rom_types: Vec<(u32, u32)>,
    fresh: usize,
    /// `fill`, `fill_addr`, `fill_data`.
    fill: Vec<Expr>,
}

impl Maker<'_> {
    fn ty(&mut self) -> Ty {
        let width = WIDTHS[self.rng.random_range(0..WIDTHS.len())];
        if self.rng.random() {
            uint(width)
        } else {
            sint(width)
        }
    }

    /// A wire that carries `e`; its bits may all stay unread.
    fn named(&mut self, e: &Expr) -> Expr {
        self.fresh += 1;
        let w = self.m.wire(&format!("w{}", self.fresh), e);
        self.m.unused(&w);
        w
    }

    /// A named expression that is not constant.
    fn varying(&mut self, ty: Ty, depth: u32) -> Expr {
        let e = self.leaf(ty) ^ self.expr(ty, depth);
        self.named(&e)
    }

    fn literal(&mut self, ty: Ty) -> Expr {
        let bits = BigInt::from(digits(self.rng, ty.width));
        let half = BigInt::from(1) << (ty.width - 1);
        let value = if ty.signed && bits >= half {
            bits - (half << 1)
        } else {
            bits
        };
        Expr::constant(value, ty)
    }

    /// A net, cut or widened to the type.
    fn leaf(&mut self, ty: Ty) -> Expr {
        let net = self.nets[self.rng.random_range(0..self.nets.len())].clone();
        let e = if net.width() >= ty.width {
            let low = self.rng.random_range(0..=net.width() - ty.width);
            net.bits(low + ty.width - 1, low)
        } else {
            // Widened by the sign of the net, then read with that of the type.
            net.extend(ty.width)
        };
        if ty.signed { e.signed() } else { e.unsigned() }
    }

    fn expr(&mut self, ty: Ty, depth: u32) -> Expr {
        if depth == 0 {
            return if self.rng.random_range(0..6) == 0 {
                self.literal(ty)
            } else {
                self.leaf(ty)
            };
        }
        let d = depth - 1;
        loop {
            let choice = self.rng.random_range(0..22);
            if let Some(e) = self.try_node(choice, ty, d) {
                return e;
            }
        }
    }

    fn try_node(&mut self, choice: u32, ty: Ty, d: u32) -> Option<Expr> {
        let w = ty.width;
        let same = |s: &mut Self| (s.expr(ty, d), s.leaf_or(ty, d));
        Some(match choice {
            0 => {
                let (a, b) = same(self);
                a & b
            }
            1 => {
                let (a, b) = same(self);
                a | b
            }
            2 => {
                let (a, b) = same(self);
                a ^ b
            }
            3 => {
                let (a, b) = same(self);
                a + b
            }
            4 => {
                let (a, b) = same(self);
                a - b
            }
            5 => !self.expr(ty, d),
            6 if ty.signed => -self.expr(ty, d),
            7 | 8 => {
                let c = self.expr(uint(1), d);
                let (a, b) = same(self);
                mux(c, a, b)
            }
            9 if w >= 2 => {
                let wa = self.rng.random_range(1..w);
                let (ta, tb) = (
                    Ty { width: wa, ..ty },
                    Ty {
                        width: w - wa,
                        ..ty
                    },
                );
                let (a, b) = (self.expr(ta, d), self.expr(tb, d));
                if ty.signed {
                    self.named(&a) * self.named(&b)
                } else {
                    a * b
                }
            }
            10..=12 if ty == uint(1) => {
                let t = self.ty();
                // An operand known to be constant makes a lint of its own: a net is mixed into each.
                let (a, b) = (self.varying(t, d), self.varying(t, d));
                let middle = Expr::constant(BigInt::from(t.width / 2), t);
                match self.rng.random_range(0..12) {
                    9 if t.width > 7 => middle.lt(a),
                    10 if t.width > 7 => a.lt(middle),
                    11 if t.width > 7 => middle.le(&a),
                    0 => a.eq(b),
                    1 => a.ne(b),
                    2 => a.lt(b),
                    3 => a.le(b),
                    4 => a.gt(b),
                    5 => a.ge(b),
                    6 => a.reduce_and(),
                    7 => self.expr(t, d).reduce_or(),
                    _ => self.expr(t, d).reduce_xor(),
                }
            }
            13 => {
                let by = self.rng.random_range(1..9);
                // Verilator 5.048 to 5.050 folds (a >> b) >> c into a >> (b + c) and loses the carry of the sum
                // (its issue 7955), so the operand of a shift here is never another shift.
                let (a, by) = (self.varying(ty, d), self.expr(uint(by), d));
                if self.rng.random() {
                    a.shl(by)
                } else {
                    a.shr(by)
                }
            }
            14 if !ty.signed => {
                let low = self.rng.random_range(0..20);
                let t = Ty {
                    width: w + low + self.rng.random_range(0..9),
                    signed: self.rng.random(),
                };
                let base = self.expr(t, d);
                self.named(&base).bits(low + w - 1, low)
            }
            15 if !ty.signed && w.is_power_of_two() && w <= 64 => {
                let k = self.rng.random_range(1..4);
                let t = Ty {
                    width: w << k,
                    signed: self.rng.random(),
                };
                let base = self.expr(t, d);
                let index = self.expr(uint(k), d);
                self.named(&base).part(index, w)
            }
            16 if !ty.signed && w >= 2 => {
                let cut = self.rng.random_range(1..w);
                let (s, t) = (self.rng.random(), self.rng.random());
                let a = self.expr(
                    Ty {
                        width: w - cut,
                        signed: s,
                    },
                    d,
                );
                let b = self.expr(
                    Ty {
                        width: cut,
                        signed: t,
                    },
                    d,
                );
                cat([&a, &b])
            }
            17 if !ty.signed && w >= 2 => {
                let n = (2..=w)
                    .rev()
                    .filter(|n| w.is_multiple_of(*n))
                    .nth(self.rng.random_range(0..2))?;
                let signed = self.rng.random();
                repeat(
                    n,
                    self.expr(
                        Ty {
                            width: w / n,
                            signed,
                        },
                        d,
                    ),
                )
            }
            18 if w >= 2 => {
                let t = Ty {
                    width: self.rng.random_range(1..w),
                    ..ty
                };
                let e = self.expr(t, d);
                if ty.signed {
                    self.named(&e).extend(w)
                } else {
                    e.extend(w)
                }
            }
            19 if ty.signed => self.expr(uint(w), d).signed(),
            19 => self.expr(sint(w), d).unsigned(),
            20 if !ty.signed && !self.roms.is_empty() => {
                let k = self.rng.random_range(0..self.roms.len());
                let (word, addr) = self.rom_types[k];
                if word < w {
                    return None;
                }
                let addr = self.expr(uint(addr), d);
                let read = self.m.read_async(&self.roms[k], addr);
                if word == w {
                    read
                } else {
                    self.named(&read).bits(w - 1, 0)
                }
            }
            21 => {
                let sw = self.rng.random_range(1..5);
                let select = self.expr(uint(sw), d);
                let mut arms = Vec::new();
                for k in 0..1u64 << sw {
                    if self.rng.random_range(0..3) > 0 {
                        arms.push((k, self.leaf_or(ty, d.min(1))));
                    }
                }
                let default = self.leaf_or(ty, d.min(1));
                self.fresh += 1;
                let v = self
                    .m
                    .case(&format!("c{}", self.fresh), &select, arms, default);
                self.m.unused(&v);
                v
            }
            _ => return None,
        })
    }

    fn leaf_or(&mut self, ty: Ty, depth: u32) -> Expr {
        let depth = if self.rng.random() { 0 } else { depth };
        self.expr(ty, depth)
    }

    /// A ROM and a RAM that is filled while `fill` is high.
    fn memories(&mut self, clk: &Clock) {
        let contents = (0..13).map(|_| digits(self.rng, 70)).collect();
        let rom = self.m.rom("rom", 70, contents, "random words");
        let contents = (0..64).map(|_| digits(self.rng, 9)).collect();
        let small = self.m.rom("small_rom", 9, contents, "");
        let fill = self.m.input("fill", uint(1), "fills the memory");
        let fill_addr = self.m.input("fill_addr", uint(3), "");
        let fill_data = self.m.input("fill_data", uint(36), "");
        self.fill = vec![fill.clone(), fill_addr.clone(), fill_data.clone()];
        let ram = self.m.ram("ram", 36, 8, MemStyle::Auto, "");
        let go = self.expr(uint(1), 2);
        let (addr, data, lanes) = (
            self.expr(uint(3), 2),
            self.expr(uint(36), 2),
            self.expr(uint(4), 2),
        );
        let lanes = mux(&fill, repeat(4, one()), lanes);
        let lanes = self.m.wire("lanes", lanes);
        let bytes = ByteEnable {
            width: 9,
            enable: lanes,
        };
        let data = self.m.wire("ram_data", mux(&fill, fill_data, data));
        let addr = self.m.wire("ram_addr", mux(&fill, fill_addr, addr));
        self.m
            .write(&ram, clk, &fill | go, &addr, &data, Some(bytes));
        let read = self.expr(uint(1), 2);
        let q = self.m.read_sync("ram_q", &ram, clk, &fill | read, &addr);
        self.m.unused(&q);
        self.nets.push(q);
        self.roms = vec![small, ram];
        self.rom_types = vec![(9, 6), (36, 3)];
        // An address outside the ROM has no defined word in Verilog, so only 8 of its 13 words are reached.
        let at = self.expr(uint(3), 1);
        let word = self.m.read_async(&rom, at.extend(4));
        let word = self.named(&word);
        self.nets.push(word);
    }

    /// Statements that set the registers, nested to some depth. Made before the clocked block, because values
    /// name wires that must stand above it.
    fn plan(&mut self, regs: &[Expr], depth: u32) -> Vec<Plan> {
        let mut plans = Vec::new();
        for r in regs {
            if depth == 0 || self.rng.random_range(0..3) == 0 {
                let value = self.expr(r.ty(), 2);
                plans.push(Plan::Set(r.clone(), value));
                continue;
            }
            let conds = [self.expr(uint(1), 1), self.expr(uint(1), 1)];
            let one = std::slice::from_ref(r);
            let bodies = [
                self.plan(one, depth - 1),
                self.plan(regs, 0),
                self.plan(one, depth - 1),
            ];
            plans.push(Plan::If(conds, bodies));
        }
        plans
    }
}

enum Plan {
    Set(Expr, Expr),
    If([Expr; 2], [Vec<Plan>; 3]),
}

fn apply(plans: &[Plan], b: &mut Block) {
    for plan in plans {
        match plan {
            Plan::Set(r, value) => {
                b.set(r, value);
            }
            Plan::If([c, d], [x, y, z]) => {
                let when = b.when(c, |b| apply(x, b)).elif(d, |b| apply(y, b));
                when.otherwise(|b| apply(z, b));
            }
        }
    }
}

/// A random module with the standard inputs and `outputs` outputs; instantiates `child` if there is one.
pub fn random_module(
    name: &str,
    outputs: usize,
    child: Option<&Arc<Module>>,
    rng: &mut ChaCha8Rng,
) -> Arc<Module> {
    let mut m = Module::new(name);
    let clk = m.clock_reset("clk", "rst");
    let mut nets = Vec::new();
    for (i, width) in [1, 1, 3, 8, 9, 16, 33, 64, 70, 130].into_iter().enumerate() {
        for ty in [uint(width), sint(width)] {
            let net = m.input(&format!("{ty}_{i}"), ty, "");
            m.unused(&net);
            nets.push(net);
        }
    }
    let mut k = Maker {
        m,
        rng,
        nets,
        roms: Vec::new(),
        rom_types: Vec::new(),
        fresh: 0,
        fill: Vec::new(),
    };
    let mut regs = Vec::new();
    for i in 0..12 {
        let ty = k.ty();
        let reset = k.rng.random_range(0..2);
        let r = k.m.reg_init(&format!("r{i}"), ty, reset);
        k.m.unused(&r);
        regs.push(r);
    }
    k.nets.extend(regs.iter().cloned());
    k.memories(&clk);
    if let Some(child) = child {
        let inputs: Vec<(String, Expr)> = (child.ports.iter())
            .filter(|p| p.dir == PortDir::Input && p.name != "clk" && p.name != "rst")
            .map(|p| {
                let e = match p.name.as_str() {
                    "fill" => k.fill[0].clone(),
                    "fill_addr" => k.fill[1].clone(),
                    "fill_data" => k.fill[2].clone(),
                    _ => k.expr(p.ty, 2),
                };
                (p.name.clone(), e)
            })
            .collect();
        let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(n, e)| (n.as_str(), e)).collect();
        let u = k.m.instance("u_child", child, &clk, &inputs);
        for p in child.ports.iter().filter(|p| p.dir == PortDir::Output) {
            let net = u.get(&p.name);
            k.m.unused(&net);
            k.nets.push(net);
        }
    }
    for chunk in regs.chunks(3) {
        let plans = k.plan(chunk, 2);
        k.m.clocked(&clk, |b| apply(&plans, b));
    }
    for i in 0..outputs {
        let ty = k.ty();
        let depth = k.rng.random_range(1..5);
        let e = k.expr(ty, depth);
        let y = k.m.output(&format!("y{i}"), ty, "");
        k.m.assign(&y, e);
    }
    k.m.finish().unwrap_or_else(|e| panic!("{e}"))
}
