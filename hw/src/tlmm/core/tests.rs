use super::*;
use crate::rtl::Design;

fn small(code: Code) -> CoreParams {
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

#[test]
fn emitted_modules() {
    let core = table_core(&small(Code::G3)).unwrap();
    for m in Design::new(&core).unwrap().modules() {
        insta::assert_snapshot!(format!("g3_{}", m.name), m.verilog());
    }
    // The formats differ in the order of the walk only.
    let core = table_core(&small(Code::Sherry)).unwrap();
    for m in Design::new(&core).unwrap().modules() {
        if m.name == "tlmm_sequence" {
            insta::assert_snapshot!(format!("sherry_{}", m.name), m.verilog());
        }
    }
}

/// Small, with a tree that has constants in it.
#[test]
fn emitted_modules_in_fabric() {
    let p = CoreParams {
        groups: 16,
        rows: 2,
        ..small(Code::G3)
    };
    let core = fabric_core(&p).unwrap();
    for m in Design::new(&core).unwrap().modules() {
        insta::assert_snapshot!(format!("fabric_{}", m.name), m.verilog());
    }
}

#[test]
fn parameters_that_do_not_fit_are_refused_with_the_nearest_legal_value() {
    let refuse = |change: fn(&mut CoreParams)| {
        let mut p = small(Code::G3);
        change(&mut p);
        table_core(&p).unwrap_err().to_string()
    };
    assert!(refuse(|p| p.code = Code::TwoBit).contains("g3 or sherry"));
    assert!(
        refuse(|p| p.groups = 12).contains("T = 12")
            && refuse(|p| p.groups = 12).contains("nearest 16")
    );
    assert!(refuse(|p| p.rows = 6).contains("nearest 8"));
    assert!(refuse(|p| p.batch = 17).contains("nearest 16"));
    assert!(refuse(|p| p.max_row_tiles = 100).contains("nearest 128"));
    assert!(refuse(|p| p.max_k_tiles = 3000).contains("at most 2730"));
}

#[test]
fn fabric_refuses_with_the_nearest_legal_value() {
    let refuse = |change: fn(&mut CoreParams)| {
        let mut p = small(Code::G3);
        change(&mut p);
        fabric_core(&p).unwrap_err().to_string()
    };
    assert!(refuse(|p| p.code = Code::TwoBit).contains("g3 or sherry"));
    assert!(refuse(|p| p.groups = 12).contains("nearest 16"));
    assert!(refuse(|p| p.act_lanes = 4).contains("A = 4"));
    assert!(refuse(|p| p.rows = 3).contains("nearest 4"));
    assert!(refuse(|p| p.batch = 0).contains("nearest 1"));
    assert!(refuse(|p| p.max_row_tiles = 100).contains("nearest 128"));
    assert!(refuse(|p| p.max_k_tiles = 3000).contains("at most 2730"));
}

/// Real shapes of BitNet b1.58 0.7B and 2B4T: fused Q, K, V, output, fused gate and up, down.
#[test]
fn decode_uses_at_least_95_percent_over_the_layers_of_real_models() {
    let layers: [&[(u64, u64)]; 2] = [
        &[(1536, 4608), (1536, 1536), (1536, 8192), (4096, 1536)],
        &[(2560, 3840), (2560, 2560), (2560, 13824), (6912, 2560)],
    ];
    for (code, groups) in [(Code::G3, 32), (Code::Sherry, 64)] {
        let p = CoreParams {
            groups,
            max_k_tiles: 128,
            max_row_tiles: 4096,
            ..small(code)
        };
        let core = Core::Distributed(p, Reduction::Dsp);
        for layer in layers {
            let products: u64 = layer.iter().map(|&(k, n)| k * n).sum();
            let time: f64 = layer
                .iter()
                .map(|&(k, n)| (k * n) as f64 / core.utilisation(k, n))
                .sum();
            let used = products as f64 / time;
            assert!(used >= 0.95, "{code:?}: {used:.3}");
        }
    }
}
