"""Drives `peers.bare_llama`, the floor that replies are measured against."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

_PROGRAM = "workbench.benchmarks.peers.bare_llama"
_LONGEST_ANSWER = 2**24
_PATIENCE = 300.0


class ContextPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is loaded, for both sides.

    Args:
        path: the model file.
        context: tokens of one conversation.
        slots: conversations in the context.
        batch: tokens computed at once while a prompt is read.
        threads: of computing.
        flash_attention: None lets llama.cpp choose.
    """

    path: str
    context: int
    slots: int
    batch: int
    threads: int
    flash_attention: bool | None


class BareLoop:
    """A running bare loop; made by `bare_loop`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def generate(self, prompt: str, tokens: int) -> list[float]:
        """Return the moments, in seconds, at which the tokens of a greedy reply were there.

        Args:
            prompt: rendered by the chat template.
            tokens: most tokens.

        Raises:
            RuntimeError: the process ended.
        """
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        writer.write(msgspec.json.encode({"prompt": prompt, "tokens": tokens}) + b"\n")
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), _PATIENCE)
        if not line:
            raise RuntimeError(f"the bare loop ended with {await self._process.wait()}")
        return msgspec.json.decode(line, type=list[float])


@asynccontextmanager
async def bare_loop(plan: ContextPlan) -> AsyncIterator[BareLoop]:
    """Run the bare loop with a model as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _PROGRAM,
        msgspec.json.encode(plan).decode(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LONGEST_ANSWER,
        cwd=Path.home(),
    )
    try:
        yield BareLoop(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
