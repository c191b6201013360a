"""The language of scripts: text to statements and back. Nothing here reads files or runs anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from workbench.app.commands.words import quote, unquote
from workbench.app.errors import UsageError
from workbench.app.text import one_line

How = Literal["contains", "matches", "equals"]
Comparison = Literal["==", "!=", "<", "<=", ">", ">="]

_HOWS: Final[tuple[How, ...]] = ("contains", "matches", "equals")
_COMPARISONS: Final[dict[str, Comparison]] = {
    "=": "==",
    "==": "==",
    "!=": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_BLOCK: Final = re.compile(r"<<([A-Za-z_][A-Za-z0-9_]*)")
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_EXPECT_HINT: Final = (
    "Write /expect reply contains|matches|equals TEXT, or /expect event NAME [count OPERATOR NUMBER]."
)


class Place(msgspec.Struct, frozen=True):
    """Where a statement stands: the file as it was named, and the line, from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Message(msgspec.Struct, frozen=True):
    """Text that is sent to the model."""

    text: str
    place: Place | None = None


class SlashLine(msgspec.Struct, frozen=True):
    """A command of the registry; `line` is without its slash."""

    line: str
    place: Place | None = None


class ExpectReply(msgspec.Struct, frozen=True):
    """The last reply must contain a text, match a regular expression or equal a text."""

    how: How
    text: str
    place: Place | None = None


class ExpectEvent(msgspec.Struct, frozen=True):
    """The number of events of this run whose names fit a pattern must compare so with a count."""

    pattern: str
    comparison: Comparison = ">="
    count: int = 1
    place: Place | None = None


class SetValue(msgspec.Struct, frozen=True):
    """A setting has another value from here on."""

    key: str
    text: str
    place: Place | None = None


class Include(msgspec.Struct, frozen=True):
    """The statements of another file stand here; a relative path is relative to this file."""

    path: str
    place: Place | None = None


Statement = Message | SlashLine | ExpectReply | ExpectEvent | SetValue | Include


def parse_script(text: str, file: str) -> Iterator[Statement]:
    """Iterate over the statements of a script; a long one is never held as a list.

    Args:
        text: the script; lines end with LF or CRLF.
        file: what errors call it.

    Raises:
        UsageError: `usage.script`; the message names file and line.
    """
    lines = enumerate(_lines(text), start=1)
    for number, line in lines:
        place = Place(file, number)
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        block = _BLOCK.fullmatch(content)
        if block is not None:
            yield _block(lines, block.group(1), place)
        elif content.startswith("/"):
            yield _slash(content[1:], place)
        else:
            yield Message(content, place)


def print_script(statements: Iterable[Statement]) -> str:
    """Return a script that `parse_script` reads as these statements; places are not kept."""
    return "".join(f"{_printed(statement)}\n" for statement in statements)


def describe(statement: ExpectReply | ExpectEvent) -> str:
    """Return an expectation as it is written in a script, without its slash."""
    return _printed(statement).removeprefix("/")


def _lines(text: str) -> Iterator[str]:
    """Iterate over lines without their ends, CR before LF included; other line separators are text."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end].removesuffix("\r")
        start = end + 1
    yield text[start:]


def _block(lines: Iterator[tuple[int, str]], tag: str, place: Place) -> Message:
    content: list[str] = []
    for _, line in lines:
        if line.rstrip() == tag:
            text = "\n".join(content)
            if not text.strip():
                raise _problem(place, "the message is empty", f"Write something before {tag}.")
            return Message(text, place)
        content.append(line)
    raise _problem(place, f"<<{tag} has no end", f"End the text with a line that holds only {tag}.")


def _slash(line: str, place: Place) -> Statement:
    word, _, rest = line.partition(" ")
    rest = rest.strip()
    if word == "expect":
        return _expect(rest, place)
    if word == "set":
        key, _, value = rest.partition(" ")
        if not key or not value:
            raise _problem(place, "/set needs a name and a value", "Write /set sampling.max_tokens 40.")
        return SetValue(key, unquote(value.strip()), place)
    if word == "include":
        if not rest:
            raise _problem(place, "/include needs a file", "Write /include other.wb.")
        return Include(unquote(rest), place)
    return SlashLine(line, place)


def _expect(rest: str, place: Place) -> Statement:
    what, _, more = rest.partition(" ")
    more = more.strip()
    if what == "reply":
        return _expect_reply(more, place)
    if what == "event" and more:
        return _expect_event(more.split(), place)
    raise _problem(place, f"an expectation cannot be {one_line(rest, 40)!r}", _EXPECT_HINT)


def _expect_reply(text: str, place: Place) -> ExpectReply:
    word, _, value = text.partition(" ")
    how = next((how for how in _HOWS if how == word), None)
    value = value.strip()
    if how is None or not value:
        raise _problem(place, "/expect reply needs contains, matches or equals, and a text", _EXPECT_HINT)
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            value = msgspec.json.decode(value, type=str)
        except (msgspec.DecodeError, UnicodeError):
            raise _problem(
                place,
                "the text in double quotes cannot be read",
                "Inside double quotes \\\\ is a backslash and \\n a line end; or leave the quotes away.",
            ) from None
    if not value and how != "equals":
        raise _problem(place, "the text is empty", _EXPECT_HINT)
    return ExpectReply(how, value, place)


def _expect_event(words: list[str], place: Place) -> ExpectEvent:
    if len(words) == 1:
        return ExpectEvent(words[0], place=place)
    fits = len(words) == 4 and words[1] == "count" and words[2] in _COMPARISONS
    if not fits or _COUNT.fullmatch(words[3]) is None:
        raise _problem(
            place, "the count cannot be read", f"{_EXPECT_HINT} OPERATOR is one of == != < <= > >=."
        )
    return ExpectEvent(words[0], _COMPARISONS[words[2]], int(words[3]), place)


def _printed(statement: Statement) -> str:
    match statement:
        case Message(text):
            return text if _stands_alone(text) else _as_block(text)
        case SlashLine(line):
            return f"/{line}"
        case ExpectReply(how, text):
            plain = text and text == text.strip() and '"' not in (text[0], text[-1]) and "\n" not in text
            value = text if plain else msgspec.json.encode(text).decode()
            return f"/expect reply {how} {value}"
        case ExpectEvent(pattern, comparison, count):
            number = "" if (comparison, count) == (">=", 1) else f" count {comparison} {count}"
            return f"/expect event {pattern}{number}"
        case SetValue(key, text):
            return f"/set {key} {_quoted(text)}"
        case Include(path):
            return f"/include {_quoted(path)}"


def _quoted(text: str) -> str:
    return text if text and text == text.strip() and not set("'\"\n") & set(text) else quote(text)


def _stands_alone(text: str) -> bool:
    """Tell whether a message can stand on a line of its own."""
    special = text.startswith(("/", "#")) or _BLOCK.fullmatch(text) is not None
    return bool(text) and text == text.strip() and "\n" not in text and not special


def _as_block(text: str) -> str:
    taken = {line.rstrip() for line in text.split("\n")}
    tag, number = "END", 0
    while tag in taken:
        number += 1
        tag = f"END{number}"
    return f"<<{tag}\n{text}\n{tag}"


def _problem(place: Place, what: str, hint: str) -> UsageError:
    return UsageError("script", f"{place}: {what}.", hint, file=place.file, line=place.line)
