"""Tells when the files of a folder may have changed, also when the folder itself comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Final

_STEP_MS: Final = 100
_DEBOUNCE_MS: Final = 400


async def changes_in(folder: Path, *, look_every: float = 1.0) -> AsyncGenerator[None, None]:
    """Iterate over the moments at which a look into a folder is worth while.

    Those are a moment after a change was seen, and `look_every` seconds after the last one otherwise: some
    file systems tell of no changes, and a folder that does not exist cannot be watched.

    Args:
        folder: the folder; what lies in its subfolders is not watched.
        look_every: seconds.
    """
    while True:
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
        await asyncio.sleep(look_every)
        yield


async def _watch(folder: Path, look_every: float) -> AsyncGenerator[None, None]:
    from watchfiles import PythonFilter, awatch

    watching = awatch(
        folder,
        watch_filter=PythonFilter(),
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        rust_timeout=int(look_every * 1000),
        yield_on_timeout=True,
        recursive=False,
    )
    async with aclosing(watching) as found:
        async for _ in found:
            yield


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another in its place, None when there is none. Blocks."""
    try:
        facts = folder.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
