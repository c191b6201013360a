"""The full-screen program in a terminal: keys in, a screen out, with the time of every byte."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import pexpect
import pyte

PATIENCE_S = 60.0
_CHUNK = 65_536
# What a terminal is asked for at the start, and must be taken back at the end.
MODES = {
    b"\x1b[?1049h": b"\x1b[?1049l",  # the other screen
    b"\x1b[?25l": b"\x1b[?25h",  # no cursor
    b"\x1b[?1000h": b"\x1b[?1000l",  # the mouse
    b"\x1b[?2004h": b"\x1b[?2004l",  # marked pastes
    b"\x1b[>1u": b"\x1b[<u",  # more keys
}


class Tui:
    """The running program.

    Args:
        folder: where it runs; the profile lies in it.
        arguments: of the command line, after the profile.
        size: columns and lines.
        environ: further variables; None removes one.
        prefix: a command that runs it, such as one that gives it mounts of its own.
        code: Python to run instead of `-m workbench`.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        size: tuple[int, int] = (100, 30),
        environ: dict[str, str | None] | None = None,
        prefix: Sequence[str] = (),
        code: str | None = None,
    ) -> None:
        self.profile = folder / "profile"
        given = {**self._clean(folder), **(environ or {})}
        start = ["-c", code] if code else ["-m", "workbench"]
        argv = [*prefix, sys.executable, *start, "--data-dir", str(self.profile), *arguments]
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            env={name: value for name, value in given.items() if value is not None},
            cwd=str(folder),
            dimensions=(size[1], size[0]),
            timeout=PATIENCE_S,
        )
        self.child.delaybeforesend = None
        self.before = termios.tcgetattr(self.child.child_fd)
        self.written: list[tuple[float, bytes]] = []
        self.columns, self.lines = size
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0
        self._ended = False

    def __enter__(self) -> Tui:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.child.close(force=True)

    @staticmethod
    def _clean(folder: Path) -> dict[str, str | None]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("WORKBENCH_", "TEXTUAL"))
            and name not in ("COLUMNS", "LINES", "NO_COLOR", "PYTHONPATH")
        }
        return {**kept, "HOME": str(folder), "TERM": "xterm-256color", "COLORTERM": "truecolor"}

    def read(self, seconds: float) -> bool:
        """Read what is there, waiting for the first of it at most so long; False once the program ended."""
        if self._ended:
            return False
        ready, _, _ = select.select([self.child.child_fd], [], [], seconds)
        if ready:
            try:
                data = os.read(self.child.child_fd, _CHUNK)
            except OSError:
                data = b""
            if not data:
                self._ended = True
                return False
            self.written.append((monotonic(), data))
        return True

    def screen(self) -> str:
        """Return what stands on the screen."""
        for _, data in self.written[self._fed :]:
            self._stream.feed(data)
        self._fed = len(self.written)
        return "\n".join(line.rstrip() for line in self._screen.display)

    def screen_at(self, moment: float) -> str:
        """Return what stood on the screen at an earlier moment."""
        screen = pyte.Screen(self.columns, self.lines)
        stream = pyte.ByteStream(screen)
        for when, data in self.written:
            if when > moment:
                break
            stream.feed(data)
        return "\n".join(line.rstrip() for line in screen.display)

    def until(self, condition: Callable[[str], Any], what: str) -> str:
        """Read until what is on the screen fulfils a condition, and return it."""
        end = monotonic() + PATIENCE_S
        while not condition(text := self.screen()):
            alive = self.read(0.05)
            assert alive, f"the program ended before {what}:\n{self.raw()[-3000:]!r}"
            assert monotonic() < end, f"waited in vain for {what}:\n{text}"
        return text

    def shows(self, text: str) -> str:
        """Read until a text stands on the screen."""
        return self.until(lambda screen: text in screen, repr(text))

    def ready(self) -> None:
        """Wait until the profile is open and the model is loaded."""
        self.until(lambda screen: re.search(r"●.* ready", screen), "the model")

    def press(self, keys: str | bytes) -> None:
        """Send keys."""
        data = keys.encode() if isinstance(keys, str) else keys
        while data:
            sent = os.write(self.child.child_fd, data)
            data = data[sent:]

    def say(self, text: str) -> None:
        """Write a message and send it."""
        self.press(f"{text}\r")

    def raw(self) -> bytes:
        """Return every byte that was written."""
        return b"".join(data for _, data in self.written)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> float:
        """Send a signal and return the moment before."""
        moment = monotonic()
        assert self.child.pid is not None
        os.kill(self.child.pid, number)
        return moment

    def end(self) -> int | None:
        """Wait for the end and return the exit code, None when a signal ended it."""
        end = monotonic() + PATIENCE_S
        while self.read(0.1):
            assert monotonic() < end, f"the program does not end:\n{self.screen()}"
        self.child.wait()
        return self.child.exitstatus

    def quit(self) -> int | None:
        """End the program by its key."""
        self.press(b"\x11")
        return self.end()

    def left_behind(self) -> list[bytes]:
        """Return the terminal modes that were set and not taken back."""
        raw = self.raw()
        return [mode for mode, back in MODES.items() if raw.rfind(mode) > raw.rfind(back)]


def letters(text: str) -> str:
    """Return only letters and digits, so that wrapped and drawn text can be compared with stored text."""
    return re.sub(r"[^A-Za-z0-9]", "", text)
