"""The errors that say how a worker was lost: what happened, what to do, and the end of its log."""

from __future__ import annotations

import math
import signal
from typing import Any

from workbench.app.errors import WorkerError

_RETRY = "Ask again: it is started anew. Its log has the details."


def not_started(name: str, problem: str, log: list[str], exit_status: int | None = None) -> WorkerError:
    """The program of worker `name` did not become ready, because of `problem`."""
    return WorkerError(
        "not_started",
        f"The worker {name!r} could not be started: {problem}.",
        "Its log has the details.",
        worker=name,
        log=log,
        **_exit_facts(exit_status),
    )


def crashed(name: str, exit_status: int | None, log: list[str]) -> WorkerError:
    """The program ended by itself; `exit_status` is the exit code or minus the signal, None if unknown."""
    facts = _exit_facts(exit_status)
    if "signal" in facts:
        how = f"by signal {facts['signal']}"
    elif "exit_code" in facts:
        how = f"with exit code {facts['exit_code']}"
    else:
        how = "by closing its output"
    return WorkerError(
        "crashed", f"The worker {name!r} ended unexpectedly, {how}.", _RETRY, worker=name, log=log, **facts
    )


def too_large(name: str, rss_bytes: int, limit_mb: int) -> WorkerError:
    """The program was killed because its resident memory was above the limit."""
    used = math.ceil(rss_bytes / 2**20)  # never as much as a limit that it is above
    return WorkerError(
        "crashed",
        f"The worker {name!r} was stopped: it used {used} MiB of memory, above its limit of {limit_mb} MiB.",
        "Use a smaller model or context, or raise workers.memory_limit_mb.",
        worker=name,
        cause="memory_limit",
        rss_mb=used,
        limit_mb=limit_mb,
    )


def hung(name: str, omission: str, log: list[str]) -> WorkerError:
    """The program was killed because it did not do what `omission` says ("answer for 10 s")."""
    return WorkerError(
        "hung",
        f"The worker {name!r} did not {omission} and was stopped.",
        _RETRY,
        worker=name,
        log=log,
    )


def unruly(name: str) -> WorkerError:
    """The program was killed because it sent far more parts than it had room for."""
    return WorkerError(
        "wire",
        f"The worker {name!r} was stopped: it sends more than is read and does not wait.",
        "The program does not follow the worker wire; report this to whoever made it.",
        worker=name,
    )


def degraded(name: str, losses: int, window_s: float, last: WorkerError | None) -> WorkerError:
    """The worker failed more than its restart limit allows and waits for a person."""
    last_sentence = f" The last time: {last.message}" if last is not None else ""
    return WorkerError(
        "degraded",
        f"The worker {name!r} failed {losses} times within {window_s:g} s and is not started again by itself."
        + last_sentence,
        "Look at its log, then restart the worker.",
        worker=name,
        last_error=last.to_dict() if last is not None else None,
    )


def _exit_facts(exit_status: int | None) -> dict[str, Any]:
    if exit_status is None:
        return {}
    if exit_status >= 0:
        return {"exit_code": exit_status}
    try:
        return {"signal": signal.Signals(-exit_status).name}
    except ValueError:
        return {"signal": str(-exit_status)}
