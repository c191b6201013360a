"""Commands about the conversation that runs: stop, answer again, say it otherwise, continue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from workbench.app.commands.arguments import REST
from workbench.app.commands.command import CHAT_FACES, Command, CommandContext, CommandResult, command
from workbench.app.errors import SessionError
from workbench.app.sessions.sessions import make_title

if TYPE_CHECKING:
    from workbench.app.sessions.session import Message

# Somewhere in the newest messages is the reply or question that is meant.
_NEAR: Final = 8

MessageId = Annotated[str, "a message's id; the newest fitting one without it"]


def _with_idle_session(context: CommandContext) -> str | None:
    if context.session_id is None:
        return "there is no session yet"
    return "a reply is being written; stop it first" if _is_running(context) else None


def _while_answering(context: CommandContext) -> str | None:
    return None if _is_running(context) else "nothing is being answered"


def _is_running(context: CommandContext) -> bool:
    workbench, session_id = context.opened, context.session_id
    return bool(
        workbench is not None
        and session_id
        and workbench.has("chat")
        and workbench.chat.is_running(session_id)
    )


@command(
    "stop",
    summary="Stop the reply that is being written.",
    needs=("chat",),
    faces=frozenset({"slash", "palette", "repl"}),
    available=_while_answering,
)
async def stop(context: CommandContext) -> CommandResult:
    """What has arrived is kept and marked as cancelled; `continue` goes on with it."""
    context.workbench.chat.stop(context.session_id or "")
    return CommandResult()


@command(
    "regenerate",
    summary="Answer the last question again, as a new branch.",
    needs=("chat",),
    faces=CHAT_FACES,
    available=_with_idle_session,
)
async def regenerate(context: CommandContext, message: MessageId | None = None) -> CommandResult:
    """The earlier reply stays as another version."""
    chosen = message or (await _newest(context, "assistant", "user")).id
    chat = context.workbench.chat
    return _turn(chosen, lambda: chat.regenerate(chosen))


@command(
    "edit",
    summary="Say your last message otherwise, as a new branch.",
    needs=("chat",),
    faces=CHAT_FACES,
    available=_with_idle_session,
)
async def edit(
    context: CommandContext,
    text: Annotated[str, "what to say instead", REST],
    *,
    message: MessageId | None = None,
) -> CommandResult:
    """The earlier message and its reply stay as another version."""
    chosen = message or (await _newest(context, "user")).id
    chat = context.workbench.chat
    return _turn(chosen, lambda: chat.edit(chosen, text))


@command(
    "continue",
    summary="Go on with the last reply, when it was cut off.",
    needs=("chat",),
    faces=CHAT_FACES,
    available=_with_idle_session,
)
async def continue_reply(context: CommandContext, message: MessageId | None = None) -> CommandResult:
    """The new reply begins with what had arrived; a question without any reply is answered."""
    chosen = message or (await _newest(context, "assistant", "user")).id
    chat = context.workbench.chat
    return _turn(chosen, lambda: chat.resume(chosen))


@command(
    "versions",
    summary="List the versions of the newest message that has several, or show one.",
    needs=("chat",),
    faces=CHAT_FACES,
    available=_with_idle_session,
)
async def versions(
    context: CommandContext,
    number: Annotated[int, "the version to show, from 1; all are listed without it"] | None = None,
) -> CommandResult:
    """Editing, regenerating and continuing add versions; the branch of the one that is shown goes on."""
    messages = context.workbench.messages
    shown, several = await _newest_with_versions(context)
    if number is None:
        lines = [
            f"{'*' if message.id == shown.id else ' '} {place}  {make_title(message.text)}"
            for place, message in enumerate(several, start=1)
        ]
        return CommandResult(data=[_version(message, shown) for message in several], lines=lines)
    if not 1 <= number <= len(several):
        raise SessionError(
            "bad_request", f"There is no version {number}.", f"Choose one from 1 to {len(several)}."
        )
    await messages.show(several[number - 1])
    return CommandResult(
        data=_version(several[number - 1], several[number - 1]),
        lines=(f"Version {number} of {len(several)} is shown.",),
        session_id=shown.session_id,
    )


def _version(message: Message, shown: Message) -> dict[str, Any]:
    return {"message_id": message.id, "text": message.text, "shown": message.id == shown.id}


async def _newest_with_versions(context: CommandContext) -> tuple[Message, list[Message]]:
    """Return the newest message of the shown branch that has other versions, and all of them."""
    session = await context.workbench.sessions.get(context.session_id or "")
    messages = context.workbench.messages
    for message in reversed(await messages.path(session.head_id, _NEAR)):
        several = await messages.siblings(message)
        if len(several) > 1:
            return message, several
    raise SessionError("bad_request", "No recent message has other versions.", "Regenerate or edit one.")


def _turn(message_id: str, begin: Any) -> CommandResult:
    return CommandResult(data={"message_id": message_id}, turn=begin)


async def _newest(context: CommandContext, *roles: str) -> Message:
    """Return the newest message of the shown branch with one of these roles."""
    session = await context.workbench.sessions.get(context.session_id or "")
    path = await context.workbench.messages.path(session.head_id, _NEAR)
    for message in reversed(path):
        if message.role in roles:
            return message
    raise SessionError("bad_request", "There is no message yet.", "Say something first.")


COMMANDS: Final[tuple[Command, ...]] = (stop, regenerate, edit, continue_reply, versions)
