"""Pictures of the screens, at three sizes in three themes; `--snapshot-update` after looking at each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from workbench.app.chat.parts import Usage
from workbench.app.config.settings import Settings
from workbench.app.paths import paths_for
from workbench.app.sessions.session import Message, Session
from workbench.screens.ask import AskText, Confirm
from workbench.screens.command_runner import CommandRunner
from workbench.screens.help import Help, group_keys, keys_of
from workbench.screens.main import MainScreen
from workbench.screens.palette import palette_rows
from workbench.screens.picker import Picker
from workbench.screens.pickers import session_rows, theme_rows
from workbench.screens.welcome import welcome
from workbench.themes.loader import load_theme, theme_files
from workbench.widgets.notice_bar import Banner
from workbench.widgets.session_list import SessionList

SIZES = [(80, 24), (120, 40), (200, 60)]
THEMES = ["workbench-dark", "workbench-light", "ansi"]
NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
PATHS = paths_for(Path("/profile"))
TITLES = [
    "How do I load a model?",
    "A plan for the garden, with dates and who brings what",
    "Explain tail recursion",
    "宽字符 and [markup] in a title",
    "Shopping",
]
SESSIONS = [
    Session(id=str(number), title=title, created=NOW, updated=NOW - timedelta(hours=19 * number), messages=4)
    for number, title in enumerate(TITLES)
]
QUESTION = Message(
    id="1",
    session_id="0",
    parent_id=None,
    role="user",
    status="complete",
    text=TITLES[0],
    created=NOW,
)
USAGE = Usage(reply_tokens=83, first_token_ms=12, duration_ms=63, tokens_per_second=1620)
REPLY = """A model is one file. You can

1. press `ctrl+p` and choose **models choose**,
2. or put the file into the models folder.

```python
def load(path: str) -> Model:
    return Model.open(path)
```

Both take the *same* kinds of file."""

Check = Callable[..., bool]


class Stage(App[None]):
    """Our main screen with fixed content and no profile behind it.

    Args:
        theme: the theme's name.
        talk: whether there is a conversation.
    """

    CSS_PATH = Path(__file__).parents[2] / "screens" / "main.tcss"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, theme: str, *, talk: bool) -> None:
        super().__init__()
        made, _ = load_theme(theme)
        self.register_theme(made)
        self.theme = theme
        self.main = MainScreen(PATHS, Settings())
        self._talk = talk

    def get_default_screen(self) -> Screen[None]:
        return self.main

    async def furnish(self) -> None:
        """Put the fixed content in."""
        main = self.main
        await main.furnish()
        sessions = main.query_one(SessionList)
        sessions._now = lambda: NOW
        sessions.show(SESSIONS, "0" if self._talk else None, {"2"})
        main._status.model, main._status.worker = "guide", "ready"
        chat = main._chat
        assert chat is not None
        if not self._talk:
            title, lines = welcome("guide", PATHS)
            await chat.show_welcome(title, lines)
            return
        main._status.session, main._status.speed = TITLES[0], 1620.0
        await chat.show([QUESTION])
        await chat.begin_reply("2", REPLY, "guide")
        await chat.finish("2", "complete", USAGE, None, "stop")


def picture(
    snap_compare: Check, app: Stage, size: tuple[int, int], act: Callable[[Pilot[None]], object] | None = None
) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await app.furnish()
        if act is not None:
            result = act(pilot)
            if hasattr(result, "__await__"):
                await result
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_first_start(snap_compare: Check, size: tuple[int, int], theme: str) -> None:
    picture(snap_compare, Stage(theme, talk=False), size)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_conversation(snap_compare: Check, size: tuple[int, int], theme: str) -> None:
    picture(snap_compare, Stage(theme, talk=True), size)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_reply_that_loads_and_a_banner(snap_compare: Check, size: tuple[int, int], theme: str) -> None:
    app = Stage(theme, talk=True)

    def act(_pilot: Pilot[None]) -> None:
        main = app.main
        main._status.worker, main._status.problem = "loading", "disk full"
        main._activity.show("Loading llama-3.2-3b", 0.42, "esc stop")
        main._notices.show(Banner("resume", "The last reply was cut off.", "ctrl+r resume", "offer"))
        main._composer.put("several\nlines of text\n宽字符 [b]as it is[/b]")

    picture(snap_compare, app, size, act)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", ["palette", "sessions", "themes", "help", "rename", "delete"])
def test_a_dialog(snap_compare: Check, name: str, size: tuple[int, int], theme: str) -> None:
    app = Stage(theme, talk=True)

    async def act(pilot: Pilot[None]) -> None:
        await app.push_screen(dialog(app, name, theme))
        await pilot.pause()

    picture(snap_compare, app, size, act)


def dialog(app: Stage, name: str, theme: str) -> Screen[object]:
    """Return one of the dialogs."""
    if name == "palette":
        runner = CommandRunner(app.main)
        rows = palette_rows(runner.registry, runner.context("palette"))
        return Picker("Commands", rows, hint="… needs words: it goes into the composer")  # type: ignore[return-value]
    if name == "sessions":
        return Picker("Sessions", session_rows(SESSIONS, "0", NOW), hint="enter open")  # type: ignore[return-value]
    if name == "themes":
        return Picker("Theme", theme_rows(theme_files(), theme), cursor=theme)  # type: ignore[return-value]
    if name == "help":
        here = group_keys("Everywhere", app.main.BINDINGS)
        return Help([*keys_of(app.main._composer), here])  # type: ignore[return-value]
    if name == "rename":
        return AskText("Rename the session", TITLES[0])  # type: ignore[return-value]
    return Confirm(f"Delete “{TITLES[0]}”?", "Its 4 messages cannot be brought back.", "delete")  # type: ignore[return-value]


def test_a_terminal_that_is_too_small(snap_compare: Check) -> None:
    picture(snap_compare, Stage("workbench-dark", talk=True), (20, 5))
