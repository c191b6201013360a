"""Counts what replies take and refuses requests when a budget is used up.

Each finished reply becomes an event `cost:reply:counted`; the sums are made from those that the log still
holds, so they survive the program's end and need no file of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from workbench.app.errors import WorkbenchError
from workbench.plugins import Cancel, Event, HookContext, Plugin, PluginHost, Scope, hook, values
from workbench.plugins.cost.budget import Budget, budgets, has_budgets, price_of
from workbench.plugins.cost.ledger import Ledger, Taken

COUNTED: Final = "cost:reply:counted"
_FINISHED: Final = "core:chat:reply_finished"
_MOST_TURNS: Final = 256
_MOST_WARNED: Final = 1_024
_READ_SECONDS: Final = 2.0
_EARLY: Final = 20


def _now() -> datetime:
    return datetime.now(UTC)


class CostPlugin(Plugin):
    """Keeps the ledger, warns when a budget is nearly used up, and cancels when it is.

    Args:
        host: the workbench.
        now: the present time, UTC.
    """

    name = "cost"
    description = "Counts tokens, seconds and money, and keeps budgets."

    def __init__(self, host: PluginHost, now: Callable[[], datetime] = _now) -> None:
        super().__init__(host)
        self.ledger = Ledger()
        self._now = now
        self._began = now()
        self._read = asyncio.Event()
        self._models: OrderedDict[str, str] = OrderedDict()
        self._warned: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def start(self) -> None:
        """Begin to count, and to read what the log holds; where there is a budget, wait for that a while."""
        finished = self.host.subscribe(_FINISHED)

        async def follow() -> None:
            async for event in finished:
                await self.count(event)

        self.host.begin(follow, "replies")
        self.host.begin(self._read_log, "log")
        if has_budgets(self.host.settings.cost):
            # A long log is read on meanwhile; the newest, which matter most, are read first.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_READ_SECONDS):
                    await self._read.wait()

    async def ready(self) -> None:
        """Wait until the log has been read."""
        await self._read.wait()

    def snapshot(self) -> dict[str, Any]:
        """Return the sums: of all, of today, and by model."""
        ledger = self.ledger
        return {
            "total": _facts(ledger.total),
            "today": _facts(ledger.day(self._today())),
            "models": {model: _facts(taken) for model, taken in ledger.models.items()},
        }

    def budgets(self, session_id: str | None) -> list[Budget]:
        """Return the budgets with what is used of them, for a session and today."""
        day = self.ledger.day(self._today())
        return budgets(self.host.settings.cost, self.ledger.session(session_id), day)

    @hook("model:before", priority=_EARLY)
    def check(self, context: HookContext[values.ModelCall]) -> Cancel | None:
        """Refuse a request when a budget is used up; note which model a turn asks."""
        settings = self.host.settings.cost
        if not settings.enabled:
            return None
        if context.correlation_id is not None:
            self._models[context.correlation_id] = context.value.model
            if len(self._models) > _MOST_TURNS:
                self._models.popitem(last=False)
        if not has_budgets(settings):
            return None
        for budget in self.budgets(context.session_id):
            if budget.used >= budget.limit:
                return Cancel(f"The budget {budget.whose} is used up: {budget} ({budget.setting}).")
        return None

    async def count(self, event: Event) -> None:
        """Add a reply to the sums and say so; warn when a budget is nearly used up.

        Args:
            event: a `core:chat:reply_finished`.
        """
        settings = self.host.settings.cost
        if not settings.enabled:
            return
        facts = event.payload
        model = self._models.pop(event.correlation_id or "", "")
        read, written = facts["prompt_tokens"], facts["reply_tokens"]
        money = price_of(settings.prices, model, read, written)
        taken = Taken(1, read, written, facts["duration_ms"] / 1000, money)
        self.ledger.add(taken, session_id=event.session_id, day=_day(event.time), model=model)
        scope = Scope(event.session_id, event.correlation_id, event.id)
        await self.host.emit(COUNTED, {"model": model, **_facts(taken)}, scope)
        if has_budgets(settings):
            await self._warn(scope, settings.warn_percent)

    async def _read_log(self) -> None:
        """Add what replies before this start took, as far as the log goes back."""
        try:
            async with aclosing(self.host.past_events(COUNTED)) as events:
                async for event in events:
                    self._add_past(event)
        except WorkbenchError as error:
            text = f"What was used before cannot be read: {error.message}"
            await self.host.notify("warning", error.code, text, error.hint)
        finally:
            self._read.set()

    def _add_past(self, event: Event) -> None:
        if event.time >= self._began:
            return
        try:
            facts = msgspec.convert(event.payload, _Counted)
        except msgspec.ValidationError:
            return  # another program's event of this name
        taken = Taken(facts.replies, facts.read, facts.written, facts.seconds, facts.money)
        self.ledger.add(taken, session_id=event.session_id, day=_day(event.time), model=facts.model)

    async def _warn(self, scope: Scope, percent: float) -> None:
        for budget in self.budgets(scope.session_id):
            whose = scope.session_id or "" if "session" in budget.setting else str(self._today())
            key = (budget.setting, whose)
            if budget.share < percent or key in self._warned:
                continue
            self._warned[key] = None
            if len(self._warned) > _MOST_WARNED:
                self._warned.popitem(last=False)
            text = f"{budget.share:.0f} % of the budget {budget.whose} is used: {budget}."
            hint = f"{budget.setting} says how much there is; beyond it requests are refused."
            await self.host.notify("warning", "cost.budget", text, hint, scope)

    def _today(self) -> date:
        return _day(self._now())


class _Counted(msgspec.Struct, frozen=True):
    """The payload of `cost:reply:counted`."""

    model: str
    replies: int
    read: int
    written: int
    seconds: float
    money: float


def _facts(taken: Taken) -> dict[str, Any]:
    return msgspec.structs.asdict(taken)


def _day(time: datetime) -> date:
    """Return the day in the place where the program runs."""
    return time.astimezone().date()
