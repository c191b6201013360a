"""The command `status`: where the work stands."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec

from workbench.app.commands.command import Command, CommandContext, CommandResult, command
from workbench.app.commands.git import GitState, git_state


@command(
    "status",
    summary="Show git state, sessions, plugins, events and the model.",
    needs=("store", "sessions", "models"),
    reads_only=True,
)
async def status(context: CommandContext) -> CommandResult:
    """Git state and submodules are those of the current folder."""
    workbench = context.workbench
    from workbench.app.events.reader import EventReader

    folder = await asyncio.to_thread(_current_folder)
    git = await git_state(folder) if folder is not None else "the current folder was deleted"
    plugins = await asyncio.to_thread(_count_plugins, context.paths.data_dir / "plugins")
    if workbench.store.writable:
        await workbench.log.flush()
    sessions = await workbench.sessions.count()
    events = await EventReader(workbench.store).count()
    loaded = workbench.models.loaded
    data: dict[str, Any] = {
        "folder": str(folder) if folder is not None else None,
        "git": msgspec.to_builtins(git) if isinstance(git, GitState) else None,
        "git_problem": git if isinstance(git, str) else None,
        "profile": str(context.paths.data_dir),
        "sessions": sessions,
        "plugins": plugins,
        "events": events,
        "model": workbench.models.name,
        "model_loaded": loaded is not None,
        "workers": [msgspec.to_builtins(worker) for worker in workbench.workers.statuses()],
    }
    lines = [
        f"folder    {folder or 'deleted'}",
        *_git_lines(git),
        f"profile   {context.paths.data_dir}",
        f"sessions  {sessions}",
        f"plugins   {plugins}",
        f"events    {events}",
        f"model     {workbench.models.name}{' (loaded)' if loaded else ''}",
        *[f"worker    {worker.name} {worker.state}" for worker in workbench.workers.statuses()],
    ]
    return CommandResult(data=data, lines=lines)


def _current_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None


def _count_plugins(folder: Path) -> int:
    """Return how many folders with a plugin's manifest lie in the profile's folder of plugins."""
    return sum(1 for _ in folder.glob("*/plugin.toml"))


def _git_lines(git: GitState | str) -> list[str]:
    if isinstance(git, str):
        return [f"git       {git}"]
    where = f"{git.branch or 'no branch'} at {git.commit or 'no commit yet'}"
    counts = [
        f"{count} {what}"
        for count, what in (
            (git.ahead, "ahead"),
            (git.behind, "behind"),
            (git.changed, "changed"),
            (git.untracked, "untracked"),
            (git.conflicts, "in conflict"),
        )
        if count
    ]
    lines = [f"git       {where}, {', '.join(counts) or 'clean'}"]
    lines += [f"submodule {module.path} at {module.commit}, {module.state}" for module in git.submodules]
    return lines


COMMANDS: Final[tuple[Command, ...]] = (status,)
