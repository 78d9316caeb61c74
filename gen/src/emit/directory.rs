//! An output directory that is written whole or not at all, and never over someone else's files.
//!
//! Everything is written into a temporary sibling, which then takes the directory's place by renaming. A marker
//! file lists what was written: only a directory that holds nothing else is replaced.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// File that marks a directory as ours and lists its files.
pub const MARKER: &str = ".tritforge";
const MARKER_HEAD: &str =
    "This directory was written by tritforge and is replaced as a whole. Its files:";

/// Why a directory was not written. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is something else in its place.
    #[error("is not a directory")]
    NotADirectory,
    /// It was not made by this program.
    #[error("is not empty and was not written by tritforge (it has no {MARKER} file, but `{0}`)")]
    Foreign(String),
    /// Someone added a file.
    #[error("holds `{0}`, which tritforge did not write and would delete")]
    Added(String),
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> DirectoryError {
    let what = what.into();
    move |source| DirectoryError::Io { what, source }
}

/// One file of the output: path inside the directory with `/`, and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Relative path.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl OutputFile {
    /// A file of text or bytes.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            bytes: bytes.into(),
        }
    }
}

/// Checks that `dir` may be written: absent, empty, or holding only what this program wrote.
///
/// # Errors
/// See [`DirectoryError`].
pub fn check(dir: &Path) -> Result<(), DirectoryError> {
    let meta = match fs::metadata(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(io_error("can not be examined"))?,
    };
    if !meta.is_dir() {
        return Err(DirectoryError::NotADirectory);
    }
    let mut present = Vec::new();
    list(dir, "", &mut present)?;
    present.sort();
    let Some(first) = present.first() else {
        return Ok(());
    };
    let marker = match fs::read_to_string(dir.join(MARKER)) {
        Ok(text) if text.starts_with(MARKER_HEAD) => text,
        _ => return Err(DirectoryError::Foreign(first.clone())),
    };
    let ours: BTreeSet<&str> = marker.lines().skip(1).chain([MARKER]).collect();
    match present.iter().find(|path| !ours.contains(path.as_str())) {
        Some(added) => Err(DirectoryError::Added(added.clone())),
        None => Ok(()),
    }
}

/// Relative paths of all files below `dir`, and of directories that hold nothing.
fn list(dir: &Path, prefix: &str, found: &mut Vec<String>) -> Result<(), DirectoryError> {
    let entries = fs::read_dir(dir).map_err(io_error("can not be listed"))?;
    for entry in entries {
        let entry = entry.map_err(io_error("can not be listed"))?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(io_error("can not be listed"))?;
        if kind.is_dir() {
            let before = found.len();
            list(&entry.path(), &format!("{path}/"), found)?;
            if found.len() == before {
                found.push(path);
            }
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Writes `files` as the whole content of `dir`.
///
/// # Errors
/// See [`DirectoryError`]; `dir` is then as it was.
pub fn write(dir: &Path, files: &[OutputFile]) -> Result<(), DirectoryError> {
    check(dir)?;
    // A link keeps pointing at the directory that is replaced.
    let dir = if dir.exists() {
        dir.canonicalize()
            .map_err(io_error("can not be resolved"))?
    } else {
        std::path::absolute(dir).map_err(io_error("can not be resolved"))?
    };
    let Some(parent) = dir.parent() else {
        return Err(DirectoryError::Foreign("the whole file system".into()));
    };
    let made = first_absent(parent);
    fs::create_dir_all(parent).map_err(io_error("its parent can not be made"))?;
    let result = replace(&dir, parent, files);
    if result.is_err()
        && let Some(made) = made
    {
        // Folders made for an output that failed are empty again; someone else's content keeps them.
        remove_empty(parent, &made);
    }
    result
}

/// The outermost folder of `path` that does not exist.
fn first_absent(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .take_while(|p| !p.exists())
        .last()
        .map(Path::to_owned)
}

fn remove_empty(from: &Path, to: &Path) {
    for folder in from.ancestors().take_while(|p| p.starts_with(to)) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

fn replace(dir: &Path, parent: &Path, files: &[OutputFile]) -> Result<(), DirectoryError> {
    // Both temporaries delete themselves when an error leaves this function.
    let temporary = || {
        tempfile::Builder::new()
            .prefix(".tritforge-")
            .tempdir_in(parent)
            .map_err(io_error("no temporary directory can be made beside it"))
    };
    let fresh = temporary()?;
    let content = fresh.path().join("content");
    fs::create_dir(&content).map_err(io_error("can not be made"))?;
    for file in files {
        put(&content, &file.path, &file.bytes)?;
    }
    let mut marker = format!("{MARKER_HEAD}\n");
    let mut paths: Vec<&str> = files.iter().map(|f| f.path.as_str()).collect();
    paths.sort_unstable();
    for path in paths {
        marker.push_str(path);
        marker.push('\n');
    }
    put(&content, MARKER, marker.as_bytes())?;
    if !dir.exists() {
        return fs::rename(&content, dir).map_err(io_error("can not be put in place"));
    }
    let old = fresh.path().join("old");
    fs::rename(dir, &old).map_err(io_error("can not be replaced"))?;
    fs::rename(&content, dir).map_err(|source| {
        // What was there comes back.
        let _ = fs::rename(&old, dir);
        io_error("can not be put in place")(source)
    })
}

fn put(root: &Path, path: &str, bytes: &[u8]) -> Result<(), DirectoryError> {
    let target = root.join(path);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(io_error(format!("folder of {path}")))?;
    }
    fs::write(&target, bytes).map_err(io_error(format!("writing {path}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<OutputFile> {
        names.iter().map(|n| OutputFile::new(*n, *n)).collect()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        list(dir, "", &mut found).unwrap();
        found.sort();
        found
    }

    #[test]
    fn a_new_directory_is_made_with_its_parents_and_replaced_later() {
        let base = tempfile::tempdir().unwrap();
        let out = base.path().join("a/b");
        write(&out, &files(&["rtl/top.v", "x"])).unwrap();
        assert_eq!(names(&out), [".tritforge", "rtl/top.v", "x"]);
        write(&out, &files(&["rtl/other.v"])).unwrap();
        assert_eq!(names(base.path()), ["a/b/.tritforge", "a/b/rtl/other.v"]);
    }

    #[test]
    fn an_empty_directory_is_taken() {
        let base = tempfile::tempdir().unwrap();
        write(base.path(), &files(&["x"])).unwrap();
        assert_eq!(names(base.path()), [".tritforge", "x"]);
    }

    #[test]
    fn foreign_files_are_never_touched() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("thesis.tex"), "mine").unwrap();
        let refused = write(base.path(), &files(&["x"])).unwrap_err().to_string();
        assert!(refused.contains("`thesis.tex`"), "{refused}");
        assert_eq!(names(base.path()), ["thesis.tex"]);

        let out = base.path().join("out");
        write(&out, &files(&["x"])).unwrap();
        fs::create_dir(out.join("vivado")).unwrap();
        let refused = write(&out, &files(&["y"])).unwrap_err().to_string();
        assert!(refused.contains("`vivado`"), "{refused}");
        assert_eq!(names(&out), [".tritforge", "vivado", "x"]);

        let file = base.path().join("thesis.tex");
        assert!(matches!(
            write(&file, &files(&["x"])),
            Err(DirectoryError::NotADirectory)
        ));
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let base = tempfile::tempdir().unwrap();
        let out = base.path().join("deep/out");
        // A file can not be a folder of another.
        write(&out, &files(&["a", "a/b"])).unwrap_err();
        assert!(names(base.path()).is_empty(), "{:?}", names(base.path()));
    }
}
