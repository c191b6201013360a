"""The words of events against SQLite's full-text search: an index of them must miss nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workbench.app.events.filter.words import search_words, searchable, text_finder

_ODD = st.sampled_from('éßſKİı\u0301\u0903\u20dd\u200d\u00ad\ue000\u0378²½核😀\n\t\x1b"\\/_-:.“ 0aZ')
LINES = st.lists(_ODD | st.characters(exclude_categories=["Cs"]) | st.sampled_from(["ab", "Ab1", "n"])).map(
    "".join
)
SEARCHES = st.lists(st.sampled_from(["a", "ab", "AB1", "1", "n", "nab", " ", "_", ".", "“"])).map("".join)


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    """A full-text index with one column."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5(text, tokenize='unicode61')")
    yield connection
    connection.close()


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, SEARCHES)
@example("foo\nab", "ab")
@example("e\u0301ab", "ab")
@example("K1", "k1")
@example("🤖ab 🏱ab", "ab")
def test_an_index_of_the_words_misses_nothing(index: sqlite3.Connection, line: str, search: str) -> None:
    payload = msgspec.json.encode({"line": line}).decode()
    words = search_words(search)
    if words is None or not text_finder(search)("x:y", payload):
        return
    index.execute("DELETE FROM texts")
    index.execute("INSERT INTO texts VALUES (?)", (searchable("x:y", payload),))
    question = " AND ".join(f'"{word}" *' for word in words)
    assert index.execute("SELECT count(*) FROM texts WHERE texts MATCH ?", (question,)).fetchone() == (1,)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Two words", ("two", "words")),
        ("a_b.c:d a", ("a", "b", "c", "d")),
        ("“quoted” — 1½", None),
        ("“quoted” — 1", ("quoted", "1")),
        ("größe", None),
        ("=>", None),
        ("", None),
    ],
)
def test_words_of_a_search(value: str, expected: tuple[str, ...] | None) -> None:
    assert search_words(value) == expected


def test_escapes_part_words() -> None:
    payload = msgspec.json.encode({"k": 'a\nb"c\\nd\x1be'}).decode()
    assert searchable("x:y", payload).split("\n") == ["x:y", '{"k":"a b c nd e"}']
