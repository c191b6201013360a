"""Writes what the events pane shows to a file, in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from workbench.app.errors import WorkbenchError
from workbench.app.text import one_line

if TYPE_CHECKING:
    from workbench.app.events.export import ExportFormat
    from workbench.app.events.filter.syntax import Filter
    from workbench.widgets.event_feed import EventFeed

_TOLD_SECONDS: Final = 0.1

Say = Callable[[str, str], None]
"""Tells the reader a sentence with a level: info, warning or error."""


async def export(
    feed: EventFeed,
    wanted: Filter,
    path: Path,
    format_: ExportFormat,
    progress: Callable[[str], None],
    say: Say,
) -> None:
    """Write the events that fit to a file and tell how it ended, also when it is cancelled.

    Args:
        feed: where they come from.
        wanted: which.
        path: the file.
        format_: how they are written.
        progress: gets what to show meanwhile, and nothing at the end.
        say: tells the end.
    """
    from workbench.app.events.export import export_events

    told = monotonic()

    async def tell(count: int) -> None:
        nonlocal told
        if monotonic() - told >= _TOLD_SECONDS:
            told = monotonic()
            progress(f"exporting · {count:,} of {len(feed.rows):,} events · x cancels")

    progress("exporting · x cancels")
    try:
        await feed.flush()
        count = await export_events(feed.reader, wanted, path, format_, now=feed.since, progress=tell)
    except asyncio.CancelledError:
        say("The export was cancelled; it left no file.", "warning")
        raise
    except WorkbenchError as error:
        say(str(error), "error")
    else:
        say(f"{count:,} event{'s are' if count != 1 else ' is'} in {one_line(str(path), 500)}.", "info")
    finally:
        progress("")
