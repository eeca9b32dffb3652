//! Variants of the fixtures: their files with a few edits, the same as in tests/reference/foreign/make.py.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// Edits of a JSON file by JSON pointer, or its whole new text.
#[derive(Default, Deserialize)]
pub(crate) struct JsonEdits {
    #[serde(default)]
    set: Map<String, Json>,
    #[serde(default)]
    remove: Vec<String>,
    text: Option<String>,
}

/// A new F32 tensor, filled with one number.
#[derive(Deserialize)]
pub(crate) struct NewTensor {
    shape: Vec<u64>,
    fill: f32,
}

/// Edits of a fixture.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Edits {
    files: BTreeMap<String, JsonEdits>,
    metadata: BTreeMap<String, Option<(u32, Json)>>,
    elements: BTreeMap<String, BTreeMap<String, Json>>,
    tensors: BTreeMap<String, Option<NewTensor>>,
    prefix: String,
    rename: (String, String),
}

/// A temporary folder, deleted when dropped.
pub(crate) struct Folder(pub PathBuf);

impl Folder {
    /// A new empty folder.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("prunescope-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Sets the value at a JSON pointer; the last part may be new.
fn set(root: &mut Json, pointer: &str, value: Json) {
    let (path, last) = pointer.rsplit_once('/').unwrap();
    let mut place = root;
    for part in path.split('/').skip(1).map(unescaped) {
        place = match place {
            Json::Array(list) => &mut list[part.parse::<usize>().unwrap()],
            other => &mut other[part],
        };
    }
    match place {
        Json::Array(list) => list[last.parse::<usize>().unwrap()] = value,
        other => other[unescaped(last)] = value,
    }
}

fn remove(root: &mut Json, pointer: &str) {
    let (path, last) = pointer.rsplit_once('/').unwrap();
    let place = root.pointer_mut(path).unwrap_or_else(|| panic!("{pointer}"));
    match place {
        Json::Array(list) => drop(list.remove(last.parse().unwrap())),
        Json::Object(map) => drop(map.remove(&unescaped(last)).unwrap_or_else(|| panic!("{pointer} is there"))),
        _ => panic!("{pointer}"),
    }
}

fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn filled(tensor: &NewTensor) -> Vec<u8> {
    let count: u64 = tensor.shape.iter().product();
    tensor.fill.to_le_bytes().repeat(count as usize)
}

/// A copy of a fixture's folder with edits, without its GGUF file.
pub(crate) fn hub(base: &Path, edits: &Edits) -> Folder {
    let folder = Folder::new();
    for entry in fs::read_dir(base).unwrap() {
        let entry = entry.unwrap();
        if !["expected.json", "model.gguf"].contains(&entry.file_name().to_str().unwrap()) {
            fs::copy(entry.path(), folder.0.join(entry.file_name())).unwrap();
        }
    }
    for (name, edits) in &edits.files {
        let path = folder.0.join(name);
        let text = edits.text.clone().unwrap_or_else(|| {
            let mut root = fs::read(&path).map_or(Json::Null, |text| serde_json::from_slice(&text).unwrap());
            edits.set.iter().for_each(|(pointer, value)| set(&mut root, pointer, value.clone()));
            edits.remove.iter().for_each(|pointer| remove(&mut root, pointer));
            root.to_string()
        });
        fs::write(path, text).unwrap();
    }
    let path = folder.0.join("model.safetensors");
    let mut tensors = read_safetensors(&fs::read(&path).unwrap());
    for (name, tensor) in &edits.tensors {
        tensors.remove(name);
        if let Some(tensor) = tensor {
            tensors.insert(name.clone(), ("F32".into(), tensor.shape.clone(), filled(tensor)));
        }
    }
    let (old, new) = &edits.rename;
    let renamed = |name: String| {
        let name = name.strip_prefix(old.as_str()).map_or(name.clone(), |rest| format!("{new}{rest}"));
        format!("{}{name}", edits.prefix)
    };
    let tensors: Tensors = tensors.into_iter().map(|(name, tensor)| (renamed(name), tensor)).collect();
    fs::write(path, write_safetensors(&tensors)).unwrap();
    folder
}

/// Tensors of a safetensors file by name: type, shape, bytes.
pub(crate) type Tensors = BTreeMap<String, (String, Vec<u64>, Vec<u8>)>;

/// Parses a safetensors file.
pub(crate) fn read_safetensors(bytes: &[u8]) -> Tensors {
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Map<String, Json> = serde_json::from_slice(&bytes[8..start]).unwrap();
    let tensor = |(name, entry): (String, Json)| {
        let at = |i: usize| start + entry["data_offsets"][i].as_u64().unwrap() as usize;
        let shape = entry["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        (name, (entry["dtype"].as_str().unwrap().to_string(), shape, bytes[at(0)..at(1)].to_vec()))
    };
    header.into_iter().filter(|(name, _)| name != "__metadata__").map(tensor).collect()
}

/// Writes a safetensors file.
pub(crate) fn write_safetensors(tensors: &Tensors) -> Vec<u8> {
    let (mut header, mut body) = (Map::new(), vec![]);
    for (name, (dtype, shape, bytes)) in tensors {
        let offsets = [body.len(), body.len() + bytes.len()];
        header.insert(name.clone(), serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
        body.extend(bytes);
    }
    let header = Json::from(header).to_string();
    [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes(), &body].concat()
}

/// A tensor as stored: name, dimensions, type number and bytes.
pub(crate) type RawTensor = (Vec<u8>, Vec<u64>, u32, Vec<u8>);

/// A GGUF file of version 3 in raw parts.
pub(crate) struct RawGguf {
    /// Key, type, bytes of the value.
    pub metadata: Vec<(Vec<u8>, u32, Vec<u8>)>,
    /// Name, dimensions, type, bytes.
    pub tensors: Vec<RawTensor>,
}

/// A text as GGUF stores it: length and bytes.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    [(bytes.len() as u64).to_le_bytes().as_slice(), bytes].concat()
}

struct Cursor<'a>(&'a [u8], usize);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        self.1 += count;
        &self.0[self.1 - count..self.1]
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn text(&mut self) -> Vec<u8> {
        let length = self.u64() as usize;
        self.take(length).to_vec()
    }

    fn skip_value(&mut self, kind: u32) {
        match kind {
            8 => drop(self.text()),
            9 => {
                let (kind, count) = (self.u32(), self.u64());
                (0..count).for_each(|_| self.skip_value(kind));
            }
            0 | 1 | 7 => drop(self.take(1)),
            2 | 3 => drop(self.take(2)),
            4..=6 => drop(self.take(4)),
            _ => drop(self.take(8)),
        }
    }
}

impl RawGguf {
    /// Parses a GGUF file.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut cursor = Cursor(bytes, 8);
        let (tensors, entries) = (cursor.u64(), cursor.u64());
        let mut metadata = vec![];
        for _ in 0..entries {
            let (key, kind) = (cursor.text(), cursor.u32());
            let begin = cursor.1;
            cursor.skip_value(kind);
            metadata.push((key, kind, bytes[begin..cursor.1].to_vec()));
        }
        let mut directory = vec![];
        for _ in 0..tensors {
            let name = cursor.text();
            let count = cursor.u32();
            let dimensions: Vec<u64> = (0..count).map(|_| cursor.u64()).collect();
            directory.push((name, dimensions, cursor.u32(), cursor.u64() as usize));
        }
        let start = cursor.1.next_multiple_of(32);
        let mut begins: Vec<usize> = directory.iter().map(|(.., offset)| *offset).collect();
        begins.sort_unstable();
        begins.push(bytes.len() - start);
        let end = |offset: usize| *begins.iter().find(|begin| **begin > offset).unwrap();
        let tensors = directory
            .into_iter()
            .map(|(name, dimensions, kind, offset)| {
                (name, dimensions, kind, bytes[start + offset..start + end(offset)].to_vec())
            })
            .collect();
        Self { metadata, tensors }
    }

    /// Replaces or adds the entry of a key; none removes it.
    pub(crate) fn set(&mut self, key: &str, entry: Option<(u32, Vec<u8>)>) {
        let at = self.metadata.iter().position(|(known, ..)| known == key.as_bytes());
        match (at, entry) {
            (Some(at), Some((kind, value))) => self.metadata[at] = (key.into(), kind, value),
            (Some(at), None) => drop(self.metadata.remove(at)),
            (None, Some((kind, value))) => self.metadata.push((key.into(), kind, value)),
            (None, None) => panic!("{key} is there"),
        }
    }

    /// The texts of an array.
    pub(crate) fn texts(&self, key: &str) -> Vec<Vec<u8>> {
        let (.., value) = self.metadata.iter().find(|(known, ..)| known == key.as_bytes()).unwrap();
        let mut cursor = Cursor(value, 4);
        let count = cursor.u64();
        (0..count).map(|_| cursor.text()).collect()
    }

    /// Sets an array of texts.
    pub(crate) fn set_texts(&mut self, key: &str, texts: &[Vec<u8>]) {
        let all: Vec<u8> = texts.iter().flat_map(|one| text(one)).collect();
        let value = [8u32.to_le_bytes().as_slice(), &(texts.len() as u64).to_le_bytes(), &all].concat();
        self.set(key, Some((9, value)));
    }

    /// Writes the file as version 3 with an alignment of 32 bytes.
    pub(crate) fn write(&self) -> Vec<u8> {
        self.write_as(3, 32)
    }

    /// Writes the file as a version of GGUF.
    ///
    /// * `alignment` — of tensor data; other values than 32 must be in the metadata, too.
    pub(crate) fn write_as(&self, version: u32, alignment: usize) -> Vec<u8> {
        let mut out = [b"GGUF".as_slice(), &version.to_le_bytes()].concat();
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, kind, value) in &self.metadata {
            out.extend([text(key).as_slice(), &kind.to_le_bytes(), value].concat());
        }
        let mut offset = 0u64;
        for (name, dimensions, kind, bytes) in &self.tensors {
            out.extend([text(name).as_slice(), &(dimensions.len() as u32).to_le_bytes()].concat());
            dimensions.iter().for_each(|n| out.extend(n.to_le_bytes()));
            out.extend([kind.to_le_bytes().as_slice(), &offset.to_le_bytes()].concat());
            offset += bytes.len().next_multiple_of(alignment) as u64;
        }
        out.resize(out.len().next_multiple_of(alignment), 0);
        for (.., bytes) in &self.tensors {
            out.extend(bytes);
            out.resize(out.len().next_multiple_of(alignment), 0);
        }
        out
    }
}

/// A metadata value as bytes.
pub(crate) fn value(kind: u32, content: &Json) -> Vec<u8> {
    let whole = || content.as_i64().unwrap_or_else(|| panic!("{content} is a whole number"));
    match kind {
        0 | 1 => vec![whole() as u8],
        2 | 3 => (whole() as u16).to_le_bytes().to_vec(),
        4 | 5 => (whole() as u32).to_le_bytes().to_vec(),
        6 => (content.as_f64().unwrap() as f32).to_le_bytes().to_vec(),
        7 => vec![u8::from(content.as_bool().unwrap())],
        8 => text(content.as_str().unwrap().as_bytes()),
        9 => {
            let kind = content[0].as_u64().unwrap() as u32;
            let list = content[1].as_array().unwrap();
            let all: Vec<u8> = list.iter().flat_map(|one| value(kind, one)).collect();
            [kind.to_le_bytes().as_slice(), &(list.len() as u64).to_le_bytes(), &all].concat()
        }
        12 => content.as_f64().unwrap().to_le_bytes().to_vec(),
        _ => (whole() as u64).to_le_bytes().to_vec(),
    }
}

/// A copy of a fixture's GGUF file with edits.
pub(crate) fn gguf(base: &Path, edits: &Edits) -> Folder {
    let mut file = RawGguf::read(&fs::read(base.join("model.gguf")).unwrap());
    for (key, entry) in &edits.metadata {
        let there = file.metadata.iter().any(|(known, ..)| known == key.as_bytes());
        match entry {
            Some((kind, content)) => file.set(key, Some((*kind, value(*kind, content)))),
            None if there => file.set(key, None),
            None => {}
        }
    }
    for (key, elements) in &edits.elements {
        let (.., array) = file.metadata.iter_mut().find(|(known, ..)| known == key.as_bytes()).unwrap();
        let kind = u32::from_le_bytes(array[..4].try_into().unwrap());
        if kind == 8 {
            let mut texts = file.texts(key);
            for (at, element) in elements {
                texts[at.parse::<usize>().unwrap()] = element.as_str().unwrap().into();
            }
            file.set_texts(key, &texts);
            continue;
        }
        for (at, element) in elements {
            let element = value(kind, element);
            let begin = 12 + at.parse::<usize>().unwrap() * element.len();
            array[begin..begin + element.len()].copy_from_slice(&element);
        }
    }
    for (name, tensor) in &edits.tensors {
        file.tensors.retain(|(known, ..)| known != name.as_bytes());
        if let Some(tensor) = tensor {
            let dimensions = tensor.shape.iter().rev().copied().collect();
            file.tensors.push((name.as_bytes().to_vec(), dimensions, 0, filled(tensor)));
        }
    }
    let folder = Folder::new();
    fs::write(folder.0.join("model.gguf"), file.write()).unwrap();
    folder
}
