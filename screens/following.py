"""Keeps the main screen in step with what happens: worker, model, sessions, disk, notices, settings."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.app.errors import WorkbenchError
from workbench.screens.watch import BusWatch
from workbench.widgets.notice_bar import Banner, NoticeBar
from workbench.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from workbench.app.events.event import Event
    from workbench.app.plugin_host.plugins import Plugins
    from workbench.app.workbench import Workbench
    from workbench.screens.main import MainScreen

_DISK: Final = "disk"
_BROKEN: Final = "hook.file_broken"


class Following:
    """The main screen's subscriptions.

    Args:
        screen: the screen.
        workbench: the open profile.
    """

    def __init__(self, screen: MainScreen, workbench: Workbench) -> None:
        self._screen = screen
        self._workbench = workbench
        self._status = screen.query_one(StatusBar)
        self._notices = screen.query_one(NoticeBar)
        self._loading = False
        self._watch = BusWatch(workbench.bus, screen.crashed)

    def start(self) -> None:
        """Subscribe, and show how things stand now."""
        watch = self._watch
        watch.follow("core:worker:state_changed", self._worker, key=lambda event: event.payload.get("worker"))
        watch.follow("core:model:*", self._model, key=lambda _event: "")
        watch.follow("core:session:*", self._sessions, key=lambda _event: "")
        watch.follow("core:chat:message_received", self._sessions, key=lambda _event: "")
        watch.follow("core:chat:reply_finished", self._sessions, key=lambda _event: "")
        watch.follow("core:store:*", self._store, policy="drop_oldest")
        watch.follow("core:system:notice", self._notice, policy="drop_oldest")
        for name in ("core:hook:file_loaded", "core:hook:file_removed"):
            watch.follow(name, self._file_is_well, policy="drop_oldest")
        watch.follow("core:settings:changed", self._settings, key=lambda event: event.payload.get("key"))
        self._status.model = self._workbench.models.name
        self._status.worker = self._workbench.models.worker.state
        self._show_disk(self._workbench.store.read_only_reason)
        self._show_repair()
        self._show_broken_files()

    def _show_repair(self) -> None:
        """Say that a damaged database was replaced: that was told while nobody listened yet."""
        report = self._workbench.store.report
        if report.problem is None:
            return
        instead = "the newest backup" if report.restored else "an empty one, as there was no backup,"
        kept = f"The damaged file is kept as {report.quarantined}." if report.quarantined else ""
        text = f"The database was damaged ({report.problem}); {instead} took its place."
        self._notices.show(Banner("store.corrupt", text, kept, level="error"))

    def _show_broken_files(self) -> None:
        """Say which files of hooks could not be loaded at the start; nobody listened then either."""
        plugins: Plugins | None = (
            self._workbench.service("plugins") if self._workbench.has("plugins") else None
        )
        files = plugins.files if plugins is not None else None
        problems = [file.problem for file in files.files if file.problem] if files is not None else []
        if problems:
            hint = "`/hooks files` shows all." if len(problems) > 1 else ""
            self._notices.show(Banner(_BROKEN, problems[0], hint, level="error"))

    async def close(self) -> None:
        """End the subscriptions."""
        await self._watch.close()

    async def load_model(self, name: str | None = None) -> None:
        """Load a model, the chosen one without a name, and show how far it is.

        Raises:
            ModelError, WorkerError: it cannot be loaded.
        """
        from workbench.app.models.models import LoadedModel

        conversation = self._screen.conversation
        try:
            async with aclosing(self._workbench.models.load(name)) as steps:
                async for step in steps:
                    if not isinstance(step, LoadedModel):
                        self._loading = True
                        self._status.model, self._status.worker = step.model, "loading"
                        conversation.tell_loading(step.model, step.fraction, asked=name is not None)
        finally:
            conversation.tell_loaded()

    async def _worker(self, batch: list[Event]) -> None:
        for event in batch:
            if event.payload["worker"] == self._workbench.models.worker.spec.name and not self._loading:
                self._status.worker = event.payload["state"]

    async def _model(self, batch: list[Event]) -> None:
        event = batch[-1]
        self._loading = event.name == "core:model:loading"
        if self._loading:
            self._status.model, self._status.worker = event.payload["name"], "loading"
            return
        loaded = self._workbench.models.loaded
        self._status.model = loaded.file.name if loaded else self._workbench.models.name
        self._status.worker = self._workbench.models.worker.state

    async def _sessions(self, _batch: list[Event]) -> None:
        try:
            await self._screen.refresh_sessions()
        except WorkbenchError as error:
            self._screen.conversation.fail(error)

    async def _store(self, batch: list[Event]) -> None:
        for event in batch:
            if event.name == "core:store:read_only":
                self._show_disk(event.payload["reason"])
            elif event.name == "core:store:recovered":
                self._show_disk(None)
                self._screen.say("The disk takes data again; nothing was lost.")

    async def _notice(self, batch: list[Event]) -> None:
        for event in batch:
            notice = event.payload
            if notice["level"] == "info":
                self._screen.say(notice["message"])
            else:
                self._notices.show(
                    Banner(notice["code"], notice["message"], notice["hint"], level=notice["level"])
                )

    async def _file_is_well(self, batch: list[Event]) -> None:
        """Take back that files could not be loaded which now could or are gone, unless others are broken."""
        for event in batch:
            name, shown = Path(event.payload["file"]).name, self._notices.get(_BROKEN)
            if (
                shown is not None
                and shown.level == "error"
                and shown.text.startswith((f"{name}:", f"{name} "))
            ):
                self._notices.hide(_BROKEN)
                self._show_broken_files()

    async def _settings(self, batch: list[Event]) -> None:
        for event in batch:
            self._screen.take_settings(event.payload["key"], self._workbench.settings)

    def _show_disk(self, reason: str | None) -> None:
        self._status.problem = "disk full" if reason else ""
        if reason:
            hint = "What you write waits and is stored as soon as there is space."
            self._notices.show(Banner(_DISK, f"Nothing can be stored: {reason}", hint, "error", lasting=True))
        else:
            self._notices.hide(_DISK)
