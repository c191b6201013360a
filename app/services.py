"""The services of a workbench: what each needs, and how it is opened and closed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workbench.app.chat.chat import Chat
from workbench.app.chat.turn import TurnServices
from workbench.app.errors import StoreError, UsageError, WorkbenchError
from workbench.app.events.json_lines import JsonLinesLog, RotatingFile
from workbench.app.events.log import EventLog, last_seq
from workbench.app.events.reader import EventReader
from workbench.app.events.subscription import Subscription
from workbench.app.events.text_index import TextIndex
from workbench.app.hooks.breaker import BreakerLimits
from workbench.app.hooks.breakpoints import Breakpoints
from workbench.app.hooks.event_screen import screen_events
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.preferences import read_preferences
from workbench.app.models.models import WORKER, Models
from workbench.app.plugin_host.plugins import Plugins, open_plugins
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.session import Message
from workbench.app.sessions.sessions import Sessions
from workbench.app.store.store import Store
from workbench.app.tasks import end
from workbench.app.upkeep import keep_up
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.process import WorkerSpec, python_argv
from workbench.app.workers.supervisor import Supervisor

if TYPE_CHECKING:
    from workbench.app.workbench import Workbench

_MEGABYTE: Final = 1024 * 1024
# How long the start waits for a disk that is full.
_RECOVERY_SECONDS: Final = 5.0

Opener = Callable[["Workbench"], AbstractAsyncContextManager[Any]]


class Service(msgspec.Struct, frozen=True):
    """One service: the names of those that must be open before it, and what opens and closes it."""

    needs: tuple[str, ...]
    open: Opener


def opening_order(wanted: Iterable[str], services: Mapping[str, Service]) -> list[str]:
    """Return the wanted services and all that they need, each after those that it needs.

    Raises:
        UsageError: a service does not exist, or services need each other in a circle; both are named.
    """
    order: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in order:
            return
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise UsageError("bad_option", f"These services need each other: {circle}.")
        if name not in services:
            needed = f", which {path[-1]} needs" if path else ""
            raise UsageError(
                "bad_option",
                f"There is no service called {name!r}{needed}.",
                f"The services are {', '.join(sorted(services))}.",
            )
        for need in services[name].needs:
            visit(need, (*path, name))
        order.append(name)

    for name in wanted:
        visit(name, ())
    return order


@asynccontextmanager
async def _open_store(workbench: Workbench) -> AsyncIterator[Store]:
    if workbench.read_only:
        store = await Store.open_to_read(workbench.paths)
    else:
        store = await Store.open(workbench.paths, wait_for_disk=workbench.wait_for_disk)
    try:
        workbench.bus.continue_from(await last_seq(store))
        store.announce_by(lambda name, facts: workbench.bus.emit(name, facts, source="store"))
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _open_log(workbench: Workbench) -> AsyncIterator[EventLog | None]:
    if not workbench.store.writable:
        yield None
        return
    log = EventLog(workbench.store, workbench.bus)
    try:
        await _tell_of_store(workbench)
        yield log
    finally:
        await log.close()


@asynccontextmanager
async def _open_json_lines(workbench: Workbench) -> AsyncIterator[JsonLinesLog | None]:
    settings = workbench.settings.events
    if not (settings.json_lines and workbench.store.writable):
        yield None
        return
    file = RotatingFile(
        workbench.paths.logs / "events.jsonl",
        settings.json_lines_max_mb * _MEGABYTE,
        settings.json_lines_keep,
    )
    log = JsonLinesLog(workbench.bus, file)
    try:
        yield log
    finally:
        await log.close()


@asynccontextmanager
async def _open_hooks(workbench: Workbench) -> AsyncIterator[Hooks]:
    settings = workbench.settings.hooks
    limits = BreakerLimits(
        failures=settings.failures,
        share=settings.share_percent / 100,
        floor_s=settings.floor_ms / 1000,
        cooldown_s=settings.cooldown_s,
    )
    hooks = Hooks(workbench.bus, limits)
    hooks.preferences = read_preferences(settings.disabled, settings.priorities)
    screen_events(workbench.bus, hooks)
    try:
        yield hooks
    finally:
        await hooks.close()


@asynccontextmanager
async def _open_plugins(workbench: Workbench) -> AsyncIterator[Plugins]:
    if not workbench.store.writable:
        # Who only reads must change nothing.
        yield Plugins(Breakpoints(workbench.bus))
        return
    async with open_plugins(
        hooks=workbench.hooks,
        bus=workbench.bus,
        paths=workbench.paths,
        reader=EventReader(workbench.store),
        settings=lambda: workbench.settings,
        notify=workbench.notify,
    ) as plugins:
        yield plugins


@asynccontextmanager
async def _open_sessions(workbench: Workbench) -> AsyncIterator[Sessions]:
    yield Sessions(workbench.store, workbench.bus, workbench.hooks)


@asynccontextmanager
async def _open_messages(workbench: Workbench) -> AsyncIterator[Messages]:
    messages = Messages(workbench.store)
    if workbench.store.writable:
        workbench.recovered = await _recover(messages, workbench.store)
    for reply in workbench.recovered:
        await workbench.bus.emit(
            "core:chat:reply_recovered",
            {"message_id": reply.id, "characters": len(reply.text)},
            source="chat",
            session_id=reply.session_id,
            correlation_id=reply.correlation_id,
        )
    yield messages


async def _recover(messages: Messages, store: Store) -> list[Message]:
    """Mark the replies that were cut off; a full disk ends the start, as nobody would see why it waits."""
    try:
        async with asyncio.timeout(_RECOVERY_SECONDS):
            return await messages.recover()
    except TimeoutError:
        reason = store.read_only_reason or f"The database {store.paths.database} does not answer."
        raise StoreError("full", reason, "Free some space and start again.") from None


@asynccontextmanager
async def _open_workers(workbench: Workbench) -> AsyncIterator[Supervisor]:
    settings = workbench.settings.workers
    limits = WorkerLimits(
        heartbeat_s=settings.heartbeat_s,
        hung_after_s=settings.hung_after_s,
        queue_limit=settings.queue_limit,
        restart_limit=settings.restart_limit,
        restart_window_s=settings.restart_window_s,
        memory_limit_mb=settings.memory_limit_mb,
    )
    supervisor = Supervisor(workbench.bus, limits)
    supervisor.add(
        WorkerSpec(
            name=WORKER,
            argv=python_argv("workbench.app.workers.llm"),
            env={},
            log_file=workbench.paths.logs / "worker-llm.log",
        )
    )
    try:
        yield supervisor
    finally:
        await supervisor.close()


@asynccontextmanager
async def _open_models(workbench: Workbench) -> AsyncIterator[Models]:
    yield Models(workbench.settings, workbench.paths, workbench.workers, workbench.bus, workbench.hooks)


@asynccontextmanager
async def _open_chat(workbench: Workbench) -> AsyncIterator[Chat]:
    services = TurnServices(
        workbench.messages, workbench.models, workbench.bus, workbench.settings, workbench.hooks
    )
    with workbench.bus.subscribe("core:session:deleted", name="chat") as deleted:
        async with _beside(_forget(deleted, workbench.models), "chat-forget"):
            yield Chat(workbench.sessions, services)


@asynccontextmanager
async def _open_text_index(workbench: Workbench) -> AsyncIterator[TextIndex]:
    index = TextIndex(workbench.store, lambda: workbench.bus.last_seq)
    async with _beside(index.run(), "text-index"):
        yield index


@asynccontextmanager
async def _open_upkeep(workbench: Workbench) -> AsyncIterator[None]:
    work = keep_up(workbench.store, workbench.hooks, workbench.settings.events, workbench.notify)
    async with _beside(work, "upkeep"):
        yield


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Let something run while the block runs."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        await end(task)


async def _forget(deleted: Subscription, models: Models) -> None:
    """Let the worker drop what it has read of sessions that are deleted."""
    async for event in deleted:
        # A worker that is lost has forgotten everything.
        with contextlib.suppress(WorkbenchError):
            await models.forget(event.session_id or "")


async def _tell_of_store(workbench: Workbench) -> None:
    """Say how the database was found; a repair is something that a person must see."""
    report = workbench.store.report
    await workbench.bus.emit(
        "core:store:opened",
        {"path": str(workbench.paths.database), "schema": report.schema, "clean": report.clean},
        source="store",
    )
    if report.problem is None:
        return
    await workbench.bus.emit(
        "core:store:restored",
        {"quarantined": report.quarantined, "backup": report.restored, "problem": report.problem},
        source="store",
    )
    nothing = "an empty database, as there was no backup"
    instead = f"the backup {report.restored}" if report.restored else nothing
    await workbench.notify(
        "error",
        "store.corrupt",
        f"The database was damaged ({report.problem}); {instead} took its place.",
        f"The damaged file is kept as {report.quarantined}." if report.quarantined else "",
    )


SERVICES: Final[dict[str, Service]] = {
    "store": Service((), _open_store),
    "log": Service(("store",), _open_log),
    "json_lines": Service(("store",), _open_json_lines),
    "hooks": Service((), _open_hooks),
    "plugins": Service(("store", "log", "hooks"), _open_plugins),
    "sessions": Service(("store", "log", "hooks"), _open_sessions),
    "messages": Service(("store", "log"), _open_messages),
    "workers": Service((), _open_workers),
    "models": Service(("workers", "hooks"), _open_models),
    "chat": Service(("plugins", "sessions", "messages", "models", "json_lines"), _open_chat),
    "text_index": Service(("store", "log"), _open_text_index),
    "upkeep": Service(("store", "log", "text_index", "hooks"), _open_upkeep),
}
"""Every service by name."""
