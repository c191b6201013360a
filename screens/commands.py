"""The commands that only a full-screen program can have; the palette and slash lines show them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Final, Literal, cast

from workbench.app.commands.arguments import Completes, Completion
from workbench.app.commands.command import Command, CommandContext, CommandResult, Face, command

if TYPE_CHECKING:
    from workbench.screens.main import MainScreen

_FACES: Final[frozenset[Face]] = frozenset({"palette", "slash"})


def _screen(context: CommandContext) -> MainScreen:
    return cast("MainScreen", context.app)


def _with_reply(context: CommandContext) -> str | None:
    return None if _screen(context).conversation.last_reply else "there is no reply yet"


def _with_turn(context: CommandContext) -> str | None:
    return None if context.session_id is not None else "there is no turn yet"


async def _theme_names(context: CommandContext, prefix: str) -> list[Completion]:
    from workbench.themes.loader import theme_files

    files = await asyncio.to_thread(theme_files, (_screen(context).paths.data_dir / "themes",))
    return [Completion(name) for name in files if name.startswith(prefix)]


@command("sessions open", summary="Open another session.", needs=("sessions",), faces=_FACES)
async def sessions_open(context: CommandContext) -> CommandResult:
    """Shows all sessions; a few letters of the title find one."""
    await _screen(context).dialogs.pick_session()
    return CommandResult()


@command("models choose", summary="Choose a model, or type a GGUF's path.", needs=("models",), faces=_FACES)
async def models_choose(context: CommandContext) -> CommandResult:
    """Shows every model on this machine. The choice is loaded at once and remembered."""
    await _screen(context).dialogs.pick_model()
    return CommandResult()


@command("theme", summary="Choose a theme; the cursor shows what it looks like.", faces=_FACES, needs=None)
async def theme(
    context: CommandContext, name: Annotated[str, "a theme's name", Completes(_theme_names)] = ""
) -> CommandResult:
    """With a name, that theme at once. The choice is remembered."""
    if name:
        await _screen(context).dialogs.use_theme(name)
    else:
        await _screen(context).dialogs.pick_theme()
    return CommandResult()


@command("settings", summary="Show all settings, and where to change them.", faces=_FACES, needs=None)
async def settings(context: CommandContext) -> CommandResult:
    """`/config set KEY VALUE` changes one for good, `/set KEY VALUE` until the program ends."""
    from workbench.app.commands.builtin import builtin_registry

    shown = await builtin_registry().get("config show").run(context)
    width = max(len(row["key"]) for row in shown.data)
    table = [
        f"{row['key']:<{width}}  {line.partition(' = ')[2].removesuffix('  (default)')}"
        for row, line in zip(shown.data, shown.lines, strict=True)
    ]
    where = f"Your own file, which the program never writes: {context.paths.config_file}"
    lines = [*table, "", "/config set KEY VALUE changes one for good.", where]
    return CommandResult(data=shown.data, lines=lines)


@command("copy", summary="Copy the last reply.", faces=_FACES, available=_with_reply)
async def copy(context: CommandContext) -> CommandResult:
    """By OSC 52, which most terminals take, also over SSH; none says whether it did."""
    _screen(context).action_copy()
    return CommandResult()


@command("view events", summary="Show or hide the events.", faces=_FACES, needs=None)
async def view_events(context: CommandContext) -> CommandResult:
    """Beside the chat on a wide terminal, else in its place."""
    _screen(context).action_events()
    return CommandResult()


@command(
    "view timeline",
    summary="Show what a turn took, step by step.",
    needs=("log", "messages"),
    faces=_FACES,
    available=_with_turn,
)
async def view_timeline(
    context: CommandContext,
    turn: Annotated[str, "a turn's id, or four or more letters of its beginning or end"] = "",
) -> CommandResult:
    """Without an id, the open session's last turn; `t` on a message shows that one's."""
    await _screen(context).show_timeline(turn)
    return CommandResult()


@command("view sessions", summary="Show or hide the list of sessions.", faces=_FACES, needs=None)
async def view_sessions(context: CommandContext) -> CommandResult:
    """It stands at the left edge."""
    _screen(context).action_sessions()
    return CommandResult()


@command("keys", summary="Show the keys that work here.", faces=_FACES, needs=None)
async def keys(context: CommandContext) -> CommandResult:
    """The same as F1."""
    await _screen(context).run_action("app.keys")
    return CommandResult()


@command(
    "view hooks", summary="Hooks and traces: what runs, and what it did.", needs=("plugins",), faces=_FACES
)
async def view_hooks(
    context: CommandContext, view: Annotated[Literal["hooks", "traces"], "what to begin with"] = "hooks"
) -> CommandResult:
    """Enable, disable and order hooks, reset breakers, and replay traces through the present code."""
    await _screen(context).show_hooks(view)
    return CommandResult()


COMMANDS: Final[tuple[Command, ...]] = (
    sessions_open,
    models_choose,
    theme,
    settings,
    copy,
    view_events,
    view_sessions,
    view_timeline,
    view_hooks,
    keys,
)
