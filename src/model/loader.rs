//! From a stream of file bytes to a model on a device, holding no weight twice.

use std::collections::HashMap;

use burn::tensor::Device;

use super::attention::Attention;
use super::chat::ChatTemplate;
use super::config::DecoderConfig;
use super::decoder::{Block, Decoder};
use super::gguf::{Gguf, GgufError, TensorInfo};
use super::linear::{Linear, Scale, Storage};
use super::load_error::LoadError;
use super::mlp::Mlp;
use super::norm::RmsNorm;
use super::rope::Rope;
use super::tokenizer::ModelTokenizer;

/// A header longer than this is taken for a corrupt file.
const MAX_HEADER_BYTES: usize = 256 << 20;
/// The header is parsed anew each time this much more has come, doubling.
const FIRST_HEADER_BYTES: usize = 1 << 20;

/// A model ready to run, with what came in its file.
#[derive(Clone, Debug)]
pub struct LoadedModel {
    /// The decoder on its device.
    pub decoder: Decoder,
    /// Text to ids and back.
    pub tokenizer: ModelTokenizer,
    /// The file's chat template, where it has one.
    pub chat: Option<ChatTemplate>,
    /// How the weights are stored in the file, such as `"Q4_1, Q8_0, F32"`.
    pub stored_as: String,
}

/// What is waited for.
enum State {
    Header { try_at: usize },
    Tensors { gguf: Box<Gguf>, config: Box<DecoderConfig>, next: usize },
}

/// Builds a model from the file's bytes as they arrive.
///
/// At most one tensor's stored bytes are held beside the tensors already on the device.
pub struct ModelLoader {
    device: Device,
    file_bytes: u64,
    /// Bytes received and not yet used; the first has file offset `at`.
    pending: Vec<u8>,
    at: u64,
    state: State,
    storage: Storage,
    matrices: HashMap<String, Linear>,
    scales: HashMap<String, Scale>,
}

impl ModelLoader {
    /// A loader for a file of `file_bytes` bytes onto `device`; packed storage is for the CPU's device only.
    pub fn new(file_bytes: u64, device: &Device, storage: Storage) -> Self {
        Self {
            device: device.clone(),
            file_bytes,
            pending: Vec::new(),
            at: 0,
            state: State::Header { try_at: FIRST_HEADER_BYTES },
            storage,
            matrices: HashMap::new(),
            scales: HashMap::new(),
        }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// As soon as the bytes show that the file cannot be used.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), LoadError> {
        while !bytes.is_empty() {
            let wanted = match &self.state {
                State::Header { try_at } => *try_at,
                State::Tensors { gguf, next, .. } => match gguf.tensors.get(*next) {
                    None => return Ok(()),
                    Some(tensor) => (tensor.offset + tensor.bytes - self.at) as usize,
                },
            };
            let (now, later) = bytes.split_at(bytes.len().min(wanted - self.pending.len()));
            if self.pending.is_empty() {
                self.pending.reserve_exact(wanted);
            }
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == wanted || self.at + self.pending.len() as u64 >= self.file_bytes {
                self.advance()?;
            }
        }
        Ok(())
    }

    /// Uses the pending bytes: parses the header, or puts the next tensor on the device.
    fn advance(&mut self) -> Result<(), LoadError> {
        match &mut self.state {
            State::Header { try_at } => match Gguf::parse(&self.pending, self.file_bytes) {
                Ok(gguf) => {
                    let config = DecoderConfig::from_gguf(&gguf)?;
                    check_shapes(&gguf, &config)?;
                    self.state = State::Tensors { gguf: Box::new(gguf), config: Box::new(config), next: 0 };
                    // What followed the header already belongs to the tensors.
                    let first = std::mem::take(&mut self.pending);
                    self.push(&first)
                }
                Err(GgufError::Truncated { .. })
                    if (self.pending.len() as u64) < self.file_bytes && *try_at < MAX_HEADER_BYTES =>
                {
                    *try_at *= 2;
                    Ok(())
                }
                Err(error) => Err(error.into()),
            },
            State::Tensors { gguf, next, .. } => {
                let Some(tensor) = gguf.tensors.get(*next) else { return Ok(()) };
                let begin = (tensor.offset - self.at) as usize;
                let end = begin + tensor.bytes as usize;
                if self.pending.len() < end {
                    return Ok(());
                }
                let stored = &self.pending[begin..end];
                let [rows, columns] = matrix_shape(tensor);
                if rows == 1 {
                    let scale = Scale::from_file(tensor.tensor_type, stored, self.storage, &self.device);
                    self.scales.insert(tensor.name.clone(), scale);
                } else {
                    let shape = [rows as usize, columns as usize];
                    let matrix = Linear::from_file(tensor.tensor_type, stored, shape, self.storage, &self.device);
                    self.matrices.insert(tensor.name.clone(), matrix);
                }
                self.pending = Vec::new();
                self.at = tensor.offset + tensor.bytes;
                *next += 1;
                Ok(())
            }
        }
    }

    /// The model, once every byte has been pushed.
    ///
    /// # Errors
    /// A file that ended early, and a tokenizer or chat template that cannot be built.
    pub fn finish(mut self) -> Result<LoadedModel, LoadError> {
        let got = self.at + self.pending.len() as u64;
        let State::Tensors { gguf, config, next } = self.state else {
            return Err(LoadError::Ended { got, wanted: self.file_bytes });
        };
        if next < gguf.tensors.len() {
            return Err(LoadError::Ended { got, wanted: self.file_bytes });
        }
        let mut take = |name: String| self.matrices.remove(&name).ok_or(GgufError::MissingTensor { tensor: name });
        let mut norm = |name: String| match self.scales.remove(&name) {
            Some(weight) => Ok(RmsNorm { weight, epsilon: config.norm_epsilon }),
            None => Err(GgufError::MissingTensor { tensor: name }),
        };
        let mut blocks = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let mut part = |part: &str| take(format!("blk.{layer}.{part}.weight"));
            blocks.push(Block {
                attention: Attention {
                    norm: norm(format!("blk.{layer}.attn_norm.weight"))?,
                    query: part("attn_q")?,
                    key: part("attn_k")?,
                    value: part("attn_v")?,
                    output: part("attn_output")?,
                    head_dim: config.head_dim,
                },
                mlp: Mlp {
                    norm: norm(format!("blk.{layer}.ffn_norm.weight"))?,
                    gate: part("ffn_gate")?,
                    up: part("ffn_up")?,
                    down: part("ffn_down")?,
                },
            });
        }
        let mut stored: Vec<&str> = gguf.tensors.iter().map(|tensor| tensor.tensor_type.name()).collect();
        stored.sort_unstable();
        stored.dedup();
        let decoder = Decoder {
            embedding: take("token_embd.weight".into())?,
            blocks,
            norm: norm("output_norm.weight".into())?,
            head: take("output.weight".into()).ok(),
            rope: Rope::new(config.head_dim, config.rope_base, &self.device),
            config: *config,
            storage: self.storage,
            device: self.device,
        };
        Ok(LoadedModel {
            decoder,
            tokenizer: ModelTokenizer::from_gguf(&gguf)?,
            chat: ChatTemplate::from_gguf(&gguf)?,
            stored_as: stored.join(", "),
        })
    }
}

/// Rows and columns; a vector is one row.
fn matrix_shape(tensor: &TensorInfo) -> [u64; 2] {
    let columns = tensor.shape.last().copied().unwrap_or(1);
    [tensor.elements() / columns.max(1), columns]
}

/// Every tensor that the architecture needs is there, with the shape that the metadata promises.
fn check_shapes(gguf: &Gguf, config: &DecoderConfig) -> Result<(), GgufError> {
    let (hidden, inner) = (config.hidden as u64, config.feed_forward as u64);
    let queries = (config.heads * config.head_dim) as u64;
    let keys = (config.key_value_heads * config.head_dim) as u64;
    let vocabulary = config.vocabulary as u64;
    let parts = [
        ("attn_norm", [1, hidden]),
        ("attn_q", [queries, hidden]),
        ("attn_k", [keys, hidden]),
        ("attn_v", [keys, hidden]),
        ("attn_output", [hidden, queries]),
        ("ffn_norm", [1, hidden]),
        ("ffn_gate", [inner, hidden]),
        ("ffn_up", [inner, hidden]),
        ("ffn_down", [hidden, inner]),
    ];
    let of_blocks = (0..config.layers)
        .flat_map(|layer| parts.iter().map(move |(part, shape)| (format!("blk.{layer}.{part}.weight"), *shape)));
    let outside = [("token_embd.weight".to_string(), [vocabulary, hidden]), ("output_norm.weight".into(), [1, hidden])];
    let find = |name: &str| gguf.tensors.iter().find(|tensor| tensor.name == name);
    let separate_head = find("output.weight").map(|_| ("output.weight".to_string(), [vocabulary, hidden]));
    for (name, wanted) in of_blocks.chain(outside).chain(separate_head) {
        let Some(tensor) = find(&name) else { return Err(GgufError::MissingTensor { tensor: name }) };
        if matrix_shape(tensor) != wanted {
            return Err(GgufError::Shape { tensor: name, found: tensor.shape.clone(), wanted: wanted.to_vec() });
        }
    }
    Ok(())
}
