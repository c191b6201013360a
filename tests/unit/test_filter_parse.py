"""Reading filters: what they mean, and where and how an error says what is wrong."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.app.errors import EventError
from workbench.app.events.filter.format import format_filter
from workbench.app.events.filter.match import matcher
from workbench.app.events.filter.parse import DEEPEST, LONGEST, parse_filter, point_at
from workbench.app.events.filter.syntax import (
    FIELDS,
    All,
    AnyOf,
    Compare,
    Everything,
    Filter,
    Name,
    Not,
    Value,
)
from workbench.tests.unit.filter_kit import filters

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "filters.md"
EXAMPLES = re.findall(
    r"^```filter\n(.*?)\n```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)

A, B, C = Name("a"), Name("b"), Name("c")


def refused(text: str) -> EventError:
    """Return the error that a filter is refused with."""
    with pytest.raises(EventError) as caught:
        parse_filter(text)
    assert caught.value.code == "event.bad_filter"
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Everything()),
        (" \n\t", Everything()),
        ("*", Everything()),
        ("core:chat:*", Name("core:chat:*")),
        ("a b", All((A, B))),
        ("a and b c", All((A, B, C))),
        ("a or b and c", AnyOf((A, All((B, C))))),
        ("(a or b) c", All((AnyOf((A, B)), C))),
        ("a or (b or c)", AnyOf((A, B, C))),
        ("(a and b) and c", All((A, B, C))),
        ("((a))", A),
        ("not a b", All((Not(A), B))),
        ("not not a", Not(Not(A))),
        ("not (a b)", Not(All((A, B)))),
        ("a(b)c", All((A, B, C))),
        ("NOT a Or b AnD c", AnyOf((Not(A), All((B, C))))),
        ('"two words"', Compare(("text",), "~", "two words")),
        ("since 10m", Compare(("time",), ">=", "10m")),
        ("UNTIL '2026-05-01'", Compare(("time",), "<", "2026-05-01")),
        ("since 2026-05-01 12:00 a", All((Compare(("time",), ">=", "2026-05-01T12:00"), A))),
        ("since 2026-05-01 a", All((Compare(("time",), ">=", "2026-05-01"), A))),
        ("time<3d", Compare(("time",), "<", "3d")),
        ("session==0198c3", Compare(("session",), "==", "0198c3")),
        ("session == 12", Compare(("session",), "==", "12")),
        ("cause == null", Compare(("cause",), "==", None)),
        ('cause == "null"', Compare(("cause",), "==", "null")),
        ("source ~ null", Compare(("source",), "~", "null")),
        ("seq >= 100", Compare(("seq",), ">=", 100)),
        ("payload.a.b == x", Compare(("payload", "a", "b"), "==", "x")),
        ('payload."a.b".""."\\"" == x', Compare(("payload", "a.b", "", '"'), "==", "x")),
        ("payload.naïve == ja", Compare(("payload", "naïve"), "==", "ja")),
        ("payload.and == x", Compare(("payload", "and"), "==", "x")),
    ],
)
def test_what_filters_mean(text: str, expected: Filter) -> None:
    assert parse_filter(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-1", -1),
        ("1.0", 1.0),
        ("1e3", 1000.0),
        ("18446744073709551615", 2**64 - 1),
        ("007", "007"),
        ("1.", "1."),
        ("0x10", "0x10"),
        ("nan", "nan"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("True", "True"),
        ("/tmp/a,b;c?*", "/tmp/a,b;c?*"),
        ('"1"', "1"),
        ("'it\\'s'", "it's"),
        ("'\"'", '"'),
        (r'"\\ \" \n \r \t \/"', '\\ " \n \r \t /'),
        (r'"\u00e9\uD83D\ude00"', "é😀"),
        ('""', ""),
    ],
)
def test_values(text: str, expected: Value) -> None:
    found = parse_filter(f"payload.x == {text}")
    assert isinstance(found, Compare)
    assert repr(found.value) == repr(expected)


@pytest.mark.parametrize(
    ("text", "position", "length", "expected", "says"),
    [
        ("a or", 4, 0, "a field", "it ends where a condition is expected"),
        ("not", 3, 0, "a field", "it ends where a condition"),
        ("()", 1, 1, "a field", "')' stands where a condition"),
        ("or a", 0, 2, "not", "'or' stands where a condition"),
        ("a and and b", 6, 3, "a field", "'and' stands"),
        ("a ! b", 2, 1, "and", "'!' stands where 'and', 'or' or the end is expected"),
        ("a)", 1, 1, "the end", "no parenthesis was opened"),
        ("(a b", 4, 0, ")", "it ends where 'and', 'or' or ')' is expected"),
        ("(a == b", 1, 1, "session", "there is no field 'a'"),
        ("sesion == 1", 0, 6, "session", "no field 'sesion'"),
        ("core:* and Session == 1", 11, 7, "session", "no field 'Session'"),
        ("session = 1", 8, 1, "==", "'=' stands where '==', '!=', '~' or '!~' is expected"),
        ("session 12", 8, 2, "~", "'12' stands where"),
        ("session", 7, 0, "==", "it ends where"),
        ("session ==", 10, 0, "a value", "it ends where a value is expected"),
        ("session == )", 11, 1, "a value", "')' stands where a value"),
        ("session == and", 11, 3, "a value", "'and' stands where a value"),
        ("session == == x", 11, 2, "a value", "'==' stands where a value"),
        ("== x", 0, 2, "a field", "'==' stands where a condition"),
        ("session < 3", 8, 1, "==", "session has no order"),
        ("seq ~ 3", 4, 1, "<", "seq is no text"),
        ("text == x", 5, 2, "~", "by its words only"),
        ("seq > x", 6, 1, "a value", "no number of an event"),
        ("seq > -1", 6, 2, "a value", "no number of an event"),
        ("seq > 1.5", 6, 3, "a value", "no number of an event"),
        (f"seq > {2**63}", 6, 19, "a value", "no number of an event"),
        ("payload.x < y", 12, 1, "a value", "< compares numbers"),
        ("payload.x < true", 12, 4, "a value", "< compares numbers"),
        ("payload.x == 1e999", 13, 5, "a value", "too large"),
        (f"payload.x == {2**64}", 13, 20, "a value", "too large"),
        ("since", 5, 0, "a time", "it ends where a time"),
        ("since or", 6, 2, "a time", "'or' stands where a time"),
        ("since yesterday", 6, 9, "a time", "this is no time"),
        ("until 2026-13-01", 6, 10, "a time", "this is no time"),
        ("time > 5", 7, 1, "a time", "this is no time"),
        ("name == core:*", 8, 6, "a value", "no event's name has a star"),
        ("payload == 3", 7, 0, "a key", "a key of the payload is missing"),
        ("payload. == 3", 8, 0, "a key", "a key of the payload is missing"),
        ("payload.a..b == 3", 10, 0, "a key", "a key of the payload is missing"),
        ('payload."a"b == 3', 11, 0, "a key", "a key of the payload is missing"),
        ('a payload."b == 3', 10, 7, '"', "has no end"),
        ("core:Chat:*", 5, 1, "*", "'core:Chat:*' is no event name"),
        ("a core::x", 7, 0, "*", "a part of the event name is missing"),
        ("core:", 5, 0, "*", "a part of the event name is missing"),
        ("co*", 2, 1, "*", "is no event name"),
        ("größe", 2, 1, "*", "is no event name"),
        ("a && b", 2, 2, "not", "'&&' is no event name"),
        ("a || b", 2, 2, "not", "'||' is no event name"),
        ("!a", 0, 1, "not", "'!' stands where a condition"),
        ('a "bc', 2, 3, '"', "the quoted text that begins here has no end"),
        ("'bc\\'", 0, 5, "'", "has no end"),
        ('"a\\q"', 2, 2, "\\n", "this backslash begins nothing"),
        ('"a\\', 2, 1, "\\n", "this backslash begins nothing"),
        ('"\\u12', 1, 4, "\\u", "this backslash begins nothing"),
        ('"\\u00g0"', 1, 6, "\\u", "this backslash begins nothing"),
    ],
)
def test_errors_point_at_the_place(text: str, position: int, length: int, expected: str, says: str) -> None:
    error = refused(text)
    assert (error.details["position"], error.details["length"]) == (position, length)
    assert expected in error.details["expected"] or says.startswith("there is no field")
    assert error.message.startswith(f"The filter cannot be read at character {position + 1}: ")
    assert says in error.message
    assert error.hint.endswith((".", '"…".'))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sesion == 1", "Did you mean session?"),
        ("Session == 1", "Did you mean session?"),
        ("paylod.worker == 1", "Did you mean payload.worker?"),
        ("worker == llm", "Did you mean payload.worker?"),
        ("a && b", "Write and instead."),
        ("a || b", "Write or instead."),
        ("! a", "Write not instead."),
        ("core:* ! a", "Write not instead."),
        ("session ! a", "Write != instead."),
        ("core:chat:* == a", "The pattern of a name stands by itself"),
        ("seq = 1", "Write == instead."),
        ("payload.x == or", 'it needs quotation marks: "or".'),
        ("(a or (b)", "Write ) for the ( at character 1."),
        ("turn", 'turn == "…"'),
        ("payload.worker", 'payload.worker == "…"'),
        ("since soon", "a span back from now such as 10m"),
    ],
)
def test_errors_say_what_to_do(text: str, hint: str) -> None:
    assert hint in refused(text).hint


def test_lone_surrogates_are_refused_wherever_they_stand() -> None:
    for text, position in [
        ("\udc80", 0),
        ("a\udc80", 1),
        ('"a\udc80"', 2),
        ('"\\ud800"', 1),
        ('"\\udc00\\ud800"', 1),
    ]:
        error = refused(text)
        assert error.details["position"] == position
        assert "half a character" in error.message


def test_length_is_bounded() -> None:
    longest = "a " * (LONGEST // 2)
    assert isinstance(parse_filter(longest), All)
    error = refused(longest + "b")
    assert (error.details["position"], error.details["length"]) == (LONGEST, 1)
    assert "4,000" in error.message


@pytest.mark.parametrize("opening", ["(", "not ", "not ("])
def test_depth_is_bounded(opening: str) -> None:
    levels = 2 if opening == "not (" else 1
    count = DEEPEST // levels
    parse_filter(opening * count + "a" + ")" * (opening.count("(") * count))
    error = refused(opening * (count + 1) + "a")
    assert error.details["position"] == len(opening) * count
    assert "32" in error.message


def test_many_parts_side_by_side_are_not_deep() -> None:
    assert parse_filter("(a) " * 500) == All((A,) * 500)
    assert parse_filter("not a " * 500) == All((Not(A),) * 500)


@given(filters)
def test_what_is_printed_reads_back_as_the_same(filter_: Filter) -> None:
    text = format_filter(filter_)
    assert repr(parse_filter(text)) == repr(filter_)
    assert text.isprintable()


@pytest.mark.parametrize("word", ["and", "since", "session", "payload", "*"])
def test_a_name_that_is_a_word_of_the_language_is_printed_with_the_same_meaning(word: str) -> None:
    assert parse_filter(format_filter(Name(word))) in (Compare(("name",), "==", word), Everything())


# Pieces of the language in any order reach further than random letters do.
SIGNS = [
    "(",
    ")",
    "==",
    "!",
    "=",
    "<",
    "~",
    '"',
    "'",
    "\\",
    "\\u00",
    '."',
    ":",
    "*",
    "\n",
    " ",
    "é",
    "\udc80",
]
WORDS = [
    "and",
    "or",
    "not",
    "since",
    "core:*",
    "payload.",
    "payload.x",
    "10m",
    "2026-05-01",
    "12:30",
    "1",
    "null",
]
PIECES = st.sampled_from([*FIELDS, *SIGNS, *WORDS])


@given(st.text() | st.lists(PIECES).map("".join) | st.lists(PIECES).map(" ".join))
@example('payload."')
@example("payload.x == " + "9" * 3_000)
@example("since 2026-05-01 99:99")
@example("since 0001-01-01")
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    try:
        found = parse_filter(text)
    except EventError as error:
        assert error.code == "event.bad_filter"
        position, length = error.details["position"], error.details["length"]
        assert 0 <= position <= position + length <= len(text)
        assert all(isinstance(each, str) and each for each in error.details["expected"])
        lines = point_at(text, error)
        assert len(lines) == 2
        assert "\n" not in lines[0]
        assert set(lines[1]) <= {" ", "^"}
    else:
        assert parse_filter(format_filter(found)) == found
        matcher(found, datetime(2026, 5, 1, tzinfo=UTC))


def test_there_are_examples_in_the_document() -> None:
    assert len(EXAMPLES) >= 15


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_of_the_document_are_read(text: str) -> None:
    assert parse_filter(text) != Everything()


def test_the_document_has_every_field() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    for field in FIELDS:
        assert f"| `{field}" in document


def test_the_error_in_the_document_is_the_one_that_is_shown() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    text = 'core:chat:* and sesion == "0198c3"'
    error = refused(text)
    shown = "\n".join([*point_at(text, error), error.message])
    assert shown in document


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("a or", 76, ["a or", "    ^"]),
        ("sesion == 1", 76, ["sesion == 1", "^^^^^^"]),
        ('"核心" 核 ==', 76, ['"核心" 核 ==', "       ^^"]),
        ('"e\u0301" A', 76, ['"e\u0301" A', "    ^"]),
        ('"\n\x1b" A', 76, ['" \N{REPLACEMENT CHARACTER}" A', "     ^"]),
        ("a " * 10 + "B" + " c" * 10, 20, ["… a a a a a B c c …", "            ^"]),
        ("a " * 10 + "B" * 30, 20, ["… a a a a a BBBBBB…", "            ^"]),
        ("B" + " c" * 20, 20, ["B c c c c c c c c…", "^"]),
        ("a " * 20 + "(", 20, ["…a a a a a (", "            ^"]),
    ],
)
def test_the_carets_stand_under_the_place(text: str, width: int, expected: list[str]) -> None:
    assert point_at(text, refused(text), width) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), st.integers(8, 40), st.data())
def test_the_lines_are_never_wider_than_asked(text: str, width: int, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text)))
    error = EventError("bad_filter", "", "", position=position, length=len(text) - position, expected=[])
    line, carets = point_at(text, error, width)
    assert len(line) <= max(width, len(text))
    assert len(carets) <= width
