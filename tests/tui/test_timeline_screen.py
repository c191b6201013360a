"""The timeline of a turn on the screen: by keys, while it runs, and from the chat with the real guide."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from textual.widgets import Static

from workbench.app.commands.builtin import builtin_registry
from workbench.app.commands.command import context_of
from workbench.app.errors import TurnError
from workbench.app.events.event import Event
from workbench.app.workbench import Workbench
from workbench.benchmarks.random_model import random_model
from workbench.screens.timeline import TimelineScreen, keys_line
from workbench.tests.tui.shell import Start
from workbench.tests.tui.timeline_turn import BEGAN, TURN, publish, turn_of
from workbench.tests.tui.widget_host import Stage, stage
from workbench.widgets.chat_view import ChatView

SECOND, THIRD = "01a1f99d-0000-7000-8000-000000000002", "01a1f99e-0000-7000-8000-000000000003"
SERVICES = ("log", "messages", "sessions")


class Shown:
    """A timeline on a screen."""

    def __init__(self, on: Stage, screen: TimelineScreen, workbench: Workbench) -> None:
        self.on = on
        self.screen = screen
        self.workbench = workbench

    def line(self, word: str) -> str:
        """Return the first line that begins with a word."""
        return next(line.strip() for line in self.on.lines() if line.strip().startswith(word))


@asynccontextmanager
async def showing(
    folder: Path, events: list[Event], turn: str = TURN, size: tuple[int, int] = (100, 40)
) -> AsyncIterator[Shown]:
    """Open a profile with a turn in its log and show it."""
    async with Workbench.open(folder / "profile", services=SERVICES, environ={}) as workbench:
        await publish(workbench, events)
        async with stage(Static(), size) as on:
            screen = TimelineScreen(workbench, turn, lambda: BEGAN + timedelta(milliseconds=500))
            await on.app.push_screen(screen)
            await on.until(lambda: screen.is_mounted and ("turn" in on.text() or not events))
            yield Shown(on, screen, workbench)


# --- what is shown -------------------------------------------------------------------------------------


async def test_every_step_has_its_line(tmp_path: Path) -> None:
    async with showing(tmp_path, turn_of()) as shown:
        assert "608 tokens/s" in shown.line("read 27")
        assert "█" in shown.line("decode")
        assert shown.line("decode").endswith("83")
        assert "━" in shown.line("llm generate")
        assert shown.line("tool files").endswith("22.0 ms")


async def test_it_says_when_the_log_has_nothing(tmp_path: Path) -> None:
    async with showing(tmp_path, []) as shown:
        await shown.on.until(lambda: "no events of this turn" in shown.on.text())
        await shown.on.press("enter", "down", "plus", "n", "c", "m", "end")
        assert "belongs to no session" in shown.on.text() or "Sent the timeline" in shown.on.text()


@pytest.mark.parametrize("size", [(20, 5), (34, 10), (56, 24), (80, 24), (120, 40), (240, 60)])
async def test_it_fits_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    async with showing(tmp_path, turn_of(), size=size) as shown:
        await shown.on.press("end", "enter", "home")
        assert all(len(line) <= size[0] for line in shown.on.lines())


async def test_the_line_below_says_what_the_row_is(tmp_path: Path) -> None:
    async with showing(tmp_path, turn_of()) as shown:
        await shown.on.press("end")
        assert "store reply · 343 ms to 346 ms · took 2.60 ms" in shown.on.text()
        await shown.on.press("up")
        assert "reply progress · at 308 ms · 60 tokens · ×3" in shown.on.text()


async def test_strange_text_is_shown_as_it_is(tmp_path: Path) -> None:
    odd = Event(
        name="acme:odd:thing",
        source="x",
        correlation_id=TURN,
        payload={"duration_ms": 3, "detail": "[red]\x1b[31m 宽字符" * 20},
    )
    async with showing(tmp_path, [*turn_of(), odd]) as shown:
        await shown.on.press("end")
        assert "[red]␛[31m" in shown.on.text()


# --- keys ----------------------------------------------------------------------------------------------


async def test_enter_shows_the_event_and_escape_goes_back_in_steps(tmp_path: Path) -> None:
    async with showing(tmp_path, turn_of()) as shown:
        await shown.on.press("end", "enter")
        await shown.on.until(lambda: '"step": "store"' in shown.on.text())
        await shown.on.press("up", "up", "up")
        await shown.on.until(lambda: '"outcome": "timeout"' in shown.on.text())
        await shown.on.press("escape")
        assert "core:tool:failed" not in shown.on.text()
        assert shown.on.app.screen is shown.screen
        await shown.on.press("escape")
        assert shown.on.app.screen is not shown.screen


async def test_zoom_looks_closer_at_the_row(tmp_path: Path) -> None:
    async with showing(tmp_path, turn_of()) as shown:
        view = shown.screen._view
        view.go_to(next(row.seq for row in view._rows if row.label == "prefill"))
        whole = shown.line("prefill").count("█")
        await shown.on.press("plus", "plus", "plus")
        start, span = view.window
        assert span == pytest.approx(346.2 / 8)
        assert start < 189.6 < 206 < start + span
        assert shown.line("prefill").count("█") > 4 * whole
        assert "200 ms" in shown.on.text()
        await shown.on.press("left")
        assert view.window[0] < start
        await shown.on.press(*["right"] * 40)
        assert sum(view.window) == pytest.approx(346.2)
        await shown.on.press("minus")
        assert view.window[1] == pytest.approx(346.2 / 4)
        await shown.on.press("0")
        assert view.window == pytest.approx((0, 346.2))
        await shown.on.press("minus", *["plus"] * 30)
        assert view.window[1] == pytest.approx(0.02)


async def test_less_can_be_shown(tmp_path: Path) -> None:
    async with showing(tmp_path, turn_of()) as shown:
        view = shown.screen._view
        view.go_to(next(row.seq for row in view._rows if row.label == "decode"))
        await shown.on.press("m")
        assert "reply started" not in shown.on.text()
        assert "llm load" in shown.on.text()
        await shown.on.press("m")
        labels = [row.label for row in view._rows]
        assert labels == ["turn", "load", "prompt", "prefill", "decode", "tool files", "store reply"]
        assert view.row is not None
        assert view.row.label == "decode"
        await shown.on.press("m")
        assert "reply started" in shown.on.text()
        assert view.row.label == "decode"


async def test_a_long_timeline_scrolls_below_its_axis(tmp_path: Path) -> None:
    async with showing(tmp_path, turn_of(), size=(80, 16)) as shown:
        await shown.on.press("end")
        await shown.on.until(lambda: shown.line("store"))
        axis = next(y for y, line in enumerate(shown.on.lines()) if "300 ms" in line)
        assert not any(line.startswith("turn") for line in shown.on.lines())
        await shown.on.press("pageup", "pageup", "pageup")
        assert "300 ms" in shown.on.lines()[axis]
        assert shown.on.lines()[axis + 1].strip().startswith("turn")
        await shown.on.pilot.click(offset=(10, axis + 2))
        assert "message received · at 0 ms" in shown.on.text()
        await shown.on.pilot.click(offset=(10, axis + 2))
        await shown.on.until(lambda: "core:chat:message_received" in shown.on.text())


async def test_next_and_previous_turn(tmp_path: Path) -> None:
    events = [*turn_of(), *turn_of("other", session_id="s2", after_ms=500)]
    events += [*turn_of(SECOND, after_ms=1_000), *turn_of(THIRD, after_ms=2_000)]
    async with showing(tmp_path, events) as shown:
        await shown.on.press("n")
        await shown.on.until(lambda: shown.screen.turn_id == SECOND)
        await shown.on.until(lambda: "14:05:01" in shown.on.text())
        await shown.on.press("n")
        await shown.on.until(lambda: "14:05:02" in shown.on.text() and shown.screen.turn_id == THIRD)
        await shown.on.press("n")
        await shown.on.until(lambda: "the session's last turn" in shown.on.text())
        await shown.on.press("p")
        await shown.on.until(lambda: "14:05:01" in shown.on.text())
        await shown.on.press("p")
        await shown.on.until(lambda: "14:05:00" in shown.on.text())
        await shown.on.press("p")
        await shown.on.until(lambda: "the session's first turn" in shown.on.text())


async def test_it_is_copied_as_text(tmp_path: Path) -> None:
    async with showing(tmp_path, turn_of()) as shown:
        await shown.on.press("c")
        copied = shown.on.app.clipboard
        assert copied.startswith("read 27 · wrote 83")
        assert "decode" in copied
        assert "Sent the timeline" in shown.on.text()


def test_the_keys_that_fit_are_shown() -> None:
    for room in range(160):
        text = keys_line(room).plain
        assert len(text) <= max(room, len("esc back"))
        assert text.endswith("esc back")


# --- while it runs -------------------------------------------------------------------------------------


async def test_what_comes_is_added(tmp_path: Path) -> None:
    events = turn_of()
    async with showing(tmp_path, events[:9]) as shown:
        assert "decode" not in shown.on.text()
        await shown.on.press("end")
        await publish(shown.workbench, [*events[9:], *turn_of("another", after_ms=9_000)])
        await shown.on.until(lambda: "decode" in shown.on.text() and "608 tokens/s" in shown.on.text())
        assert shown.screen._view.row is not None
        assert shown.screen._view.row.label == "prompt built"
        assert shown.on.text().count("message received") == 1


async def test_events_that_the_screen_missed_are_read_from_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.screens.timeline._BUFFER", 2)
    events = turn_of()
    async with showing(tmp_path, events[:3]) as shown:
        await publish(shown.workbench, events[3:])
        await shown.on.until(lambda: "store" in shown.on.text() and "llm load" in shown.on.text())
        assert len(shown.screen._events) == len(events)


# --- the whole program ---------------------------------------------------------------------------------


async def test_a_turn_of_the_guide_has_its_steps(start: Start) -> None:
    async with start((120, 40)) as shell:
        await shell.ask("what is workbench?")
        await shell.ask("what does ctrl+p do?")
        shell.main.query_one(ChatView).focus()
        await shell.pilot.press("t")
        await shell.until(lambda: isinstance(shell.app.screen, TimelineScreen), "the timeline")
        await shell.until(lambda: "what does ctrl+p do?" in shell.text(), "the question")
        screen = shell.app.screen
        assert isinstance(screen, TimelineScreen)
        labels = [row.label for row in screen._view._rows]
        for step in ("turn", "store message", "prompt", "prefill", "decode", "store reply"):
            assert step in labels
        decode = next(row for row in screen._view._rows if row.label == "decode")
        assert decode.tokens
        assert decode.duration_ms > 0
        await shell.pilot.press("p")
        await shell.until(lambda: "what is workbench?" in shell.text(), "the turn before")
        await shell.pilot.press("escape")
        await shell.until(lambda: shell.app.screen is shell.main, "the chat")


async def test_a_turn_that_runs_grows_and_ends(start: Start, endless: dict[str, str]) -> None:
    # Large, so that it still writes when a busy machine has drawn the screens.
    slow = {**endless, "model.name": str(random_model(megabytes=35))}
    async with start((120, 40), slow) as shell:
        await shell.say("go on")
        await shell.writing(40)
        shell.main.query_one(ChatView).focus()
        await shell.pilot.press("t")
        await shell.until(lambda: "so far" in shell.text(), "a running turn")
        screen = shell.app.screen
        assert isinstance(screen, TimelineScreen)
        before = screen._view._timeline.total_ms
        await shell.until(lambda: any(row.running and row.kind == "decode" for row in screen._view._rows))
        await shell.until(lambda: screen._view._timeline.total_ms > before, "more time")
        shell.conversation.stop()
        await shell.until(lambda: "cancelled" in shell.text() and "so far" not in shell.text(), "its end")


async def test_the_palette_opens_it_and_a_wrong_turn_is_said(start: Start) -> None:
    async with start((120, 40)) as shell:
        assert shell.main.commands.registry.get("view timeline").available(
            shell.main.commands.context("palette")
        )
        await shell.ask("hello")
        with pytest.raises(TurnError):
            await shell.main.show_timeline("nosuchturn")
        await shell.say("/view timeline")
        await shell.until(lambda: isinstance(shell.app.screen, TimelineScreen), "the timeline")


async def test_closing_the_program_with_a_timeline_open(start: Start) -> None:
    async with start((100, 30)) as shell:
        await shell.ask("hello")
        await shell.main.show_timeline()
        await shell.until(lambda: "message received" in shell.text())
        shell.app.leave()
        await shell.until(lambda: not shell.app.is_running or shell.app._exit, "the end")


async def test_the_commands_show_the_turns(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path / "profile", environ={}) as workbench:
        session = await workbench.sessions.create()
        registry = builtin_registry()

        async def ask(line: str) -> object:
            return await registry.run(registry.parse(line, "slash"), context_of(workbench, "slash"))

        empty = await registry.run(registry.parse("/turns timeline", "slash"), context_of(workbench, "slash"))
        assert empty.lines == ["There are no turns yet."]
        for question in ("hello", "what is workbench?"):
            _ = [part async for part in workbench.chat.send(session.id, question)]
        listed = await registry.run(registry.parse("/turns list", "slash"), context_of(workbench, "slash"))
        assert [line.rpartition("  ")[2] for line in listed.lines] == ["hello", "what is workbench?"]
        first, last = (turn["id"] for turn in listed.data)
        assert listed.data[0]["reply_tokens"] > 0
        shown = await registry.run(registry.parse("/turns timeline", "slash"), context_of(workbench, "slash"))
        assert shown.data["turn"] == last
        assert {"turn", "decode"} <= {row["label"] for row in shown.data["rows"]}
        assert any("█" in line for line in shown.lines)
        line = f"/turns timeline {first[-10:]} --width 60 --session {session.id}"
        older = await registry.run(registry.parse(line, "slash"), context_of(workbench, "slash"))
        assert older.data["turn"] == first
        assert max(map(len, older.lines[3:])) <= 60
        with pytest.raises(TurnError, match="There is no turn"):
            await ask("/turns timeline nosuch")
        with pytest.raises(TurnError, match="More than one"):
            await ask(f"/turns timeline {first[:4]}")
        completions = await registry.complete(
            "/turns timeline ", len("/turns timeline "), context_of(workbench, "slash")
        )
        assert completions[0].text == last
