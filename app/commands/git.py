"""What git says about a folder, without letting the folder's own settings run anything."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from workbench.app.text import one_line

_SECONDS: Final = 5.0
_MOST_OUTPUT: Final = 4 * 1024 * 1024
_MOST_SUBMODULES: Final = 200
_SUBMODULE_STATES: Final = {" ": "clean", "-": "not initialised", "+": "other commit", "U": "conflict"}


class Submodule(msgspec.Struct, frozen=True, kw_only=True):
    """A submodule: its path, its commit and its state."""

    path: str
    commit: str
    state: str


class GitState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a folder under git.

    Args:
        branch: the branch; None when none is checked out.
        commit: the short commit; None before the first.
        ahead: commits that the upstream branch lacks.
        behind: commits that only the upstream branch has.
        changed: files with changes, staged or not.
        untracked: files that git does not know.
        conflicts: files with unresolved conflicts.
        submodules: at most 200 of them.
    """

    branch: str | None = None
    commit: str | None = None
    ahead: int = 0
    behind: int = 0
    changed: int = 0
    untracked: int = 0
    conflicts: int = 0
    submodules: list[Submodule] = []


async def git_state(folder: Path) -> GitState | str:
    """Return the state of a folder, or one line that says why there is none (no git, no repository, ...)."""
    status = await _git(folder, "status", "--porcelain=v2", "--branch", "--ignore-submodules=none")
    if isinstance(status, str):
        return status
    state = _read_status(status.stdout)
    submodules = await _git(folder, "submodule", "status")
    if isinstance(submodules, str):
        return state
    return msgspec.structs.replace(state, submodules=_read_submodules(submodules.stdout))


class _Output(msgspec.Struct, frozen=True):
    stdout: str


async def _git(folder: Path, *arguments: str) -> _Output | str:
    """Run git and return its output, or why there is none."""
    # A repository's own settings can name programs to run; a status must not start them.
    command = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments)
    variables = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError:
        return "git is not installed"
    try:
        async with asyncio.timeout(_SECONDS):
            output, errors = await process.communicate()
    except TimeoutError:
        return f"git did not answer within {_SECONDS:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        problem = one_line(errors.decode(errors="replace").removeprefix("fatal: "), 160)
        return "no git repository" if "not a git repository" in problem else f"git failed: {problem}"
    return _Output(output[:_MOST_OUTPUT].decode(errors="replace"))


def _read_status(output: str) -> GitState:
    facts: dict[str, str] = {}
    marks: Counter[str] = Counter()
    for line in output.splitlines():
        mark, _, rest = line.partition(" ")
        marks[mark] += 1
        if mark == "#":
            name, _, value = rest.partition(" ")
            facts[name] = value
    branch, commit = facts.get("branch.head", ""), facts.get("branch.oid", "")
    ahead, _, behind = facts.get("branch.ab", "+0 -0").partition(" ")
    return GitState(
        branch=one_line(branch, 100) if branch != "(detached)" else None,
        commit=commit[:10] if commit != "(initial)" else None,
        ahead=abs(int(ahead)),
        behind=abs(int(behind)),
        changed=marks["1"] + marks["2"],
        untracked=marks["?"],
        conflicts=marks["u"],
    )


def _read_submodules(output: str) -> list[Submodule]:
    found = []
    for line in output.splitlines()[:_MOST_SUBMODULES]:
        commit, _, path = line[1:].partition(" ")
        found.append(
            Submodule(
                path=one_line(path.rpartition(" (")[0] or path, 200),
                commit=commit[:10],
                state=_SUBMODULE_STATES.get(line[:1], "unknown"),
            )
        )
    return found
