"""The token budget: which messages of a conversation go into the prompt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from workbench.app.errors import ModelError

PromptMessage = dict[str, str]
"""A message as the model's template takes it: `role` and `content`."""

# Text with more bytes than this for each token of room cannot fit; counting it would only take time.
_BYTES_PER_TOKEN: Final = 32


class FittedPrompt(msgspec.Struct, frozen=True):
    """The messages that fit.

    Args:
        messages: the system prompt, if any, then the newest turns that fit.
        tokens: what they take, exactly.
        trimmed: how many older messages were left out.
    """

    messages: list[PromptMessage]
    tokens: int
    trimmed: int


def most_bytes(limit: int) -> int:
    """Return how many bytes of text can at most be in a prompt of so many tokens."""
    return limit * _BYTES_PER_TOKEN


async def fit(
    system: PromptMessage | None,
    history: Sequence[PromptMessage],
    limit: int,
    count: Callable[[list[PromptMessage]], Awaitable[int]],
) -> FittedPrompt:
    """Choose the newest messages that fit beside the system prompt.

    The system prompt and the newest message always stay. What is cut is cut at the beginning of a user's
    message, so that the model never sees an answer without its question. Questions that follow each other,
    because a reply never came, become one: many chat templates refuse roles that do not alternate.

    Args:
        system: the system prompt.
        history: the conversation, oldest first, at least one message.
        limit: most tokens that the prompt may take.
        count: gives the exact number of tokens of a whole prompt.

    Returns:
        What fits.

    Raises:
        ModelError: `model.prompt_too_long` when the newest message does not fit even alone.
    """
    head = [system] if system else []
    if len(history[-1]["content"].encode()) > most_bytes(limit):
        raise _too_long(f"more than {limit}", limit)
    starts = _starts(history, limit)
    low, high = 0, len(starts) - 1
    # The fewest messages cut: a later start never takes more tokens, so halving the range finds it.
    while low < high:
        middle = (low + high) // 2
        if await count([*head, *_joined(history[starts[middle] :])]) <= limit:
            high = middle
        else:
            low = middle + 1
    start = starts[low]
    messages = [*head, *_joined(history[start:])]
    tokens = await count(messages)
    if tokens > limit:
        raise _too_long(str(tokens), limit)
    return FittedPrompt(messages, tokens, start)


def _joined(messages: Sequence[PromptMessage]) -> list[PromptMessage]:
    return [
        {"role": role, "content": "\n\n".join(message["content"] for message in neighbours)}
        for role, neighbours in groupby(messages, key=itemgetter("role"))
    ]


def _too_long(tokens: str, limit: int) -> ModelError:
    return ModelError(
        "prompt_too_long",
        f"The message takes {tokens} tokens with the system prompt; {limit} fit into the model's context.",
        "Shorten it, set a larger model.context, or choose a model with a larger context.",
        limit=limit,
    )


def _starts(history: Sequence[PromptMessage], limit: int) -> list[int]:
    """Return the places at which the prompt may begin, oldest first; the newest message is always one."""
    newest = len(history) - 1
    room = most_bytes(limit)
    places = [newest]
    for index in range(newest, -1, -1):
        room -= len(history[index]["content"].encode())
        if room < 0:
            break
        if index != newest and history[index]["role"] == "user":
            places.append(index)
    if room >= 0 and places[-1] != 0:
        places.append(0)
    return places[::-1]
