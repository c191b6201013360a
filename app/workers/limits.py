"""What a worker may use and how patient its supervision is."""

from __future__ import annotations

import msgspec


class WorkerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one worker; times in seconds.

    Attributes:
        start_timeout_s: from spawning a program to its `ready` line.
        heartbeat_s: pause between two pings.
        hung_after_s: silence after a ping that makes a worker hung: it is killed. Stretches in which this
            process itself did not run do not count as silence.
        cancel_grace_s: a cancelled request must be answered in this time, or the worker is hung.
        queue_limit: open requests, waiting for a start or with the program; one more is refused.
        restart_limit: losses (crash, hang, failed start) within `restart_window_s` after which a worker is
            still restarted; one more makes it degraded.
        restart_window_s: see `restart_limit`; losses older than this are forgotten.
        backoff_first_s: pause before the restart after the first loss in the window; doubles with each.
        backoff_max_s: the pause never grows beyond this.
        memory_limit_mb: resident memory in MiB above which the program is killed; 0 is no limit. A model file
            that is mapped into memory counts with the pages that are resident.
        sample_s: pause between two samples of memory and CPU.
    """

    start_timeout_s: float = 30.0
    heartbeat_s: float = 2.0
    hung_after_s: float = 15.0
    cancel_grace_s: float = 2.0
    queue_limit: int = 64
    restart_limit: int = 5
    restart_window_s: float = 60.0
    backoff_first_s: float = 0.1
    backoff_max_s: float = 5.0
    memory_limit_mb: int = 0
    sample_s: float = 2.0
