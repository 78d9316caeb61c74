//! MULT18X18D of Lattice ECP5 (TN1267, "sysDSP Usage Guide") as a product of two operands of 18 bits, both signed or both
//! unsigned, with all three stages of registers. Pins for the shift chain, for operand C and for more clocks are left open:
//! the parameters select them away.

use crate::rtl::{
    BlackBoxModel, BoxIo, Expr, ExternModule, ModuleBuilder, Param, bool_ty, cat, lit,
};

/// Bits of an operand, and of the product.
const BITS: usize = 18;
const PRODUCT: usize = 2 * BITS;

/// Inputs that are not operands: signs, the operand or the shift chain, enable, reset.
const CONTROL: [&str; 6] = ["SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB", "CE0", "RST0"];
/// Ports in order: CLK0, A0.., B0.., control, P0...
const A: usize = 1;
const B: usize = A + BITS;
const SIGNED_A: usize = B + BITS;
const ENABLE: usize = SIGNED_A + 4;
const P: usize = SIGNED_A + CONTROL.len();

impl ModuleBuilder {
    /// The product of `a` and `b`, 36 bits, three cycles later.
    #[track_caller]
    pub fn mult18x18d(
        &mut self,
        name: &str,
        signed: bool,
        clk: &Expr,
        enable: &Expr,
        [a, b]: [&Expr; 2],
    ) -> Expr {
        let mut cell = ExternModule::new("MULT18X18D").clock("CLK0");
        let mut inputs: Vec<(String, Expr)> = Vec::new();
        for (pin, operand) in [("A", a), ("B", b)] {
            for i in 0..BITS {
                inputs.push((format!("{pin}{i}"), operand.bit(i as u32)));
            }
        }
        let sign = lit(signed.into(), 1);
        for pin in CONTROL {
            let value = match pin {
                "SIGNEDA" | "SIGNEDB" => sign.clone(),
                "CE0" => enable.clone(),
                _ => crate::rtl::zero(),
            };
            inputs.push((pin.into(), value));
        }
        for (pin, _) in &inputs {
            cell = cell.input(pin, bool_ty());
        }
        for i in 0..PRODUCT {
            cell = cell.output(&format!("P{i}"), bool_ty());
        }
        let cell = cell.model(|_| Box::new(Model::default()));
        let mut conns = vec![("CLK0", clk)];
        conns.extend(inputs.iter().map(|(pin, value)| (pin.as_str(), value)));
        let text = |value: &str| Param::Text(value.into());
        let params = [
            ("REG_INPUTA_CLK", text("CLK0")),
            ("REG_INPUTB_CLK", text("CLK0")),
            ("REG_PIPELINE_CLK", text("CLK0")),
            ("REG_OUTPUT_CLK", text("CLK0")),
            ("GSR", text("DISABLED")),
        ];
        let u = self.black_box(name, &cell, &params, &conns);
        let bits: Vec<Expr> = (0..PRODUCT).map(|i| u.get(&format!("P{i}"))).collect();
        cat(bits.iter().rev())
    }
}

/// Registers of one instance: operands, products.
#[derive(Default)]
struct Model {
    operands: [u64; 2],
    product: u64,
    out: u64,
}

impl BlackBoxModel for Model {
    fn eval(&mut self, io: &mut BoxIo<'_>) {
        for i in 0..PRODUCT {
            io.set(P + i, self.out >> i & 1);
        }
    }

    fn tick(&mut self, _clock: usize, io: &BoxIo<'_>) {
        if io.get(ENABLE) == 0 {
            return;
        }
        let signed = io.get(SIGNED_A) == 1;
        let value = |v: u64| match signed && v >> (BITS - 1) == 1 {
            true => v.cast_signed() - (1 << BITS),
            false => v.cast_signed(),
        };
        self.out = self.product;
        self.product = (value(self.operands[0]) * value(self.operands[1])).cast_unsigned();
        let operand = |first: usize| (0..BITS).fold(0, |v, i| v | io.get(first + i) << i);
        self.operands = [operand(A), operand(B)];
    }
}

#[cfg(test)]
mod tests {
    use crate::rtl::{Module, NativeSim, one, uint};

    #[test]
    fn products_of_corners() {
        let mut m = Module::new("products");
        let clk = m.clock("clk");
        let (a, b) = (m.input("a", uint(18), ""), m.input("b", uint(18), ""));
        for (name, signed) in [("s", true), ("u", false)] {
            let out = m.output(name, uint(36), "");
            let p = m.mult18x18d(&format!("u_{name}"), signed, &clk.clk, &one(), [&a, &b]);
            m.assign(&out, p);
        }
        let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
        let corners = [0u64, 1, 77_777, 0x1_ffff, 0x2_0000, 0x3_ffff];
        let pairs: Vec<(u64, u64)> = corners
            .iter()
            .flat_map(|&a| corners.map(|b| (a, b)))
            .collect();
        let sign = |v: u64| v.cast_signed() - i64::from(v >> 17 == 1) * (1 << 18);
        for cycle in 0..pairs.len() + 3 {
            if let Some(&(a, b)) = cycle.checked_sub(3).and_then(|c| pairs.get(c)) {
                assert_eq!(sim.get("u"), a * b);
                let want = sign(a) * sign(b);
                assert_eq!(sim.get("s"), want.cast_unsigned() & ((1 << 36) - 1));
            }
            let (a, b) = pairs[cycle.min(pairs.len() - 1)];
            sim.set("a", a);
            sim.set("b", b);
            sim.tick("clk");
        }
    }
}
