"""What a plugin is, and what it may use of the workbench."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from workbench.app.config.settings import Settings
from workbench.app.errors import WorkbenchError
from workbench.app.events.bus import EventBus, Policy
from workbench.app.events.event import Event
from workbench.app.events.filter.parse import parse_filter
from workbench.app.events.reader import EventReader
from workbench.app.events.subscription import Subscription
from workbench.app.hooks.breakpoints import Breakpoints
from workbench.app.hooks.hook import NOWHERE, Hook, Scope
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.notices import pass_notice
from workbench.app.hooks.values import Notice
from workbench.app.hooks.within import context_within, points_within, within
from workbench.app.paths import Paths
from workbench.app.tasks import end

_MOST_WAITING: Final = 256
_PAGE: Final = 1_000
_END_SECONDS: Final = 5.0

Work = Callable[[], Awaitable[object]]


class Plugin:
    """Base of plugins that have a state; a file of plain `@hook` functions needs none.

    Methods marked with `@hook` are its hooks. They are registered after `start` and taken away before `stop`.

    Args:
        host: what it may use of the workbench.

    Attributes:
        name: lower-case words joined by underscores; hook ids, its folder and its section of the settings
            begin with it.
        version: told in traces.
        description: one line for lists.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    description: ClassVar[str] = ""

    def __init__(self, host: PluginHost) -> None:
        self.host = host

    async def start(self) -> None:
        """Begin; raise to say that the plugin cannot work here."""

    async def stop(self) -> None:
        """End what `start` began; what the host gave is taken back by the host."""

    async def ready(self) -> None:
        """Wait until `snapshot` tells all that it can; whoever calls it limits the time."""

    def snapshot(self) -> dict[str, Any]:
        """Return JSON-able facts for lists: what it counted, what it holds."""
        return {}


class PluginParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a workbench that hosts of plugins give access to.

    Args:
        bus: events.
        hooks: where hooks are registered.
        paths: the profile.
        settings: returns the settings in force at the moment.
        breakpoints: what stops at points.
        reader: asks the event log; None where there is none.
    """

    bus: EventBus
    hooks: Hooks
    paths: Paths
    settings: Callable[[], Settings]
    breakpoints: Breakpoints
    reader: EventReader | None = None


class PluginHost:
    """What one plugin may use of the workbench. Whoever loads the plugin closes it after the plugin's `stop`.

    Args:
        plugin: the plugin's name.
        parts: the workbench's.
    """

    def __init__(self, plugin: str, parts: PluginParts) -> None:
        self.plugin = plugin
        self._parts = parts
        self._hooks: dict[str, Hook] = {}
        self._subscriptions: list[Subscription] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._work: asyncio.Queue[tuple[Work, frozenset[str]]] = asyncio.Queue(_MOST_WAITING)
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        self.dropped = 0
        """Work that was left out, as too much waited."""

    @property
    def settings(self) -> Settings:
        """The settings in force at the moment."""
        return self._parts.settings()

    @property
    def breakpoints(self) -> Breakpoints:
        """What stops at points."""
        return self._parts.breakpoints

    @property
    def logs_dir(self) -> Path:
        """The folder of the profile's log files."""
        return self._parts.paths.logs

    @property
    def data_dir(self) -> Path:
        """The plugin's own folder in the profile, made when it is first asked for. Blocks a moment."""
        folder = self._parts.paths.data_dir / "plugins" / self.plugin
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    # --- events -------------------------------------------------------------------------------------------

    async def emit(self, name: str, payload: dict[str, Any] | None = None, scope: Scope = NOWHERE) -> Event:
        """Publish an event of the plugin's and return it.

        Args:
            name: `plugin:area:what`; names that begin with `core:` are the workbench's own.
            payload: JSON-able facts.
            scope: the session and turn that it belongs to.
        """
        return await self._parts.bus.emit(
            name,
            payload,
            source=f"plugin.{self.plugin}",
            session_id=scope.session_id,
            correlation_id=scope.correlation_id,
            parent_id=scope.parent_id,
        )

    async def notify(
        self, level: str, code: str, message: str, hint: str = "", scope: Scope = NOWHERE
    ) -> None:
        """Say something that a person should see.

        Args:
            level: info, warning or error.
            code: a stable code for programs: the plugin's name, a dot, and a word.
            message: what happened, in a sentence.
            hint: what to do.
            scope: the session and turn that it belongs to.
        """
        notice = Notice(level=level, code=code, message=message, hint=hint)
        passed = await pass_notice(self._parts.hooks, notice, scope)
        if passed is not None:
            await self.emit("core:system:notice", msgspec.structs.asdict(passed), scope)

    def subscribe(
        self, pattern: str = "*", policy: Policy = "drop_oldest", *, capacity: int = 4096
    ) -> Subscription:
        """Return a subscription to events; it is closed with the plugin.

        Args:
            pattern: the names, as in `core:chat:*`.
            policy: see `EventBus.subscribe`.
            capacity: events that may wait.

        Raises:
            EventError: the pattern cannot be read.
        """
        name = f"plugin {self.plugin}"
        subscription = self._parts.bus.subscribe(pattern, policy, capacity=capacity, name=name)
        self._subscriptions.append(subscription)
        return subscription

    async def past_events(self, filter_text: str) -> AsyncGenerator[Event]:
        """Iterate over the events in the log that fit a filter, the newest first; none where there is no log.

        Args:
            filter_text: the filter, as for `workbench events query`.

        Raises:
            EventError: `event.bad_filter`.
            StoreError: the database cannot be read.
        """
        reader = self._parts.reader
        if reader is None:
            return
        async with aclosing(reader.search(parse_filter(filter_text))) as pieces:
            async for piece in pieces:
                for start in range(0, len(piece.seqs), _PAGE):
                    for event in await reader.events(piece.seqs[start : start + _PAGE]):
                        yield event

    # --- hooks that come and go ---------------------------------------------------------------------------

    async def add_hooks(self, hooks: Iterable[Hook]) -> None:
        """Register further hooks; they become the plugin's, and end with it.

        Args:
            hooks: their ids must begin with the plugin's name and a dot.

        Raises:
            HookError: `hook.unknown_point`.
            ValueError: an id is not the plugin's.
        """
        own = [msgspec.structs.replace(hook, plugin=self.plugin) for hook in hooks]
        for hook in own:
            if not hook.id.startswith(f"{self.plugin}."):
                raise ValueError(
                    f"the id of a hook of {self.plugin} begins with {self.plugin}., not {hook.id!r}"
                )
        self._hooks.update({hook.id: hook for hook in own})
        await self._parts.hooks.add(own)

    async def remove_hooks(self, hook_ids: Iterable[str]) -> None:
        """Take hooks away that `add_hooks` registered; others are left alone."""
        own = [self._hooks.pop(hook_id) for hook_id in hook_ids if hook_id in self._hooks]
        # A newer version of the plugin may have put hooks of its own in their places.
        await self._parts.hooks.remove([hook.id for hook in own if self._parts.hooks.holds(hook)])

    # --- work beside the hooks ----------------------------------------------------------------------------

    def begin(self, work: Work, name: str) -> None:
        """Let something run until it ends or the plugin does; an error in it becomes a notice.

        It does not begin when the plugin has ended.
        """
        if self._closed:
            return
        # In a context of its own: of what holds for a hook that begins it, only its point does for the work.
        context = context_within(points_within())
        task = asyncio.create_task(self._guarded(work), name=f"plugin-{self.plugin}-{name}", context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def soon(self, work: Work) -> None:
        """Have something done by the plugin's own task after the hook has answered; from any thread.

        Args:
            work: called without arguments; what it returns is awaited. When 256 calls wait, it is left out.
        """
        if threading.get_ident() == self._thread:
            self._put(work, points_within())
        else:
            self._loop.call_soon_threadsafe(self._put, work, points_within())

    async def settled(self) -> None:
        """Wait until what `soon` was given so far is done."""
        await self._work.join()

    async def close(self) -> None:
        """End the tasks, the subscriptions and the hooks that the plugin was given."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self._work.join()
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()
        for task in [*self._tasks, *([self._worker] if self._worker else [])]:
            await end(task)
        await self.remove_hooks(list(self._hooks))

    def _put(self, work: Work, points: frozenset[str]) -> None:
        if self._closed:
            return
        if self._worker is None:
            self._worker = asyncio.create_task(
                self._do_work(), name=f"plugin-{self.plugin}", context=context_within(frozenset())
            )
        try:
            self._work.put_nowait((work, points))
        except asyncio.QueueFull:
            self.dropped += 1

    async def _do_work(self) -> None:
        while True:
            work, points = await self._work.get()
            try:
                with within(points):
                    await self._guarded(work)
            finally:
                self._work.task_done()

    async def _guarded(self, work: Work) -> None:
        """Run the plugin's code; what it raises is told and ends nothing else."""
        try:
            await work()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # The plugin's own cancel, which ends that work and no other.
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            # Also what would end the program.
            known = isinstance(error, WorkbenchError)
            reason = str(error) if known else f"{type(error).__name__}: {error}"
            code = error.code if isinstance(error, WorkbenchError) else "hook.raised"
            await self.notify("error", code, f"The plugin {self.plugin} failed: {reason}")
