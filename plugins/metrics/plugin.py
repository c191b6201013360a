"""Counts and measures turns, replies, models, commands and hook points, in memory.

Nearly all of it is read from events, off the path of what is measured; one hook measures whole turns.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from workbench.plugins import Event, HookContext, Plugin, PluginHost, hook, values
from workbench.plugins.metrics.latencies import Latencies

_GATHER_SECONDS: Final = 0.1
_MOST_NAMES: Final = 512
_LAST: Final = 1_000


class MetricsPlugin(Plugin):
    """Holds counters and latencies since the start; `snapshot` gives them all. Durations are milliseconds."""

    name = "metrics"
    description = "Counts and measures turns, models, commands and hook points."

    def __init__(self, host: PluginHost) -> None:
        super().__init__(host)
        self._counts: Counter[str] = Counter()
        self._latencies: dict[str, Latencies] = {}
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "core:chat:reply_started": self._reply_started,
            "core:chat:reply_finished": self._reply_finished,
            "core:chat:reply_failed": lambda facts: self._count(f"failures.{facts['code']}"),
            "core:chat:step_finished": lambda facts: self._time(
                f"step.{facts['step']}", facts["duration_ms"]
            ),
            "core:model:loaded": lambda facts: self._time("model.load", facts["load_ms"]),
            "core:model:failed": lambda facts: self._count(f"failures.{facts['code']}"),
            "core:command:run": self._command_run,
            "core:hook:ran": self._hook_ran,
            "core:hook:retried": lambda _facts: self._count("hooks.retries"),
            "core:hook:breaker_changed": self._breaker_changed,
            "core:worker:state_changed": self._worker_changed,
        }

    async def start(self) -> None:
        """Begin to follow what happens."""
        events = self.host.subscribe("core:*")

        async def follow() -> None:
            async for batch in events.batches():
                for event in batch:
                    self.take(event)
                # One look at many events costs less than a look at each.
                await asyncio.sleep(_GATHER_SECONDS)

        self.host.begin(follow, "events")

    def snapshot(self) -> dict[str, Any]:
        """Return the counters, and for each latency count, mean, p50, p90, p99 and the longest."""
        return {
            "counts": dict(sorted(self._counts.items())),
            "latencies": {name: known.facts() for name, known in sorted(self._latencies.items())},
        }

    def take(self, event: Event) -> None:
        """Count what an event tells."""
        handler = self._handlers.get(event.name)
        if handler is not None and self.host.settings.metrics.enabled:
            handler(event.payload)

    @hook("turn:finished", priority=_LAST)
    def measure_turn(self, context: HookContext[values.TurnFacts]) -> None:
        """Measure a whole turn."""
        if not self.host.settings.metrics.enabled:
            return
        facts = context.value
        self._count("turns")
        self._count(f"turns.{facts.reason or 'unknown'}")
        self._time("turn", facts.duration_ms)

    def _reply_started(self, facts: dict[str, Any]) -> None:
        self._time("reply.first_token", facts["first_token_ms"])

    def _reply_finished(self, facts: dict[str, Any]) -> None:
        self._count("replies")
        self._count("tokens.read", facts["prompt_tokens"])
        self._count("tokens.read_again", facts["cached_tokens"])
        self._count("tokens.written", facts["reply_tokens"])
        self._time("reply", facts["duration_ms"])
        self._time("reply.tokens_per_second", facts["tokens_per_second"])

    def _step_finished(self, facts: dict[str, Any]) -> None:
        self._time(f"step.{facts['step']}", facts["duration_ms"])

    def _command_run(self, facts: dict[str, Any]) -> None:
        self._time(f"command.{facts['command']}", facts["duration_ms"])
        if facts["outcome"] != "ok":
            self._count(f"failures.{facts['outcome']}")

    def _hook_ran(self, facts: dict[str, Any]) -> None:
        self._time(f"point.{facts['point']}", facts["duration_ms"])
        failed = sum(run.get("result") == "failed" for run in facts["runs"])
        if failed:
            self._count("hooks.failed", failed)

    def _breaker_changed(self, facts: dict[str, Any]) -> None:
        if facts["state"] == "open":
            self._count("hooks.breakers_opened")

    def _worker_changed(self, facts: dict[str, Any]) -> None:
        if facts["state"] == "restarting":
            self._count("workers.restarts")

    def _count(self, name: str, amount: int = 1) -> None:
        if name in self._counts or len(self._counts) < _MOST_NAMES:
            self._counts[name] += amount

    def _time(self, name: str, duration: float) -> None:
        known = self._latencies.get(name)
        if known is None:
            if len(self._latencies) >= _MOST_NAMES:
                return
            known = self._latencies[name] = Latencies()
        known.add(duration)
