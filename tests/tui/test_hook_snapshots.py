"""Pictures of the hooks screen, at three sizes in three themes; `--snapshot-update` after a look at each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from workbench.screens.hooks import HooksScreen, View
from workbench.tests.tui.hooks_profile import NOW, has_read, line_runner, profile
from workbench.tests.tui.pictures import pictures
from workbench.tests.tui.widget_host import WidgetHost

SIZES = [(80, 24), (120, 40), (200, 60)]
THEMES = ["workbench-dark", "workbench-light", "ansi"]
VIEWS: dict[str, tuple[View, tuple[str, ...]]] = {
    "hooks": ("hooks", ("down", "down")),
    "hook": ("hooks", ("down", "down", "enter")),
    "traces": ("traces", ()),
    "turns": ("traces", ("t", "home")),
    "change": ("traces", ("home", "enter")),
    "error": ("traces", ("home", "down", "down", "enter", "x")),
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


@pytest.mark.parametrize(("name", "size", "theme"), pictures(list(VIEWS), SIZES, THEMES))
def test_the_hooks_screen(
    snap_compare: Check, tmp_path: Path, name: str, size: tuple[int, int], theme: str
) -> None:
    app = WidgetHost(Static(), theme)
    view, keys = VIEWS[name]

    async def before(pilot: Pilot[None]) -> None:
        async with profile(tmp_path) as workbench:
            screen = HooksScreen(workbench, line_runner(workbench), view, lambda: NOW)
            await app.push_screen(screen)
            while not has_read(screen):
                await pilot.pause(0.01)
            await pilot.press(*keys)
            pane = screen.table if view == "hooks" else screen.traces
            while "enter" in keys and not pane.detail.is_open:
                await pilot.pause(0.01)
            # The traceback of a hook's last error comes from the log.
            while name in ("hook", "error") and not shows(screen, "Traceback"):
                await pilot.pause(0.01)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


def shows(screen: HooksScreen, word: str) -> bool:
    """Tell whether the details hold a word, in sight or not."""
    pane = screen.table if screen.view == "hooks" else screen.traces
    return word in str(pane.detail.query_one(Static).content)
