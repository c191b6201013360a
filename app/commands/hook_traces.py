"""`hooks traces`: what hooks did, from the log."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from workbench.app.commands.command import CommandContext, CommandResult, command
from workbench.app.commands.hook_names import HookId, PointName, columns
from workbench.app.errors import SessionError
from workbench.app.text import one_line

if TYPE_CHECKING:
    from workbench.app.events.event import Event
    from workbench.app.events.filter.syntax import Filter

Limit = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
RAN: Final = "core:hook:ran"
_PAGE: Final = 500
_WIDTH: Final = 100
_FLUSH_SECONDS: Final = 2.0


@command("hooks traces", summary="Show what hooks did.", needs=("log", "sessions"), reads_only=True)
async def hooks_traces(
    context: CommandContext,
    *,
    session: Annotated[str, "only those of this session, by its id"] | None = None,
    turn: Annotated[str, "only those of this turn, by its id"] | None = None,
    hook: Annotated[HookId, "only those of this hook"] | None = None,
    point: Annotated[PointName, "only those at this point"] | None = None,
    failed: Annotated[bool, "only those of hooks that failed"] = False,
    limit: Annotated[Limit, "how many of the newest to show"] = 20,
) -> CommandResult:
    """The newest comes last. Each begins with its id, which `hooks replay` takes."""
    from workbench.app.events.reader import EventReader
    from workbench.app.hooks.points import find_point

    name = find_point(point).name if point is not None else None
    wanted = await _filter(context, session=session, turn=turn, hook=hook, point=name, failed=failed)
    await flush_hooks(context)
    found: list[dict[str, Any]] = []
    async with aclosing(_newest_first(EventReader(context.workbench.store), wanted)) as events:
        async for event in events:
            runs = [run for run in runs_of(event) if _fits(run, hook, failed=failed)]
            found += reversed(runs)
            if len(found) >= limit:
                break
    shown = found[:limit][::-1]
    lines = columns([_row(run) for run in shown], frozenset({5}))
    return CommandResult(data=shown, lines=lines or ["No trace fits."])


async def flush_hooks(context: CommandContext) -> None:
    """Let traces of what has just happened be found, where this process writes them."""
    workbench = context.workbench
    if not workbench.store.writable:
        return
    if workbench.has("hooks"):
        await workbench.hooks.flush()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(workbench.log.flush(), _FLUSH_SECONDS)


def runs_of(event: Event) -> Iterator[dict[str, Any]]:
    """Iterate over the runs of a trace, each as data with its own id."""
    for place, run in enumerate(event.payload.get("runs", ())):
        yield {
            "trace": f"{event.id}:{place}",
            "time": event.time.isoformat(),
            "session": event.session_id,
            "turn": event.correlation_id,
            "point": event.payload.get("point", ""),
            **run,
        }


def told(run: dict[str, Any]) -> str:
    """Return what an answer holds as one line: changes, the decision's own facts, or the error."""
    parts = []
    if "error" in run:
        error = run["error"]
        place = f" (line {error['line']})" if error.get("line") else ""
        parts.append(f"{error.get('code')}: {error.get('message')}{place}")
    for field, pair in (run.get("changes") or {}).items():
        shown = " → ".join(msgspec.json.encode(each).decode() for each in pair)
        parts.append(f"{field}: {shown}" if shown else f"{field} changed")
    if run.get("answer") is not None:
        parts.append(msgspec.json.encode(run["answer"]).decode())
    if run.get("printed"):
        parts.append(f"printed {msgspec.json.encode(run['printed']).decode()}")
    return one_line("; ".join(parts), _WIDTH)


async def _filter(
    context: CommandContext,
    *,
    session: str | None,
    turn: str | None,
    hook: str | None,
    point: str | None,
    failed: bool,
) -> Filter:
    from workbench.app.events.filter.syntax import All, Compare, Name
    from workbench.app.events.reader import EventReader
    from workbench.app.events.turns import find_turn

    parts: list[Any] = [Name(RAN)]
    if session is not None:
        parts.append(Compare(("session",), "==", await session_id_of(context, session)))
    if turn is not None:
        reader = EventReader(context.workbench.store)
        parts.append(Compare(("turn",), "==", await find_turn(reader, turn)))
    if point is not None:
        parts.append(Compare(("payload", "point"), "==", point))
    # The words narrow the search; which of an event's runs fit is looked at afterwards.
    if hook is not None:
        parts.append(Compare(("text",), "~", hook))
    if failed:
        parts.append(Compare(("text",), "~", "failed"))
    return All(tuple(parts)) if len(parts) > 1 else parts[0]


async def session_id_of(context: CommandContext, text: str) -> str:
    """Return a session's whole id; traces stay when their session is deleted.

    Raises:
        SessionError: more than one fits.
    """
    try:
        return (await context.workbench.sessions.get(text)).id
    except SessionError as error:
        if error.code != "session.not_found":
            raise
        return text


async def _newest_first(reader: Any, wanted: Filter) -> AsyncGenerator[Event, None]:
    async with aclosing(reader.search(wanted)) as pieces:
        async for piece in pieces:
            for start in range(0, len(piece.seqs), _PAGE):
                for event in await reader.events(piece.seqs[start : start + _PAGE]):
                    yield event


def _fits(run: dict[str, Any], hook: str | None, *, failed: bool) -> bool:
    return hook in (None, run.get("hook")) and (not failed or run.get("result") == "failed")


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    from datetime import datetime

    time = datetime.fromisoformat(run["time"]).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return (
        run["trace"],
        time,
        one_line(str(run["point"]), 40),
        one_line(str(run.get("hook", "")), 60),
        str(run.get("result", "")),
        f"{run.get('duration_ms', 0.0):,.3f} ms",
        told(run),
    )
