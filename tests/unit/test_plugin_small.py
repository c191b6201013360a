"""The small built-in hooks: retry, caching, rate limit, cost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.hooks import points
from workbench.app.hooks.hook import Scope
from workbench.app.hooks.point import Point
from workbench.app.hooks.results import Cancel, Retry
from workbench.app.hooks.values import ModelFailure
from workbench.app.paths import Paths
from workbench.plugins.caching.plugin import CachingPlugin, request_key
from workbench.plugins.cost.budget import price_of
from workbench.plugins.cost.ledger import Ledger, Taken
from workbench.plugins.cost.plugin import CostPlugin
from workbench.plugins.rate_limit.bucket import Bucket
from workbench.plugins.rate_limit.plugin import RateLimitPlugin
from workbench.plugins.retry.plugin import PASSING, RetryPlugin
from workbench.tests.unit.plugin_kit import TURN, Clock, call, no_hooks_fail, plugged

OTHER = Scope(session_id="0189aa00-0000-7000-8000-000000000002", correlation_id="turn-9")


def turn(number: int, session: Scope = TURN) -> Scope:
    return Scope(session_id=session.session_id, correlation_id=f"{session.session_id}-{number}")


# --- retry --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [points.MODEL_FAILED, points.MODEL_LOAD_FAILED])
async def test_a_crash_is_tried_again_and_a_wrong_request_is_not(
    paths: Paths, point: Point[ModelFailure]
) -> None:
    async with plugged(RetryPlugin, paths, retry__attempts=4, retry__delay_s=0.25) as place:
        for code in PASSING:
            outcome = await place.run(point, ModelFailure(name="guide", code=code, message="…"))
            assert outcome.retry == Retry(0.25, 4, 10.0)
        for code in ("model.bad_request", "model.prompt_too_long", "worker.degraded", "hook.cancelled"):
            outcome = await place.run(point, ModelFailure(name="guide", code=code, message="…"))
            assert outcome.retry is None
        assert place.plugin.snapshot() == {"retries": len(PASSING)}
        await no_hooks_fail(place)


async def test_retry_gives_up_after_its_attempts_and_when_it_is_off(paths: Paths) -> None:
    crash = ModelFailure(name="guide", code="worker.crashed", message="…", attempt=3)
    async with plugged(RetryPlugin, paths, retry__attempts=3) as place:
        assert (await place.run(points.MODEL_FAILED, crash)).retry is None
        place.set(retry__attempts=9, retry__enabled=False)
        assert (await place.run(points.MODEL_FAILED, crash)).retry is None
        place.set(retry__enabled=True, retry__delay_s=20.0, retry__cap_s=1.0)
        assert (await place.run(points.MODEL_FAILED, crash)).retry == Retry(20.0, 9, 20.0)


# --- caching ------------------------------------------------------------------------------------------


async def test_only_requests_that_can_be_repeated_are_kept(paths: Paths) -> None:
    async with plugged(CachingPlugin, paths) as place:
        assert (await place.run(points.MODEL_BEFORE, call(temperature=0.0))).cache is None
        place.set(caching__enabled=True, caching__ttl_s=7.0)
        greedy = (await place.run(points.MODEL_BEFORE, call(temperature=0.0))).cache
        assert greedy is not None and greedy.ttl == 7.0
        assert (await place.run(points.MODEL_BEFORE, call(temperature=0.9, seed=1))).cache is not None
        assert (await place.run(points.MODEL_BEFORE, call(temperature=0.9))).cache is None
        assert (await place.run(points.MODEL_BEFORE, call())).cache is None
        await no_hooks_fail(place)


def test_requests_that_differ_in_anything_have_keys_of_their_own() -> None:
    calls = [
        call(temperature=0.0),
        call("hello!", temperature=0.0),
        call(temperature=0.0, seed=1),
        call(temperature=0.0, prefix="h"),
        call(temperature=0.0, stop=("x",)),
        call(temperature=0.0, max_tokens=3),
    ]
    assert len({request_key(each) for each in calls}) == len(calls)
    assert request_key(call(seed=3)) == request_key(call(seed=3))


# --- rate limit ---------------------------------------------------------------------------------------


async def test_turns_beyond_the_limit_are_refused_until_it_is_time(paths: Paths) -> None:
    clock = Clock()
    async with plugged(RateLimitPlugin, paths, made={"clock": clock}) as place:
        place.set(rate_limit__enabled=True, rate_limit__session_turns_per_minute=2)
        for number in (1, 2):
            assert (await place.run(points.MODEL_BEFORE, call(), turn(number))).decision is None
        refused = (await place.run(points.MODEL_BEFORE, call(), turn(3))).decision
        assert refused == Cancel("The limit of 2 turns a minute is reached; try again in 30 s.")
        # The same turn asks its model once more, and another session is free.
        assert (await place.run(points.MODEL_BEFORE, call(), turn(2))).decision is None
        assert (await place.run(points.MODEL_BEFORE, call(), OTHER)).decision is None
        clock.seconds += 30
        assert (await place.run(points.MODEL_BEFORE, call(), turn(3))).decision is None
        assert place.plugin.snapshot() == {"refused": 1}
        await no_hooks_fail(place)


async def test_a_long_reply_is_owed_by_the_next_turn(paths: Paths) -> None:
    clock = Clock()
    async with plugged(RateLimitPlugin, paths, made={"clock": clock}) as place:
        place.set(rate_limit__enabled=True, rate_limit__tokens_per_minute=600)
        assert (await place.run(points.MODEL_BEFORE, call(), turn(1))).decision is None
        await place.finished(read=400, written=500, cached_tokens=100)
        await place.quiet()
        refused = (await place.run(points.MODEL_BEFORE, call(), turn(2))).decision
        # 200 are owed, and one must be there: ten come in a second.
        assert refused == Cancel("The limit of 600 tokens a minute is reached; try again in 21 s.")
        clock.seconds += 21
        assert (await place.run(points.MODEL_BEFORE, call(), turn(2))).decision is None


async def test_the_rate_limit_is_off_at_first(paths: Paths) -> None:
    async with plugged(RateLimitPlugin, paths) as place:
        for number in range(100):
            assert (await place.run(points.MODEL_BEFORE, call(), turn(number))).decision is None


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 5)), max_size=60), st.integers(1, 50))
def test_a_bucket_never_gives_more_than_a_minutes_worth_at_once_and_its_rate(
    asks: list[tuple[float, int]], limit: int
) -> None:
    now, taken = 0.0, 0
    bucket = Bucket(now, limit)
    for pause, amount in asks:
        now += pause
        wanted = min(amount, limit)
        wait = bucket.wait_for(now, wanted, limit)
        if wait == 0:
            bucket.take(now, wanted, limit)
            taken += wanted
        else:
            assert 0 < wait <= 60
        assert taken <= limit + limit * now / 60 + 1e-6


# --- cost ---------------------------------------------------------------------------------------------


def a_day() -> datetime:
    return datetime(2026, 3, 4, 12, tzinfo=UTC)


async def test_replies_are_counted_by_session_day_and_model(paths: Paths) -> None:
    async with plugged(CostPlugin, paths, cost__prices=("guide=1/2", "*=0.1/0.1")) as place:
        await place.run(points.MODEL_BEFORE, call())
        await place.finished(read=1_000, written=500)
        await place.quiet()
        await place.finished(read=1_000, written=1_000, scope=OTHER)
        await place.quiet()
        ledger = place.plugin.ledger
        assert ledger.models["guide"] == Taken(1, 1_000, 500, 0.05, 2.0)
        assert ledger.session(OTHER.session_id).money == pytest.approx(0.2)
        assert ledger.total.tokens == 3_500
        first, second = await place.told("cost:reply:counted")
        assert first.payload["model"] == "guide" and first.payload["money"] == 2.0
        assert first.session_id == TURN.session_id and second.session_id == OTHER.session_id
        await no_hooks_fail(place)


async def test_a_budget_warns_once_and_then_refuses(paths: Paths) -> None:
    async with plugged(CostPlugin, paths, cost__session_tokens=1_000) as place:
        assert (await place.run(points.MODEL_BEFORE, call())).decision is None
        await place.finished(read=400, written=420)
        await place.quiet()
        await place.finished(read=10, written=10)
        await place.quiet()
        (notice,) = await place.told("core:system:notice")
        assert notice.payload["code"] == "cost.budget"
        assert notice.payload["message"] == "82 % of the budget of this session is used: 820 of 1,000 tokens."
        assert (await place.run(points.MODEL_BEFORE, call())).decision is None
        await place.finished(read=100, written=100)
        await place.quiet()
        text = "The budget of this session is used up: 1,040 of 1,000 tokens (cost.session_tokens)."
        assert (await place.run(points.MODEL_BEFORE, call())).decision == Cancel(text)
        assert (await place.run(points.MODEL_BEFORE, call(), OTHER)).decision is None


async def test_a_budget_of_a_day_holds_for_all_sessions_and_ends_with_the_day(paths: Paths) -> None:
    async with plugged(CostPlugin, paths, cost__day_seconds=0.04, made={"now": a_day}) as place:
        taken = Taken(1, 1, 1, 0.05)
        day = a_day().astimezone().date()
        place.plugin.ledger.add(taken, session_id="s", day=day.replace(day=1), model="guide")
        assert (await place.run(points.MODEL_BEFORE, call())).decision is None
        place.plugin.ledger.add(taken, session_id="s", day=day, model="guide")
        assert isinstance((await place.run(points.MODEL_BEFORE, call())).decision, Cancel)
        assert place.plugin.snapshot()["today"]["replies"] == 1


def test_a_model_without_a_price_costs_nothing() -> None:
    assert price_of(("a=1/2",), "b", 1_000, 1_000) == 0
    assert price_of(("a=1/2", "*=0.5/0"), "b", 1_000, 1_000) == 0.5
    assert price_of(("models/a=b=3/4",), "models/a=b", 500, 250) == 2.5


def test_the_ledger_stays_small() -> None:
    ledger = Ledger()
    for number in range(6_000):
        ledger.add(Taken(1), session_id=str(number), day=a_day().date(), model="m")
    assert ledger.total.replies == 6_000
    assert ledger.session("5999").replies == 1
    assert ledger.session("0").replies == 0
