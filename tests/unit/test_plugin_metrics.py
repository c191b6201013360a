"""The metrics plugin: its counters, and how true its quantiles are."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from workbench.app.hooks import points
from workbench.app.hooks.values import TurnFacts
from workbench.app.paths import Paths
from workbench.plugins.metrics.latencies import Latencies
from workbench.plugins.metrics.plugin import MetricsPlugin
from workbench.tests.unit.plugin_kit import no_hooks_fail, plugged


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_right_to_sixteen_thousandths(durations: list[float], share: float) -> None:
    known = Latencies()
    for duration in durations:
        known.add(duration)
    exact = sorted(durations)[math.ceil(share * len(durations)) - 1]
    assert abs(known.quantile(share) - exact) <= exact / 60


def test_what_takes_no_time_counts_as_nothing() -> None:
    known = Latencies()
    assert known.quantile(0.5) == 0 and known.facts()["count"] == 0
    for duration in (0.0, -1.0, 8.0):
        known.add(duration)
    assert known.quantile(0.5) == 0
    assert known.facts() | {"p99": 0} == {"count": 3, "mean": 2.667, "p50": 0, "p90": 8, "p99": 0, "max": 8}


async def test_turns_and_replies_are_counted_and_measured(paths: Paths) -> None:
    async with plugged(MetricsPlugin, paths) as place:
        for _ in range(3):
            facts = TurnFacts(message_id="m", reason="stop", duration_ms=40.0, tokens=10)
            await place.run(points.TURN_FINISHED, facts)
            await place.finished(read=20, written=10, cached_tokens=5)
        await place.hooks.flush()
        await place.quiet()
        told = place.plugin.snapshot()
        assert told["counts"] == {
            "replies": 3,
            "tokens.read": 60,
            "tokens.read_again": 15,
            "tokens.written": 30,
            "turns": 3,
            "turns.stop": 3,
        }
        assert told["latencies"]["turn"]["count"] == 3 and told["latencies"]["turn"]["max"] == 40
        assert told["latencies"]["point.turn:finished"]["count"] == 3
        await no_hooks_fail(place)


async def test_failures_are_counted_by_their_codes(paths: Paths) -> None:
    async with plugged(MetricsPlugin, paths) as place:
        failed = {"message_id": "m", "code": "worker.crashed", "message": "…", "characters": 0}
        await place.bus.emit("core:chat:reply_failed", failed, source="chat")
        run = {"command": "help", "face": "headless", "duration_ms": 1.0, "outcome": "command.unknown"}
        await place.bus.emit("core:command:run", run, source="commands")
        await place.quiet()
        counts = place.plugin.snapshot()["counts"]
        assert counts == {"failures.command.unknown": 1, "failures.worker.crashed": 1}


async def test_nothing_is_counted_when_it_is_off(paths: Paths) -> None:
    async with plugged(MetricsPlugin, paths, metrics__enabled=False) as place:
        await place.run(points.TURN_FINISHED, TurnFacts(message_id="m"))
        await place.finished()
        await place.quiet()
        assert place.plugin.snapshot() == {"counts": {}, "latencies": {}}


async def test_names_that_others_invent_do_not_fill_the_memory(paths: Paths) -> None:
    async with plugged(MetricsPlugin, paths) as place:
        for number in range(1_000):
            run = {"command": f"c{number}", "face": "x", "duration_ms": 1.0, "outcome": f"e{number}"}
            await place.bus.emit("core:command:run", run, source="commands")
        await place.quiet()
        told = place.plugin.snapshot()
        assert len(told["counts"]) == len(told["latencies"]) == 512
