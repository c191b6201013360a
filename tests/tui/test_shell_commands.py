"""The palette, slash lines with completion, the pickers, the help, and copying."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.app.paths import Paths
from workbench.benchmarks.random_model import write_random_model
from workbench.screens.picker import Picker
from workbench.tests.tui.shell import Shell, Start
from workbench.widgets.completion_menu import CompletionMenu
from workbench.widgets.row_list import Row, RowList


def rows_of(shell: Shell) -> dict[str, Row]:
    """Return the rows of the open picker by id."""
    return {row.id: row for row in shell.app.screen.query_one(RowList).rows}


async def open_palette(shell: Shell) -> None:
    await shell.pilot.press("ctrl+p")
    await shell.until(lambda: isinstance(shell.app.screen, Picker), "the palette")


async def test_the_palette_has_what_the_guide_promises_and_says_why_not(start: Start) -> None:
    async with start() as shell:
        await open_palette(shell)
        rows = rows_of(shell)
        for name in ("models choose", "theme", "settings", "new", "sessions open", "sessions rename"):
            assert not rows[name].disabled, name
        assert not rows["quit"].disabled
        assert rows["stop"].disabled
        assert "nothing is being answered" in rows["stop"].detail
        assert rows["copy"].disabled
        assert "no reply" in rows["copy"].detail
        await shell.pilot.press("escape")
        await shell.ask("hello")
        await open_palette(shell)
        assert not rows_of(shell)["copy"].disabled


async def test_typing_finds_a_command_and_enter_runs_it(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        await open_palette(shell)
        await shell.type("new")
        await shell.pilot.press("enter")
        await shell.until(lambda: shell.conversation.head is None, "the new session")
        assert shell.app.screen is shell.main


async def test_a_disabled_command_is_not_run_and_the_palette_stays(start: Start) -> None:
    async with start() as shell:
        await open_palette(shell)
        await shell.type("stop")
        await shell.pilot.press("enter")
        assert isinstance(shell.app.screen, Picker)
        await shell.type(" nothing fits this")
        assert "Nothing fits." in shell.text()


async def test_a_command_that_needs_words_goes_into_the_composer(start: Start) -> None:
    async with start() as shell:
        await open_palette(shell)
        await shell.type("config set")
        await shell.pilot.press("enter")
        await shell.until(lambda: shell.composer.text == "/config set ")
        assert shell.composer.has_focus


async def test_the_palette_renames_the_open_session(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        await open_palette(shell)
        await shell.type("rename")
        await shell.pilot.press("enter")
        await shell.until(lambda: "Rename the session" in shell.text())
        await shell.type("again")
        await shell.pilot.press("enter")
        await shell.until(lambda: shell.status.session == "again")


async def test_a_slash_line_is_completed_and_run(start: Start) -> None:
    async with start() as shell:
        menu = shell.main.query_one(CompletionMenu)
        await shell.type("/mod")
        await shell.until(lambda: menu.is_shown, "suggestions")
        await shell.pilot.press("tab")
        assert shell.composer.text == "/models "
        await shell.until(lambda: menu.chosen is not None and menu.chosen.text == "choose", "suggestions")
        await shell.pilot.press("down")
        assert menu.chosen is not None
        chosen = menu.chosen.text
        await shell.pilot.press("tab")
        assert shell.composer.text == f"/models {chosen} "
        await shell.pilot.press("escape")
        shell.composer.put("/models list")
        await shell.pilot.press("escape", "enter")
        await shell.until(lambda: "4.7" in shell.text() or "llama" in shell.text(), "the list of models")
        assert shell.composer.text == ""


async def test_a_wrong_slash_line_comes_back_with_the_reason(start: Start) -> None:
    async with start() as shell:
        await shell.say("/modles list")
        await shell.until(lambda: shell.notices.banner is not None, "the error")
        assert shell.notices.banner is not None
        assert shell.notices.banner.key == "command.unknown"
        assert "models list" in shell.notices.banner.hint
        assert shell.composer.text == "/modles list"


async def test_two_slashes_send_a_message_that_begins_with_one(start: Start) -> None:
    async with start() as shell:
        await shell.ask("//hello")
        head = shell.conversation.head
        assert head is not None
        assert head.parent_id is not None
        assert (await shell.workbench.messages.get(head.parent_id)).text == "/hello"


async def test_a_theme_is_previewed_and_only_kept_when_chosen(start: Start, paths: Paths) -> None:
    async with start() as shell:
        await shell.say("/theme")
        await shell.until(lambda: isinstance(shell.app.screen, Picker), "the themes")
        await shell.type("light")
        await shell.until(lambda: shell.app.theme == "workbench-light", "the preview")
        await shell.pilot.press("escape")
        await shell.until(lambda: shell.app.theme == "workbench-dark", "the theme before")
        assert not paths.settings_file.exists()
        await shell.say("/theme workbench-light")
        await shell.until(paths.settings_file.exists, "the settings file")
        assert shell.app.theme == "workbench-light"
        assert "workbench-light" in paths.settings_file.read_text(encoding="utf-8")


async def test_a_broken_theme_of_ones_own_is_said(start: Start, paths: Paths) -> None:
    folder = paths.data_dir / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('title = "Mine"\n[colors]\naccent = "no colour"\n', encoding="utf-8")
    async with start() as shell:
        await shell.say("/theme mine")
        await shell.until(lambda: shell.notices.banner is not None, "the error")
        assert shell.notices.banner is not None
        assert "mine.toml" in shell.notices.banner.text
        await shell.say("/theme")
        await shell.until(lambda: isinstance(shell.app.screen, Picker), "the themes")
        assert rows_of(shell)["mine"].disabled


async def test_a_model_is_chosen_from_the_list_and_remembered(start: Start, paths: Paths) -> None:
    path = write_random_model(paths.models / "tiny.gguf", megabytes=2)
    (paths.models / "broken.gguf").write_bytes(b"not a model")
    async with start(overrides={"sampling.max_tokens": "20"}) as shell:
        await shell.say("/models choose")
        await shell.until(lambda: isinstance(shell.app.screen, Picker), "the models")
        rows = rows_of(shell)
        assert rows["guide"].strong
        assert rows[str(paths.models / "broken.gguf")].disabled
        await shell.type("tiny")
        await shell.pilot.press("enter")
        await shell.until(lambda: shell.status.model == "tiny", "the other model")
        await shell.until(paths.settings_file.exists, "the settings file")
        assert str(path) in paths.settings_file.read_text(encoding="utf-8")
        assert await shell.ask("hello")
        head = shell.conversation.head
        assert head is not None
        assert head.model == "tiny"


async def test_a_path_can_be_typed_and_a_wrong_one_is_said(start: Start, tmp_path: Path) -> None:
    async with start() as shell:
        await shell.say("/models choose")
        await shell.until(lambda: isinstance(shell.app.screen, Picker), "the models")
        await shell.type(str(tmp_path / "no.gguf"))
        await shell.until(lambda: "Load this file" in shell.text())
        await shell.pilot.press("enter")
        await shell.until(lambda: shell.notices.banner is not None, "the error")
        assert shell.notices.banner is not None
        assert shell.notices.banner.key == "model.not_found"
        assert await shell.ask("hello")


async def test_help_lists_the_keys_of_the_focused_pane(start: Start) -> None:
    async with start(size=(120, 40)) as shell:
        await shell.pilot.press("f1")
        text = shell.text()
        assert "Keys" in text
        assert "Composer" in text
        assert "New line" in text
        assert "ctrl+q" in text
        await shell.pilot.press("f1")
        assert "Keys" not in shell.text()
        await shell.pilot.press("ctrl+s", "f1")
        assert "Rename" in shell.text()
        assert "Composer" not in shell.text()
        await shell.pilot.press("escape")
        assert shell.app.screen is shell.main


async def test_copying_says_what_was_done_and_no_more(start: Start) -> None:
    async with start() as shell:
        await shell.pilot.press("ctrl+y")
        assert "no reply to copy" in shell.text()
        reply = await shell.ask("hello")
        await shell.pilot.press("ctrl+y")
        assert shell.app.clipboard == reply
        assert "Sent the reply to the terminal's clipboard (OSC 52" in shell.text()


async def test_settings_are_shown_with_where_to_change_them(start: Start, paths: Paths) -> None:
    async with start(size=(120, 60)) as shell:
        await shell.say("/settings")
        await shell.until(lambda: "ui.theme" in shell.text(), "the settings")
        assert "/config set KEY VALUE" in shell.text()
        assert paths.config_file.name in "".join(shell.text().split())


async def test_quit_closes_the_profile(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        await shell.say("/quit")
        await shell.until(lambda: shell.app.return_value is not None, "the end")
        assert shell.app.return_value == 0


@pytest.mark.parametrize("size", [(80, 40), (120, 40)])
async def test_answers_of_commands_fit_the_chat(start: Start, size: tuple[int, int]) -> None:
    async with start(size=size) as shell:
        await shell.ask("hello")
        await shell.say("/turns timeline")
        await shell.until(lambda: "turn:finished" in shell.text(), "the picture")
        decode = next(line for line in shell.text().splitlines() if " decode " in line)
        assert decode.split()[-2] in ("ms", "s"), "its bar, how long it took and its tokens stand on one line"
        await shell.say("/events tail --limit 2 core:chat:*")
        await shell.until(lambda: "core:chat:reply_finished" in shell.text(), "the events")
        lines = shell.text().splitlines()
        place = next(place for place, line in enumerate(lines) if "core:chat:reply_finished" in line)
        assert lines[place].rstrip().endswith("…")
        assert "core:chat:step_finished" in lines[place - 1]
        await shell.say("/hooks list")
        await shell.until(lambda: "order  state" in shell.text(), "the hooks")
        lines = shell.text().splitlines()
        place = next(place for place, line in enumerate(lines) if "metrics.measure_turn" in line)
        assert "security.screen_event" in lines[place + 1]
