"""Toolong, a log viewer made with Textual: it needs an older one, so it gets an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache"
VERSION = "1.5.0"

_PATIENCE = 180.0


class NotInstalledError(Exception):
    """It cannot be installed here; its words say why."""


def toolong() -> tuple[str, ...]:
    """Return what runs it, before the file that it shall show; it is installed at the first call.

    Raises:
        NotInstalledError: see there.
    """
    where = CACHE / f"toolong-{VERSION}"
    python = where / "bin" / "python"
    if not (where / "done").exists():
        _install(where)
    return (str(python), "-m", "toolong")


def _install(where: Path) -> None:
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        made = Path(folder, "environment")
        pip = (str(made / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--retries", "1")
        _run(sys.executable, "-m", "venv", str(made))
        _run(*pip, "install", "--quiet", f"toolong=={VERSION}")
        (made / "done").touch()
        if not where.exists():
            made.replace(where)


def _run(*argv: str) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"{argv[-1]} ended with {done.returncode}"]
        raise NotInstalledError(words[-1])
