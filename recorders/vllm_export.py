"""Exports a model's hidden states with vLLM, for recorders/vllm_trace.py. For vLLM 0.18 or later, with one GPU or several (--tensor-parallel).

    python recorders/vllm_export.py --model Qwen/Qwen2.5-7B-Instruct --prompt "What is the capital of France?" --chat --tokens 64 --out dense.safetensors
    python recorders/vllm_export.py --model qwen-without-3-and-7 --read dense.safetensors --out pruned.safetensors

The first command writes a text and exports the states of the prompt and the text; the second reads the same tokens with another model. The
text is read again in one pass for the states, so that both models compute in the same way.
"""
import argparse
import json
import os
import sys
import tempfile
import types

import transformers
from safetensors.torch import load_file, save_file
from vllm import LLM, SamplingParams
from vllm.distributed.kv_transfer.kv_connector.v1 import example_hidden_states_connector as connector

from transformers_trace import MAX_TOKENS, Refused, Tokens


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="More: docs/recording-elsewhere.md")
    parser.add_argument("--model", required=True, help="a repository of the Hugging Face hub or a folder")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--prompt", help="the prompt; the model writes a text behind it")
    what.add_argument("--read", help="a file that this program wrote: the model reads its tokens")
    parser.add_argument("--chat", action="store_true", help="format the prompt with the model's chat template")
    parser.add_argument("--tokens", type=int, default=32, help=f"tokens to write, 1 to {MAX_TOKENS} (default: 32)")
    parser.add_argument("--tensor-parallel", type=int, default=1, help="the number of GPUs, over which each matrix is spread")
    parser.add_argument("--dtype", default="auto", help="bfloat16, float16 or float32 (default: the files' own); the same for both models")
    parser.add_argument("--out", required=True, help="the safetensors file to write")
    args = parser.parse_args()
    if args.chat and args.read:
        parser.error("--chat belongs to --prompt: with --read the tokens are given")
    if not 1 <= args.tokens <= MAX_TOKENS:
        parser.error(f"--tokens must be 1 to {MAX_TOKENS}, which is what the page shows")
    config = transformers.AutoConfig.from_pretrained(args.model).get_text_config()
    if args.read:
        ids = load_file(args.read)["token_ids"].tolist()
    else:
        tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
        try:
            ids = Tokens(tokenizer, types.SimpleNamespace(config=config), config).prompt(args.prompt, args.chat)
        except Refused as why:
            print(f"error: {why}", file=sys.stderr)
            return 2
    longest = len(ids) + args.tokens + 8  # with room for the tokens that the speculative method proposes
    with tempfile.TemporaryDirectory() as folder:
        llm = LLM(
            model=args.model, dtype=args.dtype, tensor_parallel_size=args.tensor_parallel, max_model_len=longest,
            max_num_batched_tokens=max(longest, 2048), enable_chunked_prefill=False, enable_prefix_caching=False,
            speculative_config={"method": "extract_hidden_states", "num_speculative_tokens": 1, "draft_model_config": {
                # Behind every layer; the last id is what the final norm reads.
                "hf_config": {"eagle_aux_hidden_state_layer_ids": list(range(1, config.num_hidden_layers + 1))}}},
            kv_transfer_config={"kv_connector": "ExampleHiddenStatesConnector", "kv_role": "kv_producer",
                                "kv_connector_extra_config": {"shared_storage_path": folder}})
        ask = lambda ids, tokens: llm.generate([{"prompt_token_ids": ids}], SamplingParams(max_tokens=tokens, temperature=0.0))[0]
        if not args.read and args.tokens > 1:
            # The last token is written, not read.
            ids = ids + list(ask(ids, args.tokens).outputs[0].token_ids)[:-1]
        path = ask(ids, 1).kv_transfer_params["hidden_states_path"]
        # Later versions write the file in the background, and their reader waits for it.
        states = getattr(connector, "load_hidden_states", load_file)(path)
        save_file({name: tensor.contiguous() for name, tensor in states.items()}, args.out)
    print(json.dumps({"out": args.out, "bytes": os.path.getsize(args.out), "tokens": len(ids), "states": list(states["hidden_states"].shape)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
