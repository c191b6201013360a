"""A worker program's descriptors: the wire moves to private ones, native prints go to the log."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import threading
from typing import Final

LOG_VARIABLE: Final = "WORKBENCH_WORKER_LOG"
"""Environment variable that names the log file; without it prints go to stderr (as under ssh)."""

_PR_SET_PDEATHSIG: Final = 1


def take_over_stdio() -> tuple[int, int]:
    """Move stdin and stdout to private descriptors and point 0 at nothing, 1 and 2 at the log.

    Native libraries print to descriptor 1 and 2 from C; after this call none of that can reach a terminal or
    mix with the wire. Programs that this one starts inherit the log, never the wire.

    Returns:
        The descriptors (input, output) of the wire, both blocking and not inheritable.
    """
    wire_in, wire_out = os.dup(0), os.dup(1)
    os.set_blocking(wire_in, True)
    os.set_blocking(wire_out, True)
    log = os.environ.get(LOG_VARIABLE)
    if log:
        with contextlib.suppress(OSError):  # a log that cannot be written must not cost the model
            _point(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), 2)
    os.dup2(2, 1)
    _point(os.open(os.devnull, os.O_RDONLY), 0)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True, errors="backslashreplace")
    faulthandler.enable(file=2, all_threads=False)
    return wire_in, wire_out


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the one that started it dies (Linux; elsewhere nothing).

    It needs no check for a parent that is already dead: then stdin has ended too, which ends the program.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


class WireOutput:
    """Writes whole lines to a descriptor from any thread; a full pipe blocks the writer.

    Args:
        descriptor: a blocking descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._broken = False

    def write(self, line: bytes) -> None:
        """Write one line; once the reader is gone, lines are dropped, as nobody is left to be told."""
        with self._lock:
            rest = memoryview(line)
            while rest and not self._broken:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except OSError:
                    self._broken = True


def _point(source: int, target: int) -> None:
    if source != target:
        os.dup2(source, target)
        os.close(source)
