"""Finds rows by what a person types: every word must occur; failing that, the letters in order."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.widgets.row_list import Row


def search(rows: Sequence[Row], query: str) -> list[Row]:
    """Return the rows that fit, best first, with the places that matched; all of them for an empty query.

    Labels count more than details, and the beginning of a word more than its inside.
    """
    words = query.lower().split()
    if not words:
        return list(rows)
    scored = [(score, row) for row in rows if (score := _score(row, words)) is not None]
    scored.sort(key=lambda pair: -pair[0])
    return [msgspec.structs.replace(row, marks=_marks(row.label, words)) for _, row in scored]


def _score(row: Row, words: Sequence[str]) -> float | None:
    label, detail = row.label.lower(), row.detail.lower()
    score = 0.0
    for word in words:
        if label.startswith(word):
            score += 8
        elif f" {word}" in label:
            score += 6
        elif word in label:
            score += 4
        elif word in detail:
            score += 1
        elif len(words) == 1 and _in_order(label, word) is not None:
            score += 0.5
        else:
            return None
    return score - row.disabled


def _marks(label: str, words: Sequence[str]) -> tuple[int, ...]:
    text = label.lower()
    places: set[int] = set()
    for word in words:
        place = text.find(f" {word}") + 1 or text.find(word)
        if text.startswith(word):
            place = 0
        if place >= 0:
            places.update(range(place, place + len(word)))
        elif len(words) == 1:
            places.update(_in_order(text, word) or ())
    return tuple(sorted(places))


def _in_order(text: str, letters: str) -> list[int] | None:
    """Return where the letters stand one after the other, None when they do not."""
    places: list[int] = []
    start = 0
    for letter in letters:
        place = text.find(letter, start)
        if place < 0:
            return None
        places.append(place)
        start = place + 1
    return places
