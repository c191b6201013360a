"""Time to the first token in a long conversation, after another conversation and without one in between.

Two sessions: a long one of about 2,000 tokens and a short one. By turns, the long one is asked twice in a
row, and is asked after the short one. The time runs from `Workbench.chat.send` to the first part of the
reply, by the caller's clock. Beside it the time when the model has to read the whole conversation again. The
model has random weights (35 MB, context 8192): reading its 2,000 tokens takes long enough to show.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from workbench.app.chat.parts import PromptBuilt, ReplyFailed, TextDelta
from workbench.app.workbench import Workbench
from workbench.benchmarks.random_model import random_model
from workbench.benchmarks.result import Figure, Result, most
from workbench.benchmarks.rounds import in_turns, middle, ratios

_REPLY_TOKENS = 4
_MILLISECONDS = 1_000


async def measure(quick: bool) -> Result:
    """Run the benchmark."""
    megabytes, tokens, rounds, again = (3, 300, 1, 1) if quick else (35, 1_700, 15, 3)
    overrides = {
        "model.name": str(random_model(megabytes=megabytes)),
        "sampling.temperature": "0",
        "sampling.max_tokens": str(_REPLY_TOKENS),
    }
    with tempfile.TemporaryDirectory() as folder:
        async with Workbench.open(Path(folder), overrides=overrides) as workbench:
            long, short = (await workbench.sessions.create(), await workbench.sessions.create())
            await first_token(workbench, short.id, "hello")
            length = await _fill(workbench, long.id, tokens)

            async def staying() -> float:
                await first_token(workbench, long.id, "so?")
                return await first_token(workbench, long.id, "and?")

            async def switching() -> float:
                await first_token(workbench, long.id, "so?")
                await first_token(workbench, short.id, "here?")
                return await first_token(workbench, long.id, "and?")

            pairs = await in_turns("switching", switching, staying, rounds)
            last = await _length(workbench, long.id)
            anew = []
            for _ in range(again):
                await workbench.models.forget(long.id)
                anew.append(await first_token(workbench, long.id, "and?"))
    return Result(
        claims=[most("first token after another conversation over without one", ratios(pairs), 1.3)],
        figures=[
            Figure("after another conversation", middle([pair.ours for pair in pairs]), "ms"),
            Figure("without one", middle([pair.peer for pair in pairs]), "ms"),
            Figure("when all of it is read again", middle(anew), "ms"),
            Figure("length, on average", (length + last) / 2, "tokens"),
        ],
    )


async def first_token(workbench: Workbench, session_id: str, text: str) -> float:
    """Ask and return the milliseconds until the first part of the reply; the reply is read to its end."""
    began = time.perf_counter()
    first = 0.0
    async for part in workbench.chat.send(session_id, text):
        if isinstance(part, TextDelta):
            first = first or time.perf_counter()
        elif isinstance(part, ReplyFailed):
            raise RuntimeError(str(part.error))
    return (first - began) * _MILLISECONDS


async def _fill(workbench: Workbench, session_id: str, tokens: int) -> int:
    """Make a conversation of about so many tokens; return how many it has."""
    sentence = "The log keeps every event, and every pane is a view of it. "
    length = 0
    while length < tokens:
        async for part in workbench.chat.send(session_id, sentence * 10):
            if isinstance(part, PromptBuilt):
                length = part.tokens
    return length


async def _length(workbench: Workbench, session_id: str) -> int:
    session = await workbench.sessions.get(session_id)
    assert session.head_id is not None
    path = await workbench.messages.path(session.head_id)
    return await workbench.models.count([{"role": each.role, "content": each.text} for each in path])
