//! The safetensors container: one file or several with an index.
//!
//! Layout: header length (u64, little endian), JSON header, data. The header maps each tensor to its
//! dtype, shape and byte range; ranges must cover the data without gap, overlap or rest. Everything is
//! checked against the file's size before anything is allocated for it.

use super::error::{ImportError, Problem};
use half::{bf16, f16};
use serde::Deserialize;
use serde::de::{Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Largest header, bytes: the limit of the format's own library.
pub const MAX_HEADER: u64 = 100_000_000;

/// Data types of the format and their sizes in bytes.
const DTYPES: &[(&str, u64)] = &[
    ("BOOL", 1),
    ("U8", 1),
    ("I8", 1),
    ("F8_E5M2", 1),
    ("F8_E4M3", 1),
    ("I16", 2),
    ("U16", 2),
    ("F16", 2),
    ("BF16", 2),
    ("I32", 4),
    ("U32", 4),
    ("F32", 4),
    ("F64", 8),
    ("I64", 8),
    ("U64", 8),
];

/// One tensor's place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorInfo {
    /// Data type, as written in the header.
    pub dtype: String,
    /// Lengths, outermost first.
    pub shape: Vec<u64>,
    data_offsets: [u64; 2],
}

struct Header(Vec<(String, TensorInfo)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let inside = |e: A::Error| A::Error::custom(format!("`{name}`: {e}"));
                    if name == "__metadata__" {
                        map.next_value::<BTreeMap<String, String>>()
                            .map_err(inside)?;
                    } else {
                        let info = map.next_value::<TensorInfo>().map_err(inside)?;
                        entries.push((name, info));
                    }
                }
                Ok(Header(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// An open safetensors file whose header has been checked.
#[derive(Debug)]
pub struct Container {
    path: PathBuf,
    file: File,
    data_start: u64,
    tensors: BTreeMap<String, TensorInfo>,
}

impl Container {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// Not readable, truncated, trailing bytes, header too large or not JSON, unknown data type, sizes that
    /// overflow or contradict each other, tensors that overlap, leave gaps or appear twice.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let io = |e: std::io::Error| ImportError::new(path, Problem::Io(e.to_string()));
        let header = |why: String| ImportError::new(path, Problem::Header(why));
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        if length < 8 {
            return Err(header(format!(
                "{length} bytes, too short to hold the 8-byte length of its header"
            )));
        }
        let mut word = [0; 8];
        file.read_exact(&mut word).map_err(io)?;
        let size = u64::from_le_bytes(word);
        if size > MAX_HEADER {
            return Err(header(format!(
                "header of {size} bytes; at most {MAX_HEADER} are legal"
            )));
        }
        if size > length - 8 {
            return Err(header(format!(
                "truncated: header of {size} bytes, but only {} bytes follow its length",
                length - 8
            )));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        file.read_exact(&mut bytes).map_err(io)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|e| header(format!("header is not UTF-8 at byte {}", e.valid_up_to())))?;
        if !text.starts_with('{') {
            return Err(header("header is not a JSON object".to_owned()));
        }
        let Header(entries) = serde_json::from_str(text)
            .map_err(|e| header(format!("header can not be understood: {e}")))?;
        let data_start = 8 + size;
        let mut tensors = BTreeMap::new();
        for (name, info) in entries {
            check_entry(&info).map_err(|why| ImportError::tensor(path, &name, why))?;
            if tensors.insert(name.clone(), info).is_some() {
                return Err(ImportError::tensor(
                    path,
                    &name,
                    "appears twice in the header",
                ));
            }
        }
        check_cover(path, &tensors, length - data_start)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            data_start,
            tensors,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    fn bytes(&mut self, name: &str, info: &TensorInfo) -> Result<Vec<u8>, ImportError> {
        let [start, end] = info.data_offsets;
        let size = usize::try_from(end - start)
            .map_err(|_| ImportError::tensor(&self.path, name, "does not fit this computer"))?;
        let mut bytes = vec![0; size];
        self.file
            .seek(SeekFrom::Start(self.data_start + start))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|e| ImportError::new(&self.path, Problem::Io(e.to_string())))?;
        Ok(bytes)
    }
}

fn check_entry(info: &TensorInfo) -> Result<(), String> {
    let Some((_, size)) = DTYPES.iter().find(|(name, _)| *name == info.dtype) else {
        let legal: Vec<&str> = DTYPES.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "has the unknown dtype {:?}; legal are {}",
            info.dtype,
            legal.join(", ")
        ));
    };
    let [start, end] = info.data_offsets;
    if start > end {
        return Err(format!(
            "ends at byte {end}, before its start at byte {start}"
        ));
    }
    let bytes = info
        .shape
        .iter()
        .try_fold(*size, |product, length| product.checked_mul(*length));
    match bytes {
        None => Err(format!(
            "has shape {:?}, whose size overflows 64 bits",
            info.shape
        )),
        Some(bytes) if bytes != end - start => Err(format!(
            "has shape {:?} of {}, which is {bytes} bytes, but its range holds {}",
            info.shape,
            info.dtype,
            end - start
        )),
        Some(_) => Ok(()),
    }
}

/// Ranges must follow each other from 0 to the end of the data.
fn check_cover(
    path: &Path,
    tensors: &BTreeMap<String, TensorInfo>,
    data: u64,
) -> Result<(), ImportError> {
    let mut ranges: Vec<_> = tensors
        .iter()
        .map(|(name, t)| (t.data_offsets, name))
        .collect();
    ranges.sort();
    // A range beyond the end is the cause of any gap, so that it is looked for first.
    if let Some(([_, end], name)) = ranges.iter().find(|([_, end], _)| *end > data) {
        let why = format!("ends at data byte {end}, but the file holds only {data}: truncated?");
        return Err(ImportError::tensor(path, name, why));
    }
    let mut at = 0;
    for ([start, end], name) in ranges {
        if start < at {
            return Err(ImportError::tensor(
                path,
                name,
                format!(
                    "starts at data byte {start} inside the tensor before it, which ends at {at}"
                ),
            ));
        }
        if start > at {
            return Err(ImportError::tensor(
                path,
                name,
                format!("starts at data byte {start}; bytes {at} to {start} belong to no tensor"),
            ));
        }
        at = end;
    }
    if at != data {
        let why = format!("{} bytes follow the last tensor", data - at);
        return Err(ImportError::new(path, Problem::Header(why)));
    }
    Ok(())
}

/// All tensors of a model directory.
#[derive(Debug)]
pub struct Weights {
    files: Vec<Container>,
    place: BTreeMap<String, usize>,
}

impl Weights {
    /// Opens model.safetensors, or the files that model.safetensors.index.json names.
    ///
    /// # Errors
    /// Those of [`Container::open`]; neither file there; an index that is not legal or disagrees with its files.
    pub fn open(dir: &Path) -> Result<Self, ImportError> {
        let single = dir.join("model.safetensors");
        let index = dir.join("model.safetensors.index.json");
        if single.exists() || !index.exists() {
            return Self::gather(vec![Container::open(&single)?]);
        }
        let json = |why: String| ImportError::new(&index, Problem::Json(why));
        let text = super::config_json::read_text(&index)?;
        #[derive(Deserialize)]
        struct Index {
            weight_map: BTreeMap<String, String>,
        }
        let parsed: Index = serde_json::from_str(text.text()).map_err(|e| json(e.to_string()))?;
        let mut names: Vec<&String> = parsed.weight_map.values().collect();
        names.sort();
        names.dedup();
        let mut files = Vec::new();
        for name in names {
            if name.contains(['/', '\\']) || !name.ends_with(".safetensors") {
                return Err(json(format!(
                    "weight_map names the file {name:?}; it must be a *.safetensors file in this directory"
                )));
            }
            files.push(Container::open(&dir.join(name))?);
        }
        let weights = Self::gather(files)?;
        for (tensor, file) in &parsed.weight_map {
            let held = weights
                .place
                .get(tensor)
                .and_then(|at| weights.files[*at].path.file_name());
            if held.is_none_or(|held| held != file.as_str()) {
                return Err(ImportError::tensor(
                    &index,
                    tensor,
                    format!("is not in {file}"),
                ));
            }
        }
        Ok(weights)
    }

    fn gather(files: Vec<Container>) -> Result<Self, ImportError> {
        let mut place = BTreeMap::new();
        for (at, file) in files.iter().enumerate() {
            for name in file.tensors.keys() {
                if let Some(other) = place.insert(name.clone(), at) {
                    let other: &Container = &files[other];
                    let why = format!("is also in {}", other.path.display());
                    return Err(ImportError::tensor(&file.path, name, why));
                }
            }
        }
        Ok(Self { files, place })
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.place.keys().map(String::as_str)
    }

    /// A tensor's file and description.
    ///
    /// # Errors
    /// There is no such tensor.
    pub fn info(&self, name: &str) -> Result<(&Path, &TensorInfo), ImportError> {
        let file = self.place.get(name).map(|at| &self.files[*at]);
        match file.and_then(|file| Some((file, file.tensors.get(name)?))) {
            Some((file, info)) => Ok((&file.path, info)),
            None => {
                let path = self.files.first().map_or(Path::new(""), Container::path);
                Err(ImportError::tensor(path, name, "is missing"))
            }
        }
    }

    /// A mistake in the values of a tensor.
    pub fn error(&self, name: &str, why: impl Into<String>) -> ImportError {
        match self.info(name) {
            Ok((path, _)) => ImportError::tensor(path, name, why),
            Err(missing) => missing,
        }
    }

    /// Bytes of a tensor that must be U8 of this shape.
    ///
    /// # Errors
    /// Missing, another data type or another shape.
    pub fn read_u8(&mut self, name: &str, shape: &[usize]) -> Result<Vec<u8>, ImportError> {
        self.read(name, &["U8"], &[shape]).map(|(_, bytes)| bytes)
    }

    /// Values of a tensor that must be F32, F16 or BF16 of one of these shapes, and finite.
    ///
    /// # Errors
    /// Missing, another data type, another shape, or a value that is NaN or infinite.
    pub fn read_f32(&mut self, name: &str, shapes: &[&[usize]]) -> Result<Vec<f32>, ImportError> {
        let (dtype, bytes) = self.read(name, &["BF16", "F16", "F32"], shapes)?;
        let values: Vec<f32> = match dtype.as_str() {
            "F32" => chunks(&bytes).map(f32::from_le_bytes).collect(),
            "F16" => chunks(&bytes)
                .map(|b| f16::from_le_bytes(b).to_f32())
                .collect(),
            _ => chunks(&bytes)
                .map(|b| bf16::from_le_bytes(b).to_f32())
                .collect(),
        };
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let columns = shapes
                .first()
                .and_then(|shape| shape.last())
                .copied()
                .unwrap_or(1)
                .max(1);
            let why = format!(
                "holds {} at row {}, column {}; every value must be finite",
                values[at],
                at / columns,
                at % columns
            );
            return Err(self.error(name, why));
        }
        Ok(values)
    }

    fn read(
        &mut self,
        name: &str,
        dtypes: &[&str],
        shapes: &[&[usize]],
    ) -> Result<(String, Vec<u8>), ImportError> {
        let (path, info) = self.info(name)?;
        let wanted = || {
            let shapes: Vec<String> = shapes.iter().map(|shape| format!("{shape:?}")).collect();
            shapes.join(" or ")
        };
        if !dtypes.contains(&info.dtype.as_str()) {
            let why = format!("is {}; it must be {}", info.dtype, dtypes.join(", "));
            return Err(ImportError::tensor(path, name, why));
        }
        let fits = |shape: &&[usize]| {
            shape.len() == info.shape.len()
                && shape.iter().zip(&info.shape).all(|(a, b)| *a as u64 == *b)
        };
        if !shapes.iter().any(fits) {
            let why = format!(
                "has shape {:?}; config.json asks for {}",
                info.shape,
                wanted()
            );
            return Err(ImportError::tensor(path, name, why));
        }
        let info = info.clone();
        let at = self.place.get(name).copied().unwrap_or_default();
        let bytes = self.files[at].bytes(name, &info)?;
        Ok((info.dtype, bytes))
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.as_chunks().0.iter().copied()
}
