"""Several conversations in one context: what is kept and what computed again; answers stay the same."""

from __future__ import annotations

import random

import pytest

from workbench.app.workers.llm import native
from workbench.app.workers.llm.conversations import MIN_COPIED, common_beginning
from workbench.app.workers.llm.engine import Engine
from workbench.tests.integration.llm.kit import LONG, Answer, ask, assistant, inside, load, system, user


@pytest.fixture(autouse=True)
def loaded(engine: Engine) -> None:
    load(engine)


def computed(answer: Answer) -> int:
    return answer.reply.usage.prompt_tokens - answer.cached


def check_cache(engine: Engine) -> None:
    """Compare what the slots say with what the native cache holds."""
    inside_ = inside(engine)
    memory = native.memory_of(inside_.context)
    for slot in inside_.conversations._slots:
        assert native._c.llama_memory_seq_pos_max(memory, slot.sequence) == len(slot.tokens) - 1
        if slot.tokens:
            assert native._c.llama_memory_seq_pos_min(memory, slot.sequence) == 0


def fresh(messages: list[dict[str, str]]) -> str:
    """Return what an engine answers that has never computed anything."""
    engine = Engine()
    load(engine)
    try:
        return ask(engine, messages).text
    finally:
        engine.unload()


def test_going_on_computes_only_what_is_new(engine: Engine) -> None:
    history = [user("what is workbench?")]
    first = ask(engine, history)
    history += [assistant(first.text), user("hello")]
    second = ask(engine, history)
    # New are the end of the reply, and the question with its frame.
    assert second.cached == first.reply.usage.prompt_tokens + first.reply.usage.reply_tokens
    check_cache(engine)
    assert second.text == fresh(history)


def test_the_same_prompt_again_computes_one_token(engine: Engine) -> None:
    first = ask(engine, LONG)
    again = ask(engine, LONG)
    assert (computed(again), again.text) == (1, first.text)
    check_cache(engine)


def test_switching_computes_nothing_again(engine: Engine) -> None:
    histories = {name: [user(f"{name}: {LONG}")] for name in "abcd"}
    for name, history in histories.items():
        history += [assistant(ask(engine, history, name).text), user("hello")]
    for name, history in histories.items():
        answer = ask(engine, history, name)
        assert computed(answer) < 20
        assert answer.text == fresh(history)
    check_cache(engine)


def test_a_fifth_conversation_takes_the_slot_unused_for_longest(engine: Engine) -> None:
    for name in "abcd":
        ask(engine, f"{name} {LONG}", name)
    ask(engine, f"a {LONG}", "a")
    ask(engine, f"e {LONG}", "e")
    assert sorted(name for name, _ in engine.conversations()) == ["a", "c", "d", "e"]
    assert computed(ask(engine, f"a {LONG}", "a")) == 1
    check_cache(engine)


def test_an_edited_question_keeps_what_came_before_it(engine: Engine) -> None:
    start = [user(LONG), assistant(ask(engine, LONG).text)]
    ask(engine, [*start, user("hello"), assistant("Hi."), user("what are hooks?")])
    edited = [*start, user("what are plugins?")]
    answer = ask(engine, edited)
    assert answer.cached > 180
    assert computed(answer) < 20
    assert answer.text == fresh(edited)
    check_cache(engine)


def test_a_new_conversation_takes_a_common_beginning_from_another_one(engine: Engine) -> None:
    rules = system(LONG)
    ask(engine, [rules, user("what is workbench?")], "a")
    answer = ask(engine, [rules, user("hello")], "b")
    assert answer.cached > 180
    assert answer.text == fresh([rules, user("hello")])
    check_cache(engine)
    # The first one still has its own.
    assert computed(ask(engine, [rules, user("what is workbench?")], "a")) == 1


def test_a_short_common_beginning_is_not_worth_copying(engine: Engine) -> None:
    ask(engine, "hello", "a")
    answer = ask(engine, "hello there", "b")
    assert answer.cached == 0
    assert MIN_COPIED > 4


def test_a_conversation_that_goes_to_another_name_is_copied(engine: Engine) -> None:
    history = [user(LONG)]
    history += [assistant(ask(engine, history, "a").text), user("hello")]
    answer = ask(engine, history, "branch")
    assert computed(answer) < 20
    assert answer.text == fresh(history)
    check_cache(engine)


def test_forgetting_frees_the_slot(engine: Engine) -> None:
    ask(engine, LONG, "a")
    engine.forget("a")
    engine.forget("never heard of")
    assert engine.conversations() == []
    assert ask(engine, LONG, "a").cached == 0
    check_cache(engine)


def test_one_slot_is_enough(engine: Engine) -> None:
    load(engine, slots=1)
    for name in "abab":
        answer = ask(engine, f"{name} {LONG}", name)
        assert answer.cached < 10
    assert [name for name, _ in engine.conversations()] == ["b"]
    check_cache(engine)


def test_the_context_belongs_to_each_conversation_whole(engine: Engine) -> None:
    load(engine, slots=3, context=512)
    for name in "abc":
        assert ask(engine, "hello " * 150, name, max_tokens=40).reason in ("stop", "length")
    check_cache(engine)


def test_a_random_walk_over_conversations_answers_like_fresh_ones(engine: Engine) -> None:
    dice = random.Random(5)
    questions = ["hello", "what are hooks?", "what is workbench?", "thanks", "what does ctrl+p do?", "2+2"]
    histories: dict[str, list[dict[str, str]]] = {name: [] for name in "abcdef"}
    for step in range(40):
        name = dice.choice("abcdef")
        history = histories[name]
        if history and dice.random() < 0.3:
            del history[dice.randrange(0, len(history), 2) :]
        history.append(user(dice.choice(questions)))
        answer = ask(engine, history, name)
        check_cache(engine)
        if step % 8 == 7:
            assert answer.text == fresh(history)
        history.append(assistant(answer.text))


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [
        ([], [], 0),
        ([1], [], 0),
        ([1, 2], [1, 2], 2),
        ([1, 2, 3], [1, 2], 2),
        ([1, 9, 3], [1, 2, 3], 1),
        ([5], [6], 0),
    ],
)
def test_common_beginning(first: list[int], second: list[int], length: int) -> None:
    assert common_beginning(first, second) == length
    assert common_beginning(second, first) == length
