"""The whole program in a terminal: starting, talking, ending, and what it leaves behind."""

from __future__ import annotations

import signal
import termios
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from workbench.tests.e2e.tui_terminal import PATIENCE_S, Tui

pytestmark = pytest.mark.e2e


def test_a_question_is_answered_and_the_terminal_is_given_back(tmp_path: Path) -> None:
    with Tui(tmp_path) as tui:
        tui.shows("Welcome to workbench")
        tui.say("what is workbench?")
        tui.shows("terminal application")
        assert tui.quit() == 0
        assert tui.left_behind() == []
        assert b"Traceback" not in tui.raw()
        flags = termios.tcgetattr(tui.child.child_fd)[3] if not tui.child.closed else tui.before[3]
        assert flags & termios.ECHO
        assert flags & termios.ICANON
    with Tui(tmp_path) as tui:
        tui.shows("terminal application")
        assert tui.quit() == 0


def test_keys_that_come_before_the_program_is_ready_are_not_lost(tmp_path: Path) -> None:
    with Tui(tmp_path) as tui:
        tui.shows("sk something")
        tui.say("what is workbench?")
        tui.shows("terminal application")
        assert tui.quit() == 0


def test_a_line_that_arrives_in_one_piece_is_one_message(tmp_path: Path) -> None:
    with Tui(tmp_path) as tui:
        tui.ready()
        tui.press("what is workbench?\rnot sent")
        tui.shows("terminal application")
        assert "not sent" in tui.screen()
        assert tui.quit() == 0


def test_a_pasted_text_with_line_ends_is_not_sent(tmp_path: Path) -> None:
    with Tui(tmp_path) as tui:
        tui.ready()
        tui.press(b"\x1b[200~first\r\nsecond \x1b]0;title\x07\x1b[201~")
        screen = tui.shows("second")
        assert "first" in screen
        assert "Welcome" in screen
        assert tui.quit() == 0
        assert b"\x1b]0;title" not in tui.raw()


def test_sigterm_ends_it_as_cleanly_as_the_key(tmp_path: Path) -> None:
    with Tui(tmp_path) as tui:
        tui.ready()
        tui.say("hello")
        tui.shows("built-in guide")
        tui.kill(signal.SIGTERM)
        assert tui.end() == 130
        assert tui.left_behind() == []
    with Tui(tmp_path) as tui:
        tui.shows("built-in guide")
        assert tui.quit() == 0


def test_a_terminal_that_goes_away_ends_it_and_loses_nothing(tmp_path: Path) -> None:
    with Tui(tmp_path) as tui:
        tui.ready()
        tui.say("hello")
        tui.shows("built-in guide")
        # As when a connection drops: nobody holds the other end any more.
        tui.child.ptyproc.fileobj.close()  # type: ignore[attr-defined]
        end = monotonic() + PATIENCE_S
        while tui.child.isalive():
            assert monotonic() < end, "the program goes on without a terminal"
            sleep(0.05)
        assert tui.child.exitstatus == 130
    with Tui(tmp_path) as tui:
        tui.shows("built-in guide")
        assert tui.quit() == 0


def test_a_fault_of_the_program_gives_the_terminal_back_and_names_a_report(tmp_path: Path) -> None:
    code = (
        "from workbench.screens.main import MainScreen\n"
        "def broken(self): raise ZeroDivisionError('secret detail')\n"
        "MainScreen.action_copy = broken\n"
        "from workbench.app.cli import main\n"
        "import sys; sys.exit(main())"
    )
    with Tui(tmp_path, code=code) as tui:
        tui.ready()
        tui.press(b"\x19")
        assert tui.end() == 70
        assert tui.left_behind() == []
        raw = tui.raw()
        assert b"Traceback" not in raw
        assert b"secret detail" not in raw
        (report,) = (tui.profile / "logs").glob("crash-*.txt")
        assert report.name.encode() in raw
        assert "secret detail" in report.read_text(encoding="utf-8")


def test_a_second_program_on_the_profile_says_who_has_it(tmp_path: Path) -> None:
    with Tui(tmp_path) as first:
        first.ready()
        with Tui(tmp_path) as second:
            assert second.end() == 4
            assert second.left_behind() == []
            assert str(first.child.pid) in second.raw().decode()
        assert first.quit() == 0


def test_a_wrong_setting_ends_it_before_the_screen_starts(tmp_path: Path) -> None:
    with Tui(tmp_path, "--set", "ui.theme=no-such-theme") as tui:
        assert tui.end() == 2
        assert b"\x1b[?1049h" not in tui.raw()
        assert b"no-such-theme" in tui.raw()


def test_a_dumb_terminal_is_refused(tmp_path: Path) -> None:
    with Tui(tmp_path, environ={"TERM": "dumb"}) as tui:
        assert tui.end() == 2
        assert b"\x1b" not in tui.raw()


def test_no_colour_means_no_colour(tmp_path: Path) -> None:
    with Tui(tmp_path, environ={"NO_COLOR": "1"}) as tui:
        tui.ready()
        tui.say("hello")
        tui.shows("built-in guide")
        assert tui.quit() == 0
        assert b"38;2;" not in tui.raw()
        assert b"48;2;" not in tui.raw()
        assert b"\x1b[33m" not in tui.raw()


def test_a_terminal_of_sixteen_colours_gets_its_own(tmp_path: Path) -> None:
    with Tui(tmp_path, environ={"TERM": "xterm-16color", "COLORTERM": None}) as tui:
        tui.ready()
        assert tui.quit() == 0
        assert b"38;2;" not in tui.raw()
        assert b"38;5;" not in tui.raw()


def test_a_terminal_of_twenty_by_five_works(tmp_path: Path) -> None:
    with Tui(tmp_path, size=(20, 5)) as tui:
        tui.shows("Too small")
        tui.say("hello")
        # The end of the line below the reply; what stands before it scrolls away here.
        tui.shows("first")
        assert tui.quit() == 0
        assert tui.left_behind() == []


def test_no_process_is_left(tmp_path: Path) -> None:
    with Tui(tmp_path) as tui:
        tui.ready()
        children = psutil.Process(tui.child.pid).children(recursive=True)
        assert children
        assert tui.quit() == 0
        gone, alive = psutil.wait_procs(children, timeout=20)
        assert alive == []
        assert len(gone) == len(children)
