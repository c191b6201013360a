"""Refuses turns beyond so many, or so many tokens, in a minute, and says when it is possible again."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from workbench.app.config.settings import RateLimitSettings
from workbench.plugins import Cancel, Event, HookContext, Plugin, PluginHost, hook, values
from workbench.plugins.rate_limit.bucket import Bucket

_MOST_SESSIONS: Final = 1_024
_MOST_TURNS: Final = 256
# Before anything is done for a request that is refused.
_FIRST: Final = 10
_ALL: Final = ""


class RateLimitPlugin(Plugin):
    """Keeps two buckets, of turns and of tokens, for each session and for all together.

    A turn counts once, also when its model is asked several times. What a reply took is known only
    afterwards, so a long one is owed, and the next turn waits for it.

    Args:
        host: the workbench.
        clock: seconds.
    """

    name = "rate_limit"
    description = "Refuses turns beyond so many, or so many tokens, in a minute."

    def __init__(self, host: PluginHost, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(host)
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()
        self._turns: OrderedDict[str, None] = OrderedDict()
        self._refused = 0

    async def start(self) -> None:
        """Begin to count what replies take."""
        finished = self.host.subscribe("core:chat:reply_finished")

        async def follow() -> None:
            async for event in finished:
                self.count(event)

        self.host.begin(follow, "tokens")

    def snapshot(self) -> dict[str, Any]:
        """Return how many requests were refused."""
        return {"refused": self._refused}

    def count(self, event: Event) -> None:
        """Take what a reply took.

        Args:
            event: a `core:chat:reply_finished`.
        """
        settings = self.host.settings.rate_limit
        if not settings.enabled:
            return
        facts = event.payload
        # What was read before and is still there costs nothing again.
        tokens = facts["prompt_tokens"] - facts["cached_tokens"] + facts["reply_tokens"]
        now = self._clock()
        for name, limit in _limits(settings, "tokens", event.session_id):
            self._bucket("tokens", name, now, limit).take(now, max(0, tokens), limit)

    @hook("model:before", priority=_FIRST)
    def check(self, context: HookContext[values.ModelCall]) -> Cancel | None:
        """Refuse what goes beyond the limits."""
        settings = self.host.settings.rate_limit
        if not settings.enabled:
            return None
        turn = context.correlation_id
        if turn is not None and turn in self._turns:
            return None
        now = self._clock()
        turns = _limits(settings, "turns", context.session_id)
        waits = [
            (self._bucket(kind, name, now, limit).wait_for(now, 1, limit), limit, kind)
            for kind in ("turns", "tokens")
            for name, limit in (turns if kind == "turns" else _limits(settings, kind, context.session_id))
        ]
        longest, limit, kind = max(waits, default=(0.0, 0, ""))
        if longest > 0:
            self._refused += 1
            seconds = math.ceil(longest)
            return Cancel(f"The limit of {limit:,} {kind} a minute is reached; try again in {seconds} s.")
        for name, most in turns:
            self._bucket("turns", name, now, most).take(now, 1, most)
        self._note(turn)
        return None

    def _note(self, turn: str | None) -> None:
        if turn is None:
            return
        self._turns[turn] = None
        if len(self._turns) > _MOST_TURNS:
            self._turns.popitem(last=False)

    def _bucket(self, kind: str, name: str, now: float, limit: int) -> Bucket:
        key = (kind, name)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(now, limit)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST_SESSIONS:
            self._buckets.popitem(last=False)
        return bucket


def _limits(settings: RateLimitSettings, kind: str, session_id: str | None) -> list[tuple[str, int]]:
    """Return the buckets of a kind that count, with what each holds for a minute."""
    if kind == "turns":
        limits = [(_ALL, settings.turns_per_minute), (session_id or _ALL, settings.session_turns_per_minute)]
    else:
        limits = [
            (_ALL, settings.tokens_per_minute),
            (session_id or _ALL, settings.session_tokens_per_minute),
        ]
    if not session_id:
        limits.pop()
    return [(name, limit) for name, limit in limits if limit > 0]
