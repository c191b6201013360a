"""Text made safe for a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.text import one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\r\nb\rc", "a\nbc"),
        ("\x9b2J\x85", "\N{REPLACEMENT CHARACTER}2J\N{REPLACEMENT CHARACTER}"),
        ("\x00\x7f", "␀␡"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("é 漢 🙂 e\u0301", "é 漢 🙂 e\u0301"),
    ],
)
def test_controls_become_visible(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_nothing_is_left_that_a_terminal_acts_on(text: str) -> None:
    safe = printable(text)
    assert all(
        unicodedata.category(character) not in ("Cc", "Cs") or character in "\n\t" for character in safe
    )
    safe.encode()


@given(st.text(), st.text())
def test_pieces_give_the_same_as_the_whole(first: str, second: str) -> None:
    assert printable(first) + printable(second) == printable(first + second)


@given(st.text(), st.integers(1, 80))
def test_one_line_is_one_line_of_that_width(text: str, width: int) -> None:
    line = one_line(text, width)
    assert len(line) <= width
    assert "\n" not in line
    assert printable(line) == line


def test_one_line_keeps_what_fits_and_marks_what_is_cut() -> None:
    assert one_line("  two\n words ", 20) == "two words"
    assert one_line("abcdefghij", 5) == "abcd…"
    assert one_line("x" + " " * 1000 + "y", 20) == "x…"
