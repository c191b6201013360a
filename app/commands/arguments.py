"""The arguments of commands: derived from a function's signature, converted from text in one place."""

from __future__ import annotations

import inspect
import types
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from workbench.app.commands.command import CommandContext
from workbench.app.errors import CommandError


@dataclass(frozen=True)
class Completion:
    """One way to go on.

    Args:
        text: what stands there afterwards.
        help: what it means.
        start: where in the line it begins; everything from there to the cursor is replaced.
    """

    text: str
    help: str = ""
    start: int = 0


Completer = Callable[[CommandContext, str], Awaitable[Sequence[Completion]]]
"""Finds values for an argument: takes the context and what is already written."""


@dataclass(frozen=True)
class Completes:
    """In `Annotated`: how values of the argument are found."""

    find: Completer


class Rest:
    """In `Annotated`: the argument takes the rest of the line as it stands, without quoting."""


REST: Final = Rest()


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a command.

    Args:
        name: as it is typed, with dashes.
        parameter: the function's parameter.
        type: the declared type.
        required: whether it must be given.
        default: the value when it is not.
        help: one line.
        positional: whether it is typed by its place; `--name` works for every argument.
        rest: whether it takes the rest of the line.
        many: whether it takes all that follow.
        choices: the possible values, empty when there are too many to list.
        complete: finds values.
    """

    name: str
    parameter: str
    type: Any
    required: bool
    default: Any
    help: str
    positional: bool
    rest: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()
    complete: Completer | None = None

    @property
    def flag(self) -> bool:
        """Whether it is given without a value."""
        return _bare(self.type) is bool

    @property
    def usage(self) -> str:
        """How it stands in a usage line."""
        value = "|".join(self.choices) or self.name.upper().replace("-", "_")
        if self.positional:
            text = f"{value}…" if self.many or self.rest else value
        else:
            text = f"--{self.name}" if self.flag else f"--{self.name} {value}"
        return text if self.required else f"[{text}]"

    def convert(self, raw: Any) -> Any:
        """Return the value that a text (or a list of texts) stands for.

        Raises:
            CommandError: `command.bad_argument`.
        """
        if not _is_text(raw):
            raise CommandError("bad_argument", f"{self.name} is not UTF-8 text.", argument=self.name)
        try:
            return msgspec.convert(raw, self.type, strict=False)
        except msgspec.ValidationError as error:
            expected = f"one of {', '.join(self.choices)}" if self.choices else _plain(str(error))
            raise CommandError(
                "bad_argument",
                f"{self.name} cannot be {_shown(raw)}: {expected}.",
                f"{self.name}: {self.help}." if self.help else "",
                argument=self.name,
            ) from None


def describe(function: Callable[..., Any]) -> tuple[Argument, ...]:
    """Return the arguments of a command's function, without its first parameter, the context.

    In `Annotated`, a text is the help, `REST` and `Completes(...)` say what their names say, and
    `msgspec.Meta` bounds the value.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return tuple(_argument(parameter, hints[parameter.name]) for parameter in parameters)


def _argument(parameter: inspect.Parameter, hint: Any) -> Argument:
    notes = _notes(hint)
    declared = _bare(hint)
    optional = parameter.default is not inspect.Parameter.empty
    return Argument(
        name=parameter.name.rstrip("_").replace("_", "-"),
        parameter=parameter.name,
        type=hint,
        required=not optional,
        default=parameter.default if optional else None,
        help=next((note for note in reversed(notes) if isinstance(note, str)), ""),
        positional=parameter.kind is not inspect.Parameter.KEYWORD_ONLY,
        rest=any(isinstance(note, Rest) for note in notes),
        many=get_origin(declared) in (list, tuple),
        choices=tuple(map(str, get_args(declared))) if get_origin(declared) is Literal else (),
        complete=next((note.find for note in notes if isinstance(note, Completes)), None),
    )


def _notes(hint: Any) -> list[Any]:
    """Return what `Annotated` says in a type and in the types that it is made of, inner first."""
    inner = [note for part in get_args(hint) if get_origin(hint) is not Literal for note in _notes(part)]
    return inner + list(getattr(hint, "__metadata__", ()))


def _bare(hint: Any) -> Any:
    """Return a type without `Annotated` and without `| None`."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not type(None)]
        return _bare(kinds[0]) if len(kinds) == 1 else hint
    return hint


def _is_text(raw: Any) -> bool:
    """Tell whether texts are Unicode; bytes that are not come from the system as lone surrogates."""
    try:
        for text in raw if isinstance(raw, list | tuple) else (raw,):
            str(text).encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}…"


_PLAIN: Final = {
    "Expected": "expected",
    "`int`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    " | null": "",
}


def _plain(problem: str) -> str:
    for word, plain in _PLAIN.items():
        problem = problem.replace(word, plain)
    return problem.split(", got")[0].split(" - at")[0]
