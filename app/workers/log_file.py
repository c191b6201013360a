"""A worker's log: opened for the program's prints, rotated before a start, its tail shown after a crash."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

ROTATE_BYTES: Final = 5_000_000
"""A log larger than this is renamed to `NAME.1` before the next start; an older `NAME.1` is replaced."""

_TAIL_BYTES: Final = 8 * 1024


class OpenLog(NamedTuple):
    """A log ready to be handed to a program.

    Attributes:
        descriptor: opened for appending; the caller closes it.
        start: size in bytes when it was opened, which is where the new program's lines begin.
    """

    descriptor: int
    start: int


def rotate_log(path: Path) -> None:
    """Make the log's folder, and set the log aside when it is large. Blocks.

    Raises:
        OSError: the folder cannot be made or the file not renamed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > ROTATE_BYTES:
        path.replace(path.with_name(path.name + ".1"))


def open_log(path: Path) -> OpenLog:
    """Open a log for appending, readable by its owner only.

    Raises:
        OSError: the file cannot be opened.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return OpenLog(descriptor, os.fstat(descriptor).st_size)


def log_tail(path: Path, start: int, lines: int = 20) -> list[str]:
    """Return the last lines that were written since byte `start`; empty when there are none. Blocks.

    Args:
        path: the log.
        start: bytes before this are another run's.
        lines: how many lines at most; they are also cut to the last 8 KiB.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(start, end - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
