"""The worker wire: JSON-RPC 2.0, one message a line, UTF-8, over a program's stdin and stdout.

| direction | message | meaning |
|---|---|---|
| to the worker | request `METHOD` with an id | do something, answer with the same id |
| to the worker | notification `cancel {id}` | end that request soon; it is answered all the same |
| to the worker | notification `credit {id, bytes}` | so many bytes of that request's parts have been taken |
| to the worker | request `ping`, notification `shutdown` | answer at once; end |
| from the worker | notification `ready {protocol, name, pid}` | always the first line |
| from the worker | notification `part {id, ...}` | a piece of an answer |
| from the worker | result or error with an id | the answer; `error.data` is `WorkbenchError.to_dict()` |

Flow control is per request: a worker holds back parts while `PART_WINDOW` or more bytes of that request wait
unread. So a slow reader stops its own stream and nothing else: neither pings nor other streams queue behind
it, and the reading side's memory is bounded without ever leaving the pipe unread.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from workbench.app.errors import WorkbenchError, WorkerError, from_dict

PROTOCOL: Final = 1
"""Version of the wire, told in `ready`."""

MAX_LINE: Final = 16 * 1024 * 1024
"""Longest line in bytes, without its newline."""

PART_WINDOW: Final = 256 * 1024
"""Bytes of part lines (without newlines) of one request that may wait unread before the worker holds back."""

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
SERVER_ERROR: Final = -32000

_EXCERPT: Final = 80


class Fault(msgspec.Struct, frozen=True):
    """The `error` member of an answer."""

    code: int
    message: str = ""
    data: dict[str, Any] | None = None

    def to_error(self) -> WorkbenchError:
        """Return the failure as an error of our family, not raised."""
        if self.data is not None:
            return from_dict(self.data)
        reason = "unknown_method" if self.code == METHOD_NOT_FOUND else "failed"
        return WorkerError(reason, self.message or "The worker reported an error without a message.")


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="jsonrpc", tag="2.0"):
    """One line of the wire: a request (method, id), a notification (method) or an answer (result or error).

    An answer without an id tells that a line could not be read at all.
    """

    id: int | None = None
    method: str | None = None
    params: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    error: Fault | None = None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Message)


def decode(line: bytes) -> Message:
    """Read one line.

    Args:
        line: the line, with or without its newline.

    Raises:
        WorkerError: `worker.wire`: not JSON, not UTF-8, or not a message of this wire.
    """
    try:
        message = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(line, str(error)) from None
    problem = _shape_problem(message)
    if problem:
        raise _unreadable(line, problem)
    return message


def encode_request(request_id: int, method: str, params: dict[str, Any]) -> bytes:
    """Return the line of a request. Raises `worker.wire` when `params` do not fit into a line."""
    return _encode(Message(id=request_id, method=method, params=params))


def encode_notification(method: str, params: dict[str, Any]) -> bytes:
    """Return the line of a notification. Raises `worker.wire` when `params` do not fit into a line."""
    return _encode(Message(method=method, params=params))


def encode_part(request_id: int, payload: dict[str, Any]) -> bytes:
    """Return the line of a part; an `id` key in the payload is overwritten. Raises `worker.wire`."""
    return _encode(Message(method="part", params={**payload, "id": request_id}))


def encode_result(request_id: int, result: dict[str, Any]) -> bytes:
    """Return the line of a good answer. Raises `worker.wire` when the result does not fit into a line."""
    return _encode(Message(id=request_id, result=result))


def encode_error(request_id: int | None, code: int, error: WorkbenchError) -> bytes:
    """Return the line of a failure.

    Args:
        request_id: the request that failed, or None when the line could not be read.
        code: the JSON-RPC code.
        error: travels whole; details that JSON cannot carry are left out.
    """
    try:
        return _encode(Message(id=request_id, error=Fault(code, error.message, error.to_dict())))
    except WorkerError:
        bare = {**error.to_dict(), "details": {}, "message": _printable(error.message)}
        bare["hint"] = _printable(error.hint)
        return _encode(Message(id=request_id, error=Fault(code, bare["message"], bare)))


class LineBuffer:
    """Cuts a byte stream into lines and never holds more than one line of `limit` bytes.

    Args:
        limit: longest line in bytes, without its newline.
    """

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """Take the next bytes and return the lines that they complete.

        Args:
            chunk: bytes as they came, cut anywhere.

        Returns:
            The lines without newlines; empty lines are left out; None stands for a line that was longer than
            the limit and has been thrown away.
        """
        lines: list[bytes | None] = []
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            line = self._complete(chunk[start:end])
            if line != b"":
                lines.append(line)
            start = end + 1
        self._keep(chunk[start:])
        return lines

    def _complete(self, tail: bytes) -> bytes | None:
        if self._skipping:
            self._skipping = False
            return None
        if self._pending:
            self._pending += tail
            tail = bytes(self._pending)
            self._pending.clear()
        return tail if len(tail) <= self._limit else None

    def _keep(self, rest: bytes) -> None:
        if self._skipping:
            return
        self._pending += rest
        if len(self._pending) > self._limit:
            self._pending = bytearray()
            self._skipping = True


def _encode(message: Message) -> bytes:
    try:
        line = _encoder.encode(message)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise WorkerError("wire", f"A message cannot be written as JSON: {error}.") from None
    if len(line) > MAX_LINE:
        raise WorkerError(
            "wire",
            f"A message of {len(line) / 2**20:.1f} MiB is longer than the limit of {MAX_LINE // 2**20} MiB.",
            "Send less at once.",
            bytes=len(line),
        )
    return line + b"\n"


def _shape_problem(message: Message) -> str:
    answers = (message.result is not None) + (message.error is not None)
    if message.method is not None:
        return "it has a method and an answer" if answers else ""
    if answers != 1:
        return "it has neither a method nor one answer"
    return "its result has no id" if message.id is None and message.error is None else ""


def _unreadable(line: bytes, problem: str) -> WorkerError:
    excerpt = repr(bytes(line[:_EXCERPT]))[2:-1]
    return WorkerError("wire", f"A line of the worker wire cannot be read: {problem}.", line=excerpt)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")[:2000]
