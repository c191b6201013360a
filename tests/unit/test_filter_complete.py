"""Completion of filters: what is offered where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.errors import EventError
from workbench.app.events.filter.complete import FilterCompletion, complete_filter
from workbench.app.events.filter.parse import parse_filter
from workbench.app.events.filter.syntax import FIELDS
from workbench.app.events.names import CORE_EVENTS

SOURCES = ("chat", "worker.llm", "two words", "not")
KEYS = {"plugin:x:done": ("usage.tokens", "a key"), "core:worker:log": ("stream",)}


def offered(line: str) -> list[str]:
    """Return what is offered at the `|` in a filter."""
    return [each.text for each in completions(line)]


def completions(line: str) -> list[FilterCompletion]:
    before, _, after = line.partition("|")
    names = (*CORE_EVENTS, "plugin:x:done")
    return complete_filter(before + after, len(before), names=names, sources=SOURCES, keys=KEYS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("se|", ["session", "seq"]),
        ("SE|", ["session", "seq"]),
        ("core:* and se|", ["session", "seq"]),
        ("not se|", ["session", "seq"]),
        ("(se|", ["session", "seq"]),
        ("se|ssion == x", ["session", "seq"]),
        ("si|", ["since"]),
        ("core:model|", ["core:model:*", "core:model:loading", "core:model:loaded", "core:model:failed"]),
        ("plugin|", ["plugin:x:*", "plugin:x:done"]),
        ("backed|", ["core:store:backed_up"]),
        ("prompt_t|", ["payload.prompt_tokens"]),
        ("session|", ["==", "!=", "~", "!~"]),
        ("session |", ["==", "!=", "~", "!~"]),
        ("session | x", ["==", "!=", "~", "!~"]),
        ("session =|", ["=="]),
        ("session !|", ["!=", "!~"]),
        ("seq |", ["==", "!=", "<", "<=", ">", ">="]),
        ("seq <|", ["<="]),
        ("text |", ["~", "!~"]),
        ("payload.worker|", ["==", "!=", "~", "!~", "<", "<=", ">", ">="]),
        ("payload.x |", ["==", "!=", "~", "!~", "<", "<=", ">", ">="]),
        ("source == |", ["chat", "worker.llm", '"two words"', '"not"']),
        ("source ==|", ["chat", "worker.llm", '"two words"', '"not"']),
        ("source == wo|", ["worker.llm"]),
        ("source == two|", ['"two words"']),
        ("language != |", ["python", "lua", "js"]),
        ("name == core:session:c|", ["core:session:created", "core:session:changed"]),
        ("payload.clean == |", ["true", "false"]),
        ("payload.clean > |", []),
        ("payload.line == |", []),
        ("session == |", []),
        ("since |", ["5m", "30m", "1h", "1d", "7d"]),
        ("a UNTIL |", ["5m", "30m", "1h", "1d", "7d"]),
        ("time > |", ["5m", "30m", "1h", "1d", "7d"]),
        ("since 1|", ["1h", "1d"]),
        ("core:* |", ["and", "or"]),
        ("session == x |", ["and", "or"]),
        ('"text" |', ["and", "or"]),
        ("since 10m |", ["and", "or"]),
        ("(a or b |", ["and", "or", ")"]),
        ("(a or b) |", ["and", "or"]),
        ("core:* an|", ["and"]),
        ("core:* ses|", ["session"]),
        ("payload.x == session |", ["and", "or"]),
        ("source == since |", ["and", "or"]),
        ("source == session|", []),
        ('text ~ "se|', []),
        ("text ~ 'it\\|", []),
        ("zzz|", []),
        ("\udc80|", []),
    ],
)
def test_what_is_offered(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_at_the_beginning_everything_is_offered() -> None:
    found = offered("|")
    assert set(FIELDS) - {"payload"} < set(found)
    assert {"payload.", "not", "since", "until", "(", "core:chat:*", "core:command:run"} < set(found)
    assert found == offered("* and |") == offered("not (|")
    assert offered("pay|")[:2] == ["payload.", "payload.version"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("core:session:* payload.|", ["payload.title", "payload.fields"]),
        ("core:session:created and (payload.|", ["payload.title"]),
        ("core:worker:log payload.|", ["payload.worker", "payload.line", "payload.stream"]),
        ("payload.| and core:session:created", ["payload.title"]),
        ("plugin:* payload.|", ["payload.usage.tokens", 'payload."a key"']),
    ],
)
def test_keys_are_those_of_the_events_that_are_asked_for(line: str, expected: list[str]) -> None:
    assert offered(line) == ["payload.", *expected][1:]


def test_keys_of_all_events_where_no_known_name_is_asked_for() -> None:
    everything = offered("payload.|")
    assert len(everything) > 40
    for beginning in ("not core:session:*", "other:x:*", "core:Bad:*", "since 12:30"):
        assert offered(f"{beginning} payload.|") == everything


def test_what_is_offered_replaces_the_word_up_to_the_cursor() -> None:
    assert {each.start for each in completions("core:* and se|ss")} == {11}
    assert {each.start for each in completions("seq <|")} == {4}
    assert {each.start for each in completions("session|")} == {7}
    assert {each.start for each in completions("core:* |")} == {7}


def test_each_says_what_it_means() -> None:
    helps = {each.text: each.help for each in completions("|")}
    assert helps["session"] == FIELDS["session"]
    assert helps["core:worker:log"] == "A line that a worker wrote to its log and that a person should see."
    assert helps["payload.stream"] == "of core:worker:log"
    assert helps["payload.worker"].startswith("of core:worker:state_changed and ")
    assert all(helps[each] for each in helps if not each.startswith("plugin:"))


PIECES = st.sampled_from(
    [
        *FIELDS,
        "and",
        "or",
        "not",
        "(",
        ")",
        "==",
        "<",
        "=",
        '"',
        "since",
        "10m",
        "core:chat:*",
        "payload.",
        " ",
        "x",
    ]
)


@settings(deadline=None)
@given(st.text(max_size=30) | st.lists(PIECES, max_size=8).map(" ".join), st.integers(-1, 60))
def test_something_or_nothing_is_offered_for_any_text(text: str, cursor: int) -> None:
    for each in complete_filter(text, cursor, sources=SOURCES, keys=KEYS):
        assert 0 <= each.start <= max(0, min(cursor, len(text)))
        assert each.text


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_what_is_offered_can_stand_there(choices: list[int]) -> None:
    """Whoever takes only what is offered never makes a mistake before the end of the filter."""
    text = ""
    for choice in choices:
        found = complete_filter(text, len(text), sources=SOURCES)
        if not found:
            break
        chosen = found[choice % len(found)]
        text = f"{text[: chosen.start]}{chosen.text}{'' if chosen.text.endswith('.') else ' '}"
    try:
        parse_filter(text)
    except EventError as error:
        assert text[error.details["position"] :].strip() == ""
