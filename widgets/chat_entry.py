"""What the chat shows of one message, and the quiet facts below a reply."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from workbench.app.chat.parts import Usage
from workbench.app.sessions.session import Message, Status
from workbench.app.text import one_line, printable

Kind = Literal["user", "reply", "notice", "welcome"]

_MOST_ERROR_TEXT: Final = 400
# The other characters that end a line for Python; a line of the screen must not contain any.
_LINE_ENDS: Final = str.maketrans({"\u2028": "\n", "\u2029": "\n"})


class ChatEntry:
    """One message as the chat shows it; its text may grow.

    Args:
        key: the message's id, or a name of its own for what is no message.
        kind: who speaks.
        text: what was said, safe to show.
        status: `streaming` while it grows, then how it ended.
        model: name of the model that wrote it.
        version: which of how many versions at its place, counted from 1; (1, 1) shows nothing.

    Attributes:
        usage: what it took.
        error: `WorkbenchError.to_dict()` of what ended it.
        reason: why it ended: stop, length, context or cancelled.
    """

    def __init__(
        self,
        key: str,
        kind: Kind,
        text: str,
        status: Status = "complete",
        *,
        model: str = "",
        version: tuple[int, int] = (1, 1),
    ) -> None:
        self.key = key
        self.kind = kind
        self.status = status
        self.model = model
        self.version = version
        self.usage: Usage | None = None
        self.error: dict[str, Any] | None = None
        self.reason = ""
        self._pieces = [text]

    @property
    def text(self) -> str:
        """All of its text so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def rewrite(self, text: str) -> None:
        """Take another text, safe to show, in the place of all that came so far."""
        self._pieces = [text]

    def append(self, text: str) -> None:
        """Add text, safe to show, at the end; cheap, as it may be called for every token."""
        self._pieces.append(text)


def safe(text: str) -> str:
    """Return text that a terminal can show: no control characters, and one kind of line end."""
    return printable(text).translate(_LINE_ENDS)


def entry_of(message: Message, version: tuple[int, int] = (1, 1)) -> ChatEntry:
    """Return what the chat shows of a stored message."""
    entry = ChatEntry(
        message.id,
        "reply" if message.role == "assistant" else "user" if message.role == "user" else "notice",
        safe(message.text),
        message.status,
        model=message.model or "",
        version=version,
    )
    entry.usage = _usage(message.meta.get("usage"))
    entry.error = message.meta.get("error")
    entry.reason = str(message.meta.get("reason", ""))
    return entry


def _usage(told: Any) -> Usage | None:
    try:
        return None if told is None else msgspec.convert(told, Usage)
    except msgspec.ValidationError:
        return None


def facts(entry: ChatEntry) -> str:
    """Return one line about a reply: its version, model, tokens and speed; empty when nothing is known."""
    parts: list[str] = []
    number, count = entry.version
    if count > 1:
        parts.append(f"{number}/{count}")
    if entry.model:
        parts.append(one_line(entry.model, 40))
    usage = entry.usage
    if usage is not None and usage.reply_tokens:
        parts.append(f"{usage.reply_tokens:,} {'token' if usage.reply_tokens == 1 else 'tokens'}")
        if usage.tokens_per_second:
            speed = usage.tokens_per_second
            parts.append(f"{speed:,.0f} tok/s" if speed >= 10 else f"{speed:.1f} tok/s")
        parts.append(f"first {duration(usage.first_token_ms)}")
    return " · ".join(parts)


def duration(milliseconds: float) -> str:
    """Return a time as a person says it: `12 ms`, `1.4 s`, `2 min 5 s`."""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def ending(entry: ChatEntry) -> list[tuple[str, str]]:
    """Return what has to be said about how a reply ended, as pairs of text and style."""
    if entry.status == "cancelled":
        return [("■ stopped", "warning")]
    if entry.status in ("failed", "interrupted"):
        error = entry.error or {}
        cut = "✗ failed" if entry.status == "failed" else "✗ cut off"
        message = one_line(str(error.get("message", "")), _MOST_ERROR_TEXT)
        hint = one_line(str(error.get("hint", "")), _MOST_ERROR_TEXT)
        lines = [(f"{cut}: {message}" if message else cut, "error")]
        return lines + ([(hint, "facts")] if hint else [])
    if entry.reason == "length":
        return [("■ stopped at the token limit (sampling.max_tokens)", "warning")]
    if entry.reason == "context":
        return [("■ stopped: the model's context is full", "warning")]
    return []
