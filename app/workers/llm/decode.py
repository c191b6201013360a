"""The two loops that compute: reading a prompt, and writing a reply token by token.

The second one is as bare as Python allows, since a small model decodes a token in a quarter of a
millisecond: it calls the native functions directly, with buffers made once, and gets a token's bytes from a
dictionary.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
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
    with _breakable(loaded, cancelled):
        for start in range(len(slot.tokens), len(prompt), loaded.batch_size):
            if cancelled.is_set():
                return False
            chunk = prompt[start : start + loaded.batch_size]
            loaded.batch.fill(chunk, start, slot.sequence)
            status = native.decode(loaded.context, loaded.batch.native)
            if status != native.DECODED:
                return _broken_off(loaded, slot, status)
            slot.tokens.extend(chunk)
    return True


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
        cancelled: ends it after the present token, or within it unless the model is tiny.

    Raises:
        WorkerError: `worker.failed` when the library fails.
    """
    breakable = nullcontext() if loaded.plan.tiny else _breakable(loaded, cancelled)
    with breakable:
        return _write(loaded, slot, sampler, writer, limit=limit, cancelled=cancelled)


def _write(
    loaded: LoadedModel,
    slot: Slot,
    sampler: native_samplers.Sampler,
    writer: PartWriter,
    *,
    limit: int,
    cancelled: Event,
) -> Written:
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
            _broken_off(loaded, slot, status)
            break
        remember(token)
        position += 1
    return Written("cancelled", count, first)


@contextmanager
def _breakable(loaded: LoadedModel, cancelled: Event) -> Iterator[None]:
    """Let a cancel break off what the library computes, between two of its steps."""
    kept_alive = native.set_abort(loaded.context, cancelled.is_set)
    try:
        yield
    finally:
        native.set_abort(loaded.context, None)
        del kept_alive


def _broken_off(loaded: LoadedModel, slot: Slot, status: int) -> bool:
    """Take what was not finished out of the cache; returns False.

    Raises:
        WorkerError: `worker.failed` when the library failed instead of being told to stop. The slot is empty
            then, since nobody knows what is left in it.
    """
    if status == native.ABORTED:
        loaded.conversations.cut(slot, len(slot.tokens))
        return False
    loaded.conversations.cut(slot, 0)
    message = f"The model library failed to compute (status {status})."
    raise WorkerError("failed", message, "The worker's log has the details; load the model again.")
