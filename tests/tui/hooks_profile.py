"""A profile with hooks whose figures are fixed, and with traces of two turns in its log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from workbench.app.commands.builtin import builtin_registry
from workbench.app.commands.command import context_of
from workbench.app.events.event import Event
from workbench.app.hooks.breaker import BreakerState
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.results import Cancel, Modified, Result
from workbench.app.workbench import Workbench
from workbench.screens.hooks import HooksScreen

BEGAN = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=2)
FIRST = "01a1f99c-86e3-7338-a286-778f16f48235"
SECOND = "01a1f99d-0000-7000-8000-0000000000b2"
SERVICES = ("log", "hooks")
PLUGINS = ("log", "plugins")

_TRACEBACK = """Traceback (most recent call last):
  File "hooks/words.py", line 12, in shorten
    return limits[context.value.model]
KeyError: 'guide'
"""


def mask(context: HookContext[Any]) -> Result | None:
    """Hide what looks like a key."""
    text = context.value.text
    if "sk-12345" not in text:
        return None
    return Modified({"text": text.replace("sk-12345", "[hidden]")})


def allow(_context: HookContext[Any]) -> Result | None:
    """Let everything through."""
    return None


def refuse(context: HookContext[Any]) -> Result | None:
    """Let no new session begin."""
    return Cancel("Not today.") if context.value.command == "new" else None


def hooks() -> list[Hook]:
    """Return hooks of three plugins."""
    made = (
        ("security.mask_secrets", "message:received", mask, 10, "security", "1.0.0"),
        ("rate_limit.allow", "message:received", allow, 20, "rate_limit", "1.0.0"),
        ("words.shorten", "prompt:build", allow, 50, "words", "3"),
        ("cost.count", "prompt:built", allow, 50, "cost", "1.2.0"),
        ("words.gate", "command:before", refuse, 50, "words", "3"),
        ("caching.look", "model:before", allow, 40, "caching", "1.0.0"),
    )
    return [
        Hook(
            id=name,
            point=point,
            function=function,
            priority=priority,
            plugin=plugin,
            version=version,
            file="hooks/words.py" if plugin == "words" else "",
        )
        for name, point, function, priority, plugin, version in made
    ]


async def add_hooks(workbench: Workbench) -> None:
    """Register the hooks, with figures that are the same in every run."""
    await workbench.hooks.add(hooks())
    figures = {
        "security.mask_secrets": (1_284, 0, 0.0642, 0.0021),
        "rate_limit.allow": (1_284, 0, 0.0038, 0.0001),
        "words.shorten": (640, 9, 0.0731, 0.0482),
        "cost.count": (640, 1, 0.0019, 0.00004),
        "caching.look": (640, 0, 0.4352, 0.0123),
    }
    workbench.hooks._wrapped._ended["turn"] = 60.0
    for name, (runs, failures, total, longest) in figures.items():
        entry = workbench.hooks._entries[name]
        entry.runs, entry.failures, entry.total_s, entry.max_s = runs, failures, total, longest
        entry.breaker.spent, entry.breaker._since = total, 0.0
    broken = workbench.hooks._entries["words.shorten"]
    broken.last_error = "hook.raised: KeyError: 'guide'"
    broken.breaker.state, broken.breaker.reason = BreakerState.OPEN, "KeyError: 'guide'"
    await workbench.hooks.change("cost.count", enabled=False)


def ran(hook: str, started: float, took: float, result: str = "continue", **more: Any) -> dict[str, Any]:
    """Return one run as traces tell it."""
    plugin = hook.partition(".")[0]
    version = {"words": "3", "cost": "1.2.0"}.get(plugin, "1.0.0")
    return {
        "hook": hook,
        "plugin": plugin,
        "version": version,
        "started_ms": started,
        "duration_ms": took,
        "result": result,
        **more,
    }


_QUESTION = "My key is sk-12345, please keep it.\nHow do I load a model?"
_HIDDEN = _QUESTION.replace("sk-12345", "[hidden]")
_ERROR = {
    "code": "hook.raised",
    "message": "KeyError: 'guide'",
    "file": "hooks/words.py",
    "line": 12,
    "traceback": _TRACEBACK,
}
_PROMPT = [{"role": "user", "content": _HIDDEN}]


def _point(point: str, runs: Sequence[dict[str, Any]], context: Any = None) -> dict[str, Any]:
    words = [run["result"] for run in runs if run["result"] != "continue"]
    took = sum(run["duration_ms"] for run in runs)
    return {
        "point": point,
        "duration_ms": took,
        "outcome": words[0] if words else "continue",
        "context": context,
        "runs": list(runs),
    }


def _turn(text: str, hidden: str, *, fails: bool) -> tuple[tuple[str, float, dict[str, Any]], ...]:
    changes = {"text": [text, hidden]}
    mask_run = (
        ran("security.mask_secrets", 0.02, 0.31, "modified", changes=changes)
        if text != hidden
        else ran("security.mask_secrets", 0.02, 0.052)
    )
    shorten = (
        ran("words.shorten", 0.01, 48.2, "failed", error=_ERROR, printed="looking for guide\n")
        if fails
        else ran("words.shorten", 0.01, 0.114)
    )
    return (
        (
            "hook:ran",
            0.4,
            _point("message:received", [mask_run, ran("rate_limit.allow", 0.4, 0.003)], {"text": text}),
        ),
        ("chat:message_received", 1.0, {"message_id": "m1", "characters": len(hidden)}),
        (
            "hook:ran",
            60.0,
            _point("prompt:build", [shorten], {"model": "guide", "messages": _PROMPT, "limit": 2048}),
        ),
        ("hook:ran", 61.0, _point("prompt:built", [ran("cost.count", 0.0, 0.0029)])),
        (
            "hook:ran",
            62.0,
            _point("model:before", [ran("caching.look", 0.0, 0.68, "skipped", answer={"reason": "warm"})]),
        ),
        ("chat:reply_finished", 412.0, {"message_id": "m2", "reason": "stop", "duration_ms": 350.0}),
    )


def traces() -> list[Event]:
    """Return the events of two turns and of a command that was refused."""
    refused = ran("words.gate", 0.0, 0.021, "cancel", answer={"type": "cancel", "reason": "Not today."})
    told: list[tuple[str | None, float, str, dict[str, Any]]] = []
    for turn, after, fails, text, hidden in (
        (FIRST, 0.0, True, _QUESTION, _HIDDEN),
        (SECOND, 9_000.0, False, "And how do I leave?", "And how do I leave?"),
    ):
        told += [(turn, after + at, name, facts) for name, at, facts in _turn(text, hidden, fails=fails)]
    told.append(
        (
            None,
            20_000.0,
            "hook:ran",
            _point("command:before", [refused], {"command": "new", "arguments": {}, "face": "palette"}),
        )
    )
    return [
        Event(
            name=f"core:{name}",
            source="hooks",
            payload=facts,
            correlation_id=turn,
            session_id="s1" if turn else None,
            id=f"01a1f99e-0000-7000-8000-{number:012d}",
            time=BEGAN + timedelta(milliseconds=at),
        )
        for number, (turn, at, name, facts) in enumerate(told)
    ]


async def publish(workbench: Workbench, events: Sequence[Event]) -> None:
    """Put events into the log as if they had happened."""
    await workbench.bus.publish_many(events)
    await workbench.log.flush()


@asynccontextmanager
async def profile(folder: Path, *, services: Sequence[str] = SERVICES) -> AsyncIterator[Workbench]:
    """Open a profile with the hooks and the traces."""
    async with Workbench.open(folder / "profile", services=services, environ={}) as workbench:
        await add_hooks(workbench)
        workbench.bus.continue_from(1_000)
        await publish(workbench, traces())
        yield workbench


def line_runner(workbench: Workbench) -> Any:
    """Return what runs commands, as the main screen does it."""
    registry = builtin_registry()

    async def run(line: str) -> Sequence[str]:
        result = await registry.run(registry.parse(line, "palette"), context_of(workbench, "palette"))
        return result.lines

    return run


def has_read(screen: HooksScreen) -> bool:
    """Tell whether the traces of the log have come."""
    feed = screen.traces._feed
    return feed is not None and len(feed.log.runs) >= 11
