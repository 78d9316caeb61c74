//! The Yosys commands of a synthesis.

use serde::Serialize;

use super::{Options, Target};

/// File with the cells of each module.
pub(super) const STAT: &str = "stat.json";
/// File with the cells before mapping to gates, for [`Target::Generic`].
pub(super) const COARSE: &str = "coarse.json";
/// File with the report of the longest path of each module.
pub(super) const LEVELS: &str = "levels.txt";
/// File with what [`levels`] replaces cells of two outputs by.
pub(super) const SPLIT: &str = "split.v";

/// What `scripts/yosys_job.py` runs.
#[derive(Serialize)]
pub(super) struct Passes {
    passes: Vec<String>,
    each: Option<Each>,
    after: Vec<String>,
}

/// Commands for every name in a file; `@` is the name.
#[derive(Serialize)]
struct Each {
    names: &'static str,
    passes: Vec<String>,
}

/// The modules of the design itself, without those of the cell library.
const OURS: &str = "=* =A:blackbox %d =A:whitebox %d";

impl Passes {
    /// Reads `files`, maps module `top` to cells of the target, writes [`STAT`], for gates [`COARSE`], and [`LEVELS`] if
    /// they are wanted.
    pub(super) fn new(
        files: &[(String, String)],
        top: &str,
        target: Target,
        options: Options,
    ) -> Passes {
        let read = files.iter().map(|(name, _)| format!("read_verilog {name}"));
        let mut job = Passes {
            passes: read.collect(),
            each: None,
            after: Vec::new(),
        };
        let levels = |modules| options.levels.then(|| levels(target, modules));
        let synth = |target, top: &str, flatten| {
            let script = synth(target, top, flatten);
            match (target, options.flip_flops) {
                (Target::Xcup, true) => format!("{script} -nosrl"),
                _ => script,
            }
        };
        match (target, options.flatten) {
            (Target::Generic, flatten) => {
                job.passes.extend(gates(top, flatten));
                job.passes.extend(levels("*").into_iter().flatten());
            }
            (_, true) => {
                job.passes
                    .push(format!("{} -run begin:check", synth(target, top, true)));
                job.passes.extend(levels(top).into_iter().flatten());
            }
            (_, false) => job.module_by_module(target, top, levels("@")),
        }
        job.after
            .push(format!("tee -q -o {STAT} stat -json -top {top}"));
        job
    }

    /// abc9 visits, for each module it maps, the whole design it stands in, library included: a machine of 70 modules
    /// takes half an hour. So each module is mapped in a design of its own, where the other modules are empty
    /// shells and the library has only what is used. The result is the same, nothing is optimised across modules.
    fn module_by_module(&mut self, target: Target, top: &str, levels: Option<Vec<String>>) {
        let kept: String = logic(target)
            .iter()
            .map(|kind| format!(" ={kind} %d"))
            .collect();
        self.passes.extend([
            format!("{} -run begin:map_luts", synth(target, top, false)),
            format!("tee -q -o modules.txt select -list-mod {OURS}"),
            // Library modules that no cell is of, and that mapping will not need.
            format!("delete =A:blackbox =A:whitebox %u =*/* %M %d =A:abc9_lut %d{kept}"),
            "design -save whole".into(),
            format!("blackbox {OURS}"),
            "design -save shells".into(),
        ]);
        let mut passes = vec![
            "design -load shells".into(),
            "design -copy-from whole @".into(),
            format!("{} -run map_luts:check", synth(target, "@", false)),
        ];
        passes.extend(levels.into_iter().flatten());
        passes.push("design -copy-to mapped @".into());
        self.each = Some(Each {
            names: "modules.txt",
            passes,
        });
        self.after.push("design -load mapped".into());
    }
}

/// Yosys' own script for a family, which maps with abc9 by default.
fn synth(target: Target, top: &str, flatten: bool) -> String {
    match (target, flatten) {
        (Target::Xcup, true) => {
            format!("synth_xilinx -family xcup -noiopad -noclkbuf -flatten -top {top}")
        }
        (Target::Xcup, false) => format!("synth_xilinx -family xcup -noiopad -noclkbuf -top {top}"),
        (Target::Ecp5, true) => format!("synth_ecp5 -top {top}"),
        (Target::Ecp5, false) => format!("synth_ecp5 -noflatten -top {top}"),
        (Target::Generic, true) => format!("synth -flatten -noalumacc -top {top}"),
        (Target::Generic, false) => format!("synth -noalumacc -top {top}"),
    }
}

/// The steps of `synth`, but memories are not torn into flip-flops, and the cells before mapping are counted while
/// multiplications still stand apart from sums (`alumacc` makes one cell of both).
fn gates(top: &str, flatten: bool) -> Vec<String> {
    vec![
        format!("{} -run begin:fine", synth(Target::Generic, top, flatten)),
        format!("tee -q -o {COARSE} stat -json -top {top}"),
        "alumacc".into(),
        "opt -fast -full".into(),
        "techmap".into(),
        "opt -fast".into(),
        "abc".into(),
        "opt -fast".into(),
        "clean".into(),
    ]
}

/// Types of the cells that a signal passes within a clock cycle. Memories are left out, also those that are read
/// without a clock: in them a write would count as a path too.
fn logic(target: Target) -> &'static [&'static str] {
    match target {
        Target::Xcup => &["LUT*", "MUXF*", "CARRY*", "INV", "DSP48E2"],
        Target::Ecp5 => &["LUT4", "PFUMX", "L6MUX21", "CCU2C", "INV", "MULT*"],
        Target::Generic => &["$_*"],
    }
}

/// Appends the longest chain of logic cells of each of the `modules`.
fn levels(target: Target, modules: &str) -> Vec<String> {
    let kinds: Vec<String> = logic(target)
        .iter()
        .map(|&kind| match kind {
            // One with an output register is the end of a path and the begin of another.
            "DSP48E2" => format!("{modules}/t:{kind} {modules}/r:PREG=0 %i"),
            _ => format!("{modules}/t:{kind}"),
        })
        .collect();
    let joined = " %u".repeat(kinds.len() - 1);
    // Wires must be selected too, or ltp sees no path.
    let find = format!(
        "tee -q -a {LEVELS} ltp -noff {}{joined} {modules}/w:* %u",
        kinds.join(" ")
    );
    if target != Target::Xcup {
        return vec![find];
    }
    vec![
        "design -push-copy".into(),
        format!("techmap -map {SPLIT}"),
        "opt_clean".into(),
        find,
        "design -pop".into(),
    ]
}
