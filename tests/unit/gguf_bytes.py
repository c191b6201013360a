"""Writes GGUF headers for tests, also ones that lie."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

STRING = 8
ARRAY = 9
_SCALARS = {
    "u8": (0, "B"),
    "i32": (5, "i"),
    "u32": (4, "I"),
    "f32": (6, "f"),
    "bool": (7, "?"),
    "u64": (10, "Q"),
}


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def scalar(kind: str, value: Any) -> bytes:
    number, code = _SCALARS[kind]
    return struct.pack("<I" + code, number, value)


def string(value: str) -> bytes:
    return struct.pack("<I", STRING) + text(value)


def strings(values: Iterable[str]) -> bytes:
    items = [text(value) for value in values]
    return struct.pack("<IIQ", ARRAY, STRING, len(items)) + b"".join(items)


def numbers(kind: str, values: Iterable[Any]) -> bytes:
    number, code = _SCALARS[kind]
    items = [struct.pack("<" + code, value) for value in values]
    return struct.pack("<IIQ", ARRAY, number, len(items)) + b"".join(items)


def gguf(
    values: dict[str, bytes] | None = None,
    tensors: Iterable[tuple[str, tuple[int, ...], int, int]] = (),
    *,
    version: int = 3,
    value_count: int | None = None,
    tensor_count: int | None = None,
    data: int = 0,
) -> bytes:
    """Return a file: values by key (encoded), tensors (name, shape, type, offset), zeros as data.

    Args:
        values: the metadata; each value encoded by one of the functions above.
        tensors: the tensor table.
        version: of the format.
        value_count: what the header claims instead of the truth.
        tensor_count: what the header claims instead of the truth.
        data: bytes of data after the header, which is padded to 32 bytes.
    """
    values = values or {}
    tensors = list(tensors)
    head = b"GGUF" + struct.pack(
        "<IQQ",
        version,
        len(tensors) if tensor_count is None else tensor_count,
        len(values) if value_count is None else value_count,
    )
    head += b"".join(text(key) + value for key, value in values.items())
    for name, shape, kind, offset in tensors:
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", kind, offset)
    return head + b"\0" * (-len(head) % 32) + b"\0" * data


def llama(**more: bytes) -> dict[str, bytes]:
    """Return the metadata of a small llama model, with dots written as two underscores in `more`."""
    values = {
        "general.architecture": string("llama"),
        "general.name": string("Test Model"),
        "llama.context_length": scalar("u32", 4096),
        "llama.block_count": scalar("u32", 2),
        "llama.embedding_length": scalar("u32", 256),
        "llama.attention.head_count": scalar("u32", 4),
        "llama.attention.head_count_kv": scalar("u32", 2),
        "tokenizer.ggml.model": string("gpt2"),
        "tokenizer.ggml.tokens": strings(["a", "b", "<|im_end|>"]),
        "tokenizer.chat_template": string("{{ messages }}"),
    }
    return values | {key.replace("__", "."): value for key, value in more.items()}
