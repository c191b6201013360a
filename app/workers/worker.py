"""A supervised model process as the rest of the workbench sees it: requests in, answers out."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from workbench.app.errors import WorkbenchError, WorkerError
from workbench.app.events.bus import EventBus
from workbench.app.workers.announcer import Announcer
from workbench.app.workers.calls import Call
from workbench.app.workers.life import Life
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.process import WorkerSpec
from workbench.app.workers.sampling import Sample
from workbench.app.workers.states import WorkerState, WorkerStatus


class Worker:
    """One worker program, kept alive as long as it is wanted.

    States (`states.TRANSITIONS` is the table):

    | state | meaning | the next request |
    |---|---|---|
    | stopped | there is no process, and nobody misses it | starts it |
    | starting | the first process is on its way to `ready` | waits |
    | ready | the process is idle | is sent |
    | busy | the process has open requests | is sent |
    | failed | the process was lost or could not be started; there is none now | restarts it |
    | restarting | a new process takes the place of an earlier one, after its back-off | waits |
    | degraded | it was lost too often; only `restart` or `stop` leads out | fails at once |

    A process is lost when it ends by itself, falls silent, does not end a cancelled request, breaks the
    wire's rules or grows above the memory limit. Everything that was open fails then with the reason; parts
    that had arrived are delivered first. Restarts are lazy: a worker that nobody asks stays `failed`.

    Everything belongs to one event loop. Each state change emits `core:worker:state_changed`, each request
    that ends `core:worker:request_finished`.

    Args:
        spec: the program.
        bus: where the events go.
        limits: bounds and patience.

    Attributes:
        spec: as given.
        limits: as given.
    """

    def __init__(self, spec: WorkerSpec, bus: EventBus, limits: WorkerLimits) -> None:
        self.spec = spec
        self.limits = limits
        self._announcer = Announcer(bus, f"worker.{spec.name}")
        self._life = Life(spec, limits, self._announcer)
        self._numbers = itertools.count(1)
        self._open = 0
        self._unsent: set[Call] = set()

    @property
    def state(self) -> WorkerState:
        """The present state."""
        return self._life.state

    @property
    def pid(self) -> int | None:
        """The process id, None without a ready process."""
        return self._life.connection.pid if self._life.connection is not None else None

    @property
    def restarts(self) -> int:
        """How many processes took the place of an earlier one."""
        return self._life.restarts

    @property
    def last_error(self) -> WorkerError | None:
        """Why the last process was lost or not started; None when that never happened."""
        return self._life.last_error

    def status(self) -> WorkerStatus:
        """Return the worker's present picture; memory and CPU are those of the last sample."""
        connection = self._life.connection
        sample = connection.sample if connection is not None else Sample()
        return WorkerStatus(
            name=self.spec.name,
            state=self._life.state,
            pid=self.pid,
            rss_bytes=sample.rss_bytes,
            cpu=sample.cpu,
            queue=len(self._unsent),
            in_flight=len(connection.calls) if connection is not None else 0,
            restarts=self._life.restarts,
            last_error=self._life.last_error.message if self._life.last_error is not None else None,
            since=self._life.since,
        )

    async def start(self) -> None:
        """Start the process unless it runs.

        Raises:
            WorkerError: not_started, degraded, cancelled (stopped meanwhile).
        """
        await self._life.connect()

    async def stop(self, grace_s: float = 3.0) -> None:
        """End the process and what it started; open requests fail with `worker.cancelled`.

        Args:
            grace_s: seconds that it has to end by itself.

        The next request starts it again. Takes at most `grace_s` + 10 seconds.
        """
        await self._life.stop(grace_s)
        await self._announcer.flush()

    async def restart(self, reason: str) -> None:
        """End the process and start a new one; forget earlier losses.

        Args:
            reason: told in the events and to the requests that this cuts off.

        Raises:
            WorkerError: not_started; cancelled (stopped or restarted again meanwhile).
        """
        await self._life.restart(reason)

    async def close(self, grace_s: float = 3.0) -> None:
        """Stop for good: later requests are refused instead of starting the process again."""
        await self._life.close(grace_s)
        await self._announcer.flush()

    async def request(
        self,
        method: str,
        params: dict[str, Any],
        *,
        timeout: float | None,
        session_id: str | None = None,
        correlation_id: str | None = None,
    ) -> dict[str, Any]:
        """Ask for something and wait for the answer; parts are thrown away.

        Args:
            method: what the program should do.
            params: JSON-able parameters.
            timeout: seconds for all of it, a start included; None waits as long as the worker lives. Ending
                the request after that takes `limits.cancel_grace_s` more at most.
            session_id: for the events about this request.
            correlation_id: for the events about this request.

        Returns:
            The result.

        Raises:
            WorkerError: not_started, crashed, hung, degraded, overloaded, timeout, cancelled (the worker was
                stopped or restarted), unknown_method, wire.
            WorkbenchError: whatever the program answered with.
        """
        began = asyncio.get_running_loop().time()
        async with self._call(method, session_id, correlation_id) as call:
            async with self._deadline(timeout, method, began):
                await self._send(call, params)
                while await call.next_part() is not None:
                    pass
            return call.result or {}

    async def stream(
        self,
        method: str,
        params: dict[str, Any],
        *,
        timeout: float | None = None,
        session_id: str | None = None,
        correlation_id: str | None = None,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Ask for something and iterate over the parts of the answer, then `{"result": {...}}`.

        Closing or cancelling the iterator cancels the request in the program and waits for it to end, at most
        `limits.cancel_grace_s`; a program that does not end it is killed. A slow reader slows down its own
        stream only.

        Args:
            method: what the program should do.
            params: JSON-able parameters.
            timeout: seconds for all of it, as for `request`; None waits.
            session_id: for the events about this request.
            correlation_id: for the events about this request.

        Raises:
            WorkbenchError: as `request`; parts that came before a failure are yielded first.
        """
        began = asyncio.get_running_loop().time()
        async with self._call(method, session_id, correlation_id) as call:
            async with self._deadline(timeout, method, began):
                await self._send(call, params)
                part = await call.next_part()
            while part is not None:
                yield part
                # Not around the `yield`: the next part may be asked for by another task.
                async with self._deadline(timeout, method, began):
                    part = await call.next_part()
            yield {"result": call.result or {}}

    @asynccontextmanager
    async def _call(
        self, method: str, session_id: str | None, correlation_id: str | None
    ) -> AsyncIterator[Call]:
        """Admit a request, and end it in the program however its caller leaves."""
        self._life.refuse()
        self._refuse_overload()
        call = Call(next(self._numbers), method, session_id, correlation_id)
        self._open += 1
        self._unsent.add(call)
        outcome = "cancelled"
        try:
            yield call
        except WorkbenchError as error:
            outcome = error.code
            raise
        finally:
            self._unsent.discard(call)
            outcome = "ok" if call.result is not None else outcome
            try:
                if self._life.connection is not None:
                    await self._life.connection.cancel(call)
            finally:
                self._open -= 1
                self._announce_end(call, outcome)

    async def _send(self, call: Call, params: dict[str, Any]) -> None:
        connection = await self._life.connect()
        self._unsent.discard(call)
        await connection.send(call, params)

    def _refuse_overload(self) -> None:
        if self._open >= self.limits.queue_limit:
            raise WorkerError(
                "overloaded",
                f"The worker {self.spec.name!r} has {self._open} open requests and takes no more.",
                "Wait until some of them are done.",
                worker=self.spec.name,
                limit=self.limits.queue_limit,
            )

    @asynccontextmanager
    async def _deadline(self, seconds: float | None, method: str, began: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(None if seconds is None else began + seconds):
                yield
        except TimeoutError:
            raise WorkerError(
                "timeout",
                f"The worker {self.spec.name!r} did not answer {method!r} within {seconds:g} s.",
                "Try again, or allow more time.",
                worker=self.spec.name,
                method=method,
            ) from None

    def _announce_end(self, call: Call, outcome: str) -> None:
        self._announcer.announce(
            "core:worker:request_finished",
            {
                "worker": self.spec.name,
                "method": call.method,
                "request_id": call.number,
                "duration_ms": round((time.monotonic() - call.opened) * 1000, 3),
                "outcome": outcome,
            },
            session_id=call.session_id,
            correlation_id=call.correlation_id,
        )
