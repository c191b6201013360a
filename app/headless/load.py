"""Makes a script ready to run: takes in what it includes and checks every statement before the first runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from workbench.app.commands.bind import Invocation
from workbench.app.commands.registry import Registry
from workbench.app.config.changes import takes_effect_at_once
from workbench.app.config.load import parse_value
from workbench.app.errors import CommandError, EventError, SettingsError, UsageError
from workbench.app.events.patterns import check_pattern
from workbench.app.headless.script import (
    ExpectEvent,
    ExpectReply,
    Include,
    Message,
    Place,
    SetValue,
    SlashLine,
    Statement,
    parse_script,
)
from workbench.app.headless.source import MOST_BYTES, STDIN_NAME, read_script, read_stdin

_DEEPEST: Final = 16
# Of a path: missing files, NUL bytes, a home folder that does not exist, links in a circle.
_UNREADABLE: Final = (OSError, ValueError, RuntimeError)
_MOST_STEPS: Final = 200_000


class RunCommand(msgspec.Struct, frozen=True):
    """A command with its arguments, checked, and the line that asked for it, without its slash."""

    invocation: Invocation
    place: Place
    line: str = ""


Step = Message | RunCommand | ExpectReply | ExpectEvent | SetValue
"""A statement that can be run as it is."""


def load_script(script: str, registry: Registry) -> list[Step]:
    """Return the steps of a script. Blocks: call it on a thread of its own.

    Args:
        script: a file's path, or `-` for standard input.
        registry: where its commands are looked up.

    Raises:
        UsageError: `usage.script` or `usage.bad_input`; the message names file and line.
        SettingsError: a `/set` line is wrong.
    """
    if script == "-":
        return _checked(_Loader().statements(read_stdin(), STDIN_NAME, Path.cwd()), registry)
    path = Path(script)
    try:
        text = read_script(path)
        loader = _Loader(path)
    except _UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            "script", f"The script {script!r} cannot be read: {reason}.", "Check the path."
        ) from error
    return _checked(loader.statements(text, script, path.parent), registry)


class _Loader:
    """Follows includes. A file may be included twice, but not by itself, at whatever distance."""

    def __init__(self, outermost: Path | None = None) -> None:
        self._open: list[Path] = [outermost.resolve()] if outermost else []
        self._left = MOST_BYTES

    def statements(self, text: str, file: str, folder: Path) -> Iterator[Statement]:
        self._left -= len(text)
        if self._left < 0:
            raise UsageError("script", f"{file}: the script is too long with all that it includes.")
        for statement in parse_script(text, file):
            if isinstance(statement, Include):
                yield from self._included(statement, folder)
            else:
                yield statement

    def _included(self, include: Include, folder: Path) -> Iterator[Statement]:
        place = include.place
        try:
            path = folder / Path(include.path).expanduser()
            identity = path.resolve()
            text = read_script(path) if identity not in self._open else ""
        except _UNREADABLE as error:
            reason = getattr(error, "strerror", None) or error
            raise _at(place, f"{include.path!r} cannot be included: {reason}", "Check the path.") from error
        if identity in self._open:
            raise _at(place, f"{include.path!r} includes itself", "Take one of the /include lines away.")
        if len(self._open) >= _DEEPEST:
            raise _at(place, f"more than {_DEEPEST} files include each other", "Include fewer.")
        self._open.append(identity)
        yield from self.statements(text, str(path), path.parent)
        self._open.pop()


def steps_of(text: str, file: str, registry: Registry) -> list[Step]:
    """Return the steps of a text that includes nothing.

    Args:
        text: lines of a script.
        file: named in errors.
        registry: where its commands are looked up.

    Raises:
        UsageError: `usage.script`.
        SettingsError: a `/set` line is wrong.
    """
    return _checked(iter(parse_script(text, file)), registry)


def _checked(statements: Iterator[Statement], registry: Registry) -> list[Step]:
    steps: list[Step] = []
    for statement in statements:
        if len(steps) >= _MOST_STEPS:
            raise _at(
                statement.place, f"the script has more than {_MOST_STEPS} statements", "Make it shorter."
            )
        steps.append(_step(statement, registry))
    return steps


def _step(statement: Statement, registry: Registry) -> Step:
    place = statement.place or Place("", 0)
    try:
        match statement:
            case SlashLine(line):
                return RunCommand(registry.parse(line, "headless"), place, line)
            case ExpectReply("matches", text):
                _check_expression(text, place)
                return statement
            case ExpectEvent(pattern):
                check_pattern(pattern)
                return statement
            case SetValue(key, text):
                _check_setting(key, text, place)
                return statement
            case Include():
                raise _at(place, "files cannot be included here", "")
            case _:
                return statement
    except (CommandError, EventError) as error:
        raise _at(place, error.message.rstrip("."), error.hint, cause=error.code) from error


def _check_expression(text: str, place: Place) -> None:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise _at(place, f"the regular expression cannot be read: {error}", "Mend it.") from None


def _check_setting(key: str, text: str, place: Place) -> None:
    parse_value(key, text, str(place))
    if not takes_effect_at_once(key):
        raise SettingsError(
            "bad_value",
            f"{place}: {key} takes effect only when workbench starts.",
            f"Give it on the command line: --set {key}=…",
            key=key,
        )


def _at(place: Place | None, what: str, hint: str, **facts: str) -> UsageError:
    where = place or Place("", 0)
    return UsageError("script", f"{where}: {what}.", hint, file=where.file, line=where.line, **facts)
