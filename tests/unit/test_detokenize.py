"""Bytes of tokens to text: whole characters, whatever the cuts."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from workbench.app.workers.llm.detokenize import Utf8Stream


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        yield data[start:end]


def streamed(data: bytes, cuts: list[int]) -> list[str]:
    stream = Utf8Stream()
    return [*(stream.feed(piece) for piece in pieces(data, cuts)), stream.finish()]


cuts = st.lists(st.integers(0, 80), max_size=12)


@given(st.text(max_size=40), cuts)
def test_text_comes_back_however_it_was_cut(text: str, where: list[int]) -> None:
    parts = streamed(text.encode(), where)
    assert "".join(parts) == text
    assert "\ufffd" not in "".join(parts) or "\ufffd" in text


@given(st.binary(max_size=40), cuts)
def test_any_bytes_give_the_same_text_however_they_were_cut(data: bytes, where: list[int]) -> None:
    assert "".join(streamed(data, where)) == data.decode("utf-8", "replace")


@given(st.text(max_size=20), cuts)
def test_no_part_has_half_a_character(text: str, where: list[int]) -> None:
    for part in streamed(text.encode(), where):
        part.encode()


def test_a_character_waits_for_its_last_byte() -> None:
    stream = Utf8Stream()
    assert [stream.feed(byte) for byte in (b"a\xf0", b"\x9f", b"\x8e", b"\x89b")] == [
        "a",
        "",
        "",
        "\N{PARTY POPPER}b",
    ]
    assert stream.finish() == ""


def test_a_character_that_does_not_end_becomes_one_replacement() -> None:
    stream = Utf8Stream()
    assert stream.feed(b"end\xf0\x9f\x8e") == "end"
    assert stream.finish() == "\ufffd"
    assert stream.finish() == ""
