"""Which files a folder has, and when they may have changed, also when the folder itself comes and goes."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Final

MOST_FILES: Final = 200
Signature = tuple[int, ...]
"""What tells one state of a file from another without reading it."""
_STEP_MS: Final = 100
_DEBOUNCE_MS: Final = 400


async def changes_in(folder: Path, *, look_every: float = 1.0) -> AsyncGenerator[None, None]:
    """Iterate over the moments at which a look into a folder is worth while.

    Those are a moment after a change was seen, and `look_every` seconds after the last one otherwise: some
    file systems tell of no changes, and a folder that does not exist cannot be watched.

    Watching begins `look_every` seconds after the first look: what ends sooner needs none.

    Args:
        folder: the folder; what lies in its subfolders is not watched.
        look_every: seconds.
    """
    while True:
        await asyncio.sleep(look_every)
        yield
        watched = await asyncio.to_thread(_identity, folder)
        if watched is not None:
            try:
                async with aclosing(_watch(folder, look_every)) as moments:
                    async for _ in moments:
                        yield
                        if await asyncio.to_thread(_identity, folder) != watched:
                            break
            except (OSError, RuntimeError):
                # The system watches no more folders, or this one is gone; looking works nevertheless.
                pass


async def _watch(folder: Path, look_every: float) -> AsyncGenerator[None, None]:
    # Importing it takes too long for the event loop.
    watchfiles = await asyncio.to_thread(importlib.import_module, "watchfiles")
    watching = watchfiles.awatch(
        folder,
        watch_filter=watchfiles.PythonFilter(),
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        rust_timeout=int(look_every * 1000),
        yield_on_timeout=True,
        recursive=False,
    )
    async with aclosing(watching) as found:
        async for _ in found:
            yield


def files_in(folder: Path) -> dict[Path, Signature]:
    """Return the Python files of a folder, by name, with what changes when they do. Blocks.

    Names that begin with a dot or an underscore are left out, as are all after the first 200.

    Returns:
        Nothing when there is no folder.

    Raises:
        OSError: it cannot be looked into.
    """
    found: dict[Path, Signature] = {}
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(".py"))
    except FileNotFoundError:
        return found
    for name in [name for name in names if not name.startswith((".", "_"))][:MOST_FILES]:
        path = folder / name
        if not path.is_dir():
            found[path] = _signature(path)
    return found


def _signature(path: Path) -> Signature:
    try:
        facts = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino, facts.st_mode


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another in its place, None when there is none. Blocks."""
    try:
        facts = folder.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
