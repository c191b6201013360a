"""Stop strings: found across any cuts, never shown, and nothing else is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.workers.llm.stops import StopFinder


def shown(stops: list[str], pieces: list[bytes]) -> tuple[bytes, bool]:
    """Return all bytes that were shown, and whether a stop string was found."""
    finder = StopFinder(stops)
    out = b""
    for piece in pieces:
        out += finder.feed(piece)
        if finder.found:
            return out, True
    return out + finder.finish(), False


def expected(stops: list[str], data: bytes) -> tuple[bytes, bool]:
    """What must come out: cut at the stop string that ends first, the longest of those that end there."""
    encoded = [stop.encode() for stop in stops]
    for end in range(1, len(data) + 1):
        ending = [stop for stop in encoded if data[:end].endswith(stop)]
        if ending:
            return data[: end - max(map(len, ending))], True
    return data, False


few_letters = st.text(alphabet="abé", max_size=30)
some_stops = st.lists(st.text(alphabet="abé", min_size=1, max_size=5), min_size=1, max_size=4)


@given(few_letters, some_stops, st.lists(st.integers(0, 60), max_size=20))
def test_the_result_does_not_depend_on_the_cuts(text: str, stops: list[str], cuts: list[int]) -> None:
    data = text.encode()
    places = sorted({min(cut, len(data)) for cut in cuts})
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    assert shown(stops, pieces) == expected(stops, data)


@given(few_letters, some_stops)
def test_what_is_shown_never_has_to_be_taken_back(text: str, stops: list[str]) -> None:
    finder = StopFinder(stops)
    data, out = text.encode(), b""
    final, _ = expected(stops, data)
    for index in range(len(data)):
        out += finder.feed(data[index : index + 1])
        assert final.startswith(out)
        if finder.found:
            break


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_stop_string_over_two_pieces(cut: int) -> None:
    data = b"yes<END>no"
    assert shown(["<END>"], [data[:cut], data[cut:]]) == (b"yes", True)


def test_a_beginning_that_does_not_go_on_is_shown() -> None:
    assert shown(["<END>"], [b"a <EN", b"G> b"]) == (b"a <ENG> b", False)
    assert shown(["<END>"], [b"a <EN"]) == (b"a <EN", False)


def test_the_one_that_is_complete_first_wins() -> None:
    assert shown(["abcd", "c"], [b"xabcd"]) == (b"xab", True)
    assert shown(["abcd", "c"], [b"xab", b"cd"]) == (b"xab", True)


def test_of_those_that_end_together_the_longest_wins() -> None:
    assert shown(["b", "ab"], [b"xa", b"b"]) == (b"x", True)


def test_only_what_could_be_a_beginning_is_held_back() -> None:
    finder = StopFinder(["\n\nUser:"])
    assert finder.feed(b"Hello\n") == b"Hello"
    assert finder.feed(b"World") == b"\nWorld"
    assert finder.finish() == b""


def test_bytes_that_are_no_text_pass() -> None:
    assert shown(["é"], [b"\xff\xc3", b"\x28"]) == (b"\xff\xc3\x28", False)
