"""Differences of hooks' answers as lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from workbench.app.hooks.replay import ReplayedRun
from workbench.widgets.hook_diff import below, beside, change_lines, value_lines
from workbench.widgets.hook_facts import replay_lines
from workbench.widgets.text_lines import plain

TEXTS = st.text(st.sampled_from("ab \n宽"), max_size=60)


def shown(before: Any, after: Any, width: int = 60) -> list[str]:
    """Return the lines of a change as text."""
    return [plain(line) for line in change_lines(before, after, width)]


def test_before_and_after_are_told_apart_without_colour() -> None:
    assert shown("one\ntwo\nthree", "one\n2\nthree") == ["  one", "− two", "+ 2", "  three"]
    assert shown("a", "b") == ["− a", "+ b"]
    assert shown("a", "a") == ["  a"]


def test_what_differs_within_a_line_is_marked() -> None:
    removed, added = change_lines("my key is sk-1 ok", "my key is *** ok", 60)
    assert [run.text for run in removed if "part" in run.style] == ["sk-1"]
    assert [run.text for run in added if "part" in run.style] == ["***"]


def test_of_long_stretches_that_are_the_same_only_the_ends_show() -> None:
    before = "\n".join(str(number) for number in range(100))
    lines = shown(before, before.replace("\n50\n", "\nfifty\n"))
    assert lines == [
        "  ⋯ 48 lines that are the same",
        "  48",
        "  49",
        "− 50",
        "+ fifty",
        "  51",
        "  52",
        "  ⋯ 47 lines that are the same",
    ]


def test_other_values_are_compared_as_json() -> None:
    assert shown({"a": 1, "b": [2]}, {"a": 1, "b": [3]})[-5:] == [
        '    "b": [',
        "−     2",
        "+     3",
        "    ]",
        "  }",
    ]
    assert shown(None, 3) == ["− null", "+ 3"]


def test_long_lines_keep_their_sign_where_they_are_broken() -> None:
    lines = shown("word " * 20, "other " * 20, 20)
    assert all(line[:2] in ("− ", "+ ") for line in lines)
    assert all(cell_len(line) <= 20 for line in lines)


def test_nothing_that_steers_a_terminal_gets_through() -> None:
    assert not any("\x1b" in line for line in shown("\x1b[31m", {"a": "\x1b]0;x\x07"}))


def test_values_of_any_size_and_kind_are_shown() -> None:
    assert len(shown("\n".join(map(str, range(5_000))), "x")) == 5_001
    assert value_lines("a" * 200_000)[-1] == "… 100,000 more characters"
    assert value_lines(object())[0].startswith("<object")


@given(TEXTS, TEXTS, st.integers(12, 40))
def test_no_line_is_lost(before: str, after: str, width: int) -> None:
    lines = shown(before, after, width)
    hidden = sum("⋯" in line for line in lines)
    if not hidden:
        for sign, text in (("−", before), ("+", after)):
            kept = "".join(line[2:] for line in lines if line[0] in (sign, " "))
            assert kept.replace(" ", "") == text.replace("\n", "").replace(" ", "")
    assert all(cell_len(line) <= width for line in lines)


@given(TEXTS, TEXTS, st.integers(20, 80))
def test_side_by_side_fits_and_marks_only_what_differs(then: str, now: str, width: int) -> None:
    lines = [plain(line) for line in beside(then.split("\n"), now.split("\n"), width)]
    assert all(cell_len(line) <= width for line in lines)
    assert any(" ≠ " in line for line in lines) == (then != now)


def test_on_narrow_screens_then_stands_above_now() -> None:
    lines = [plain(line) for line in below(["modified", "a"], ["modified", "b"], 40)]
    assert lines == ["then", "  modified", "≠ a", "", "now", "  modified", "≠ b"]


@pytest.mark.parametrize("width", [40, 76, 96, 140])
def test_a_replay_says_what_differs(width: int) -> None:
    told = ReplayedRun(
        trace_id="e1:0",
        hook="a.one",
        point="message:received",
        then={"result": "modified", "changes": {"text": ["a", "b"]}},
        now={"result": "failed", "error": {"code": "hook.raised", "message": "KeyError: 1", "line": 3}},
        same=False,
        differences=["result", "changes.text", "error"],
        then_ms=0.3,
        now_ms=0.4,
        then_version="1",
        now_version="2",
    )
    text = "\n".join(plain(line) for line in replay_lines(told, width))
    assert "≠ differs in result, changes.text, error" in text
    assert "version 1 → 2" in text
    assert "message: KeyError: 1" in text
    assert ("│" in text or " ≠ " in text) == (width >= 96)
