use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::csr;
use super::*;

fn random_operand(rng: &mut ChaCha8Rng) -> Operand {
    match rng.random_range(0..6) {
        0 => Operand::default(),
        1 => Operand::reg(rng.random_range(0..16)),
        2 => Operand {
            reg: 0,
            imm: Operand::IMM_MIN,
        },
        3 => Operand {
            reg: 15,
            imm: Operand::IMM_MAX,
        },
        _ => Operand::from_raw(rng.random()),
    }
}

/// Mostly words a compiler writes, sometimes any bits at all.
fn random_instr(rng: &mut ChaCha8Rng) -> Instr {
    let op = Op::ALL[rng.random_range(0..Op::ALL.len())];
    let mut instr = Instr::new(op);
    let wild = rng.random_range(0..4) == 0;
    for index in 0..FIELDS {
        let field = op
            .def()
            .fields
            .iter()
            .find(|f| usize::from(f.index) == index);
        instr.f[index] = match field.map(|f| f.kind) {
            None if !wild => Operand::default(),
            Some(FieldKind::Register) if !wild => Operand::reg(rng.random_range(0..16)),
            _ => random_operand(rng),
        };
    }
    let known = op.def().flags.iter().fold(0, |acc, f| acc | f.mask());
    instr.flags = rng.random::<u8>() & if wild { 0xff } else { known };
    instr.wait = rng.random::<u8>() & if wild { 0xff } else { 0x3f };
    instr.release = rng.random::<u8>() & rng.random::<u8>() & if wild { 0xff } else { 0x3f };
    instr
}

#[test]
fn words_and_text_round_trip() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..20_000 {
        let instr = random_instr(&mut rng);
        assert_eq!(Instr::decode(&instr.encode()), Ok(instr));
        let text = disassemble(&instr);
        assert_eq!(assemble_line(&text), Ok(instr), "{text}");
    }
}

#[test]
fn programs_round_trip_with_labels() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let program: Vec<Instr> = (0..300)
        .map(|_| match rng.random_range(0..3) {
            0 => Instr::new(Op::Bne).with(
                2,
                Operand {
                    reg: 0,
                    imm: rng.random_range(-3..303),
                },
            ),
            _ => random_instr(&mut rng),
        })
        .collect();
    let text = disassemble_program(&program);
    assert_eq!(assemble(&text), Ok(program));
}

#[test]
fn text_reads_as_documented() {
    let text = "gemv dst=r3+12, src=64, k=192, nt=48 wait=load release=vec";
    let instr = assemble_line(text).unwrap();
    let whole = "gemv dst=r3+12, src=64, k=192, nt=48, more=0, dst_stride=0, src_stride=0 wait=load release=vec";
    assert_eq!(disassemble(&instr), whole);
    assert_eq!(instr.f[0], Operand { reg: 3, imm: 12 });
    assert_eq!((instr.wait, instr.release), (1, 16));
    let text = "vmul dst=1, a=2, b=3, n=4, red=5 int out=i8 absmax wait=tlmm+pe";
    assert_eq!(disassemble(&assemble_line(text).unwrap()), text);
    assert_eq!(
        assemble_line("li rd=r1, value=0xffffffff").unwrap().f[1].raw(),
        u32::MAX
    );
}

#[test]
fn faults_in_text_are_named() {
    for (text, message) in [
        ("frob", "`frob` is not an instruction"),
        ("nop dst=1", "`nop` has no operand or flag `dst`"),
        ("ld dst=r16", "`r16` is not a value of this operand"),
        (
            "ld dst=134217728",
            "`134217728` is not a value of this operand",
        ),
        ("ld dst=--1", "`--1` is not a value of this operand"),
        ("ld wait=gpu", "`gpu` is not a unit"),
        ("pedot rows=17", "`17` is not a value of this operand"),
        ("jmp to=@x", "label `x` is not defined"),
        ("add rd=5", "`5` is not a value of this operand"),
    ] {
        assert_eq!(assemble_line(text).unwrap_err().to_string(), message);
    }
    let err = assemble("nop\n\nx:\nx:\n").unwrap_err();
    assert_eq!(err.to_string(), "line 4: label `x` is defined twice");
    assert_eq!(
        assemble("nop\nhalt 3").unwrap_err().to_string(),
        "line 2: `halt` has no operand or flag `3`"
    );
}

#[test]
fn tables_are_consistent() {
    for (i, op) in Op::ALL.iter().enumerate() {
        let def = op.def();
        assert_eq!(Op::from_opcode(def.opcode), Some(*op));
        assert!(
            Op::ALL[..i]
                .iter()
                .all(|o| o.def().mnemonic != def.mnemonic)
        );
        let nibble = match def.target {
            Target::Issue => [0, 7],
            Target::Queue(unit) => [unit as u8 + 1; 2],
        };
        assert!(nibble.contains(&(def.opcode >> 4)), "{}", def.mnemonic);
        let mut used = 0u8;
        for flag in def.flags {
            assert_eq!(used & flag.mask(), 0);
            used |= flag.mask();
            if let FlagKind::Choice(names) = flag.kind {
                assert_eq!(names.len(), 1 << flag.width);
            }
        }
    }
    assert_eq!(Op::from_opcode(0), None, "cleared memory is not a program");
    for pair in csr::TABLE.windows(2) {
        assert!(pair[0].offset < pair[1].offset);
    }
    for c in csr::TABLE {
        assert!(c.offset % 4 == 0 && c.offset < csr::SPACE);
        assert_eq!(c.reset & !c.mask(), 0);
    }
    let bit = |name: &str, field: &str| {
        let f = csr::named(name)
            .unwrap()
            .fields
            .iter()
            .find(|f| f.name == field);
        1 << f.unwrap().low
    };
    assert_eq!(bit("CTRL", "start"), csr::CTRL_START);
    assert_eq!(bit("CTRL", "clear"), csr::CTRL_CLEAR);
    assert_eq!(bit("CTRL", "port_reset"), csr::CTRL_PORT_RESET);
    assert_eq!(bit("STATUS", "idle"), csr::STATUS_IDLE);
    assert_eq!(bit("STATUS", "busy"), csr::STATUS_BUSY);
    assert_eq!(bit("STATUS", "done"), csr::STATUS_DONE);
    assert_eq!(bit("STATUS", "fault"), csr::STATUS_FAULT);
    assert_eq!(bit("STATUS", "port_stuck"), csr::STATUS_PORT_STUCK);
    for name in ["IRQ_STATUS", "IRQ_ENABLE"] {
        assert_eq!(bit(name, "done"), csr::IRQ_DONE);
        assert_eq!(bit(name, "token"), csr::IRQ_TOKEN);
        assert_eq!(bit(name, "fault"), csr::IRQ_FAULT);
    }
    for code in 0..=255 {
        assert!(Cause::from_code(code).is_none_or(|c| c.code() == code));
    }
    assert_eq!(Cause::ALL.len(), 14);
    for (code, unit) in FaultUnit::ALL.iter().enumerate() {
        assert_eq!(usize::from(unit.code()), code);
    }
}

#[test]
fn exported_texts() {
    insta::assert_snapshot!("isa_text", isa_text());
    insta::assert_snapshot!("csr_h", csr_h(0x0123_4567_89ab_cdef));
    insta::assert_snapshot!("systemrdl", systemrdl());
    insta::assert_snapshot!("isa_markdown", isa_markdown());
}
