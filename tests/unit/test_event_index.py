from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from workbench.app.events.event import Event
from workbench.widgets.event_index import EventIndex, Note


def numbered(first: int, count: int) -> list[Event]:
    return [Event(name="acme:x:y", source="t", seq=seq) for seq in range(first, first + count)]


def rows(index: EventIndex) -> Iterator[Event | Note | None]:
    return (index.row(number) for number in range(index.first, index.end))


def test_rows_keep_their_numbers_while_older_ones_go() -> None:
    index = EventIndex(capacity=100)
    index.add(numbered(1, 100))
    kept = index.row(90)
    index.add(numbered(101, 50))
    assert index.row(90) is kept
    assert index.row(0) is None
    assert len(index) == 100


def test_older_rows_are_put_before_the_first() -> None:
    index = EventIndex(capacity=100)
    index.add(numbered(11, 10))
    first = index.row(index.first)
    assert index.prepend([Note("begin"), *numbered(1, 10)]) == 11
    assert index.row(0) is first
    assert index.row(index.first) == Note("begin")
    assert index.oldest is not None
    assert index.oldest.seq == 1


def test_a_pause_keeps_the_rows_and_counts_what_comes() -> None:
    index = EventIndex(capacity=10)
    index.add(numbered(1, 5))
    index.paused = True
    index.add(numbered(6, 3))
    assert (len(index), index.unseen) == (5, 3)
    index.resume()
    assert [row.seq for row in rows(index) if isinstance(row, Event)] == list(range(1, 9))
    assert index.unseen == 0


def test_after_a_long_pause_a_note_stands_for_what_is_missing() -> None:
    index = EventIndex(capacity=10)
    index.add(numbered(1, 5))
    index.paused = True
    index.add(numbered(6, 25))
    assert index.unseen == 25
    index.resume()
    notes = [row.text for row in rows(index) if isinstance(row, Note)]
    assert notes == [] or notes == ["15 events passed by here; they are in the log"]
    assert [row.seq for row in rows(index) if isinstance(row, Event)][-10:] == list(range(21, 31))


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=40))
def test_it_never_holds_more_than_it_may(steps: list[tuple[int, bool]]) -> None:
    index = EventIndex(capacity=16)
    seq = 1
    for count, pause in steps:
        index.add(numbered(seq, count))
        seq += count
        if pause:
            index.paused = True
        else:
            index.resume()
        assert len(index) <= 16 + 2 + 30 + 16
        assert index.end - index.first == len(index)
    index.resume()
    shown = [row.seq for row in rows(index) if isinstance(row, Event)]
    assert shown == sorted(shown)
    assert not shown or shown[-1] == seq - 1


def test_clearing_forgets_everything() -> None:
    index = EventIndex(capacity=10)
    index.add(numbered(1, 5))
    index.clear()
    assert (len(index), index.oldest, index.unseen) == (0, None, 0)
