//! Files assembled as an input says, with metadata of any type and tensors of any type, shape and offset; they arrive in pieces.

use std::sync::LazyLock;

use prunescope_engine::compute::Cpu;
use prunescope_engine::model::ModelLoader;
use prunescope_formats::config;
use prunescope_formats::layout::Format;
use prunescope_protocol::model::repository::Repository;
use prunescope_quant::TensorType;

use super::bytes::Bytes;
use super::json::NUMBERS;
use super::model::{self, FAMILIES, Tensor};

/// Sizes of the pieces, in bytes.
const PIECES: [usize; 4] = [1 << 20, 4096, 977, 61];

/// The tensors of each family in safetensors and in GGUF.
static DEFAULTS: LazyLock<Vec<[Vec<Tensor>; 2]>> = LazyLock::new(|| {
    let of_family = |[_, model_type]: [&str; 2]| {
        let text = model::config(model_type, &mut Bytes::new(&[]));
        let config = config::from_hub(&text, "fuzz").expect("it is right");
        [Format::Safetensors, Format::Gguf].map(|format| model::tensors(&config, format).expect("it is tiny"))
    };
    FAMILIES.into_iter().map(of_family).collect()
});

/// Builds a file in one of the two formats, and pushes it into a loader.
pub fn run(input: &[u8]) {
    let mut bytes = Bytes::new(input);
    let family = bytes.choose(FAMILIES.len());
    let [architecture, model_type] = FAMILIES[family];
    let in_gguf = bytes.happens(2);
    let (changes, piece) = (bytes.choose(6), bytes.pick(&PIECES));
    let length_is_wrong = bytes.happens(16);
    let mut loader = ModelLoader::new(1 + usize::from(bytes.happens(16)), Cpu);
    loader = loader.quantize_floats_to_q8(bytes.happens(4));
    let mut tensors = DEFAULTS[family][usize::from(in_gguf)].clone();
    // One type a tensor; a change may add a tensor.
    let mut kinds = vec![0; tensors.len() + changes];
    for _ in 0..changes {
        change(&mut tensors, &mut kinds, &mut bytes);
    }
    let seed = bytes.byte();
    let file = if in_gguf {
        let moved = bytes.choose(32);
        let by = if bytes.happens(16) { bytes.number() } else { 0 };
        let mut writer = model::metadata(architecture, &mut bytes);
        for ((name, shape), kind) in tensors.iter().zip(&kinds) {
            let tensor_type = TensorType::from_number(*kind).unwrap_or(TensorType::F32);
            let data = if is_small(shape) { model::weights(tensor_type, shape, seed) } else { vec![] };
            writer.tensor(name, *kind, &shape.iter().rev().copied().collect::<Vec<_>>(), &data);
        }
        writer.finish(|at| if at == moved { by } else { 0 })
    } else {
        let mut repository = Repository { name: "fuzz".into(), ..Repository::default() };
        repository.set("config.json", model::config(model_type, &mut bytes));
        repository.set("tokenizer.json", model::tokenizer());
        if loader.describe(repository).is_err() {
            return;
        }
        tensors.retain(|(_, shape)| is_small(shape));
        model::safetensors(&tensors, seed)
    };
    let length = if length_is_wrong { bytes.number() >> bytes.choose(64) } else { file.len() as u64 };
    if loader.begin_file("", length).is_err() || file.chunks(piece).any(|piece| loader.push(piece).is_err()) {
        return;
    }
    let _ = loader.finish();
}

/// Whether a tensor is small enough for its bytes to be written.
fn is_small(shape: &[u64]) -> bool {
    shape.iter().try_fold(1u64, |all, length| all.checked_mul(*length)).is_some_and(|all| all < 5000)
}

/// Changes one tensor, removes it, or duplicates it.
fn change(tensors: &mut Vec<Tensor>, kinds: &mut [u32], bytes: &mut Bytes<'_>) {
    let at = bytes.choose(tensors.len());
    let Some((name, shape)) = tensors.get_mut(at) else { return };
    let length = bytes.choose(shape.len());
    match bytes.choose(8) {
        0 => drop(tensors.remove(at)),
        1 => {
            let twice = tensors[at].clone();
            tensors.push(twice);
        }
        2 => shape.swap(0, length),
        3 => shape.push(1),
        4 => *name = name.replace("weight", "bias"),
        5 if !shape.is_empty() => shape[length] = bytes.pick(&NUMBERS) as u64,
        6 if !shape.is_empty() => shape[length] = shape[length].wrapping_add(1),
        _ => kinds[at] = u32::from(bytes.byte()) % 42,
    }
}
