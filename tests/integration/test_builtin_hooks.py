"""The built-in hooks in a whole workbench, with the real model."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from workbench.app.chat.parts import Part, ReplyFailed, ReplyFinished, TextDelta
from workbench.app.events.reader import EventReader
from workbench.app.hooks.results import Modified
from workbench.app.plugin_host.bundled import BUNDLED
from workbench.app.plugin_host.plugins import Plugins
from workbench.app.workbench import Workbench
from workbench.benchmarks.random_model import write_random_model

TOKEN = "ghp_" + "a1B2" * 9
SOON_S = 20.0


async def answered(workbench: Workbench, session_id: str, text: str) -> Part:
    """Send a message and return the turn's last part."""
    last: Part | None = None
    async for part in workbench.chat.send(session_id, text):
        last = part
    assert last is not None
    return last


def plugin(workbench: Workbench, name: str) -> Any:
    """Return a bundled plugin by name."""
    plugins: Plugins = workbench.service("plugins")
    return next(each for each in plugins.bundled if each.name == name)


async def logged(workbench: Workbench, name: str) -> list[dict[str, Any]]:
    """Return the payloads of the logged events of a name, the oldest first."""
    await workbench.hooks.flush()
    await workbench.log.flush()
    found = [event async for event in plugin(workbench, "cost").host.past_events(name)]
    return [event.payload for event in reversed(found)]


async def until(fits: Any) -> None:
    async with asyncio.timeout(SOON_S):
        while not fits():
            await asyncio.sleep(0.01)


async def test_all_built_in_hooks_run_and_none_fails(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, environ={}) as workbench:
        plugins: Plugins = workbench.service("plugins")
        assert sorted(each.name for each in plugins.bundled) == sorted(BUNDLED)
        session = await workbench.sessions.create("s")
        assert isinstance(await answered(workbench, session.id, "what is workbench?"), ReplyFinished)
        await workbench.hooks.flush()
        statuses = workbench.hooks.statuses()
        assert {status.plugin for status in statuses if status.runs} >= {
            "security",
            "cost",
            "metrics",
            "logging",
        }
        assert [status.last_error for status in statuses if status.failures] == []
        assert {status.where for status in statuses if status.runs} == {"loop"}
        await until(lambda: plugin(workbench, "metrics").snapshot()["counts"].get("replies") == 1)
    text = (tmp_path / "logs" / "workbench.log").read_text()
    assert "message:received" in text and "model:after" in text


async def test_a_secret_reaches_neither_the_model_nor_any_log(tmp_path: Path) -> None:
    async with Workbench.open(
        tmp_path, environ={}, overrides={"logging.texts": "true", "logging.points": '["prompt:built"]'}
    ) as workbench:
        session = await workbench.sessions.create("s")
        await answered(workbench, session.id, f"is {TOKEN} a password={TOKEN[:9]} ?")
        (built,) = [
            each for each in await logged(workbench, "core:hook:ran") if each["point"] == "model:before"
        ]
        shown = built["context"]["messages"][-1]["content"]
        assert shown == "is [masked access token] a password=[masked password] ?"
        # What a person wrote stays in their session as they wrote it.
        kept = await workbench.messages.path((await workbench.sessions.get(session.id)).head_id or "")
        assert any(TOKEN in message.text for message in kept)
        await workbench.log.flush()
        for row in await workbench.store.read("SELECT payload FROM events"):
            assert TOKEN not in row[0]
    for file in (tmp_path / "logs").iterdir():
        assert TOKEN not in file.read_text()


async def test_what_was_used_is_known_after_a_restart(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, environ={}) as workbench:
        session = await workbench.sessions.create("s")
        await answered(workbench, session.id, "hello")
        cost = plugin(workbench, "cost")
        await until(lambda: cost.ledger.total.replies == 1)
        await cost.host.settled()
        before = cost.ledger.session(session.id)
        assert before.tokens > 0
    async with Workbench.open(tmp_path, environ={}, overrides={"cost.session_tokens": "1"}) as workbench:
        cost = plugin(workbench, "cost")
        assert cost.ledger.session(session.id) == before
        assert cost.snapshot()["models"]["guide"]["replies"] == 1
        last = await answered(workbench, session.id, "hello")
        assert isinstance(last, ReplyFailed)
        assert "cost.session_tokens" in last.error["message"] and last.error["code"] == "hook.cancelled"
        other = await workbench.sessions.create("t")
        assert isinstance(await answered(workbench, other.id, "hello"), ReplyFinished)


async def test_a_kept_reply_is_given_again(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, environ={}, overrides={"caching.enabled": "true"}) as workbench:
        texts = []
        for title in ("a", "b"):
            session = await workbench.sessions.create(title)
            last = await answered(workbench, session.id, "what does ctrl+p do?")
            assert isinstance(last, ReplyFinished)
            message = await workbench.messages.get(last.message_id)
            texts.append(message.text)
        assert texts[0] == texts[1] != ""
        requests = await logged(workbench, "core:worker:request_finished")
        assert sum(each["method"] == "generate" for each in requests) == 1


async def test_a_crashed_model_is_asked_again(tmp_path: Path) -> None:
    # A reply that takes more than a second, so that the process is surely killed within it.
    model = write_random_model(tmp_path / "long.gguf", megabytes=6, context=4_096)
    overrides = {
        "model.name": str(model),
        "sampling.max_tokens": "1500",
        "retry.delay_s": "0.01",
        "retry.replies": "true",
    }
    async with Workbench.open(tmp_path / "profile", environ={}, overrides=overrides) as workbench:
        session = await workbench.sessions.create("s")
        killed = False
        last: Part | None = None
        async for part in workbench.chat.send(session.id, "write on"):
            last = part
            if isinstance(part, TextDelta) and not killed:
                killed = True
                os.kill(workbench.workers.get("llm").pid or 0, signal.SIGKILL)
        assert isinstance(last, ReplyFinished)
        (retried,) = await logged(workbench, "core:hook:retried")
        assert retried["point"] == "model:failed" and retried["code"] == "worker.crashed"
        assert plugin(workbench, "retry").snapshot() == {"retries": 1}


async def test_a_breakpoint_holds_a_turn_until_it_is_answered(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, environ={}) as workbench:
        breakpoints = workbench.service("plugins").breakpoints
        breakpoints.set("message:received")
        await breakpoints.applied()
        session = await workbench.sessions.create("s")
        turn = asyncio.create_task(answered(workbench, session.id, "hullo"))
        await until(breakpoints.pending)
        (pause,) = breakpoints.pending()
        breakpoints.answer(pause.pause_id, Modified({"text": "hello"}))
        assert isinstance(await turn, ReplyFinished)
        kept = await workbench.messages.path((await workbench.sessions.get(session.id)).head_id or "")
        assert [message.text for message in kept if message.role == "user"] == ["hello"]


async def test_who_only_reads_the_profile_has_no_plugins(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, environ={}, services=("store",)):
        pass
    async with Workbench.open(tmp_path, environ={}, services=("plugins",), read_only=True) as workbench:
        assert workbench.service("plugins").bundled == ()
        assert await EventReader(workbench.store).count() >= 0
