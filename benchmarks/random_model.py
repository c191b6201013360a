"""Writes llama models with random weights: any size, never-ending text, for measuring and for long streams.

The tokenizer and the chat template are the built-in guide's, copied byte by byte. The text is printable ASCII
without sense or end, in lines and paragraphs. For that, three components of the hidden state are kept free of
noise: one is the same for every token, and by it the output forbids all tokens that would end the text or are
not plain, at any temperature; the other two say that the last token was one of those after which a line ends,
or was itself a line end, which may be followed by another one.

Greedy text of random weights falls into loops sooner or later, so the profile beside the model asks for a
temperature, and for a seed that makes the text the same every time.

Decoding takes as long as with trained weights of the same shape.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.app.models.profile import PROFILE_SUFFIX
from workbench.app.paths import guide_model

CACHE: Final = Path(__file__).resolve().parents[1] / ".cache" / "random-models"
"""Where `random_model` keeps what it has written; may be deleted at any time."""

_VERSION: Final = 1  # of the weights; part of the cached name
_HEAD: Final = 64
_ALIGNMENT: Final = 32
_FORBIDDEN: Final = -1000.0
# Standard deviations, found by trying. The likeliest of 2,100 tokens is some 3.3 deviations above the mean.
_MIXING: Final = 3.0
_SPREAD: Final = 4.0
_LINE_END: Final = 100.0
_PARAGRAPH: Final = 28.0
_TOKENS_PER_LINE: Final = 25
_PROFILE: Final = """description = "Random weights: text without sense or end."
system_prompt = ""

[sampling]
temperature = 0.8
seed = 1
"""
_SCALAR_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_U32_TYPE: Final = 4
_F32_TYPE: Final = 6
_TEXT_TYPE: Final = 8
_ARRAY_TYPE: Final = 9
_NORMAL_TOKEN: Final = 1
_F32: Final = 0
_F16: Final = 1
_MAX_WIDTH: Final = 2048


class Shape(NamedTuple):
    """The sizes of a llama model.

    Args:
        width: numbers in a hidden state, a multiple of 128.
        layers: blocks.
        inner: width of the feed-forward part.
        keys: heads of keys and values, of 64 numbers each.
    """

    width: int
    layers: int
    inner: int
    keys: int


class _Tokenizer(NamedTuple):
    """The guide's tokenizer: its metadata as bytes and their number, which tokens are plain, the line end."""

    metadata: bytes
    entries: int
    plain: NDArray[np.bool_]
    line_end: int


class _Tensor(NamedTuple):
    """A tensor: its name, its GGUF shape (fastest first), its weights."""

    name: str
    shape: tuple[int, ...]
    weights: NDArray[np.float16] | NDArray[np.float32]


def random_model(*, megabytes: float = 35, context: int = 8192, seed: int = 0) -> Path:
    """Return a model as `write_random_model` writes it, from the cache when it was written before."""
    path = CACHE / f"random-v{_VERSION}-{megabytes:g}mb-{context}-{seed}.gguf"
    if path.exists():
        return path
    return write_random_model(path, megabytes=megabytes, context=context, seed=seed)


def write_random_model(path: Path, *, megabytes: float = 35, context: int = 8192, seed: int = 0) -> Path:
    """Write a llama model with random weights (F16) that writes text without end.

    Takes about half a second for 35 MB. The same arguments give the same file. Several processes may write
    the same path at once: the file appears whole.

    Args:
        path: of the file to write; missing folders are made.
        megabytes: size of the file, at least 2; 35 decodes at the speed of a small real model (2 to 4 ms a
            token), 3 at some thousands of tokens a second.
        context: tokens that the model says it was trained for.
        seed: other weights for another number.

    Returns:
        The path.
    """
    tokenizer = _read_tokenizer(guide_model())
    shape = shape_for(megabytes, len(tokenizer.plain))
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = list(_tensors(shape, tokenizer, np.random.default_rng(seed)))
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            file.write(_header(shape, tokenizer, context, tensors))
            for tensor in tensors:
                file.write(tensor.weights.tobytes())
                file.write(bytes(-tensor.weights.nbytes % _ALIGNMENT))
        path.with_name(path.stem + PROFILE_SUFFIX).write_text(_PROFILE, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def shape_for(megabytes: float, vocabulary: int) -> Shape:
    """Return the shape, of about ten layers, whose F16 weights take so many megabytes."""
    wanted = megabytes * 1e6 / 2

    def layer(width: int) -> int:
        return 2 * width * width + 2 * width * _keys(width) * _HEAD + 3 * width * _inner(width)

    width = 128
    while width < _MAX_WIDTH and 2 * vocabulary * (width + 128) + 9 * layer(width + 128) <= wanted:
        width += 128
    layers = max(1, round((wanted - 2 * vocabulary * width) / layer(width)))
    return Shape(width, layers, _inner(width), _keys(width))


def _inner(width: int) -> int:
    return width * 8 // 3 // 128 * 128


def _keys(width: int) -> int:
    """A third of the query heads, as a divisor of their number."""
    heads = width // _HEAD
    return next(count for count in range(max(1, heads // 3), 0, -1) if heads % count == 0)


def _tensors(shape: Shape, tokenizer: _Tokenizer, random: np.random.Generator) -> Iterator[_Tensor]:
    width, keys, vocabulary = shape.width, shape.keys * _HEAD, len(tokenizer.plain)

    def matrix(name: str, rows: int, columns: int, gain: float = 1.0) -> _Tensor:
        values = random.standard_normal((rows, columns), dtype=np.float32) * (gain / np.sqrt(columns))
        return _Tensor(name, (columns, rows), values.astype(np.float16))

    def adds(name: str, columns: int) -> _Tensor:
        """A matrix whose result is added to the hidden state: nothing to its first three components."""
        tensor = matrix(name, width, columns, _MIXING / float(np.sqrt(shape.layers)))
        tensor.weights[:3] = 0
        return tensor

    def ones(name: str) -> _Tensor:
        return _Tensor(name, (width,), np.ones(width, np.float32))

    embedding = matrix("token_embd.weight", vocabulary, width, float(np.sqrt(width)))
    embedding.weights[:, :3] = 1, 0, 0
    embedding.weights[::_TOKENS_PER_LINE, 1] = 1
    embedding.weights[tokenizer.line_end, 1:3] = 0, 1
    yield embedding
    for number in range(shape.layers):
        block = f"blk.{number}."
        yield ones(f"{block}attn_norm.weight")
        for part, rows in (("q", width), ("k", keys), ("v", keys)):
            yield matrix(f"{block}attn_{part}.weight", rows, width)
        yield adds(f"{block}attn_output.weight", width)
        yield ones(f"{block}ffn_norm.weight")
        for part in ("gate", "up"):
            yield matrix(f"{block}ffn_{part}.weight", shape.inner, width)
        yield adds(f"{block}ffn_down.weight", shape.inner)
    yield ones("output_norm.weight")
    output = matrix("output.weight", vocabulary, width, _SPREAD)
    output.weights[:, :3] = 0
    output.weights[~tokenizer.plain] = 0
    output.weights[~tokenizer.plain, 0] = _FORBIDDEN
    output.weights[tokenizer.line_end] = 0
    output.weights[tokenizer.line_end, 1:3] = _LINE_END, _PARAGRAPH
    yield output


def _header(shape: Shape, tokenizer: _Tokenizer, context: int, tensors: Sequence[_Tensor]) -> bytes:
    facts: dict[str, str | int | float] = {
        "general.architecture": "llama",
        "general.name": "random weights",
        "general.file_type": 1,
        "general.alignment": _ALIGNMENT,
        "llama.context_length": context,
        "llama.embedding_length": shape.width,
        "llama.block_count": shape.layers,
        "llama.feed_forward_length": shape.inner,
        "llama.attention.head_count": shape.width // _HEAD,
        "llama.attention.head_count_kv": shape.keys,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": _HEAD,
        "llama.rope.freq_base": 10000.0,
        "llama.vocab_size": len(tokenizer.plain),
    }
    header = bytearray(b"GGUF")
    header += struct.pack("<IQQ", 3, len(tensors), len(facts) + tokenizer.entries)
    for key, value in facts.items():
        header += _text(key) + _value(value)
    header += tokenizer.metadata
    offset = 0
    for name, sizes, weights in tensors:
        kind = _F16 if weights.dtype == np.float16 else _F32
        header += _text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)
        offset += weights.nbytes + -weights.nbytes % _ALIGNMENT
    return bytes(header) + bytes(-len(header) % _ALIGNMENT)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: str | int | float) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", _TEXT_TYPE) + _text(value)
    if isinstance(value, int):
        return struct.pack("<II", _U32_TYPE, value)
    return struct.pack("<If", _F32_TYPE, value)


# The guide's tokenizer


def _read_tokenizer(path: Path) -> _Tokenizer:
    """Cut the tokenizer's entries out of a model file that is known to be good."""
    with path.open("rb") as file:
        _, _, _, count = struct.unpack("<4sIQQ", file.read(24))
        kept: dict[str, bytes] = {}
        for _ in range(count):
            start = file.tell()
            key = _read_text(file).decode()
            (kind,) = struct.unpack("<I", file.read(4))
            _skip(file, kind)
            end = file.tell()
            file.seek(start)
            entry = file.read(end - start)
            if key.startswith("tokenizer."):
                kept[key] = entry
    tokens = _array_of_texts(kept["tokenizer.ggml.tokens"])
    kinds = np.frombuffer(kept["tokenizer.ggml.token_type"][-4 * len(tokens) :], "<i4")
    plain = np.array([_is_plain(token) for token in tokens]) & (kinds == _NORMAL_TOKEN)
    return _Tokenizer(b"".join(kept.values()), len(kept), plain, tokens.index("Ċ".encode()))


def _is_plain(token: bytes) -> bool:
    """Whether a token stands for printable ASCII, spaces (written Ġ) and line ends (written Ċ)."""
    text = token.decode().replace("Ġ", " ").replace("Ċ", " ")
    return text.isascii() and text.isprintable() and bool(text)


def _array_of_texts(entry: bytes) -> list[bytes]:
    (key_size,) = struct.unpack_from("<Q", entry)
    position = 8 + key_size + 4
    _, count = struct.unpack_from("<IQ", entry, position)
    position += 12
    texts = []
    for _ in range(count):
        (size,) = struct.unpack_from("<Q", entry, position)
        texts.append(entry[position + 8 : position + 8 + size])
        position += 8 + size
    return texts


def _read_text(file: BinaryIO) -> bytes:
    (size,) = struct.unpack("<Q", file.read(8))
    return file.read(size)


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _TEXT_TYPE:
        _read_text(file)
    elif kind == _ARRAY_TYPE:
        inner, count = struct.unpack("<IQ", file.read(12))
        if inner in _SCALAR_SIZES:
            file.seek(_SCALAR_SIZES[inner] * count, os.SEEK_CUR)
        else:
            for _ in range(count):
                _skip(file, inner)
    else:
        file.seek(_SCALAR_SIZES[kind], os.SEEK_CUR)
