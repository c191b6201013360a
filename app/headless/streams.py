"""Standard output and standard error, written without ever holding up the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select

from workbench.app.headless.threads import on_own_thread


class OutputClosed(Exception):
    """Nobody reads standard output any more; that is no error."""


class Stream:
    """One of the standard descriptors.

    Args:
        descriptor: 1 or 2.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = asyncio.Lock()
        self.is_terminal = os.isatty(descriptor)

    @property
    def columns(self) -> int | None:
        """Cells of a line of the terminal as it is now; None where there is none, or it has no size."""
        if not self.is_terminal:
            return None
        with contextlib.suppress(OSError):
            return os.get_terminal_size(self._descriptor).columns or None
        return None

    async def write(self, text: str) -> None:
        """Write all of `text` as UTF-8; waits as long as the reader lets it.

        Raises:
            OutputClosed: there is no reader.
        """
        data = text.encode("utf-8", "replace")
        async with self._lock:
            await on_own_thread(lambda: self._write(data))

    def check(self) -> None:
        """Find out, without writing, whether anybody still reads.

        Raises:
            OutputClosed: there is no reader.
        """
        poll = select.poll()
        # Asked for nothing, it tells of nothing but the end of the other side.
        poll.register(self._descriptor, 0)
        if any(state & (select.POLLERR | select.POLLHUP) for _, state in poll.poll(0)):
            raise OutputClosed

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except BrokenPipeError:
            raise OutputClosed from None
