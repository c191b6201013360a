"""Operations with hooks around them: retry, cache, fork, redirect; composites; the screen of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.errors import HookError, ModelError
from workbench.app.events.bus import EventBus
from workbench.app.hooks.around import Around, Redirected, run_around, stream_around
from workbench.app.hooks.backoff import wait_before
from workbench.app.hooks.composites import FirstMatch, Parallel, Sequential, Voting
from workbench.app.hooks.event_screen import screen_events
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.points import COMMAND_BEFORE, MESSAGE_RECEIVED, MODEL_BEFORE
from workbench.app.hooks.result_cache import ResultCache
from workbench.app.hooks.results import Cache, Cancel, Fork, Modified, Redirect, Replace, Retry, Skipped
from workbench.app.hooks.values import ChatMessage, CommandCall, MessageText, ModelCall
from workbench.tests.unit.hook_kit import Bench, bench

CALL = ModelCall(model="guide", messages=(ChatMessage("user", "hi"),))
TEXT = MessageText(text="hello")
NOW = Retry(delay=0, attempts=3, cap=0)
Context = HookContext[Any]


class Model:
    """Writes the seed of its call in pieces; fails as often as it is told to."""

    def __init__(self, failures: int = 0, *, after: int = 0) -> None:
        self.calls: list[tuple[int | None, str]] = []
        self.closed = 0
        self._failures = failures
        self._after = after

    async def write(self, call: ModelCall, branch: str) -> AsyncGenerator[str]:
        self.calls.append((call.seed, branch))
        try:
            for number in range(3):
                if len(self.calls) <= self._failures and number == self._after:
                    raise ModelError("bad_request", "The model fell over.")
                yield f"{call.seed}{number} "
                await asyncio.sleep(0)
        finally:
            self.closed += 1


async def answer(it: Bench, model: Model) -> str:
    around = Around(
        hooks=it.hooks,
        point=MODEL_BEFORE,
        operation=model.write,
        replaced=lambda result: [str(result)],
        joined=lambda branches: ["|".join("".join(branch) for branch in branches)],
        length=lambda items: sum(len(item) for item in items),
    )
    async with aclosing(stream_around(around, CALL)) as items:
        return "".join([item async for item in items])


async def hooks_answer(it: Bench, *given: Any) -> None:
    await answer_at(it, "model:before", *given)


async def answer_at(it: Bench, point: str, *given: Any) -> None:
    for number, what in enumerate(given):

        def act(_context: Context, what: Any = what) -> Any:
            return what

        act.__name__ = f"answer_{number}"
        await it.add(point, act, trusted=True)


async def test_without_hooks_it_is_done_as_it_is() -> None:
    model = Model()
    async with bench() as it:
        assert await answer(it, model) == "None0 None1 None2 "
    assert model.calls == [(None, "")]


async def test_cancel_replace_and_redirect_keep_it_from_being_done() -> None:
    model = Model()
    async with bench() as it:
        await hooks_answer(it, Cancel("not today"))
        with pytest.raises(HookError, match="not today") as refused:
            await answer(it, model)
        await hooks_answer(it, Replace("instead"))
        assert await answer(it, model) == "instead"
        await hooks_answer(it, Redirect("other"))
        with pytest.raises(Redirected) as sent:
            await answer(it, model)
    assert refused.value.code == "hook.cancelled"
    assert "test.answer_0" in refused.value.hint
    assert (sent.value.to, sent.value.hook) == ("other", "test.answer_0")
    assert model.calls == []


async def test_retry_tries_until_it_works_and_says_so() -> None:
    model = Model(failures=2)
    async with bench() as it:
        await hooks_answer(it, NOW)
        assert await answer(it, model) == "None0 None1 None2 "
        told = [event.payload for event in await it.told(":retried")]
    assert len(model.calls) == model.closed == 3
    assert [(each["attempt"], each["code"]) for each in told] == [
        (1, "model.bad_request"),
        (2, "model.bad_request"),
    ]


async def test_retry_gives_up_after_its_attempts_and_never_after_the_first_text() -> None:
    async with bench() as it:
        await hooks_answer(it, NOW)
        model = Model(failures=9)
        with pytest.raises(ModelError):
            await answer(it, model)
        assert len(model.calls) == 3
        model = Model(failures=9, after=1)
        with pytest.raises(ModelError):
            await answer(it, model)
        assert len(model.calls) == 1


async def test_a_kept_result_is_taken_until_its_time_is_over() -> None:
    time = 0.0
    model = Model()
    async with bench() as it:
        it.hooks.cache = ResultCache(clock=lambda: time)
        await hooks_answer(it, Cache("key", 10))
        first = await answer(it, model)
        time = 9.9
        assert await answer(it, model) == first
        assert len(model.calls) == 1
        time = 10
        await answer(it, model)
    assert len(model.calls) == 2


async def test_a_result_that_was_not_complete_is_not_kept() -> None:
    model = Model(failures=1, after=2)
    async with bench() as it:
        await hooks_answer(it, Cache("key"))
        with pytest.raises(ModelError):
            await answer(it, model)
        assert len(it.hooks.cache) == 0


FORK = ({"seed": 1}, {"seed": 22}, {"seed": 3})


async def test_a_fork_does_the_rest_once_for_each_value_and_joins_all_in_order() -> None:
    model = Model()
    async with bench() as it:
        await hooks_answer(it, Fork(FORK), Skipped("seen by each branch"))
        assert await answer(it, model) == "10 11 12 |220 221 222 |30 31 32 "
        runs = await it.runs()
    assert model.calls == [(1, ".1"), (22, ".2"), (3, ".3")]
    assert [run["result"] for run in runs].count("skipped") == 3


async def test_a_fork_can_take_the_longest_or_the_first_that_works() -> None:
    async with bench() as it:
        await hooks_answer(it, Fork(FORK, "longest"))
        assert await answer(it, Model()) == "220 221 222 "
        await hooks_answer(it, Fork(FORK, "first"))
        model = Model(failures=1)
        assert await answer(it, model) == "220 221 222 "
        assert model.closed == 3
        with pytest.raises(ModelError):
            await answer(it, Model(failures=3))


async def test_a_fork_fails_when_a_branch_fails_unless_another_is_as_good() -> None:
    async with bench() as it:
        await hooks_answer(it, Fork(FORK))
        model = Model(failures=1)
        with pytest.raises(ModelError):
            await answer(it, model)
        assert model.closed == len(model.calls)
        await hooks_answer(it, Fork(FORK, "longest"))
        assert await answer(it, Model(failures=2)) == "30 31 32 "
        with pytest.raises(ModelError):
            await answer(it, Model(failures=3))


async def test_a_redirect_inside_of_a_fork_is_an_error_with_the_hooks_name() -> None:
    async with bench() as it:
        await hooks_answer(it, Fork(FORK), Redirect("there"))
        with pytest.raises(HookError, match=r"test\.answer_1"):
            await answer(it, Model())


async def test_a_fork_keeps_what_hooks_before_it_decided() -> None:
    model = Model(failures=2)
    async with bench() as it:
        await hooks_answer(it, NOW, Cache("one"), Fork(FORK))
        whole = "10 11 12 |220 221 222 |30 31 32 "
        assert await answer(it, model) == whole
        assert len(model.calls) == 5
        assert await answer(it, model) == whole
        assert len(model.calls) == 5


async def test_a_redirect_to_where_it_is_done_anyway_goes_on_with_the_hooks_that_follow() -> None:
    ran: list[str] = []

    async def run(call: CommandCall) -> str:
        if not ran:
            ran.append("failed")
            raise ModelError("bad_request", "no")
        return str(call.arguments)

    async with bench() as it:
        await answer_at(it, "command:before", NOW, Redirect("here"), Modified({"arguments": {"b": 2}}))
        call = CommandCall(command="x", arguments={}, face="cli")
        here = "here".__eq__
        answered = await run_around(it.hooks, COMMAND_BEFORE, call, run, replaced=str, here=here)
    assert answered == "{'b': 2}"


async def test_a_caller_who_leaves_ends_every_branch() -> None:
    begun = asyncio.Event()
    ended: list[str] = []

    async def endless(call: ModelCall, branch: str) -> AsyncGenerator[str]:
        begun.set()
        try:
            await asyncio.Event().wait()
            yield ""
        finally:
            ended.append(branch)

    async with bench() as it:
        await hooks_answer(it, Fork(FORK))
        model = Model()
        model.write = endless  # type: ignore[method-assign]
        task = asyncio.create_task(answer(it, model))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert sorted(ended) == [".1", ".2", ".3"]


async def test_an_operation_with_one_result_knows_the_same_answers() -> None:
    calls: list[dict[str, Any]] = []

    async def run(call: CommandCall) -> str:
        calls.append(call.arguments)
        if len(calls) == 1:
            raise ModelError("bad_request", "no")
        return "done"

    def first(context: Context) -> Any:
        return context.change(arguments={**context.value.arguments, "more": True})

    async with bench() as it:
        await it.add("command:before", first, lambda _context: NOW)
        call = CommandCall(command="x", arguments={"a": 1}, face="cli")
        assert await run_around(it.hooks, COMMAND_BEFORE, call, run, replaced=str) == "done"
    assert calls == [{"a": 1, "more": True}] * 2


@given(
    delay=st.floats(0, 10),
    cap=st.floats(10, 300),
    attempt=st.integers(1, 200),
    chance=st.floats(0, 1),
)
def test_waits_double_up_to_the_cap_and_half_of_each_is_chance(
    delay: float, cap: float, attempt: int, chance: float
) -> None:
    wait = wait_before(Retry(delay, 20, cap), attempt, lambda: chance)
    longest = min(cap, delay * 2 ** min(attempt - 1, 32))
    assert longest / 2 <= wait <= longest + 1e-9
    assert wait == pytest.approx(longest * (1 + chance) / 2)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"), st.integers(0, 40), st.floats(0.1, 5), st.floats(0, 2), st.booleans()
        ),
        max_size=60,
    )
)
def test_the_cache_is_bounded_and_gives_what_was_kept_last(
    steps: list[tuple[str, int, float, float, bool]],
) -> None:
    time = 0.0
    cache = ResultCache(3, 100, clock=lambda: time)
    kept: dict[str, tuple[tuple[str], float]] = {}
    for key, size, ttl, passes, reads in steps:
        time += passes
        if reads:
            found = cache.get("p", key)
            assert found is None or (found == kept[key][0] and kept[key][1] > time)
            assert cache.get("other", key) is None
        elif cache.put("p", key, ("x" * size,), ttl):
            kept[key] = (("x" * size,), time + ttl)
        assert len(cache) <= 3
        assert 0 <= cache.bytes <= 100
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)


def test_what_cannot_be_written_or_is_too_large_is_not_kept() -> None:
    cache = ResultCache(3, 100)
    assert not cache.put("p", "k", (object(),), 10)
    assert not cache.put("p", "k", ("x" * 200,), 10)
    assert not cache.put("p", "k", ("x",), 0)
    assert len(cache) == 0


# --- composites ----------------------------------------------------------------------------------------


def adds(letter: str) -> Any:
    def add(context: Context) -> Any:
        return context.change(text=context.value.text + letter)

    return add


def says(what: Any) -> Any:
    async def say(_context: Context) -> Any:
        await asyncio.sleep(0)
        return what

    return say


async def composed(composite: Any) -> tuple[str, Any, dict[str, Any]]:
    async with bench() as it:
        await it.hooks.add([Hook(id="t.c", point="message:received", function=composite)])
        outcome = await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        (run,) = await it.runs()
    return outcome.value.text, outcome.decision, run


@pytest.mark.parametrize(
    ("composite", "text", "decision"),
    [
        (Sequential(adds("a"), says(None), adds("b")), "helloab", None),
        (Sequential(adds("a"), says(Cancel("no")), adds("b")), "hello", Cancel("no")),
        (Sequential(says(Skipped())), "hello", None),
        (Sequential(Sequential(adds("a")), FirstMatch(says(None), adds("b"))), "helloab", None),
        (Parallel(adds("a"), says(None)), "helloa", None),
        (Parallel(adds("a"), adds("a")), "helloa", None),
        (Parallel(adds("a"), says(Cancel("no")), says(Cancel("never"))), "hello", Cancel("no")),
        (Parallel(adds("a"), says(Modified({"message_id": "x"}))), "helloa", None),
        (FirstMatch(says(Skipped()), adds("a"), adds("b")), "helloa", None),
        (FirstMatch(says(None)), "hello", None),
        (Voting(says(Cancel("a")), says(Cancel("b")), adds("c")), "hello", Cancel("a")),
        (Voting(adds("a"), adds("a"), says(Cancel("no"))), "helloa", None),
        (Voting(adds("a"), adds("b"), says(Cancel("no"))), "hello", None),
        (Voting(adds("a"), says(None), says(None), quorum=1), "helloa", None),
        (Voting(adds("a"), says(None), says(None), quorum=2), "hello", None),
    ],
)
async def test_composites_answer_for_their_members(composite: Any, text: str, decision: Any) -> None:
    found_text, found, run = await composed(composite)
    assert (found_text, found) == (text, decision)
    assert run["result"] != "failed"


async def test_members_that_change_the_same_thing_differently_at_the_same_time_are_a_conflict() -> None:
    text, decision, run = await composed(Parallel(adds("a"), adds("b")))
    assert (text, decision) == ("hello", None)
    assert run["error"]["code"] == "hook.conflict"
    assert "text" in run["error"]["message"]


@pytest.mark.parametrize("kind", [Sequential, Parallel, FirstMatch, Voting])
async def test_a_member_that_raises_fails_the_whole(kind: Any) -> None:
    def boom(_context: Context) -> None:
        raise ValueError("boom")

    text, decision, run = await composed(kind(boom, says(None)))
    assert (text, decision) == ("hello", None)
    assert run["error"]["message"] == "ValueError: boom"


def test_composites_that_cannot_work_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Sequential()
    with pytest.raises(ValueError, match="impossible"):
        Voting(says(None), quorum=2)


@given(st.lists(st.sampled_from(["a", "b", "", "x"]), min_size=1, max_size=6), st.integers(1, 6))
def test_a_vote_is_won_by_the_earliest_of_the_most_frequent_answers(row: list[str], quorum: int) -> None:
    quorum = min(quorum, len(row))

    def voter(letter: str) -> Any:
        return says(None if not letter else Cancel("x") if letter == "x" else Modified({"text": letter}))

    voting = Voting(*(voter(letter) for letter in row), quorum=quorum)
    answered = asyncio.run(voting(HookContext("message:received", TEXT)))
    real = [letter for letter in row if letter]
    best = max(real, key=lambda letter: (real.count(letter), -real.index(letter)), default="")
    wins = best and real.count(best) >= quorum
    assert (answered is not None) == bool(wins)
    if wins:
        assert answered == (Cancel("x") if best == "x" else Modified({"text": best}))


# --- the screen of events -------------------------------------------------------------------------------


async def test_hooks_change_and_drop_events_before_anybody_sees_them() -> None:
    bus = EventBus(strict=True)
    hooks = Hooks(bus)
    screen_events(bus, hooks)
    assert bus.screen is None

    def masks(context: Context) -> Any:
        payload = context.value.payload
        if payload.get("secret"):
            return context.change(payload={**payload, "secret": "***"})
        return Cancel("noise") if context.value.name == "my:noise:made" else None

    await hooks.add([Hook(id="t.masks", point="event:publish", function=masks, trusted=True)])
    with bus.subscribe("my:*") as seen:
        kept = await bus.emit("my:thing:seen", {"secret": "hunter2"}, source="test")
        dropped = await bus.emit("my:noise:made", source="test")
        last = await bus.emit("my:thing:seen", {"open": 1}, source="test")
        events = await seen.next_batch()
    assert [event.payload for event in events] == [{"secret": "***"}, {"open": 1}]
    assert (kept.payload, dropped.seq) == ({"secret": "***"}, 0)
    assert last.seq == kept.seq + 1
    await hooks.close()
    assert bus.screen is None


async def test_a_screened_payload_must_still_fit_and_its_trace_shows_no_value() -> None:
    bus = EventBus(strict=True)
    hooks = Hooks(bus)
    screen_events(bus, hooks)

    def breaks(context: Context) -> Any:
        return context.change(payload={"nonsense": 1}) if context.value.name.endswith("stopped") else None

    await hooks.add([Hook(id="t.breaks", point="event:publish", function=breaks, trusted=True)])
    with bus.subscribe("core:hook:ran") as traces:
        event = await bus.emit("core:system:stopped", {"face": "tui"}, source="test")
        await hooks.flush()
        (trace,) = await traces.next_batch()
    assert event.payload == {"face": "tui"}
    assert trace.payload["context"] is None
    assert trace.payload["runs"][0]["changes"] == {"payload": []}
    await hooks.close()


async def test_a_hook_that_publishes_while_it_looks_at_an_event_does_not_look_at_its_own() -> None:
    bus = EventBus(strict=True)
    hooks = Hooks(bus)
    screen_events(bus, hooks)

    async def echoes(context: Context) -> None:
        await bus.emit("my:echo:made", {"of": context.value.name}, source="test")

    await hooks.add([Hook(id="t.echoes", point="event:publish", function=echoes)])
    with bus.subscribe("my:*") as seen:
        await bus.emit("my:thing:seen", source="test")
        names = [event.name for event in await seen.next_batch()]
    assert names == ["my:echo:made", "my:thing:seen"]
    await hooks.close()
