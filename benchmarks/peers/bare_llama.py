"""The floor of decoding: a bare loop over llama.cpp's C functions, in a process of its own.

Reads lines of JSON from stdin (`{"prompt": str, "tokens": int}`) and answers each with the moments, in
seconds, at which its tokens were there. The first argument is JSON too: model path and context parameters.
"""

from __future__ import annotations

import codecs
import ctypes
import json
import sys
import time
from typing import Any

from llama_cpp import llama_cpp

_c: Any = llama_cpp
_PIECE = 256


def main() -> None:
    """Load the model, then answer until stdin ends."""
    params = json.loads(sys.argv[1])
    _c.llama_backend_init()
    model = _c.llama_model_load_from_file(params["path"].encode(), _c.llama_model_default_params())
    context = _c.llama_init_from_model(model, _context_params(params))
    sampler = _c.llama_sampler_chain_init(_c.llama_sampler_chain_default_params())
    _c.llama_sampler_chain_add(sampler, _c.llama_sampler_init_greedy())
    for line in sys.stdin:
        request = json.loads(line)
        times = _generate(model, context, sampler, request["prompt"].encode(), request["tokens"])
        print(json.dumps(times), flush=True)
    _c.llama_sampler_free(sampler)
    _c.llama_free(context)
    _c.llama_model_free(model)


def _context_params(params: dict[str, Any]) -> Any:
    wanted = _c.llama_context_default_params()
    wanted.n_ctx = params["context"] * params["slots"]
    wanted.n_seq_max = wanted.n_outputs_max = params["slots"]
    wanted.kv_unified = False
    wanted.n_batch = wanted.n_ubatch = params["batch"]
    wanted.n_threads = wanted.n_threads_batch = params["threads"]
    if params["flash_attention"] is not None:
        wanted.flash_attn_type = int(params["flash_attention"])
    return wanted


def _generate(model: Any, context: Any, sampler: Any, prompt: bytes, limit: int) -> list[float]:
    vocabulary = _c.llama_model_get_vocab(model)
    tokens = (ctypes.c_int32 * (len(prompt) + 16))()
    count = _c.llama_tokenize(vocabulary, prompt, len(prompt), tokens, len(tokens), False, True)
    _c.llama_memory_clear(_c.llama_get_memory(context), True)
    size = _c.llama_n_batch(context)
    for start in range(0, count, size):
        chunk = tokens[start : min(start + size, count)]
        part = (ctypes.c_int32 * len(chunk))(*chunk)
        if _c.llama_decode(context, _c.llama_batch_get_one(part, len(chunk))):
            raise RuntimeError("llama_decode failed")
    return _loop(vocabulary, context, sampler, min(limit, _c.llama_n_ctx_seq(context) - count))


def _loop(vocabulary: Any, context: Any, sampler: Any, limit: int) -> list[float]:
    """Sample, make text, decode, over and over; nothing else."""
    sample, decode, to_piece, ends = (
        _c.llama_sampler_sample,
        _c.llama_decode,
        _c.llama_token_to_piece,
        _c.llama_vocab_is_eog,
    )
    clock, decoder = time.perf_counter, codecs.getincrementaldecoder("utf-8")("replace")
    buffer = ctypes.create_string_buffer(_PIECE)
    row = (ctypes.c_int32 * 1)()
    batch = _c.llama_batch_get_one(row, 1)
    text, times = [], []
    for _ in range(limit):
        token = sample(sampler, context, -1)
        if ends(vocabulary, token):
            break
        length = to_piece(vocabulary, token, buffer, _PIECE, 0, False)
        text.append(decoder.decode(buffer.raw[:length]))
        times.append(clock())
        row[0] = token
        if decode(context, batch):
            raise RuntimeError("llama_decode failed")
    return times


if __name__ == "__main__":
    main()
