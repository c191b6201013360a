"""Ids: valid UUIDv7, unique, and sorted by when they were made."""

from __future__ import annotations

import threading
import time
import uuid
from types import SimpleNamespace
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from workbench.app.events import ids


def ids_at(milliseconds: list[int]) -> list[str]:
    """Return the ids that a fresh process would make at the given times."""
    clock = iter(milliseconds)
    stopped = SimpleNamespace(time_ns=lambda: next(clock) * 1_000_000)
    with mock.patch.object(ids, "time", stopped), mock.patch.object(ids, "_current", ids._series(0)):
        return [ids.new_id() for _ in milliseconds]


@given(st.lists(st.integers(1, 2**48 - 1), min_size=1, max_size=200))
def test_ids_grow_and_never_repeat_however_the_clock_jumps(times: list[int]) -> None:
    made = ids_at(times)
    assert made == sorted(made)
    assert len(set(made)) == len(made)


@given(st.integers(1, 2**48 - 1), st.integers(1, 100))
def test_every_id_is_a_valid_uuid_of_version_7(millisecond: int, count: int) -> None:
    for text in ids_at([millisecond] * count):
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122
        assert parsed.int >> 80 == millisecond


def test_an_id_carries_the_time_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(ids.new_id()).int >> 80
    # The counter keeps ids growing when the clock of the machine steps back, so only the lower bound is sure.
    assert made >= before


def test_ids_of_several_threads_are_unique() -> None:
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append([ids.new_id() for _ in range(3000)])) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({text for group in found for text in group}) == 6 * 3000
