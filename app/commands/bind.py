"""Gives a command's arguments their values: from the words of a line, or from texts by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from workbench.app.commands.arguments import Argument
from workbench.app.commands.command import Command
from workbench.app.commands.words import Word, unquote
from workbench.app.errors import CommandError

_TRUE: Final = "true"


@dataclass(frozen=True)
class Invocation:
    """A command with the values of its arguments, by parameter name."""

    command: Command
    values: Mapping[str, Any]


def bind_texts(command: Command, texts: Mapping[str, Any]) -> Invocation:
    """Return the invocation for texts by parameter name; arguments that are not given get their defaults.

    Args:
        command: what is asked for.
        texts: a text for each given argument, a list of texts for one that takes several.

    Raises:
        CommandError: `command.bad_argument`: a value is missing or does not fit.
    """
    values: dict[str, Any] = {}
    for argument in command.arguments:
        if argument.parameter in texts:
            values[argument.parameter] = argument.convert(texts[argument.parameter])
        elif argument.required:
            _refuse(command, f"{argument.name} is missing")
        else:
            values[argument.parameter] = argument.default
    return Invocation(command, values)


def bind_words(command: Command, words: Sequence[Word], line: str) -> Invocation:
    """Return the invocation for the words that follow a command's name.

    Args:
        command: what is asked for.
        words: the words.
        line: the whole line, of which an argument may take the rest as it stands.

    Raises:
        CommandError: `command.bad_argument`: a word does not belong, or see `bind_texts`.
    """
    return bind_texts(command, _Binder(command, words, line).texts())


class _Binder:
    def __init__(self, command: Command, words: Sequence[Word], line: str) -> None:
        self._command = command
        self._line = line
        self._words = list(words)
        self._texts: dict[str, Any] = {}
        self._places = [argument for argument in command.arguments if argument.positional]

    def texts(self) -> dict[str, Any]:
        only_places = False
        while self._words:
            word = self._words[0]
            if not only_places and self._line[word.start : word.end] == "--":
                only_places = True
                self._words.pop(0)
                continue
            rest = self._rest_argument(only_places)
            if rest is not None:
                self._texts[rest.parameter] = unquote(self._line[word.start :].strip())
                break
            self._words.pop(0)
            if word.open_quote:
                mark = _mark(word.open_quote)
                _refuse(self._command, f"the {mark} at column {word.start + 1} is not closed")
            if not only_places and word.text.startswith("--"):
                self._take_option(word)
            else:
                self._take_place(word)
        return self._texts

    def _rest_argument(self, only_places: bool) -> Argument | None:
        """Return the argument that takes the rest of the line, when its turn has come."""
        following = self._next_place()
        if following is None or not following.rest:
            return None
        named = not only_places and self._words[0].text.startswith("--") and self._option(self._words[0].text)
        return None if named else following

    def _next_place(self) -> Argument | None:
        for argument in self._places:
            if argument.many or argument.parameter not in self._texts:
                return argument
        return None

    def _take_place(self, word: Word) -> None:
        argument = self._next_place()
        if argument is None:
            _refuse(self._command, f"{word.text!r} is one word too many")
        if argument.many:
            self._texts.setdefault(argument.parameter, []).append(word.text)
        else:
            self._texts[argument.parameter] = word.text

    def _take_option(self, word: Word) -> None:
        name, equals, value = word.text.partition("=")
        argument = self._option(name)
        if argument is None:
            _refuse(self._command, f"there is no option {name}")
        if not equals:
            value = _TRUE if argument.flag else self._value_of(name)
        if argument.many:
            self._texts.setdefault(argument.parameter, []).append(value)
        else:
            self._texts[argument.parameter] = value

    def _value_of(self, name: str) -> str:
        if not self._words:
            _refuse(self._command, f"{name} needs a value")
        return self._words.pop(0).text

    def _option(self, text: str) -> Argument | None:
        name = text.removeprefix("--").partition("=")[0]
        return next((argument for argument in self._command.arguments if argument.name == name), None)


def _refuse(command: Command, problem: str) -> NoReturn:
    raise CommandError(
        "bad_argument", f"{command.name}: {problem}.", f"Usage: {command.usage}", command=command.name
    )


def _mark(open_quote: str) -> str:
    return "backslash" if open_quote == "\\" else f"quote {open_quote}"
