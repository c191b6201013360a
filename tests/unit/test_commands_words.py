"""Splitting lines into words, compared with the shell's rules."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.commands.words import quote, split, unquote

lines = st.text(st.sampled_from("ab \t\n'\"\\=-é")) | st.text()


@given(lines)
def test_words_are_those_of_the_shell(line: str) -> None:
    words = split(line)
    # Where a character is white space by name only, shlex and we both keep to space, tab and line ends.
    try:
        expected = shlex.split(line, comments=False, posix=True)
    except ValueError:
        assert words[-1].open_quote
    else:
        assert [word.text for word in words] == expected
        assert not any(word.open_quote for word in words)


@given(lines)
def test_words_stand_where_they_say(line: str) -> None:
    end = 0
    for word in split(line):
        assert end <= word.start < word.end <= len(line)
        if not word.open_quote:
            assert [again.text for again in split(line[word.start : word.end])] == [word.text]
        end = word.end


@given(st.lists(st.text()))
def test_quoted_words_are_read_back(texts: list[str]) -> None:
    assert [word.text for word in split(" ".join(map(quote, texts)))] == texts


@pytest.mark.parametrize(
    ("line", "mark"), [("say 'a", "'"), ('say "a', '"'), ("say a\\", "\\"), ('say "a\\', "\\")]
)
def test_what_is_open_is_told(line: str, mark: str) -> None:
    assert split(line)[-1].open_quote == mark


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('"a b"', "a b"),
        ("'a b'", "a b"),
        ('"a" or "b"', '"a" or "b"'),
        ("don't", "don't"),
        ("'open", "'open"),
        ('"', '"'),
        ("", ""),
    ],
)
def test_unquoting_takes_one_quoted_word_only(text: str, plain: str) -> None:
    assert unquote(text) == plain
