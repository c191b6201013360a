"""The report of an unexpected failure: a file that a person can send, and the sentence that names it."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from workbench import __version__

EXIT_CRASHED: Final = 70
"""What the program ends with after a failure that nobody foresaw (EX_SOFTWARE of sysexits.h)."""


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


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"crash-{stamp}-{os.getpid()}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
