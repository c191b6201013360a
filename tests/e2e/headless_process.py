"""The real program as a process, with a profile of its own and nothing of this machine's settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from workbench.app.headless.lines import Line

PATIENCE_S = 100.0

# Shells let a program in the background ignore SIGINT, nohup SIGHUP, and that is inherited: undo it.
_LAUNCHER = (
    "import os, signal, sys;"
    "[signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)];"
    "os.execv(sys.executable, [sys.executable, '-m', 'workbench', *sys.argv[1:]])"
)


class Program:
    """Starts `workbench` with a profile.

    Args:
        folder: where it runs; the profile lies in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.profile = folder / "profile"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")},
            "HOME": str(folder),
            "WORKBENCH_DATA_DIR": str(self.profile),
            "NO_COLOR": "1",
        }

    def run(
        self, *arguments: str, text: str | bytes | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; without `text`, standard input is empty and no pipe."""
        given = text.encode() if isinstance(text, str) else text
        done = subprocess.run(
            [sys.executable, "-c", _LAUNCHER, *arguments],
            cwd=self.folder,
            env={**self._environment, **environment},
            stdin=subprocess.DEVNULL if given is None else None,
            input=given,
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def start(
        self, *arguments: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        """Start and leave running; end it before the test ends."""
        return subprocess.Popen(
            [sys.executable, "-c", _LAUNCHER, *arguments],
            cwd=self.folder,
            env=self._environment,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )


def lines_of(output: str) -> list[Line]:
    """Return the lines of `--json`, each checked against its declared type."""
    return [msgspec.json.decode(line, type=Line) for line in output.splitlines()]


def wait_for_text(process: subprocess.Popen[bytes], pieces: int = 1) -> list[Line]:
    """Read `--json` lines until so many pieces of a reply have arrived, and return them."""
    assert process.stdout is not None
    read: list[Line] = []
    while pieces and (raw := process.stdout.readline()):
        line = msgspec.json.decode(raw, type=Line)
        read.append(line)
        pieces -= type(line).__name__ == "TextDelta"
    return read


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> tuple[int, str, str]:
    """Send a signal, and return exit code, the rest of standard output, and standard error."""
    process.send_signal(number)
    return finish(process)


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Wait for the end, and return exit code, the rest of standard output, and standard error."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    return process.returncode, out.decode(), err.decode()


def children_of(pid: int) -> Sequence[int]:
    """Return the ids of a process's children."""
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
