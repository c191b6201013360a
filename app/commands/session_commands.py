"""Commands about sessions: list, show, make, rename, delete and change to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from workbench.app.commands.arguments import REST, Completes, Completion
from workbench.app.commands.command import CHAT_FACES, Command, CommandContext, CommandResult, command
from workbench.app.errors import TurnError
from workbench.app.text import one_line

if TYPE_CHECKING:
    from workbench.app.sessions.session import Message, Session

Limit = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_COMPLETIONS: Final = 50
_TITLE_WIDTH: Final = 60


async def _session_ids(context: CommandContext, prefix: str) -> Sequence[Completion]:
    sessions = await context.workbench.sessions.list(_COMPLETIONS)
    return [
        Completion(session.id, one_line(session.title, _TITLE_WIDTH))
        for session in sessions
        if session.id.startswith(prefix) or prefix.lower() in session.title.lower()
    ]


SessionId = Annotated[
    str, "a session's id, or four or more letters of its beginning or end", Completes(_session_ids)
]


@command("sessions list", summary="List the sessions, newest first.", needs=("sessions",), reads_only=True)
async def sessions_list(
    context: CommandContext, *, limit: Annotated[Limit, "most sessions to show"] = 20
) -> CommandResult:
    """The current session is marked with a star."""
    sessions = await context.workbench.sessions.list(limit)
    lines = [_line(session, session.id == context.session_id) for session in sessions]
    data = [_session(session) for session in sessions]
    return CommandResult(data=data, lines=lines or ["There are no sessions yet."])


@command(
    "sessions show",
    summary="Show a session with its messages.",
    needs=("sessions", "messages"),
    reads_only=True,
)
async def sessions_show(
    context: CommandContext,
    session: SessionId | None = None,
    *,
    limit: Annotated[Limit, "only the newest messages"] = 1_000,
) -> CommandResult:
    """Without an id it is the current session, or the one that was used last.

    Shown is the branch that the session is on; versions that were edited or made again stay beside it.
    """
    found = await _wanted(context, session)
    if found is None:
        return CommandResult(lines=["There are no sessions yet."])
    messages = await context.workbench.messages.path(found.head_id, limit)
    lines = [found.title, found.id]
    for message in messages:
        mark = "" if message.status == "complete" else f" ({message.status})"
        lines += ["", f"{_speaker(message)}{mark}:", *message.text.splitlines()]
    data = {**_session(found), "messages": [_message(message) for message in messages]}
    return CommandResult(data=data, lines=lines)


@command("sessions new", summary="Make an empty session and go on in it.", needs=("sessions",))
async def sessions_new(
    context: CommandContext, title: Annotated[str, "its title; the first message without one", REST] = ""
) -> CommandResult:
    """Nothing of the session that was current is lost."""
    return await _new(context, title)


@command("new", summary="Go on in a new session.", needs=("sessions",), faces=CHAT_FACES)
async def new(
    context: CommandContext, title: Annotated[str, "its title; the first message without one", REST] = ""
) -> CommandResult:
    """The same as `sessions new`."""
    return await _new(context, title)


@command("sessions use", summary="Go on in another session.", needs=("sessions",), faces=CHAT_FACES)
async def sessions_use(context: CommandContext, session: SessionId) -> CommandResult:
    """What follows is said in that session."""
    found = await context.workbench.sessions.get(session)
    return CommandResult(data=_session(found), lines=[_line(found, True)], session_id=found.id)


@command("sessions rename", summary="Give a session another title.", needs=("sessions",))
async def sessions_rename(
    context: CommandContext, session: SessionId, title: Annotated[str, "the new title", REST]
) -> CommandResult:
    """A title that was given by hand stays; otherwise it is the beginning of the first message."""
    renamed = await context.workbench.sessions.rename(session, title)
    return CommandResult(data=_session(renamed), lines=[_line(renamed, renamed.id == context.session_id)])


@command("sessions delete", summary="Delete sessions with all their messages.", needs=("sessions",))
async def sessions_delete(context: CommandContext, sessions: tuple[SessionId, ...]) -> CommandResult:
    """This cannot be undone. Events stay in the log until they are old."""
    service = context.workbench.sessions
    found = {session.id: session for session in [await service.get(name) for name in sessions]}
    for session_id in found:
        _refuse_while_answering(context, session_id)
    for session_id in found:
        await service.delete(session_id)
    lines = [f"deleted {one_line(session.title, _TITLE_WIDTH)}" for session in found.values()]
    data = [_session(session) for session in found.values()]
    if context.session_id in found:
        following = await service.create()
        return CommandResult(data=data, lines=lines, session_id=following.id)
    return CommandResult(data=data, lines=lines)


async def _new(context: CommandContext, title: str) -> CommandResult:
    session = await context.workbench.sessions.create(title)
    return CommandResult(data=_session(session), lines=[_line(session, True)], session_id=session.id)


async def _wanted(context: CommandContext, name: str | None) -> Session | None:
    sessions = context.workbench.sessions
    wanted = name or context.session_id
    return await sessions.get(wanted) if wanted else await sessions.latest()


def _refuse_while_answering(context: CommandContext, session_id: str) -> None:
    if context.workbench.has("chat") and context.workbench.chat.is_running(session_id):
        raise TurnError("busy", "That session is still answering.", "Stop the reply first.")


def _session(session: Session) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(session)
    return data


def _message(message: Message) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(message)
    return data


def _line(session: Session, current: bool) -> str:
    star = "*" if current else " "
    title = one_line(session.title, _TITLE_WIDTH)
    return f"{star} {session.id}  {_local(session.updated)}  {session.messages:>4}  {title}"


def _local(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M")


def _speaker(message: Message) -> str:
    return "you" if message.role == "user" else (message.model or message.role)


COMMANDS: Final[tuple[Command, ...]] = (
    sessions_list,
    sessions_show,
    sessions_new,
    sessions_use,
    sessions_rename,
    sessions_delete,
    new,
)
