"""The check of untrusted parameters: each refusal names the field and what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.app.errors import ModelError
from workbench.app.workers.llm.requests import Count, Generate, LoadOptions, Sampling, read_request

GOOD: dict[str, Any] = {"conversation": "a", "messages": [{"role": "user", "content": "x"}]}


def test_a_whole_request() -> None:
    request = read_request(
        GOOD
        | {
            "tools": [{"name": "t"}],
            "sampling": {"temperature": 0, "top_k": 0, "seed": 4294967295},
            "max_tokens": 5,
            "stop": ["x"],
            "schema": {"type": "object"},
            "grammar": None,
            "prefix": "So",
        },
        Generate,
    )
    assert request.sampling == Sampling(temperature=0, top_k=0, seed=4294967295)
    assert (request.stop, request.prefix, request.max_tokens) == (["x"], "So", 5)


def test_the_least_request_is_greedy_and_unbounded() -> None:
    request = read_request(GOOD, Generate)
    assert (request.sampling.temperature, request.max_tokens, request.stop) == (0.0, None, [])


def test_what_else_a_message_carries_is_kept() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [{"name": "t"}]}
    assert read_request(GOOD | {"messages": [message]}, Generate).messages == [message]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sampling": {"temperature": 9}}, "`sampling.temperature` must be a number from 0 to 5."),
        ({"sampling": {"temperature": "hot"}}, "`sampling.temperature` must be a number from 0 to 5."),
        ({"sampling": {"top_k": True}}, "`sampling.top_k` must be a whole number from 0 to 1000000."),
        ({"sampling": {"top_p": -0.1}}, "`sampling.top_p` must be a number from 0 to 1."),
        ({"sampling": {"repeat_penalty": 0}}, "`sampling.repeat_penalty` must be a number from 0.1 to 10."),
        ({"sampling": {"seed": -1}}, "`sampling.seed` must be a whole number from 0 to 4294967295 or null."),
        ({"sampling": {"sed": 1}}, "unknown field `sed`"),
        ({"max_tokens": 0}, "`max_tokens` must be a whole number of at least 1 or null."),
        ({"stop": ["a", ""]}, "`stop[1]` must be a text of 1 to 200 characters."),
        ({"stop": ["a"] * 17}, "`stop` must be a list of 0 to 16 items."),
        ({"stop": "a"}, "`stop` must be a list of 0 to 16 items."),
        ({"messages": []}, "`messages` must be a list of at least 1 items."),
        ({"messages": [{"content": "x"}]}, "at `messages[0]`: Object missing required field `role`."),
        ({"messages": [{"role": "user", "content": 5}]}, "`messages[0].content` must be a text or null."),
        ({"messages": [{"role": "user", "content": [{}]}]}, "`messages[0].content` must be a text or null."),
        ({"conversation": ""}, "`conversation` must be a text of 1 to 200 characters."),
        ({"prefix": 3}, "`prefix` must be a text."),
        ({"schema": []}, "`schema` must be an object or null."),
        ({"tools": [1]}, "at `tools[0]`: Expected `object`, got `int`."),
        ({"wish": 1}, "unknown field `wish`"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_takes(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_request(GOOD | change, Generate)
    assert caught.value.code == "model.bad_request"
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"context": -1}, "`context` must be a whole number from 0 to 4194304."),
        ({"slots": 65}, "`slots` must be a whole number from 0 to 64."),
        ({"batch": "big"}, "`batch` must be a whole number from 0 to 8192."),
        ({"template": 1}, "`template` must be a text or null."),
        ({"path": ""}, "`path` must be a text of at least 1 characters."),
    ],
)
def test_wrong_load_options(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_request({"path": "x"} | change, LoadOptions)
    assert words in caught.value.message


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ModelError, match="missing required field `path`"):
        read_request({}, LoadOptions)


def test_messages_to_count_are_checked_too() -> None:
    with pytest.raises(ModelError, match=r"messages\[0\]"):
        read_request({"messages": [{}]}, Count)
