from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.app.events.event import Event
from workbench.widgets.event_cache import EventCache
from workbench.widgets.event_filters import Filters


def event(seq: int) -> Event:
    return Event(name="acme:x:y", source="t", seq=seq)


@given(st.lists(st.integers(1, 60), max_size=200))
def test_the_cache_keeps_what_was_used_last(seqs: list[int]) -> None:
    cache = EventCache(capacity=8)
    used: list[int] = []
    for seq in seqs:
        if cache.get(seq) is None:
            cache.put([event(seq)])
        used = [each for each in used if each != seq] + [seq]
        assert len(cache) <= 8
        assert {held.seq for held in cache.events()} == set(used[-8:])


def test_the_cache_remembers_what_is_nowhere() -> None:
    cache = EventCache()
    cache.put_missing([3])
    assert 3 in cache and cache.get(3) is None and cache.events() == []
    cache.put([event(3)])
    cache.put_missing([3])
    assert cache.get(3) is not None


def test_a_filter_over_the_readers_own_goes_and_the_own_comes_back() -> None:
    filters = Filters()
    filters.use("core:chat:*")
    assert filters.only("turn", 'turn == "a"')
    assert filters.text == 'turn == "a"' and filters.shows_only("turn")
    assert filters.only("pins", "seq == 1")
    assert not filters.only("pins", "seq == 1")
    assert filters.text == "core:chat:*"
    filters.drop()
    assert filters.text == "" and filters.earlier == ["core:chat:*"]


def test_earlier_filters_are_kept_once_each_and_bounded() -> None:
    filters = Filters()
    for number in range(80):
        filters.use(f"seq == {number}")
    filters.use("seq == 79")
    filters.use("seq == 70")
    assert len(filters.earlier) == 50
    assert filters.earlier[-2:] == ["seq == 79", "seq == 70"]
    assert len(set(filters.earlier)) == 50
