"""The table of hooks: order, filter, columns, and the line about all of them."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from workbench.app.hooks.entry import HookStatus
from workbench.widgets.hook_table import SORTS, arranged, overhead_line, overhead_of, table_head, table_line
from workbench.widgets.text_lines import plain


def status(name: str, **more: Any) -> HookStatus:
    """Return a hook with figures."""
    facts: dict[str, Any] = {
        "point": "message:received",
        "plugin": name.partition(".")[0],
        "version": "1",
        "priority": 50,
        "state": "enabled",
        "where": "loop",
        "runs": 3,
        "mean_us": 5.0,
        "max_ms": 0.1,
        "share": 0.5,
    }
    return HookStatus(id=name, **{**facts, **more})


HOOKS = [
    status("b.two", runs=9, share=0.1),
    status("a.one", failures=2, last_error="hook.raised: no", state="open", reason="no"),
    status("c.three", point="command:before", share=2.0, mean_us=9_000.0, runs=0),
    status("d.four", state="disabled", max_ms=3.0),
]


def test_hooks_stand_in_running_order_until_they_are_sorted() -> None:
    assert [hook.id for hook in arranged(HOOKS, "point", "")] == [hook.id for hook in HOOKS]
    assert [hook.id for hook in arranged(HOOKS, "hook", "")] == ["a.one", "b.two", "c.three", "d.four"]
    assert arranged(HOOKS, "runs", "")[0].id == "b.two"
    assert arranged(HOOKS, "runs", "", reverse=True)[0].id == "c.three"
    assert arranged(HOOKS, "failed", "")[0].id == "a.one"
    assert arranged(HOOKS, "share", "")[0].id == "c.three"
    assert all(len(arranged(HOOKS, sort, "")) == 4 for sort in SORTS)


def test_a_filter_takes_all_words_of_what_is_known() -> None:
    assert [hook.id for hook in arranged(HOOKS, "point", "RAISED a.")] == ["a.one"]
    assert [hook.id for hook in arranged(HOOKS, "point", "disabled")] == ["d.four"]
    assert arranged(HOOKS, "point", "nothing such") == []


@pytest.mark.parametrize("width", [30, 40, 60, 76, 116, 196])
def test_lines_fit_and_stand_below_their_names(width: int) -> None:
    head = plain(table_head(width, "hook"))
    assert "hook▾" in head
    for hook in HOOKS:
        line = plain(table_line(hook, width))
        assert cell_len(line.rstrip()) <= max(width, 22)
        assert line[2:].startswith(hook.id)


def test_every_state_has_a_mark_of_its_own() -> None:
    marks = {
        plain(table_line(status("a.b", state=state), 76))[0]
        for state in ("enabled", "disabled", "open", "half_open")
    }
    assert len(marks) == 4


def test_points_that_stop_are_marked() -> None:
    assert "◆ message:received" in plain(table_line(HOOKS[0], 196, {"message:received"}))


def test_the_line_about_all_hooks_says_what_they_take() -> None:
    told = overhead_of(HOOKS, waiting=1)
    assert (told.hooks, told.disabled, told.breakers) == (4, 1, 1)
    assert told.shares == {"turn": pytest.approx(1.1)}
    assert (
        overhead_line(told, 100).plain == "1 waiting · 1 breaker open · 1 off · 4 hooks take 1.10 % of turns"
    )
    assert all(overhead_line(told, room).cell_length <= room for room in range(100))
    assert overhead_line(overhead_of([]), 40).plain == "0 hooks"


def test_hooks_that_wait_for_a_person_take_no_time() -> None:
    assert overhead_of(HOOKS[:1], patient={"b.two"}).shares == {}
