//! Our models of vendor primitives beside the vendor's own simulation library.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;

/// Same random inputs for the vendor's primitives and ours, in Icarus Verilog. The vendor's library is not ours to ship:
/// `TRITFORGE_UNISIM` names a folder with DSP48E2.v, RAM32M16.v, LUT6_2.v, CARRY8.v and glbl.v of it.
#[test]
#[ignore = "needs Icarus Verilog and the vendor's simulation library in TRITFORGE_UNISIM"]
fn equals_the_vendors_library() {
    let library =
        PathBuf::from(std::env::var("TRITFORGE_UNISIM").expect("TRITFORGE_UNISIM is not set"));
    let dir = tempfile::tempdir().unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut sources = vec![
        root.join("tests/verilog/unisim_pair.v"),
        library.join("glbl.v"),
    ];
    for name in ["CARRY8", "DSP48E2", "LUT6_2", "RAM32M16"] {
        let ours = root.join(format!("../hw/src/vendor/verilog/{name}.v"));
        let text = std::fs::read_to_string(ours).unwrap();
        let renamed = text.replacen(&format!("module {name}"), &format!("module ours_{name}"), 1);
        let file = dir.path().join(format!("ours_{name}.v"));
        std::fs::write(&file, renamed).unwrap();
        sources.extend([file, library.join(format!("{name}.v"))]);
    }
    let program = dir.path().join("pair");
    let built = Command::new("iverilog")
        .args(["-g2012", "-s", "unisim_pair", "-s", "glbl", "-o"])
        .arg(&program)
        .args(&sources)
        .output()
        .expect("iverilog is installed");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let out = Command::new("vvp").arg(&program).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.contains("DONE") && !text.contains("MISMATCH"),
        "{text}"
    );
}
