"""A worker's states, the one table of how they change, and the picture of a worker that panes show."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class WorkerState(StrEnum):
    """What a worker is doing; see `Worker` for the meaning of each."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    DEGRADED = "degraded"
    RESTARTING = "restarting"
    FAILED = "failed"


class Trigger(StrEnum):
    """What moves a worker from one state to another."""

    START = "start"
    """A process is about to be started."""
    UP = "up"
    """The process has said that it is ready."""
    WORK = "work"
    """A request was sent and none was open."""
    REST = "rest"
    """The last open request has ended."""
    LOST = "lost"
    """The process could not be started, ended by itself, or was killed for cause."""
    GIVE_UP = "give_up"
    """The same, and the restart limit is reached."""
    RENEW = "renew"
    """Someone asked for a restart."""
    STOP = "stop"
    """Someone asked for a stop."""


_S = WorkerState

TRANSITIONS: Final[dict[tuple[WorkerState, Trigger], WorkerState]] = {
    (_S.STOPPED, Trigger.START): _S.STARTING,
    (_S.FAILED, Trigger.START): _S.RESTARTING,
    (_S.RESTARTING, Trigger.START): _S.RESTARTING,
    (_S.STARTING, Trigger.UP): _S.READY,
    (_S.RESTARTING, Trigger.UP): _S.READY,
    (_S.READY, Trigger.WORK): _S.BUSY,
    (_S.BUSY, Trigger.REST): _S.READY,
    **{(state, Trigger.LOST): _S.FAILED for state in (_S.STARTING, _S.RESTARTING, _S.READY, _S.BUSY)},
    **{(state, Trigger.GIVE_UP): _S.DEGRADED for state in (_S.STARTING, _S.RESTARTING, _S.READY, _S.BUSY)},
    **{(state, Trigger.RENEW): _S.RESTARTING for state in _S},
    **{(state, Trigger.STOP): _S.STOPPED for state in _S},
}
"""Every change that can happen; what is not listed is a programming error."""


def next_state(state: WorkerState, trigger: Trigger) -> WorkerState:
    """Return the state that follows.

    Raises:
        ValueError: that cannot happen in this state.
    """
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise ValueError(f"a worker that is {state} cannot take {trigger}") from None


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A worker at one moment.

    Attributes:
        name: the worker's name.
        state: its state.
        pid: process id, None without a process.
        rss_bytes: resident memory at the last sample, 0 without a process.
        cpu: percent of one core between the last two samples.
        queue: requests that wait for the process to start.
        in_flight: requests that the process is working on.
        restarts: processes that took the place of an earlier one.
        last_error: the sentence of the last loss or failed start, None when there was none.
        since: time of the last state change, seconds since the epoch, UTC.
    """

    name: str
    state: WorkerState
    pid: int | None
    rss_bytes: int
    cpu: float
    queue: int
    in_flight: int
    restarts: int
    last_error: str | None
    since: float
