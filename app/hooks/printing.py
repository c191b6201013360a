"""Keeps what hooks print away from the screen and from results on stdout: it becomes part of their traces."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, TextIO

_MOST_KEPT: Final = 2_000

_printed_by: ContextVar[Printed | None] = ContextVar("workbench_hook_output", default=None)


class Printed:
    """What one run of hooks printed, up to 2,000 characters.

    Use it as a context manager around the hooks' code; it holds in tasks and threads begun there, too.
    """

    __slots__ = ("_token", "text")

    def __init__(self) -> None:
        self.text = ""
        self._token: Any = None

    def __enter__(self) -> Printed:
        self._token = _printed_by.set(self)
        return self

    def __exit__(self, *_exception: object) -> None:
        _printed_by.reset(self._token)

    def take(self) -> str:
        """Return what was printed since the last time."""
        text, self.text = self.text, ""
        return text


class _Router:
    """Stands in for a standard stream; writes of hooks go to their `Printed`, all others pass."""

    def __init__(self, stream: TextIO, current: Callable[[], Printed | None]) -> None:
        self.stream = stream
        self._current = current

    def write(self, text: str) -> int:
        """Write a text where it belongs."""
        printed = self._current()
        if printed is None:
            return self.stream.write(text)
        printed.text = (printed.text + str(text))[:_MOST_KEPT]
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class PrintCapture:
    """Puts the routers in the place of `sys.stdout` and `sys.stderr`, from `open` to `close`.

    Args:
        on_loop: tells whether a hook is at work on the event loop at this moment.
    """

    def __init__(self, on_loop: Callable[[], bool]) -> None:
        self.inline = Printed()
        """What hooks print that run on the event loop without a context of their own."""
        self._on_loop = on_loop
        self._loop_thread = 0
        self._routers: dict[str, _Router] = {}

    def open(self) -> None:
        """Begin, in the event loop's thread; a second call does nothing."""
        self._loop_thread = threading.get_ident()
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if name not in self._routers and stream is not None:
                self._routers[name] = _Router(stream, self._current)
                setattr(sys, name, self._routers[name])

    def close(self) -> None:
        """Give the streams back, unless somebody else has taken their places since."""
        for name, router in self._routers.items():
            if getattr(sys, name) is router:
                setattr(sys, name, router.stream)
        self._routers.clear()

    def _current(self) -> Printed | None:
        printed = _printed_by.get()
        if printed is None and self._on_loop() and threading.get_ident() == self._loop_thread:
            return self.inline
        return printed
