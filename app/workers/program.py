"""The runtime inside every worker program: reads requests, runs handlers, answers pings.

    async def echo(request: Request) -> dict[str, Any]:
        return {"text": request.params["text"]}

    sys.exit(run_program("echo", {"echo": echo}))

Three parties share the work. The *reader thread* takes lines from stdin and answers pings by itself, so a
handler that computes (in a thread, or even on the loop) does not look dead. The *event loop* on the main
thread runs the handlers. *Handler threads* compute and send parts. When stdin ends or `shutdown` comes, every
open request is cancelled, and a watchdog ends the process if the handlers do not return in `STOP_GRACE_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from workbench.app.errors import WorkbenchError, WorkerError
from workbench.app.workers import wire
from workbench.app.workers.stdio import WireOutput, die_with_parent, take_over_stdio

STOP_GRACE_S: Final = 2.0
"""Seconds that handlers and `on_stop` have to end after stdin has ended, before the process is ended."""

EXIT_FORCED: Final = 70
"""Exit status of a program whose handlers did not end in time."""

_READ_SIZE: Final = 64 * 1024
_MAX_OPEN: Final = 1024
_WAKE_S: Final = 0.5


class Request:
    """One request, as its handler sees it.

    Attributes:
        id: the request's number on the wire.
        method: the method that was asked for.
        params: the parameters as they came; the handler validates them.
        cancelled: set when nobody wants the answer any more (a `cancel`, or the other side is gone); the
            handler should answer soon. It still answers, so that the other side knows that it has ended.
    """

    def __init__(self, request_id: int, method: str, params: dict[str, Any], output: WireOutput) -> None:
        self.id = request_id
        self.method = method
        self.params = params
        self.cancelled = threading.Event()
        self._output = output
        self._room = threading.Condition()
        self._unread = 0

    def send_part(self, payload: dict[str, Any]) -> None:
        """Send a piece of the answer; callable from any thread.

        Blocks while the other side has too much of this request unread (`wire.PART_WINDOW`), so call it from
        a thread when parts are many: on the event loop a blocked call holds up the other handlers. Once
        `cancelled` is set, parts are dropped.

        Args:
            payload: JSON-able; the key `id` is taken by the wire.

        Raises:
            WorkerError: `worker.wire` when the payload cannot be written.
        """
        line = wire.encode_part(self.id, payload)
        with self._room:
            while self._unread >= wire.PART_WINDOW and not self.cancelled.is_set():
                self._room.wait(_WAKE_S)
            if self.cancelled.is_set():
                return
            self._unread += len(line) - 1
        self._output.write(line)

    def cancel(self) -> None:
        """Set `cancelled` and release a blocked `send_part`; the runtime calls this."""
        self.cancelled.set()
        with self._room:
            self._room.notify_all()

    def credit(self, size: int) -> None:
        """Note that `size` bytes of parts have been read; the runtime calls this."""
        with self._room:
            self._unread = max(0, self._unread - size)
            self._room.notify_all()


Handler = Callable[[Request], Awaitable[dict[str, Any]]]
"""Answers one request. Raising a `WorkbenchError` answers with it; anything else becomes `worker.failed`."""


def run_program(
    name: str, handlers: Mapping[str, Handler], *, on_stop: Callable[[], None] | None = None
) -> int:
    """Serve requests on stdin and stdout until stdin ends or `shutdown` comes.

    Call it once, on the main thread, before any model library is used: it takes descriptors 0, 1 and 2 (see
    `stdio.take_over_stdio`), restores the default action of Ctrl-C, and asks to die with its parent.

    Args:
        name: the program's name, told in `ready`.
        handlers: one per method; `ping`, `cancel`, `credit` and `shutdown` belong to the runtime.
        on_stop: called on the main thread after the last handler has ended, for example to free a model.

    Returns:
        The exit status, 0.
    """
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    wire_in, wire_out = take_over_stdio()
    program = _Program(name, handlers, wire_in, WireOutput(wire_out))
    try:
        asyncio.run(program.serve())
    finally:
        if on_stop is not None:
            on_stop()
    return 0


class _Program:
    """The open requests of one program and the two threads that serve them.

    `_open` is touched by the reader thread (adds, looks up) and the loop (removes); each is one dictionary
    operation, which the interpreter makes atomic.
    """

    def __init__(
        self, name: str, handlers: Mapping[str, Handler], descriptor: int, output: WireOutput
    ) -> None:
        self._name = name
        self._handlers = handlers
        self._descriptor = descriptor
        self._output = output
        self._open: dict[int, Request] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = asyncio.Event()

    async def serve(self) -> None:
        """Run until the reader thread says that it is over and every handler has answered."""
        loop = asyncio.get_running_loop()
        self._output.write(
            wire.encode_notification(
                "ready", {"protocol": wire.PROTOCOL, "name": self._name, "pid": os.getpid()}
            )
        )
        threading.Thread(target=self._read, args=(loop,), name="wire-reader", daemon=True).start()
        await self._leaving.wait()
        while self._tasks:
            await asyncio.wait(self._tasks)

    # The reader thread.

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        lines = wire.LineBuffer()
        try:
            while chunk := os.read(self._descriptor, _READ_SIZE):
                for line in lines.feed(chunk):
                    if not self._take(line, loop):
                        return
        except OSError:
            traceback.print_exc()
        finally:
            self._leave(loop)

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        # The watchdog first: what follows needs the loop, which a handler may be blocking.
        watchdog = threading.Timer(STOP_GRACE_S, os._exit, (EXIT_FORCED,))
        watchdog.daemon = True
        watchdog.start()
        for request in list(self._open.values()):
            request.cancel()
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(self._leaving.set)

    def _take(self, line: bytes | None, loop: asyncio.AbstractEventLoop) -> bool:
        """Handle one line; returns False when it asked the program to end."""
        try:
            message = wire.decode(line) if line is not None else None
        except WorkerError as error:
            self._output.write(wire.encode_error(None, wire.PARSE_ERROR, error))
            return True
        if message is None:
            too_long = WorkerError("wire", f"A line is longer than {wire.MAX_LINE} bytes.")
            self._output.write(wire.encode_error(None, wire.PARSE_ERROR, too_long))
            return True
        if message.method == "shutdown":
            if message.id is not None:
                self._output.write(wire.encode_result(message.id, {}))
            return False
        if message.method is not None:
            self._take_message(message.id, message.method, message.params, loop)
        return True

    def _take_message(
        self, number: int | None, method: str, params: dict[str, Any], loop: asyncio.AbstractEventLoop
    ) -> None:
        if number is None:
            self._take_notification(method, params)
        elif method == "ping":
            self._output.write(wire.encode_result(number, {}))
        elif method not in self._handlers:
            unknown = WorkerError("unknown_method", f"The worker {self._name!r} has no method {method!r}.")
            self._output.write(wire.encode_error(number, wire.METHOD_NOT_FOUND, unknown))
        elif number in self._open or len(self._open) >= _MAX_OPEN:
            refused = WorkerError("overloaded", "The request's number is in use, or too many are open.")
            self._output.write(wire.encode_error(number, wire.INVALID_REQUEST, refused))
        else:
            request = Request(number, method, params, self._output)
            self._open[number] = request
            loop.call_soon_threadsafe(self._begin, request)

    def _take_notification(self, method: str, params: dict[str, Any]) -> None:
        number = params.get("id")
        request = self._open.get(number) if isinstance(number, int) else None
        if request is None:
            return
        if method == "cancel":
            request.cancel()
        elif method == "credit" and isinstance(size := params.get("bytes"), int):
            request.credit(size)

    # The event loop.

    def _begin(self, request: Request) -> None:
        task = asyncio.create_task(self._answer(request), name=f"{request.method} {request.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request) -> None:
        try:
            result = await self._handlers[request.method](request)
            if not isinstance(result, dict):
                raise TypeError(f"the handler returned {type(result).__name__}, not dict")
            line = wire.encode_result(request.id, result)
        except WorkbenchError as error:
            line = wire.encode_error(request.id, wire.SERVER_ERROR, error)
        except Exception as error:
            traceback.print_exc()  # into the log
            line = wire.encode_error(request.id, wire.SERVER_ERROR, self._failure(request, error))
        self._output.write(line)
        self._open.pop(request.id, None)

    def _failure(self, request: Request, error: Exception) -> WorkerError:
        return WorkerError(
            "failed",
            f"The worker {self._name!r} failed at {request.method!r}: {type(error).__name__}: {error}.",
            "The worker's log has the details.",
        )
