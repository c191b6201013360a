"""Replay: what a hook got is made again, and its answer now is compared with the one then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.app.errors import HookError
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event, from_json, to_json
from workbench.app.hooks import pipeline
from workbench.app.hooks.event_screen import screen_events
from workbench.app.hooks.hook import Hook, HookContext, Scope
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.loop_guard import LoopGuard
from workbench.app.hooks.points import POINTS
from workbench.app.hooks.recorder import MOST_CONTEXT, RAN
from workbench.app.hooks.replay import (
    NotReplayed,
    ReplayedRun,
    differences_of,
    replay_events,
    replay_run,
    split_trace_id,
    trace_id,
)
from workbench.app.hooks.results import (
    Cache,
    Cancel,
    Continue,
    Fork,
    Modified,
    Redirect,
    Replace,
    Retry,
    Skipped,
)
from workbench.app.hooks.values import (
    ChatMessage,
    CommandCall,
    EventDraft,
    MessageText,
    ModelCall,
    PromptDraft,
    Value,
)

Act = Callable[[HookContext[Any]], Any]
LONG_S = 30.0


def a_hook(name: str, point: str, act: Act, *, is_async: bool = False, trusted: bool = False) -> Hook:
    async def later(context: HookContext[Any]) -> Any:
        await asyncio.sleep(0)
        return act(context)

    function = later if is_async else act
    return Hook(id=f"test.{name}", point=point, function=function, trusted=trusted, deadline=LONG_S)


async def traced(hooks: Hooks, bus: EventBus, point: str, value: Value) -> list[Event]:
    """Run a point's hooks and return their traces as they come back from the log."""
    found: list[Event] = []
    with bus.subscribe(RAN) as told:
        await hooks.run(POINTS[point], value, Scope("a-session", "a-turn"))
        await hooks.flush()
        while told.lag:
            found.append(from_json(to_json(await anext(told))))
    return found


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be interrupted on the event loop, where a busy machine may stop for long."""
    monkeypatch.setattr(pipeline, "LoopGuard", lambda: LoopGuard(LONG_S, LONG_S))


@pytest.fixture
async def hooks(bus: EventBus) -> AsyncIterator[Hooks]:
    made = Hooks(bus)
    yield made
    await made.close()


# --- one trace --------------------------------------------------------------------------------------------


async def test_a_hook_gets_again_what_those_before_it_made(hooks: Hooks, bus: EventBus) -> None:
    seen: list[str] = []

    def shout(context: HookContext[MessageText]) -> Modified:
        return context.change(text=context.value.text.upper())

    def look(context: HookContext[MessageText]) -> None:
        seen.append(f"{context.value.text} {context.session_id} {context.correlation_id}")

    await hooks.add([a_hook("shout", "message:received", shout), a_hook("look", "message:received", look)])
    (event,) = await traced(hooks, bus, "message:received", MessageText(text="hello"))
    with bus.subscribe("core:hook:*") as told:
        replayed = await replay_run(hooks, bus, event, 1)
        await hooks.flush()
        events = [await anext(told) for _ in range(told.lag)]
    assert seen == ["HELLO a-session a-turn"] * 2
    assert replayed.same and replayed.then == replayed.now == {"result": "continue"}
    assert replayed.trace_id == f"{event.id}:1"
    # Nothing else is told: no trace, and the figures of the hook stay.
    assert [event.name for event in events] == ["core:hook:replayed"]
    assert events[0].payload["trace"] == replayed.trace_id and events[0].parent_id == event.id
    assert [status.runs for status in hooks.statuses()] == [1, 1]


async def test_other_code_answers_otherwise(hooks: Hooks, bus: EventBus) -> None:
    await hooks.add([a_hook("h", "message:received", lambda c: c.change(text="then", message_id="m"))])
    (event,) = await traced(hooks, bus, "message:received", MessageText(text="x"))
    await hooks.add([a_hook("h", "message:received", lambda c: c.change(text="now", message_id="m"))])
    replayed = await replay_run(hooks, bus, event, 0)
    assert not replayed.same and replayed.differences == ["changes.text"]
    assert replayed.then["changes"]["text"] == ["x", "then"]
    assert replayed.now["changes"]["text"] == ["x", "now"]
    await hooks.add([a_hook("h", "message:received", lambda _c: Cancel("no"))])
    replayed = await replay_run(hooks, bus, event, 0)
    assert replayed.differences == ["result", "changes.text", "changes.message_id", "answer"]


def _sleep(_context: object) -> None:
    time.sleep(0.5)


async def test_failures_are_answers_like_others(hooks: Hooks, bus: EventBus) -> None:
    def leave(_context: object) -> None:
        raise SystemExit(1)

    def raise_thing(_context: object) -> None:
        raise ValueError(f"of {object()!r}")

    def spin(_context: object) -> None:
        while True:
            pass

    acts: list[Act] = [leave, raise_thing, lambda _c: 7, _sleep, spin, lambda _c: Redirect("no")]
    late = [a_hook(str(number), "message:stored", act) for number, act in enumerate(acts)]
    await hooks.add(msgspec.structs.replace(each, deadline=0.1) for each in late)
    (event,) = await traced(hooks, bus, "message:stored", MessageText(text="x"))
    replayed = [await replay_run(hooks, bus, event, place) for place in range(len(acts))]
    assert [run.now["error"]["code"] for run in replayed] == [
        "hook.exited",
        "hook.raised",
        "hook.bad_result",
        "hook.timeout",
        "hook.timeout",
        "hook.bad_result",
    ]
    assert [run.differences for run in replayed] == [[]] * len(acts)
    assert "traceback" not in replayed[0].then["error"]


def test_what_counts_as_a_difference() -> None:
    def failed(**facts: object) -> dict[str, Any]:
        return {"result": "failed", "error": {"code": "hook.raised", "message": "x", "line": 1, **facts}}

    assert differences_of(failed(), failed(line=9, file="/elsewhere.py")) == []
    assert differences_of(failed(), failed(message="y")) == ["error"]
    assert differences_of(failed(message="<a 0xff01>"), failed(message="<a 0x12>")) == []
    late = {"code": "hook.timeout", "message": "500 ms"}
    assert differences_of(failed(**late), failed(code="hook.timeout", message="900 ms")) == []
    assert differences_of({"result": "skipped"}, {"result": "continue"}) == ["result"]


async def _replayed(hooks: Hooks, bus: EventBus, event: Event, place: int = 0) -> str:
    with pytest.raises(HookError) as raised:
        await replay_run(hooks, bus, event, place)
    return f"{raised.value.code}: {raised.value.message}"


async def test_what_cannot_be_replayed_says_why(hooks: Hooks, bus: EventBus) -> None:
    await hooks.add([a_hook("h", "message:received", lambda _c: None)])
    (event,) = await traced(hooks, bus, "message:received", MessageText(text="x" * MOST_CONTEXT))
    assert "too large to be kept" in await _replayed(hooks, bus, event)
    (event,) = await traced(hooks, bus, "message:received", MessageText(text="x"))
    assert (await _replayed(hooks, bus, event, 1)).startswith("hook.not_found: There is no trace")
    assert (await _replayed(hooks, bus, Event(name="a:b", source="t"))).startswith("hook.not_found")
    stale = msgspec.structs.replace(event, payload={**event.payload, "context": {"words": "x"}})
    assert "does not fit message:received as it is now" in await _replayed(hooks, bus, stale)
    await hooks.add([msgspec.structs.replace(hooks.get("test.h"), deadline=None)])
    assert "waits for a person" in await _replayed(hooks, bus, event)
    await hooks.remove(["test.h"])
    assert "test.h is not registered now" in await _replayed(hooks, bus, event)
    await hooks.add([a_hook("h", "turn:started", lambda _c: None)])
    assert "is now at turn:started, not at message:received" in await _replayed(hooks, bus, event)


async def test_private_points_keep_nothing_to_replay(hooks: Hooks, bus: EventBus) -> None:
    await hooks.add([a_hook("h", "event:publish", lambda _c: Cancel("secret"))])
    draft = EventDraft(name="a:b:c", source="t", payload={})
    (event,) = await traced(hooks, bus, "event:publish", draft)
    assert "traces of event:publish do not keep what the hooks got" in await _replayed(hooks, bus, event)


async def test_a_trace_that_was_masked_is_not_replayed(hooks: Hooks, bus: EventBus) -> None:
    def mask(context: HookContext[EventDraft]) -> Modified | None:
        if context.value.name != RAN or "secret" not in str(context.value.payload):
            return None
        return context.change(payload={**context.value.payload, "context": {"text": "***"}})

    screen_events(bus, hooks)
    await hooks.add([a_hook("h", "message:received", lambda _c: None)])
    await hooks.add([a_hook("mask", "event:publish", mask)])
    (event,) = await traced(hooks, bus, "message:received", MessageText(text="a secret"))
    assert event.payload["context"] == {"text": "***"} and event.payload["screened"]
    assert "secrets were masked" in await _replayed(hooks, bus, event)
    (event,) = await traced(hooks, bus, "message:received", MessageText(text="open"))
    assert "screened" not in event.payload
    assert (await replay_run(hooks, bus, event, 0)).same


async def test_many_traces_one_after_the_other(hooks: Hooks, bus: EventBus) -> None:
    await hooks.add([a_hook("a", "message:received", lambda _c: None)])
    await hooks.add([a_hook("b", "message:received", lambda _c: None)])
    (event,) = await traced(hooks, bus, "message:received", MessageText(text="x"))
    await hooks.remove(["test.a"])

    async def events() -> AsyncIterator[Event]:
        yield Event(name="core:turn:other", source="t")
        yield event

    gone, run = [each async for each in replay_events(hooks, bus, events())]
    assert isinstance(gone, NotReplayed) and gone.hook == "test.a" and "not registered" in gone.reason
    assert isinstance(run, ReplayedRun) and run.same


def test_ids_of_traces() -> None:
    event = Event(name=RAN, source="hooks")
    assert split_trace_id(trace_id(event, 3)) == (event.id, 3)
    assert split_trace_id(event.id) == (event.id, None)


# --- a thousand of them -----------------------------------------------------------------------------------

_text = st.text(max_size=12)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=5,
)
_messages = st.lists(st.builds(ChatMessage, role=_text, content=_text), max_size=3).map(tuple)
_values: dict[str, st.SearchStrategy[Any]] = {
    "message:received": st.builds(MessageText, text=_text, message_id=_text),
    "prompt:build": st.builds(PromptDraft, model=_text, messages=_messages, limit=st.integers(0, 99)),
    "model:before": st.builds(
        ModelCall,
        model=_text,
        messages=_messages,
        temperature=st.none() | st.floats(0, 2),
        stop=st.just(("x",)),
    ),
    "command:before": st.builds(
        CommandCall, command=_text, arguments=st.dictionaries(_text, _json, max_size=3), face=_text
    ),
}


def _mutate(context: HookContext[Any]) -> None:
    arguments = getattr(context.value, "arguments", None)
    if arguments is not None:
        arguments["changed"] = len(arguments)


def _fail(error: BaseException) -> Act:
    def act(_context: object) -> None:
        raise error

    return act


def _answer(result: Any) -> Act:
    return lambda _context: result


def _acts(other: Value) -> st.SearchStrategy[Act]:
    field = st.sampled_from(type(other).__struct_fields__)
    part = st.builds(lambda name: {name: getattr(other, name)}, field)
    odd = st.sampled_from(
        [7, "text", object, {"text": "x"}, Modified(3), Modified({"none": 1}), Replace(object)]
    )
    return st.one_of(
        st.just(_mutate),
        st.just(_answer(None)),
        st.builds(lambda changes: lambda context: context.change(**changes), part),
        st.builds(lambda changes: _answer(Modified(changes)), part),
        st.just(_answer(Modified(other))),
        st.just(lambda context: context.change(**{context.value.__struct_fields__[0]: 5})),
        odd.map(_answer),
        st.builds(lambda text: _fail(ValueError(text)), _text),
        st.just(_fail(SystemExit(2))),
        st.builds(lambda text: lambda _context: print(text), _text),
        st.builds(Cancel, _text).map(_answer),
        st.builds(Replace, _json).map(_answer),
        st.builds(Redirect, _text).map(_answer),
        st.builds(Cache, _text).map(_answer),
        st.builds(Skipped, _text).map(_answer),
        st.builds(lambda change: _answer(Fork((change, other))), part),
        st.sampled_from([Continue(), Retry(), Retry(1.0, 2)]).map(_answer),
    )


@st.composite
def _cases(draw: st.DrawFn) -> tuple[str, Value, list[tuple[Act, bool, bool]]]:
    point = draw(st.sampled_from(sorted(_values)))
    value, other = draw(_values[point]), draw(_values[point])
    kinds = st.tuples(_acts(other), st.booleans(), st.booleans())
    return point, value, draw(st.lists(kinds, min_size=1, max_size=5))


@pytest.mark.slow
def test_the_same_trace_gives_the_same_answer_and_unchanged_code_the_one_it_gave() -> None:
    seen = {"runs": 0, "changed": 0}

    async def check(hooks: Hooks, bus: EventBus, case: tuple[str, Value, list[Any]]) -> None:
        point, value, acts = case
        made = [
            a_hook(str(number), point, act, is_async=is_async, trusted=trusted)
            for number, (act, is_async, trusted) in enumerate(acts)
        ]
        await hooks.add(made)
        for event in await traced(hooks, bus, point, value):
            for place in range(len(event.payload["runs"])):
                first = await replay_run(hooks, bus, event, place)
                again = await replay_run(hooks, bus, event, place)
                assert first.same, (first.then, first.now)
                assert msgspec.structs.replace(first, now_ms=0.0) == msgspec.structs.replace(
                    again, now_ms=0.0
                )
                seen["runs"] += 1
                seen["changed"] += first.then["result"] == "modified"
        await hooks.remove(each.id for each in made)

    with asyncio.Runner() as runner:

        async def make() -> tuple[Hooks, EventBus]:
            bus = EventBus(strict=True)
            return Hooks(bus), bus

        hooks, bus = runner.run(make())

        @settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(_cases())
        def thousand(case: tuple[str, Value, list[Any]]) -> None:
            runner.run(check(hooks, bus, case))

        thousand()
        runner.run(hooks.close())
    assert seen["runs"] > 1_000 and seen["changed"] > 100
