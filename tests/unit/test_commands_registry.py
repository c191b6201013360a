"""The registry without a workbench: signatures, lines, errors, completion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.commands.arguments import REST, Completes, Completion
from workbench.app.commands.bind import bind_texts
from workbench.app.commands.command import Command, CommandContext, CommandResult, command
from workbench.app.commands.registry import Registry
from workbench.app.commands.words import quote
from workbench.app.errors import CommandError, SessionError, UsageError
from workbench.app.paths import paths_for


async def colours(_context: CommandContext, prefix: str) -> Sequence[Completion]:
    return [Completion(name, "a colour") for name in ("red", "dark red", "blue") if prefix in name]


@command("paint", summary="Paint something.")
async def paint(
    _context: CommandContext,
    thing: str,
    colour: Annotated[str, "which colour", Completes(colours)] = "red",
    *,
    coats: Annotated[Annotated[int, msgspec.Meta(ge=1, le=9)], "how many coats"] = 1,
    finish: Literal["matt", "gloss"] = "matt",
    dry: Annotated[bool, "wait until it is dry"] = False,
) -> CommandResult:
    """More about painting."""
    return CommandResult(data=[thing, colour, coats, finish, dry])


@command("note add", summary="Write a note.")
async def note_add(
    _context: CommandContext, text: Annotated[str, "the note", REST], *, title: str | None = None
) -> CommandResult:
    """Keeps it."""
    return CommandResult(data=[text, title])


@command("note drop", summary="Drop notes.", faces=frozenset({"cli"}))
async def note_drop(_context: CommandContext, numbers: tuple[int, ...]) -> CommandResult:
    """Drops them."""
    return CommandResult(data=list(numbers))


@command("sulk", summary="Never runs.", available=lambda _context: "it is in no mood")
async def sulk(_context: CommandContext) -> CommandResult:
    """Not now."""
    raise AssertionError


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    for entry in (paint, note_add, note_drop, sulk):
        made.add(entry)
    return made


def context(face: Any = "slash") -> CommandContext:
    return CommandContext(face=face, paths=paths_for(Path("profile")))


async def data_of(registry: Registry, line: str, face: Any = "slash") -> Any:
    return (await registry.run(registry.parse(line, face), context(face))).data


def test_a_signature_becomes_arguments() -> None:
    assert paint.usage == "paint THING [COLOUR] [--coats COATS] [--finish matt|gloss] [--dry]"
    assert note_drop.usage == "note drop NUMBERS…"
    by_name = {argument.name: argument for argument in paint.arguments}
    assert by_name["coats"].help == "how many coats"
    assert by_name["finish"].choices == ("matt", "gloss")
    assert by_name["thing"].required
    assert by_name["dry"].flag
    assert note_add.arguments[0].rest
    assert paint.help == "More about painting."


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("/paint door", ["door", "red", 1, "matt", False]),
        ("paint door", ["door", "red", 1, "matt", False]),
        ("/paint 'front door' blue --coats 3 --dry", ["front door", "blue", 3, "matt", True]),
        ("/paint --finish=gloss door --colour blue", ["door", "blue", 1, "gloss", False]),
        ("/paint -- --dry", ["--dry", "red", 1, "matt", False]),
        ("/paint door --dry=false", ["door", "red", 1, "matt", False]),
        ('/note add don\'t forget  the "milk"', ['don\'t forget  the "milk"', None]),
        ("/note add --title 'to do' buy milk", ["buy milk", "to do"]),
        ("/note add 'one quoted text'", ["one quoted text", None]),
        ("/note add --unknown stays text", ["--unknown stays text", None]),
        ("/note add -- --title", ["--title", None]),
    ],
)
async def test_lines_are_read(registry: Registry, line: str, data: list[Any]) -> None:
    assert await data_of(registry, line) == data


async def test_many_values_are_collected(registry: Registry) -> None:
    assert await data_of(registry, "note drop 3 1 2", "cli") == [3, 1, 2]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("/paint", "bad_argument", "thing is missing"),
        ("/paint door red extra", "bad_argument", "'extra' is one word too many"),
        ("/paint door --shade 3", "bad_argument", "there is no option --shade"),
        ("/paint door --coats", "bad_argument", "--coats needs a value"),
        ("/paint door --coats ten", "bad_argument", "expected a whole number"),
        ("/paint door --coats 10", "bad_argument", "<= 9"),
        ("/paint door --finish shiny", "bad_argument", "one of matt, gloss"),
        ("/paint door --dry=maybe", "bad_argument", "true or false"),
        ("/paint 'door", "bad_argument", "quote ' at column 7 is not closed"),
        ("/paint door\\", "bad_argument", "backslash at column 7 is not closed"),
        ("/pain door", "unknown", "no command 'pain door'"),
        ("/note", "unknown", "needs a further word"),
        ("/note ad x", "unknown", "no command 'note ad'"),
        ("/note drop 1", "not_available", "cannot be used here"),
        ("/paint \udcff", "bad_argument", "thing is not UTF-8 text"),
        ("/", "unknown", "no command ''"),
        ("", "unknown", "no command ''"),
    ],
)
def test_wrong_lines_are_told(registry: Registry, line: str, code: str, said: str) -> None:
    with pytest.raises(CommandError) as caught:
        registry.parse(line, "slash")
    assert caught.value.code == f"command.{code}"
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_the_nearest_name_is_offered(registry: Registry) -> None:
    with pytest.raises(CommandError) as caught:
        registry.parse("/note ad x", "slash")
    assert "note add" in caught.value.hint


@given(st.text())
def test_any_line_is_read_or_refused(line: str) -> None:
    registry = Registry()
    for entry in (paint, note_add, note_drop, sulk):
        registry.add(entry)
    for text in (line, f"/paint {line}", f"/note add {line}", f"/note drop {line}"):
        try:
            invocation = registry.parse(text)
        except CommandError:
            continue
        assert set(invocation.values) == {argument.parameter for argument in invocation.command.arguments}


@given(st.text(min_size=1), st.text(), st.integers(1, 9), st.booleans())
def test_a_written_line_is_read_back(thing: str, colour: str, coats: int, dry: bool) -> None:
    registry = Registry()
    registry.add(paint)
    flag = "--dry" if dry else ""
    line = f"/paint --coats {coats} {flag} -- {quote(thing)} {quote(colour)}"
    assert dict(registry.parse(line).values) == {
        "thing": thing,
        "colour": colour,
        "coats": coats,
        "finish": "matt",
        "dry": dry,
    }


def test_texts_by_name_are_bound_the_same_way() -> None:
    values = bind_texts(paint, {"thing": "door", "coats": "2", "dry": True}).values
    assert values == {"thing": "door", "colour": "red", "coats": 2, "finish": "matt", "dry": True}
    with pytest.raises(CommandError, match="thing is missing"):
        bind_texts(paint, {})


async def test_a_command_that_cannot_run_says_why(registry: Registry) -> None:
    with pytest.raises(CommandError, match="it is in no mood") as caught:
        await data_of(registry, "/sulk")
    assert caught.value.code == "command.not_available"


async def test_a_command_of_another_face_is_refused_when_run(registry: Registry) -> None:
    invocation = registry.parse("note drop 1")
    with pytest.raises(CommandError, match="cannot be used here"):
        await registry.run(invocation, context("slash"))


def test_names_do_not_collide(registry: Registry) -> None:
    def named(name: str) -> Command:
        return command(name, summary="S.")(paint.run)

    for name in ("paint", "paint wall", "note"):
        with pytest.raises(ValueError, match=r"paint|note"):
            registry.add(named(name))
    registry.remove("paint")
    registry.add(named("paint wall"))
    assert [entry.name for entry in registry.all("slash")] == ["note add", "paint wall", "sulk"]


def test_a_context_without_a_workbench_says_so() -> None:
    with pytest.raises(UsageError, match="open workbench"):
        _ = context().workbench


@pytest.mark.parametrize(
    ("line", "found", "start"),
    [
        ("/", ["note", "paint"], 1),
        ("/pa", ["paint"], 1),
        ("/note ", ["add"], 6),
        ("/note a", ["add"], 6),
        ("/paint ", ["--coats", "--finish", "--dry"], 7),
        ("/paint door ", ["red", "'dark red'", "blue", "--coats", "--finish", "--dry"], 12),
        ("/paint door re", ["red", "'dark red'"], 12),
        ("/paint door 're", ["red", "'dark red'"], 12),
        ("/paint door --fin", ["--finish"], 12),
        ("/paint --finish ", ["matt", "gloss"], 16),
        ("/paint --finish=g", ["--finish=gloss"], 7),
        ("/paint --dry door b", ["blue"], 18),
        ("/paint --coats 2 ", ["--finish", "--dry"], 17),
        ("/sulk", [], 0),
        ("paint", [], 0),
        ("/paint door red ", ["--coats", "--finish", "--dry"], 16),
    ],
)
async def test_completion(registry: Registry, line: str, found: list[str], start: int) -> None:
    completions = await registry.complete(line, len(line), context())
    assert [completion.text for completion in completions] == found
    assert all(completion.start == start for completion in completions)


async def test_completion_looks_only_at_what_stands_before_the_cursor(registry: Registry) -> None:
    completions = await registry.complete("/pa door", 3, context())
    assert [completion.text for completion in completions] == ["paint"]


async def test_completion_survives_errors() -> None:
    async def broken(_context: CommandContext, _prefix: str) -> Sequence[Completion]:
        raise SessionError("not_found", "gone")

    async def run(_context: CommandContext, name: str) -> CommandResult:
        return CommandResult(data=name)

    run.__annotations__["name"] = Annotated[str, Completes(broken)]
    registry = Registry()
    registry.add(command("open", summary="Open.")(run))
    assert await registry.complete("/open a", 7, context()) == []


@given(st.text(st.sampled_from("/paintodr '\"\\-=")), st.integers(0, 20))
async def test_completion_never_fails(text: str, cursor: int) -> None:
    registry = Registry()
    for entry in (paint, note_add, note_drop, sulk):
        registry.add(entry)
    for completion in await registry.complete(text, cursor, context()):
        assert 0 <= completion.start <= min(cursor, len(text))
