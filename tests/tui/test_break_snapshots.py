"""Pictures of the dialog at a breakpoint, at three sizes in three themes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from workbench.app.events.bus import EventBus
from workbench.app.hooks.breakpoints import Breakpoints, Pause
from workbench.app.hooks.hook import Scope
from workbench.app.hooks.values import ChatMessage, PromptDraft
from workbench.screens.break_dialog import BreakDialog
from workbench.tests.tui.pictures import pictures
from workbench.tests.tui.widget_host import WidgetHost

SIZES = [(40, 12), (80, 24), (120, 40)]
THEMES = ["workbench-dark", "workbench-light", "ansi"]
KEYS: dict[str, tuple[str, ...]] = {
    "shown": (),
    "edited": ("e", "delete", "enter"),
    "cancelled": ("x", "n", "o"),
}

Check = Callable[..., bool]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let local time be UTC, as the pictures show it."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def pause() -> Pause:
    """Return something that waits."""
    messages = (
        ChatMessage(role="system", content="You answer in short sentences."),
        ChatMessage(role="user", content="My key is sk-12345, please keep it.\nHow do I load a model?"),
    )
    return Pause(
        pause_id="01a1f99c-0000-7000-8000-000000000001",
        point="prompt:build",
        value=PromptDraft(model="guide", messages=messages, limit=2048),
        scope=Scope("01a1f99c-0000-7000-8000-00000000000a", "01a1f99c-86e3-7338-a286-778f16f48235"),
        since=datetime(2026, 11, 20, 14, 5, tzinfo=UTC),
        answers=("continue", "modified", "cancel"),
    )


@pytest.mark.parametrize(("name", "size", "theme"), pictures(list(KEYS), SIZES, THEMES))
def test_the_dialog(snap_compare: Check, name: str, size: tuple[int, int], theme: str) -> None:
    app = WidgetHost(Static(), theme)

    async def before(pilot: Pilot[None]) -> None:
        dialog = BreakDialog(Breakpoints(EventBus()), pause(), lambda: None)
        await app.push_screen(dialog)
        while not dialog.armed:
            await pilot.pause(0.01)
        for key in KEYS[name]:
            await pilot.press(key)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
