//! What the checker refuses, and what its messages say: the types and the author's source line.

use super::*;

/// All faults of a module, which must have some.
fn faults(m: ModuleBuilder) -> String {
    match m.finish() {
        Ok(m) => panic!("no fault in\n{}", m.verilog()),
        Err(e) => e.to_string(),
    }
}

/// `hw/src/rtl/tests.rs:<line>` of the caller's previous line.
#[track_caller]
fn line_above() -> String {
    let here = std::panic::Location::caller();
    format!("{}:{}:", here.file(), here.line() - 1)
}

#[track_caller]
fn says(text: &str, place: &str, words: &str) {
    let whole = format!("{place} {words}");
    assert!(text.contains(&whole), "{whole:?} is not in:\n{text}");
}

#[test]
fn widths_that_differ() {
    let mut m = Module::new("m");
    let (a, b) = (m.input("a", uint(8), ""), m.input("b", uint(9), ""));
    let y = m.output("y", uint(8), "");
    let sum = &a + &b;
    let at_sum = line_above();
    m.assign(&y, &sum);
    let z = m.output("z", uint(7), "");
    m.assign(&z, &a);
    let at_assign = line_above();
    let text = faults(m);
    says(&text, &at_sum, "operation of u8 and u9");
    says(&text, &at_assign, "net of type u7 assigned a u8");
    assert!(text.starts_with("module `m`:"), "{text}");
}

#[test]
fn signs_that_differ() {
    let mut m = Module::new("m");
    let (a, b) = (m.input("a", uint(8), ""), m.input("b", sint(8), ""));
    let y = m.output("y", uint(1), "");
    let less = a.lt(&b);
    let at_less = line_above();
    let z = m.output("z", uint(16), "");
    m.assign(&y, less);
    m.assign(&z, &a * &b);
    let at_mul = line_above();
    let text = faults(m);
    says(&text, &at_less, "comparison of u8 and s8");
    says(&text, &at_mul, "product of u8 and s8");
}

#[test]
fn sums_of_signed_and_registers_of_another_type() {
    let mut m = Module::new("m");
    let clk = m.clock("clk");
    let a = m.input("a", sint(4), "");
    let r = m.reg("r", sint(5));
    m.clocked(&clk, |b| {
        b.set(&r, &a);
    });
    let y = m.output("y", sint(9), "");
    m.assign(&y, (&r + a.extend(5)).extend(9));
    let at = line_above();
    let text = faults(m);
    assert!(text.contains("register of type s5 set to a s4"), "{text}");
    says(&text, &at, "sign extension of an unnamed expression");
}

#[test]
fn constants_and_slices_out_of_range() {
    let mut m = Module::new("m");
    let a = m.input("a", uint(8), "");
    let (y, z) = (m.output("y", uint(4), ""), m.output("z", uint(2), ""));
    m.assign(&y, lit(16, 4));
    let at_literal = line_above();
    m.assign(&z, a.bits(8, 7));
    let at_bits = line_above();
    let text = faults(m);
    says(&text, &at_literal, "constant 16 does not fit u4");
    says(&text, &at_bits, "bits 8:7 of a u8");
}

#[test]
fn nets_without_a_driver_or_with_two() {
    let mut m = Module::new("m");
    let a = m.input("a", uint(3), "");
    let w = m.wire_decl("w", uint(3));
    let at_wire = line_above();
    let y = m.output("y", uint(3), "");
    let at_out = line_above();
    m.assign(&y, &w);
    m.assign(&y, &a);
    let text = faults(m);
    says(&text, &at_wire, "`w` is never driven");
    says(&text, &at_out, "`y` is driven 2 times");
}

#[test]
fn registers_driven_like_wires_and_the_reverse() {
    let mut m = Module::new("m");
    let clk = m.clock("clk");
    let a = m.input("a", uint(3), "");
    let r = m.reg("r", uint(3));
    let at_reg = line_above();
    let y = m.output("y", uint(3), "");
    let at_out = line_above();
    m.assign(&r, &a);
    m.clocked(&clk, |b| {
        b.set(&y, &r);
    });
    let text = faults(m);
    says(&text, &at_reg, "register `r` is driven continuously");
    says(&text, &at_out, "output `y` is driven in a clocked block");
}

#[test]
fn bits_that_nobody_reads() {
    let mut m = Module::new("m");
    let a = m.input("a", uint(8), "");
    let at_bits = line_above();
    let b = m.input("b", uint(2), "");
    let at_whole = line_above();
    let c = m.input("c", uint(2), "");
    m.unused(&c);
    let y = m.output("y", uint(4), "");
    m.assign(&y, a.bits(5, 2));
    let text = faults(m);
    says(&text, &at_bits, "`a` bits 0,1,6,7 never read");
    says(&text, &at_whole, "`b` never read");
    assert!(!text.contains("`c`"), "{text}");
    assert_eq!(b.ty(), uint(2));
}

#[test]
fn loops_in_a_module_and_through_instances() {
    let mut m = Module::new("m");
    let a = m.input("a", uint(1), "");
    let v = m.wire_decl("v", uint(1));
    let w = m.wire("w", &v & &a);
    m.assign(&v, !&w);
    let y = m.output("y", uint(1), "");
    m.assign(&y, &w);
    let text = faults(m);
    assert!(text.contains("combinational loop: v <- w"), "{text}");

    let mut m = Module::new("child");
    let clk = m.clock("clk");
    let (p, q) = (m.input("p", uint(1), ""), m.input("q", uint(1), ""));
    let (direct, late) = (
        m.output("direct", uint(1), ""),
        m.output("late", uint(1), ""),
    );
    m.assign(&direct, !&p);
    let r = m.delay("r", &clk, None, &q);
    m.assign(&late, &r);
    let child = m.finish().unwrap();
    let parent = |through: &str, back: &str| {
        let mut m = Module::new("parent");
        let clk = m.clock("clk");
        let y = m.output("y", uint(2), "");
        let feedback = m.wire_decl("feedback", uint(1));
        let zero = zero();
        let other = if through == "p" { "q" } else { "p" };
        let u = m.instance("u_c", &child, &clk, &[(through, &feedback), (other, &zero)]);
        m.assign(&feedback, !u.get(back));
        m.assign(&y, cat([&u.get("direct"), &u.get("late")]));
        m
    };
    let text = faults(parent("p", "direct"));
    let path = "combinational loop: c_direct <- feedback";
    let reverse = "combinational loop: feedback <- c_direct";
    assert!(text.contains(path) || text.contains(reverse), "{text}");
    assert!(
        parent("q", "late").finish().is_ok(),
        "a register breaks the loop"
    );
    assert!(
        parent("p", "late").finish().is_ok(),
        "`late` does not depend on `p`"
    );
}

#[test]
fn names_that_are_reserved_used_twice_or_no_identifiers() {
    let mut m = Module::new("m");
    let a = m.input("buf", uint(1), "");
    let at_keyword = line_above();
    let b = m.input("x", uint(1), "");
    let c = m.wire("x", &a & &b);
    let at_clash = line_above();
    let y = m.output("2y", uint(1), "");
    let at_letter = line_above();
    m.assign(&y, &c);
    let text = faults(m);
    says(&text, &at_keyword, "`buf` is a reserved word");
    says(&text, &at_clash, "`x` is declared twice");
    says(&text, &at_letter, "`2y` is not a Verilog identifier");
}

#[test]
fn a_sum_one_bit_too_narrow_breaks_its_promised_range() {
    let build = |width: u32| {
        let mut m = Module::new("m");
        let a = m.input("a", sint(7), "");
        m.range(&a, -63, 63);
        let b = m.input("b", sint(7), "");
        m.range(&b, -63, 63);
        let sum = m.wire("sum", a.resize(width) + b.resize(width));
        m.range(&sum, -126, 126);
        let at = format!("{}:{}:", file!(), line!() - 2);
        let y = m.output("y", sum.ty(), "");
        m.assign(&y, &sum);
        (m, at)
    };
    assert!(build(8).0.finish().is_ok());
    let (m, at) = build(7);
    says(
        &faults(m),
        &at,
        "`sum` promises -126..=126, more than a s7 holds",
    );
}

#[test]
fn an_assumed_range_is_trusted_and_built_upon() {
    let build = |assume: bool| {
        let mut m = Module::new("m");
        let clk = m.clock_reset("clk", "rst");
        let x = m.input("x", uint(4), "");
        let acc = m.reg_init("acc", uint(8), 0);
        if assume {
            m.assume_range(&acc, 0, 150);
        } else {
            m.range(&acc, 0, 150);
        }
        m.clocked(&clk, |b| {
            b.set(&acc, &acc + x.extend(8));
        });
        let next = m.wire("next", &acc + x.extend(8));
        m.range(&next, 0, 165);
        let y = m.output("y", uint(8), "");
        m.assign(&y, &next);
        m
    };
    assert!(build(true).finish().is_ok());
    let text = faults(build(false));
    assert!(
        text.contains("`acc` promises 0..=150 but can be 0..=165"),
        "{text}"
    );
}

#[test]
fn nets_of_another_module() {
    let mut other = Module::new("other");
    let foreign = other.input("foreign", uint(1), "");
    let mut m = Module::new("m");
    let y = m.output("y", uint(1), "");
    m.assign(&y, !&foreign);
    let text = faults(m);
    assert!(
        text.contains("net foreign belongs to another module"),
        "{text}"
    );
}

#[test]
fn instances_with_wrong_connections() {
    let mut m = Module::new("child");
    let p = m.input("p", uint(4), "");
    let q = m.output("q", uint(4), "");
    m.assign(&q, &p);
    let child = m.finish().unwrap();
    let mut m = Module::new("m");
    let clk = m.clock("clk");
    let a = m.input("a", uint(5), "");
    let u = m.instance("u_x", &child, &clk, &[("p", &a), ("nope", &a)]);
    let at = line_above();
    let v = m.instance("u_y", &child, &clk, &[]);
    let at_open = line_above();
    let y = m.output("y", uint(8), "");
    m.assign(&y, cat([&u.get("q"), &v.get("q")]));
    let text = faults(m);
    says(&text, &at, "u_x.p is u4, connected to u5");
    says(&text, &at, "child has no port nope");
    says(&text, &at_open, "input p of u_y is not connected");
}

#[test]
fn two_different_modules_under_one_name() {
    let make = |value: u64| {
        let mut m = Module::new("same");
        let y = m.output("y", uint(4), "");
        m.assign(&y, lit(value, 4));
        m.finish().unwrap()
    };
    let mut m = Module::new("top");
    let clk = m.clock("clk");
    let a = m.instance("u_a", &make(1), &clk, &[]);
    let b = m.instance("u_b", &make(2), &clk, &[]);
    let y = m.output("y", uint(8), "");
    m.assign(&y, cat([&a.get("y"), &b.get("y")]));
    m.unused(&clk.clk);
    let error = Design::new(&m.finish().unwrap()).unwrap_err();
    assert!(
        error.to_string().contains("two different modules"),
        "{error}"
    );
}
