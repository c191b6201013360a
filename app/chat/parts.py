"""What the caller of a turn gets to see while it runs."""

from __future__ import annotations

from typing import Any

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply took; times in milliseconds.

    What calls took whose text hooks dropped counts, too; a reply from a hook or from the cache takes nothing.

    Args:
        prompt_tokens: tokens of the prompt.
        cached_tokens: those of them that the model still held.
        reply_tokens: tokens of the reply.
        first_token_ms: from the request to the first text.
        duration_ms: from the request to the end.
        tokens_per_second: reply tokens after the first, over the time that they took.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    reply_tokens: int = 0
    first_token_ms: float = 0.0
    duration_ms: float = 0.0
    tokens_per_second: float = 0.0


class TurnStarted(msgspec.Struct, frozen=True, tag_field="type", tag="turn_started"):
    """The message is stored and the turn runs; `text` is the message as it is stored."""

    session_id: str
    message_id: str
    correlation_id: str
    text: str = ""


class ModelProgress(msgspec.Struct, frozen=True, tag_field="type", tag="model_progress"):
    """The model is being loaded; `fraction` goes from 0 to 1."""

    model: str
    fraction: float


class PromptBuilt(msgspec.Struct, frozen=True, tag_field="type", tag="prompt_built"):
    """The prompt is ready; `trimmed_messages` older messages did not fit and were left out of it."""

    tokens: int
    context: int
    messages: int
    trimmed_messages: int


class ReplyStarted(msgspec.Struct, frozen=True, tag_field="type", tag="reply_started"):
    """The reply's message exists; `text` is what it begins with when it continues another."""

    message_id: str
    text: str = ""


class TextDelta(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """More text of the reply; `tokens` counts the reply's tokens so far."""

    text: str
    tokens: int


class TextRewritten(msgspec.Struct, frozen=True, tag_field="type", tag="text_rewritten"):
    """A hook changed the reply: all of its text so far is this now."""

    text: str


class Notice(msgspec.Struct, frozen=True, tag_field="type", tag="notice"):
    """Something that the person should know about this turn."""

    code: str
    message: str


class ReplyFinished(msgspec.Struct, frozen=True, tag_field="type", tag="reply_finished"):
    """The reply is complete and stored; `reason` is stop, length, context, cancelled or hook.

    `text` is all of it when a hook changed it at the end, null when it is what was streamed.
    """

    message_id: str
    reason: str
    usage: Usage
    text: str | None = None


class ReplyFailed(msgspec.Struct, frozen=True, tag_field="type", tag="reply_failed"):
    """The turn ended with an error; `error` is `WorkbenchError.to_dict()`, what had arrived is stored."""

    message_id: str | None
    error: dict[str, Any]


def rewritten(part: Part) -> str | None:
    """Return the whole text of the reply when a part says that a hook changed it, else None."""
    return part.text if isinstance(part, TextRewritten | ReplyFinished) else None


Part = (
    TurnStarted
    | ModelProgress
    | PromptBuilt
    | ReplyStarted
    | TextDelta
    | TextRewritten
    | Notice
    | ReplyFinished
    | ReplyFailed
)
