"""Name patterns against a reference that works on segments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.errors import EventError
from workbench.app.events.patterns import check_pattern, is_event_name, name_matcher

SEGMENTS = st.sampled_from(["core", "chat", "a", "b.c", "reply_failed", "x-y", "9"])
NAMES = st.lists(SEGMENTS, min_size=1, max_size=5).map(":".join)
PATTERNS = st.lists(SEGMENTS | st.just("*"), min_size=1, max_size=5).map(":".join)


def fits(pattern: str, name: str) -> bool:
    """Tell whether a name fits a pattern, by the definition: a last star takes one or more segments."""
    wanted, given_ = pattern.split(":"), name.split(":")
    if wanted[-1] == "*":
        if len(given_) < len(wanted):
            return False
        wanted, given_ = wanted[:-1], given_[: len(wanted) - 1]
    return len(wanted) == len(given_) and all(w in ("*", g) for w, g in zip(wanted, given_, strict=True))


@given(PATTERNS, NAMES)
def test_the_matcher_agrees_with_the_reference(pattern: str, name: str) -> None:
    assert name_matcher(pattern)(name) is fits(pattern, name)


@given(NAMES)
def test_a_name_fits_itself_and_all_its_areas(name: str) -> None:
    segments = name.split(":")
    assert name_matcher(name)(name)
    assert name_matcher("*")(name)
    for count in range(1, len(segments)):
        assert name_matcher(":".join([*segments[:count], "*"]))(name)
        assert name_matcher(":".join([*segments[: count - 1], "*", *segments[count:]]))(name)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("core:chat:*", "core:chat:reply_failed", True),
        ("core:chat:*", "core:chat", False),
        ("core:chat:*", "core:chats:x", False),
        ("core:*:failed", "core:model:failed", True),
        ("core:*:failed", "core:a:b:failed", False),
        ("core.chat", "coreXchat", False),
        ("*:failed", "model:failed", True),
    ],
)
def test_examples(pattern: str, name: str, expected: bool) -> None:
    assert name_matcher(pattern)(name) is expected


@pytest.mark.parametrize(
    "pattern",
    ["", ":", "core:", ":core", "core::x", "Core:x", "core:*x", "a b", "core:x\n", "[", "käse", "**"],
)
def test_what_is_no_pattern_is_refused_with_a_way_out(pattern: str) -> None:
    with pytest.raises(EventError) as caught:
        name_matcher(pattern)
    assert caught.value.code == "event.bad_pattern"
    assert caught.value.hint
    assert caught.value.details == {"pattern": pattern}


@given(st.text())
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        check_pattern(text)
    except EventError:
        assert not is_event_name(text)
    else:
        name_matcher(text)


@given(NAMES)
def test_names_are_told_from_patterns(name: str) -> None:
    assert is_event_name(name)
    assert not is_event_name(f"{name}:*")
    assert not is_event_name(f"{name}:")
    assert not is_event_name(name.upper()) or name == name.upper()
