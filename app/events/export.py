"""Takes events out of the log, as JSON lines or as Markdown, in pages, so that memory stays flat."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeVar

import msgspec

from workbench.app.errors import EventError
from workbench.app.events.event import Event, to_json
from workbench.app.events.filter.format import format_filter
from workbench.app.events.filter.syntax import Filter
from workbench.app.events.reader import EventReader
from workbench.app.tasks import to_the_end
from workbench.app.text import one_line

ExportFormat = Literal["jsonl", "markdown"]
"""How exported events are written: as `event.to_json` gives them, or to be read."""

Progress = Callable[[int], Awaitable[None]]
"""Is told how many events have been written so far."""

_ENDINGS: Final[dict[str, ExportFormat]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".md": "markdown",
    ".markdown": "markdown",
}
_PAGE: Final = 1_000
_WIDTH: Final = 200
_LONGEST_NAME: Final = 100
_BACKTICKS: Final = re.compile("`+")
_Result = TypeVar("_Result")


async def export_events(
    reader: EventReader,
    wanted: Filter,
    path: Path,
    format_: ExportFormat,
    *,
    now: datetime,
    replace: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the events that fit to a file, the oldest first, and return how many there were.

    The file is there once it is whole. Cancelling leaves none behind, and an old one as it was.

    Args:
        reader: the log.
        wanted: which events.
        path: the file; only its owner may read it.
        format_: how they are written.
        now: from when spans of time in the filter count back.
        replace: whether the file may be there already.
        progress: see `Progress`.

    Raises:
        EventError: `event.not_exported`: the file is there already, or cannot be written.
        StoreError: the database cannot be read.
    """
    file, count = _File(path), 0
    try:
        await _in_thread(lambda: file.begin(replace=replace))
        async with aclosing(exported(reader, wanted, format_, now)) as pages:
            async for events, text in pages:
                await _in_thread(partial(file.write, text))
                count += len(events)
                if progress is not None:
                    await progress(count)
        await _in_thread(file.finish)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error
    finally:
        await _in_thread(file.discard)
    return count


async def exported(
    reader: EventReader, wanted: Filter, format_: ExportFormat, now: datetime
) -> AsyncGenerator[tuple[list[Event], str], None]:
    """Yield the events that fit page by page, with their text; those that come meanwhile are left out.

    Args:
        reader: the log.
        wanted: which events.
        format_: how they are written.
        now: from when spans of time in the filter count back.

    Raises:
        StoreError: the database cannot be read.
    """
    newest = (await reader.bounds())[1]
    if format_ == "markdown":
        yield [], f"# Events\n\nWhat fits `{_code(format_filter(wanted))}`, on {now:%Y-%m-%d %H:%M:%S} UTC.\n"
    after, full = 0, True
    while full:
        events = await reader.after(wanted, after, _PAGE, upto=newest, now=now)
        if events:
            yield events, await asyncio.to_thread(_text, events, format_)
            after = events[-1].seq
        full = len(events) == _PAGE


class _File:
    """A file that appears once it is whole. Every method blocks.

    Args:
        path: where it will be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(f".{path.name[:_LONGEST_NAME]}.{secrets.token_hex(4)}")
        self._file: BinaryIO | None = None

    def begin(self, *, replace: bool) -> None:
        """Check where it will be, and make the unfinished file, for its owner alone."""
        if self._path.is_dir():
            raise _unwritable(self._path, "it is a folder")
        if self._path.exists() and not self._path.is_file():
            # To put a file in the place of a device or a pipe would take that away from everybody.
            raise _unwritable(self._path, "it is no ordinary file")
        if self._path.exists() and not replace:
            hint = "Choose another name, or have it replaced."
            raise EventError("not_exported", f"The file {self._path} is there already.", hint)
        descriptor = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")

    def write(self, text: str) -> None:
        if self._file is not None:
            self._file.write(text.encode("utf-8", "replace"))

    def finish(self) -> None:
        """Put the file in its place."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._unfinished.replace(self._path)

    def discard(self) -> None:
        """Close the file, and remove what is unfinished."""
        if self._file is not None:
            # A disk that is full refuses what is still to be written once more.
            with contextlib.suppress(OSError):
                self._file.close()
            self._unfinished.unlink(missing_ok=True)


def _unwritable(path: Path, reason: str) -> EventError:
    return EventError(
        "not_exported", f"{path} cannot be written: {reason}.", "Choose another file, or free some space."
    )


def format_of(path: Path) -> ExportFormat | None:
    """Return the format that a file's ending stands for, None when it says none."""
    return _ENDINGS.get(path.suffix.lower())


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    """Run blocking work in a thread; a cancelled caller waits for its end, as the file is still used."""
    return await to_the_end(asyncio.create_task(asyncio.to_thread(work)))


# --- texts --------------------------------------------------------------------------------------------


def _text(events: Sequence[Event], format_: ExportFormat) -> str:
    if format_ == "jsonl":
        return "".join(f"{to_json(event).decode()}\n" for event in events)
    return "".join(map(_section, events))


def _section(event: Event) -> str:
    """Return an event as a part of a Markdown text; nothing in it is taken for Markdown."""
    payload = msgspec.json.format(msgspec.json.encode(event.payload), indent=2).decode()
    longest = max((len(run) for run in _BACKTICKS.findall(payload)), default=0)
    fence = "`" * max(3, longest + 1)
    facts = {
        "time": event.time.isoformat(),
        "source": event.source,
        "session": event.session_id,
        "turn": event.correlation_id,
        "id": event.id,
        "cause": event.parent_id,
    }
    lines = "".join(f"- {name}: `{_code(value)}`\n" for name, value in facts.items() if value is not None)
    return f"\n## {event.seq} `{_code(event.name)}`\n\n{lines}\n{fence}json\n{payload}\n{fence}\n"


def _code(text: str) -> str:
    return one_line(text, _WIDTH).replace("`", "'")
