"""The workbench on this terminal while many events are published in it.

`python -m workbench.benchmarks.peers.workbench_live PROFILE SIGNALS RATE SECONDS [--without-pane]`: without
the pane, it is hidden and takes no events.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import psutil

from workbench.app.events.subscription import Subscription
from workbench.app.tui import WorkbenchApp
from workbench.app.workbench import Workbench
from workbench.benchmarks.driven_app import run_workbench
from workbench.benchmarks.event_samples import sample
from workbench.benchmarks.pace import Pace, Signals, at_pace
from workbench.widgets.events_pane import EventsPane

_SLOW_CAPACITY = 1_024
_SLOW_SECONDS = 1.0
_MEGABYTE = 2**20


class Account(msgspec.Struct, frozen=True):
    """What became of the events that were published to one subscription meanwhile.

    `wrong` is how many of them it cannot say that of; only for those that get all events.
    """

    name: str
    policy: str
    delivered: int
    dropped: int
    wrong: int


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """How it went; memory in megabytes."""

    pace: Pace
    published: int
    kept: int
    accounts: list[Account]
    memory: tuple[float, float]


async def publish(workbench: Workbench, rate: int, seconds: float) -> Live:
    """Publish events, and a slow subscriber beside those that are there; return what became of them."""
    bus, process = workbench.bus, psutil.Process()

    async def emit(numbers: range) -> None:
        for number in numbers:
            made = sample(number)
            await bus.emit(
                made.name,
                made.payload,
                source=made.source,
                session_id=made.session_id,
                correlation_id=made.correlation_id,
            )

    with bus.subscribe("*", capacity=_SLOW_CAPACITY, name="slow reader") as slow:
        reading = asyncio.create_task(_read_slowly(slow))
        memory, first = process.memory_info().rss, bus.last_seq
        before = {each: (each.delivered, each.dropped, each.lag) for each in bus.subscriptions}
        pace = await at_pace(rate, seconds, emit)
        published, after = bus.last_seq - first, process.memory_info().rss
        accounts = [_account(each, counters, published) for each, counters in before.items()]
        reading.cancel()
    await workbench.log.flush()
    kept = (await workbench.store.read(_KEPT, (first, first + published)))[0][0]
    used = memory / _MEGABYTE, after / _MEGABYTE
    return Live(pace=pace, published=published, kept=kept, accounts=accounts, memory=used)


_KEPT = "SELECT count(*) FROM events WHERE seq > ? AND seq <= ?"


async def _read_slowly(subscription: Subscription) -> None:
    while await subscription.next_batch():  # noqa: ASYNC110 - it is slow on purpose
        await asyncio.sleep(_SLOW_SECONDS)


def _account(subscription: Subscription, before: tuple[int, int, int], published: int) -> Account:
    delivered, dropped = subscription.delivered - before[0], subscription.dropped - before[1]
    wrong = abs(published - delivered - dropped - (subscription.lag - before[2]))
    return Account(
        name=subscription.name,
        policy=subscription.policy,
        delivered=delivered,
        dropped=dropped,
        wrong=wrong if subscription.pattern == "*" else 0,
    )


def main() -> int:
    """Run with the arguments that the module names."""
    folder, signals, rate, seconds = (
        Path(sys.argv[1]),
        Signals(Path(sys.argv[2])),
        int(sys.argv[3]),
        sys.argv[4],
    )

    async def work(app: WorkbenchApp, workbench: Workbench) -> None:
        if "--without-pane" in sys.argv:
            app.simulate_key("ctrl+e")
            await app.screen.query_one(EventsPane).detach()
        await signals.wait()
        signals.tell(await publish(workbench, rate, float(seconds)))

    asyncio.run(run_workbench(folder, work))
    return 0


if __name__ == "__main__":
    sys.exit(main())
