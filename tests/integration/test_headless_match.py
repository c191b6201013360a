"""Regular expressions that may never end, in a process that can be ended."""

from __future__ import annotations

from time import monotonic

import pytest

from workbench.app.errors import ExpectationError, UsageError
from workbench.app.headless import match
from workbench.app.headless.expect import check_reply
from workbench.app.headless.script import ExpectReply


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b+", "abbc", True),
        ("^b", "abbc", False),
        ("é.漢", "xé\n漢é 漢", True),
        ("(?s)a.b", "a\nb", True),
        ("\0", "a\0b", True),
        ("", "", True),
        ("x", "", False),
        ("12 3", "12 3", True),
        (r"(?m)^two$", "one\ntwo\nthree", True),
    ],
)
async def test_search(pattern: str, text: str, found: bool) -> None:
    assert await match.search(pattern, text) is found


async def test_a_search_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match, "SECONDS", 0.5)
    began = monotonic()
    with pytest.raises(UsageError, match=r"still searching after 0\.5 s"):
        await match.search(r"(a+)+$", "a" * 64 + "b")
    assert monotonic() - began < 10


@pytest.mark.parametrize(
    ("expected", "reply", "holds"),
    [
        (ExpectReply("contains", "ell"), " hello\n", True),
        (ExpectReply("contains", "Ell"), "hello", False),
        (ExpectReply("equals", " hello "), "\nhello\n", True),
        (ExpectReply("equals", ""), " ", True),
        (ExpectReply("equals", "hell"), "hello", False),
        (ExpectReply("matches", "^h.*o$"), " hello ", True),
        (ExpectReply("matches", "^e"), "hello", False),
        (ExpectReply("contains", "x"), None, False),
    ],
)
async def test_replies_are_checked(expected: ExpectReply, reply: str | None, holds: bool) -> None:
    if holds:
        await check_reply(expected, reply)
    else:
        with pytest.raises(ExpectationError, match="does not hold") as caught:
            await check_reply(expected, reply)
        assert caught.value.exit_code == 1
