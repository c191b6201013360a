"""Reads the header of a GGUF file: what the model is, and whether the file is whole.

Nothing is loaded, mapped or trusted: the header is read in growing pieces (never mapped, so that a file that
shrinks meanwhile cannot kill the process), and every count and length is checked against the file's size
and a fixed limit before it is used.
"""

from __future__ import annotations

import math
import stat
import struct
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from workbench.app.errors import ModelError
from workbench.app.models.ggml_types import FILE_TYPES, TENSOR_TYPES

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
MAX_HEADER: Final = 64 * 1024 * 1024
"""Bytes that a header may take; the largest vocabularies with their merges need about 15 MiB."""

MAX_DIMENSIONS: Final = 4
KEPT_ITEMS: Final = 1024
"""Arrays of numbers up to this length are kept in the metadata; longer ones are skipped."""

_FIRST_READ: Final = 256 * 1024
_DEFAULT_ALIGNMENT: Final = 32
_STRING: Final = 8
_ARRAY: Final = 9
_MAX_NESTING: Final = 4
_SCALARS: Final[dict[int, struct.Struct]] = {
    number: struct.Struct("<" + code)
    for number, code in {
        0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
    }.items()
}  # fmt: skip
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")


class Tensor(msgspec.Struct, frozen=True):
    """One line of the tensor table.

    Args:
        name: as llama.cpp knows it, such as `blk.0.attn_q.weight`.
        shape: elements per dimension, the fastest first.
        type: number of the element type, see `ggml_types.TENSOR_TYPES`.
        offset: bytes from the start of the data section.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int

    @property
    def elements(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def size(self) -> int | None:
        """The bytes that the data takes; None for a type that is not known here."""
        known = TENSOR_TYPES.get(self.type)
        return None if known is None else -(-self.elements // known[1]) * known[2]


class GgufFile(msgspec.Struct, frozen=True):
    """What the header of a model file says.

    Args:
        path: the file.
        size_bytes: the file's size.
        version: of the format.
        metadata: every value but long arrays, under its full key.
        tensors: the tensor table.
        vocabulary: number of tokens that the tokenizer lists, 0 when it lists none.
    """

    path: Path
    size_bytes: int
    version: int
    metadata: dict[str, Any]
    tensors: tuple[Tensor, ...]
    vocabulary: int

    @property
    def architecture(self) -> str:
        """The family that decides how the model is computed, such as `llama`; empty when not told."""
        return self._text("general.architecture")

    @property
    def name(self) -> str:
        """What the makers call the model, else the file's name without its suffix."""
        return self._text("general.name") or self.path.stem

    @property
    def parameters(self) -> int:
        """The number of weights, counted over the tensor table."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def quantisation(self) -> str:
        """The file type's name, such as `Q4_K_M`; else the type that most weights have."""
        named = FILE_TYPES.get(self.metadata.get("general.file_type", -1))
        if named:
            return named
        weights: dict[int, int] = {}
        for tensor in self.tensors:
            weights[tensor.type] = weights.get(tensor.type, 0) + tensor.elements
        most = max(weights, key=weights.__getitem__, default=-1)
        return TENSOR_TYPES.get(most, ("unknown", 1, 1))[0]

    @property
    def context_length(self) -> int:
        """The tokens of context that the model was trained for; 0 when not told."""
        return self.number("context_length")

    @property
    def chat_template(self) -> str | None:
        """The model's own chat template (Jinja), or None."""
        return self._text("tokenizer.chat_template") or None

    @property
    def tokenizer(self) -> str:
        """The kind of tokenizer, such as `gpt2` (byte-level BPE) or `llama` (SentencePiece)."""
        return self._text("tokenizer.ggml.model")

    @property
    def kv_bytes_per_token(self) -> int:
        """The bytes of 16-bit attention cache that one token of context takes, over all layers.

        Fewer in truth for models that keep a state or a window in some layers; 0 when the header does not
        tell the sizes.
        """
        layers = self.number("block_count")
        heads = self.number("attention.head_count")
        width = self.number("embedding_length") // heads if heads else 0
        key = self.number("attention.key_length") or width
        value = self.number("attention.value_length") or width
        kv_heads = self.metadata.get(f"{self.architecture}.attention.head_count_kv", heads)
        if isinstance(kv_heads, list):
            total = sum(count for count in kv_heads[:layers] if isinstance(count, int))
        else:
            total = kv_heads * layers if isinstance(kv_heads, int) else 0
        return max(0, 2 * (key + value) * total)

    def number(self, key: str) -> int:
        """Return a whole number from the architecture's own metadata.

        Args:
            key: without the architecture, such as `block_count`.

        Returns:
            The value, the largest one when it differs by layer; 0 when it is absent or no number.
        """
        value = self.metadata.get(f"{self.architecture}.{key}", 0)
        if isinstance(value, list):
            value = max((item for item in value if isinstance(item, int)), default=0)
        return int(value) if isinstance(value, int) and value > 0 else 0

    def _text(self, key: str) -> str:
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""


def read_gguf(path: Path) -> GgufFile:
    """Read and check the header of a model file.

    Blocks on the disk, for a few milliseconds up to about 50 for the largest vocabularies: call it in a
    thread when a loop is running.

    Args:
        path: the file; a link is followed.

    Returns:
        What the header says.

    Raises:
        ModelError: `model.not_found`, `model.broken` (no GGUF file, or a header that contradicts itself),
            `model.truncated` (the file ends before what its header promises) or `model.unsupported`.
    """
    try:
        # Looked at before it is opened: opening a pipe would wait for somebody to write into it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _broken(path, "it is a folder or a device")
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a path with a NUL is a ValueError
        hint = "Check the path, or list the models that were found."
        raise ModelError(
            "not_found", f"There is no model file {str(path)!r}.", hint, path=str(path)
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    with file:
        try:
            return _read(path, _Header(file, path))
        except OSError as error:
            raise _unreadable(path, error) from None


def _read(path: Path, header: _Header) -> GgufFile:
    version = _read_version(path, header)
    tensor_count, value_count = header.unpack(_U64), header.unpack(_U64)
    header.expect(value_count * 13 + tensor_count * 28, "its counts are not possible")
    metadata: dict[str, Any] = {}
    vocabulary = 0
    for _ in range(value_count):
        key = header.text()
        value = header.value(header.unpack(_U32))
        if key == "tokenizer.ggml.tokens" and isinstance(value, Skipped):
            vocabulary = value.items
        if not isinstance(value, Skipped):
            metadata[key] = value
    tensors = tuple(_read_tensor(header) for _ in range(tensor_count))
    _check_data(path, header, metadata, tensors)
    return GgufFile(path, header.size, version, metadata, tensors, vocabulary)


def _read_version(path: Path, header: _Header) -> int:
    magic = header.take(4) if header.size >= 4 else b""
    if magic != MAGIC:
        raise _broken(path, "it does not start like one")
    version: int = header.unpack(_U32)
    if version in VERSIONS:
        return version
    swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS
    what = "is stored in big-endian byte order" if swapped else f"has GGUF version {version}"
    hint = "Get a newer conversion of the model: little-endian, GGUF version 2 or 3."
    raise ModelError("unsupported", f"The model file {path.name!r} {what}.", hint, path=str(path))


def _read_tensor(header: _Header) -> Tensor:
    name = header.text()
    dimensions = header.unpack(_U32)
    if dimensions > MAX_DIMENSIONS:
        raise header.broken(f"a tensor has {dimensions} dimensions")
    shape = tuple(header.unpack(_U64) for _ in range(dimensions))
    return Tensor(name, shape, header.unpack(_U32), header.unpack(_U64))


def _check_data(path: Path, header: _Header, metadata: dict[str, Any], tensors: tuple[Tensor, ...]) -> None:
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise header.broken(f"its alignment is {alignment!r}")
    start = -(-header.position // alignment) * alignment
    needed = max((start + tensor.offset + (tensor.size or 0) for tensor in tensors), default=0)
    if needed > header.size:
        raise _truncated(path, header.size, needed)


class Skipped(msgspec.Struct, frozen=True):
    """Stands for an array that was not kept.

    Args:
        items: its length.
    """

    items: int


class _Header:
    """Reads the header front to back, fetching more of the file as it goes."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._data = b""
        self.position = 0
        self.size = file.seek(0, 2)
        file.seek(0)

    def broken(self, why: str) -> ModelError:
        return _broken(self._path, why)

    def expect(self, count: int, why: str) -> None:
        """Make sure that `count` more bytes can be there at all."""
        if self.position + count > MAX_HEADER:
            raise self.broken(why)
        if self.position + count > self.size:
            raise _truncated(self._path, self.size, self.position + count)

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            self._fetch(count)
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def unpack(self, kind: struct.Struct) -> Any:
        return kind.unpack(self.take(kind.size))[0]

    def text(self) -> str:
        raw = self.take(self.unpack(_U64))
        return raw.decode("utf-8", "replace")

    def value(self, kind: int, nesting: int = 0) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._array(nesting)
        scalar = _SCALARS.get(kind)
        if scalar is None:
            raise self.broken(f"a value has the unknown type {kind}")
        return self.unpack(scalar)

    def _array(self, nesting: int) -> Any:
        kind, count = self.unpack(_U32), self.unpack(_U64)
        if kind == _STRING:
            self._skip_texts(count)
            return Skipped(count)
        if kind == _ARRAY:
            if nesting >= _MAX_NESTING:
                raise self.broken("its arrays are nested too deeply")
            self.expect(12 * count, "an array is not possible")
            return [self.value(_ARRAY, nesting + 1) for _ in range(count)]
        scalar = _SCALARS.get(kind)
        if scalar is None:
            raise self.broken(f"an array has the unknown type {kind}")
        self.expect(count * scalar.size, "an array is not possible")
        if count > KEPT_ITEMS:
            self.take(count * scalar.size)
            return Skipped(count)
        return [item for (item,) in scalar.iter_unpack(self.take(count * scalar.size))]

    def _skip_texts(self, count: int) -> None:
        # The hot loop of a header: a vocabulary and its merges are some 300,000 strings.
        self.expect(8 * count, "an array is not possible")
        unpack, data, position = _U64.unpack_from, self._data, self.position
        done = 0
        while done < count:
            try:
                for _ in range(done, count):
                    position += 8 + unpack(data, position)[0]
                    done += 1
            except (struct.error, OverflowError):  # the position is behind what was read, perhaps far
                self.position = position
                self._fetch(8)
                data = self._data
        self.position = position
        self._fetch(0)

    def _fetch(self, count: int) -> None:
        """Read on so that `count` bytes stand after the position, and at least as much again as so far."""
        self.expect(count, "a length is not possible")
        end = self.position + count
        if end <= len(self._data):
            return
        wanted = min(max(end, 2 * len(self._data), _FIRST_READ), self.size, MAX_HEADER)
        self._data += self._file.read(wanted - len(self._data))
        if end > len(self._data):
            raise _truncated(self._path, len(self._data), end)


def _unreadable(path: Path, error: OSError) -> ModelError:
    hint = "Check the file's permissions and the disk."
    message = f"The model file {str(path)!r} cannot be read: {error.strerror or error}."
    return ModelError("not_found", message, hint, path=str(path))


def _broken(path: Path, why: str) -> ModelError:
    hint = "Download the file again, or choose another model."
    message = f"{path.name!r} is not a usable GGUF model file: {why}."
    return ModelError("broken", message, hint, path=str(path))


def _truncated(path: Path, size: int, needed: int) -> ModelError:
    hint = "The download was probably cut short: get the file again."
    message = f"The model file {path.name!r} is cut short: it has {size} bytes and needs at least {needed}."
    return ModelError("truncated", message, hint, path=str(path), size_bytes=size, needed_bytes=needed)
