"""The hooks screen: states and figures, traces, details, replay, and what its keys do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.widgets import Static

from workbench.app.hooks.hook import Hook
from workbench.app.hooks.results import Modified
from workbench.app.workbench import Workbench
from workbench.screens.help import keys_of
from workbench.screens.hooks import HooksScreen, View, breakpoints_of, keys_line
from workbench.tests.tui.hooks_profile import (
    NOW,
    PLUGINS,
    SERVICES,
    has_read,
    line_runner,
    profile,
    publish,
    traces,
)
from workbench.tests.tui.shell import Start
from workbench.tests.tui.widget_host import Stage, stage
from workbench.widgets.hook_runs import HookRun


class Shown:
    """The hooks screen on a terminal."""

    def __init__(self, on: Stage, screen: HooksScreen, workbench: Workbench) -> None:
        self.on = on
        self.screen = screen
        self.workbench = workbench

    def line(self, word: str) -> str:
        """Return the first line with a word."""
        return next((line for line in self.on.lines() if word in line), "")

    def state(self, hook_id: str) -> str:
        """Return the state of a hook."""
        return next(each.state for each in self.workbench.hooks.statuses() if each.id == hook_id)

    @property
    def row(self) -> Any:
        """The row under the cursor of the traces."""
        return self.screen.traces.list.row


@asynccontextmanager
async def showing(
    folder: Path,
    view: View = "traces",
    size: tuple[int, int] = (120, 40),
    services: Sequence[str] = SERVICES,
) -> AsyncIterator[Shown]:
    """Open the screen over a profile with hooks and traces."""
    async with profile(folder, services=services) as workbench, stage(Static(), size) as on:
        screen = HooksScreen(workbench, line_runner(workbench), view, lambda: NOW)
        await on.app.push_screen(screen)
        await on.until(lambda: screen.is_mounted and has_read(screen))
        yield Shown(on, screen, workbench)


# --- hooks ---------------------------------------------------------------------------------------------


async def test_every_hook_has_a_line_with_its_figures(tmp_path: Path) -> None:
    async with showing(tmp_path, "hooks", (200, 30)) as shown:
        line = shown.line("words.shorten")
        for fact in ("prompt:build", "words@3", "open", "thread", "640", "9", "114 µs", "48.2 ms", "0.12 %"):
            assert fact in line
        assert line.rstrip().endswith("KeyError: 'guide'")
        assert "1 breaker open · 1 off · 6 hooks take 0.97 % of turns" in shown.on.lines()[1]
        assert "disabled" in shown.line("cost.count")


async def test_figures_come_up_to_date_by_themselves(tmp_path: Path) -> None:
    async with showing(tmp_path, "hooks") as shown:
        shown.workbench.hooks._entries["words.gate"].ran(0.25)
        await shown.on.until(lambda: "250 ms" in shown.line("words.gate"))


async def test_hooks_are_sorted_and_filtered(tmp_path: Path) -> None:
    async with showing(tmp_path, "hooks") as shown:
        await shown.on.press("s", "s", "s", "s")
        assert "runs▾" in shown.on.text()
        assert "words.gate" in shown.on.lines()[9]
        await shown.on.press("S")
        assert "runs▴" in shown.on.text()
        assert "words.gate" in shown.on.lines()[4]
        await shown.on.press("slash", *"words open")
        assert "words.shorten" in shown.on.text()
        assert "words.gate" not in shown.on.text()
        await shown.on.press("enter")
        assert "1 of 6" in shown.line("words open")
        await shown.on.press("escape")
        assert "words.gate" in shown.on.text()


async def test_details_show_the_traceback_of_the_last_error(tmp_path: Path) -> None:
    async with showing(tmp_path, "hooks", (120, 60)) as shown:
        shown.screen.table.list.go_to("words.shorten")
        await shown.on.press("enter")
        await shown.on.until(lambda: "return limits[context.value.model]" in shown.on.text())
        assert "hooks/words.py:12" in shown.on.text()
        await shown.on.press("z", *["shift+down"] * 6)
        assert "recent runs" in shown.on.text()
        await shown.on.press("escape")
        assert not shown.screen.table.detail.is_open
        assert shown.on.app.screen is shown.screen
        await shown.on.press("escape")
        assert shown.on.app.screen is not shown.screen


async def test_keys_do_what_the_commands_do(tmp_path: Path) -> None:
    async with showing(tmp_path, "hooks", services=PLUGINS) as shown:
        shown.screen.table.list.go_to("rate_limit.allow")
        await shown.on.press("space")
        await shown.on.until(lambda: shown.state("rate_limit.allow") == "disabled")
        assert "rate_limit.allow" in shown.workbench.settings.hooks.disabled
        await shown.on.press("space")
        await shown.on.until(lambda: shown.state("rate_limit.allow") == "enabled")
        await shown.on.press("plus", "plus", "plus", "minus")
        await shown.on.until(lambda: "rate_limit.allow=22" in shown.workbench.settings.hooks.priorities)
        shown.screen.table.list.go_to("words.shorten")
        await shown.on.press("r")
        await shown.on.until(lambda: shown.state("words.shorten") == "enabled")


async def test_a_breakpoint_is_set_and_cleared_on_a_row(tmp_path: Path) -> None:
    async with showing(tmp_path, "hooks", services=PLUGINS) as shown:
        breakpoints = breakpoints_of(shown.workbench)
        assert breakpoints is not None
        shown.screen.table.list.go_to("words.shorten")
        await shown.on.press("b")
        await shown.on.until(lambda: [stop.point for stop in breakpoints.list()] == ["prompt:build"])
        await shown.on.until(lambda: "◆ prompt:build" in shown.line("words.shorten"))
        await shown.on.press("b")
        await shown.on.until(lambda: not breakpoints.list())


async def test_t_shows_a_hooks_traces(tmp_path: Path) -> None:
    async with showing(tmp_path, "hooks") as shown:
        shown.screen.table.list.go_to("caching.look")
        await shown.on.press("t")
        assert "hook caching.look" in shown.on.text()
        assert len(shown.screen.traces.list.rows) == 2
        await shown.on.press("escape", "1")
        assert shown.screen.view == "hooks"


# --- traces --------------------------------------------------------------------------------------------


async def test_every_run_has_a_line(tmp_path: Path) -> None:
    async with showing(tmp_path, size=(160, 40)) as shown:
        line = shown.line("modified")
        for fact in (
            "± 14:05:00.000",
            "message:received",
            "security.mask_secrets",
            "━",
            "310 µs",
            "sk-12345",
        ):
            assert fact in line
        assert "security@1.0.0" in line
        assert "✗" in shown.line("48.2 ms")
        assert "⊘" in shown.line("words.gate")


async def test_what_comes_is_followed_until_the_reader_goes_elsewhere(tmp_path: Path) -> None:
    async with showing(tmp_path, size=(100, 14)) as shown:
        new = [msgspec.structs.replace(event, id=f"n{number}") for number, event in enumerate(traces() * 3)]
        await publish(shown.workbench, new)
        await shown.on.until(lambda: len(shown.screen.traces.list.rows) == 44)
        assert shown.screen.traces.list.following
        await shown.on.press("up", "pageup", "pageup")
        before = [line[:80].rstrip() for line in shown.on.lines() if "14:05" in line]
        later = [msgspec.structs.replace(event, id=f"l{number}") for number, event in enumerate(traces())]
        await publish(shown.workbench, later)
        await shown.on.until(lambda: "11 new ↓" in shown.on.text())
        seen = [line[:80].rstrip() for line in shown.on.lines() if "14:05" in line]
        assert seen[: len(before) - 1] == before[:-1]
        await shown.on.press("end")
        assert shown.screen.traces.list.following
        assert "new ↓" not in shown.on.text()


async def test_grouping_and_filtering_bring_nothing_new(tmp_path: Path) -> None:
    async with showing(tmp_path, size=(100, 14)) as shown:
        new = [msgspec.structs.replace(event, id=f"n{number}") for number, event in enumerate(traces() * 3)]
        # The newest run belongs to no turn, as an older one does: grouped, it stands above this turn.
        new = [msgspec.structs.replace(each, correlation_id=each.correlation_id and "third") for each in new]
        await publish(shown.workbench, new)
        await shown.on.until(lambda: len(shown.screen.traces.list.rows) == 44)
        await shown.on.press("up", "up")
        for keys in (("t",), ("t",), ("p",), ("p",), ("h",), ("h",), ("t", "left")):
            await shown.on.press(*keys)
            assert "new ↓" not in shown.on.text(), keys
        later = [msgspec.structs.replace(event, id=f"l{number}") for number, event in enumerate(traces())]
        later = [msgspec.structs.replace(each, correlation_id="fourth") for each in later]
        await publish(shown.workbench, later)
        await shown.on.until(lambda: "new ↓" in shown.on.text())


async def test_the_keys_are_called_as_people_call_them(tmp_path: Path) -> None:
    async with showing(tmp_path, size=(100, 30)) as shown:
        groups = {group.title: dict(group.keys) for group in keys_of(shown.on.app.focused)}
        assert list(groups) == ["List", "Traces"]
        assert groups["Traces"]["space"] == "Pause, or follow again"
        await shown.on.press("tab")
        groups = {group.title: dict(group.keys) for group in keys_of(shown.on.app.focused)}
        assert list(groups) == ["List", "Hooks"]
        assert groups["Hooks"]["+, ="] == "Later among the hooks of its point"
        assert groups["Hooks"]["-"] == "Earlier"


async def test_older_traces_come_when_the_reader_goes_up(tmp_path: Path) -> None:
    async with profile(tmp_path) as workbench:
        many = [msgspec.structs.replace(each, id=f"m{n}") for n, each in enumerate(traces() * 70)]
        await publish(workbench, many)
        async with stage(Static(), (100, 20)) as on:
            screen = HooksScreen(workbench, line_runner(workbench), "traces", lambda: NOW)
            await on.app.push_screen(screen)
            rows = screen.traces.list
            await on.until(lambda: len(rows.rows) > 100)
            first = rows.rows[0].key
            await on.press("home")
            await on.until(lambda: len(rows.rows) > 700)
            assert rows.row is not None and rows.row.key == first
            await on.press("home")
            await on.until(lambda: len(rows.rows) == 71 * 11)
            keys = [row.key for row in rows.rows]
            assert keys == sorted(set(keys))


async def test_turns_group_their_points_and_hooks(tmp_path: Path) -> None:
    async with showing(tmp_path) as shown:
        await shown.on.press("t")
        assert "12.0 % of the turn · 5 runs" in shown.line("turn 16f48235")
        assert "outside of turns" in shown.on.text()
        await shown.on.press("home", "enter")
        assert "▸" in shown.line("turn 16f48235")
        assert "KeyError" not in shown.on.text()
        await shown.on.press("right", "down", "left")
        assert shown.row.folded
        assert "security.mask_secrets" in shown.line("52.0 µs")
        await shown.on.press("left", "left", "t")
        assert isinstance(shown.row, HookRun)


async def test_filters_by_text_point_and_hook(tmp_path: Path) -> None:
    async with showing(tmp_path) as shown:
        rows = shown.screen.traces.list
        await shown.on.press("home", "p")
        assert {row.point for row in rows.rows} == {"message:received"}
        await shown.on.press("h")
        assert len(rows.rows) == 2
        await shown.on.press("p", "h")
        assert len(rows.rows) == 11
        await shown.on.press("slash", *"cancel", "enter")
        assert [row.hook for row in rows.rows] == ["words.gate"]
        assert "1 found" in shown.line("/ cancel")
        await shown.on.press("slash", *" nothing", "enter")
        assert "No trace fits." in shown.on.text()
        await shown.on.press("escape")
        assert len(rows.rows) == 11


async def test_details_show_the_change_the_error_and_what_was_got(tmp_path: Path) -> None:
    async with showing(tmp_path, size=(120, 60)) as shown:
        await shown.on.press("home", "enter")
        await shown.on.until(lambda: "− My key is sk-12345, please keep it." in shown.on.text())
        assert "+ My key is [hidden], please keep it." in shown.on.text()
        assert '"message_id": ""' in shown.on.text()
        await shown.on.press("down", "down")
        await shown.on.until(lambda: "hooks/words.py:12" in shown.on.text())
        assert "looking for guide" in shown.on.text()
        assert "× open" in shown.on.text()
        assert "Traceback" not in shown.on.text()
        await shown.on.press("x")
        await shown.on.until(lambda: "Traceback" in shown.on.text())
        await shown.on.press("end", "up")
        await shown.on.until(lambda: "Not today." in shown.line('"reason"'))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_trace_is_replayed_through_the_present_code(tmp_path: Path, size: tuple[int, int]) -> None:
    async with showing(tmp_path, size=size) as shown:
        await shown.on.press("home", "r")
        await shown.on.until(lambda: "= the same answer" in shown.on.text())
        await shown.on.press("z")
        other = Hook(
            id="security.mask_secrets",
            point="message:received",
            function=lambda _context: Modified({"text": "secret"}),
            plugin="security",
            version="2.0.0",
        )
        await shown.workbench.hooks.add([other])
        await shown.on.press("r")
        await shown.on.until(lambda: "≠ differs in changes.text" in shown.on.text())
        assert "version 1.0.0 → 2.0.0" in shown.on.text()
        assert any("≠" in line and "secret" in line for line in shown.on.lines())
        beside = any(line.split() == ["then", "now"] for line in shown.on.lines())
        assert beside == (size[0] == 120)
        await shown.on.press("c")
        await shown.on.until(lambda: shown.on.app.clipboard)
        assert msgspec.json.decode(shown.on.app.clipboard)["differences"] == ["changes.text"]


async def test_what_cannot_be_replayed_says_why(tmp_path: Path) -> None:
    async with showing(tmp_path) as shown:
        await shown.workbench.hooks.remove(["words.gate"])
        await shown.on.press("end", "up", "r")
        await shown.on.until(lambda: "words.gate is not registered now" in shown.on.text())
        await shown.on.press("enter")
        await shown.on.until(lambda: "not registered any more" in shown.on.text())


async def test_a_run_is_copied_as_json_and_its_hook_switched_off(tmp_path: Path) -> None:
    async with showing(tmp_path, services=PLUGINS) as shown:
        shown.screen.traces.filter_by("sk-12345")
        await shown.on.press("home", "c")
        await shown.on.until(lambda: shown.on.app.clipboard)
        told = msgspec.json.decode(shown.on.app.clipboard)
        assert (told["hook"], told["result"]) == ("security.mask_secrets", "modified")
        assert told["context"]["text"].startswith("My key is sk-12345")
        await shown.on.press("e")
        await shown.on.until(lambda: shown.state("security.mask_secrets") == "disabled")


# --- around it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(20, 6), (40, 12), (64, 20), (80, 24), (120, 40), (240, 60)])
async def test_it_fits_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    async with showing(tmp_path, size=size) as shown:
        for keys in (("up", "enter"), ("z", "escape", "t"), ("tab", "enter"), ("slash", "x")):
            await shown.on.press(*keys)
            assert all(len(line) <= size[0] for line in shown.on.lines())


async def test_strange_texts_are_shown_as_they_are(tmp_path: Path) -> None:
    async with showing(tmp_path) as shown:
        odd = msgspec.structs.replace(
            traces()[0],
            id="odd",
            payload={
                "point": "[red]x",
                "runs": [{"hook": "\x1b[31m[b]宽", "error": {"message": "\x1b]0;x\x07"}}],
            },
        )
        await publish(shown.workbench, [odd])
        await shown.on.until(lambda: "[red]x" in shown.on.text())
        assert "␛[31m[b]宽" in shown.on.text()
        await shown.on.press("up", "enter")
        await shown.on.until(lambda: shown.screen.traces.detail.is_open)
        assert "\x1b" not in shown.on.text()


async def test_a_thousand_runs_a_moment_are_taken_and_none_is_lost(tmp_path: Path) -> None:
    async with showing(tmp_path) as shown:
        event = traces()[0]
        burst = [
            msgspec.structs.replace(event, id=f"b{number}", time=event.time + timedelta(seconds=number))
            for number in range(1_000)
        ]
        await publish(shown.workbench, burst)
        await shown.on.until(lambda: len(shown.screen.traces.list.rows) == 2_011)
        assert shown.screen.traces.list.following


def test_the_keys_that_fit_are_shown() -> None:
    keys = (("enter", "details"), ("r", "replay"))
    for room in range(8, 60):
        line = keys_line(keys, room)
        assert line.cell_length <= room
        assert line.plain.endswith("esc back")


async def test_it_opens_over_the_chat_and_shows_what_a_turn_did(start: Start) -> None:
    async with start(size=(120, 40)) as shell:
        await shell.ask("hello")
        await shell.pilot.press("ctrl+t")
        await shell.until(lambda: isinstance(shell.app.screen, HooksScreen), "the hooks")
        screen = shell.app.screen
        assert isinstance(screen, HooksScreen)
        await shell.until(lambda: "security" in shell.text(), "the bundled hooks")
        await shell.pilot.press("2", "t")
        await shell.until(lambda: "of the turn" in shell.text(), "the turn")
        await shell.pilot.press("ctrl+t")
        await shell.until(lambda: shell.app.screen is shell.main, "the chat")
        await shell.main.commands.run("/view hooks traces", "palette")
        await shell.until(lambda: "took" in shell.text(), "the traces")


async def test_what_a_reader_looks_at_stays_also_when_no_more_runs_fit(tmp_path: Path) -> None:
    async with showing(tmp_path, size=(100, 12)) as shown:
        feed, rows = shown.screen.traces._feed, shown.screen.traces.list
        assert feed is not None
        feed.log._most = 22
        new = [msgspec.structs.replace(event, id=f"n{number}") for number, event in enumerate(traces())]
        await publish(shown.workbench, new)
        await shown.on.until(lambda: len(rows.rows) == 22)
        await shown.on.press("home")
        before = [row.key for row in rows.rows]
        more = [msgspec.structs.replace(event, id=f"m{number}") for number, event in enumerate(traces() * 2)]
        await publish(shown.workbench, more)
        await shown.on.until(lambda: feed.behind == 18)
        assert [row.key for row in rows.rows] == before
        assert "18 new ↓" in shown.on.text()
        await shown.on.press("end")
        await shown.on.until(lambda: rows.rows[-1].key > before[-1])
        assert feed.behind == 0
        assert len(rows.rows) <= 22
