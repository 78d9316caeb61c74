//! What `sim` leaves behind when RTL and golden differ: a message that names the place, and waves around it.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::io::BufReader;
use std::path::Path;

use fst_reader::{FstFilter, FstHierarchyEntry, FstReader, FstSignalHandle, FstSignalValue};
use tritforge_gen::project::{Origin, Project};
use tritforge_gen::session::{Job, Sampling};
use tritforge_gen::simulate::{SimOptions, SimulateError, simulate};

/// Time units of the file in a cycle.
const CYCLE: u64 = 10;
/// Cycles recorded in front of a difference.
const BEFORE: u64 = 2000;

/// Time of the first value in the file, and what the signals hold at time `at`.
fn values(file: &Path, names: [&str; 2], at: u64) -> (u64, [u64; 2]) {
    let file = BufReader::new(std::fs::File::open(file).unwrap());
    let mut reader = FstReader::open(file).unwrap();
    let header = reader.get_header();
    assert!(
        header.end_time >= at,
        "{} ends before {at}",
        header.end_time
    );
    let mut signals: [Option<usize>; 2] = [None; 2];
    reader
        .read_hierarchy(|entry| {
            if let FstHierarchyEntry::Var { name, handle, .. } = entry {
                // A vector's name is followed by its range.
                let word = name.split(' ').next().unwrap();
                if let Some(i) = names.iter().position(|n| *n == word) {
                    signals[i].get_or_insert(handle.get_index());
                }
            }
        })
        .unwrap();
    let signals = signals.map(Option::unwrap);
    let (mut first, mut found) = (u64::MAX, [0; 2]);
    let filter = FstFilter::filter_signals(signals.map(FstSignalHandle::from_index).into());
    reader
        .read_signals(&filter, |time, handle, value| {
            if let FstSignalValue::String(bits) = value
                && let Ok(number) = u64::from_str_radix(std::str::from_utf8(bits).unwrap(), 2)
                && time <= at
            {
                first = first.min(time);
                let i = signals
                    .iter()
                    .position(|s| *s == handle.get_index())
                    .unwrap();
                found[i] = number;
            }
            Ok::<(), Infallible>(())
        })
        .unwrap();
    (first, found)
}

/// One wrong bit in the RTL's weights: once in the very first load, before as many cycles have passed as are
/// recorded, and once in the middle of the run.
#[test]
fn a_difference_leaves_a_message_and_waves() {
    let project = Project::open(Origin::Shipped, true).unwrap();
    let compiled = project.compile().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("difference.fst");
    let job = Job {
        prompt: vec![0, 40],
        tokens: 1,
        sampling: Sampling::GREEDY,
        eos: None,
    };
    for (region, vector) in [
        ("constants", "constants"),
        ("layer2.constants", "layer.constants"),
    ] {
        let place = compiled.manifest.regions.iter().find(|r| r.name == region);
        // Bit 0 of the sixth 32-bit word.
        let flipped = compiled.manifest.image.base + place.unwrap().offset + 4 * 5;
        let options = SimOptions {
            seed: 3,
            stalls: 10,
            latency: 24,
            trace: None,
            mismatch_trace: Some(file.clone()),
            flipped: Some(flipped),
        };
        let error = simulate(&project, &compiled, &job, &options, &mut |_| ()).unwrap_err();
        let text = error.to_string();
        let SimulateError::Mismatch { mismatch, .. } = error else {
            panic!("{text}");
        };
        let (unit, pc) = mismatch.place.unwrap();
        assert_eq!(unit, "load", "{text}");
        assert_eq!(mismatch.cycle < BEFORE, region == "constants", "{text}");
        for part in [
            format!("cycle {}: {unit}, instruction {pc}: ", mismatch.cycle),
            format!("({})", compiled.notes[pc as usize]),
            format!("vector `{vector}`, 32-bit element 5"),
            format!("waves around it: {}", file.display()),
        ] {
            assert!(text.contains(&part), "`{part}` is not in: {text}");
        }
        // At the cycle of the difference the waves show the retirement that the message names.
        let at = mismatch.cycle * CYCLE;
        let (first, [valid, number]) = values(&file, ["trace_load_valid", "trace_load_pc"], at);
        assert_eq!((valid, number), (1, u64::from(pc)), "{text}");
        let start = mismatch.cycle.saturating_sub(BEFORE) * CYCLE;
        // The reset before the run is not recorded.
        assert!((start..=start + 8 * CYCLE).contains(&first), "{first}");
    }
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 1, "no temporary file stays");
}
