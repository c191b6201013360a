"""A program in a terminal of its own: what it writes, and when what stood on its screen."""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect
import psutil
import pyte

COLUMNS, LINES = 120, 40

_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CHUNK = 65_536
_LAST_CHUNKS = 64
_QUIT = b"\x11"  # ctrl+q
_PATIENCE = 30.0


class Terminal:
    """A running program and what it has written; made by `run_in_terminal`."""

    def __init__(self, child: pexpect.spawn[str], began: float, size: tuple[int, int]) -> None:
        self._child = child
        self._began = began
        self._size = size
        self._chunks: list[tuple[float, bytes]] = []
        self.process = psutil.Process(child.pid)

    def read(self, seconds: float) -> bytes:
        """Read what the program writes within so many seconds, at most until something came.

        Raises:
            EOFError: the program ended.
        """
        ready, _, _ = select.select([self._child.child_fd], [], [], seconds)
        if not ready:
            return b""
        try:
            data = os.read(self._child.child_fd, _CHUNK)
        except OSError:  # how Linux says that nobody holds the other side any more
            data = b""
        if not data:
            raise EOFError(f"the program ended; its last words: {self.text()[-2000:]!r}")
        self._chunks.append((time.perf_counter() - self._began, data))
        return data

    def send(self, keys: bytes) -> float:
        """Write what a keyboard would; return when, in seconds since the program's start."""
        moment = time.perf_counter() - self._began
        os.write(self._child.child_fd, keys)
        return moment

    def forget(self) -> None:
        """Keep no more than the last of what was read."""
        del self._chunks[:-_LAST_CHUNKS]

    def arrivals(self, since: float) -> list[tuple[float, bytes]]:
        """Return what was read since a moment, piece by piece with the seconds since the program's start."""
        return [(moment, data) for moment, data in self._chunks if moment >= since]

    def screen(self) -> list[str]:
        """Return the lines that stand on the screen now."""
        screen = pyte.Screen(*self._size)
        stream = pyte.ByteStream(screen)
        for _, data in self._chunks:
            stream.feed(data)
        return list(screen.display)

    def text(self) -> str:
        """Return all that was written, without escape sequences, in the order of writing."""
        written = b"".join(data for _, data in self._chunks)
        return _ESCAPES.sub(b"", written).decode("utf-8", "replace")

    def wait_for(self, text: str, patience: float = _PATIENCE) -> None:
        """Read until a text was written.

        Raises:
            TimeoutError: it was not.
        """
        deadline = time.perf_counter() + patience
        while text not in self.text():
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{text!r} did not appear; written: {self.text()[-2000:]!r}")
            self.read(0.05)

    def settle(self, quiet: float, patience: float = _PATIENCE) -> None:
        """Read until nothing was written for `quiet` seconds.

        Raises:
            TimeoutError: it never was quiet for so long.
        """
        deadline = time.perf_counter() + patience
        while self.read(quiet):
            if time.perf_counter() > deadline:
                raise TimeoutError("the program does not stop writing")

    def drain(self, seconds: float) -> int:
        """Read for so many seconds, whatever comes; return how many bytes came."""
        deadline = time.perf_counter() + seconds
        count = 0
        while (left := deadline - time.perf_counter()) > 0:
            count += len(self.read(left))
        return count

    def shown_at(self, text: str) -> float:
        """Return how many seconds after its start the program's screen showed a text on one line.

        The screen is computed now, from what was recorded, so that it costs the program nothing.

        Raises:
            ValueError: it never did.
        """
        screen = pyte.Screen(*self._size)
        stream = pyte.ByteStream(screen)
        for moment, data in self._chunks:
            stream.feed(data)
            if any(text in line for line in screen.display):
                return moment
        raise ValueError(f"{text!r} was never on the screen")


@contextmanager
def run_in_terminal(
    argv: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    size: tuple[int, int] = (COLUMNS, LINES),
    leave: bytes = _QUIT,
) -> Iterator[Terminal]:
    """Run a program in a terminal of its own, as long as the block lasts.

    Args:
        argv: program and arguments.
        environ: the whole environment.
        folder: where it runs.
        size: columns and lines of the terminal.
        leave: the key at which the program ends.
    """
    # These say the size of another terminal.
    kept = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}
    began = time.perf_counter()
    child = pexpect.spawn(
        argv[0],
        list(argv[1:]),
        env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        cwd=str(folder),
        dimensions=(size[1], size[0]),
        timeout=_PATIENCE,
    )
    terminal = Terminal(child, began, size)
    try:
        yield terminal
    finally:
        _end(child, terminal, leave)


def _end(child: pexpect.spawn[str], terminal: Terminal, leave: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(child.child_fd, leave)
    deadline = time.perf_counter() + 10
    with contextlib.suppress(EOFError):
        while time.perf_counter() < deadline:
            terminal.read(0.1)
    child.close(force=True)
