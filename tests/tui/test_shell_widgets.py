"""The small parts by themselves: rows, search, the lines at the bottom, banners, times."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget

from workbench.app.models.find import ModelFile
from workbench.screens.pickers import count_text, model_rows, size_text, typed_model
from workbench.themes.loader import load_theme
from workbench.widgets.activity_line import ActivityLine
from workbench.widgets.notice_bar import Banner, NoticeBar
from workbench.widgets.row_list import Row, RowList
from workbench.widgets.search import search
from workbench.widgets.session_list import when
from workbench.widgets.status_bar import StatusBar

NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)


class One(App[None]):
    """An app of one widget in our theme."""

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        theme, _ = load_theme("workbench-dark")
        self.register_theme(theme)
        self.theme = "workbench-dark"
        self._widget = widget

    def compose(self) -> ComposeResult:
        yield self._widget

    def lines(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.screen._compositor.render_strips()]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 20, 9, 3, tzinfo=UTC), "09:03"),
        (datetime(2026, 11, 19, 23, 59, tzinfo=UTC), "Thu"),
        (datetime(2026, 11, 14, 9, 3, tzinfo=UTC), "Sat"),
        (datetime(2026, 11, 13, 9, 3, tzinfo=UTC), "13 Nov"),
        (datetime(2025, 11, 20, 9, 3, tzinfo=UTC), "2025"),
        (datetime(2026, 11, 20, 23, 0, tzinfo=UTC), "23:00"),
    ],
)
def test_a_time_takes_at_most_six_characters(moment: datetime, text: str) -> None:
    assert when(moment, NOW) == text
    assert len(text) <= 6


ROWS = [
    Row("a", "models choose", "Choose a model"),
    Row("b", "models list", "List the models"),
    Row("c", "theme", "Choose a theme"),
    Row("d", "copy", "Copy the last reply", disabled=True),
]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "abcd"),
        ("mod", "ab"),
        ("choose", "ac"),
        ("models ch", "a"),
        ("LIST", "b"),
        ("mdls", "ab"),
        ("reply", "d"),
        ("no such thing", ""),
        ("[bold]", ""),
    ],
)
def test_search_finds_words_then_letters_in_order(query: str, ids: str) -> None:
    assert "".join(row.id for row in search(ROWS, query)) == ids


def test_search_marks_what_matched() -> None:
    assert search(ROWS, "choose")[0].marks == tuple(range(7, 13))
    assert search(ROWS, "theme")[0].marks == tuple(range(5))


async def test_rows_are_aligned_and_cut_and_never_parsed() -> None:
    rows = RowList()
    async with One(rows).run_test(size=(40, 6)) as pilot:
        rows.show(
            [
                Row("1", "short", "detail", "now", mark="▍"),
                Row("2", "[red]not markup[/] \x1b[31m", "a detail that is far too long for its place", "x"),
                Row("3", "宽字符标题", "wide"),
            ]
        )
        await pilot.pause()
        lines = pilot.app.lines()  # type: ignore[attr-defined]
        assert all(len(line) <= 40 for line in lines)
        assert lines[0].startswith("▍ short")
        assert lines[0].endswith("now")
        assert "[red]not" in lines[1]
        assert "\x1b" not in lines[1]
        assert "…" in lines[1]
        assert lines[0].index("detail") > 8


async def test_the_cursor_goes_around_the_ends_and_by_pages() -> None:
    rows = RowList()
    async with One(rows).run_test(size=(30, 5)) as pilot:
        rows.show([Row(str(number), f"row {number}") for number in range(100)])
        rows.focus()
        await pilot.press("up")
        assert rows.cursor == 99
        await pilot.press("down", "pagedown")
        assert rows.cursor == 4
        await pilot.press("end")
        assert rows.cursor == 99
        await pilot.pause()
        assert "row 99" in "".join(pilot.app.lines())  # type: ignore[attr-defined]
        await pilot.press("home")
        assert rows.cursor == 0
        rows.show([Row(str(number), f"row {number}") for number in range(50, 60)], cursor="57")
        assert (rows.row and rows.row.label) == "row 57"
        rows.show([])
        assert not rows.rows
        await pilot.press("down", "enter", "pagedown", "end")


@pytest.mark.parametrize("width", [10, 20, 34, 60, 80, 140])
async def test_the_status_bar_fits_every_width(width: int) -> None:
    bar = StatusBar()
    async with One(bar).run_test(size=(width, 3)) as pilot:
        bar.model, bar.worker, bar.session, bar.speed = (
            "guide",
            "ready",
            "[b]how do I load a model?[/]",
            1620.4,
        )
        await pilot.pause()
        line = pilot.app.lines()[0]  # type: ignore[attr-defined]
        assert len(line) <= width
        assert "gu" in line
        if width >= 60:
            assert "ctrl+p commands" in line
        if width >= 80:
            assert "1,620 tokens/s" in line
        if width >= 140:
            assert "[b]how do I load a model?[/]" in line


async def test_what_the_status_bar_says_goes_again() -> None:
    bar = StatusBar()
    async with One(bar).run_test(size=(60, 3)) as pilot:
        bar.say("first")
        bar.say("second \x1b[31m", "error")
        await pilot.pause()
        assert "second ␛[31m" in pilot.app.lines()[0]  # type: ignore[attr-defined]
        bar.say("")
        await pilot.pause()
        assert "commands" in pilot.app.lines()[0]  # type: ignore[attr-defined]


async def test_banners_come_and_go() -> None:
    bar = NoticeBar()
    async with One(bar).run_test(size=(60, 6)) as pilot:
        assert not bar.display
        bar.show(Banner("a", "first thing", "do this", "offer"))
        bar.show(Banner("disk", "the disk is full", level="error", lasting=True))
        await pilot.pause()
        text = " ".join(pilot.app.lines())  # type: ignore[attr-defined]
        assert "the disk is full" in text
        assert "+1 more" in text
        assert not bar.dismiss()
        bar.hide("disk")
        await pilot.pause()
        assert "first thing" in " ".join(pilot.app.lines())  # type: ignore[attr-defined]
        assert bar.dismiss()
        assert not bar.display


async def test_the_activity_line_shows_how_far_it_is() -> None:
    line = ActivityLine()
    async with One(line).run_test(size=(60, 3)) as pilot:
        line.show("Loading guide", 0.5, "esc stop")
        await pilot.pause()
        text = pilot.app.lines()[0]  # type: ignore[attr-defined]
        assert "Loading guide" in text
        assert "50%" in text
        assert "esc stop" in text
        line.show("")
        await pilot.pause()
        assert pilot.app.lines()[0] == ""  # type: ignore[attr-defined]


def test_sizes_and_counts_read_well() -> None:
    assert [size_text(size) for size in (12, 9_500_000, 4_700_000_000)] == ["12 B", "9 MB", "4.4 GB"]
    assert [count_text(count) for count in (950, 4_720_000, 7_200_000_000)] == ["950", "4.7M", "7.2B"]


def test_a_model_that_cannot_be_used_says_why() -> None:
    models = [
        ModelFile(
            name="guide", path=Path("/a/guide.gguf"), size_bytes=9_500_000, built_in=True, context=2048
        ),
        ModelFile(name="bad", path=Path("/a/bad.gguf"), size_bytes=3, problem="It is no GGUF file."),
    ]
    guide, bad = model_rows(models, "guide")
    assert guide.strong
    assert "context 2,048" in guide.detail
    assert bad.disabled
    assert bad.detail == "It is no GGUF file."
    assert bad.id == "/a/bad.gguf"


def test_only_what_looks_like_a_path_is_one() -> None:
    assert typed_model("guide") is None
    for text in ("~/models/a.gguf", "a.gguf", "./a"):
        assert typed_model(text) is not None
