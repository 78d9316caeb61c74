//! Clocked designs: registers, memories, hierarchy, clocks, assertions, black boxes.

use num_bigint::BigUint;

use super::{NativeSim, SimError};
use crate::rtl::{
    BlackBoxModel, BoxIo, ByteEnable, ExternModule, MemStyle, Module, Param, cat, lit, mux, sint,
    uint,
};

#[test]
fn counter_with_reset_and_enable() {
    let mut m = Module::new("counter");
    let clk = m.clock_reset("clk", "rst");
    let en = m.input("en", uint(1), "");
    let q = m.output("q", uint(8), "");
    let r = m.reg_init("count", uint(8), 250);
    m.clocked(&clk, |b| {
        b.when(&en, |b| {
            b.set(&r, r.plus(1));
        });
    });
    m.assign(&q, &r);
    let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
    assert_eq!(sim.get("q"), 0, "registers start at 0 before the reset");
    sim.reset("clk", "rst");
    assert_eq!(sim.get("q"), 250);
    sim.tick("clk");
    assert_eq!(sim.get("q"), 250);
    sim.set("en", 1);
    for _ in 0..10 {
        sim.tick("clk");
    }
    assert_eq!(sim.get("q"), 4, "wraps");
    sim.set("rst", 1);
    sim.tick("clk");
    assert_eq!(sim.get("q"), 250, "reset wins over the enable");
}

#[test]
fn registers_swap_and_later_statements_win() {
    let mut m = Module::new("swap");
    let clk = m.clock_reset("clk", "rst");
    let hold = m.input("hold", uint(1), "");
    let (a, b) = (m.reg_init("a", uint(100), 1), m.reg_init("b", uint(100), 2));
    m.clocked(&clk, |x| {
        x.set(&a, &b);
        x.when(&hold, |x| {
            x.set(&a, lit(9, 100));
        });
    });
    m.clocked(&clk, |x| {
        x.set(&b, &a);
    });
    let (p, q) = (m.output("p", uint(100), ""), m.output("q", uint(100), ""));
    m.assign(&p, &a);
    m.assign(&q, &b);
    let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
    sim.reset("clk", "rst");
    sim.tick("clk");
    assert_eq!((sim.get("p"), sim.get("q")), (2, 1));
    sim.set("hold", 1);
    sim.tick("clk");
    assert_eq!((sim.get("p"), sim.get("q")), (9, 2));
}

#[test]
fn memory_with_byte_enables_gives_the_old_word_when_read_during_write() {
    let mut m = Module::new("bytes");
    let clk = m.clock("clk");
    let we = m.input("we", uint(1), "");
    let lanes = m.input("lanes", uint(9), "");
    let addr = m.input("addr", uint(3), "");
    let data = m.input("data", uint(72), "");
    let mem = m.ram("mem", 72, 6, MemStyle::Block, "");
    let enable = Some(ByteEnable {
        width: 8,
        enable: lanes,
    });
    m.write(&mem, &clk, &we, &addr, &data, enable);
    let en = m.input("en", uint(1), "");
    let word = m.read_sync("word", &mem, &clk, &en, &addr);
    let q = m.output("q", uint(72), "");
    m.assign(&q, &word);
    let now = m.output("now", uint(72), "");
    let direct = m.read_async(&mem, &addr);
    m.assign(&now, direct);
    let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
    let old = BigUint::from(0x01_0203_0405_0607_0809_u128);
    let new = BigUint::from(0xf1_f2f3_f4f5_f6f7_f8f9_u128);
    sim.write_mem("mem", 5, &old).unwrap();
    sim.set("addr", 5);
    sim.set("we", 1);
    sim.set("en", 1);
    sim.set("lanes", 0b1_0000_0010);
    sim.set_wide("data", &new);
    assert_eq!(sim.get_wide("now"), old);
    sim.tick("clk");
    assert_eq!(sim.get_wide("q"), old, "the old word");
    assert_eq!(
        sim.get_wide("now"),
        BigUint::from(0xf1_0203_0405_0607_f809_u128)
    );
    sim.set("en", 0);
    sim.set("addr", 6);
    sim.tick("clk");
    assert_eq!(sim.get_wide("q"), old, "kept while not enabled");
    assert_eq!(sim.get("now"), 0, "outside the memory");
    assert_eq!(
        sim.read_mem("mem", 6),
        Err(SimError::NoSuchName {
            name: "mem[6]".into()
        })
    );
}

#[test]
fn rom_and_case() {
    let mut m = Module::new("tables");
    let s = m.input("s", uint(2), "");
    let wide = m.input("wide", uint(12), "");
    let rom = m.rom("rom", 7, [3u32, 5, 7, 127].map(BigUint::from).to_vec(), "");
    let (a, b, c) = (
        m.output("a", uint(7), ""),
        m.output("b", uint(70), ""),
        m.output("c", uint(4), ""),
    );
    let word = m.read_async(&rom, &s);
    m.assign(&a, word);
    let v = m.case("v", &s, [(0, lit(11, 70)), (2, lit(13, 70))], lit(17, 70));
    m.assign(&b, &v);
    let arms = [(7, lit(1, 4)), (4000, lit(2, 4)), (7, lit(3, 4))];
    let v = m.case("u", &wide, arms, lit(9, 4));
    m.assign(&c, &v);
    let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
    let mut seen = Vec::new();
    for (s, w) in [(0, 7), (1, 8), (2, 4000), (3, 0)] {
        sim.set("s", s);
        sim.set("wide", w);
        seen.push((sim.get("a"), sim.get("b"), sim.get("c")));
    }
    assert_eq!(seen, [(3, 11, 1), (5, 17, 9), (7, 13, 2), (127, 17, 9)]);
}

#[test]
fn case_of_a_constant_is_no_process() {
    let mut m = Module::new("fixed");
    let a = m.input("a", uint(4), "");
    let y = m.output("y", uint(4), "");
    let v = m.case("v", &lit(1, 1), [(0, lit(3, 4)), (1, a)], lit(5, 4));
    m.assign(&y, &v);
    let module = m.finish().unwrap();
    assert!(!module.verilog().contains("always"), "{}", module.verilog());
    let mut sim = NativeSim::new(&module).unwrap();
    sim.set("a", 9);
    assert_eq!(sim.get("y"), 9);
}

#[test]
fn hierarchy_with_expressions_on_ports_and_two_clocks() {
    let mut m = Module::new("stage");
    let clk = m.clock_reset("clk", "rst");
    let d = m.input("d", uint(8), "");
    let (q, through) = (m.output("q", uint(8), ""), m.output("through", uint(8), ""));
    let r = m.reg_init("r", uint(8), 0);
    m.clocked(&clk, |b| {
        b.set(&r, &d);
    });
    m.assign(&q, &r);
    m.assign(&through, d.plus(1));
    let stage = m.finish().unwrap();

    let mut m = Module::new("top");
    let fast = m.clock_reset("fast", "rst");
    let slow = crate::rtl::Clock {
        clk: m.input("slow", uint(1), ""),
        rst: fast.rst.clone(),
    };
    let d = m.input("d", uint(8), "");
    let a = m.instance("u_a", &stage, &fast, &[("d", &d.plus(3))]);
    let b = m.instance("u_b", &stage, &slow, &[("d", &a.get("q"))]);
    let y = m.output("y", uint(16), "");
    m.assign(&y, cat([&b.get("q"), &a.get("through")]));
    m.unused(b.get("through"));
    let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
    sim.set("d", 10);
    assert_eq!(sim.get("y"), 14);
    sim.tick("fast");
    assert_eq!((sim.get("u_a.r"), sim.get("u_b.q")), (13, 0));
    sim.set("d", 20);
    sim.try_tick(&["slow", "fast"]).unwrap();
    assert_eq!(
        (sim.get("u_a.r"), sim.get("u_b.r")),
        (23, 13),
        "edges at the same time see the old state"
    );
    let unknown = sim.try_tick(&["clk"]);
    assert_eq!(unknown, Err(SimError::NoSuchClock { name: "clk".into() }));
}

#[test]
fn assertion_names_its_instance_and_is_off_in_reset() {
    let mut m = Module::new("checked");
    let clk = m.clock_reset("clk", "rst");
    let x = m.input("x", uint(4), "");
    m.assert("below_ten", &clk, x.lt(lit(10, 4)));
    let child = m.finish().unwrap();
    let mut m = Module::new("parent");
    let clk = m.clock_reset("clk", "rst");
    let x = m.input("x", uint(4), "");
    m.instance("u_c", &child, &clk, &[("x", &x)]);
    let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
    sim.set("rst", 1);
    sim.set("x", 12);
    sim.tick("clk");
    sim.set("rst", 0);
    let failed = sim.try_tick(&["clk"]);
    let name = "u_c.below_ten".to_string();
    assert_eq!(failed, Err(SimError::Assertion { name, cycle: 1 }));
}

/// `P` accumulates the products, `NOW` is this cycle's.
struct Mac {
    scale: i64,
    sum: i64,
}

impl BlackBoxModel for Mac {
    fn eval(&mut self, io: &mut BoxIo<'_>) {
        io.set(3, self.sum as u64);
        io.set(4, (io.get_signed(1) * io.get_signed(2)) as u64);
    }

    fn tick(&mut self, clock: usize, io: &BoxIo<'_>) {
        assert_eq!(clock, 0);
        self.sum += self.scale * io.get_signed(1) * io.get_signed(2);
    }
}

#[test]
fn black_box_with_a_model() {
    let mac = ExternModule::new("MACC")
        .clock("CLK")
        .input("A", sint(9))
        .input("B", sint(9))
        .output("P", sint(48))
        .output_through("NOW", sint(18), &["A", "B"])
        .model(|params| {
            let scale = match params {
                [(_, Param::Int(k)), ..] => i64::from(*k),
                _ => 1,
            };
            Box::new(Mac { scale, sum: 0 })
        });
    let mut m = Module::new("boxed");
    let clk = m.clock("clk");
    let a = m.input("a", sint(9), "");
    let (p, now) = (m.output("p", sint(48), ""), m.output("now", sint(18), ""));
    // B sees the registered output: no loop, because P does not depend on B in the same cycle.
    let feedback = m.wire_decl("feedback", sint(9));
    let params = [
        ("SCALE", Param::Int(2)),
        ("MODE", Param::Text("SLOW".into())),
    ];
    let conns = [("CLK", &clk.clk), ("A", &a), ("B", &feedback)];
    let u = m.black_box("u_mac", &mac, &params, &conns);
    let sum = u.get("P");
    m.assign(
        &feedback,
        mux(sum.bit(0).is(0), lit(3, 9), lit(5, 9)).signed(),
    );
    m.assign(&p, &sum);
    m.assign(&now, u.get("NOW"));
    let module = m.finish().unwrap();
    let text = "  MACC #(\n    .SCALE (2),\n    .MODE  (\"SLOW\")\n  ) u_mac (\n    .CLK (clk),\n";
    assert!(module.verilog().contains(text), "{}", module.verilog());
    let mut sim = NativeSim::new(&module).unwrap();
    sim.set_signed("a", -7);
    assert_eq!((sim.get_signed("p"), sim.get_signed("now")), (0, -21));
    sim.tick("clk");
    sim.set_signed("a", 100);
    assert_eq!((sim.get_signed("p"), sim.get_signed("now")), (-42, 300));
}

#[test]
fn scramble_reaches_datapath_registers_only() {
    let mut m = Module::new("both");
    let clk = m.clock_reset("clk", "rst");
    let (a, b) = (m.reg("a", uint(80)), m.reg_init("b", uint(80), 0));
    m.clocked(&clk, |x| {
        x.set(&a, &b);
        x.set(&b, &a);
    });
    let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
    sim.scramble(1);
    assert_ne!(sim.get("a"), 0);
    assert_eq!(sim.get("b"), 0);
    assert!(sim.get_wide("a").bits() <= 80);
}
