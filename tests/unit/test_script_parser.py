"""The language of scripts: each statement, each error with its line, and the way back to text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.errors import UsageError
from workbench.app.headless.script import (
    ExpectEvent,
    ExpectReply,
    Include,
    Message,
    Place,
    SetValue,
    SlashLine,
    Statement,
    describe,
    parse_script,
    print_script,
)

EXAMPLE = """# a comment
hello   there

  indented
/sessions list --limit 3
<<END
first line
  # no comment, /no command

last line
END
<<TEXT
END
TEXT
/expect reply contains two words
/expect reply matches ^a.*\\d+$
/expect reply equals "line\\nline \\"two\\""
/expect event core:chat:*
/expect event core:chat:reply_finished count >= 2
/set sampling.temperature 0.5
/set chat.system_prompt "Be brief."
/include other file.wb
<<not a block
"""


def bare(statement: Statement) -> Statement:
    """Return a statement without its place."""
    kind = type(statement)
    return kind(*(getattr(statement, name) for name in kind.__struct_fields__ if name != "place"))


def test_every_statement_is_read() -> None:
    statements = list(parse_script(EXAMPLE, "e.wb"))
    assert [bare(statement) for statement in statements] == [
        Message("hello   there"),
        Message("indented"),
        SlashLine("sessions list --limit 3"),
        Message("first line\n  # no comment, /no command\n\nlast line"),
        Message("END"),
        ExpectReply("contains", "two words"),
        ExpectReply("matches", "^a.*\\d+$"),
        ExpectReply("equals", 'line\nline "two"'),
        ExpectEvent("core:chat:*"),
        ExpectEvent("core:chat:reply_finished", ">=", 2),
        SetValue("sampling.temperature", "0.5"),
        SetValue("chat.system_prompt", "Be brief."),
        Include("other file.wb"),
        Message("<<not a block"),
    ]
    places = [statement.place for statement in statements]
    assert [place.line for place in places if place] == [2, 4, 5, 6, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23]
    assert str(places[0]) == "e.wb:2"


def test_windows_line_ends_are_read() -> None:
    script = "hello\r\n<<END\r\na\r\nb\r\nEND\r\n/expect reply equals a"
    assert [bare(statement) for statement in parse_script(script, "w")] == [
        Message("hello"),
        Message("a\nb"),
        ExpectReply("equals", "a"),
    ]


@pytest.mark.parametrize(
    ("script", "line", "said"),
    [
        ("a\n<<END\nb", 2, "<<END has no end"),
        ("<<END\n \nEND", 1, "the message is empty"),
        ("\n/expect", 2, "an expectation cannot be ''"),
        ("/expect nothing", 1, "an expectation cannot be 'nothing'"),
        ("/expect event", 1, "an expectation cannot be 'event'"),
        ("/expect reply", 1, "needs contains, matches or equals"),
        ("/expect reply contains", 1, "needs contains, matches or equals"),
        ("/expect reply resembles x", 1, "needs contains, matches or equals"),
        ('/expect reply contains ""', 1, "the text is empty"),
        ('/expect reply contains "\\d"', 1, "double quotes cannot be read"),
        ("/expect event a count", 1, "the count cannot be read"),
        ("/expect event a count >= many", 1, "the count cannot be read"),
        ("/expect event a count => 1", 1, "the count cannot be read"),
        ("/expect event a count >= 1 2", 1, "the count cannot be read"),
        ("/expect event a count >= -1", 1, "the count cannot be read"),
        ("/expect event a count >= 99999999999999", 1, "the count cannot be read"),
        ("/set", 1, "/set needs a name and a value"),
        ("/set key", 1, "/set needs a name and a value"),
        ("/include", 1, "/include needs a file"),
    ],
)
def test_errors_name_file_and_line(script: str, line: int, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(parse_script(script, "dir/x.wb"))
    error = caught.value
    assert error.message.startswith(f"dir/x.wb:{line}: ")
    assert said in error.message
    assert error.hint
    assert error.code == "usage.script"
    assert error.details == {"file": "dir/x.wb", "line": line}


def test_an_expectation_is_described_as_it_is_written() -> None:
    assert describe(ExpectReply("contains", "a b")) == "expect reply contains a b"
    assert describe(ExpectEvent("core:*", "==", 2)) == "expect event core:* count == 2"


# Carriage returns before line ends belong to the line end.
texts = st.text(st.characters(exclude_characters="\r", codec="utf-8"), min_size=1)
words = st.text(st.characters(categories=("L", "N"), include_characters=".:_*-"), min_size=1).filter(
    lambda text: not text.startswith("#")
)
lines = texts.map(lambda text: " ".join(text.split())).filter(
    lambda text: text and "\n" not in text and text == text.strip()
)
statements = st.one_of(
    texts.filter(lambda text: bool(text.strip())).map(Message),
    lines.filter(lambda text: text.split(" ")[0] not in ("expect", "set", "include")).map(SlashLine),
    st.builds(ExpectReply, st.sampled_from(["contains", "matches", "equals"]), texts),
    st.builds(ExpectReply, st.just("equals"), st.just("")),
    st.builds(
        ExpectEvent,
        words,
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.integers(0, 999_999_999),
    ),
    st.builds(SetValue, words, lines),
    st.builds(Include, lines),
)


@given(st.lists(statements))
def test_what_is_printed_is_read_back(script: list[Statement]) -> None:
    assert [bare(statement) for statement in parse_script(print_script(script), "f")] == script


@given(st.text() | st.text(st.sampled_from("/<>\"'\\# \nENDexpctrlyvn=")))
def test_any_text_is_a_script_or_a_usage_error(text: str) -> None:
    try:
        statements = list(parse_script(text, "any"))
    except UsageError as error:
        assert error.message.startswith("any:")
    else:
        assert all(isinstance(statement.place, Place) for statement in statements)


@given(st.text(st.sampled_from(' /expectrylvnm01<>=!cousai"\\\n')).map(lambda text: f"/expect {text}"))
def test_any_expectation_is_read_or_refused(text: str) -> None:
    try:
        list(parse_script(text, "any"))
    except UsageError as error:
        assert error.code == "usage.script"
