"""Hooks in a real turn: each answer does at each point of the chat what the table says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from workbench.app.chat import parts
from workbench.app.errors import HookError, WorkbenchError
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.results import Cache, Cancel, Fork, Redirect, Replace, Retry
from workbench.app.workbench import Workbench

Context = HookContext[Any]
QUESTION = "what is workbench?"
NOW = Retry(delay=0, attempts=3, cap=0)


@pytest.fixture
async def workbench(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path, environ={}) as opened:
        yield opened


async def add(workbench: Workbench, point: str, function: Callable[[Context], Any], name: str = "") -> None:
    hook_id = f"test.{name or point.replace(':', '_')}"
    await workbench.hooks.add([Hook(id=hook_id, point=point, function=function, trusted=True)])


async def ask(workbench: Workbench, text: str = QUESTION, session_id: str | None = None) -> list[parts.Part]:
    session = session_id or (await workbench.sessions.create()).id
    async with aclosing(workbench.chat.send(session, text)) as turn:
        return [part async for part in turn]


def copied_model(folder: Path) -> Path:
    copy = folder / "other.gguf"
    copy.write_bytes((Path(__file__).parents[3] / "assets/models/guide/guide.gguf").read_bytes())
    return copy


def streamed(found: list[parts.Part]) -> str:
    text = ""
    for part in found:
        match part:
            case parts.TextDelta():
                text += part.text
            case parts.TextRewritten():
                text = part.text
            case parts.ReplyFinished() if part.text is not None:
                text = part.text
    return text


async def stored(workbench: Workbench, found: list[parts.Part]) -> str:
    last = found[-1]
    assert isinstance(last, parts.ReplyFinished | parts.ReplyFailed)
    assert last.message_id is not None
    return (await workbench.messages.get(last.message_id)).text


async def names(workbench: Workbench, pattern: str) -> list[str]:
    await workbench.log.flush()
    rows = await workbench.store.read("SELECT name FROM events WHERE name LIKE ? ORDER BY seq", (pattern,))
    return [name for (name,) in rows]


async def test_a_turn_passes_its_points_in_order_and_every_trace_carries_its_id(workbench: Workbench) -> None:
    passed: list[str] = []
    scopes: set[str | None] = set()

    def note(context: Context) -> None:
        if context.point not in passed:
            passed.append(context.point)
        if context.point != "model:loaded":
            scopes.add(context.correlation_id)

    expected = [
        *(
            "message:received",
            "message:stored",
            "turn:started",
            "model:choose",
            "model:loaded",
            "prompt:build",
        ),
        *("prompt:built", "model:before", "token:batch", "model:after", "message:completed", "turn:finished"),
    ]
    for point in expected:
        await add(workbench, point, note)
    found = await ask(workbench)
    assert passed == expected
    started = next(part for part in found if isinstance(part, parts.TurnStarted))
    assert scopes == {started.correlation_id}
    await workbench.hooks.flush()
    await workbench.log.flush()
    rows = await workbench.store.read(
        "SELECT count(*), count(DISTINCT correlation_id) FROM events WHERE name = 'core:hook:ran'"
        " AND payload LIKE '%\"test.%'"
    )
    # Token batches in which nothing happened leave no trace.
    assert rows == [(len(expected) - 1, 1)]


async def test_a_message_is_changed_before_it_is_stored(workbench: Workbench) -> None:
    await add(workbench, "message:received", lambda c: c.change(text=c.value.text.replace("SECRET", "···")))
    found = await ask(workbench, "what is workbench? SECRET")
    started = next(part for part in found if isinstance(part, parts.TurnStarted))
    assert (await workbench.messages.get(started.message_id)).text == "what is workbench? ···"


async def test_a_refused_message_is_not_stored_and_the_session_is_free_again(workbench: Workbench) -> None:
    session = await workbench.sessions.create()
    await add(workbench, "message:received", lambda _c: Cancel("not now"))
    with pytest.raises(HookError, match="not now"):
        await ask(workbench, session_id=session.id)
    assert (await workbench.sessions.get(session.id)).messages == 0
    assert not workbench.chat.is_running(session.id)


async def test_a_message_goes_to_another_session(workbench: Workbench) -> None:
    here, there = await workbench.sessions.create(), await workbench.sessions.create()
    await add(workbench, "message:received", lambda _c: Redirect(there.id))
    found = await ask(workbench, session_id=here.id)
    assert isinstance(found[-1], parts.ReplyFinished)
    assert (await workbench.sessions.get(here.id)).messages == 0
    assert (await workbench.sessions.get(there.id)).messages == 2
    await add(workbench, "message:received", lambda _c: Redirect("nowhere"))
    with pytest.raises(WorkbenchError, match="nowhere"):
        await ask(workbench, session_id=here.id)


@pytest.mark.parametrize("point", ["message:received", "model:before"])
async def test_a_hook_answers_in_the_models_place(workbench: Workbench, point: str) -> None:
    await add(workbench, point, lambda _c: Replace("forty-two"))
    found = await ask(workbench)
    assert streamed(found) == await stored(workbench, found) == "forty-two"
    last = found[-1]
    assert isinstance(last, parts.ReplyFinished)
    assert last.reason == "hook"
    assert ("core:model:loading" in await names(workbench, "core:model:%")) == (point == "model:before")


async def test_the_prompt_is_what_hooks_make_of_it(workbench: Workbench) -> None:
    plain = streamed(await ask(workbench))

    def other(context: Context) -> Any:
        messages = [*context.value.messages[:-1]]
        last = context.value.messages[-1]
        return context.change(messages=(*messages, type(last)("user", QUESTION)))

    await add(workbench, "prompt:build", other)
    found = await ask(workbench, "hello")
    assert streamed(found) == plain
    await add(workbench, "prompt:build", lambda c: c.change(messages=()))
    failed = (await ask(workbench))[-1]
    assert isinstance(failed, parts.ReplyFailed)
    assert failed.error["code"] == "hook.bad_value"


async def test_a_prompt_that_hooks_change_at_the_last_moment_is_counted_again(workbench: Workbench) -> None:
    async def tokens() -> int:
        return next(part.tokens for part in await ask(workbench) if isinstance(part, parts.PromptBuilt))

    before = await tokens()
    await add(workbench, "prompt:built", lambda c: c.change(messages=c.value.messages[-1:]))
    assert 0 < await tokens() < before


@pytest.mark.parametrize(
    "point", ["turn:started", "prompt:build", "prompt:built", "model:choose", "model:before"]
)
async def test_a_cancelled_turn_fails_with_the_reason_and_keeps_the_message(
    workbench: Workbench, point: str
) -> None:
    await add(workbench, point, lambda _c: Cancel("over budget"))
    session = await workbench.sessions.create()
    failed = (await ask(workbench, session_id=session.id))[-1]
    assert isinstance(failed, parts.ReplyFailed)
    assert (failed.error["code"], failed.error["message"]) == ("hook.cancelled", "over budget")
    assert (await workbench.sessions.get(session.id)).messages >= 1
    await workbench.hooks.remove([f"test.{point.replace(':', '_')}"])
    assert isinstance((await ask(workbench, session_id=session.id))[-1], parts.ReplyFinished)


async def test_a_request_to_the_model_is_changed(workbench: Workbench) -> None:
    await add(workbench, "model:before", lambda c: c.change(max_tokens=3))
    last = (await ask(workbench))[-1]
    assert isinstance(last, parts.ReplyFinished)
    assert (last.reason, last.usage.reply_tokens) == ("length", 3)


async def test_streamed_text_is_changed_and_cut_short(workbench: Workbench) -> None:
    await add(workbench, "token:batch", lambda c: c.change(text=c.value.text.upper()))
    found = await ask(workbench)
    assert streamed(found) == await stored(workbench, found) == streamed(found).upper() != ""
    seen = 0

    def stops(context: Context) -> Any:
        nonlocal seen
        seen += 1
        return Cancel("enough") if seen > 1 else None

    await add(workbench, "token:batch", stops)
    found = await ask(workbench, "tell me about hooks, events and sessions")
    last = found[-1]
    assert isinstance(last, parts.ReplyFinished)
    assert last.reason == "hook"
    assert streamed(found) == await stored(workbench, found)


@pytest.mark.parametrize("point", ["model:after", "message:completed"])
async def test_a_finished_reply_is_changed_before_it_is_stored(workbench: Workbench, point: str) -> None:
    await add(workbench, point, lambda c: c.change(text=f"<{c.value.text}>"))
    found = await ask(workbench)
    text = await stored(workbench, found)
    assert text == streamed(found)
    assert text.startswith("<")
    assert text.endswith(">")


async def test_the_model_is_asked_again_when_a_hook_does_not_like_the_reply(workbench: Workbench) -> None:
    tries: list[str] = []

    def judge(context: Context) -> Any:
        tries.append(context.value.text)
        return NOW

    await add(workbench, "model:after", judge)
    found = await ask(workbench)
    assert len(tries) == 3
    assert tries[0] == tries[2] == await stored(workbench, found) == streamed(found)
    assert (await names(workbench, "core:hook:retried")) == ["core:hook:retried"] * 2


async def test_a_reply_is_kept_and_given_again_without_the_model(workbench: Workbench) -> None:
    await add(workbench, "model:before", lambda c: Cache(c.value.messages[-1].content))
    first = await ask(workbench)
    again = await ask(workbench)
    assert streamed(first) == streamed(again) == await stored(workbench, again)
    await workbench.log.flush()
    requests = await workbench.store.read(
        "SELECT count(*) FROM events WHERE name = 'core:worker:request_finished'"
        " AND payload LIKE '%\"generate\"%'"
    )
    assert requests == [(1,)]


async def test_a_fork_asks_several_times_at_once_and_joins_the_texts(workbench: Workbench) -> None:
    one = streamed(await ask(workbench))

    def fork(context: Context) -> Any:
        return Fork(({"seed": 1}, {"max_tokens": 3}))

    await add(workbench, "model:before", fork)
    found = await ask(workbench)
    first, _, second = (await stored(workbench, found)).partition("\n\n---\n\n")
    assert first == one
    assert one.startswith(second)
    assert 0 < len(second) < len(one)


async def test_a_worker_that_dies_is_asked_again_and_the_reply_goes_on_after_what_had_arrived(
    workbench: Workbench,
) -> None:
    plain = streamed(await ask(workbench))
    killed = False

    def kill(context: Context) -> None:
        nonlocal killed
        if not killed:
            killed = True
            pid = workbench.models.worker.pid
            assert pid is not None
            import os
            import signal

            os.kill(pid, signal.SIGKILL)

    await add(workbench, "token:batch", kill)
    await add(workbench, "model:failed", lambda _c: NOW)
    found = await ask(workbench)
    assert killed
    assert isinstance(found[-1], parts.ReplyFinished)
    assert streamed(found) == await stored(workbench, found)
    assert streamed(found).split()[:3] == plain.split()[:3]


async def test_a_model_that_cannot_be_loaded_is_replaced_by_another(
    workbench: Workbench, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 64)
    await add(workbench, "model:choose", lambda _c: Redirect(str(broken)))
    failed = (await ask(workbench))[-1]
    assert isinstance(failed, parts.ReplyFailed)
    assert failed.error["code"].startswith("model.")
    await add(workbench, "model:load_failed", lambda _c: Redirect("guide"))
    assert isinstance((await ask(workbench))[-1], parts.ReplyFinished)


async def test_hooks_that_send_a_turn_round_in_circles_end_it(workbench: Workbench, tmp_path: Path) -> None:
    other = copied_model(tmp_path)
    away = {"guide": str(other), "other": "guide"}
    await add(workbench, "model:before", lambda c: Redirect(away[c.value.model]))
    failed = (await ask(workbench))[-1]
    assert isinstance(failed, parts.ReplyFailed)
    assert "one model to another" in failed.error["message"]


async def test_an_error_is_told_in_other_words_or_replaced_by_a_reply(workbench: Workbench) -> None:
    def fails(_context: Context) -> Any:
        return Cancel("no budget")

    await add(workbench, "model:before", fails)
    await add(workbench, "message:failed", lambda c: c.change(message="Come back tomorrow."))
    failed = (await ask(workbench))[-1]
    assert isinstance(failed, parts.ReplyFailed)
    assert (failed.error["message"], failed.error["code"]) == ("Come back tomorrow.", "hook.cancelled")
    await add(workbench, "message:failed", lambda _c: Replace("I am out of office."))
    found = await ask(workbench)
    assert isinstance(found[-1], parts.ReplyFinished)
    assert streamed(found) == await stored(workbench, found) == "I am out of office."


async def test_sessions_settings_notices_and_models_ask_their_hooks(workbench: Workbench) -> None:
    await add(workbench, "session:create", lambda c: c.change(title=c.value.title.upper()))
    session = await workbench.sessions.create("quiet")
    assert session.title == "QUIET"
    await add(workbench, "session:rename", lambda c: c.change(title=f"{c.value.title}!"))
    assert (await workbench.sessions.rename(session.id, "new")).title == "new!"
    await add(workbench, "session:delete", lambda _c: Cancel("keep it"))
    with pytest.raises(HookError, match="keep it"):
        await workbench.sessions.delete(session.id)
    assert (await workbench.sessions.get(session.id)).id == session.id
    await add(workbench, "setting:change", lambda c: c.change(text="0.5"))
    await workbench.change_setting("sampling.temperature", "0.9", "test")
    assert workbench.settings.sampling.temperature == 0.5
    await add(workbench, "system:notice", lambda c: Cancel("") if c.value.code == "a.b" else None)
    with workbench.bus.subscribe("core:system:notice") as notices:
        await workbench.notify("info", "a.b", "unheard")
        await workbench.notify("info", "a.c", "heard")
        assert [event.payload["code"] for event in await notices.next_batch()] == ["a.c"]
    await add(workbench, "model_file:listed", lambda c: c.change(names=()))
    assert await workbench.models.list() == []
