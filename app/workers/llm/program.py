"""The glue between the wire and the engine: who may call what, on which thread, in which order.

One thread, the decode thread, loads models and writes replies, one request after the other. What only needs
the vocabulary runs beside it. The event loop stays free all the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from workbench.app.errors import ModelError, WorkerError
from workbench.app.workers.llm.replies import Reply
from workbench.app.workers.llm.requests import Count, Forget, Generate, LoadOptions, Render, read_request
from workbench.app.workers.program import Handler, Request

if TYPE_CHECKING:
    from workbench.app.workers.llm.engine import Engine
    from workbench.app.workers.llm.model import ModelInfo

CANCEL_CHECK_S: Final = 0.05
"""How often a request that waits for its turn looks whether it was cancelled."""

Result = TypeVar("Result")


class LlmProgram:
    """The methods of the `llm` worker."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._decode_thread = ThreadPoolExecutor(1, thread_name_prefix="decode")

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each method."""
        return {
            "load": self._load,
            "generate": self._generate,
            "count": self._count,
            "render": self._render,
            "forget": self._forget,
            "unload": self._unload,
            "info": self._info,
        }

    def close(self) -> None:
        """Free the model; no request may be open any more."""
        self._decode_thread.shutdown()
        if self._engine is not None:
            self._engine.unload()

    async def _load(self, request: Request) -> dict[str, Any]:
        options = read_request(request.params, LoadOptions)

        def work() -> ModelInfo:
            return self._started().load(
                options,
                cancelled=request.cancelled,
                progress=lambda share: request.send_part({"progress": share}),
            )

        engine = self._engine
        # What is loaded already need not wait until another conversation's reply is written.
        info = await self._beside(request, lambda: engine.loaded_as(options)) if engine else None
        info = info or await self._in_turn(request, work)
        if info is None:
            raise WorkerError("cancelled", "Loading the model was cancelled.")
        return {"model": msgspec.to_builtins(info)}

    async def _generate(self, request: Request) -> dict[str, Any]:
        wanted = read_request(request.params, Generate)

        def work() -> Reply:
            return self._ready().generate(
                wanted,
                cancelled=request.cancelled,
                emit=lambda text, tokens: request.send_part({"text": text, "tokens": tokens}),
            )

        reply = await self._in_turn(request, work)
        return dict(msgspec.to_builtins(reply or Reply("cancelled")))

    async def _count(self, request: Request) -> dict[str, Any]:
        wanted = read_request(request.params, Count)
        engine = self._ready()
        return {"tokens": await self._beside(request, lambda: engine.count(wanted))}

    async def _render(self, request: Request) -> dict[str, Any]:
        wanted = read_request(request.params, Render)
        engine = self._ready()
        return {"prompt": await self._beside(request, lambda: engine.render(wanted))}

    async def _forget(self, request: Request) -> dict[str, Any]:
        wanted = read_request(request.params, Forget)
        if self._engine is not None:
            engine = self._engine
            await self._in_turn(request, lambda: engine.forget(wanted.conversation))
        return {}

    async def _unload(self, request: Request) -> dict[str, Any]:
        if self._engine is not None:
            await self._in_turn(request, self._engine.unload)
        return {}

    async def _info(self, _: Request) -> dict[str, Any]:
        engine = self._engine
        if engine is None:
            return {"model": None, "conversations": []}
        conversations = [{"id": name, "tokens": tokens} for name, tokens in engine.conversations()]
        return {"model": msgspec.to_builtins(engine.info), "conversations": conversations}

    def _started(self) -> Engine:
        """Return the engine; on the decode thread, with the first model, for the library takes its time."""
        from workbench.app.workers.llm.engine import Engine

        if self._engine is None:
            self._engine = Engine()
        return self._engine

    def _ready(self) -> Engine:
        if self._engine is None:
            raise ModelError("not_loaded", "No model is loaded.", "Load a model first.")
        return self._engine

    async def _beside(self, request: Request, work: Callable[[], Result]) -> Result:
        """Run something beside the decode thread; a cancel is answered at once, and the rest thrown away."""
        done = asyncio.ensure_future(asyncio.to_thread(work))
        while not done.done():
            await asyncio.wait([done], timeout=CANCEL_CHECK_S)
            if request.cancelled.is_set():
                done.cancel()
                raise WorkerError("cancelled", f"The request to {request.method} was cancelled.")
        return await done

    async def _in_turn(self, request: Request, work: Callable[[], Result]) -> Result | None:
        """Run something on the decode thread; None when it was cancelled before its turn came."""
        turn = self._decode_thread.submit(work)
        done = asyncio.wrap_future(turn)
        while not (turn.running() or turn.done()):
            await asyncio.wait([done], timeout=CANCEL_CHECK_S)
            if request.cancelled.is_set() and turn.cancel():
                return None
        return await done
