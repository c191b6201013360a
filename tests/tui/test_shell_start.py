"""Starting: the first picture, what greets a person, what comes back, and what ends the program at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.app.cli_options import TuiOptions
from workbench.app.config.load import load_settings
from workbench.app.errors import SettingsError
from workbench.app.paths import Paths
from workbench.app.store.store import Store
from workbench.app.tui import WorkbenchApp, _theme_name
from workbench.app.workbench import Workbench
from workbench.tests.tui.shell import Start


async def test_the_first_start_greets_and_says_how_to_load_a_model(start: Start, paths: Paths) -> None:
    async with start() as shell:
        text = shell.text()
        assert "Welcome to workbench" in text
        assert "path of a GGUF file" in " ".join(text.split())
        assert str(paths.models)[:30] in text
        assert "guide" in text
        assert shell.composer.has_focus


async def test_a_message_typed_before_the_profile_is_open_is_answered(start: Start) -> None:
    async with start(wait=False) as shell:
        assert shell.main.workbench is None
        await shell.type("what is workbench?")
        assert shell.composer.text == "what is workbench?"
        shell.conversation.send(shell.composer.text)
        await shell.answered()
        assert "terminal application" in shell.conversation.last_reply
        assert shell.composer.text == ""


async def test_the_last_session_and_its_draft_come_back(start: Start) -> None:
    async with start() as shell:
        reply = await shell.ask("hello")
        await shell.type("not sent yet")
    async with start() as shell:
        assert shell.composer.text == "not sent yet"
        assert shell.conversation.last_reply == reply
        assert "hello" in shell.text()
        assert shell.status.session == "hello"


async def test_what_was_typed_while_opening_is_kept_over_the_draft(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        await shell.type("old")
    async with start(wait=False) as shell:
        await shell.type("new")
        await shell.ready()
        assert shell.composer.text == "new"


async def test_a_cut_off_reply_is_offered_and_resumed(start: Start, paths: Paths) -> None:
    async with Workbench.open(paths.data_dir) as workbench:
        session = await workbench.sessions.create()
        question = await workbench.messages.add(session.id, None, "user", "what is workbench?")
        reply = await workbench.messages.begin_reply(
            session.id, question.id, model="guide", correlation_id="turn"
        )
        await workbench.messages.save_partial(reply.id, "Workbench is a terminal")
        await workbench.sessions.create("used later")
    async with start() as shell:
        assert shell.conversation.session_id == session.id
        banner = shell.notices.banner
        assert banner is not None
        assert banner.key == "resume"
        assert "cut off" in shell.text()
        await shell.pilot.press("ctrl+r")
        await shell.until(
            lambda: shell.conversation.head is not None and shell.conversation.head.id != reply.id
        )
        await shell.until(lambda: shell.conversation.running is None)
        assert shell.conversation.last_reply.startswith("Workbench is a terminal")
        assert len(shell.conversation.last_reply) > len("Workbench is a terminal")
        assert shell.notices.banner is None


async def test_a_profile_in_use_ends_the_program_with_the_reason(start: Start, paths: Paths) -> None:
    store = await Store.open(paths)
    try:
        async with start(wait=False) as shell:
            await shell.until(lambda: shell.app.failure is not None, "the failure")
            assert shell.app.failure is not None
            assert shell.app.failure.code == "store.busy"
            assert shell.app.return_value == 4
    finally:
        await store.close()


async def test_a_session_that_does_not_exist_ends_the_program(start: Start) -> None:
    async with start(session="no-such-session", wait=False) as shell:
        await shell.until(lambda: shell.app.failure is not None, "the failure")
        assert shell.app.failure is not None
        assert shell.app.failure.code == "session.not_found"


async def test_a_model_that_is_missing_is_said_and_the_program_works_on(start: Start) -> None:
    async with start(overrides={"model.name": "/no/such.gguf"}, wait=False) as shell:
        bar = shell.notices
        await shell.until(lambda: bar.banner is not None, "a banner")
        assert bar.banner is not None
        assert bar.banner.key == "model.not_found"
        await shell.pilot.press("escape")
        assert bar.banner is None


def test_an_unknown_theme_is_an_error_before_the_screen_starts(paths: Paths) -> None:
    loaded = load_settings(paths, {}, {"ui.theme": "workbench-drak"})
    with pytest.raises(SettingsError, match="workbench-drak") as caught:
        WorkbenchApp(paths, loaded, TuiOptions())
    assert "workbench-dark" in caught.value.hint


@pytest.mark.parametrize(
    ("colors", "environ", "chosen", "theme"),
    [
        ("truecolor", {}, None, "workbench-dark"),
        ("256", {}, None, "workbench-dark"),
        ("standard", {}, None, "ansi"),
        (None, {}, None, "ansi"),
        ("truecolor", {"NO_COLOR": "1"}, None, "ansi"),
        ("standard", {}, "workbench-light", "workbench-light"),
    ],
)
def test_the_theme_follows_the_terminal_unless_it_was_chosen(
    tmp_path: Path, paths: Paths, colors: str | None, environ: dict[str, str], chosen: str | None, theme: str
) -> None:
    loaded = load_settings(paths, {}, {"ui.theme": chosen} if chosen else {})
    assert _theme_name(loaded, environ, colors) == theme
