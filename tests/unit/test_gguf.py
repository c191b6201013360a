"""The GGUF header reader: what it reads, and that no header, however wrong, harms it."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.errors import ModelError
from workbench.app.models.gguf import MAX_HEADER, GgufFile, read_gguf
from workbench.app.paths import guide_model
from workbench.tests.unit.gguf_bytes import gguf, llama, numbers, scalar, string, strings, text

F16, F32, Q8_0, UNKNOWN = 1, 0, 8, 999


def read(folder: Path, data: bytes) -> GgufFile:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return read_gguf(path)


def failure(folder: Path, data: bytes) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read(folder, data)
    return caught.value


def test_the_guide_is_read_as_it_is() -> None:
    model = read_gguf(guide_model())
    assert (model.architecture, model.name, model.quantisation) == ("llama", "workbench guide", "F16")
    assert (model.parameters, model.context_length, model.vocabulary) == (4_721_920, 2048, 2304)
    assert (model.tokenizer, model.version, len(model.tensors)) == ("gpt2", 3, 56)
    assert model.chat_template is not None
    assert "<|im_start|>" in model.chat_template
    assert model.kv_bytes_per_token == 6 * 2 * (64 + 64) * 2
    assert model.size_bytes == guide_model().stat().st_size


def test_names_and_numbers_come_from_the_metadata(tmp_path: Path) -> None:
    model = read(tmp_path, gguf(llama(), [("w", (256, 2), F16, 0)], data=1024))
    assert (model.name, model.architecture, model.vocabulary) == ("Test Model", "llama", 3)
    assert model.parameters == 512
    assert model.kv_bytes_per_token == 2 * 2 * (64 + 64) * 2
    assert model.chat_template == "{{ messages }}"


def test_what_is_not_told_is_empty(tmp_path: Path) -> None:
    model = read(tmp_path, gguf())
    assert (model.name, model.architecture, model.tokenizer) == ("model", "", "")
    assert (model.context_length, model.vocabulary, model.kv_bytes_per_token) == (0, 0, 0)
    assert (model.chat_template, model.quantisation, model.parameters) == (None, "unknown", 0)


def test_values_of_the_wrong_type_count_as_not_told(tmp_path: Path) -> None:
    values = llama() | {
        "general.name": scalar("u32", 7),
        "llama.context_length": string("many"),
        "tokenizer.chat_template": scalar("bool", True),
        "general.file_type": string("F16"),
    }
    model = read(tmp_path, gguf(values))
    assert (model.name, model.context_length, model.chat_template) == ("model", 0, None)


def test_the_quantisation_is_the_commonest_type_when_the_file_names_none(tmp_path: Path) -> None:
    tensors = [("norm", (64,), F32, 0), ("w", (64, 64), Q8_0, 256)]
    assert read(tmp_path, gguf(llama(), tensors, data=256 + 4352)).quantisation == "Q8_0"


def test_heads_that_differ_by_layer_are_summed(tmp_path: Path) -> None:
    values = llama() | {"llama.attention.head_count_kv": numbers("i32", [1, 3, 9])}
    assert read(tmp_path, gguf(values)).kv_bytes_per_token == 2 * (64 + 64) * (1 + 3)


def test_arrays_are_kept_when_short_and_skipped_when_long(tmp_path: Path) -> None:
    values = {
        "short": numbers("i32", [1, 2, 3]),
        "long": numbers("u8", [0] * 5000),
        "texts": strings(["x"] * 3),
        "nested": struct.pack("<IIQ", 9, 9, 1) + numbers("i32", [4])[4:],
    }
    assert read(tmp_path, gguf(values)).metadata == {"short": [1, 2, 3], "nested": [[4]]}


def test_a_header_longer_than_one_read_is_read_whole(tmp_path: Path) -> None:
    words = [f"word{number}" * 5 for number in range(40_000)]
    values = {"tokenizer.ggml.tokens": strings(words), "general.name": string("after")}
    model = read(tmp_path, gguf(values))
    assert (model.vocabulary, model.name) == (40_000, "after")


def test_version_2_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, gguf(llama(), version=2)).version == 2


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "none.gguf", tmp_path / "none" / "none.gguf"):
        with pytest.raises(ModelError) as caught:
            read_gguf(path)
        assert caught.value.code == "model.not_found"
        assert str(path) in caught.value.message


def test_a_folder_is_broken(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        read_gguf(tmp_path)
    assert caught.value.code == "model.broken"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelError) as caught:
        read_gguf(tmp_path / "pipe.gguf")
    assert caught.value.code == "model.broken"


@pytest.mark.parametrize("name", ["a\0b.gguf", "\ud800.gguf", "x" * 5000])
def test_a_name_that_no_file_can_have_is_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_gguf(tmp_path / name)
    assert caught.value.code == "model.not_found"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.gguf"
    path.write_bytes(gguf())
    path.chmod(0)
    with pytest.raises(ModelError, match="Permission denied"):
        read_gguf(path)


@pytest.mark.parametrize("data", [b"", b"GG", b"ggjt\x03\0\0\0", b"MZ" * 400, b"\0" * 5000])
def test_what_is_no_gguf_is_broken(tmp_path: Path, data: bytes) -> None:
    assert failure(tmp_path, data).code == "model.broken"


@pytest.mark.parametrize(("version", "words"), [(1, "version 1"), (9, "version 9"), (3 << 24, "big-endian")])
def test_other_versions_are_unsupported(tmp_path: Path, version: int, words: str) -> None:
    error = failure(tmp_path, gguf(llama(), version=version))
    assert error.code == "model.unsupported"
    assert words in error.message


def test_a_file_cut_anywhere_is_truncated(tmp_path: Path) -> None:
    whole = gguf(llama(), [("w", (256, 2), F16, 0)], data=1024)
    for length in {*range(4, len(whole), 7), len(whole) - 1}:
        error = failure(tmp_path, whole[:length])
        assert error.code == "model.truncated", length
        assert error.details["needed_bytes"] > length


def test_the_guide_without_its_end_is_truncated(tmp_path: Path) -> None:
    data = guide_model().read_bytes()
    for length in (len(data) - 1, len(data) // 2, 40_000, 100):
        assert failure(tmp_path, data[:length]).code == "model.truncated"


def test_a_tensor_behind_the_end_is_truncated(tmp_path: Path) -> None:
    error = failure(tmp_path, gguf(llama(), [("w", (8,), F32, 1 << 40)], data=64))
    assert error.code == "model.truncated"
    assert error.details["needed_bytes"] > 1 << 40


def test_a_tensor_of_an_unknown_type_is_left_to_the_library(tmp_path: Path) -> None:
    model = read(tmp_path, gguf(llama(), [("w", (8,), UNKNOWN, 0)], data=64))
    assert model.tensors[0].size is None


@pytest.mark.parametrize(
    "data",
    [
        gguf(value_count=1 << 60),
        gguf(tensor_count=1 << 60),
        gguf({"k": struct.pack("<IQ", 8, 1 << 62)}),
        gguf({"k": struct.pack("<IIQ", 9, 8, 1 << 61)}),
        gguf({"k": struct.pack("<IIQ", 9, 4, 1 << 61)}),
        gguf({"k": struct.pack("<IIQQQ", 9, 8, 2, (1 << 64) - 1, 0)}),
        gguf({"k": struct.pack("<IIQ", 9, 77, 1)}),
        gguf({"k": struct.pack("<I", 77)}),
        gguf({"k": struct.pack("<IIQ", 9, 9, 1) * 9}),
        gguf({"general.alignment": scalar("u32", 0)}),
        gguf({"general.alignment": scalar("u32", 33)}),
        gguf({"general.alignment": string("32")}),
        gguf() + text("w") + struct.pack("<I", 5),
    ],
)
def test_a_header_that_lies_is_an_error_and_nothing_else(tmp_path: Path, data: bytes) -> None:
    if data.startswith(gguf()) and len(data) > len(gguf()):
        data = gguf(tensor_count=1)[:24] + data[len(gguf()) :]
    assert failure(tmp_path, data + b"\0" * 64).code in ("model.broken", "model.truncated")


def test_a_sparse_file_of_zeros_is_not_walked_through(tmp_path: Path) -> None:
    path = tmp_path / "sparse.gguf"
    header = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, MAX_HEADER // 8)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(1 << 36)
    with pytest.raises(ModelError) as caught:
        read_gguf(path)
    assert caught.value.code == "model.broken"


@settings(max_examples=500, deadline=None)
@given(place=st.integers(0, 2000), change=st.binary(min_size=1, max_size=12))
def test_a_damaged_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: bytes
) -> None:
    whole = bytearray(gguf(llama(), [("w", (256, 2), F16, 0), ("v", (4,), F32, 512)], data=1024))
    whole[place : place + len(change)] = change
    path = tmp_path_factory.getbasetemp() / f"damaged-{os.getpid()}.gguf"
    path.write_bytes(whole)
    try:
        model = read_gguf(path)
    except ModelError as error:
        assert error.code in ("model.broken", "model.truncated", "model.unsupported")
    else:
        facts = (model.name, model.quantisation, model.parameters, model.context_length, model.chat_template)
        assert len(facts) == 5
        assert model.kv_bytes_per_token >= 0
