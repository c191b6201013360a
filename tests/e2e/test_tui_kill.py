"""kill -9 in the middle of a reply: of the program, twenty times, and of the model's process."""

from __future__ import annotations

import random
import re
import sqlite3
from pathlib import Path

import psutil
import pytest

from workbench.tests.e2e.tui_terminal import Tui, letters

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROUNDS = 20
# What was on the screen so long before the kill must be in the database.
MOST_LOST_S = 0.25
TAIL = 30
# Too narrow for the list of sessions: only the reply is in the upper part of the screen.
SIZE = (96, 30)


def stored(profile: Path) -> list[tuple[str, str, str]]:
    """Return role, status and text of every message, oldest first."""
    with sqlite3.connect(f"file:{profile / 'workbench.db'}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT role, status, text FROM messages ORDER BY id").fetchall()


def reply_on(screen: str) -> str:
    """Return the letters of the last lines of the reply that a screen shows."""
    around = re.compile("[▌›●]|random-v|▎")
    lines = [line for line in screen.splitlines() if line.startswith("    ") and not around.search(line)]
    return letters("".join(lines))[-TAIL:]


@pytest.mark.timeout(600)
def test_twenty_kills_while_a_reply_streams_lose_a_quarter_of_a_second_at_most(
    tmp_path: Path, endless: str
) -> None:
    chance = random.Random(20)
    compared, reply = 0, ""
    for round_number in range(ROUNDS):
        question = f"question number {round_number}"
        with Tui(tmp_path, endless, "--set=sampling.max_tokens=7000", size=SIZE) as tui:
            tui.ready()
            if round_number:
                screen = tui.shows("cut off")
                assert "ctrl+r" in screen
            tui.press(b"\x0e")  # a new session, so that each reply has the whole context
            tui.until(lambda screen: "cut off" not in screen, "the new session")
            before = stored(tui.profile)
            tui.say(question)
            tui.shows("Writing")
            moment = tui.written[-1][0] + chance.uniform(0.0, 1.5)
            while tui.written[-1][0] < moment:
                tui.read(0.05)
            killed = tui.kill()
            tui.end()
        after = stored(tui.profile)
        assert after[: len(before)] == before
        assert after[len(before)] == ("user", "complete", question)
        (_, status, reply) = after[-1]
        assert status == "streaming"
        seen = reply_on(tui.screen_at(killed - MOST_LOST_S))
        if len(seen) == TAIL:
            compared += 1
            assert seen in letters(reply), f"round {round_number}"
    assert compared >= ROUNDS // 3
    with Tui(tmp_path, endless, "--set=sampling.max_tokens=7000") as tui:
        tui.shows("cut off")
        tui.ready()
        tui.press(b"\x12")
        tui.shows("Writing")
        tui.press(b"\x1b")
        tui.until(lambda screen: "esc stop" not in screen, "the end of the resumed reply")
        assert tui.quit() == 0
    resumed = stored(tui.profile)[-1]
    assert resumed[1] == "cancelled"
    assert resumed[2].startswith(reply)


def test_a_killed_model_process_costs_the_rest_of_the_reply_only(tmp_path: Path, endless: str) -> None:
    with Tui(tmp_path, endless) as tui:
        tui.ready()
        tui.say("hello")
        tui.shows("Writing")
        (worker,) = [
            child
            for child in psutil.Process(tui.child.pid).children(recursive=True)
            if "workbench.app.workers.llm" in " ".join(child.cmdline())
        ]
        worker.kill()
        screen = tui.until(lambda screen: "cut off" in screen and "esc stop" not in screen, "the loss")
        assert "Traceback" not in screen
        tui.say("and now?")
        tui.shows("Writing")
        tui.press(b"\x1b")
        tui.until(lambda screen: "esc stop" not in screen, "the end of the second reply")
        assert tui.quit() == 0
    roles = [(role, status) for role, status, _ in stored(tui.profile)]
    assert roles == [
        ("user", "complete"),
        ("assistant", "interrupted"),
        ("user", "complete"),
        ("assistant", "cancelled"),
    ]
