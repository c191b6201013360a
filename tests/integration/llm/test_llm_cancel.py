"""Cancel at any moment: it ends soon, and leaves nothing wrong behind."""

from __future__ import annotations

import threading

import pytest

from workbench.app.workers.llm import native, plan
from workbench.app.workers.llm.engine import Engine
from workbench.app.workers.llm.requests import Generate
from workbench.tests.integration.llm.kit import LONG, CancelAfter, ask, assistant, inside, load, user

PROMPT = [user(LONG * 3), assistant("Well."), user("what is workbench?")]


def state_is_sound(engine: Engine) -> None:
    loaded = inside(engine)
    memory = native.memory_of(loaded.context)
    for slot in loaded.conversations._slots:
        assert native._c.llama_memory_seq_pos_max(memory, slot.sequence) == len(slot.tokens) - 1


@pytest.fixture(scope="module")
def expected(guide: Engine) -> str:
    return ask(guide, PROMPT, "expected").text


def looks_while_reading(engine: Engine) -> int:
    """Return how often a cancel is looked for while the prompt is read."""
    counter = CancelAfter(1_000_000)
    ask(engine, PROMPT, "measure", cancelled=counter, max_tokens=1)
    engine.forget("measure")
    return 1_000_000 - counter.looks - 2  # one before the first batch, one before the first token


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.2, 0.33, 0.34, 0.5, 0.66, 0.67, 0.9, 1.0])
def test_a_cancel_while_the_prompt_is_read(engine: Engine, expected: str, share: float) -> None:
    load(engine, batch=256)
    looks = looks_while_reading(engine)
    assert looks > 20
    answer = ask(engine, PROMPT, cancelled=CancelAfter(int(looks * share)))
    assert (answer.reason, answer.text) == ("cancelled", "")
    assert answer.reply.usage.reply_tokens == 0
    state_is_sound(engine)
    assert ask(engine, PROMPT).text == expected
    state_is_sound(engine)


def test_what_was_read_before_the_cancel_is_kept(engine: Engine) -> None:
    load(engine, batch=128)
    looks = looks_while_reading(engine)
    ask(engine, PROMPT, cancelled=CancelAfter(int(looks * 0.7)))
    [(_, kept)] = engine.conversations()
    assert kept in (256, 384)
    assert ask(engine, PROMPT).cached == kept


def test_a_cancel_while_the_reply_is_written(guide: Engine) -> None:
    for tokens in (1, 2, 7):
        cancelled = threading.Event()
        parts: list[str] = []

        def emit(text: str, count: int, parts: list[str] = parts, event: threading.Event = cancelled) -> None:
            parts.append(text)
            event.set()

        request = Generate(conversation=f"write-{tokens}", messages=[user("what is workbench?")], stop=["\0"])
        reply = guide.generate(request, cancelled=cancelled, emit=emit)
        assert reply.reason == "cancelled"
        assert reply.usage.reply_tokens >= 1
        state_is_sound(guide)


def test_a_cancelled_reply_can_be_gone_on_with(guide: Engine, expected: str) -> None:
    cancelled = threading.Event()
    parts: list[str] = []

    def emit(text: str, count: int) -> None:
        parts.append(text)
        cancelled.set()

    request = Generate(conversation="resume", messages=PROMPT)
    assert guide.generate(request, cancelled=cancelled, emit=emit).reason == "cancelled"
    begun = "".join(parts)
    rest = ask(guide, PROMPT, "resume", prefix=begun)
    assert begun + rest.text == expected
    assert rest.reply.usage.prompt_tokens - rest.cached <= 2


def test_a_cancel_from_another_thread(guide: Engine) -> None:
    cancelled = threading.Event()
    started = threading.Event()
    replies = []

    def emit(text: str, tokens: int) -> None:
        started.set()

    def write() -> None:
        request = Generate(
            conversation="thread",
            messages=[user("hello")],
            grammar='root ::= "a"{1900}',
        )
        replies.append(guide.generate(request, cancelled=cancelled, emit=emit))

    thread = threading.Thread(target=write)
    thread.start()
    assert started.wait(20)
    cancelled.set()
    thread.join(20)
    assert not thread.is_alive()
    assert replies[0].reason == "cancelled"


def test_a_request_that_is_cancelled_already_computes_nothing(engine: Engine) -> None:
    load(engine)
    cancelled = threading.Event()
    cancelled.set()
    answer = ask(engine, LONG, cancelled=cancelled)
    assert (answer.reason, answer.reply.usage.reply_tokens) == ("cancelled", 0)
    assert engine.conversations() == [("main", 0)]


def test_a_cancel_while_a_token_is_computed(
    engine: Engine, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For models that take long for a token, which the guide poses as here, the token itself is broken off.
    monkeypatch.setattr(plan, "TINY_MODEL", 0)
    load(engine, threads=1)
    looks = looks_while_reading(engine)
    answer = ask(engine, PROMPT, cancelled=CancelAfter(looks + 500))
    assert (answer.reason, answer.reply.usage.reply_tokens > 1) == ("cancelled", True)
    state_is_sound(engine)
    rest = ask(engine, PROMPT, prefix=answer.text)
    assert answer.text + rest.text == expected


def test_the_native_abort_does_not_outlive_the_prompt(guide: Engine) -> None:
    # Decoding right after a cancelled prompt must not be aborted by its callback.
    ask(guide, LONG, "left", cancelled=CancelAfter(5))
    assert ask(guide, "hello", "left").text
