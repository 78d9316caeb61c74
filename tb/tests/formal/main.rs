//! Proofs by SAT in the pinned Yosys: what emitted modules compute is what codes mean, for all inputs.
//!
//! The meaning is Verilog written from the papers (`definition.v`); nothing of it comes from the generator. Each proof is
//! tried again on a module in which one constant or sign is changed, and must fail.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use hw::params::{DramFormat, MachineParams};
use hw::rtl::{Design, Module};
use hw::tlmm::core::{Code, CoreParams, RegisterCore, SelectCore, Technology, table_core};
use hw::tlmm::{TlmmParams, unpack};
use hw::vendor::{ECP5_CARRY, simulation_files};
use tb::passes::{self, PassError};

type Files = Vec<(String, String)>;

/// The emitted modules whose names begin with one of `names`.
fn emitted(top: &Arc<Module>, names: &[&str]) -> Files {
    let files = Design::new(top).unwrap().emit("").into_iter();
    let files: Files = files
        .map(|f| (f.name, f.text))
        .filter(|(file, _)| names.iter().any(|n| file.starts_with(n)))
        .collect();
    assert!(files.len() >= names.len(), "{names:?}");
    files
}

/// Proves the output `ok` of the miter that `defines` choose, for all inputs; with `cycles`, in as many from the start.
fn prove(files: &Files, defines: &[(&str, &str)], cycles: Option<u32>) -> Result<(), PassError> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("definition.v", include_str!("definition.v")),
        ("miters.v", include_str!("miters.v")),
    ] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let defines: String = defines.iter().map(|(k, v)| format!(" -D{k}={v}")).collect();
    let mut passes = vec![
        "read_verilog definition.v".to_string(),
        format!("read_verilog{defines} miters.v"),
        "hierarchy -check -top miter".into(),
        "proc".into(),
        "memory".into(),
        "flatten".into(),
        "opt -full".into(),
    ];
    passes.push(match cycles {
        // Each cycle is proven with those before it as known.
        Some(n) => {
            format!("sat -verify -prove ok 1 -tempinduct -tempinduct-baseonly -maxsteps {n} miter")
        }
        None => "sat -verify -prove ok 1 miter".into(),
    });
    passes::run(dir.path(), files, &passes)
}

/// Proves, and sees the proof fail when `from` is `to` in the module `name`.
fn holds(
    files: &Files,
    defines: &[(&str, &str)],
    cycles: Option<u32>,
    (name, from, to): (&str, &str, &str),
) {
    prove(files, defines, cycles).unwrap_or_else(|e| panic!("{e}"));
    let mut changed = files.clone();
    let file = changed.iter_mut().find(|f| f.0 == format!("{name}.v"));
    let text = &mut file.unwrap().1;
    assert!(text.contains(from), "{name} has no {from:?}:\n{text}");
    *text = text.replacen(from, to, 1);
    let error = prove(&changed, defines, cycles).unwrap_err().to_string();
    assert!(error.contains("proof did fail"), "{error}");
}

fn params(code: Code) -> CoreParams {
    CoreParams {
        code,
        groups: 8,
        rows: 4,
        batch: 1,
        act_lanes: 8,
        max_k_tiles: 4,
        max_row_tiles: 16,
    }
}

/// Name of the definition's sum, group, codes, stored entries.
fn meaning(code: Code) -> [(&'static str, &'static str); 4] {
    match code {
        Code::Sherry => [
            ("SUM", "sherry_sum"),
            ("GROUP", "4"),
            ("CODES", "32'hffffffff"),
            ("ENTRIES", "16"),
        ],
        _ => [
            ("SUM", "g3_sum"),
            ("GROUP", "3"),
            ("CODES", "32'h07ffffff"),
            ("ENTRIES", "13"),
        ],
    }
}

#[test]
fn tables_in_registers() {
    for code in [Code::G3, Code::Sherry] {
        let core = RegisterCore {
            params: params(code),
            technology: Technology::Generic,
        };
        let names = [
            "tlmm_register_table",
            "tlmm_register_slot",
            "tlmm_register_look",
        ];
        let files = emitted(&core.build().unwrap(), &names);
        let defines = [&[("LOOKUP", "1")][..], &meaning(code)].concat();
        let sign = ("tlmm_register_table", "pair1 + ", "pair1 - ");
        holds(&files, &defines, None, sign);
    }
}

#[test]
fn choose_and_add() {
    let defines = [("SELECT", "1")];
    let files = |technology| {
        let core = SelectCore::new(params(Code::TwoBit), technology);
        emitted(&core.build().unwrap(), &["tlmm_select_add_8_9"])
    };
    let change = ("tlmm_select_add_8_9", "code == 2'd2", "code == 2'd0");
    holds(&files(Technology::Generic), &defines, None, change);
    let mut ecp5 = files(Technology::Ecp5);
    ecp5.push(("ecp5_carry.v".into(), ECP5_CARRY.into()));
    holds(
        &ecp5,
        &defines,
        None,
        ("tlmm_select_add_8_9", "16'ha99a", "16'ha99b"),
    );
}

/// Modules of the table core with the behavioural models of their primitives.
fn of_table_core(p: &CoreParams, names: &[&str]) -> Files {
    let core = table_core(p).unwrap();
    let mut files = emitted(&core, names);
    for (name, text) in simulation_files(&core) {
        // Messages are for simulation.
        let lines = text.lines().map(|l| match l.find("$error") {
            Some(at) => format!("{};\n", &l[..at]),
            None => format!("{l}\n"),
        });
        files.push((name, lines.collect()));
    }
    files
}

/// The walk from the start of a product, on the behavioural model of the adder.
fn walk(code: Code) {
    let p = params(code);
    let files = of_table_core(&p, &["tlmm_sequence", "tlmm_builder"]);
    // The walk, the way there and the start.
    let last = match code {
        Code::Sherry => 48,
        _ => 40,
    };
    let (tiles, addr) = (p.tile_bits().to_string(), p.act_addr_bits().to_string());
    let end = last.to_string();
    let mut defines = vec![
        ("WALK", "1"),
        ("TILES", &tiles),
        ("ADDR", &addr),
        ("LAST", &end),
    ];
    defines.extend(meaning(code));
    let subtract = ("tlmm_sequence", "operation = 3'd2", "operation = 3'd0");
    holds(&files, &defines, Some(last + 1), subtract);
}

#[test]
#[ignore = "minutes"]
fn walk_of_the_table_core_in_g3() {
    walk(Code::G3);
}

#[test]
#[ignore = "minutes"]
fn walk_of_the_table_core_in_sherry() {
    walk(Code::Sherry);
}

#[test]
fn decoders_of_packed_weights() {
    let unpacker = unpack(&TlmmParams::new(&MachineParams::tiny_uscale())).unwrap();
    let byte = emitted(&unpacker, &["base3_byte"]);
    let constant = ("base3_byte", "byte_in >= 8'd54", "byte_in >= 8'd55");
    holds(&byte, &[("BASE3", "1")], None, constant);
    let coder = emitted(&unpacker, &["g3_trits_index"]);
    let constant = ("g3_trits_index", "value = 5'd9;", "value = 5'd8;");
    holds(&coder, &[("TRITS", "1")], None, constant);
}

#[test]
fn decoders_of_indices() {
    let g3 = MachineParams {
        dram_format: DramFormat::G3,
        ..MachineParams::tiny()
    };
    for (machine, code, decoder, (from, to)) in [
        (
            g3,
            Code::G3,
            "g3_weights",
            ("value = 6'd37;", "value = 6'd36;"),
        ),
        (
            MachineParams::tiny_sherry(),
            Code::Sherry,
            "sherry_weights",
            ("value = 8'd169;", "value = 8'd137;"),
        ),
    ] {
        let unpacker = unpack(&TlmmParams::new(&machine)).unwrap();
        let files = emitted(&unpacker, &[decoder]);
        let mut defines = vec![("WEIGHTS", "1"), ("DECODER", decoder)];
        defines.extend(meaning(code));
        holds(&files, &defines, None, (decoder, from, to));
    }
}
