"""One open request, seen from the workbench: its parts as they come, then its answer."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from workbench.app.errors import WorkbenchError, from_dict
from workbench.app.workers.wire import PART_WINDOW

_CREDIT_STEP: Final = PART_WINDOW // 2


class Call:
    """Holds what a program has sent for one request until it is taken.

    Args:
        number: the request's id on the wire.
        method: the method that was asked for.
        session_id: for the events about this request.
        correlation_id: for the events about this request.

    Attributes:
        number, method, session_id, correlation_id: as given.
        opened: when it was made, seconds of `time.monotonic`.
        result: the answer, None before it came.
        error: the failure, None when there is none.
        buffered: bytes of part lines that wait to be taken.
    """

    def __init__(self, number: int, method: str, session_id: str | None, correlation_id: str | None) -> None:
        self.number = number
        self.method = method
        self.session_id = session_id
        self.correlation_id = correlation_id
        self.opened = time.monotonic()
        self.result: dict[str, Any] | None = None
        self.error: WorkbenchError | None = None
        self.buffered = 0
        self._parts: deque[tuple[dict[str, Any], int]] = deque()
        self._changed = asyncio.Event()
        self._grant: Callable[[int, int], None] | None = None
        self._taken = 0
        self._discarding = False

    @property
    def ended(self) -> bool:
        """Whether the answer or a failure has come."""
        return self.result is not None or self.error is not None

    def sent(self, grant: Callable[[int, int], None]) -> None:
        """Note that the request is on its way; `grant(number, size)` tells the program to send more."""
        self._grant = grant

    def add_part(self, payload: dict[str, Any], size: int) -> None:
        """Keep a part of `size` bytes on the wire."""
        if self._discarding:
            return
        self._parts.append((payload, size))
        self.buffered += size
        self._changed.set()

    def finish(self, result: dict[str, Any]) -> None:
        """Note the answer; the first of `finish` and `fail` counts."""
        if not self.ended:
            self.result = result
            self._changed.set()

    def fail(self, error: WorkbenchError) -> None:
        """Note the failure; the parts that came before it can still be taken."""
        if not self.ended:
            self.error = error
            self._changed.set()

    def discard_parts(self) -> None:
        """Throw away the parts that wait and all that still come; nobody will take them."""
        self._discarding = True
        self._parts.clear()
        self.buffered = 0

    async def next_part(self) -> dict[str, Any] | None:
        """Wait for the next part.

        Returns:
            The part's payload, or None when the answer has come and `result` holds it.

        Raises:
            WorkbenchError: the request failed; each time a new copy, since tasks may share a failure.
        """
        while not self._parts:
            if self.error is not None:
                raise from_dict(self.error.to_dict())
            if self.result is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        payload, size = self._parts.popleft()
        self._count_taken(size)
        return payload

    async def wait_ended(self) -> None:
        """Wait for the answer or a failure without taking parts; call `discard_parts` first."""
        while not self.ended:
            self._changed.clear()
            await self._changed.wait()

    def _count_taken(self, size: int) -> None:
        self.buffered -= size
        self._taken += size
        if self._taken >= _CREDIT_STEP and self._grant is not None and not self.ended:
            self._grant(self.number, self._taken)
            self._taken = 0
