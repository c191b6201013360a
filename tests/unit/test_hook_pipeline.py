"""The pipeline: order, what each answer does, and which answers make sense where."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.errors import HookError
from workbench.app.hooks.breaker import BreakerLimits
from workbench.app.hooks.hook import Hook, HookContext, hook, hooks_in
from workbench.app.hooks.later_points import LATER
from workbench.app.hooks.point import Point
from workbench.app.hooks.points import MESSAGE_RECEIVED, MODEL_BEFORE, POINTS, find_point
from workbench.app.hooks.preferences import Preferences, read_preferences
from workbench.app.hooks.results import (
    KINDS,
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
from workbench.app.hooks.run import Outcome
from workbench.app.hooks.values import ChatMessage, MessageText, ModelCall, Value
from workbench.tests.unit.hook_kit import bench

TEXT = MessageText(text="hello")
CALL = ModelCall(model="guide", messages=(ChatMessage("user", "hi"),))
Context = HookContext[Any]


def example(point: Point[Any]) -> Value:
    """Return some value of a point's type."""
    made = {str: "x", int: 1, float: 1.0}
    facts: dict[str, Any] = {}
    for field in msgspec.structs.fields(point.value):
        if field.required:
            name = str(field.type)
            is_row = name.startswith("tuple")
            facts[field.name] = [] if is_row else {} if "dict" in name else made.get(field.type, "x")
    value: Value = msgspec.convert(facts, point.value)
    return value


def answers(value: Value) -> dict[str, Any]:
    """Return one answer of each kind."""
    return {
        "continue": Continue(),
        "modified": Modified(value),
        "cancel": Cancel("no"),
        "redirect": Redirect("there"),
        "replace": Replace("that"),
        "retry": Retry(),
        "fork": Fork((value,)),
        "cache": Cache("key"),
        "skipped": Skipped("why"),
    }


def test_there_are_enough_points_and_their_tables_are_whole() -> None:
    today = [point for point in POINTS.values() if not point.later]
    assert len(today) >= 24
    assert {point.name for point in LATER} == {point.name for point in POINTS.values() if point.later}
    for name, point in POINTS.items():
        assert name == point.name
        assert set(point.answers) <= set(KINDS.values()) - {"continue", "skipped"}
        assert all(point.answers.values())
        assert point.when.endswith(".")


@pytest.mark.parametrize("point", POINTS.values(), ids=lambda point: point.name)
def test_each_value_survives_being_written_and_read(point: Point[Any]) -> None:
    value = example(point)
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(value)), point.value) == value


@pytest.mark.parametrize("point", POINTS.values(), ids=lambda point: point.name)
async def test_every_answer_at_every_point_has_its_meaning_or_is_refused_by_both_names(
    point: Point[Any],
) -> None:
    value = example(point)
    async with bench(BreakerLimits(failures=100)) as it:
        for kind, answer in answers(value).items():
            await it.add(point.name, *named(answer), trusted=True)
            outcome = await it.hooks.run(point, value)
            (run,) = await it.runs() or [{"result": "untold"}]
            check_answer(point, kind, outcome, run)


def check_answer(point: Point[Any], kind: str, outcome: Outcome[Any], run: dict[str, Any]) -> None:
    """Look whether a kind of answer had its effect, or was refused."""
    allowed = kind in point.answers or kind in ("continue", "skipped")
    decided = type(outcome.decision).__name__.lower() if outcome.decision else ""
    assert (decided == kind) == (allowed and kind in ("cancel", "redirect", "replace", "fork"))
    assert (outcome.retry is not None, outcome.cache is not None) == (
        allowed and kind == "retry",
        allowed and kind == "cache",
    )
    if allowed:
        assert run["result"] in (kind, "untold") or (point.hot and kind in ("continue", "skipped"))
    else:
        assert run["error"]["code"] == "hook.bad_result"
        assert point.name in run["error"]["message"]
        assert kind in run["error"]["message"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=12))
async def test_hooks_run_by_priority_and_then_in_the_order_of_their_registration(
    wanted: list[tuple[int, bool]],
) -> None:
    order: list[int] = []

    def make(number: int) -> Any:
        def note(_context: Context) -> None:
            order.append(number)

        return note

    async with bench() as it:
        for number, (priority, trusted) in enumerate(wanted):
            added = Hook(
                id=f"t.{number}",
                point="message:received",
                function=make(number),
                priority=priority,
                trusted=trusted,
            )
            await it.hooks.add([added])
        await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        listed = [int(status.id[2:]) for status in it.hooks.statuses()]
    expected = sorted(range(len(wanted)), key=lambda number: (wanted[number][0], number))
    assert order == listed == expected


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "same", "skip", "cancel", "bad", "boom"]), max_size=8), st.booleans()
)
async def test_a_row_of_answers_has_one_outcome_whether_hooks_run_on_the_loop_or_away(
    row: list[str], trusted: bool
) -> None:
    def make(what: str) -> Any:
        def act(context: Context) -> Any:
            match what:
                case "cancel":
                    return Cancel("no")
                case "skip":
                    return Skipped("not mine")
                case "bad":
                    return Retry()
                case "boom":
                    raise ValueError(what)
                case "same":
                    return None
            return context.change(text=context.value.text + what)

        return act

    async with bench() as it:
        await it.hooks.add(
            Hook(id=f"t.{number}", point="message:received", function=make(what), trusted=trusted)
            for number, what in enumerate(row)
        )
        outcome = await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        told = await it.runs() if row else []
    ran = row[: row.index("cancel") + 1] if "cancel" in row else row
    assert outcome.value.text == "hello" + "".join(what for what in ran if what in "ab")
    assert isinstance(outcome.decision, Cancel) == ("cancel" in row)
    kinds = {"a": "modified", "b": "modified", "same": "continue", "skip": "skipped", "cancel": "cancel"}
    assert [run["result"] for run in told] == [kinds.get(what, "failed") for what in ran]


async def test_retry_and_cache_go_with_the_value_and_the_last_of_each_counts() -> None:
    async with bench() as it:
        await it.add("model:before", *named(Retry(attempts=2), Cache("one"), Retry(attempts=5), Replace("x")))
        outcome = await it.hooks.run(MODEL_BEFORE, CALL)
    assert (outcome.retry, outcome.cache) == (Retry(attempts=5), Cache("one"))
    assert outcome.decision == Replace("x")
    assert outcome.hook == "test.answer_3"


def named(*given: Any) -> list[Any]:
    """Return hooks with names of their own that answer this."""
    made = []
    for number, answer in enumerate(given):

        def act(_context: Context, answer: Any = answer) -> Any:
            return answer

        act.__name__ = f"answer_{number}"
        made.append(act)
    return made


async def test_a_fork_tells_where_its_branches_go_on() -> None:
    async with bench() as it:
        await it.add("model:before", *named(None, Fork(({"seed": 1}, {"seed": 2})), Replace("late")))
        outcome = await it.hooks.run(MODEL_BEFORE, CALL)
        assert isinstance(outcome.decision, Fork)
        assert [value.seed for value in outcome.decision.values] == [1, 2]
        rest = await it.hooks.run(MODEL_BEFORE, outcome.decision.values[0], start=outcome.position)
    assert rest.decision == Replace("late")


@pytest.mark.parametrize(
    "answer",
    [Modified({"text": 5}), Modified({"nothing": 1}), Modified(7), Modified(None), Modified(CALL), Replace],
    ids=["type", "field", "number", "none", "other point", "class"],
)
async def test_a_value_that_does_not_fit_changes_nothing_and_is_told(answer: Any) -> None:
    async with bench() as it:
        await it.add("message:received", *named(answer))
        outcome = await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        (run,) = await it.runs()
    assert outcome.value is TEXT
    assert run["error"]["code"] in ("hook.bad_value", "hook.bad_result")


@pytest.mark.parametrize("answer", [Cancel(5), Redirect(None), Cache(3), Cache("k", "x")])  # type: ignore[arg-type]
async def test_an_answer_with_fields_of_other_types_decides_nothing(answer: Any) -> None:
    async with bench() as it:
        await it.add("model:before", *named(answer))
        outcome = await it.hooks.run(MODEL_BEFORE, CALL)
        (run,) = await it.runs()
    assert outcome.decision is None
    assert outcome.cache is None
    assert run["error"]["code"] == "hook.bad_value"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Retry(attempts=0),
        lambda: Retry(delay=-1),
        lambda: Retry(delay=9, cap=1),
        lambda: Retry(cap=1e9),
        lambda: Fork(()),
        lambda: Fork((1,) * 9),
    ],
)
def test_results_that_make_no_sense_anywhere_cannot_be_made(make: Any) -> None:
    with pytest.raises(ValueError, match="needs"):
        make()


async def test_a_hook_that_is_switched_off_does_not_run_and_priorities_can_change() -> None:
    order: list[str] = []

    def first(_context: Context) -> None:
        order.append("first")

    def second(_context: Context) -> None:
        order.append("second")

    async with bench() as it:
        await it.add("message:received", first, second)
        await it.hooks.change("test.second", priority=1)
        await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        await it.hooks.change("test.first", enabled=False)
        await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        assert {status.id: status.state for status in it.hooks.statuses()} == {
            "test.first": "disabled",
            "test.second": "enabled",
        }
        await it.hooks.remove(["test.second", "unknown"])
        assert not it.hooks.has(MESSAGE_RECEIVED)
        names = [event.name.rpartition(":")[2] for event in await it.told() if not event.name.endswith("ran")]
    assert order == ["second", "first", "second"]
    assert names == ["registered", "registered", "changed", "changed", "removed"]


async def test_preferences_hold_for_hooks_that_come_later() -> None:
    async with bench() as it:
        it.hooks.preferences = read_preferences(["test.answer_0"], ["test.answer_1=7"])
        await it.add("message:received", *named(None, None))
        found = {status.id: (status.state, status.priority) for status in it.hooks.statuses()}
    assert found == {"test.answer_0": ("disabled", 50), "test.answer_1": ("enabled", 7)}
    assert read_preferences((), ()) == Preferences()


async def test_the_same_id_again_takes_the_place_of_the_old_one() -> None:
    async with bench() as it:
        await it.add("message:received", *named(Cancel("old")))
        await it.add("message:received", *named(Cancel("new")))
        outcome = await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        assert len(it.hooks.statuses()) == 1
    assert outcome.decision == Cancel("new")


async def test_unknown_names_are_told_with_the_nearest() -> None:
    async with bench() as it:
        await it.add("message:received", *named(None))
        with pytest.raises(HookError, match=r"Did you mean test\.answer_0"):
            await it.hooks.change("test.answer_1", enabled=False)
        with pytest.raises(HookError, match="hooks list"):
            await it.hooks.reset("zzz")
    with pytest.raises(HookError, match="Did you mean tool:before"):
        find_point("tool:befor")
    with pytest.raises(HookError, match="hooks points"):
        hook("nowhere at all")


@pytest.mark.parametrize("wrong", [{"priority": -1}, {"priority": 2000}, {"deadline": 0}, {"deadline": 1e9}])
def test_a_mark_with_impossible_figures_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="hook"):
        hook("message:received", **wrong)


class Holder:
    """Has hooks as methods, one of them at two points."""

    @hook("message:received", priority=3)
    @hook("message:stored")
    def both(self, _context: Context) -> None:
        """Do nothing."""

    @hook("turn:started", deadline=2)
    async def later(self, _context: Context) -> None:
        """Do nothing."""

    def other(self) -> None:
        """Be no hook."""


def test_hooks_are_found_among_attributes_in_their_order() -> None:
    found = hooks_in(Holder(), "mine", "3", file="mine.py")
    assert [(each.id, each.point, each.priority) for each in found] == [
        ("mine.both", "message:stored", 50),
        ("mine.both@message:received", "message:received", 3),
        ("mine.later", "turn:started", 50),
    ]
    assert [each.is_async for each in found] == [False, False, True]
    assert {(each.plugin, each.version, each.file) for each in found} == {("mine", "3", "mine.py")}
