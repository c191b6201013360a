"""The JSON-lines log: every event as one line of text, in files that are rotated by size."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import BinaryIO, Final

from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event, to_json

_CAPACITY: Final = 32_768


class RotatingFile:
    """Appends lines to a file and renames it to `.1`, `.2` … when it grows past a size. Blocks.

    Args:
        path: the newest file.
        max_bytes: size after which a new file is begun.
        keep: how many older files stay.
    """

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._file: BinaryIO | None = None

    def write(self, lines: list[bytes]) -> None:
        """Append lines, each given without its line end.

        Raises:
            OSError: the file cannot be written.
        """
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        if self._file.tell() > self._max_bytes:
            self._rotate()
        self._file.write(b"\n".join(lines) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _rotate(self) -> None:
        self.close()
        for number in range(self._keep - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        if self._keep > 0:
            self._path.replace(self._numbered(1))
        else:
            self._path.unlink()
        self._file = self._path.open("ab")

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class JsonLinesLog:
    """Writes what the bus carries to a rotating file.

    The SQLite log is the one that counts: this file drops its oldest waiting events rather than make
    anybody wait, and counts what it dropped or could not write.

    Args:
        bus: the bus to follow.
        file: where the lines go.
    """

    def __init__(self, bus: EventBus, file: RotatingFile) -> None:
        self._file = file
        self._subscription = bus.subscribe("*", "drop_oldest", capacity=_CAPACITY, name="json lines")
        self.failed = 0
        self._task = asyncio.create_task(self._run(), name="json-lines")

    async def close(self) -> None:
        """Write what has arrived and close the file."""
        self._subscription.close()
        await self._task

    async def _run(self) -> None:
        async for batch in self._subscription.batches():
            await asyncio.to_thread(self._write, batch)
        await asyncio.to_thread(self._file.close)

    def _write(self, batch: list[Event]) -> None:
        try:
            self._file.write([to_json(event) for event in batch])
        except OSError:
            self.failed += len(batch)
            self._file.close()
