"""Events like those of real work, and a profile whose log holds many: `python -m … FOLDER COUNT` makes it."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from workbench.app.events.event import Event
from workbench.app.events.rows import COLUMNS, row_of
from workbench.app.events.text_index import TextIndex
from workbench.app.paths import paths_for
from workbench.app.store.store import Store

RARE_WORD = "timeout"
"""A word that one event in some thousands has."""
LONE_WORD = "quagmire"
"""A word that only one event has, at the middle of the log."""

MARKER = re.compile(rb"(?<!\d)1\d{7}(?!\d)")
"""Finds markers in what is written to a terminal."""

_FIRST_MARKER = 10_000_000
_TURN = 24
_RARE = 4_999
_SCARCE = 60_013
_SPAN = timedelta(days=2)
_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_PAGE = 50_000
_WORDS = (
    *("the", "answer", "of", "a", "model", "is", "made", "one", "token", "after", "another", "until", "it"),
    *("ends", "with", "files", "read", "from", "folder", "lines", "found", "in", "index", "page", "search"),
    *("result", "cached", "prompt", "message", "session", "window", "terminal", "café", "Größe", "日本語"),
)


class Sample(NamedTuple):
    """What `EventBus.emit` takes."""

    name: str
    payload: dict[str, Any]
    source: str
    session_id: str
    correlation_id: str


def marker(number: int) -> int:
    """Return the number by which the line of an event can be told on a screen: always of eight digits."""
    return _FIRST_MARKER + number


def sample(number: int) -> Sample:
    """Return the event that stands at a place, counted from 0, in work that goes on for ever."""
    turn, step = divmod(number, _TURN)
    name, payload, source = _facts(number, turn, step)
    return Sample(name, payload, source, f"session-{turn // 40:06}", f"turn-{turn:08}")


def line(number: int) -> str:
    """Return the same as a line of text, JSON, for who shows lines."""
    made = sample(number)
    facts = {"time": datetime.now(UTC), "name": made.name, "source": made.source, "payload": made.payload}
    return msgspec.json.encode(facts).decode()


def write_log(folder: Path, count: int) -> None:
    """Make a profile whose log holds so many events of the last two days, all of them in the text index."""
    asyncio.run(_write_log(folder, count))


async def _write_log(folder: Path, count: int) -> None:
    paths = paths_for(folder)
    store = await Store.open(paths)  # makes the tables
    await store.close()
    await asyncio.to_thread(_insert, paths.database, count)
    store = await Store.open(paths)
    try:
        await TextIndex(store, lambda: count).catch_up()
    finally:
        await store.close()


def _insert(database: Path, count: int) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -262144")
        for first in range(0, count, _PAGE):
            with connection:
                connection.executemany(_INSERT, _rows(first, min(first + _PAGE, count), count))


def _rows(first: int, after: int, count: int) -> Iterator[tuple[Any, ...]]:
    began, step = datetime.now(UTC) - _SPAN - timedelta(hours=1), _SPAN / count
    for number in range(first, after):
        name, payload, source, session, turn = sample(number)
        if number == count // 2:
            name, payload, source = _log_line(f"{marker(number)} {LONE_WORD}")
        event = Event(
            name=name,
            source=source,
            payload=payload,
            session_id=session,
            correlation_id=turn,
            seq=number + 1,
            time=began + number * step,
        )
        yield row_of(event)


def _facts(number: int, turn: int, step: int) -> tuple[str, dict[str, Any], str]:
    """Return name, payload and source; declared names have the payload that they declare."""
    message, shown = f"message-{turn:08}", marker(number)
    if number % _SCARCE == _TURN:
        return "acme:disk:low", {"name": f"disk {shown}", "free_mb": 512}, "plugin.acme"
    if number % _RARE == _RARE - 1:
        return _log_line(f"{shown} gave up: {RARE_WORD} after 30 s, {_text(number, 4)}")
    if step == 0:
        return "core:chat:message_received", {"message_id": message, "characters": shown}, "chat"
    if step == 1:
        built = {"tokens": shown, "context": 2048, "messages": turn % 40, "trimmed_messages": 0}
        return "core:chat:prompt_built", built, "chat"
    if step == _TURN - 1:
        done = {"step": f"reply {shown}", "duration_ms": 812.25, "tokens": 120, "detail": ""}
        return "core:chat:step_finished", done, "chat"
    if step % 8 == 2:
        found = {"name": f"notes/{shown}.md", "tool": "files", "text": _text(number, 9)}
        return "acme:files:found", found, "plugin.acme"
    if step % 8 == 5:
        ran = {"command": f"step {shown}", "face": "tui", "duration_ms": 0.25, "outcome": "ok"}
        return "core:command:run", ran, "commands"
    progress = {"message_id": message, "characters": shown, "tokens": 5 * step, "tokens_per_second": 1500.5}
    return "core:chat:reply_progress", progress, "chat"


def _log_line(line: str) -> tuple[str, dict[str, Any], str]:
    return "core:worker:log", {"worker": "llm", "line": line}, "worker.llm"


def _text(number: int, words: int) -> str:
    return " ".join(random.Random(number).choices(_WORDS, k=words))


if __name__ == "__main__":
    write_log(Path(sys.argv[1]), int(sys.argv[2]))
