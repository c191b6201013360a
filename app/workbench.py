"""The composition root: opens the services that are asked for, in order, and closes them in reverse."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from workbench import __version__
from workbench.app.chat.chat import Chat
from workbench.app.config.changes import takes_effect_at_once, with_value
from workbench.app.config.load import LoadedSettings, load_settings, parse_value
from workbench.app.config.settings import Settings
from workbench.app.errors import SettingsError, UsageError
from workbench.app.events.bus import EventBus
from workbench.app.events.log import EventLog
from workbench.app.hooks import points
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.notices import pass_notice
from workbench.app.hooks.point import Point
from workbench.app.hooks.preferences import read_preferences
from workbench.app.hooks.values import Notice, SettingChange, SystemFacts
from workbench.app.models.models import Models
from workbench.app.paths import Paths, paths_for
from workbench.app.services import SERVICES, Service, opening_order
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.session import Message
from workbench.app.sessions.sessions import Sessions
from workbench.app.store.store import Store
from workbench.app.workers.supervisor import Supervisor


class Workbench:
    """Everything that works together; made by `Workbench.open`.

    The attributes of services that were not asked for raise `UsageError`.

    Args:
        paths: the profile.
        loaded: the settings in force.
        face: which way in opened it: tui, headless, command or library.
        read_only: whether the profile is only read.
        wait_for_disk: whether writes wait while the disk is full.
    """

    def __init__(
        self, paths: Paths, loaded: LoadedSettings, *, face: str, read_only: bool, wait_for_disk: bool
    ) -> None:
        self.paths = paths
        self.settings: Settings = loaded.settings
        self.origins = loaded.origins
        self.face = face
        self.read_only = read_only
        self.wait_for_disk = wait_for_disk
        self.recovered: list[Message] = []
        self.bus = EventBus()
        self._services: dict[str, Any] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        data_dir: Path | None = None,
        *,
        services: Iterable[str] = ("chat",),
        overrides: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        replace: Mapping[str, Service] | None = None,
        face: str = "library",
        read_only: bool = False,
        wait_for_disk: bool = False,
    ) -> AsyncIterator[Self]:
        """Open a profile with the services that are asked for and those that they need.

        Args:
            data_dir: the profile's folder, None for the platform's own.
            services: names from `services.SERVICES`; what they need comes by itself.
            overrides: settings as text, as from `--set`.
            environ: environment variables, the process's own when left out.
            replace: other services in the place of those with these names, or further ones.
            face: see the class.
            read_only: do not lock or write the profile, so that another process may have it open.
            wait_for_disk: writes wait while the disk is full, instead of failing.

        Yields:
            The open workbench. All its services are closed when the block ends, also by an error.

        Raises:
            SettingsError: the settings are wrong.
            StoreError: the profile cannot be opened.
            UsageError: a service does not exist.
        """
        variables = os.environ if environ is None else environ
        paths = paths_for(data_dir, variables)
        loaded = await asyncio.to_thread(load_settings, paths, variables, overrides)
        workbench = cls(paths, loaded, face=face, read_only=read_only, wait_for_disk=wait_for_disk)
        table = {**SERVICES, **(replace or {})}
        order = opening_order(services, table)
        async with AsyncExitStack() as stack:
            stack.callback(workbench.bus.close)
            for name in order:
                workbench._services[name] = await stack.enter_async_context(table[name].open(workbench))
            facts = {"version": __version__, "face": face, "services": order}
            await workbench.bus.emit("core:system:started", facts, source="workbench")
            system = SystemFacts(version=__version__, face=face, services=tuple(order))
            await workbench._pass(points.SYSTEM_STARTED, system)
            try:
                yield workbench
            finally:
                await workbench._pass(points.SYSTEM_STOPPING, system)
                await workbench.bus.emit("core:system:stopped", {"face": face}, source="workbench")

    @property
    def store(self) -> Store:
        """The database."""
        store: Store = self.service("store")
        return store

    @property
    def log(self) -> EventLog:
        """The event log; nothing keeps events while a profile is only read."""
        log: EventLog = self.service("log")
        return log

    @property
    def hooks(self) -> Hooks:
        """The hooks."""
        hooks: Hooks = self.service("hooks")
        return hooks

    @property
    def sessions(self) -> Sessions:
        """The sessions."""
        sessions: Sessions = self.service("sessions")
        return sessions

    @property
    def messages(self) -> Messages:
        """The messages of all sessions."""
        messages: Messages = self.service("messages")
        return messages

    @property
    def workers(self) -> Supervisor:
        """The model processes."""
        workers: Supervisor = self.service("workers")
        return workers

    @property
    def models(self) -> Models:
        """The models."""
        models: Models = self.service("models")
        return models

    @property
    def chat(self) -> Chat:
        """The chat."""
        chat: Chat = self.service("chat")
        return chat

    def has(self, name: str) -> bool:
        """Tell whether a service is open."""
        return name in self._services

    def service(self, name: str) -> Any:
        """Return an open service by name.

        Raises:
            UsageError: it is not open.
        """
        if name not in self._services:
            raise UsageError(
                "bad_option", f"The service {name!r} is not open.", "Add it to Workbench.open(services=…)."
            )
        return self._services[name]

    async def change_setting(self, key: str, text: str, origin: str) -> None:
        """Let everything that is open work with another value of a setting from now on.

        Args:
            key: the dotted name.
            text: the value as text, as for `--set`.
            origin: where it is said, for errors and `origins`.

        Raises:
            SettingsError: the name or value is wrong, or the setting takes effect only at the start.
            HookError: `hook.cancelled`.
        """
        if self.has("hooks"):
            change = SettingChange(key=key, text=text, origin=origin)
            text = (await self.hooks.apply(points.SETTING_CHANGE, change)).text
        value = parse_value(key, text, origin).value
        if not takes_effect_at_once(key):
            raise SettingsError(
                "bad_value",
                f"{origin}: {key} takes effect only when workbench starts.",
                f"Start it with --set {key}=…, or keep it with `config set`.",
                key=key,
            )
        self.settings = with_value(self.settings, key, value)
        self.origins = {**self.origins, key: origin}
        if self.has("hooks") and key in ("hooks.disabled", "hooks.priorities"):
            chosen = self.settings.hooks
            await self.hooks.prefer(read_preferences(chosen.disabled, chosen.priorities))
        if self.has("models"):
            self.models.apply(self.settings)
        if self.has("chat"):
            self.chat.apply(self.settings)
        await self.bus.emit("core:settings:changed", {"key": key, "origin": origin}, source="workbench")

    async def notify(self, level: str, code: str, message: str, hint: str = "") -> None:
        """Say something that a person should see.

        Args:
            level: info, warning or error.
            code: a stable code for programs.
            message: what happened.
            hint: what to do.
        """
        notice = Notice(level=level, code=code, message=message, hint=hint)
        if self.has("hooks"):
            passed = await pass_notice(self.hooks, notice)
            if passed is None:
                return
            notice = passed
        facts = msgspec.structs.asdict(notice)
        await self.bus.emit("core:system:notice", facts, source="workbench")

    async def _pass(self, point: Point[SystemFacts], facts: SystemFacts) -> None:
        """Run the hooks of a point where nothing is to be decided."""
        if self.has("hooks"):
            await self.hooks.run(point, facts)
