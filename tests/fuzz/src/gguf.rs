//! Writes GGUF files.

/// The bytes of a file that is being written.
#[derive(Clone, Default)]
pub struct Writer {
    entries: Vec<u8>,
    count: u64,
    tensors: Vec<(Vec<u8>, u64)>,
    data: Vec<u8>,
}

/// A number as a GGUF metadata type, given by its number.
pub fn number(kind: u32, value: f64) -> Vec<u8> {
    match kind {
        0 => (value as u8).to_le_bytes().to_vec(),
        1 => (value as i8).to_le_bytes().to_vec(),
        2 => (value as u16).to_le_bytes().to_vec(),
        3 => (value as i16).to_le_bytes().to_vec(),
        4 => (value as u32).to_le_bytes().to_vec(),
        5 => (value as i32).to_le_bytes().to_vec(),
        6 => (value as f32).to_le_bytes().to_vec(),
        7 => vec![u8::from(value != 0.0)],
        10 => (value as u64).to_le_bytes().to_vec(),
        11 => (value as i64).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    }
}

/// A text as GGUF stores it: length and bytes.
pub fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text].concat()
}

/// An array of texts.
pub fn texts<T: AsRef<[u8]>>(texts: &[T]) -> Vec<u8> {
    let elements: Vec<u8> = texts.iter().flat_map(|value| text(value.as_ref())).collect();
    array(8, texts.len() as u64, &elements)
}

/// An array of `count` elements with these bytes.
pub fn array(kind: u32, count: u64, elements: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes(), &count.to_le_bytes()[..], elements].concat()
}

impl Writer {
    /// Adds a metadata entry: a type's number, and the value's bytes.
    pub fn entry(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.entries.extend(text(key.as_bytes()));
        self.entries.extend(kind.to_le_bytes());
        self.entries.extend(value);
        self.count += 1;
    }

    /// Adds a tensor; dimensions are innermost first.
    pub fn tensor(&mut self, name: &str, kind: u32, dimensions: &[u64], bytes: &[u8]) {
        let offset = self.data.len() as u64;
        let shape: Vec<u8> = dimensions.iter().flat_map(|length| length.to_le_bytes()).collect();
        let info = [&text(name.as_bytes())[..], &(dimensions.len() as u32).to_le_bytes(), &shape, &kind.to_le_bytes()]
            .concat();
        self.tensors.push((info, offset));
        self.data.extend(bytes);
        self.data.resize(self.data.len().next_multiple_of(32), 0);
    }

    /// The file; `moved` is added to each tensor's offset.
    pub fn finish(self, moved: impl Fn(usize) -> u64) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend(self.count.to_le_bytes());
        out.extend(self.entries);
        for (at, (info, offset)) in self.tensors.iter().enumerate() {
            out.extend(info);
            out.extend(offset.wrapping_add(moved(at)).to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(self.data);
        out
    }
}
