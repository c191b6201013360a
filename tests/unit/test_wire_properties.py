"""What holds for every message and every way in which a stream of lines can be cut."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workbench.app.errors import WorkerError
from workbench.app.workers import wire

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    SCALARS.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)
LIMIT = 12


@given(st.integers(0, 2**53), TEXT, OBJECTS)
def test_what_is_written_is_read_again(number: int, method: str, params: dict[str, Any]) -> None:
    request = wire.decode(wire.encode_request(number, method, params))
    assert (request.id, request.method, request.params) == (number, method, params)
    result = wire.decode(wire.encode_result(number, params))
    assert (result.id, result.method, result.result) == (number, None, params)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_wire_error(line: bytes) -> None:
    try:
        wire.decode(line)
    except WorkerError as error:
        assert error.code == "worker.wire"


@given(OBJECTS, st.data())
def test_no_change_to_a_message_raises_anything_but_a_wire_error(params: dict[str, Any], data: Any) -> None:
    line = bytearray(wire.encode_part(1, params))
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] = data.draw(st.integers(0, 255))
    try:
        wire.decode(bytes(line))
    except WorkerError as error:
        assert error.code == "worker.wire"


@given(st.lists(st.binary(max_size=2 * LIMIT).filter(lambda line: b"\n" not in line), max_size=12), st.data())
def test_lines_do_not_depend_on_how_the_stream_is_cut(lines: list[bytes], data: Any) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    buffer = wire.LineBuffer(limit=LIMIT)
    seen: list[bytes | None] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        seen += buffer.feed(stream[:size])
        stream = stream[size:]
    assert seen == [line if len(line) <= LIMIT else None for line in lines if line]
