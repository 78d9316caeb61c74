//! Proofs that were made before, by digest of the layout.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use hw::packing::{Layout, NotExact, Proof, prove};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a cached proof is of. A change of the prover's rules changes the number.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Entry {
    version: u32,
    layout: Layout,
    proof: Proof,
}

/// Proves a layout, or finds its proof in `dir`. A cache that can not be read or written costs time, nothing else.
///
/// # Errors
/// As [`prove`].
pub fn prove_cached(layout: &Layout, dir: &Path) -> Result<Proof, NotExact> {
    let text = serde_json::to_string(layout).unwrap_or_default();
    let digest = Sha256::digest(format!("{VERSION}\n{text}"));
    let name: String = digest.iter().take(16).map(|b| format!("{b:02x}")).collect();
    let path = dir.join(name + ".json");
    let known = fs::read(&path)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).ok())
        .filter(|entry| entry.version == VERSION && entry.layout == *layout);
    if let Some(entry) = known {
        return Ok(entry.proof);
    }
    let proof = prove(layout)?;
    let entry = Entry {
        version: VERSION,
        layout: layout.clone(),
        proof,
    };
    let _ = store(dir, &path, &entry);
    Ok(proof)
}

fn store(dir: &Path, path: &Path, entry: &Entry) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(&serde_json::to_vec(entry)?)?;
    file.persist(path)?;
    Ok(())
}
