//! A forward pass of a tiny model with a hostile configuration: it is refused, or the output has the right shape.

use prunescope_engine::compute::attention::Text;
use prunescope_engine::compute::{Cpu, KeyValueCache};
use prunescope_engine::model::{Decoder, ModelLoader};
use prunescope_formats::config;
use prunescope_formats::gguf::Gguf;
use prunescope_formats::layout::Format;
use prunescope_protocol::model::Sublayer;
use prunescope_protocol::model::repository::Repository;
use prunescope_quant::TensorType;

use super::bytes::Bytes;
use super::model::{self, FAMILIES};

/// Weight types, used where rows are whole blocks.
const TYPES: [u32; 4] = [0, 8, 3, 20];

/// The input changes a configuration; builds the tensors that it needs, and runs some tokens and then one more.
pub fn run(input: &[u8]) {
    let mut bytes = Bytes::new(input);
    let [architecture, model_type] = bytes.pick(&FAMILIES);
    let (in_gguf, kind, seed, rounds) = (bytes.happens(2), bytes.pick(&TYPES), bytes.byte(), bytes.happens(4));
    let mut loader = ModelLoader::new(1, Cpu).quantize_floats_to_q8(rounds);
    let file = if in_gguf {
        let mut writer = model::metadata(architecture, &mut bytes);
        let head = writer.clone().finish(|_| 0);
        let Ok(gguf) = Gguf::parse(&head, head.len() as u64) else { return };
        let Ok(config) = config::from_gguf(&gguf) else { return };
        let Some(tensors) = model::tensors(&config, Format::Gguf) else { return };
        for (name, shape) in tensors {
            let kind = if shape.len() > 1 && shape[1].is_multiple_of(32) { kind } else { 0 };
            let data = model::weights(TensorType::from_number(kind).unwrap_or(TensorType::F32), &shape, seed);
            writer.tensor(&name, kind, &shape.iter().rev().copied().collect::<Vec<_>>(), &data);
        }
        writer.finish(|_| 0)
    } else {
        let text = model::config(model_type, &mut bytes);
        let Ok(config) = config::from_hub(&text, "fuzz") else { return };
        let Some(tensors) = model::tensors(&config, Format::Safetensors) else { return };
        let mut repository = Repository { name: "fuzz".into(), ..Repository::default() };
        repository.set("config.json", text);
        repository.set("tokenizer.json", model::tokenizer());
        if loader.describe(repository).is_err() {
            return;
        }
        model::safetensors(&tensors, seed)
    };
    if loader.begin_file("", file.len() as u64).is_err() || loader.push(&file).is_err() {
        return;
    }
    if let Ok(model) = loader.finish() {
        pass(&model.decoder);
    }
}

/// A pass over up to four tokens, then one over a single token.
fn pass(decoder: &Decoder<Cpu>) {
    let config = &decoder.config;
    let mut cache = KeyValueCache::new(config.layers);
    let few = config.context.saturating_sub(1).min(4);
    for (start, count) in [(0, few), (few, 1)].into_iter().filter(|(_, count)| *count > 0) {
        let ids: Vec<u32> = (start..start + count).map(|at| (at % config.vocabulary) as u32).collect();
        let positions = decoder.positions(start, count);
        let mut x = decoder.embed(&ids, start);
        let mut before = x.clone();
        for index in 0..config.sublayers() {
            let at = Sublayer::from_index(index);
            if decoder.residual_input(at) == index {
                before = x.clone();
            }
            x = decoder.sublayer(at, before.clone(), x, &mut [Text::new(&positions, &mut cache)]);
        }
        let logits = decoder.logits(decoder.final_norm(x));
        assert_eq!(logits.dims(), [count, config.vocabulary]);
    }
}
