//! Look-up tables of AMD UltraScale and UltraScale+ (UG574): as memory with many read ports, as two functions, and with the
//! carry chain.

use crate::rtl::{
    BlackBoxModel, BoxIo, ExternModule, Instance, ModuleBuilder, Param, bool_ty, uint,
};
use crate::rtl::{Expr, cat};

/// Ports of a RAM32M16 by letter; H is also the write address.
const RAM_PORTS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

impl ModuleBuilder {
    /// RAM32M16: the eight look-up tables of a SLICEM as 32 words of 2 bits each. Look-up table k reads at
    /// `addresses[k]` in the same cycle; all are written at the address of the last one. `data` are 2 bits for each, first
    /// low; returned are the 2 bits that each reads. All start with the same contents: word i at bits 2 i of `init`.
    #[track_caller]
    pub fn ram32m16(
        &mut self,
        name: &str,
        clk: &Expr,
        enable: &Expr,
        addresses: &[Expr; 8],
        data: &[Expr; 8],
        init: u64,
    ) -> [Expr; 8] {
        let names: Vec<(String, String, String)> = RAM_PORTS
            .iter()
            .map(|p| (format!("ADDR{p}"), format!("DI{p}"), format!("DO{p}")))
            .collect();
        let mut ram = ExternModule::new("RAM32M16")
            .clock("WCLK")
            .input("WE", bool_ty());
        for (addr, di, out) in &names {
            ram = ram
                .input(addr, uint(5))
                .input(di, uint(2))
                .output_through(out, uint(2), &[addr]);
        }
        let ram = ram.model(|params| {
            let init = first_bits(params);
            let words = std::array::from_fn(|i| (init >> (2 * i) & 3) as u8);
            Box::new(Ram { words: [words; 8] })
        });
        // Zeros are what the vendor's cell has without parameters.
        let params: Vec<(String, Param)> = RAM_PORTS
            .iter()
            .filter(|_| init != 0)
            .map(|p| (format!("INIT_{p}"), Param::Bits(init.into(), 64)))
            .collect();
        let params: Vec<(&str, Param)> = params
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        let mut conns = vec![("WCLK", clk), ("WE", enable)];
        for (k, (addr, di, _)) in names.iter().enumerate() {
            conns.push((addr, &addresses[k]));
            conns.push((di, &data[k]));
        }
        let u = self.black_box(name, &ram, &params, &conns);
        std::array::from_fn(|k| u.get(&names[k].2))
    }

    /// LUT6_2 as two functions of the same five inputs (first low): bit i of `low` and `high` is the value of O5 and O6
    /// for inputs i. The sixth input is tied high, which is what makes O6 read the upper half.
    #[track_caller]
    pub fn lut6_2(&mut self, name: &str, inputs: &[Expr; 5], low: u32, high: u32) -> Instance {
        let names = ["I0", "I1", "I2", "I3", "I4"];
        let mut lut = ExternModule::new("LUT6_2");
        for port in names.iter().chain(&["I5"]) {
            lut = lut.input(port, bool_ty());
        }
        let lut = lut
            .output_through("O5", bool_ty(), &names)
            .output_through("O6", bool_ty(), &["I0", "I1", "I2", "I3", "I4", "I5"])
            .model(|params| {
                let init = first_bits(params);
                Box::new(Lut { init })
            });
        let init = u64::from(high) << 32 | u64::from(low);
        let one = crate::rtl::one();
        let mut conns: Vec<(&str, &Expr)> = names.iter().copied().zip(inputs).collect();
        conns.push(("I5", &one));
        self.black_box(
            name,
            &lut,
            &[("INIT", Param::Bits(init.into(), 64))],
            &conns,
        )
    }

    /// CARRY8 as one chain: (sums O, carries CO) of propagate bits `s` and generate bits `d`, least significant first.
    #[track_caller]
    pub fn carry8(
        &mut self,
        name: &str,
        carry_in: &Expr,
        s: &[Expr; 8],
        d: &[Expr; 8],
    ) -> Instance {
        let carry = ExternModule::new("CARRY8")
            .input("CI", bool_ty())
            .input("CI_TOP", bool_ty())
            .input("DI", uint(8))
            .input("S", uint(8))
            .output_through("O", uint(8), &["CI", "DI", "S"])
            .output_through("CO", uint(8), &["CI", "DI", "S"])
            .model(|_| Box::new(Carry));
        let (s, d) = (cat(s.iter().rev()), cat(d.iter().rev()));
        let top = crate::rtl::zero();
        let conns = [("CI", carry_in), ("CI_TOP", &top), ("DI", &d), ("S", &s)];
        let params = [("CARRY_TYPE", Param::Text("SINGLE_CY8".into()))];
        self.black_box(name, &carry, &params, &conns)
    }
}

/// The first parameter as bits, zero without one.
fn first_bits(params: &[(String, Param)]) -> u64 {
    match params {
        [(_, Param::Bits(v, _)), ..] => v.iter_u64_digits().next().unwrap_or(0),
        _ => 0,
    }
}

struct Ram {
    words: [[u8; 32]; 8],
}

impl Ram {
    /// Ports in order: WCLK, WE, then address, data in, data out of each look-up table.
    const fn address(k: usize) -> usize {
        2 + 3 * k
    }
}

impl BlackBoxModel for Ram {
    fn eval(&mut self, io: &mut BoxIo<'_>) {
        for (k, words) in self.words.iter().enumerate() {
            let at = io.get(Ram::address(k)) as usize;
            io.set(Ram::address(k) + 2, words[at].into());
        }
    }

    fn tick(&mut self, _clock: usize, io: &BoxIo<'_>) {
        if io.get(1) == 1 {
            let at = io.get(Ram::address(7)) as usize;
            for (k, words) in self.words.iter_mut().enumerate() {
                words[at] = io.get(Ram::address(k) + 1) as u8;
            }
        }
    }
}

struct Lut {
    init: u64,
}

impl BlackBoxModel for Lut {
    fn eval(&mut self, io: &mut BoxIo<'_>) {
        let low = (0..5).fold(0, |v, k| v | io.get(k) << k);
        io.set(6, self.init >> low & 1);
        io.set(7, self.init >> (low | io.get(5) << 5) & 1);
    }

    fn tick(&mut self, _clock: usize, _io: &BoxIo<'_>) {}
}

struct Carry;

impl BlackBoxModel for Carry {
    fn eval(&mut self, io: &mut BoxIo<'_>) {
        let (mut carry, d, s) = (io.get(0), io.get(2), io.get(3));
        let (mut sum, mut out) = (0, 0);
        for k in 0..8 {
            let propagate = s >> k & 1;
            sum |= (propagate ^ carry) << k;
            carry = if propagate == 1 { carry } else { d >> k & 1 };
            out |= carry << k;
        }
        io.set(4, sum);
        io.set(5, out);
    }

    fn tick(&mut self, _clock: usize, _io: &BoxIo<'_>) {}
}
