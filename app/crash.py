"""The report of an unexpected failure: a file that a person can send, and the sentence that names it."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench import __version__

if TYPE_CHECKING:
    import asyncio

EXIT_CRASHED: Final = 70
"""What the program ends with after a failure that nobody foresaw (EX_SOFTWARE of sysexits.h)."""

_MOST_REPORTS: Final = 5


def report_crash(error: BaseException, logs: Path | None) -> str:
    """Write a report and return the sentence that tells of it; never raises. Blocks.

    The report holds the versions and the traceback; it holds no message, prompt or setting.

    Args:
        error: what was raised.
        logs: the profile's folder for logs; where it cannot be written, the system's temporary folder is.
    """
    head = [
        f"workbench {__version__}",
        f"python {platform.python_version()} on {platform.platform()}",
        f"time {datetime.now(UTC).isoformat()}",
        "",
    ]
    text = "\n".join(head) + "\n" + "".join(traceback.format_exception(error))
    what = f"Something unexpected happened: {type(error).__name__}."
    for folder in (logs, Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            if folder is not None:
                return f"{what} The report is in {_write(folder, text)}."
    return f"{what} No report could be written; --debug shows the details."


def background_failures(logs: Path | None) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Return an exception handler for a loop: reports what went wrong where nobody waits for it.

    Without it, asyncio prints a traceback. The first few failures are reported and told on standard error.

    Args:
        logs: see `report_crash`.
    """
    left = _MOST_REPORTS

    def handle(_loop: asyncio.AbstractEventLoop, facts: dict[str, Any]) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            return
        message = str(facts.get("message", ""))
        error = facts.get("exception") or RuntimeError(message)
        error.add_note(message)
        with contextlib.suppress(OSError):
            os.write(2, f"error [crash] {report_crash(error, logs)}\n".encode())

    return handle


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = folder / f"crash-{stamp}-{os.getpid()}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
