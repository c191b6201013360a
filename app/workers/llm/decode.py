"""The two loops that compute: reading a prompt, and writing a reply token by token.

The second one is as bare as Python allows, since a small model decodes a token in a quarter of a
millisecond: it calls the native functions directly, with buffers made once, and gets a token's bytes from a
dictionary.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event
from typing import Literal, NamedTuple

from workbench.app.errors import WorkerError
from workbench.app.workers.llm import native, native_samplers
from workbench.app.workers.llm.conversations import Slot
from workbench.app.workers.llm.model import LoadedModel
from workbench.app.workers.llm.parts import PartWriter


class Written(NamedTuple):
    """What came of a reply.

    Args:
        ending: it was complete (`stop`), the limit was reached, or nobody wants it any more.
        tokens: its number of tokens, an ending token not counted.
        first: when the first token was there (`time.perf_counter`); 0 when there was none.
    """

    ending: Literal["stop", "limit", "cancelled"]
    tokens: int
    first: float


def read_prompt(loaded: LoadedModel, slot: Slot, prompt: Sequence[int], cancelled: Event) -> bool:
    """Compute the tokens of a prompt that the slot does not hold yet.

    Args:
        loaded: the model.
        slot: holds a beginning of the prompt, and all of it afterwards.
        prompt: tokens.
        cancelled: ends the computation within one of its steps; the slot then holds what was finished.

    Returns:
        False when it was cancelled.

    Raises:
        WorkerError: `worker.failed` when the library fails.
    """
    # Only while a prompt is read: asking Python at each of the hundreds of steps that a token takes would
    # slow down the decoding, which is left after any token anyway.
    guard = native.set_abort(loaded.context, cancelled.is_set)
    try:
        for start in range(len(slot.tokens), len(prompt), loaded.batch_size):
            if cancelled.is_set():
                return False
            chunk = prompt[start : start + loaded.batch_size]
            loaded.batch.fill(chunk, start, slot.sequence)
            status = native.decode(loaded.context, loaded.batch.native)
            if status == native.ABORTED:
                loaded.conversations.cut(slot, start)
                return False
            if status != native.DECODED:
                raise _failed(loaded, slot, status)
            slot.tokens.extend(chunk)
        return True
    finally:
        native.set_abort(loaded.context, None)
        del guard


def write_reply(
    loaded: LoadedModel,
    slot: Slot,
    sampler: native_samplers.Sampler,
    writer: PartWriter,
    *,
    limit: int,
    cancelled: Event,
) -> Written:
    """Decode until the model ends, a stop string is complete, or the limit is reached.

    Args:
        loaded: the model; the last that it computed was the last token of the slot.
        slot: gets the tokens of the reply, but for the last one.
        sampler: chooses the tokens.
        writer: takes their bytes.
        limit: most tokens, at least 1.
        cancelled: ends the loop after the present token.

    Raises:
        WorkerError: `worker.failed` when the library fails.
    """
    sample, decode, context = native_samplers.sample, native.decode, loaded.context
    ends, pieces, add = loaded.vocabulary.ends, loaded.vocabulary.pieces, writer.add
    stopped, remember, position = cancelled.is_set, slot.tokens.append, len(slot.tokens)
    loaded.batch.fill([0], position, slot.sequence)
    tokens, positions, row = loaded.batch.tokens, loaded.batch.positions, loaded.batch.native
    count, first = 0, 0.0
    while not stopped():
        token = sample(sampler, context, -1)
        first = first or time.perf_counter()
        if token in ends:
            return Written("stop", count, first)
        count += 1
        if add(pieces[token]):
            return Written("stop", count, first)
        if count == limit:
            return Written("limit", count, first)
        tokens[0] = token
        positions[0] = position
        if status := decode(context, row):
            raise _failed(loaded, slot, status)
        remember(token)
        position += 1
    return Written("cancelled", count, first)


def _failed(loaded: LoadedModel, slot: Slot, status: int) -> WorkerError:
    """Empty the slot, since nobody knows what the failed computation left in it."""
    loaded.conversations.cut(slot, 0)
    message = f"The model library failed to compute (status {status})."
    return WorkerError("failed", message, "The worker's log has the details; load the model again.")
