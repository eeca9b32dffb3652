//! Tiny models in both formats, with a configuration that an input's bytes change.

use prunescope_formats::layout::{self, Format, Role};
use prunescope_formats::tensor::TensorInfo;
use prunescope_protocol::model::DecoderConfig;
use prunescope_quant::TensorType;
use serde_json::{Value, json};

use super::bytes::{Bytes, Texts, texts};
use super::gguf::Writer;
use super::json::{self, NUMBERS};

/// Model families, by their names in GGUF and in `config.json`.
pub const FAMILIES: [[&str; 2]; 9] = [
    ["llama", "llama"],
    ["mistral", "mistral"],
    ["qwen2", "qwen2"],
    ["qwen3", "qwen3"],
    ["gemma3", "gemma3_text"],
    ["gpt2", "gpt2"],
    ["gptneox", "gpt_neox"],
    ["phi2", "phi"],
    ["phi3", "phi3"],
];
/// Metadata keys below an architecture's name.
static OF_ARCHITECTURE: Texts = Texts::new(|| {
    texts(
        "block_count;embedding_length;feed_forward_length;context_length;attention.head_count;\
     attention.head_count_kv;attention.key_length;attention.value_length;attention.layer_norm_epsilon;\
     attention.layer_norm_rms_epsilon;attention.causal;attention.sliding_window;\
     attention.sliding_window_pattern;rope.dimension_count;rope.freq_base;rope.freq_base_swa;\
     rope.scaling.type;rope.scaling.factor;rope.scaling.attn_factor;rope.scaling.original_context_length;\
     rope.scale_linear;use_parallel_residual;pooling_type;expert_count;attn_logit_softcapping;vocab_size",
    )
});
/// Metadata keys that do not depend on the architecture.
static OF_FILE: Texts = Texts::new(|| {
    texts(
        "general.architecture;general.alignment;general.type;general.name;split.count;tokenizer.ggml.model;\
     tokenizer.ggml.pre;tokenizer.ggml.tokens;tokenizer.ggml.token_type;tokenizer.ggml.scores;\
     tokenizer.ggml.merges;tokenizer.ggml.bos_token_id;tokenizer.ggml.eos_token_id;\
     tokenizer.ggml.eot_token_id;tokenizer.ggml.unknown_token_id;tokenizer.ggml.padding_token_id;\
     tokenizer.ggml.add_bos_token;tokenizer.ggml.add_space_prefix;tokenizer.ggml.add_eos_token;\
     tokenizer.chat_template",
    )
});
/// Texts that have a meaning in metadata.
const TEXTS: [&str; 20] = [
    "llama",
    "gpt2",
    "gemma3",
    "model",
    "adapter",
    "linear",
    "yarn",
    "longrope",
    "none",
    "default",
    "llama-bpe",
    "gpt-4o",
    "deepseek-coder",
    "falcon",
    "a b",
    "<unk>",
    "<|end|>",
    "\u{2581}a",
    "{{ messages[0].content }}",
    "",
];
/// Keys and texts that have a meaning in a `config.json`.
pub static CONFIG: Texts = Texts::new(|| {
    texts(
        "model_type;architectures;text_config;num_hidden_layers;hidden_size;intermediate_size;\
     num_attention_heads;num_key_value_heads;head_dim;vocab_size;max_position_embeddings;n_layer;n_head;\
     n_embd;n_inner;n_positions;rms_norm_eps;layer_norm_eps;layer_norm_epsilon;hidden_act;\
     hidden_activation;activation_function;rope_parameters;rope_scaling;rope_theta;rope_type;type;factor;\
     attention_factor;short_factor;long_factor;low_freq_factor;high_freq_factor;\
     original_max_position_embeddings;beta_fast;beta_slow;mscale;mscale_all_dim;truncate;\
     partial_rotary_factor;rotary_pct;rotary_emb_base;rope_local_base_freq;full_attention;\
     sliding_attention;sliding_window;sliding_window_pattern;use_sliding_window;max_window_layers;\
     layer_types;query_pre_attn_scalar;use_parallel_residual;attention_bias;mlp_bias;tie_word_embeddings;\
     quantization_config;yarn;llama3;longrope;linear;dynamic;gelu_new",
    )
});

/// Tokens of the vocabulary.
static TOKENS: Texts = Texts::new(|| texts("<unk>;<s>;</s>;a;b;ab;Ġ;\u{2581};Ġa;<0x0A>;<|end|>;c"));

/// Metadata of a GGUF file of a family, with some entries changed.
pub fn metadata(architecture: &str, bytes: &mut Bytes<'_>) -> Writer {
    let mut entries: Vec<(String, u32, Vec<u8>)> = vec![];
    let number = |value: f64| (4, super::gguf::number(4, value));
    let text = |text: &str| (8, super::gguf::text(text.as_bytes()));
    let float = |value: f64| (6, super::gguf::number(6, value));
    let of_architecture = |key: &str| format!("{architecture}.{key}");
    let list = |texts: &[&str]| (9, super::gguf::texts(texts));
    let mut put = |key: String, (kind, value): (u32, Vec<u8>)| {
        entries.retain(|(other, ..)| *other != key);
        entries.push((key, kind, value));
    };
    put("general.architecture".into(), text(architecture));
    for (key, value) in [
        ("block_count", 1.0),
        ("embedding_length", 32.0),
        ("feed_forward_length", 32.0),
        ("context_length", 64.0),
        ("attention.head_count", 2.0),
    ] {
        put(of_architecture(key), number(value));
    }
    for key in ["attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon"] {
        put(of_architecture(key), float(1e-5));
    }
    // Mostly without a pre-tokenizer: compiling its patterns takes longer than everything else.
    put("tokenizer.ggml.model".into(), text(if bytes.happens(64) { "gpt2" } else { "llama" }));
    put("tokenizer.ggml.tokens".into(), list(&TOKENS));
    put("tokenizer.ggml.merges".into(), list(&["a b"]));
    for _ in 0..12 {
        if bytes.is_empty() {
            break;
        }
        let in_architecture = bytes.happens(2);
        let key = if in_architecture {
            of_architecture(bytes.pick(&OF_ARCHITECTURE))
        } else {
            bytes.pick(&OF_FILE).to_string()
        };
        let kind = u32::from(bytes.byte()) % 14;
        let value = match kind {
            8 => super::gguf::text(bytes.pick(&TEXTS).as_bytes()),
            9 => array(bytes),
            _ => super::gguf::number(kind, bytes.pick(&NUMBERS)),
        };
        put(key, (kind, value));
    }
    let mut writer = Writer::default();
    entries.iter().for_each(|(key, kind, value)| writer.entry(key, *kind, value));
    writer
}

/// An array of any type.
fn array(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let (kind, count) = (u32::from(bytes.byte()) % 14, bytes.choose(16));
    let mut elements = vec![];
    for _ in 0..count {
        elements.extend(match kind {
            8 => {
                let texts = if bytes.happens(2) { &TEXTS[..] } else { &TOKENS[..] };
                super::gguf::text(bytes.pick(texts).as_bytes())
            }
            9 => super::gguf::array(4, 1, &[0; 4]),
            _ => super::gguf::number(kind, bytes.pick(&NUMBERS)),
        });
    }
    let claimed = if bytes.happens(8) { bytes.number() } else { count as u64 };
    super::gguf::array(kind, claimed, &elements)
}

/// The `config.json` of a family, with some places changed.
pub fn config(model_type: &str, bytes: &mut Bytes<'_>) -> String {
    let base = json!({
        "model_type": model_type, "num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2,
        "num_key_value_heads": 2, "head_dim": 16, "vocab_size": TOKENS.len(), "max_position_embeddings": 64,
        "rope_parameters": { "rope_theta": 10_000.0, "rope_type": "default", "factor": 2.0 }
    });
    json::changed(&base, bytes, &CONFIG).to_string()
}

/// A `tokenizer.json` with the vocabulary.
pub fn tokenizer() -> String {
    let vocabulary: serde_json::Map<String, Value> =
        TOKENS.iter().enumerate().map(|(id, token)| ((*token).to_string(), id.into())).collect();
    json!({ "model": { "type": "BPE", "vocab": vocabulary, "merges": ["a b"] } }).to_string()
}

/// Paths of a block's parts in safetensors checkpoints of all families.
static IN_BLOCK: Texts = Texts::new(|| {
    texts(
        "input_layernorm;self_attn.q_proj;self_attn.k_proj;self_attn.v_proj;self_attn.o_proj;\
     self_attn.q_norm;self_attn.k_norm;post_attention_layernorm;mlp.gate_proj;mlp.up_proj;mlp.down_proj;\
     pre_feedforward_layernorm;post_feedforward_layernorm;ln_1;attn.c_attn;attn.c_proj;ln_2;mlp.c_fc;\
     mlp.c_proj;attention.query_key_value;attention.dense;mlp.dense_h_to_4h;mlp.dense_4h_to_h;\
     self_attn.dense;mlp.fc1;mlp.fc2",
    )
});
/// Paths of fused parts, in two further families.
static FUSED: Texts = Texts::new(|| texts("self_attn.qkv_proj;mlp.gate_up_proj"));
/// Paths of parts outside of blocks.
static OUTSIDE: Texts = Texts::new(|| {
    texts(
        "model.embed_tokens;model.norm;lm_head;wte;wpe;ln_f;gpt_neox.embed_in;model.final_layernorm;\
     gpt_neox.final_layer_norm;embed_out",
    )
});
/// Paths of a block's parts in GGUF, optional ones included.
static IN_GGUF: Texts = Texts::new(|| {
    texts(
        "attn_qkv;attn_norm;attn_q;attn_k;attn_v;attn_output;attn_q_norm;attn_k_norm;post_attention_norm;\
     ffn_norm;ffn_up;ffn_gate;ffn_down;post_ffw_norm;ffn_sub_norm",
    )
});
static OUTSIDE_IN_GGUF: Texts =
    Texts::new(|| texts("token_embd;position_embd;output_norm;output;rope_freqs;rope_factors_short"));

/// A tensor: its name and shape, outermost dimension first.
pub type Tensor = (String, Vec<u64>);

/// All tensors of a decoder in a format, with the shapes they must have; none for a decoder that is not tiny.
pub fn tensors(config: &DecoderConfig, format: Format) -> Option<Vec<Tensor>> {
    if config.layers > 3 || config.vocabulary > 64 {
        return None;
    }
    let layers = 0..config.layers;
    let paths: Vec<String> = match format {
        Format::Gguf => {
            let blocks = layers.flat_map(|layer| IN_GGUF.iter().map(move |part| format!("blk.{layer}.{part}")));
            OUTSIDE_IN_GGUF.iter().map(|path| (*path).to_string()).chain(blocks).collect()
        }
        Format::Safetensors => {
            let prefix = match config.family.head_name() {
                "embed_out.weight" => "gpt_neox.layers",
                _ if config.rotary.is_none() => "transformer.h",
                _ => "model.layers",
            };
            let parts =
                move |layer| FUSED.iter().chain(IN_BLOCK.iter()).map(move |part| format!("{prefix}.{layer}.{part}"));
            OUTSIDE.iter().map(|path| (*path).to_string()).chain(layers.flat_map(parts)).collect()
        }
    };
    let mut there: Vec<String> = vec![];
    let mut out = vec![];
    for name in paths.iter().flat_map(|path| ["weight", "bias"].map(|kind| format!("{path}.{kind}"))) {
        let Role::Part(place) = layout::role(config, format, &name) else { continue };
        let [rows, columns] = layout::shape_of(config, &place.name)?.map(|length| length as u64);
        let shapes = [[rows, columns], [columns, rows], [2 * rows, columns], [columns, 2 * rows]];
        let fits = |shape: &&[u64; 2]| {
            let tensor_type = Ok(TensorType::F32);
            let tensor = TensorInfo { name: name.clone(), shape: shape.to_vec(), tensor_type, offset: 0, bytes: 0 };
            place.check(config, &tensor).is_ok()
        };
        let names = place.names(config);
        if names.iter().any(|name| there.contains(name)) {
            continue;
        }
        // No shape fits a part that has no tensor.
        let Some(shape) = shapes.iter().find(fits) else { continue };
        there.extend(names);
        out.push((name, if rows == 1 { vec![columns] } else { shape.to_vec() }));
    }
    let numbers: u64 = out.iter().map(|(_, shape)| shape.iter().product::<u64>()).fold(0, u64::saturating_add);
    (numbers < 1 << 14).then_some(out)
}

/// Bytes of a tensor: values around 0 as F32, arbitrary blocks otherwise.
pub fn weights(tensor_type: TensorType, shape: &[u64], seed: u8) -> Vec<u8> {
    let count = shape.iter().product::<u64>() as usize;
    let (bytes, pattern): (usize, Vec<u8>) = if tensor_type == TensorType::F32 {
        let number = |at: usize| ((at * 7 + usize::from(seed)) % 13) as f32 / 8.0 - 0.75;
        (4 * count, (0..13).flat_map(|at| number(at).to_le_bytes()).collect())
    } else {
        let blocks = count / tensor_type.block_len() as usize;
        (
            blocks * tensor_type.block_bytes() as usize,
            (0..251).map(|at: usize| (at * 37 + usize::from(seed)) as u8 & 0x7b).collect(),
        )
    };
    let mut out = pattern.repeat(bytes / pattern.len() + 1);
    out.truncate(bytes);
    out
}

/// A safetensors file of F32 tensors.
pub fn safetensors(tensors: &[Tensor], seed: u8) -> Vec<u8> {
    let mut data = vec![];
    let mut header = serde_json::Map::new();
    for (name, shape) in tensors {
        let begin = data.len();
        data.extend(weights(TensorType::F32, shape, seed));
        header.insert(name.clone(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()] }));
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}
