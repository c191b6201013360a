"""Filters, turns, times, causes and pins in the events pane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual import events

from workbench.app.events.event import Event
from workbench.app.workbench import Workbench
from workbench.tests.tui.shell import NAMES
from workbench.tests.tui.widget_host import Stage, stage
from workbench.widgets.event_list import EventList
from workbench.widgets.event_prompt import PromptLine
from workbench.widgets.events_pane import EventsPane

START = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)


def clock() -> datetime:
    return START + timedelta(hours=5)


class Reader:
    """A pane with a log in it, and what a person does there."""

    def __init__(self, on: Stage, pane: EventsPane, workbench: Workbench) -> None:
        self.on = on
        self.pane = pane
        self.workbench = workbench

    async def publish(self, name: str, seconds: float = 0, *, turn: str | None = None, **facts: Any) -> Event:
        """Publish an event that happened so long after the start; it names its turn and its cause."""
        parent = facts.pop("parent", None)
        event = Event(
            name=name,
            source="test",
            payload=facts,
            time=START + timedelta(seconds=seconds),
            correlation_id=turn,
            parent_id=parent,
        )
        await self.workbench.bus.publish(event)
        return event

    async def filter(self, text: str) -> None:
        """Enter a filter."""
        await self.ask("slash", text)

    async def ask(self, key: str, text: str) -> None:
        """Open the line by a key, write a text there and enter it."""
        await self.write(key, text)
        await self.on.press("enter")

    async def write(self, key: str, text: str) -> None:
        """Open the line by a key and write a text there."""
        await self.on.press(key)
        await self.on.until(lambda: isinstance(self.on.app.focused, PromptLine))
        line = self.on.app.focused
        assert isinstance(line, PromptLine)
        await self.on.press("end", "ctrl+u", *(NAMES.get(letter, letter) for letter in text))
        await self.on.until(lambda: line.value == text)

    async def shows(self, *texts: str) -> None:
        """Wait until the screen shows these texts."""
        await self.on.until(lambda: all(text in self.on.text() for text in texts))

    @property
    def here(self) -> str:
        """The fact called `n` of the event under the cursor."""
        current = self.pane.query_one(EventList).current
        return str(current.payload.get("n")) if current is not None else ""

    def said(self) -> str:
        """What the pane said last."""
        said: Sequence[Any] = self.on.sent(EventsPane.Said)
        return said[-1].text if said else ""


@asynccontextmanager
async def reading(folder: Path, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Reader]:
    async with Workbench.open(folder / "profile", services=("log",), environ={}) as workbench:
        pane = EventsPane(now=clock)
        async with stage(pane, size) as on:
            pane.attach(workbench)
            pane.focus()
            await on.until(lambda: "system" in on.text())
            try:
                yield Reader(on, pane, workbench)
            finally:
                await pane.detach()


async def counted(reader: Reader, count: int = 40) -> None:
    """Publish events of two kinds, a minute apart."""
    for number in range(count):
        kind = "even" if number % 2 == 0 else "odd"
        await reader.publish(f"acme:{kind}:counted", 60 * number, n=f"n{number}.", turn=f"turn-{number // 4}")
    await reader.shows(f"n{count - 1}.")


async def test_a_search_that_has_shown_nothing_yet_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def waits(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("workbench.widgets.event_feed._PATIENCE_SECONDS", 3_600.0)
    async with reading(tmp_path) as reader:
        await counted(reader)
        monkeypatch.setattr("workbench.widgets.event_search.EventSearch.run", waits)
        await reader.filter("acme:odd:*")
        await reader.on.until(lambda: "searching" in reader.on.text())
        assert "so far" not in reader.on.text()


async def test_a_filter_shows_what_fits_of_the_past_and_of_what_comes(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader)
        await reader.filter("acme:even:*")
        await reader.shows("20 found", "n38.")
        assert "n39." not in reader.on.text() and "system" not in reader.on.text()
        await reader.publish("acme:even:counted", n="late.")
        await reader.publish("acme:odd:counted", n="other.")
        await reader.shows("21 found", "late.")
        assert "other." not in reader.on.text()
        await reader.on.press("escape")
        await reader.shows("other.", "n39.")


async def test_quotes_search_the_whole_text(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader)
        await reader.filter('"n17"')
        await reader.shows("1 found", "n17.")


async def test_nothing_fits_is_said(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await reader.filter("acme:none:*")
        await reader.shows("nothing fits")
        await reader.on.press("up", "down", "pageup", "home", "end", "enter", "c")
        await reader.publish("acme:none:counted", n="first.")
        await reader.shows("1 found", "first.")


async def test_events_that_the_bus_dropped_are_found_all_the_same(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await reader.filter("acme:even:*")
        await reader.shows("nothing fits")
        for number in range(10_000):
            kind = "even" if number % 10 == 0 else "odd"
            await reader.publish(f"acme:{kind}:counted", n=f"n{number}.")
        await reader.shows("1,000 found", "n9990.")
        rows = reader.pane.query_one(EventList)._rows
        numbers = [rows.seq(place) for place in range(len(rows))]
        assert numbers == sorted(set(numbers))


async def test_a_wrong_filter_points_at_the_character(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader, 4)
        await reader.filter('acme:even:* and cuase == "x"')
        await reader.shows("^^^^^")
        lines = reader.on.lines()
        wrong = next(y for y, line in enumerate(lines) if "cuase" in line)
        below = next(line for line in lines[wrong:] if "^^^^^" in line)
        assert below.index("^") == lines[wrong].index("cuase")
        assert "cause" in reader.on.text()
        # It goes as soon as the filter is right, and the filter that was in force is still there.
        await reader.on.press("ctrl+k", *"turn")
        await reader.on.press("escape", "escape")
        await reader.on.until(lambda: "^" not in reader.on.text())
        assert "n3." in reader.on.text()


async def test_a_mistake_shows_while_more_is_written_but_not_at_the_end(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await reader.write("slash", "acme:even:* and")
        assert "^" not in reader.on.text()
        await reader.on.press("ctrl+u", *"== 5 and seq".replace(" ", "_").replace("_", " ").split()[0])
        await reader.on.press("space", "5", "space", "a")
        await reader.shows("^")


async def test_completions_can_be_taken(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader, 4)
        await reader.write("slash", "acme:ev")
        await reader.shows("acme:even:*", "acme:even:counted")
        await reader.on.press("tab")
        line = reader.on.app.focused
        assert isinstance(line, PromptLine)
        await reader.on.until(lambda: line.value == "acme:even:* ")
        await reader.shows("both must hold")
        await reader.on.press("down", "up", "enter")
        await reader.on.until(lambda: line.value == "acme:even:* and ")
        await reader.on.press(*"payload", "full_stop")
        await reader.shows("payload.n")


async def test_earlier_filters_come_back_by_up(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader, 4)
        await reader.filter("acme:even:*")
        await reader.shows("2 found")
        await reader.filter("")
        await reader.shows("n3.")
        await reader.on.press("slash", "up", "enter")
        await reader.shows("2 found")


async def test_one_key_shows_only_the_turn_and_then_all_again(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader)
        await reader.on.press("o")
        await reader.on.until(lambda: "Choose" in reader.said())
        await reader.on.press("up", "up", "up", "up", "up", "up", "up")
        await reader.on.until(lambda: reader.here == "n33.")
        await reader.on.press("o")
        await reader.shows("4 found", "turn-8")
        await reader.on.until(lambda: reader.here == "n33.")
        await reader.on.press("o")
        await reader.on.until(lambda: "found" not in reader.on.text())
        await reader.on.until(lambda: reader.here == "n33." and "n28." in reader.on.text())


async def test_the_readers_own_filter_comes_back_after_a_turn(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader)
        await reader.filter("acme:odd:*")
        await reader.shows("20 found")
        await reader.on.press("up", "up", "o")
        await reader.shows("4 found")
        await reader.on.press("escape")
        await reader.shows("20 found")


async def test_an_event_without_a_turn_says_so(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await reader.on.press("up", "o")
        await reader.on.until(lambda: "no turn" in reader.said())


async def test_going_to_a_time(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        # An order of time: what Workbench.open has published is newer than all of this.
        store = reader.workbench.store
        await counted(reader)
        await reader.workbench.log.flush()
        await store.write("UPDATE events SET time = 0 WHERE name LIKE 'core:%'")
        local = (START + timedelta(minutes=20)).astimezone()
        await reader.write("t", f"{local:%H:%M}")
        await reader.shows("March 2026")
        await reader.on.press("enter")
        await reader.on.until(lambda: reader.here == "n20.")
        await reader.ask("t", "3h")
        await reader.on.until(lambda: "Nothing has happened" in reader.said())
        await reader.ask("t", START.isoformat())
        await reader.on.until(lambda: reader.here == "n0.")
        await reader.ask("t", "yesterday")
        await reader.shows("is no time")


async def test_causes_and_effects_are_rows_to_walk_to(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        asked = await reader.publish("acme:chat:asked", 0, turn="t1", n="asked.")
        for number in range(30):
            await reader.publish("acme:noise:made", 1, n=f"noise{number}.")
        done = await reader.publish("acme:chat:done", 2.5, turn="t1", n="done.", parent=asked.id)
        await reader.publish("acme:chat:told", 3, turn="t1", n="told.", parent=done.id)
        await reader.shows("told.")
        await reader.workbench.log.flush()
        await reader.on.press("up", "up", "enter")
        await reader.shows("1 cause · 1 effect", "−2.5 s", "+500.0 ms")
        await reader.on.press("tab", "tab", "up", "enter")
        await reader.on.until(lambda: reader.here == "asked.")
        await reader.shows('"n": "asked."')
        await reader.on.press("escape", "right_square_bracket")
        await reader.on.until(lambda: reader.here == "done.")
        await reader.on.press("left_square_bracket")
        await reader.on.until(lambda: reader.here == "asked.")
        await reader.on.press("left_square_bracket")
        await reader.on.until(lambda: "No known event" in reader.said())


async def test_a_filter_that_hides_the_cause_goes(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        asked = await reader.publish("acme:chat:asked", 0, n="asked.")
        await reader.publish("acme:tool:done", 1, n="done.", parent=asked.id)
        await reader.workbench.log.flush()
        await reader.filter("acme:tool:*")
        await reader.shows("1 found")
        await reader.on.press("up", "left_square_bracket")
        await reader.on.until(lambda: reader.here == "asked.")
        assert "filter" in reader.said()


async def test_pins_survive_filters_and_can_be_shown_alone(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader)
        await reader.on.press("P")
        await reader.on.until(lambda: "Nothing is pinned" in reader.said())
        await reader.on.press("up", "p", "up", "up", "p")
        await reader.on.until(lambda: reader.on.text().count("▪") == 3)
        await reader.filter("acme:even:*")
        await reader.shows("20 found", "n39.", "n37.")
        await reader.on.press("P")
        await reader.shows("2 found")
        await reader.on.press("P")
        await reader.shows("20 found")
        await reader.on.press("P")
        await reader.shows("2 found")
        await reader.on.press("home", "p", "down", "p")
        await reader.on.until(lambda: "▪" not in reader.on.text())


async def test_a_click_on_a_pin_goes_there(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader)
        await reader.on.press("home", "down", "down", "p", "end")
        row = next(y for y, line in enumerate(reader.on.lines()) if "▪" in line)
        await reader.on.pilot.click(offset=(20, row))
        await reader.on.until(lambda: reader.here == "n0.")


async def test_an_event_that_the_log_has_lost_is_told(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader, 10)
        await reader.workbench.log.flush()
        await reader.workbench.store.write("DELETE FROM events WHERE payload LIKE '%n4.%'")
        reader.pane.attach(reader.workbench)
        await reader.shows("is not in the log", "n3.", "n5.")


async def test_what_the_log_forgot_at_its_beginning_goes(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader, 60)
        await reader.workbench.log.flush()
        reader.pane.attach(reader.workbench)
        await reader.shows("n59.")
        await reader.workbench.store.write("DELETE FROM events WHERE seq <= 20")
        reader.pane._feed.cache = type(reader.pane._feed.cache)()  # type: ignore[union-attr]
        reader.pane.attach(reader.workbench)
        await reader.shows("n59.")
        await reader.on.press("home")
        await reader.on.until(lambda: reader.pane.query_one(EventList)._rows.seq(0) == 21)


async def test_the_events_keep_their_schema(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        event = await reader.publish("acme:x:y", n="x.")
        await reader.shows("x.")
        await reader.on.press("up", "c")
        copies: Sequence[Any] = reader.on.sent(EventsPane.Copy)
        assert msgspec.json.decode(copies[0].text)["id"] == event.id


async def test_what_a_filter_shows_can_be_exported(tmp_path: Path) -> None:
    target = tmp_path / "some.md"
    async with reading(tmp_path) as reader:
        await counted(reader)
        await reader.filter("acme:even:*")
        await reader.shows("20 found")
        await reader.write("x", str(tmp_path / "some.txt"))
        await reader.on.press("enter")
        await reader.shows("says no format")
        await reader.on.press("escape")
        await reader.write("x", str(target))
        await reader.shows("20 events as Markdown")
        await reader.on.press("enter")
        await reader.on.until(lambda: "20 events are in" in reader.said())
        assert "n38." in target.read_text() and "n39." not in target.read_text()
        await reader.ask("x", str(target))
        await reader.on.until(lambda: "there already" in reader.said())


async def test_an_export_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "some.jsonl"
    async with reading(tmp_path) as reader:
        await counted(reader)
        feed = reader.pane._feed
        assert feed is not None

        async def never(*_arguments: object, **_options: object) -> list[Event]:
            await asyncio.Event().wait()
            return []

        monkeypatch.setattr(feed.reader, "after", never)
        await reader.ask("x", str(target))
        await reader.shows("x cancels")
        await reader.on.press("x")
        await reader.on.until(lambda: "cancelled" in reader.said())
        await reader.on.until(lambda: "x cancels" not in reader.on.text())
        assert [path.name for path in tmp_path.iterdir()] == ["profile"]


async def test_a_filter_that_comes_in_one_burst_goes_into_the_line(tmp_path: Path) -> None:
    async with reading(tmp_path) as reader:
        await counted(reader, 8)
        await reader.on.press("up", "up")
        for letter in "/acme:odd:counted":
            reader.on.app.post_message(events.Key(NAMES.get(letter, letter), letter))
        reader.on.app.post_message(events.Key("enter", None))
        await reader.shows("4 found", "acme:odd:counted")
        assert not reader.on.sent(EventsPane.Copy)
