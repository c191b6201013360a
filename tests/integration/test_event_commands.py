"""The commands about events: filters on the line, following, and export."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from workbench.app.commands.builtin import builtin_registry
from workbench.app.commands.command import CommandResult, Face, context_of
from workbench.app.errors import CommandError, EventError, WorkbenchError
from workbench.app.events import export as export_module
from workbench.app.events.event import Event, from_json
from workbench.app.events.export import export_events
from workbench.app.events.filter.parse import parse_filter
from workbench.app.events.filter.syntax import Everything
from workbench.app.events.reader import EventReader
from workbench.app.store.store import Store
from workbench.app.workbench import Workbench
from workbench.tests.integration.event_log_kit import fill
from workbench.tests.integration.store_kit import wait_until
from workbench.tests.integration.test_event_reader import START, varied


@pytest.fixture
async def workbench(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path / "profile", services=("sessions",), environ={}) as opened:
        yield opened


class Pieces:
    """Takes what a command hands out."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.lines: list[str] = []
        self.asked = 0

    async def take(self, items: Sequence[Any], lines: Sequence[str]) -> None:
        self.asked += 1
        self.items += items
        self.lines += lines

    @property
    def names(self) -> list[str]:
        return [item["name"] for item in self.items]


async def ask(
    workbench: Workbench, line: str, face: Face = "slash", pieces: Pieces | None = None, said: Any = None
) -> CommandResult:
    async def say(text: str) -> None:
        if said is not None:
            said.append(text)

    registry = builtin_registry()
    hand_out = pieces.take if pieces is not None else None
    context = context_of(workbench, face, say=say, hand_out=hand_out)
    return await registry.run(registry.parse(line, face), context)


async def say_things(workbench: Workbench, *texts: str) -> None:
    for text in texts:
        await workbench.bus.emit("test:thing:said", {"text": text}, source="test")


# --- asking -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("/events query test:*", ["a fine day", "two", "three words here"]),
        ("/events query test:* --newest --limit 2", ["two", "three words here"]),
        ("/events query test:* --limit 2", ["a fine day", "two"]),
        ("/events query 'test:* and payload.text == \"two\"'", ["two"]),
        ("/events query test:* and payload.text == two", ["two"]),
        ('/events query payload.text == "a fine day" and test:*', ["a fine day"]),
        ("/events query test:* --text 'word thr'", ["three words here"]),
        ("/events query test:* --until 1h", []),
        ("/events query test:* since 1h until 0s --session nobody", []),
        ("/events query not test:* and not core:*", []),
        ("/events tail test:* --limit 1", ["three words here"]),
        ("/events tail test:* --limit 0", []),
    ],
)
async def test_filters_stand_on_the_line(workbench: Workbench, line: str, wanted: list[str]) -> None:
    await say_things(workbench, "a fine day", "two", "three words here")
    result = await ask(workbench, line)
    assert [event["payload"]["text"] for event in result.data] == wanted
    assert len(result.lines) == max(1, len(wanted))


async def test_a_wrong_filter_is_pointed_at(workbench: Workbench) -> None:
    with pytest.raises(EventError) as caught:
        await ask(workbench, "/events query 'core:* and paylod.x == 1'")
    assert (caught.value.code, caught.value.exit_code) == ("event.bad_filter", 2)
    sentence, line, mark = caught.value.message.split("\n")
    assert "character 12" in sentence
    assert line == "core:* and paylod.x == 1"
    assert mark.index("^") == line.index("paylod")
    assert "payload.x" in caught.value.hint
    assert caught.value.details["position"] == 11
    assert caught.value.details["length"] == len("paylod.x")
    assert "payload" in caught.value.details["expected"]


# --- following ----------------------------------------------------------------------------------------


async def test_following_shows_the_newest_and_then_what_comes(workbench: Workbench) -> None:
    await say_things(workbench, "one", "two", "three")
    pieces = Pieces()
    line = "/events tail test:* --follow --limit 2 --new 3"
    following = asyncio.create_task(ask(workbench, line, "headless", pieces))
    await wait_until(lambda: len(pieces.items) == 2)
    await say_things(workbench, "four", "five", "six", "seven")
    result = await following
    assert result.handed_out
    assert result.data == {"events": 5}
    assert [item["payload"]["text"] for item in pieces.items] == ["two", "three", "four", "five", "six"]
    assert len(pieces.lines) == 5
    assert all("test:thing:said" in text for text in pieces.lines)


async def test_following_ends_after_a_while(workbench: Workbench) -> None:
    pieces = Pieces()
    result = await ask(workbench, "/events tail test:* --for 0.3", "headless", pieces)
    assert result.data == {"events": 0}
    # Asked again and again whether anybody still reads.
    assert pieces.asked > 1


async def test_following_loses_nothing_of_a_burst(workbench: Workbench) -> None:
    pieces = Pieces()
    following = asyncio.create_task(
        ask(workbench, "/events tail test:* --limit 0 --new 5000", "headless", pieces)
    )
    await wait_until(lambda: pieces.asked)
    for number in range(5_000):
        await workbench.bus.emit("test:thing:said", {"text": str(number)}, source="test")
        await workbench.bus.emit("other:thing:said", {}, source="test")
    await following
    assert [item["payload"]["text"] for item in pieces.items] == [str(number) for number in range(5_000)]


async def test_following_needs_a_place_and_an_end(workbench: Workbench) -> None:
    with pytest.raises(CommandError, match="cannot go on") as caught:
        await ask(workbench, "/events tail --follow")
    assert caught.value.code == "command.not_available"
    with pytest.raises(CommandError, match="never end"):
        await ask(workbench, "/events tail --follow", "headless", Pieces())


async def test_a_cancelled_follower_leaves_nothing_running(workbench: Workbench) -> None:
    pieces = Pieces()
    following = asyncio.create_task(ask(workbench, "/events tail --follow --for 100", "headless", pieces))
    await wait_until(lambda: pieces.asked > 1)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


async def test_a_database_that_is_replaced_ends_the_following(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.app.events.follow._FILE_SECONDS", 0.0)
    pieces = Pieces()
    following = asyncio.create_task(ask(workbench, "/events tail --for 100", "headless", pieces))
    await wait_until(lambda: pieces.asked > 1)
    database = workbench.paths.database
    os.link(database, database.with_name("kept"))
    database.unlink()
    with pytest.raises(WorkbenchError, match="another file"):
        await following
    database.with_name("kept").replace(database)


# --- exporting ----------------------------------------------------------------------------------------


@pytest.fixture
async def reader(store: Store) -> EventReader:
    await fill(store, varied(2_500))
    return EventReader(store)


async def test_json_lines_hold_the_events_as_they_are(reader: EventReader, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert await export_events(reader, Everything(), path, "jsonl", now=START) == 2_500
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    assert [from_json(line) for line in lines] == varied(2_500)
    assert path.stat().st_mode & 0o777 == 0o600
    chosen = parse_filter("core:chat:* and text ~ memory")
    with pytest.raises(EventError, match="already"):
        await export_events(reader, chosen, path, "jsonl", now=START)
    count = await export_events(reader, chosen, path, "jsonl", now=START, replace=True)
    assert len(path.read_text().splitlines()) == count == await reader.count(chosen)
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["events.jsonl"]


async def test_markdown_shows_the_events_and_takes_nothing_of_them_for_markdown(
    store: Store, tmp_path: Path
) -> None:
    event = Event(
        seq=1, name="a:b", source="`x`\n# no heading", payload={"text": "```\n# no\n````"}, time=START
    )
    await fill(store, [event])
    path = tmp_path / "events.md"
    assert await export_events(EventReader(store), Everything(), path, "markdown", now=START) == 1
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^#.*", text, re.MULTILINE) == ["# Events", "## 1 `a:b`"]
    fence = re.search(r"^(`+)json\n(.*?)\n\1$", text, re.MULTILINE | re.DOTALL)
    assert fence is not None
    assert msgspec.json.decode(fence.group(2)) == event.payload


async def test_a_cancelled_export_leaves_the_old_file(
    reader: EventReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "_PAGE", 10)
    path = tmp_path / "events.jsonl"
    path.write_text("old")
    written: list[int] = []

    async def progress(count: int) -> None:
        written.append(count)

    exporting = asyncio.create_task(
        export_events(reader, Everything(), path, "jsonl", now=START, replace=True, progress=progress)
    )
    await wait_until(lambda: len(written) > 3)
    exporting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exporting
    assert written[:4] == [10, 20, 30, 40]
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["events.jsonl"]


@pytest.mark.parametrize("place", ["nowhere/x.jsonl", "folder", "n" * 300])
async def test_a_place_that_takes_no_file(reader: EventReader, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(EventError) as caught:
        await export_events(reader, Everything(), tmp_path / place, "jsonl", now=START, replace=True)
    assert caught.value.code == "event.not_exported"
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == []


async def test_a_place_that_is_no_ordinary_file_stays_as_it_is(reader: EventReader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EventError, match="no ordinary file"):
        await export_events(reader, Everything(), tmp_path / "pipe", "jsonl", now=START, replace=True)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("name", "option", "first"),
    [
        ("a.md", "", "# Events"),
        ("a.jsonl", "", '{"name"'),
        ("a", "", '{"name"'),
        ("b.md", "jsonl", '{"name"'),
    ],
)
async def test_a_file_is_written_as_its_name_says(
    workbench: Workbench, tmp_path: Path, name: str, option: str, first: str
) -> None:
    await say_things(workbench, "one")
    path = tmp_path / name
    asked = f"/events export test:* --out '{path}'{f' --format {option}' if option else ''}"
    result = await ask(workbench, asked)
    assert path.read_text().startswith(first)
    assert list(result.lines) == [f"1 event is in {path}."]


async def test_the_export_command(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.app.commands.event_export._TOLD_SECONDS", 0.0)
    await say_things(workbench, "one", "two\u2028lines")
    path, said = tmp_path / "out.jsonl", list[str]()
    result = await ask(workbench, f"/events export test:* --out '{path}'", said=said)
    assert result.data == {"path": str(path), "format": "jsonl", "events": 2}
    assert said == ["2 events written"]
    with pytest.raises(CommandError, match="already") as caught:
        await ask(workbench, f"/events export test:* --out '{path}'")
    assert "--force" in caught.value.hint
    await ask(workbench, f"/events export 'text ~ two' --out '{path}' --force")
    assert len(path.read_text(encoding="utf-8").strip("\n").split("\n")) == 1
    pieces = Pieces()
    result = await ask(workbench, "/events export test:* --out -", "headless", pieces)
    assert result.data == {"events": 2}
    assert [from_json(line).payload["text"] for line in pieces.lines] == ["one", "two\u2028lines"]
    assert len(pieces.items) == 2
    with pytest.raises(CommandError, match="no standard output"):
        await ask(workbench, "/events export --out -")
