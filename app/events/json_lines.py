"""The JSON-lines log: every event as one line of text, in files that are rotated by size."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from io import FileIO
from pathlib import Path
from typing import Final

from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event, to_json

_GATHER_SECONDS: Final = 0.1
_CAPACITY: Final = 32_768
# Lines in one write: files grow past their size by at most this many.
_BLOCK: Final = 1_000


class RotatingFile:
    """Appends lines to a file and renames it to `.1`, `.2` … when it would grow past a size. Blocks.

    Args:
        path: the newest file.
        max_bytes: size after which a new file is begun.
        keep: how many older files stay.
    """

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        # Without a buffer: closing it after a failure would write what failed once more.
        self._file: FileIO | None = None
        # A cancelled task closes the file while its last write may still run in a thread.
        self._lock = threading.Lock()

    def write(self, lines: list[bytes]) -> None:
        """Append lines, each given without its line end.

        Raises:
            OSError: the file cannot be written; of the lines some may be there, the last one cut off.
        """
        block = memoryview(b"".join(line + b"\n" for line in lines))
        with self._lock:
            file = self._open()
            size = file.tell()
            if size and size + len(block) > self._max_bytes:
                self._rotate()
                file = self._open()
            while block:
                block = block[file.write(block) :]

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _open(self) -> FileIO:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = FileIO(self._path, "ab+")
            self._end_last_line(self._file)
        return self._file

    def _end_last_line(self, file: FileIO) -> None:
        """End a line that a kill or a full disk cut off, so that it spoils no other."""
        end = file.seek(0, 2)
        if end > 0:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")

    def _rotate(self) -> None:
        self._close()
        for number, older in sorted(self._older_files(), reverse=True):
            if number >= self._keep:
                older.unlink()
            else:
                older.replace(self._numbered(number + 1))
        if self._keep > 0:
            self._path.replace(self._numbered(1))
        else:
            self._path.unlink()

    def _older_files(self) -> list[tuple[int, Path]]:
        found = []
        for path in self._path.parent.glob(f"{self._path.name}.*"):
            number = path.name.removeprefix(f"{self._path.name}.")
            if number.isdecimal() and number.isascii():
                found.append((int(number), path))
        return found

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class JsonLinesLog:
    """Writes what the bus carries to a rotating file, from when it is made until `close`.

    The SQLite log is the one that counts: this file drops its oldest waiting events rather than make
    anybody wait, and counts what it dropped or could not write.

    Args:
        bus: the bus to follow.
        file: where the lines go; this object closes it.
    """

    def __init__(self, bus: EventBus, file: RotatingFile) -> None:
        self._file = file
        self._subscription = bus.subscribe("*", "drop_oldest", capacity=_CAPACITY, name="json lines")
        self.failed = 0
        """Events that the file could not take."""
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="json-lines")

    @property
    def dropped(self) -> int:
        """Events that came faster than the file takes them."""
        return self._subscription.dropped

    async def close(self) -> None:
        """Write what has arrived and close the file."""
        self._subscription.close()
        self._closing.set()
        await self._task

    async def _run(self) -> None:
        try:
            async for batch in self._subscription.batches():
                for start in range(0, len(batch), _BLOCK):
                    await asyncio.to_thread(self._write, batch[start : start + _BLOCK])
                if len(batch) < _BLOCK:
                    await self._gather()
        finally:
            self._file.close()

    async def _gather(self) -> None:
        """Let more events come: going to a thread for each of them costs more than all else."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GATHER_SECONDS):
                await self._closing.wait()

    def _write(self, events: list[Event]) -> None:
        try:
            self._file.write([to_json(event) for event in events])
        except OSError:
            self.failed += len(events)
            with contextlib.suppress(OSError):
                self._file.close()
