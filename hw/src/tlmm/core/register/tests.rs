use super::*;
use crate::rtl::Design;

fn core(code: Code) -> RegisterCore {
    RegisterCore {
        params: CoreParams {
            code,
            groups: 3,
            rows: 2,
            batch: 1,
            act_lanes: 1,
            max_k_tiles: 4,
            max_row_tiles: 8,
        },
        technology: Technology::Generic,
    }
}

#[test]
fn emitted_modules() {
    for (name, code) in [("g3", Code::G3), ("sherry", Code::Sherry)] {
        let design = Design::new(&core(code).build().unwrap()).unwrap();
        let texts: Vec<String> = design
            .modules()
            // The walk is that of the other cores; formats differ in tables and look-ups.
            .filter(|m| m.name.starts_with("tlmm_register_") || code == Code::G3)
            .map(|m| m.verilog())
            .collect();
        insta::assert_snapshot!(name, texts.join("\n"));
    }
}

#[test]
fn parameters_that_cannot_be_are_refused_with_the_nearest_that_can() {
    let refuse = |change: fn(&mut CoreParams)| {
        let mut core = core(Code::G3);
        change(&mut core.params);
        core.build().unwrap_err().to_string()
    };
    assert!(refuse(|p| p.code = Code::TwoBit).contains("g3 or sherry, not two_bit"));
    let text = refuse(|p| p.groups = 200);
    assert!(text.contains("groups T = 200 is not in 1..=128; the nearest is 128"));
    assert!(refuse(|p| p.rows = 0).contains("the nearest is 1"));
    assert!(refuse(|p| p.batch = 17).contains("batch B = 17"));
    assert!(refuse(|p| p.act_lanes = 2).contains("A divides T = 3; nearest 1"));
    assert!(refuse(|p| p.max_k_tiles = 0).contains("max_k_tiles = 0"));
    assert!(refuse(|p| p.max_row_tiles = 100).contains("the nearest are 64 and 128"));
}

#[test]
fn many_sizes_are_legal_rtl() {
    for code in [Code::G3, Code::Sherry] {
        for technology in [Technology::Generic, Technology::Ecp5, Technology::Asic] {
            for (groups, rows, batch) in [(1, 1, 1), (7, 5, 3), (33, 1, 2)] {
                let mut c = core(code);
                (c.params.groups, c.params.rows, c.params.batch) = (groups, rows, batch);
                c.technology = technology;
                c.build()
                    .unwrap_or_else(|e| panic!("{technology:?} T = {groups}: {e}"));
            }
        }
    }
}
