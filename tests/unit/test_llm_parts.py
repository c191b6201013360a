"""The parts of a reply: the first at once, the others by time, nothing lost between them."""

from __future__ import annotations

import itertools

import pytest

from workbench.app.workers.llm.parts import PartWriter


class Collected:
    """Takes parts, with a clock that moves a millisecond at each look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: float = 0.001) -> None:
        self.parts: list[tuple[str, int]] = []
        clock = itertools.count()
        monkeypatch.setattr("time.perf_counter", lambda: next(clock) * step + 1000)

    def __call__(self, text: str, tokens: int) -> None:
        self.parts.append((text, tokens))

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.parts)


def test_the_first_part_comes_at_once_and_the_next_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Collected(monkeypatch)
    writer = PartWriter(taken, [])
    for number in range(40):
        assert not writer.add(f"{number} ".encode())
    writer.close(cut=False)
    assert taken.parts[0] == ("0 ", 1)
    assert [tokens for _, tokens in taken.parts] == [1, 16, 31, 40]
    assert taken.text == "".join(f"{number} " for number in range(40))
    assert writer.text_bytes == len(taken.text)


def test_slow_tokens_come_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Collected(monkeypatch, step=0.1)
    writer = PartWriter(taken, [])
    for piece in (b"a", b"b", b"c"):
        writer.add(piece)
    assert taken.parts == [("a", 1), ("b", 2), ("c", 3)]


def test_the_first_part_waits_for_a_whole_character(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Collected(monkeypatch)
    writer = PartWriter(taken, [])
    for byte in "é!".encode():
        writer.add(bytes([byte]))
    assert taken.parts[0] == ("é", 2)


def test_a_stop_string_ends_it_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Collected(monkeypatch)
    writer = PartWriter(taken, ["STOP"])
    assert [writer.add(piece) for piece in (b"go S", b"T", b"OP on")] == [False, False, True]
    writer.close(cut=False)
    assert taken.text == "go "


def test_what_looked_like_a_stop_string_comes_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Collected(monkeypatch)
    writer = PartWriter(taken, ["STOP"])
    writer.add(b"go STO")
    writer.close(cut=False)
    assert taken.text == "go STO"


@pytest.mark.parametrize(("cut", "text"), [(True, "ok"), (False, "ok\ufffd")])
def test_half_a_character_at_the_end(monkeypatch: pytest.MonkeyPatch, cut: bool, text: str) -> None:
    taken = Collected(monkeypatch)
    writer = PartWriter(taken, [])
    writer.add(b"ok\xf0\x9f")
    writer.close(cut=cut)
    assert taken.text == text


def test_an_empty_reply_has_no_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Collected(monkeypatch)
    writer = PartWriter(taken, ["x"])
    writer.close(cut=False)
    assert taken.parts == []
