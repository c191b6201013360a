"""A disk that fills up under the running program, and is freed again."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pytest

from workbench.tests.e2e.tui_terminal import Tui

pytestmark = pytest.mark.e2e

# Runs the program in a profile on a small disk of its own; two signals fill that disk and free it.
SMALL_DISK = """
import os, signal, subprocess, sys
profile = sys.argv[sys.argv.index("--data-dir") + 1]
os.makedirs(profile, exist_ok=True)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", profile], check=True)
filler = os.path.join(profile, "filler")
def fill(*_):
    with open(filler, "ab", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
def free(*_):
    os.unlink(filler)
signal.signal(signal.SIGUSR1, fill)
signal.signal(signal.SIGUSR2, free)
from workbench.app.cli import main
code = main()
subprocess.run(["cp", "-r", os.path.join(profile, "."), profile + "-after"], check=True)
sys.exit(code)
"""


def test_a_full_disk_is_said_and_what_was_written_is_stored_when_there_is_space(
    private_mounts: tuple[str, ...], tmp_path: Path
) -> None:
    with Tui(tmp_path, prefix=private_mounts, code=SMALL_DISK) as tui:
        tui.ready()
        tui.say("hello")
        tui.shows("built-in guide")
        tui.kill(signal.SIGUSR1)
        tui.say("what is workbench?")
        tui.shows("Nothing can be stored")
        screen = tui.shows("disk full")
        assert "terminal application" not in screen
        tui.press("typed meanwhile")
        tui.shows("typed meanwhile")
        tui.kill(signal.SIGUSR2)
        tui.shows("terminal application")
        screen = tui.until(lambda screen: "Nothing can be stored" not in screen, "the recovery")
        assert "typed meanwhile" in screen
        tui.press(b"\x15")
        assert tui.quit() == 0
    with sqlite3.connect(tmp_path / "profile-after" / "workbench.db") as connection:
        rows = connection.execute("SELECT role, text FROM messages ORDER BY id").fetchall()
    assert [role for role, _ in rows] == ["user", "assistant", "user", "assistant"]
    assert rows[2][1] == "what is workbench?"


def test_a_disk_that_stays_full_does_not_hold_up_the_end(
    private_mounts: tuple[str, ...], tmp_path: Path
) -> None:
    with Tui(tmp_path, prefix=private_mounts, code=SMALL_DISK) as tui:
        tui.ready()
        tui.kill(signal.SIGUSR1)
        tui.say("hello")
        tui.shows("Nothing can be stored")
        tui.press(b"\x11")
        tui.end()
        assert tui.left_behind() == []
        assert b"Traceback" not in tui.raw()


def test_a_folder_that_cannot_be_written_ends_the_program_with_the_reason(
    private_mounts: tuple[str, ...], tmp_path: Path
) -> None:
    code = (
        "import os, subprocess, sys\n"
        "profile = sys.argv[sys.argv.index('--data-dir') + 1]\n"
        "os.makedirs(profile, exist_ok=True)\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'ro', 'none', profile], check=True)\n"
        "from workbench.app.cli import main\n"
        "sys.exit(main())\n"
    )
    with Tui(tmp_path, prefix=private_mounts, code=code) as tui:
        assert tui.end() == 4
        assert tui.left_behind() == []
        assert b"Traceback" not in tui.raw()
        assert str(tui.profile).encode() in tui.raw().replace(b"\r\n", b"")


def test_a_damaged_database_is_replaced_and_said(tmp_path: Path) -> None:
    with Tui(tmp_path) as tui:
        tui.ready()
        tui.say("hello")
        tui.shows("built-in guide")
        assert tui.quit() == 0
    database = tmp_path / "profile" / "workbench.db"
    database.write_bytes(b"no database at all" * 1000)
    with Tui(tmp_path, size=(120, 40)) as tui:
        screen = tui.shows("was damaged")
        assert "Traceback" not in screen
        tui.ready()
        assert tui.quit() == 0
