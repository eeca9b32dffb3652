//! Files that are put together as an input says: metadata of any type, tensors of any type, shape and place; they come in pieces.

use burn::tensor::Device;
use prunescope::model::layout::Format;
use prunescope::model::repository::Repository;
use prunescope::model::tensor::TensorType;
use prunescope::model::{DecoderConfig, ModelLoader, Storage};

use super::bytes::Bytes;
use super::json::NUMBERS;
use super::model::{self, FAMILIES, Tensor};

/// A file in one of both formats, pushed into a loader.
pub fn run(input: &[u8]) {
    let mut bytes = Bytes::new(input);
    let [architecture, model_type] = bytes.pick(&FAMILIES);
    let in_gguf = bytes.happens(2);
    let (changes, piece) = (bytes.choose(6), 1 + bytes.choose(4096));
    let length_is_wrong = bytes.happens(16);
    let mut loader = ModelLoader::new(1 + usize::from(bytes.happens(16)), &Device::flex(), Storage::Packed);
    loader = loader.rounded(bytes.happens(4));
    let default = DecoderConfig::from_hub(&model::config(model_type, &mut Bytes::new(&[])), "fuzz").expect("it is right");
    let format = if in_gguf { Format::Gguf } else { Format::Safetensors };
    let mut tensors = model::tensors(&default, format).expect("it is tiny");
    let kinds: Vec<u32> = tensors.iter().map(|_| 0).collect();
    let mut kinds = [kinds, vec![0; 4 * changes]].concat();
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
            let is_small = shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length)).is_some_and(|all| all < 5000);
            let data = if is_small { model::weights(tensor_type, shape, seed) } else { vec![] };
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
        tensors.retain(|(_, shape)| shape.iter().try_fold(1u64, |all, length| all.checked_mul(*length)).is_some_and(|all| all < 5000));
        model::safetensors(&tensors, seed)
    };
    let length = if length_is_wrong { bytes.number() >> bytes.choose(64) } else { file.len() as u64 };
    if loader.begin_file("", length).is_err() || file.chunks(piece).any(|piece| loader.push(piece).is_err()) {
        return;
    }
    let _ = loader.finish();
}

/// Changes one tensor, drops it, or takes it twice.
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
