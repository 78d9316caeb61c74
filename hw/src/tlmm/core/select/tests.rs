use super::*;
use crate::rtl::Design;

fn params() -> CoreParams {
    CoreParams {
        code: Code::TwoBit,
        groups: 3,
        rows: 2,
        batch: 1,
        act_lanes: 1,
        max_k_tiles: 4,
        max_row_tiles: 8,
    }
}

#[test]
fn emitted_modules() {
    for technology in [Technology::Generic, Technology::Ecp5, Technology::Asic] {
        let mut core = SelectCore::new(params(), technology);
        core.chain = 2;
        let design = Design::new(&core.build().unwrap()).unwrap();
        let texts: Vec<String> = design
            .modules()
            // Pins of block memories say nothing that their names do not.
            .filter(|m| !(technology == Technology::Ecp5 && m.name.starts_with("tlmm_ram")))
            .map(|m| m.verilog())
            .collect();
        insta::assert_snapshot!(format!("{technology:?}").to_lowercase(), texts.join("\n"));
    }
}

#[test]
fn parameters_that_cannot_be_are_refused_with_the_nearest_that_can() {
    let refuse = |change: fn(&mut SelectCore)| {
        let mut core = SelectCore::new(params(), Technology::Ecp5);
        change(&mut core);
        core.build().unwrap_err().to_string()
    };
    assert!(refuse(|c| c.params.code = Code::G3).contains("takes code TwoBit, not G3"));
    assert!(
        refuse(|c| c.params.groups = 0)
            .contains("groups T = 0 is not in 1..=256; the nearest is 1")
    );
    assert!(
        refuse(|c| c.params.rows = 300)
            .contains("rows Q = 300 is not in 1..=256; the nearest is 256")
    );
    assert!(refuse(|c| c.params.batch = 0).contains("batch B = 0"));
    assert!(refuse(|c| c.params.max_k_tiles = 0).contains("max_k_tiles = 0"));
    assert!(refuse(|c| c.params.max_k_tiles = 8193).contains("the nearest is 8192"));
    assert!(refuse(|c| c.chain = 0).contains("chain = 0 is not in 1..=32"));
    assert!(refuse(|c| c.per_stage = 9).contains("the nearest is 8"));
    let text = refuse(|c| c.params.max_row_tiles = 100);
    assert!(text.contains(
        "max_row_tiles = 100 is not a power of two up to 16384; the nearest are 64 and 128"
    ));
    let text = refuse(|c| c.params.max_row_tiles = 1 << 20);
    assert!(text.contains("the nearest is 16384"), "{text}");
}

#[test]
fn many_sizes_are_legal_rtl() {
    for technology in [Technology::Generic, Technology::Ecp5, Technology::Asic] {
        for (groups, rows, batch, tiles) in [
            (1, 1, 1, 1),
            (7, 5, 3, 2),
            (32, 2, 1, 2048),
            (33, 1, 4, 16384),
        ] {
            let mut p = params();
            (p.groups, p.rows, p.batch, p.max_row_tiles) = (groups, rows, batch, tiles);
            p.max_k_tiles = tiles.min(1 << 13);
            SelectCore::new(p, technology)
                .build()
                .unwrap_or_else(|e| panic!("{technology:?} T = {groups}: {e}"));
        }
    }
}
