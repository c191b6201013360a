"""Hooks where a real turn ends or begins again: nothing is written twice, lost, or counted wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from workbench.app.chat import parts
from workbench.app.errors import WorkerError
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.results import Cache, Cancel, Fork, Redirect, Replace, Retry
from workbench.app.models.models import GeneratedText, GenerationEnd
from workbench.app.workbench import Workbench

Context = HookContext[Any]
QUESTION = "what is workbench?"
GUIDE = Path(__file__).parents[3] / "assets/models/guide/guide.gguf"


@pytest.fixture
async def workbench(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path / "profile", environ={}) as opened:
        yield opened


async def add(workbench: Workbench, point: str, function: Callable[[Context], Any]) -> None:
    hook_id = f"test.{point.replace(':', '_')}"
    await workbench.hooks.add([Hook(id=hook_id, point=point, function=function, trusted=True)])


async def ask(workbench: Workbench, session_id: str | None = None) -> list[parts.Part]:
    session = session_id or (await workbench.sessions.create()).id
    async with aclosing(workbench.chat.send(session, QUESTION)) as turn:
        return [part async for part in turn]


def finished(found: list[parts.Part]) -> parts.ReplyFinished:
    assert isinstance(found[-1], parts.ReplyFinished), found[-1]
    return found[-1]


def shown(found: list[parts.Part]) -> str:
    text = ""
    for part in found:
        whole = parts.rewritten(part)
        text = whole if whole is not None else text + (part.text if isinstance(part, parts.TextDelta) else "")
    return text


async def stored(workbench: Workbench, found: list[parts.Part]) -> str:
    return (await workbench.messages.get(finished(found).message_id)).text


def fail_once_in_the_middle(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = workbench.models.generate
    failed = False

    async def generate(*arguments: Any, **named: Any) -> AsyncGenerator[GeneratedText | GenerationEnd]:
        nonlocal failed
        async with aclosing(real(*arguments, **named)) as answers:
            async for answer in answers:
                if not failed and isinstance(answer, GeneratedText):
                    # A process that is killed may have said all of it by then.
                    failed = True
                    yield GeneratedText(answer.text[:5], 2)
                    raise WorkerError("crashed", "The worker is gone.")
                yield answer

    monkeypatch.setattr(workbench.models, "generate", generate)


async def test_another_model_begins_anew_after_a_part_of_a_reply(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(GUIDE.read_bytes())
    whole = await stored(workbench, await ask(workbench))
    fail_once_in_the_middle(workbench, monkeypatch)
    await add(workbench, "model:failed", lambda _c: Redirect(str(other)))
    found = await ask(workbench)
    assert any(isinstance(part, parts.TextRewritten) for part in found)
    assert shown(found) == await stored(workbench, found) == whole


def sends(to: str, _context: Context) -> Redirect:
    return Redirect(to)


async def test_a_model_that_is_sent_to_itself_answers(workbench: Workbench, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(GUIDE.read_bytes())
    for to in ("guide", str(other)):
        await add(workbench, "model:before", partial(sends, to))
        assert finished(await ask(workbench)).reason == "stop"
    assert workbench.models.loaded is not None
    assert workbench.models.loaded.file.name == "other"


async def test_a_rest_from_a_hook_loses_no_tokens(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once_in_the_middle(workbench, monkeypatch)
    await add(workbench, "model:failed", lambda _c: Replace(" [the end]"))
    found = await ask(workbench)
    usage = finished(found).usage
    assert shown(found).endswith(" [the end]")
    assert usage.prompt_tokens > 0
    assert usage.reply_tokens == 2
    assert usage.tokens_per_second >= 0


async def test_what_is_written_in_vain_is_counted_and_a_kept_reply_is_not(workbench: Workbench) -> None:
    one = finished(await ask(workbench)).usage
    await add(workbench, "model:after", lambda _c: Retry(delay=0, attempts=2, cap=0))
    twice = finished(await ask(workbench)).usage
    assert (twice.prompt_tokens, twice.reply_tokens) == (2 * one.prompt_tokens, 2 * one.reply_tokens)
    await workbench.hooks.remove(["test.model_after"])
    await add(workbench, "model:before", lambda _c: Cache("one"))
    first, again = await ask(workbench), await ask(workbench)
    assert shown(first) == shown(again)
    assert finished(first).usage.reply_tokens == one.reply_tokens
    kept = finished(again).usage
    assert (kept.prompt_tokens, kept.reply_tokens, kept.tokens_per_second) == (0, 0, 0.0)


async def test_every_branch_of_a_fork_is_counted(workbench: Workbench) -> None:
    one = finished(await ask(workbench)).usage
    await add(workbench, "model:before", lambda _c: Fork(({"seed": 1}, {"seed": 2}), "longest"))
    longest = finished(await ask(workbench)).usage
    assert (longest.prompt_tokens, longest.reply_tokens) == (2 * one.prompt_tokens, 2 * one.reply_tokens)
    await add(workbench, "model:before", lambda _c: Fork(({"seed": 1}, {"seed": 2})))
    assert finished(await ask(workbench)).usage.reply_tokens == 2 * one.reply_tokens
    await workbench.hooks.remove(["test.model_before"])
    await add(workbench, "token:batch", lambda c: Cancel("") if c.value.tokens > 5 else None)
    cut = finished(await ask(workbench)).usage
    assert cut.prompt_tokens == one.prompt_tokens
    # On a busy machine all of it may have come at once.
    assert 5 < cut.reply_tokens <= one.reply_tokens


async def test_a_hook_gives_the_reply_when_there_is_not_even_a_model(workbench: Workbench) -> None:
    await add(workbench, "model:choose", lambda _c: Redirect("nowhere"))
    await add(workbench, "message:failed", lambda _c: Replace("I am out of office."))
    found = await ask(workbench)
    assert [type(part) for part in found[-2:]] == [parts.ReplyStarted, parts.ReplyFinished]
    assert shown(found) == await stored(workbench, found) == "I am out of office."


@pytest.mark.parametrize("point", ["message:completed", "message:failed", "turn:finished"])
async def test_stopping_a_turn_ends_a_pause_also_after_the_reply(workbench: Workbench, point: str) -> None:
    if point == "message:failed":
        await add(workbench, "model:before", lambda _c: Cancel("no"))
    breakpoints = workbench.service("plugins").breakpoints
    breakpoints.set(point)
    await breakpoints.applied()
    session = await workbench.sessions.create()
    with workbench.bus.subscribe("core:hook:paused") as pauses:
        turn = asyncio.create_task(ask(workbench, session.id))
        async with asyncio.timeout(30):
            await pauses.next_batch()
        assert workbench.chat.stop(session.id)
        async with asyncio.timeout(10):
            found = await turn
    expected = parts.ReplyFailed if point == "message:failed" else parts.ReplyFinished
    assert isinstance(found[-1], expected)
    assert not workbench.chat.is_running(session.id)


@pytest.mark.parametrize("paused", [True, False])
async def test_a_caller_who_leaves_waits_for_no_breakpoint(workbench: Workbench, paused: bool) -> None:
    await ask(workbench)
    breakpoints = workbench.service("plugins").breakpoints
    breakpoints.set("turn:finished")
    await breakpoints.applied()
    session = await workbench.sessions.create()
    with workbench.bus.subscribe("core:hook:paused" if paused else "core:chat:reply_started") as seen:
        turn = asyncio.create_task(ask(workbench, session.id))
        async with asyncio.timeout(30):
            await seen.next_batch()
        turn.cancel()
        # Much less than the ten seconds within which a reply is ended in any case.
        await asyncio.wait({turn}, timeout=7)
        assert turn.cancelled()
    assert breakpoints.pending() == ()
    assert not workbench.chat.is_running(session.id)
