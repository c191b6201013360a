from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from workbench.app.events.event import from_json
from workbench.app.workbench import Workbench
from workbench.tests.tui.widget_host import Stage, stage
from workbench.widgets.event_list import EventList
from workbench.widgets.events_pane import EventsPane


@asynccontextmanager
async def watching(
    folder: Path,
    *,
    before: int = 0,
    size: tuple[int, int] = (100, 24),
    theme: str = "workbench-dark",
) -> AsyncIterator[tuple[Stage, EventsPane, Workbench]]:
    """Open a profile with some events in its log and a pane that shows it."""
    async with Workbench.open(folder / "profile", services=("log",), environ={}) as workbench:
        await emit(workbench, 0, before)
        await workbench.log.flush()
        pane = EventsPane()
        async with stage(pane, size, theme) as on:
            pane.attach(workbench)
            await on.until(lambda: "acme" in on.text() or "system" in on.text())
            pane.focus()
            try:
                yield on, pane, workbench
            finally:
                await pane.detach()


async def emit(workbench: Workbench, first: int, count: int) -> None:
    for number in range(first, first + count):
        await workbench.bus.emit("acme:test:counted", {"number": f"n{number}."}, source="test")


async def test_the_newest_of_the_log_and_what_comes_are_shown(tmp_path: Path) -> None:
    async with watching(tmp_path, before=3) as (on, _, workbench):
        await on.until(lambda: "n2." in on.text())
        assert "system:started" in on.text()
        await emit(workbench, 3, 2)
        await on.until(lambda: "n4." in on.text())
        assert sum("n2." in line for line in on.lines()) == 1


async def test_no_event_is_shown_twice_when_it_comes_while_the_log_is_read(tmp_path: Path) -> None:
    async with watching(tmp_path, before=5) as (on, pane, workbench):
        pane.attach(workbench)
        await emit(workbench, 5, 5)
        await on.until(lambda: "n9." in on.text())
        rows = pane.query_one(EventList)._rows
        numbers = [rows.seq(place) for place in range(len(rows))]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_it_follows_and_counts(tmp_path: Path) -> None:
    async with watching(tmp_path) as (on, _, workbench):
        await emit(workbench, 0, 200)
        await on.until(lambda: "n199." in on.text() and "delivered 200 · dropped 0" in on.text())
        assert "following" in on.lines()[0]


async def test_a_reader_who_scrolled_up_is_not_moved(tmp_path: Path) -> None:
    async with watching(tmp_path, before=300) as (on, _, workbench):
        await on.until(lambda: "n299." in on.text())
        await on.press("pageup", "pageup")
        await on.until(lambda: "paused" in on.lines()[0])
        before = on.lines()[1:-1]
        await emit(workbench, 300, 500)
        await on.until(lambda: "500 new ↓" in on.text())
        assert on.lines()[1:-1] == before
        await on.press("end")
        await on.until(lambda: "n799." in on.text() and "following" in on.lines()[0])
        assert "new ↓" not in on.text()


async def test_the_word_about_new_events_hides_no_details_and_no_half_of_a_time(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path, before=40) as (on, _, workbench):
        await on.until(lambda: "n39." in on.text())
        await on.press("up", "up", "enter")
        await on.until(lambda: "source" in on.text() or '"number"' in on.text())
        await emit(workbench, 40, 5)
        await on.until(lambda: "5 new ↓" in on.text())
        lines = on.lines()
        marked = next(line for line in lines if "5 new ↓" in line)
        rule = next(number for number, line in enumerate(lines) if "────" in line)
        assert lines.index(marked) == rule - 1
        assert marked.split("↓")[1].split()[0] == "acme:test:counted"


async def test_pausing_keeps_the_screen_and_going_on_shows_what_came(tmp_path: Path) -> None:
    async with watching(tmp_path, before=20) as (on, _, workbench):
        await on.until(lambda: "n19." in on.text())
        await on.press("space")
        await emit(workbench, 20, 350)
        await on.until(lambda: "350 new ↓" in on.text())
        assert "n19." in on.text()
        await on.press("space")
        await on.until(lambda: "n369." in on.text() and "new ↓" not in on.text())


async def test_events_that_came_too_fast_are_read_from_the_log(tmp_path: Path) -> None:
    async with watching(tmp_path, before=2) as (on, _, workbench):
        await on.until(lambda: "n1." in on.text())
        await emit(workbench, 2, 9_000)
        await on.until(lambda: "n9001." in on.text())
        await on.until(lambda: "dropped 0" not in on.lines()[0])
        await on.press("home")
        await on.press("down", "down", "down", "down")
        await on.until(lambda: "n10." in on.text())


async def test_the_whole_log_can_be_gone_through(tmp_path: Path) -> None:
    async with watching(tmp_path, before=6_000) as (on, _, _workbench):
        await on.until(lambda: "n5999." in on.text())
        await on.press("home")
        await on.until(lambda: "store:opened" in on.text() and "n3." in on.text())
        await on.press("end")
        await on.until(lambda: "n5999." in on.text())


async def test_details_follow_the_cursor(tmp_path: Path) -> None:
    async with watching(tmp_path, before=30) as (on, _, _workbench):
        await on.until(lambda: "n29." in on.text())
        await on.press("up", "enter")
        await on.until(lambda: '"number": "n29."' in on.text())
        await on.press("up")
        await on.until(lambda: '"number": "n28."' in on.text())
        assert any("n28." in line and "acme:test" in line for line in on.lines())
        await on.press("escape")
        assert '"number"' not in on.text()


async def test_long_details_can_be_scrolled_by_keys(tmp_path: Path) -> None:
    async with watching(tmp_path) as (on, _, workbench):
        await workbench.bus.emit(
            "acme:test:long", {f"key{number}": number for number in range(60)}, source="t"
        )
        await on.until(lambda: "test:long" in on.text())
        await on.press("up", "enter", "tab", "end")
        await on.until(lambda: '"key59": 59' in on.text())
        await on.press("escape", "up")
        assert '"key59"' not in on.text()


async def test_an_event_can_be_copied(tmp_path: Path) -> None:
    async with watching(tmp_path, before=3) as (on, _, _workbench):
        await on.until(lambda: "n2." in on.text())
        await on.press("c")
        said: Sequence[Any] = on.sent(EventsPane.Said)
        assert "Choose an event" in said[0].text
        await on.press("up", "c")
        copies: Sequence[Any] = on.sent(EventsPane.Copy)
        assert from_json(copies[0].text).payload == {"number": "n2."}


async def test_moving_past_the_last_event_follows_again(tmp_path: Path) -> None:
    async with watching(tmp_path, before=3) as (on, _, workbench):
        await on.until(lambda: "n2." in on.text())
        await on.press("up", "up", "down", "down")
        await emit(workbench, 3, 1)
        await on.until(lambda: "n3." in on.text())


async def test_a_click_chooses_and_a_second_one_opens(tmp_path: Path) -> None:
    async with watching(tmp_path, before=3) as (on, _, _workbench):
        await on.until(lambda: "n1." in on.text())
        row = next(y for y, line in enumerate(on.lines()) if "n1." in line)
        await on.pilot.click(offset=(5, row))
        await on.pilot.click(offset=(5, row))
        await on.until(lambda: '"number": "n1."' in on.text())


async def test_control_characters_never_reach_the_screen(tmp_path: Path) -> None:
    hostile = "\x1b[31m[bold]red[/bold]\x1b]0;t\x07\x9b"
    async with watching(tmp_path) as (on, _, workbench):
        await workbench.bus.emit("acme:test:odd", {"message": hostile, hostile: hostile}, source=hostile)
        await on.until(lambda: "[bold]red[/bold]" in on.text())
        await on.press("up", "enter")
        assert "".join(on.lines()).isprintable()


async def test_nothing_is_taken_after_it_was_detached(tmp_path: Path) -> None:
    async with watching(tmp_path) as (on, pane, workbench):
        await pane.detach()
        assert not any(sub.name == "events pane" for sub in workbench.bus.subscriptions)
        await emit(workbench, 0, 3)
        await on.pilot.pause()
        assert "n0." not in on.text()
        pane.attach(workbench)
        await on.until(lambda: "n2." in on.text())


@pytest.mark.parametrize("theme", ["workbench-dark", "workbench-light", "ansi"])
@pytest.mark.parametrize("size", [(20, 5), (56, 24), (240, 60)])
async def test_every_theme_and_size_shows_the_newest(
    tmp_path: Path, theme: str, size: tuple[int, int]
) -> None:
    async with watching(tmp_path, before=80, size=size, theme=theme) as (on, _, _workbench):
        await on.until(lambda: "acme" in on.lines()[-1])
        await on.press("up", "up", "enter")
        await on.until(lambda: size[1] < 10 or "seq" in on.text())
