"""Tokens to the parts of a reply that are sent: whole characters, no stop strings, not too many."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from workbench.app.workers.llm.detokenize import Utf8Stream
from workbench.app.workers.llm.stops import StopFinder

PART_INTERVAL_S: Final = 0.015
"""Shortest time between two parts of a reply."""

Emit = Callable[[str, int], None]
"""Takes a part of a reply: text (whole characters, never empty), and the reply's tokens so far."""


class PartWriter:
    """Puts the bytes of tokens together and hands on text: the first at once, then in parts by time.

    Args:
        emit: takes the parts.
        stops: texts that end the reply and are not shown.

    Attributes:
        text_bytes: of everything that was handed on, as UTF-8.
    """

    def __init__(self, emit: Emit, stops: Sequence[str]) -> None:
        self._emit = emit
        self._finder = StopFinder(stops) if stops else None
        self._decoder = Utf8Stream()
        self._waiting = b""
        self._tokens = 0
        self._due = 0.0
        self.text_bytes = 0

    def add(self, piece: bytes) -> bool:
        """Take a token's bytes; returns True when a stop string is complete."""
        self._tokens += 1
        finder = self._finder
        self._waiting += piece if finder is None else finder.feed(piece)
        now = time.perf_counter()
        if now >= self._due and self._send(self._decoder.feed(self._take())):
            self._due = now + PART_INTERVAL_S
        return finder is not None and finder.found

    def close(self, *, cut: bool) -> None:
        """Hand on what is left.

        Args:
            cut: the reply did not end by itself. Then a character that has only begun is left out instead
                of becoming U+FFFD, so that the reply can be gone on with.
        """
        if self._finder is not None:
            self._waiting += self._finder.finish()
        text = self._decoder.feed(self._take())
        self._send(text if cut else text + self._decoder.finish())

    def _take(self) -> bytes:
        waiting, self._waiting = self._waiting, b""
        return waiting

    def _send(self, text: str) -> bool:
        if not text:
            return False
        self.text_bytes += len(text.encode())
        self._emit(text, self._tokens)
        return True
