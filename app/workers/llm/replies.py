"""What the engine answers to a request for a reply."""

from __future__ import annotations

from typing import Literal

import msgspec

Reason = Literal["stop", "length", "cancelled", "context"]
"""Why a reply ended: it was complete, `max_tokens` or the context was full, or nobody wants it any more."""


class Usage(msgspec.Struct, frozen=True):
    """What a reply cost.

    Args:
        prompt_tokens: of the prompt.
        cached_tokens: of those, the ones that did not have to be computed.
        reply_tokens: that were written, an ending token not counted.
        prefill_ms: computing the prompt.
        first_token_ms: from taking up the request to the first token.
        decode_ms: from there to the end.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    reply_tokens: int = 0
    prefill_ms: float = 0.0
    first_token_ms: float = 0.0
    decode_ms: float = 0.0


class Reply(msgspec.Struct, frozen=True):
    """How a reply ended.

    Args:
        reason: why.
        text_bytes: of all its parts, as UTF-8.
        seed: with which it can be drawn again.
        usage: what it cost.
    """

    reason: Reason
    text_bytes: int = 0
    seed: int = 0
    usage: Usage = Usage()
