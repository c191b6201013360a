from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.widgets.event_index import AllRows, FoundRows

NUMBERS = st.sets(st.integers(1, 400))


def numbers(rows: AllRows | FoundRows) -> list[int]:
    return [rows.seq(place) for place in range(len(rows))]


@given(
    older=NUMBERS,
    live=st.sets(st.integers(401, 800)),
    gaps=st.lists(st.sets(st.integers(1, 800), max_size=30), max_size=4),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_any_order_of_chunks_and_live_events_gives_a_sorted_list(
    older: set[int], live: set[int], gaps: list[set[int]], sizes: list[int], order: object
) -> None:
    falling, rising = sorted(older, reverse=True), sorted(live)
    steps = [("old", chunk) for chunk in chunks(falling, sizes)]
    steps += [("live", chunk) for chunk in chunks(rising, sizes)]
    steps += [("gap", sorted(gap)) for gap in gaps]
    order.shuffle(steps)  # type: ignore[attr-defined]
    rows = FoundRows()
    seen: set[int] = set()
    for _, chunk in steps:
        rows.add(chunk)
        seen.update(chunk)
        assert numbers(rows) == sorted(seen)
        assert rows.last == max(seen, default=0)
    for wanted in range(0, 802, 7):
        assert rows.place(wanted) == sum(1 for seq in seen if seq < wanted)


def chunks(seqs: list[int], sizes: list[int]) -> list[list[int]]:
    found, at = [], 0
    for number in range(1_000):
        size = sizes[number % len(sizes)]
        if at >= len(seqs):
            break
        found.append(seqs[at : at + size])
        at += size
    return found


@given(NUMBERS, st.integers(0, 500))
def test_what_was_forgotten_is_gone(seqs: set[int], first: int) -> None:
    rows = FoundRows()
    rows.add(sorted(seq for seq in seqs if seq > 200))
    rows.add(sorted((seq for seq in seqs if seq <= 200), reverse=True))
    rows.forget_before(first)
    assert numbers(rows) == sorted(seq for seq in seqs if seq >= first)


@given(st.lists(st.integers(1, 30), max_size=60))
def test_it_never_holds_many_more_than_it_may(sizes: list[int]) -> None:
    rows, seq = FoundRows(capacity=64), 1
    for size in sizes:
        rows.add(range(seq, seq + size))
        seq += size
        assert len(rows) <= 64 + 8
        assert not len(rows) or numbers(rows) == list(range(rows.seq(0), seq))


def test_it_tells_how_far_the_log_was_searched() -> None:
    rows = FoundRows()
    assert not rows.reaches(500)
    rows.reached(100)
    assert rows.reaches(100) and not rows.reaches(99)
    assert AllRows(1, 5).reaches(0)


def test_all_rows_are_a_range_that_grows() -> None:
    rows = AllRows(10, 12)
    rows.add(range(13, 20))
    assert numbers(rows) == list(range(10, 20))
    assert (rows.place(9), rows.place(15), rows.place(99)) == (0, 5, 10)
    rows.forget_before(18)
    assert numbers(rows) == [18, 19]
    rows.forget_before(1_000)
    assert (len(rows), rows.last) == (0, 0)


def test_an_empty_log_has_no_rows() -> None:
    assert (len(AllRows()), AllRows().last, len(FoundRows()), FoundRows().last) == (0, 0, 0, 0)
    assert FoundRows().place(7) == 0
