//! Streaming loader: builds a model on a device from file bytes as they arrive, with at most one tensor buffered.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::cross_check::{Collector, CrossCheck, row_values};
use super::decoder::Decoder;
use super::parts::Parts;
use crate::compute::Compute;
use prunescope_formats::chat::{ChatError, ChatTemplate};
use prunescope_formats::config::{self, DecoderConfig};
use prunescope_formats::gguf::{Gguf, GgufError, MAGIC};
use prunescope_formats::layout::{self, Format, Part, Role, TensorMapping};
use prunescope_formats::load_error::LoadError;
use prunescope_formats::safetensors::{self, SafetensorsError};
use prunescope_formats::tensor::{StoredMatrix, TensorInfo};
use prunescope_formats::tokenizer::ModelTokenizer;
use prunescope_protocol::model::repository::Repository;
use prunescope_protocol::prune::StoredBytes;

/// Largest header; a file with a longer one is treated as corrupt.
const MAX_HEADER_BYTES: usize = 256 << 20;
/// Bytes after which parsing the header is first tried; the number doubles after each attempt.
const FIRST_HEADER_BYTES: usize = 1 << 20;

/// A loaded model with its tokenizer and metadata.
#[derive(Clone, Debug)]
pub struct LoadedModel<C: Compute> {
    /// The decoder on its device.
    pub decoder: Decoder<C>,
    /// The tokenizer.
    pub tokenizer: ModelTokenizer,
    /// The model's chat template, or why there is none.
    pub chat: Result<ChatTemplate, ChatError>,
    /// Sentences about the files to show to the visitor.
    pub notices: Vec<String>,
    /// Storage types of the weights in the files, such as `"Q4_1, Q8_0, F32"`.
    pub stored_as: String,
    /// What the blocks' matrices take in the files.
    pub stored_bytes: StoredBytes,
    /// Part of the model on the CPU for checking the device; `None` if the backend needs no check.
    pub cross_check: Option<CrossCheck>,
}

/// Largest buffer in bytes that is reserved for a tensor on its header's claim alone.
const ROOM_AT_FIRST: usize = 64 << 20;
/// Beyond [`ROOM_AT_FIRST`], the buffer may be this many times the bytes received.
const ROOM_FOR_EACH: usize = 8;

/// Memory limits of a device.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all weights in memory.
    pub total: u64,
    /// Bytes of one tensor as stored in the file, which is buffered whole before upload.
    pub tensor: u64,
}

impl Default for Limits {
    fn default() -> Self {
        // No allocation may be longer than `isize::MAX` bytes: 2 GiB in a browser.
        Self { total: u64::MAX, tensor: isize::MAX as u64 }
    }
}

/// The part of a file that is being received.
enum State {
    Header { try_at: usize },
    Tensors { directory: Vec<(TensorInfo, Option<TensorMapping>)>, next: usize },
}

/// One file as its bytes arrive.
struct Incoming {
    /// File name without folders.
    name: String,
    file_bytes: u64,
    /// Bytes received.
    at: u64,
    /// Buffered bytes: the header's, or those of the current tensor. Unneeded bytes are never buffered.
    pending: Vec<u8>,
    state: State,
}

/// Builds a model from its files' bytes as they arrive.
///
/// Besides the tensors already on the device, at most one tensor's stored bytes are in memory.
pub struct ModelLoader<C: Compute> {
    compute: C,
    /// Number of the model's weight files.
    files: usize,
    begun: usize,
    incoming: Option<Incoming>,
    config: Option<DecoderConfig>,
    /// Tokenizer and chat template; parsed before the weights, so that an unusable model is not downloaded.
    texts: Option<(ModelTokenizer, Result<ChatTemplate, ChatError>)>,
    /// File of each tensor by name, from the index file if there is one.
    tensor_files: BTreeMap<String, String>,
    /// Names of the parts found in the headers so far.
    there: HashSet<String>,
    notices: Vec<String>,
    parts: Parts<C>,
    /// RoPE frequency divisors from a file (`rope_freqs`, `rope_factors_short`), one per pair; empty if there are none.
    factors: Vec<f32>,
    stored_as: BTreeSet<&'static str>,
    stored_bytes: StoredBytes,
    limits: Limits,
    /// Whether float weights are rounded to 8 bits.
    rounds: bool,
    /// Collects the part of the model for checking the device, if the backend needs a check.
    collector: Option<Collector>,
    /// Bytes of the weights in memory, in the files begun so far: `[as configured, if rounded to 8 bits]`.
    held: [u64; 2],
}

impl<C: Compute> ModelLoader<C> {
    /// A loader of a model in `files` weight files onto a backend.
    pub fn new(files: usize, compute: C) -> Self {
        Self {
            compute,
            files,
            begun: 0,
            incoming: None,
            config: None,
            texts: None,
            tensor_files: BTreeMap::new(),
            there: HashSet::new(),
            notices: vec![],
            parts: Parts::default(),
            factors: vec![],
            stored_as: BTreeSet::new(),
            stored_bytes: StoredBytes::default(),
            limits: Limits::default(),
            rounds: false,
            collector: None,
            held: [0; 2],
        }
    }

    /// Sets whether float weights are rounded to 8 bits on loading (one scale per 32 weights).
    pub fn quantize_floats_to_q8(self, rounds: bool) -> Self {
        Self { rounds, ..self }
    }

    /// Sets the device's limits; a larger model is refused.
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets config, tokenizer and chat template of a model whose weights are in safetensors files.
    ///
    /// # Errors
    /// [`LoadError`] if the model cannot be used.
    pub fn describe(&mut self, repository: Repository) -> Result<(), LoadError> {
        let config = config::from_hub(&repository.config, &repository.name)?;
        let tokenizer = ModelTokenizer::from_hub(&repository, config.vocabulary)?;
        let template = repository.chat_template()?.ok_or(ChatError::Missing);
        self.describe_as(config, tokenizer, template.and_then(|template| ChatTemplate::new(&template)));
        self.tensor_files = repository.tensor_files()?;
        Ok(())
    }

    fn describe_as(&mut self, config: DecoderConfig, tokenizer: ModelTokenizer, chat: Result<ChatTemplate, ChatError>) {
        self.notices.extend(tokenizer.notices.iter().cloned());
        // An unusable template disables only chat.
        self.config = Some(config);
        self.texts = Some((tokenizer, chat));
    }

    /// Begins the next file, of `file_bytes` bytes.
    ///
    /// * `name`: its path; the file name is looked up in the index file.
    ///
    /// # Errors
    /// [`LoadError::Ended`] if the previous file is incomplete.
    pub fn begin_file(&mut self, name: &str, file_bytes: u64) -> Result<(), LoadError> {
        self.end_file()?;
        self.begun += 1;
        let state = State::Header { try_at: FIRST_HEADER_BYTES };
        let name = name.rsplit('/').next().unwrap_or(name).to_string();
        self.incoming = Some(Incoming { name, file_bytes, at: 0, pending: Vec::new(), state });
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), LoadError> {
        match self.incoming.take() {
            None => Ok(()),
            Some(Incoming { state: State::Tensors { directory, next }, .. }) if next == directory.len() => Ok(()),
            Some(file) => Err(LoadError::Ended { got: file.at, wanted: file.file_bytes }),
        }
    }

    /// Receives the next bytes of the current file.
    ///
    /// # Errors
    /// [`LoadError`] as soon as the bytes show that the file cannot be used.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), LoadError> {
        while !bytes.is_empty() {
            let Some(mut file) = self.incoming.take() else { return Ok(()) };
            bytes = match &mut file.state {
                State::Header { try_at } => {
                    let (now, later) = bytes.split_at(bytes.len().min(try_at.saturating_sub(file.pending.len())));
                    file.pending.extend_from_slice(now);
                    file.at += now.len() as u64;
                    if file.pending.len() >= *try_at || file.at >= file.file_bytes {
                        self.read_header(&mut file)?;
                    }
                    later
                }
                State::Tensors { directory, next } => {
                    let Some((tensor, place)) = directory.get(*next) else {
                        // All tensors are complete; ignore trailing bytes.
                        self.incoming = Some(file);
                        return Ok(());
                    };
                    // Bytes between tensors and of unneeded tensors are skipped.
                    let begin = if place.is_some() { tensor.offset } else { tensor.offset + tensor.bytes };
                    let (passing, rest) = bytes.split_at(at_most(begin.saturating_sub(file.at), bytes.len()));
                    file.at += passing.len() as u64;
                    let end = tensor.offset + tensor.bytes;
                    let (now, later) = rest.split_at(at_most(end.saturating_sub(file.at), rest.len()));
                    if !now.is_empty() {
                        make_room(&mut file.pending, now.len(), tensor)?;
                        file.pending.extend_from_slice(now);
                        file.at += now.len() as u64;
                    }
                    // A loop, since an empty tensor is complete together with the one before it.
                    while let Some((tensor, place)) = directory.get(*next)
                        && file.at >= tensor.offset + tensor.bytes
                    {
                        if let Some(place) = place {
                            self.take(tensor, place, &file.pending);
                        }
                        file.pending = Vec::new();
                        *next += 1;
                    }
                    later
                }
            };
            self.incoming = Some(file);
        }
        Ok(())
    }

    /// Parses the header if it is complete, and then processes the bytes that follow it in the buffer.
    fn read_header(&mut self, file: &mut Incoming) -> Result<(), LoadError> {
        let State::Header { try_at } = &mut file.state else { return Ok(()) };
        match self.header(&file.name, &file.pending, file.file_bytes) {
            Ok(directory) => {
                let begin = std::mem::take(&mut file.pending);
                let state = State::Tensors { directory, next: 0 };
                let (name, file_bytes) = (std::mem::take(&mut file.name), file.file_bytes);
                self.incoming = Some(Incoming { name, file_bytes, at: 0, pending: Vec::new(), state });
                self.push(&begin)?;
                if let Some(begun) = self.incoming.take() {
                    *file = begun;
                }
                Ok(())
            }
            Err(
                LoadError::Gguf(GgufError::Truncated { .. })
                | LoadError::Safetensors(SafetensorsError::Truncated { .. }),
            ) if file.at < file.file_bytes && *try_at < MAX_HEADER_BYTES => {
                *try_at *= 2;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Parses a file's first bytes. Returns its nonempty tensors, each with the part it maps to (`None` if unneeded).
    fn header(
        &mut self,
        file: &str,
        bytes: &[u8],
        file_bytes: u64,
    ) -> Result<Vec<(TensorInfo, Option<TensorMapping>)>, LoadError> {
        let (format, tensors) = if bytes.starts_with(&MAGIC) || !safetensors::recognises(bytes) {
            let gguf = Gguf::parse(bytes, file_bytes)?;
            let split: Option<u64> = gguf.get("split.count")?;
            let split = split.map_or(1, |count| count.max(1) as usize);
            if split > self.files {
                return Err(LoadError::Split { got: self.files, wanted: split });
            }
            if self.config.is_none() {
                let config = config::from_gguf(&gguf)?;
                let tokenizer = ModelTokenizer::from_gguf(&gguf)?;
                self.describe_as(config, tokenizer, ChatTemplate::from_gguf(&gguf));
            }
            (Format::Gguf, gguf.tensors)
        } else {
            (Format::Safetensors, safetensors::parse(bytes, file_bytes)?)
        };
        let Some(config) = &self.config else { return Err(LoadError::Undescribed) };
        if tensors.is_empty() && self.files == 1 {
            return Err(LoadError::NoTensors);
        }
        if let Some(tensor) = tensors.iter().find(|tensor| tensor.name.contains(".lora_A.")) {
            let what = format!("an adapter (LoRA) that is not merged into its model (tensor `{}`)", tensor.name);
            return Err(LoadError::NotALanguageModel { what });
        }
        let example = tensors.first().map_or_else(String::new, |tensor| tensor.name.clone());
        let mut directory = vec![];
        let (mut stale, mut not_its_own) = (vec![], vec![]);
        for tensor in tensors {
            let of_other_file = self.tensor_files.get(&tensor.name).is_some_and(|other| other != file);
            let place = match layout::role(config, format, &tensor.name) {
                Role::Part(_) if of_other_file => {
                    stale.push(tensor.name.clone());
                    None
                }
                Role::Part(place) => Some(place),
                // llama.cpp refuses such files, transformers ignores such tensors.
                Role::NotItsOwn if format == Format::Gguf => return Err(LoadError::NotItsOwn { tensor: tensor.name }),
                Role::NotItsOwn => {
                    not_its_own.push(tensor.name.clone());
                    None
                }
                Role::Nothing => None,
            };
            if let Some(place) = &place {
                place.check(config, &tensor)?;
                for name in place.names(config) {
                    if let Some(tensor) = self.there.replace(name) {
                        return Err(LoadError::Twice { tensor, file: file.into() });
                    }
                }
                let sizes = [false, true].map(|rounds| C::held_bytes(&tensor, rounds || self.rounds));
                self.held = [0, 1].map(|at| self.held[at].saturating_add(sizes[at]));
            }
            if tensor.bytes > 0 {
                directory.push((tensor, place));
            }
        }
        let [needs, rounded] = self.held;
        // A needed tensor is buffered whole, whether or not it is then rounded.
        let longest = directory.iter().filter(|(_, place)| place.is_some()).max_by_key(|(tensor, _)| tensor.bytes);
        let longest = longest.map(|(tensor, _)| tensor).filter(|tensor| tensor.bytes > self.limits.tensor);
        if needs > self.limits.total {
            let rounded =
                Some(rounded).filter(|bytes| *bytes <= self.limits.total && !self.rounds && longest.is_none());
            return Err(LoadError::TooBig { needs, limit: self.limits.total, rounded });
        }
        if let Some(TensorInfo { name, bytes, .. }) = longest {
            return Err(LoadError::Memory { tensor: name.clone(), bytes: *bytes });
        }
        if self.begun == self.files {
            // All headers are known: report a missing tensor before the weights are downloaded.
            match layout::needed(config).into_iter().find(|name| !self.there.contains(name)) {
                Some(head) if head == "output.weight" && format == Format::Safetensors => {
                    return Err(LoadError::NoHead { tensor: config.family.head_name() });
                }
                Some(tensor) => return Err(LoadError::MissingTensor { tensor, example }),
                None => {}
            }
        }
        if let Some(first) = stale.first() {
            self.notices.push(format!(
                "{file} has a copy of {} that belongs to another file by the model's index ({first}); the copy is ignored.",
                counted(stale.len(), "tensor"),
            ));
        }
        if let Some(first) = not_its_own.first() {
            let why = if *first == config.family.head_name() {
                "by its config.json the embedding is the head too (`tie_word_embeddings`)"
            } else {
                "by its configuration the model has none"
            };
            let what = counted(not_its_own.len(), "tensor");
            self.notices.push(format!(
                "{what} of the model's files, such as {first}, {} ignored: {why}.",
                if not_its_own.len() == 1 { "is" } else { "are" }
            ));
        }
        Ok(directory)
    }

    /// Adds a complete tensor to the model.
    fn take(&mut self, tensor: &TensorInfo, place: &TensorMapping, bytes: &[u8]) {
        let (Some(config), Ok(tensor_type)) = (&self.config, &tensor.tensor_type) else { return };
        self.stored_as.insert(tensor_type.name());
        if C::IS_CHECKED && self.collector.is_none() {
            self.collector = Some(Collector::new(config, self.rounds));
        }
        let shape = tensor.matrix_shape().map(|n| n as usize);
        let stored = StoredMatrix { tensor_type: *tensor_type, bytes: bytes.into(), shape };
        for part in place.parts(config, stored) {
            let is_row = layout::shape_of(config, &part.name).is_some_and(|[rows, _]| rows == 1);
            let values = is_row.then(|| row_values(&part));
            if let Some(collector) = &mut self.collector {
                collector.take(&part, values.as_deref());
            }
            let Part { name, stored, .. } = part;
            let Some(values) = values else {
                if let Some(at) = layout::sublayer_of(&name) {
                    self.stored_bytes.add(at, stored.bytes.len() as u64);
                }
                let weights = self.compute.matrix(&stored, self.rounds);
                self.parts.matrices.insert(name, weights);
                continue;
            };
            if name.starts_with("rope_") {
                self.factors = values;
            } else {
                self.parts.rows.insert(name, self.compute.vector(values));
            }
        }
    }

    /// Builds the model after every byte of every file was pushed.
    ///
    /// # Errors
    /// [`LoadError`] if a file ended early, a file or tensor is missing, or RoPE factors are invalid.
    pub fn finish(mut self) -> Result<LoadedModel<C>, LoadError> {
        self.end_file()?;
        if self.begun < self.files {
            return Err(LoadError::Split { got: self.begun, wanted: self.files });
        }
        let Some(mut config) = self.config.take() else { return Err(LoadError::Ended { got: 0, wanted: 0 }) };
        let Some((tokenizer, chat)) = self.texts.take() else { return Err(LoadError::Undescribed) };
        if let Some(rotary) = config.rotary.as_mut().filter(|_| !self.factors.is_empty()) {
            rotary.factors = self.factors;
            config::check_factors(rotary)?;
        }
        let cross_check = self.collector.map(|collector| collector.finish(&config)).transpose()?;
        let decoder = self.parts.decoder(config, self.compute)?;
        let rounded = if self.rounds { ", floats rounded to 8 bits" } else { "" };
        let stored_as = Vec::from_iter(self.stored_as).join(", ") + rounded;
        let stored_bytes = self.stored_bytes;
        Ok(LoadedModel { decoder, tokenizer, chat, stored_as, stored_bytes, notices: self.notices, cross_check })
    }
}

/// `1 tensor`, `2 tensors`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// min(wanted, there), where `wanted` may exceed `usize` (32 bits in WebAssembly).
fn at_most(wanted: u64, there: usize) -> usize {
    usize::try_from(wanted).map_or(there, |wanted| wanted.min(there))
}

/// Grows a tensor's buffer for `more` bytes. Small tensors are reserved whole; large ones in a few steps, each limited
/// by the bytes received so far. The final capacity equals the tensor's size.
fn make_room(pending: &mut Vec<u8>, more: usize, tensor: &TensorInfo) -> Result<(), LoadError> {
    let failed = || LoadError::Memory { tensor: tensor.name.clone(), bytes: tensor.bytes };
    let there = pending.len() + more;
    if there <= pending.capacity() {
        return Ok(());
    }
    let most = ROOM_AT_FIRST.max(there.saturating_mul(ROOM_FOR_EACH));
    let mut room = usize::try_from(tensor.bytes).map_err(|_| failed())?;
    while room > most {
        room = room.div_ceil(ROOM_FOR_EACH);
    }
    pending.try_reserve_exact(room.max(there) - pending.len()).map_err(|_| failed())
}

impl<C: Compute> Default for Parts<C> {
    fn default() -> Self {
        Self { matrices: HashMap::new(), rows: HashMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::Cpu;
    use proptest::prelude::*;
    use prunescope_quant::TensorType;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/families/llama");

    fn described(limits: Limits) -> ModelLoader<Cpu> {
        let mut repository = Repository { name: "llama".into(), ..Repository::default() };
        for name in ["config.json", "tokenizer.json"] {
            repository.set(name, std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap());
        }
        let mut loader = ModelLoader::new(1, Cpu).within(limits);
        loader.describe(repository).unwrap();
        loader
    }

    /// The fixture's header with an additional tensor of `bytes` bytes before all others, and the others' bytes.
    fn with_a_stranger(bytes: u64) -> (Vec<u8>, Vec<u8>) {
        let whole = std::fs::read(format!("{FOLDER}/model.safetensors")).unwrap();
        let start = 8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
        let mut header: serde_json::Value = serde_json::from_slice(&whole[8..start]).unwrap();
        for (name, entry) in header.as_object_mut().unwrap() {
            if name != "__metadata__" {
                let offsets: [u64; 2] = serde_json::from_value(entry["data_offsets"].clone()).unwrap();
                entry["data_offsets"] = offsets.map(|offset| offset + bytes).to_vec().into();
            }
        }
        header["stranger.weight"] =
            serde_json::json!({ "dtype": "F32", "shape": [bytes / 4], "data_offsets": [0, bytes] });
        let text = header.to_string();
        ([&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat(), whole[start..].to_vec())
    }

    #[test]
    fn a_tensor_that_nothing_needs_passes_without_being_held_whatever_its_size() {
        // More than 4 GiB, the address space of WebAssembly.
        let stranger = 5u64 << 30;
        let (header, tensors) = with_a_stranger(stranger);
        let mut loader = described(Limits::default());
        loader.begin_file("", header.len() as u64 + stranger + tensors.len() as u64).unwrap();
        loader.push(&header).unwrap();
        let zeros = vec![0; 64 << 20];
        for _ in 0..stranger / zeros.len() as u64 {
            loader.push(&zeros).unwrap();
            let held = loader.incoming.as_ref().map_or(0, |file| file.pending.capacity());
            assert!(held <= 2 * FIRST_HEADER_BYTES, "{held} bytes are held");
        }
        loader.push(&tensors).unwrap();
        assert_eq!(loader.finish().unwrap().decoder.config.layers, 2);
    }

    #[test]
    fn a_tensor_that_cannot_be_held_is_refused_by_its_header() {
        let (header, tensors) = with_a_stranger(4);
        let mut loader = described(Limits { tensor: 1000, ..Limits::default() });
        loader.begin_file("", header.len() as u64 + 4 + tensors.len() as u64).unwrap();
        let refused = loader.push(&[header, vec![0; 4], tensors].concat()).unwrap_err();
        assert!(matches!(refused, LoadError::Memory { bytes, .. } if bytes > 1000), "{refused}");
    }

    #[test]
    fn no_rounding_is_offered_where_a_tensor_cannot_be_held_to_be_rounded() {
        for (tensor, offers) in [(u64::MAX, true), (1000, false)] {
            let (header, tensors) = with_a_stranger(4);
            let mut loader = described(Limits { total: 60_000, tensor });
            loader.begin_file("", header.len() as u64 + 4 + tensors.len() as u64).unwrap();
            let refused = loader.push(&[header, vec![0; 4], tensors].concat()).unwrap_err();
            assert!(matches!(refused, LoadError::TooBig { rounded, .. } if rounded.is_some() == offers), "{refused}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever size a header claims, reserved memory is bounded by a multiple of the bytes received.
        #[test]
        fn room_is_made_for_what_has_come(claimed in 1u64..1 << 28, pieces in proptest::collection::vec(1usize..1 << 22, 1..40)) {
            let tensor = TensorInfo { name: "t".into(), shape: vec![claimed], tensor_type: Ok(TensorType::F32), offset: 0, bytes: claimed };
            let mut pending = Vec::new();
            for piece in pieces {
                let piece = piece.min(claimed as usize - pending.len());
                make_room(&mut pending, piece, &tensor).unwrap();
                pending.resize(pending.len() + piece, 0);
                prop_assert!(pending.capacity() <= ROOM_AT_FIRST.max(ROOM_FOR_EACH * pending.len()));
                prop_assert!(pending.capacity() as u64 <= claimed);
            }
        }
    }
}
