//! What is emitted for the shipped model, and the picture of its machine in the documentation.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper: a failure here fails the test"
)]

use std::path::Path;

use hw::rtl::EmittedFile;
use tritforge_gen::emit::directory::OutputFile;
use tritforge_gen::emit::files;
use tritforge_gen::project::{Origin, Project};

fn emitted() -> (Project, Vec<OutputFile>) {
    let project = Project::open(Origin::Shipped, false).unwrap();
    assert!(project.warnings.is_empty(), "{}", project.warnings);
    let compiled = project.compile().unwrap();
    let rtl = ["leaf.v", "tritforge.v"].map(|name| EmittedFile {
        name: name.into(),
        text: project.head(),
    });
    let models = [("CELL.v".to_string(), "// a model\n".to_string())];
    let files = files(&project, &compiled, &rtl, &models).unwrap();
    (project, files)
}

fn text(files: &[OutputFile], path: &str) -> String {
    let file = files.iter().find(|f| f.path == path).unwrap();
    String::from_utf8(file.bytes.clone()).unwrap()
}

#[test]
fn emitted_files_name_their_machine_and_agree_with_each_other() {
    let (project, files) = emitted();
    let abi = format!("{:016x}", project.abi());
    for path in ["filelist.f", "program.s", "csr.h", "csr.rdl", "rtl/leaf.v"] {
        let text = text(&files, path);
        assert!(
            text.contains("SPDX-License-Identifier: Apache-2.0"),
            "{path}"
        );
        assert!(
            text.contains("from configuration tale") && text.contains(&abi),
            "{path}"
        );
    }
    let list = text(&files, "filelist.f");
    assert!(list.ends_with("rtl/leaf.v\nrtl/tritforge.v\n"), "{list}");
    let list = text(&files, "filelist_sim.f");
    assert!(
        list.ends_with("sim/CELL.v\nrtl/leaf.v\nrtl/tritforge.v\n"),
        "{list}"
    );
    assert_eq!(text(&files, "sim/CELL.v"), "// a model\n");
    let manifest: serde_json::Value = serde_json::from_str(&text(&files, "manifest.json")).unwrap();
    assert_eq!(manifest["abi"], abi.as_str());
    let count = manifest["program_instructions"].as_u64().unwrap() as usize;
    let program = files.iter().find(|f| f.path == "program.bin").unwrap();
    assert_eq!(program.bytes.len(), 64 + 32 * count);
    let listing = text(&files, "program.s");
    assert_eq!(
        listing.lines().filter(|l| l.starts_with("    ")).count(),
        count
    );
    assert!(!text(&files, "tritforge.toml").contains(env!("CARGO_MANIFEST_DIR")));
}

#[test]
fn the_listing_assembles_to_the_program() {
    let (_, files) = emitted();
    let program = hw::isa::assemble(&text(&files, "program.s")).unwrap();
    let bytes: Vec<u8> = program.iter().flat_map(hw::isa::Instr::encode).collect();
    let emitted = files.iter().find(|f| f.path == "program.bin").unwrap();
    assert!(bytes == emitted.bytes[64..]);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert!(emitted().1 == emitted().1);
}

/// The picture in the documentation. After a change: `TRITFORGE_UPDATE=1 cargo test --test emit`.
#[test]
fn the_documented_diagram_is_that_of_the_demo() {
    let (_, files) = emitted();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/diagram.svg");
    let diagram = text(&files, "diagram.svg");
    if std::env::var_os("TRITFORGE_UPDATE").is_some() {
        std::fs::write(&file, &diagram).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap() == diagram,
        "run with TRITFORGE_UPDATE=1"
    );
}
