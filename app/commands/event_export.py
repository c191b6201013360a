"""The command that takes events out of the log."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from workbench.app.commands.command import CommandContext, CommandResult, command
from workbench.app.commands.event_filters import Wanted, Words, filter_of
from workbench.app.errors import CommandError

if TYPE_CHECKING:
    from workbench.app.events.filter.syntax import Filter
    from workbench.app.events.reader import EventReader

_STDOUT: Final = "-"
_TOLD_SECONDS: Final = 1.0
_FORMAT: Final = "JSON lines, or a text to read; what the file's ending says, else JSON lines"


@command("events export", summary="Write events to a file.", needs=("log",), reads_only=True)
async def events_export(
    context: CommandContext,
    filter: Words = (),  # noqa: A002 - the argument's name
    *,
    out: Annotated[str, "the file, or - for standard output"],
    format: Annotated[Literal["jsonl", "markdown"], _FORMAT] | None = None,  # noqa: A002
    force: Annotated[bool, "replace the file if it is there already"] = False,
) -> CommandResult:
    """All events that fit, the oldest first. The file is there once it is whole."""
    from workbench.app.events.export import export_events, format_of
    from workbench.app.events.reader import EventReader

    now = datetime.now(UTC)
    wanted = await filter_of(context, Wanted(words=filter), now)
    if context.workbench.store.writable:
        await context.workbench.log.flush()
    reader = EventReader(context.workbench.store)
    if out == _STDOUT:
        return await _to_stdout(context, reader, wanted, format or "jsonl", now)
    path = await asyncio.to_thread(lambda: Path(out).expanduser().absolute())
    chosen = format or format_of(path) or "jsonl"
    if not force and await asyncio.to_thread(path.is_file):
        raise CommandError(
            "bad_argument", f"The file {path} is there already.", "--force replaces it.", argument="out"
        )
    told = monotonic()

    async def progress(count: int) -> None:
        nonlocal told
        if monotonic() - told >= _TOLD_SECONDS:
            told = monotonic()
            await context.say(f"{count} events written")

    count = await export_events(reader, wanted, path, chosen, now=now, replace=force, progress=progress)
    data = {"path": str(path), "format": chosen, "events": count}
    return CommandResult(data=data, lines=[f"{count} event{' is' if count == 1 else 's are'} in {path}."])


async def _to_stdout(
    context: CommandContext,
    reader: EventReader,
    wanted: Filter,
    format_: Literal["jsonl", "markdown"],
    now: datetime,
) -> CommandResult:
    """Hand the events out page by page."""
    from workbench.app.events.export import exported

    if context.hand_out is None:
        raise CommandError(
            "bad_argument", "events export: there is no standard output here.", "Name a file.", argument="out"
        )
    count = 0
    async with aclosing(exported(reader, wanted, format_, now)) as pages:
        async for events, text in pages:
            lines = text.removesuffix("\n").split("\n")
            await context.hand_out([msgspec.to_builtins(event) for event in events], lines)
            count += len(events)
    return CommandResult(data={"events": count}, handed_out=True)
