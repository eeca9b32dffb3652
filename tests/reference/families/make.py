"""Makes tests/fixtures/families: a tiny random checkpoint of each family, in both formats, and what the reference library finds.

    pip install torch transformers gguf sentencepiece && python3 tests/reference/families/make.py [FAMILY…]

Kept in the repository, so that tests need none of this. For each family: the files of a Hugging Face repository
(config.json, model.safetensors, tokenizer.json, tokenizer_config.json, generation_config.json), model.gguf written with ggml's own
package in the layout of llama.cpp's converter, and expected.json: token ids of texts by the tokenizer's own library, logits of a
prompt by transformers. Also tests/fixtures/quantized.json: blocks of every quantized type and their values by ggml's package.
"""
import json
import pathlib
import shutil
import sys
import tempfile

import gguf
import numpy as np
import sentencepiece
import tokenizers
import torch
import transformers
from gguf import GGMLQuantizationType as Type
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures"
TEXTS = [
    "What is the capital of France?", "The river rises in the hills and 1984 runs,  it's naïve – 日本\n",
    "Größe, façade, Ελληνικά, русский, العربية, हिन्दी, 한국어, 日本語。", "🙂👩‍👩‍👧 family; 🇫🇷 flags", "def f(x):\n\tif x >= 10:\n        return x**2  # 12345\n\n\n",
    "  two  spaces   and\ttabs\t\tend  ", "don't DON'T we'LL I've they're", "\u00a0nbsp\u200bzero-width\u2028line", "", " ", "a", "<tag> </s> <|none|>",
]
CORPUS = TEXTS * 3 + ["The quick brown fox jumps over the lazy dog. " * 3, "Pruning removes weights of a language model; the hidden states hardly change. " * 3,
                      "It was the best of times, it was the worst of times, in the year 1775. " * 3, "for i in range(100):\n    print(i, i * i)\n" * 3]
PATTERNS = {
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
CHATML_CHAT = "<|im_start|>user\nHi there<|im_end|>\n<|im_start|>assistant\n"
GEMMA = ("{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\\n' + message['content'] | trim + "
         "'<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}")
PHI3 = ("{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}")
PHI3_CHAT = "<|user|>\nHi there<|end|>\n<|assistant|>\n  Hello"


def byte_level(pre, special, bos):
    """A byte-level BPE tokenizer of 400 tokens."""
    out = tokenizers.Tokenizer(models.BPE())
    if pre in PATTERNS:
        out.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERNS[pre]), "isolated"),
                                                     pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    else:
        out.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    out.decoder = decoders.ByteLevel()
    out.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=400 - len(special), show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    out.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    if bos:
        out.post_processor = processors.TemplateProcessing(single=f"{special[0]} $A", special_tokens=[(special[0], out.token_to_id(special[0]))])
    return out


def sentence_piece(special, prefix, strips=False):
    """A SentencePiece BPE model of 480 pieces with byte fallback, and the same as a tokenizer.json.

    `strips`: special tokens take the white space that follows them.
    """
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "text").write_text("\n".join(line for text in CORPUS for line in text.splitlines() if line))
        sentencepiece.SentencePieceTrainer.train(
            input=f"{folder}/text", model_prefix=f"{folder}/spm", model_type="bpe", vocab_size=480, byte_fallback=True, character_coverage=0.99,
            add_dummy_prefix=prefix, remove_extra_whitespaces=False, normalization_rule_name="identity", user_defined_symbols=special,
            split_digits=True, allow_whitespace_only_pieces=True, minloglevel=2, hard_vocab_limit=False, num_threads=1,
            **({} if prefix else {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3}))
        spm = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/spm.model")
    pieces = [spm.id_to_piece(i) for i in range(spm.vocab_size())]
    scores = [spm.get_score(i) for i in range(spm.vocab_size())]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    plain = [i for i in range(len(pieces)) if not (spm.is_control(i) or spm.is_unknown(i) or spm.is_byte(i) or pieces[i] in special)]
    # As transformers converts SentencePiece models: every way to split a piece in two, best score first.
    merges = [(piece[:at], piece[at:], i) for i in plain for piece in [pieces[i]] for at in range(1, len(piece)) if piece[:at] in vocabulary and piece[at:] in vocabulary]
    merges.sort(key=lambda merge: (-scores[merge[2]], vocabulary[merge[0]], vocabulary[merge[1]]))
    out = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[(a, b) for a, b, _ in merges], byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    out.normalizer = normalizers.Sequence(([normalizers.Prepend("▁")] if prefix else []) + [normalizers.Replace(" ", "▁")])
    out.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()] + ([decoders.Strip(" ", 1, 0)] if prefix else []))
    out.add_special_tokens([AddedToken(piece, special=True, normalized=False, rstrip=strips and piece not in ("<s>", "<|endoftext|>")) for piece in pieces if piece in special or spm.is_control(vocabulary[piece])])
    bos = "<s>" if prefix else "<bos>"
    bos = pieces[spm.bos_id()]
    out.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, spm.bos_id())])
    kind = lambda i: 2 if spm.is_unknown(i) else 3 if spm.is_control(i) or pieces[i] in special else 6 if spm.is_byte(i) else 1
    return out, spm, (pieces, scores, [kind(i) for i in range(len(pieces))])


def write_gguf(path, architecture, keys, tensors, tokenizer, names, template, spm=None, part=None):
    """`part`: number and count of a file that holds a part of the tensors; only the first describes the model."""
    writer = gguf.GGUFWriter(path, architecture)
    if part:
        writer.add_uint16("split.no", part[0])
        writer.add_uint16("split.count", part[1])
    writer.add_name(names["name"])
    for key, value in keys.items():
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}[type(value)]
        add(f"{architecture}.{key}", value)
    if spm:
        pieces, scores, kinds = spm
        writer.add_tokenizer_model("llama")
        writer.add_token_list(pieces)
        writer.add_token_scores(scores)
        writer.add_token_types(kinds)
        writer.add_add_bos_token(True)
        writer.add_add_space_prefix(names["prefix"])
    else:
        layout = json.loads(tokenizer.to_str())
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        tokens = sorted(vocabulary, key=vocabulary.get)
        special = {token["content"] for token in layout["added_tokens"]}
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(names["pre"])
        writer.add_token_list(tokens)
        writer.add_token_types([3 if token in special else 1 for token in tokens])
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in layout["model"]["merges"]])
        writer.add_add_bos_token(names["add_bos"])
    writer.add_bos_token_id(names["bos"])
    writer.add_eos_token_id(names["eos"])
    writer.add_chat_template(template)
    for name, value in tensors.items():
        if isinstance(value, tuple):
            writer.add_tensor(name, value[0], raw_dtype=value[1])
        elif value.ndim == 1 or names.get("full"):
            writer.add_tensor(name, value.astype(np.float32))
        else:
            writer.add_tensor(name, gguf.quants.quantize(value.astype(np.float32), Type.BF16), raw_dtype=Type.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def interleaved(weight, heads):
    """Rows of the two halves of each head take turns: the llama family's layout in GGUF."""
    return weight.reshape(heads, 2, len(weight) // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


LLAMA_NAMES = {
    "input_layernorm.weight": "attn_norm.weight", "self_attn.q_proj.weight": "attn_q.weight", "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight", "self_attn.o_proj.weight": "attn_output.weight", "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight", "mlp.up_proj.weight": "ffn_up.weight", "mlp.down_proj.weight": "ffn_down.weight",
    "self_attn.q_proj.bias": "attn_q.bias", "self_attn.k_proj.bias": "attn_k.bias", "self_attn.v_proj.bias": "attn_v.bias",
    "self_attn.q_norm.weight": "attn_q_norm.weight", "self_attn.k_norm.weight": "attn_k_norm.weight",
}
GEMMA_NAMES = LLAMA_NAMES | {"post_attention_layernorm.weight": "post_attention_norm.weight", "pre_feedforward_layernorm.weight": "ffn_norm.weight",
                             "post_feedforward_layernorm.weight": "post_ffw_norm.weight"}
GPT2_NAMES = {f"{a}.{kind}": f"{b}.{kind}" for kind in ("weight", "bias") for a, b in
              {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}.items()}
NEOX_NAMES = {f"{a}.{kind}": f"{b}.{kind}" for kind in ("weight", "bias") for a, b in
              {"input_layernorm": "attn_norm", "attention.query_key_value": "attn_qkv", "attention.dense": "attn_output", "post_attention_layernorm": "ffn_norm",
               "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down"}.items()}
PHI_NAMES = {f"{a}.{kind}": f"{b}.{kind}" for kind in ("weight", "bias") for a, b in
             {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.dense": "attn_output",
              "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down"}.items()}
PHI3_NAMES = {"input_layernorm.weight": "attn_norm.weight", "self_attn.qkv_proj.weight": "attn_qkv.weight", "self_attn.o_proj.weight": "attn_output.weight",
              "post_attention_layernorm.weight": "ffn_norm.weight", "mlp.gate_up_proj.weight": "ffn_up.weight", "mlp.down_proj.weight": "ffn_down.weight"}
OUTSIDE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight",
           "transformer.wte.weight": "token_embd.weight", "transformer.wpe.weight": "position_embd.weight", "transformer.ln_f.weight": "output_norm.weight",
           "transformer.ln_f.bias": "output_norm.bias", "gpt_neox.embed_in.weight": "token_embd.weight", "embed_out.weight": "output.weight",
 "lm_head.bias": "output.bias",
           "model.final_layernorm.weight": "output_norm.weight", "model.final_layernorm.bias": "output_norm.bias",
           "gpt_neox.final_layer_norm.weight": "output_norm.weight", "gpt_neox.final_layer_norm.bias": "output_norm.bias"}


def converted(state, names, change):
    """The tensors as llama.cpp's converter writes them."""
    out = {}
    for name, value in state.items():
        array = value.float().numpy()
        parts = name.split(".")
        if name in OUTSIDE:
            target = OUTSIDE[name]
        else:
            at = next(i for i, part in enumerate(parts) if part.isdigit())
            target = f"blk.{parts[at]}." + names[".".join(parts[at + 1:])]
        out[target] = np.ascontiguousarray(change(target, array))
    return out


def llama3_factors(config):
    scaling, dim = config.rope_parameters, config.head_dim
    frequencies = 1.0 / scaling["rope_theta"] ** (np.arange(0, dim, 2) / dim)
    low, high = (scaling["original_max_position_embeddings"] / scaling[key] for key in ("low_freq_factor", "high_freq_factor"))
    out = []
    for frequency in frequencies:
        wavelength = 2 * np.pi / frequency
        smooth = (scaling["original_max_position_embeddings"] / wavelength - scaling["low_freq_factor"]) / (scaling["high_freq_factor"] - scaling["low_freq_factor"])
        out.append(1.0 if wavelength < high else scaling["factor"] if wavelength > low else 1 / ((1 - smooth) / scaling["factor"] + smooth))
    return np.array(out, np.float32)


def main():
    transformers.logging.set_verbosity_error()
    common = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
                  initializer_range=0.35, bos_token_id=None, eos_token_id=None, pad_token_id=None)
    norms = lambda config, architecture, head_dim: {
        "block_count": config.num_hidden_layers, "context_length": 256, "embedding_length": config.hidden_size, "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads, "attention.head_count_kv": config.num_key_value_heads,
        "attention.layer_norm_rms_epsilon": float(config.rms_norm_eps), "attention.key_length": head_dim, "attention.value_length": head_dim}

    def llama():
        tokenizer = byte_level("llama-bpe", ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>"], True)
        config = transformers.LlamaConfig(**common, tie_word_embeddings=False, rope_parameters={
            "rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32})
        def change(name, x):
            return interleaved(x, 4 if "attn_q." in name else 2) if "attn_q." in name or "attn_k." in name else x
        def file(state):
            keys = norms(config, "llama", 8) | {"rope.freq_base": 10000.0, "rope.dimension_count": 8}
            return "llama", keys, {"rope_freqs.weight": llama3_factors(config)} | converted(state, LLAMA_NAMES, change)
        return transformers.LlamaForCausalLM, config, (tokenizer, None, None), dict(pre="llama-bpe", add_bos=True, bos="<|begin_of_text|>", eos="<|eot_id|>"), CHATML, file

    def mistral():
        tokenizer, spm, pieces = sentence_piece(["<|im_start|>", "<|im_end|>"], True)
        config = transformers.MistralConfig(**common, sliding_window=7, tie_word_embeddings=False, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0})
        return transformers.MistralForCausalLM, config, (tokenizer, spm, pieces), dict(prefix=True, bos="<s>", eos="</s>"), CHATML, None

    def tinyllama():
        tokenizer, spm, pieces = sentence_piece(["<|im_start|>", "<|im_end|>"], True)
        config = transformers.LlamaConfig(**common, tie_word_embeddings=False, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0})
        def change(name, x):
            return interleaved(x, 4 if "attn_q." in name else 2) if "attn_q." in name or "attn_k." in name else x
        def file(state):
            keys = norms(config, "llama", 8) | {"rope.freq_base": 10000.0, "rope.dimension_count": 8, "rope.scaling.type": "linear", "rope.scaling.factor": 2.0}
            return "llama", keys, converted(state, LLAMA_NAMES, change)
        return transformers.LlamaForCausalLM, config, (tokenizer, spm, pieces), dict(prefix=True, bos="<s>", eos="</s>"), CHATML, file

    def qwen2():
        tokenizer = byte_level("qwen2", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], False)
        config = transformers.Qwen2Config(**common, tie_word_embeddings=True, rope_parameters={
            "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64})
        def file(state):
            keys = norms(config, "qwen2", 8) | {"rope.freq_base": 10000.0, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 64}
            return "qwen2", keys, converted(state, LLAMA_NAMES, lambda _, x: x)
        return transformers.Qwen2ForCausalLM, config, (tokenizer, None, None), dict(pre="qwen2", add_bos=False, bos="<|endoftext|>", eos="<|im_end|>"), CHATML, file

    def qwen3():
        tokenizer = byte_level("qwen2", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], False)
        config = transformers.Qwen3Config(**common, head_dim=16, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})
        def file(state):
            return "qwen3", norms(config, "qwen3", 16) | {"rope.freq_base": 1000000.0}, converted(state, LLAMA_NAMES, lambda _, x: x)
        return transformers.Qwen3ForCausalLM, config, (tokenizer, None, None), dict(pre="qwen2", add_bos=False, bos="<|endoftext|>", eos="<|im_end|>"), CHATML, file

    def gemma3():
        tokenizer, spm, pieces = sentence_piece(["<start_of_turn>", "<end_of_turn>"], False)
        config = transformers.Gemma3TextConfig(**(common | dict(num_hidden_layers=6, num_key_value_heads=1)), head_dim=16, query_pre_attn_scalar=16, sliding_window=8,
                                               layer_types=["sliding_attention"] * 5 + ["full_attention"],
                                               rope_parameters={"full_attention": {"rope_type": "default", "rope_theta": 1000000.0},
                                                                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})
        def file(state):
            keys = norms(config, "gemma3", 16) | {"rope.freq_base": 1000000.0, "attention.sliding_window": 8}
            return "gemma3", keys, converted(state, GEMMA_NAMES, lambda name, x: x + 1 if "norm" in name else x)
        return transformers.Gemma3ForCausalLM, config, (tokenizer, spm, pieces), dict(prefix=False, bos=None, eos=None), GEMMA, file

    def gpt2():
        tokenizer = byte_level("gpt-2", ["<|endoftext|>"], False)
        config = transformers.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.25, bos_token_id=None, eos_token_id=None)
        def file(state):
            keys = {"block_count": 2, "context_length": 256, "embedding_length": 32, "feed_forward_length": 128, "attention.head_count": 4, "attention.layer_norm_epsilon": 1e-5}
            transposed = ("attn_qkv.weight", "attn_output.weight", "ffn_up.weight", "ffn_down.weight")
            return "gpt2", keys, converted(state, GPT2_NAMES, lambda name, x: x.T if name.endswith(transposed) else x)
        return transformers.GPT2LMHeadModel, config, (tokenizer, None, None), dict(pre="gpt-2", add_bos=False, bos="<|endoftext|>", eos="<|endoftext|>", full=True), None, file

    def gpt_neox():
        tokenizer = byte_level("gpt-2", ["<|endoftext|>"], False)
        config = transformers.GPTNeoXConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=256, initializer_range=0.3,
                                            use_parallel_residual=True, bos_token_id=None, eos_token_id=None,
                                            rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25})
        def change(name, x):
            if "attn_qkv" not in name:
                return x
            return np.concatenate([part.reshape(32, *x.shape[1:]) for part in x.reshape(2, 3, 16, *x.shape[1:]).swapaxes(0, 1)])
        def file(state):
            keys = {"block_count": 2, "context_length": 256, "embedding_length": 32, "feed_forward_length": 64, "attention.head_count": 2, "attention.layer_norm_epsilon": 1e-5,
                    "rope.dimension_count": 4, "rope.freq_base": 10000.0, "use_parallel_residual": True}
            return "gptneox", keys, converted(state, NEOX_NAMES, change)
        return transformers.GPTNeoXForCausalLM, config, (tokenizer, None, None), dict(pre="olmo", add_bos=False, bos="<|endoftext|>", eos="<|endoftext|>"), None, file

    def phi():
        tokenizer = byte_level("gpt-2", ["<|endoftext|>"], False)
        config = transformers.PhiConfig(**common, hidden_act="gelu_new", rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5})
        def file(state):
            tensors = converted(state, PHI_NAMES, lambda _, x: x)
            # One matrix for query, key and value, as in files of older converters.
            for layer in range(2):
                for kind in ("weight", "bias"):
                    tensors[f"blk.{layer}.attn_qkv.{kind}"] = np.concatenate([tensors.pop(f"blk.{layer}.attn_{part}.{kind}") for part in "qkv"])
            keys = {"block_count": 2, "context_length": 256, "embedding_length": 32, "feed_forward_length": 64, "attention.head_count": 4, "attention.head_count_kv": 2,
                    "attention.layer_norm_epsilon": float(config.layer_norm_eps), "rope.dimension_count": 4, "rope.freq_base": 10000.0}
            return "phi2", keys, tensors
        return transformers.PhiForCausalLM, config, (tokenizer, None, None), dict(pre="gpt-2", add_bos=False, bos="<|endoftext|>", eos="<|endoftext|>"), None, file

    def phi3():
        tokenizer, spm, pieces = sentence_piece(["<|endoftext|>", "<|user|>", "<|end|>", "<|assistant|>"], True, strips=True)
        short, long = [1.0, 1.2, 1.5, 3.0], [1.5, 4.0, 8.0, 16.0]
        config = transformers.Phi3Config(**(common | dict(max_position_embeddings=512)), tie_word_embeddings=False, original_max_position_embeddings=256, rope_parameters={
            "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": short, "long_factor": long, "original_max_position_embeddings": 256})
        def file(state):
            keys = norms(config, "phi3", 8) | {"context_length": 512, "rope.freq_base": 10000.0, "rope.dimension_count": 8, "rope.scaling.original_context_length": 256,
                                               "rope.scaling.attn_factor": float(np.sqrt(1 + np.log(2) / np.log(256)))}
            factors = {"rope_factors_long.weight": np.array(long, np.float32), "rope_factors_short.weight": np.array(short, np.float32)}
            return "phi3", keys, factors | converted(state, PHI3_NAMES, lambda _, x: x)
        return transformers.Phi3ForCausalLM, config, (tokenizer, spm, pieces), dict(prefix=True, bos="<s>", eos="</s>"), PHI3, file

    families = (llama, tinyllama, mistral, qwen2, qwen3, gemma3, gpt2, gpt_neox, phi, phi3)
    wanted = sys.argv[1:] or [make.__name__ for make in families] + ["k_quants", "split"]
    for name in wanted:
        shutil.rmtree(FIXTURES / "families" / name, ignore_errors=True)
    for make in families:
        if make.__name__ not in wanted:
            continue
        torch.manual_seed(20261125)
        kind, config, (tokenizer, spm, pieces), names, template, file = make()
        name = make.__name__
        folder = FIXTURES / "families" / name
        folder.mkdir(parents=True)
        names["name"] = f"Tiny random {name}"
        bos = spm.bos_id() if spm else tokenizer.token_to_id(names["bos"])
        eos = spm.eos_id() if spm else tokenizer.token_to_id(names["eos"])
        names |= {"bos": bos, "eos": eos}
        config.vocab_size, config.bos_token_id, config.eos_token_id = tokenizer.get_vocab_size(), bos, eos
        model = kind(config).eval()
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                # Norms and biases that do nothing would hide mistakes.
                if parameter.ndim == 1:
                    parameter.add_(0.2 * torch.randn_like(parameter))
        if name != "gpt2":
            model = model.to(torch.bfloat16)
        model.save_pretrained(folder)
        # Read again: rounding the weights rounded the frequencies of rotary positions too.
        model = kind.from_pretrained(folder, dtype=torch.float32).eval()
        tokenizer.save(str(folder / "tokenizer.json"))
        text = lambda id: tokenizer.id_to_token(id)
        settings = {"bos_token": text(bos), "eos_token": text(eos)} | ({"chat_template": template} if template else {})
        (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
        cases = []
        for sample in TEXTS + ([PHI3_CHAT] if name == "phi3" else []):
            ids = tokenizer.encode(sample, add_special_tokens=False).ids
            # SentencePiece itself is the judge of its models; it alone puts no space before the empty text, and knows no markup.
            if spm and sample and "</s>" not in sample and sample != PHI3_CHAT:
                assert ids == spm.encode(sample), (name, sample, ids, spm.encode(sample))
            cases.append({"text": sample, "ids": ids, "with_special": tokenizer.encode(sample).ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True)})
        prompt = TEXTS[1]
        ids = tokenizer.encode(prompt).ids
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].double()
        expected = {"texts": cases, "prompt": prompt, "ids": ids, "rows": [len(ids) // 2, len(ids) - 1],
                    "logits": [[float(f"{x:.7g}") for x in logits[at].tolist()] for at in (len(ids) // 2, len(ids) - 1)]}
        if template:
            jinja = transformers.utils.chat_template_utils.render_jinja_template
            rendered, _ = jinja([[{"role": "user", "content": "Hi there"}]], chat_template=template, add_generation_prompt=True,
                                bos_token=text(bos), eos_token=text(eos))
            expected["chat"] = rendered[0]
        (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")
        if file:
            state = {key: value for key, value in model.state_dict().items() if not (key == "lm_head.weight" and config.tie_word_embeddings)}
            architecture, keys, tensors = file(state)
            write_gguf(folder / "model.gguf", architecture, keys, tensors, tokenizer, names, template or "", pieces)
            if name == "gpt_neox":
                split = FIXTURES / "families" / "split"
                split.mkdir()
                shutil.copy(folder / "expected.json", split)
                half, names_of_tensors = len(tensors) // 2, list(tensors)
                for number, some in enumerate((names_of_tensors[:half], names_of_tensors[half:])):
                    write_gguf(split / f"model-0000{number + 1}-of-00002.gguf", architecture, keys, {key: tensors[key] for key in some}, tokenizer, names, "", None, (number, 2))
        print(name, sum(path.stat().st_size for path in folder.iterdir()) // 1024, "KB", logits.abs().mean().item(), logits.std().item())
    if "k_quants" in wanted:
        k_quants()
        quantized()


def random_blocks(random, kind, count):
    """Blocks with random codes and sane scales."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = random.integers(0, 256, (count, size), dtype=np.uint8)
    half = lambda low, high: random.uniform(low, high, count).astype(np.float16).view(np.uint8).reshape(count, 2)
    at = {Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208], Type.Q4_1: [0, 2], Type.Q5_1: [0, 2]}.get(kind, [0])
    fine = {Type.Q2_K: 0.01, Type.Q3_K: 0.002, Type.Q4_K: 0.0004, Type.Q5_K: 0.0002, Type.Q6_K: 0.00005, Type.IQ4_NL: 0.001, Type.IQ4_XS: 0.00005, Type.Q8_0: 0.001}.get(kind, 0.01)
    for place in at:
        sign = -8 if place == 2 and kind in (Type.Q4_1, Type.Q5_1) else 4 if place == at[-1] and kind in (Type.Q4_K, Type.Q5_K, Type.Q2_K) and len(at) > 1 else 1
        out[:, place:place + 2] = half(0.5 * fine * sign if sign > 0 else fine * sign, fine * sign if sign > 0 else 0.5 * fine * sign)
    return out


def quantized():
    """Two blocks of each type with their values."""
    random, out = np.random.default_rng(5), []
    for kind in (Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K, Type.Q6_K, Type.IQ4_NL, Type.IQ4_XS):
        blocks = random_blocks(random, kind, 2)
        out.append({"name": kind.name, "bytes": blocks.ravel().tolist(), "values": [float(x) for x in gguf.quants.dequantize(blocks, kind).ravel()]})
    values = np.array([0.0, -0.0, 1.5, -2.25, 65504.0, 1e-7, -6e-8, 0.333], np.float16)
    out.append({"name": "F16", "bytes": values.view(np.uint8).tolist(), "values": [float(x) for x in values]})
    values = torch.tensor([0.0, 1.5, -2.25, 1e30, 1e-30, 0.333]).bfloat16()
    out.append({"name": "BF16", "bytes": values.view(torch.uint8).tolist(), "values": values.float().tolist()})
    (FIXTURES / "quantized.json").write_text(json.dumps(out) + "\n")


def k_quants():
    """A llama of one block whose matrices are each of another type, with random codes: a file as quantizers write them."""
    random = np.random.default_rng(9)
    name, hidden = "k_quants", 256
    folder = FIXTURES / "families" / name
    folder.mkdir()
    tokenizer = byte_level("gpt-2", ["<|endoftext|>"], False)
    types = {"attn_q": (Type.Q2_K, 256), "attn_k": (Type.Q3_K, 128), "attn_v": (Type.Q6_K, 128), "attn_output": (Type.Q5_K, 256),
             "ffn_gate": (Type.Q4_K, 256), "ffn_up": (Type.IQ4_XS, 256), "ffn_down": (Type.IQ4_NL, 256)}
    config = transformers.LlamaConfig(hidden_size=hidden, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
                                      vocab_size=400, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    model = transformers.LlamaForCausalLM(config).eval()
    tensors, state = {}, model.state_dict()
    def put(target, source, kind, rows, heads=None):
        blocks = random_blocks(random, kind, rows * hidden // gguf.GGML_QUANT_SIZES[kind][0]).reshape(rows, -1)
        tensors[target] = (blocks, kind)
        values = gguf.quants.dequantize(blocks, kind)
        if heads:
            values = values.reshape(heads, rows // heads // 2, 2, hidden).swapaxes(1, 2).reshape(rows, hidden)
        state[source] = torch.tensor(values)
    put("token_embd.weight", "model.embed_tokens.weight", Type.Q6_K, 400)
    for source, target in LLAMA_NAMES.items():
        base, _, part = target.partition(".")
        if base in types and part == "weight":
            kind, rows = types[base]
            put(f"blk.0.{target}", f"model.layers.0.{source}", kind, rows, {"attn_q": 4, "attn_k": 2}.get(base))
    for target, source in {"blk.0.attn_norm.weight": "model.layers.0.input_layernorm.weight", "blk.0.ffn_norm.weight": "model.layers.0.post_attention_layernorm.weight",
                           "output_norm.weight": "model.norm.weight"}.items():
        tensors[target] = (1 + 0.2 * random.standard_normal(hidden)).astype(np.float32)
        state[source] = torch.tensor(tensors[target])
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state)
    ids = tokenizer.encode(TEXTS[1]).ids
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double()
    keys = {"block_count": 1, "context_length": 256, "embedding_length": hidden, "feed_forward_length": 256, "attention.head_count": 4, "attention.head_count_kv": 2,
            "attention.layer_norm_rms_epsilon": float(config.rms_norm_eps), "rope.freq_base": 10000.0, "rope.dimension_count": 64}
    end = tokenizer.token_to_id("<|endoftext|>")
    write_gguf(folder / "model.gguf", "llama", keys, tensors, tokenizer, {"name": "Tiny random K-quants", "pre": "gpt-2", "add_bos": False, "bos": end, "eos": end}, CHATML)
    (folder / "expected.json").write_text(json.dumps({"texts": [], "prompt": TEXTS[1], "ids": ids, "rows": [len(ids) - 1],
                                                      "logits": [[float(f"{x:.7g}") for x in logits[-1].tolist()]],
                                                      "chat": CHATML_CHAT}, ensure_ascii=False) + "\n")
    print(name, logits.std().item())


if __name__ == "__main__":
    main()
