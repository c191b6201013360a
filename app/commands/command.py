"""What a command is: a typed function, and everything that its faces need to know about it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from workbench.app.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.app.chat.parts import Part
    from workbench.app.commands.arguments import Argument
    from workbench.app.paths import Paths
    from workbench.app.workbench import Workbench

Face = Literal["cli", "headless", "slash", "palette", "repl"]
"""A way to ask for a command: `workbench SUBCOMMAND`, a script, a `/line`, the palette, the REPL."""

ALL_FACES: Final[frozenset[Face]] = frozenset({"cli", "headless", "slash", "palette", "repl"})
CHAT_FACES: Final[frozenset[Face]] = frozenset({"headless", "slash", "palette", "repl"})
"""Where there is a current session."""


HandOut = Callable[[Sequence[Any], Sequence[str]], Awaitable[None]]
"""Gives a piece of a long answer: items for programs, JSON-able, and lines for people that say the same.

An empty piece asks only whether anybody still reads; when nobody does, an exception of the face itself ends
the command.
"""


async def _say_nothing(_line: str) -> None:
    """Leave progress unsaid."""


@dataclass(frozen=True, kw_only=True)
class CommandContext:
    """What a command works with.

    Args:
        face: the way in that asks.
        paths: the profile.
        data_dir: the profile's folder as it was given, None for the default.
        opened: the open workbench, None for a command that needs none and was asked for without one.
        overrides: settings given on the command line, as text.
        session_id: the current session, None when there is none.
        app: the full-screen program, for commands that it registers itself.
        say: tells how a long command goes on; what is said is no result.
        hand_out: gives a long answer piece by piece, as it comes; None where answers are given as a whole.
        columns: cells of a line of the terminal, or of the part of it, that the answer goes to; None when it
            goes elsewhere.
    """

    face: Face
    paths: Paths
    data_dir: Path | None = None
    opened: Workbench | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    session_id: str | None = None
    app: object | None = None
    say: Callable[[str], Awaitable[None]] = _say_nothing
    hand_out: HandOut | None = None
    columns: int | None = None

    @property
    def workbench(self) -> Workbench:
        """The open workbench.

        Raises:
            UsageError: none was opened for this command.
        """
        if self.opened is None:
            raise UsageError("bad_option", "This command needs an open workbench.")
        return self.opened


def context_of(
    workbench: Workbench,
    face: Face,
    *,
    session_id: str | None = None,
    app: object | None = None,
    say: Callable[[str], Awaitable[None]] = _say_nothing,
    hand_out: HandOut | None = None,
) -> CommandContext:
    """Return the context of a command that is asked for inside an open workbench; see `CommandContext`."""
    return CommandContext(
        face=face,
        paths=workbench.paths,
        opened=workbench,
        session_id=session_id,
        app=app,
        say=say,
        hand_out=hand_out,
    )


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """What a command answers.

    Args:
        data: the answer for programs, JSON-able.
        lines: the answer for people: plain text, never markup.
        session_id: the session to go on in from now on, None to stay.
        level: how a screen shows the lines.
        exit_code: what a program that ran only this command ends with.
        turn: begins a turn that the face must now run and show, as if a message had been sent.
        end: whether the program or script should end.
        handed_out: whether the answer was given by `CommandContext.hand_out`; `data` only sums it up then.
    """

    data: Any = None
    lines: Sequence[str] = ()
    session_id: str | None = None
    level: Literal["info", "warning", "error"] = "info"
    exit_code: int = 0
    turn: Callable[[], AsyncGenerator[Part]] | None = None
    end: bool = False
    handed_out: bool = False


Run = Callable[..., Awaitable[CommandResult]]
Available = Callable[[CommandContext], str | None]


def always(_context: CommandContext) -> str | None:
    """Say that a command can run anywhere."""
    return None


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something that a person or script may ask for.

    Args:
        name: one to three words, as in `sessions list`.
        summary: one line for lists.
        help: more, for somebody who asks about it.
        arguments: in the order of the function's parameters.
        faces: where it can be asked for.
        needs: the services that must be open; None when it does without a workbench.
        reads_only: whether it runs beside another process that has the profile open.
        available: why it cannot run now, or None when it can; looks only at what is in memory.
        run: the function: the context, then the arguments by name.
    """

    name: str
    summary: str
    help: str
    arguments: tuple[Argument, ...]
    faces: frozenset[Face]
    needs: tuple[str, ...] | None
    reads_only: bool
    available: Available
    run: Run

    @property
    def usage(self) -> str:
        """The command with its arguments, as in `sessions rename ID TITLE`."""
        return " ".join([self.name, *(argument.usage for argument in self.arguments)])


def command(
    name: str,
    *,
    summary: str,
    needs: Sequence[str] | None = (),
    faces: frozenset[Face] = ALL_FACES,
    reads_only: bool = False,
    available: Available = always,
) -> Callable[[Run], Command]:
    """Make a command of an async function.

    The function takes a `CommandContext` and typed arguments. Positional parameters are typed one after the
    other, keyword-only ones as `--name VALUE`. `Annotated` carries an argument's help text and more (see
    `arguments.describe`). The docstring is the help text.

    Args:
        name: see `Command`, as for the others.
        summary: one line.
        needs: services; what they need comes by itself.
        faces: where it can be asked for.
        reads_only: see `Command`.
        available: see `Command`.
    """

    def make(function: Run) -> Command:
        from workbench.app.commands.arguments import describe

        return Command(
            name=name,
            summary=summary,
            help=inspect.getdoc(function) or "",
            arguments=describe(function),
            faces=faces,
            needs=tuple(needs) if needs is not None else None,
            reads_only=reads_only,
            available=available,
            run=function,
        )

    return make
