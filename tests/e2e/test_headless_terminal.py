"""Without a screen, but on a terminal: what is shown there, and what a start imports."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

import pexpect
import pytest
from rich.cells import cell_len

from workbench.tests.e2e.headless_process import PATIENCE_S, Program

pytestmark = pytest.mark.e2e

NASTY = "\x1b]0;owned\x07 \x9b2J \x1b[31mred"


def on_terminal(program: Program, *arguments: str, columns: int = 0) -> str:
    """Return what a terminal of so many columns gets to see of standard output; 0 is one without a size."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "--data-dir", str(program.profile), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
        )
        os.close(theirs)
        shown = b""
        # The system reports the end of a terminal as an error.
        try:
            while piece := terminal.read(65536):
                shown += piece
        except OSError:
            pass
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (0, b"")
    return shown.decode()


def test_what_a_terminal_would_act_on_is_made_visible(program: Program) -> None:
    assert program.run("sessions", "new", "--", NASTY).returncode == 0
    assert program.run("-p", f"hello {NASTY}", "--continue").returncode == 0
    for arguments in (
        ["sessions", "list"],
        ["sessions", "show"],
        ["sessions", "show", "--json"],
        ["sessions", "list", "--json"],
        ["events", "tail", "--json"],
    ):
        shown = on_terminal(program, *arguments)
        assert not {"\x1b", "\x9b", "\x07"} & set(shown), arguments


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_about_events_and_turns_fit_the_terminal(program: Program, columns: int) -> None:
    assert program.run("-p", "größe 日本 what does ctrl+p do? " * 4).returncode == 0
    for arguments in (["events", "tail"], ["events", "query", "core:chat:*"], ["turns", "list"]):
        lines = on_terminal(program, *arguments, columns=columns).splitlines()
        assert max(map(cell_len, lines)) <= columns, arguments
        assert any(line.endswith("…") for line in lines), arguments
    picture = on_terminal(program, "turns", "timeline", columns=columns).splitlines()[3:]
    assert max(map(cell_len, picture)) <= columns
    begins = [line.split()[0] for line in on_terminal(program, "turns", "list", columns=columns).splitlines()]
    assert program.run("turns", "timeline", begins[0]).returncode == 0
    piped = program.run("turns", "list").stdout.splitlines()
    assert len(piped[0]) > 120


def test_a_pipe_gets_the_text_as_it_is(program: Program) -> None:
    assert program.run("-p", f"hello {NASTY}").returncode == 0
    assert NASTY in program.run("sessions", "show").stdout


def test_a_dumb_terminal_is_sent_elsewhere(program: Program) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "workbench", "--data-dir", str(program.profile)],
        env={**os.environ, "TERM": "dumb"},
        timeout=PATIENCE_S,
        encoding="utf-8",
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2
    assert "error [usage.no_terminal] The terminal (dumb)" in (child.before or "")


def test_a_reply_on_a_terminal(program: Program) -> None:
    assert on_terminal(program, "-p", "hello").startswith("Hello!")


@pytest.mark.parametrize("arguments", [["-p", "hello"], ["--version"], ["sessions", "list"]])
def test_a_run_imports_nothing_heavy(program: Program, arguments: list[str]) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "workbench",
            "--data-dir",
            str(program.profile),
            *arguments,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    roots = {name.partition(".")[0] for name in imported}
    assert "workbench" in roots
    assert not {"textual", "rich", "llama_cpp", "numpy", "jinja2"} & roots
    if arguments == ["--version"]:
        assert not {"aiosqlite", "workbench.app.workbench", "workbench.app.commands.builtin"} & imported
