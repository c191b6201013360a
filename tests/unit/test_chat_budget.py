"""The token budget: the system prompt and the newest message always stay; the rest is cut at a question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.chat.budget import fit
from workbench.app.errors import ModelError

SYSTEM = {"role": "system", "content": "be brief"}


async def count_words(messages: list[dict[str, str]]) -> int:
    return sum(len(message["content"].split()) + 1 for message in messages)


def conversation(lengths: list[int]) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [
        {"role": roles[place % 2], "content": " ".join(["word"] * length)}
        for place, length in enumerate(lengths)
    ]


async def test_everything_stays_when_it_fits() -> None:
    history = conversation([3, 4, 5])
    prompt = await fit(SYSTEM, history, 100, count_words)
    assert prompt.messages == [SYSTEM, *history]
    assert prompt.trimmed == 0
    assert prompt.tokens == await count_words(prompt.messages)


async def test_oldest_turns_go_first_and_the_system_prompt_stays() -> None:
    history = conversation([10, 10, 10, 10, 10])
    prompt = await fit(SYSTEM, history, 40, count_words)
    assert prompt.messages == [SYSTEM, *history[2:]]
    assert prompt.trimmed == 2


async def test_questions_without_a_reply_between_them_become_one() -> None:
    said = [("user", "one"), ("assistant", "two"), ("user", "three"), ("user", "four")]
    history = [{"role": role, "content": text} for role, text in said]
    prompt = await fit(SYSTEM, history, 100, count_words)
    assert [message["role"] for message in prompt.messages] == ["system", "user", "assistant", "user"]
    assert prompt.messages[-1]["content"] == "three\n\nfour"
    short = await fit(SYSTEM, history, 6, count_words)
    assert (short.messages, short.trimmed) == ([SYSTEM, {"role": "user", "content": "three\n\nfour"}], 2)


async def test_a_newest_message_that_does_not_fit_is_an_error_with_both_numbers() -> None:
    with pytest.raises(ModelError) as caught:
        await fit(SYSTEM, conversation([50]), 20, count_words)
    assert caught.value.code == "model.prompt_too_long"
    assert "54 tokens" in caught.value.message
    assert "20 fit" in caught.value.message


async def test_a_huge_message_is_refused_without_counting() -> None:
    async def never(_messages: list[dict[str, str]]) -> int:
        raise AssertionError("ten megabytes were counted")

    with pytest.raises(ModelError) as caught:
        await fit(None, [{"role": "user", "content": "x" * 10_000_000}], 2048, never)
    assert caught.value.code == "model.prompt_too_long"


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=40),
    limit=st.integers(5, 200),
    with_system=st.booleans(),
)
async def test_the_longest_suffix_that_fits_is_chosen(
    lengths: list[int], limit: int, with_system: bool
) -> None:
    history = conversation(lengths if len(lengths) % 2 else [*lengths, 1])
    system = SYSTEM if with_system else None
    head = [system] if system else []
    if await count_words([*head, history[-1]]) > limit:
        with pytest.raises(ModelError):
            await fit(system, history, limit, count_words)
        return
    prompt = await fit(system, history, limit, count_words)
    starts = [place for place, message in enumerate(history) if message["role"] == "user"]
    fitting = [start for start in starts if await count_words([*head, *history[start:]]) <= limit]
    assert prompt.trimmed == min(fitting)
    assert prompt.messages == [*head, *history[min(fitting) :]]
    assert prompt.tokens <= limit
