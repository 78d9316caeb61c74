//! ECP5 block RAM with its own output register, which inference leaves out: without it a word comes 5.8 ns after the
//! clock, with it in time for 200 MHz.

use std::sync::Arc;

use crate::rtl::{
    BlackBoxModel, BoxIo, Expr, ExternModule, Module, Param, RtlError, bool_ty, clog2, one, uint,
    zero,
};

/// Memory with one write and one read port, whose word comes two cycles after `re` and stays. A word must not be read in the
/// cycle in which it is written. Ports: `clk`, `we`, `waddr`, `wdata`, `re`, `raddr`, `rdata`.
pub(in crate::tlmm::core) fn ram(width: u32, depth: u64) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("tlmm_ram_{width}x{depth}"))
        .doc("Block RAM: one write port, one read port, two cycles from address to word.");
    let clk = m.clock("clk");
    let addr_bits = clog2(depth);
    let we = m.input("we", uint(1), "write");
    let waddr = m.input("waddr", uint(addr_bits), "");
    let wdata = m.input("wdata", uint(width), "");
    let re = m.input("re", uint(1), "read");
    let raddr = m.input("raddr", uint(addr_bits), "");
    let rdata = m.output("rdata", uint(width), "the word that was last read");
    let block = Block::of(depth);
    let mut parts = Vec::new();
    let mut at = 0;
    while at < width {
        let used = block.width.min(width - at);
        let cell = block.cell();
        let mut inputs: Vec<(String, Expr)> = Vec::new();
        let names = &block.names;
        for clock in names.clocks {
            inputs.push((clock.into(), clk.clk.clone()));
        }
        for i in 0..block.pins() {
            let bit = if i < used { wdata.bit(at + i) } else { zero() };
            inputs.push((format!("{}{i}", names.data_in), bit));
        }
        for (name, addr, bits) in [
            (names.write_addr, &waddr, block.write_addr_bits()),
            (names.read_addr, &raddr, 14),
        ] {
            let skip = bits - block.depth_bits;
            for i in 0..bits {
                let bit = match i.checked_sub(skip) {
                    Some(k) if k < addr_bits => addr.bit(k),
                    // The lowest address bits of a write of 18 bits enable its bytes.
                    None if name == names.write_addr && i < 2 && block.width == 18 => one(),
                    _ => zero(),
                };
                inputs.push((format!("{name}{i}"), bit));
            }
        }
        for name in names.ones {
            inputs.push(((*name).into(), one()));
        }
        for name in names.zeros {
            inputs.push(((*name).into(), zero()));
        }
        for name in names.write_enables {
            inputs.push(((*name).into(), we.clone()));
        }
        inputs.push((names.read_enable.into(), re.clone()));
        let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(n, e)| (n.as_str(), e)).collect();
        let text = |t: &str| Param::Text(t.into());
        let mut params: Vec<(&str, Param)> = vec![("GSR", text("DISABLED"))];
        for name in names.widths {
            params.push((name, Param::Int(block.width as i32)));
        }
        params.push((names.register, text("OUTREG")));
        let made = m.black_box(&format!("u_bits{at}"), &cell, &params, &inputs);
        for i in 0..used {
            parts.push(made.get(&format!("{}{i}", names.data_out)));
        }
        for i in used..block.pins() {
            m.unused(made.get(&format!("{}{i}", names.data_out)));
        }
        at += used;
    }
    m.assign(&rdata, crate::rtl::cat(parts.iter().rev()));
    m.finish()
}

/// Pins of a block in the role they have here.
struct Names {
    cell: &'static str,
    /// Write clock, read clock.
    clocks: [&'static str; 2],
    data_in: &'static str,
    data_out: &'static str,
    write_addr: &'static str,
    read_addr: &'static str,
    write_enables: &'static [&'static str],
    read_enable: &'static str,
    ones: &'static [&'static str],
    zeros: &'static [&'static str],
    widths: [&'static str; 2],
    register: &'static str,
}

const PSEUDO: Names = Names {
    cell: "PDPW16KD",
    clocks: ["CLKW", "CLKR"],
    data_in: "DI",
    data_out: "DO",
    write_addr: "ADW",
    read_addr: "ADR",
    write_enables: &["CEW"],
    read_enable: "CER",
    ones: &["BE0", "BE1", "BE2", "BE3", "OCER"],
    zeros: &["RST", "CSW0", "CSW1", "CSW2", "CSR0", "CSR1", "CSR2"],
    widths: ["DATA_WIDTH_W", "DATA_WIDTH_R"],
    register: "REGMODE",
};

const DUAL: Names = Names {
    cell: "DP16KD",
    clocks: ["CLKA", "CLKB"],
    data_in: "DIA",
    data_out: "DOB",
    write_addr: "ADA",
    read_addr: "ADB",
    write_enables: &["CEA", "WEA"],
    read_enable: "CEB",
    ones: &["OCEB"],
    zeros: &[
        "OCEA", "WEB", "RSTA", "RSTB", "CSA0", "CSA1", "CSA2", "CSB0", "CSB1", "CSB2",
    ],
    widths: ["DATA_WIDTH_A", "DATA_WIDTH_B"],
    register: "REGMODE_B",
};

/// A shape of a block.
struct Block {
    width: u32,
    depth_bits: u32,
    names: Names,
}

impl Block {
    /// The widest shape that is deep enough; the rules of the core keep the depth to 2^14.
    fn of(depth: u64) -> Block {
        let shapes = [(36, 9), (18, 10), (9, 11), (4, 12), (2, 13)];
        let fit = shapes.into_iter().find(|s| depth <= 1 << s.1);
        let (width, depth_bits) = fit.unwrap_or((1, 14));
        Block {
            width,
            depth_bits,
            names: if width == 36 { PSEUDO } else { DUAL },
        }
    }

    /// Data pins of either port.
    fn pins(&self) -> u32 {
        if self.width == 36 { 36 } else { 18 }
    }

    fn write_addr_bits(&self) -> u32 {
        if self.width == 36 { 9 } else { 14 }
    }

    fn cell(&self) -> ExternModule {
        let n = &self.names;
        let mut cell = ExternModule::new(n.cell)
            .clock(n.clocks[0])
            .clock(n.clocks[1]);
        for i in 0..self.pins() {
            cell = cell.input(&format!("{}{i}", n.data_in), bool_ty());
        }
        for (name, bits) in [(n.write_addr, self.write_addr_bits()), (n.read_addr, 14)] {
            for i in 0..bits {
                cell = cell.input(&format!("{name}{i}"), bool_ty());
            }
        }
        for name in n
            .ones
            .iter()
            .chain(n.zeros)
            .chain(n.write_enables)
            .chain([&n.read_enable])
        {
            cell = cell.input(name, bool_ty());
        }
        for i in 0..self.pins() {
            cell = cell.output(&format!("{}{i}", n.data_out), bool_ty());
        }
        cell.model(Ram::make)
    }
}

/// Model of a block. The ports are those of [`Block::cell`] in their order.
struct Ram {
    words: Vec<u64>,
    pins: usize,
    depth_bits: u32,
    write_addr_bits: usize,
    /// First of the pins that are tied or enable something.
    enables: usize,
    write_enable: usize,
    read_enable: usize,
    read: u64,
    out: u64,
}

impl Ram {
    fn make(params: &[(String, Param)]) -> Box<dyn BlackBoxModel> {
        let width = params.iter().find_map(|(n, p)| match p {
            Param::Int(w) if n.starts_with("DATA_WIDTH") => Some(*w as u32),
            _ => None,
        });
        let width = width.unwrap_or(36);
        let depth_bits = (9..=14)
            .find(|d| Block::of(1 << d).width == width)
            .unwrap_or(14);
        let block = Block::of(1 << depth_bits);
        let names = &block.names;
        let write_addr_bits = block.write_addr_bits() as usize;
        let enables = 2 + block.pins() as usize + write_addr_bits + 14;
        let write_enable = enables + names.ones.len() + names.zeros.len();
        Box::new(Ram {
            words: vec![0; 1 << depth_bits],
            pins: block.pins() as usize,
            depth_bits,
            write_addr_bits,
            enables,
            write_enable,
            read_enable: write_enable + names.write_enables.len(),
            read: 0,
            out: 0,
        })
    }

    /// The number on `n` pins from `first` on.
    fn number(io: &BoxIo<'_>, first: usize, n: usize) -> u64 {
        (0..n).fold(0, |v, i| v | io.get(first + i) << i)
    }

    fn write_addr(&self, io: &BoxIo<'_>) -> usize {
        let pins = Self::number(io, 2 + self.pins, self.write_addr_bits);
        (pins >> (self.write_addr_bits as u32 - self.depth_bits)) as usize
    }

    fn read_addr(&self, io: &BoxIo<'_>) -> usize {
        let pins = Self::number(io, self.enables - 14, 14);
        (pins >> (14 - self.depth_bits)) as usize
    }
}

impl BlackBoxModel for Ram {
    fn eval(&mut self, io: &mut BoxIo<'_>) {
        for i in 0..self.pins {
            io.set(self.read_enable + 1 + i, self.out >> i & 1);
        }
    }

    fn tick(&mut self, clock: usize, io: &BoxIo<'_>) {
        let writes = io.get(self.write_enable) == 1;
        if clock == 1 {
            self.out = self.read;
            if io.get(self.read_enable) == 1 {
                let addr = self.read_addr(io);
                // Both at one address is undefined: what comes must be seen to be wrong.
                let clash = writes && addr == self.write_addr(io);
                self.read = if clash {
                    !self.words[addr]
                } else {
                    self.words[addr]
                };
            }
        } else if writes {
            let addr = self.write_addr(io);
            self.words[addr] = Self::number(io, 2, self.pins);
        }
    }
}
