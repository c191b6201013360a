"""Pictures of the events pane, at three sizes in three themes; `--snapshot-update` after looking at each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from workbench.app.config.load import load_settings
from workbench.app.events.event import Event
from workbench.app.events.log import EventLog
from workbench.app.paths import paths_for
from workbench.app.store.store import Store
from workbench.app.workbench import Workbench
from workbench.tests.tui.shell import NAMES
from workbench.tests.tui.widget_host import WidgetHost
from workbench.widgets.events_pane import EventsPane

SIZES = [(80, 24), (120, 40), (200, 60)]
THEMES = ["workbench-dark", "workbench-light", "ansi"]
NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
Check = Callable[..., bool]

TURN: list[tuple[str, str, int, dict[str, Any]]] = [
    ("core:chat:turn_started", "chat", 0, {"message_id": "m", "regenerate": False}),
    ("core:chat:prompt_built", "chat", 3, {"tokens": 412, "messages": 9, "trimmed": []}),
    ("core:worker:request_started", "worker.llm", 4, {"worker": "llm", "method": "generate", "pid": 4711}),
    ("core:worker:state_changed", "worker.llm", 5, {"worker": "llm", "previous": "ready", "state": "busy"}),
    ("core:chat:reply_started", "chat", 21, {"model": "guide", "first_token_ms": 17.2}),
    ("acme:weather:fetched", "plugin.weather", 40, {"message": "12 °C, 宽字符 and [markup]", "city": "Ulm"}),
    ("core:store:backed_up", "store", 55, {"path": "/profile/backups/1.db", "reason": "daily"}),
    ("core:system:notice", "workbench", 60, {"level": "warning", "message": "The disk is nearly full."}),
    ("core:worker:request_finished", "worker.llm", 84, {"worker": "llm", "outcome": "ok", "tokens": 83}),
    ("core:chat:reply_finished", "chat", 90, {"model": "guide", "tokens": 83, "tokens_per_second": 1620.4}),
]


def turns(count: int) -> Iterable[Event]:
    """Return the events of some turns, the last of which failed; the first is of the day before."""
    seq = 0
    for number in range(count):
        began = NOW - timedelta(minutes=number and 3 * (count - number), days=not number)
        for place, (name, source, after, facts) in enumerate(TURN):
            seq += 1
            failed = number == count - 1 and place == len(TURN) - 1
            yield Event(
                name="core:chat:reply_failed" if failed else name,
                source=source,
                payload={"code": "worker.crashed", "message": "The worker ended."} if failed else facts,
                correlation_id=f"0192f0c4-8b1e-7000-8000-{number:012}",
                parent_id=None if place == 0 else f"event-{seq - (3 if failed else 1)}",
                id=f"event-{seq}",
                time=began + timedelta(milliseconds=after),
            )


class PaneStage(WidgetHost):
    """The pane over a log with fixed events.

    Args:
        folder: where the log is made.
        theme: the theme's name.
    """

    def __init__(self, folder: Path, theme: str) -> None:
        self.pane = EventsPane(now=lambda: NOW)
        super().__init__(self.pane, theme)
        self._folder = folder
        self._store: Store | None = None
        self._event_log: EventLog | None = None

    async def furnish(self) -> None:
        """Fill the log and show it."""
        paths = paths_for(self._folder / "profile")
        loaded = load_settings(paths, {}, {})
        workbench = Workbench(paths, loaded, face="library", read_only=False, wait_for_disk=False)
        self._store = await Store.open(paths)
        self._event_log = EventLog(self._store, workbench.bus)
        workbench._services.update(store=self._store, log=self._event_log)
        await workbench.bus.publish_many(turns(12))
        await self._event_log.flush()
        self.pane.attach(workbench)
        self.pane.focus()

    async def on_unmount(self) -> None:
        await self.pane.detach()
        if self._event_log is not None and self._store is not None:
            await self._event_log.close()
            await self._store.close()

    def shows(self, text: str) -> bool:
        """Tell whether a text is on the screen."""
        return text in "\n".join(strip.text for strip in self.screen._compositor.render_strips(self.size))


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterable[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await pilot.pause()
    await pilot.pause()


def picture(snap_compare: Check, app: PaneStage, size: tuple[int, int], *steps: tuple[str, str]) -> None:
    """Compare the pane after some steps: each a text to type or a <key>, and what shows then."""

    async def before(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await app.furnish()
        await until(pilot, lambda: app.shows("reply_failed"))
        for typed, shown in steps:
            keys = [typed[1:-1]] if typed.startswith("<") else [NAMES.get(key, key) for key in typed]
            await pilot.press(*keys)
            await until(pilot, partial(app.shows, shown))
        await until(pilot, lambda: app.shows("delivered 0") or size[0] < 100)
        app.pane._tell()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    width, height = request.param
    return int(width), int(height)


def test_a_filter_and_pins(snap_compare: Check, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    picture(
        snap_compare,
        PaneStage(tmp_path, theme),
        size,
        ("<up>", "paused"),
        ("<p>", "▪"),
        ("<up>", ""),
        ("<up>", ""),
        ("<p>", ""),
        ("<slash>", "/"),
        ("core:chat:* and not core:chat:prompt_built", "not core:chat:prompt_built"),
        ("<enter>", "36 found"),
    )


def test_a_mistake_in_a_filter(
    snap_compare: Check, tmp_path: Path, size: tuple[int, int], theme: str
) -> None:
    picture(
        snap_compare,
        PaneStage(tmp_path, theme),
        size,
        ("<slash>", "/"),
        ("core:chat:* and payload.tokens >> 40", "^"),
    )


def test_completions(snap_compare: Check, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    picture(
        snap_compare, PaneStage(tmp_path, theme), size, ("<slash>", "/"), ("core:chat:* and pa", "payload.")
    )


def test_details_with_the_family(
    snap_compare: Check, tmp_path: Path, size: tuple[int, int], theme: str
) -> None:
    picture(
        snap_compare,
        PaneStage(tmp_path, theme),
        size,
        *[("<up>", "paused")] * 4,
        ("<enter>", "cause"),
        ("<tab>", ""),
        ("<tab>", ""),
    )
