"""Runs a blocking call on a thread of its own, which nobody waits for when the program ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def on_own_thread(work: Callable[[], Result]) -> Result:
    """Run `work` and return what it returns or raise what it raises.

    For reading and writing pipes and terminals: such a call can last for ever. `asyncio.to_thread` would
    make the end of the program wait for it; here a cancelled caller leaves it behind.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def deliver(result: Result | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as problem:
            error = problem
        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=run, name="blocking-call", daemon=True).start()
    return await done
