"""Commands about the settings: show, check, find and change them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from workbench.app.commands.arguments import REST, Completes, Completion
from workbench.app.commands.command import Command, CommandContext, CommandResult, command
from workbench.app.errors import EXIT_USAGE, SettingsError

if TYPE_CHECKING:
    from workbench.app.config.load import LoadedSettings


async def _keys(_context: CommandContext, prefix: str) -> Sequence[Completion]:
    from workbench.app.config.settings import setting_types

    return [Completion(key) for key in setting_types() if key.startswith(prefix)]


Key = Annotated[str, "a setting's dotted name, such as model.name", Completes(_keys)]


@command("config show", summary="Show settings and where each was set.", needs=None, reads_only=True)
async def config_show(
    context: CommandContext, key: Annotated[Key, "one setting, or a section such as model"] | None = None
) -> CommandResult:
    """What is not set anywhere has its default."""
    loaded = await asyncio.to_thread(_load, context)
    rows = [row for row in _rows(loaded) if key is None or _fits(row["key"], key)]
    if not rows:
        raise _unknown(key or "")
    lines = [f"{row['key']} = {_text(row['value'])}  ({row['origin']})" for row in rows]
    return CommandResult(data=rows, lines=lines)


@command("config check", summary="Check every place that settings come from.", needs=None, reads_only=True)
async def config_check(context: CommandContext) -> CommandResult:
    """Each file, the environment and the command line are checked on their own; exit code 2 on a problem."""
    problems = await asyncio.to_thread(_problems, context)
    data = {"ok": not problems, "problems": [problem.to_dict() for problem in problems]}
    if not problems:
        return CommandResult(data=data, lines=["The settings are right."])
    lines = [f"[{problem.code}] {problem}" for problem in problems]
    return CommandResult(data=data, lines=lines, level="error", exit_code=EXIT_USAGE)


@command("config path", summary="Show where settings and data lie.", needs=None, reads_only=True)
async def config_path(context: CommandContext) -> CommandResult:
    """The user's own file is never written by the program."""
    data = {name: str(path) for name, path in msgspec.structs.asdict(context.paths).items()}
    width = max(map(len, data))
    return CommandResult(data=data, lines=[f"{name:<{width}}  {path}" for name, path in data.items()])


@command("config set", summary="Set a setting for good.", needs=None)
async def config_set(
    context: CommandContext, key: Key, value: Annotated[str, "as in TOML; text needs no quotes", REST]
) -> CommandResult:
    """Written into the program's own settings file; `none` takes an optional setting back.

    A running workbench takes the new value at once where it can.
    """
    from workbench.app.config.save import save_setting

    await asyncio.to_thread(save_setting, context.paths.settings_file, key, value)
    lines = [f"{key} is set in {context.paths.settings_file}."]
    loaded = await asyncio.to_thread(_load, context)
    origin = loaded.origins.get(key, "")
    if origin and str(context.paths.settings_file) not in origin:
        lines.append(f"It has no effect now: {origin} says otherwise.")
    elif context.opened is not None:
        lines += await _apply(context, key, value)
    return CommandResult(data={"key": key, "file": str(context.paths.settings_file)}, lines=lines)


@command(
    "set",
    summary="Set a setting until the program ends.",
    faces=frozenset({"headless", "slash", "palette", "repl"}),
)
async def set_for_now(
    context: CommandContext, key: Key, value: Annotated[str, "as in TOML; text needs no quotes", REST]
) -> CommandResult:
    """`config set` keeps it for good."""
    await context.workbench.change_setting(key, value, f"/set {key}")
    return CommandResult(data={"key": key}, lines=[f"{key} = {value} until the program ends."])


async def _apply(context: CommandContext, key: str, value: str) -> list[str]:
    from workbench.app.config.changes import takes_effect_at_once

    if not takes_effect_at_once(key):
        return ["It takes effect at the next start."]
    await context.workbench.change_setting(key, value, str(context.paths.settings_file))
    return []


def _load(context: CommandContext) -> LoadedSettings:
    from workbench.app.config.load import load_settings

    return load_settings(context.paths, os.environ, context.overrides)


def _problems(context: CommandContext) -> list[SettingsError]:
    """Return what is wrong, one problem at most for each place. Blocks."""
    from workbench.app.config.load import load_settings, read_file

    nowhere = context.paths.data_dir / "\N{REPLACEMENT CHARACTER}"
    bare = msgspec.structs.replace(context.paths, config_file=nowhere, settings_file=nowhere)
    nothing: Mapping[str, str] = {}
    found = []
    for check in (
        lambda: read_file(context.paths.config_file),
        lambda: read_file(context.paths.settings_file),
        lambda: load_settings(bare, os.environ),
        lambda: load_settings(bare, nothing, context.overrides),
    ):
        try:
            check()
        except SettingsError as error:
            found.append(error)
    return found


def _rows(loaded: LoadedSettings) -> list[dict[str, Any]]:
    from workbench.app.config.settings import get, setting_types

    return [
        {
            "key": key,
            "value": msgspec.to_builtins(get(loaded.settings, key)),
            "origin": loaded.origins.get(key, "default"),
        }
        for key in setting_types()
    ]


def _fits(key: str, wanted: str) -> bool:
    return key == wanted or key.startswith(f"{wanted}.")


def _unknown(key: str) -> SettingsError:
    import difflib

    from workbench.app.config.settings import setting_types

    near = difflib.get_close_matches(key, list(setting_types()), n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else "`workbench config show` lists them all."
    return SettingsError("unknown_key", f"There is no setting called {key}.", hint, key=key)


def _text(value: Any) -> str:
    return "none" if value is None else msgspec.json.encode(value).decode()


COMMANDS: Final[tuple[Command, ...]] = (config_show, config_check, config_path, config_set, set_for_now)
