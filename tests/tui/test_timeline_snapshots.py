"""Pictures of a turn's timeline, at three sizes in three themes; `--snapshot-update` after a look at each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from workbench.app.workbench import Workbench
from workbench.screens.timeline import TimelineScreen
from workbench.tests.tui.pictures import pictures
from workbench.tests.tui.timeline_turn import TURN, publish, turn_of
from workbench.tests.tui.widget_host import WidgetHost

SIZES = [(80, 24), (120, 40), (200, 60)]
THEMES = ["workbench-dark", "workbench-light", "ansi"]
_SESSION = "01a1f99c-0000-7000-8000-000000000001"
_MESSAGE = "01a1f99c-0000-7000-8000-000000000002"
_SEQ = 1_000

Check = Callable[..., bool]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let local time be UTC, as the pictures show it."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def remember(workbench: Workbench) -> None:
    """Store the question that the turn answers, under a fixed id."""
    text = "How do I load a model?"
    session = "INSERT INTO sessions (id, title, created, updated) VALUES (?, ?, 0, 0)"
    message = "INSERT INTO messages (id, session_id, role, status, text, created) VALUES (?, ?, ?, ?, ?, 0)"
    question = (_MESSAGE, _SESSION, "user", "complete", text)
    await workbench.store.write_all([(session, (_SESSION, text)), (message, question)])


KEYS = {
    "turn": ("down",) * 13,
    "closer": ("down",) * 12 + ("plus", "plus", "right", "m"),
    "event": ("down",) * 14 + ("enter",),
}


@pytest.mark.parametrize(("keys", "size", "theme"), pictures(list(KEYS.values()), SIZES, THEMES, list(KEYS)))
def test_a_turn(
    snap_compare: Check, tmp_path: Path, keys: tuple[str, ...], size: tuple[int, int], theme: str
) -> None:
    app = WidgetHost(Static(), theme)

    async def before(pilot: Pilot[None]) -> None:
        services = ("log", "messages", "sessions")
        async with Workbench.open(tmp_path / "profile", services=services, environ={}) as workbench:
            await remember(workbench)
            workbench.bus.continue_from(_SEQ)
            await publish(workbench, turn_of(session_id=_SESSION, message_id=_MESSAGE))
            screen = TimelineScreen(workbench, TURN)
            await app.push_screen(screen)
            while screen._view.row is None:
                await pilot.pause(0.01)
            await pilot.press(*keys)
            while "enter" in keys and not screen._detail.has_class("-family"):
                await pilot.pause(0.01)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
