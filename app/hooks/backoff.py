"""How long to wait between tries.

Exponential back-off with a cap and "equal jitter": half of the wait is certain, half is random, so that many
that failed together do not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture
Blog, 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from random import random

from workbench.app.hooks.results import Retry


def wait_before(retry: Retry, attempt: int, chance: Callable[[], float] = random) -> float:
    """Return the seconds to wait after a failed try.

    Args:
        retry: the hook's answer.
        attempt: which try has failed, from 1.
        chance: gives a number from 0 to 1.
    """
    longest = min(retry.cap, retry.delay * 2.0 ** min(attempt - 1, 32))
    return longest / 2 + chance() * longest / 2
