"""The JSON-lines log: every event one line, in files that are rotated by size, whatever the disk does."""

from __future__ import annotations

import asyncio
import json
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from workbench.app.events import json_lines as json_lines_module
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event, from_json
from workbench.app.events.json_lines import JsonLinesLog, RotatingFile

STOPPED = "core:system:stopped"


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


async def publish(bus: EventBus, count: int) -> list[Event]:
    return [await bus.emit(STOPPED, {"face": "test"}, source="test") for _ in range(count)]


async def test_every_event_becomes_a_line(tmp_path: Path, bus: EventBus) -> None:
    path = tmp_path / "logs" / "events.jsonl"
    log = JsonLinesLog(bus, RotatingFile(path, 10**6, 3))
    events = await publish(bus, 2500)
    await log.close()
    await publish(bus, 1)
    assert [from_json(line) for line in lines(path)] == events
    assert (log.failed, log.dropped) == (0, 0)
    assert path.parent.stat().st_mode & 0o077 == 0


async def test_a_later_start_appends(tmp_path: Path, bus: EventBus) -> None:
    path = tmp_path / "events.jsonl"
    for _ in range(3):
        log = JsonLinesLog(bus, RotatingFile(path, 10**6, 3))
        await publish(bus, 4)
        await log.close()
    assert [json.loads(line)["seq"] for line in lines(path)] == list(range(1, 13))


async def test_an_event_that_json_cannot_carry_stops_nothing(tmp_path: Path, bus: EventBus) -> None:
    path = tmp_path / "events.jsonl"
    log = JsonLinesLog(bus, RotatingFile(path, 10**6, 3))
    await bus.publish(Event(name="plugin:x", source="\udce9", payload={"thing": object()}))
    await publish(bus, 1)
    await log.close()
    assert [json.loads(line)["seq"] for line in lines(path)] == [1, 2]


async def test_what_comes_too_fast_is_dropped_and_counted(
    tmp_path: Path, bus: EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines_module, "_CAPACITY", 10)
    path = tmp_path / "events.jsonl"
    log = JsonLinesLog(bus, RotatingFile(path, 10**6, 3))
    await publish(bus, 50)
    await log.close()
    assert log.dropped == 40
    assert [json.loads(line)["seq"] for line in lines(path)] == list(range(41, 51))


async def test_a_disk_that_takes_nothing_is_counted_and_tried_again(tmp_path: Path, bus: EventBus) -> None:
    folder = tmp_path / "logs"
    folder.write_text("in the way")
    log = JsonLinesLog(bus, RotatingFile(folder / "events.jsonl", 10**6, 3))
    await publish(bus, 5)
    while log.failed < 5:
        await asyncio.sleep(0)
    folder.unlink()
    await publish(bus, 2)
    await log.close()
    assert log.failed == 5
    assert [json.loads(line)["seq"] for line in lines(folder / "events.jsonl")] == [6, 7]


# --- the file -----------------------------------------------------------------------------------------


def test_files_are_rotated_by_size_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    file = RotatingFile(path, 100, 2)
    for number in range(10):
        file.write([b"%d" % number * 60])
    file.close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "events.jsonl",
        "events.jsonl.1",
        "events.jsonl.2",
    ]
    newest = [lines(tmp_path / name)[0][:1] for name in ("events.jsonl", "events.jsonl.1", "events.jsonl.2")]
    assert newest == [b"9", b"8", b"7"]


@pytest.mark.parametrize("size", [1, 10, 99, 1000])
def test_no_line_is_lost_or_cut_by_rotation(tmp_path: Path, size: int) -> None:
    path = tmp_path / "events.jsonl"
    file = RotatingFile(path, size, 1000)
    wanted = [f"line {number}".encode() for number in range(200)]
    for start in range(0, 200, 7):
        file.write(wanted[start : start + 7])
    file.close()
    names = sorted(tmp_path.glob("events.jsonl.*"), key=lambda entry: -int(entry.suffix[1:]))
    assert [line for name in [*names, path] for line in lines(name)] == wanted
    assert all(name.stat().st_size <= max(size, 70) for name in names)


def test_keeping_none_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    file = RotatingFile(path, 10, 0)
    for number in range(5):
        file.write([b"a line of text %d" % number])
    file.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["events.jsonl"]
    assert lines(path) == [b"a line of text 4"]


def test_keeping_fewer_than_before_removes_the_others(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for number in range(1, 8):
        (tmp_path / f"events.jsonl.{number}").write_text("old")
    (tmp_path / "events.jsonl.notes").write_text("somebody's own")
    file = RotatingFile(path, 5, 2)
    file.write([b"first line"])
    file.write([b"second line"])
    file.close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "events.jsonl",
        "events.jsonl.1",
        "events.jsonl.2",
        "events.jsonl.notes",
    ]
    assert lines(tmp_path / "events.jsonl.1") == [b"first line"]


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"seq":1}\n{"seq"')
    file = RotatingFile(path, 10**6, 2)
    file.write([b'{"seq":2}'])
    file.close()
    assert lines(path) == [b'{"seq":1}', b'{"seq"', b'{"seq":2}']


def test_a_write_that_fails_is_an_error_and_the_next_one_starts_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"

    class FullDisk(FileIO):
        def write(self, block: Any, /) -> int:
            if len(block) > 5:
                return super().write(block[:5])
            raise OSError(28, "No space left on device")

    file = RotatingFile(path, 10**6, 2)
    with monkeypatch.context() as patch:
        patch.setattr(json_lines_module, "FileIO", FullDisk)
        with pytest.raises(OSError, match="No space"):
            file.write([b"12345678"])
        file.close()
        file.close()
    file.write([b"whole"])
    file.close()
    assert lines(path) == [b"12345", b"whole"]
