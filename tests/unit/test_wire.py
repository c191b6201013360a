"""The worker wire's messages and the cutting of lines."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from workbench.app.errors import ModelError, WorkerError
from workbench.app.workers import wire


def test_a_request_is_json_rpc_on_one_line() -> None:
    line = wire.encode_request(7, "generate", {"text": "two\nlines"})
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert msgspec.json.decode(line) == {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "generate",
        "params": {"text": "two\nlines"},
    }


def test_the_parts_of_the_contract_are_read() -> None:
    ready = wire.decode(b'{"jsonrpc":"2.0","method":"ready","params":{"protocol":1,"name":"llm","pid":5}}')
    assert (ready.method, ready.id, ready.params["protocol"]) == ("ready", None, 1)
    part = wire.decode(wire.encode_part(7, {"text": "hi", "id": "overwritten"}))
    assert (part.method, part.params) == ("part", {"text": "hi", "id": 7})
    result = wire.decode(wire.encode_result(7, {}))
    assert (result.id, result.method, result.result, result.error) == (7, None, {}, None)
    assert wire.decode(b'{"id":8,"method":"ping"}').params == {}


def test_an_error_travels_whole() -> None:
    sent = ModelError("broken", "The file is broken.", "Get another.", path="x.gguf")
    message = wire.decode(wire.encode_error(3, wire.SERVER_ERROR, sent))
    assert message.error is not None
    received = message.error.to_error()
    assert isinstance(received, ModelError)
    assert received.to_dict() == sent.to_dict()


def test_an_error_with_details_that_json_cannot_carry_still_travels() -> None:
    sent = WorkerError("failed", "Bad \ud800 text.", object=object())
    message = wire.decode(wire.encode_error(None, wire.PARSE_ERROR, sent))
    assert message.id is None
    assert message.error is not None
    assert message.error.to_error().code == "worker.failed"


def test_a_foreign_error_becomes_one_of_ours() -> None:
    unknown = wire.decode(b'{"id":1,"error":{"code":-32601,"message":"Method not found"}}').error
    assert unknown is not None
    assert unknown.to_error().code == "worker.unknown_method"
    other = wire.decode(b'{"id":1,"error":{"code":1}}').error
    assert other is not None
    assert other.to_error().code == "worker.failed"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b'{"id":1}',
        b'{"result":{}}',
        b'{"id":1,"result":[]}',
        b'{"id":"1","method":"x"}',
        b'{"id":1,"result":{},"error":{"code":1}}',
        b'{"id":1,"method":"x","result":{}}',
        b'{"id":1,"method":"x","params":[1]}',
        b'{"jsonrpc":"1.0","id":1,"method":"x"}',
        b'{"method":"\xff\xfe"}',
        b'{"method":"x","params":{"a":' + b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_message_is_a_wire_error(line: bytes) -> None:
    with pytest.raises(WorkerError) as caught:
        wire.decode(line)
    assert caught.value.code == "worker.wire"
    assert len(caught.value.details["line"]) < 500


@pytest.mark.parametrize("payload", [{"x": object()}, {"x": "\ud800"}, {"x": "y" * (wire.MAX_LINE + 1)}])
def test_what_does_not_fit_into_a_line_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(WorkerError) as caught:
        wire.encode_part(1, payload)
    assert caught.value.code == "worker.wire"


def test_lines_are_cut_at_newlines_and_empty_ones_left_out() -> None:
    lines = wire.LineBuffer()
    assert lines.feed(b"one\ntw") == [b"one"]
    assert lines.feed(b"o\n\nthree\nfo") == [b"two", b"three"]
    assert lines.feed(b"ur\n") == [b"four"]


def test_a_line_that_is_too_long_is_thrown_away_and_reading_goes_on() -> None:
    lines = wire.LineBuffer(limit=4)
    assert lines.feed(b"1234\n12345\nabc") == [b"1234", None]
    assert lines.feed(b"defgh") == []
    assert lines.feed(b"ijk") == []
    assert lines.feed(b"\nnext\n") == [None, b"next"]
