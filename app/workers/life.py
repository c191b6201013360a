"""The life of a worker's process: started on demand, restarted after a loss, given up, ended."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from workbench.app.errors import WorkbenchError, WorkerError, from_dict
from workbench.app.workers.announcer import Announcer
from workbench.app.workers.connection import Connection
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.losses import degraded
from workbench.app.workers.process import WorkerSpec
from workbench.app.workers.restarts import RestartBudget
from workbench.app.workers.states import Trigger, WorkerState, next_state

RESTART_GRACE_S: Final = 3.0
"""Seconds that a process has to end by itself when it is replaced."""


class Life:
    """Keeps at most one process of a worker and the state that follows from it.

    Starting happens in one task that every waiting request shares; it belongs to this object and not to the
    request that caused it, so a request that gives up does not end the start for the others. Stops and
    restarts happen one after the other, and while one is going on no start begins.

    Args:
        spec: the program.
        limits: bounds and patience.
        announcer: told of every state change and of lines that cannot be read.

    Attributes:
        state: the present state; see `Worker`.
        since: time of the last state change, seconds since the epoch.
        connection: the ready process, None without one.
        restarts: processes that took the place of an earlier one.
        last_error: why the last process was lost or not started.
    """

    def __init__(self, spec: WorkerSpec, limits: WorkerLimits, announcer: Announcer) -> None:
        self._spec = spec
        self._limits = limits
        self._announcer = announcer
        self._budget = RestartBudget(limits)
        self._starting: asyncio.Task[Connection | WorkerError] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._closed = False
        self.state = WorkerState.STOPPED
        self.since = time.time()
        self.connection: Connection | None = None
        self.restarts = 0
        self.last_error: WorkerError | None = None

    def refuse(self) -> None:
        """Raise when a request cannot be served now.

        Raises:
            WorkerError: `worker.cancelled` after `close`, `worker.degraded` after too many losses.
        """
        self._refuse_if_closed()
        if self.state is WorkerState.DEGRADED:
            raise degraded(
                self._spec.name,
                self._limits.restart_limit + 1,
                self._limits.restart_window_s,
                self.last_error,
            )

    async def connect(self) -> Connection:
        """Return the ready process and start one if there is none.

        Raises:
            WorkerError: not_started, degraded, cancelled (stopped meanwhile).
        """
        while self.connection is None:
            self.refuse()
            if self._turn.locked():
                async with self._turn:
                    continue
            await self._outcome(self._start())
        return self.connection

    async def stop(self, grace_s: float) -> None:
        """End the process within about `grace_s` + 8 seconds, and forget earlier losses."""
        async with self._turn:
            try:
                await self._end_process(grace_s, "was stopped")
            finally:
                self._enter(Trigger.STOP)

    async def restart(self, reason: str) -> None:
        """End the process, forget earlier losses and start a new one.

        Raises:
            WorkerError: not_started; cancelled (closed, or stopped or restarted again meanwhile).
        """
        async with self._turn:
            self._refuse_if_closed()
            self._enter(Trigger.RENEW, reason)
            await self._end_process(RESTART_GRACE_S, f"was restarted: {reason}")
            start = self._start()
        await self._outcome(start)

    async def close(self, grace_s: float) -> None:
        """Stop, and refuse everything from now on."""
        self._closed = True
        await self.stop(grace_s)

    # Starting.

    def _start(self) -> asyncio.Task[Connection | WorkerError]:
        if self._starting is None or self._starting.done():
            self._enter(Trigger.START)
            self._starting = asyncio.create_task(self._launch(), name=f"worker {self._spec.name}: start")
        return self._starting

    async def _outcome(self, start: asyncio.Task[Connection | WorkerError]) -> None:
        # Not `await start`: that would cancel the shared task together with this waiter.
        await asyncio.wait({start})
        if start.cancelled():
            raise self._cut_off("was stopped before it was ready")
        outcome = start.result()
        if isinstance(outcome, WorkerError):
            raise as_own(outcome)

    async def _launch(self) -> Connection | WorkerError:
        if self._endings:  # two model processes at once may not fit into memory
            await asyncio.wait(self._endings)
        await asyncio.sleep(self._budget.delay(time.monotonic()))
        connection = Connection(self._spec, self._limits, self._on_lost, self._on_load, self._on_noise)
        try:
            await connection.open()
        except WorkerError as error:
            self._note_loss(error)
            return error
        self.connection = connection
        self.restarts += self.state is WorkerState.RESTARTING
        self._enter(Trigger.UP)
        return connection

    # Ending.

    async def _end_process(self, grace_s: float, what: str) -> None:
        """Give up a start, end the process and see it gone; `what` tells its requests why."""
        self._budget.clear()
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting})
        if self.connection is not None:
            connection, self.connection = self.connection, None
            self._end(connection, grace_s, self._cut_off(what))
        if self._endings:
            await asyncio.wait(self._endings)

    def _end(self, connection: Connection, grace_s: float, reason: WorkerError) -> None:
        task = asyncio.create_task(
            connection.close(grace_s, reason), name=f"worker {self._spec.name}: end {connection.pid}"
        )
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    # What a connection reports.

    def _on_lost(self, connection: Connection, error: WorkerError) -> None:
        if connection is self.connection:  # else it is being ended already
            self.connection = None
            self._end(connection, 0.0, error)
            self._note_loss(error)

    def _on_load(self, connection: Connection) -> None:
        if connection is not self.connection:
            return
        if connection.calls and self.state is WorkerState.READY:
            self._enter(Trigger.WORK)
        elif not connection.calls and self.state is WorkerState.BUSY:
            self._enter(Trigger.REST)

    def _note_loss(self, error: WorkerError) -> None:
        now = time.monotonic()
        self.last_error = error
        self._budget.record(now)
        given_up = self._budget.exhausted(now)
        self._enter(Trigger.GIVE_UP if given_up else Trigger.LOST, error.message)

    def _on_noise(self, problem: str) -> None:
        self._announcer.announce(
            "core:worker:log", {"worker": self._spec.name, "line": f"worker.wire: {problem}"}
        )

    def _enter(self, trigger: Trigger, reason: str = "") -> None:
        previous, self.state = self.state, next_state(self.state, trigger)
        if self.state is previous:
            return
        self.since = time.time()
        self._announcer.announce(
            "core:worker:state_changed",
            {
                "worker": self._spec.name,
                "state": str(self.state),
                "previous": str(previous),
                "reason": reason,
                "pid": self.connection.pid if self.connection is not None else None,
            },
        )

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise self._cut_off("is closed, because the workbench is ending")

    def _cut_off(self, what: str) -> WorkerError:
        return WorkerError("cancelled", f"The worker {self._spec.name!r} {what}.", worker=self._spec.name)


def as_own(error: WorkbenchError) -> WorkbenchError:
    """Return a copy: a failure that several callers meet is raised to each as its own exception."""
    return from_dict(error.to_dict())
