"""The command line: where options go, what excludes what, and the ends without a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

import workbench
from workbench.app import cli
from workbench.app.cli_options import HeadlessOptions, TuiOptions
from workbench.app.crash import background_failures
from workbench.app.headless import run as headless_run
from workbench.app.headless.lines import ErrorLine, Line, to_json
from workbench.app.paths import DATA_DIR_VARIABLE


@pytest.fixture(autouse=True)
def clean_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the process as it was: its signals, and no profile outside the test's folder."""
    for name in list(os.environ):
        if name.startswith("WORKBENCH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path / "profile"))
    monkeypatch.setenv("TERM", "xterm-256color")
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[HeadlessOptions]:
    """What the run without a screen is asked for, instead of running it."""
    found: list[HeadlessOptions] = []

    def take(options: HeadlessOptions) -> int:
        found.append(options)
        return 0

    monkeypatch.setattr(headless_run, "run_headless", take)
    return found


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_is_input", lambda _descriptor: False)
    monkeypatch.setattr(os, "isatty", lambda _descriptor: True)


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    out, err = capfd.readouterr()
    return code, out, err


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "--version") == (0, f"workbench {workbench.__version__}\n", "")
    assert run(capfd, "--headless", "--version")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data-dir", "D", "--json", "--set", "a=1", "config", "path"],
        ["config", "--data-dir", "D", "--json", "path", "--set", "a=1"],
        ["config", "path", "--json", "--data-dir=D", "--set", "a=1"],
    ],
)
def test_common_options_go_anywhere(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capfd, *arguments)
    assert code == 0
    assert json.loads(out)["data_dir"] == str(tmp_path / "D")


def test_settings_are_collected_in_order(asked: list[HeadlessOptions]) -> None:
    assert cli.main(["--set", "a.b=1", "-p", "x", "--set", "a.b=2=3", "--model", "m.gguf"]) == 0
    assert asked[0].common.overrides == {"a.b": "2=3", "model.name": "m.gguf"}


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        (["-p", "hi"], {"prompt": "hi", "script": None}),
        (["--headless", "a.wb"], {"prompt": None, "script": "a.wb"}),
        (["--headless"], {"script": "-", "stdin_is_implied": False}),
        (["--headless", "-", "--json"], {"script": "-"}),
        (["-p", "hi", "--session", "abcd"], {"session": "abcd"}),
        (["-p", "hi", "--continue"], {"continue_last": True}),
    ],
)
def test_a_run_without_a_screen(
    asked: list[HeadlessOptions], arguments: list[str], fields: dict[str, Any]
) -> None:
    assert cli.main(arguments) == 0
    assert {name: getattr(asked[0], name) for name in fields} == fields


def test_a_pipe_without_options_is_a_script(
    asked: list[HeadlessOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_is_input", lambda _descriptor: True)
    assert cli.main([]) == 0
    assert cli.main(["-p", "hi"]) == 0
    assert (asked[0].script, asked[0].stdin_is_implied) == ("-", True)
    assert asked[1].stdin_is_context


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-p", "a", "--headless", "b"], "exclude each other"),
        (["-p", "a", "--session", "b", "--continue"], "exclude each other"),
        (["-p", "a", "status"], "do not go with a subcommand"),
        (["--continue", "status"], "do not go with a subcommand"),
        (["--set", "novalue", "-p", "x"], "--set needs KEY=VALUE"),
        (["--set", "=1", "-p", "x"], "--set needs KEY=VALUE"),
        (["--nope"], "--nope"),
        (["nope"], "No such command 'nope'"),
        (["sessions", "nope"], "No such command 'nope'"),
        (["sessions", "rename"], "SESSION"),
        (["sessions", "list", "--limit", "x"], "limit cannot be 'x': expected a whole number"),
        (["sessions", "list", "--limit", "0"], "limit cannot be '0'"),
        (["help", "nope"], "no command 'nope'"),
    ],
)
def test_wrong_options_are_told(
    capfd: pytest.CaptureFixture[str], on_terminal: None, arguments: list[str], said: str
) -> None:
    code, out, err = run(capfd, *arguments)
    assert code == 2
    assert said in err
    assert err.startswith("error [")
    assert "hint: " in err
    assert "Traceback" not in err
    assert out == ""


def test_errors_are_json_too_when_that_is_asked_for(
    capfd: pytest.CaptureFixture[str], on_terminal: None
) -> None:
    code, out, err = run(capfd, "--json", "nope")
    line = msgspec.json.decode(out, type=Line)
    assert isinstance(line, ErrorLine)
    assert (line.code, line.exit_code, code) == ("usage.bad_option", 2, 2)
    assert line.message in err


def test_debug_shows_the_traceback(capfd: pytest.CaptureFixture[str], on_terminal: None) -> None:
    assert "Traceback" in run(capfd, "nope", "--debug")[2]


@pytest.mark.parametrize("term", ["dumb", "DUMB", "unknown"])
def test_a_dumb_terminal_is_refused(
    capfd: pytest.CaptureFixture[str], on_terminal: None, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    code, _, err = run(capfd)
    assert code == 2
    assert "error [usage.no_terminal]" in err
    assert "--headless" in err


def test_no_terminal_is_told(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_is_input", lambda _descriptor: False)
    code, _, err = run(capfd)
    assert code == 2
    assert "error [usage.no_terminal]" in err


def test_a_terminal_gets_the_full_screen_program(
    on_terminal: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[TuiOptions] = []

    def start(options: TuiOptions) -> int:
        asked.append(options)
        return 7

    monkeypatch.setitem(sys.modules, "workbench.app.tui", SimpleNamespace(run=start))
    assert cli.main(["--data-dir", str(tmp_path), "--model", "m", "--continue"]) == 7
    assert asked == [TuiOptions(data_dir=tmp_path, overrides={"model.name": "m"}, continue_last=True)]


def test_json_needs_something_to_answer(capfd: pytest.CaptureFixture[str], on_terminal: None) -> None:
    code, _, err = run(capfd, "--json")
    assert (code, "--json needs" in err) == (2, True)


@pytest.mark.parametrize("group", ["sessions", "models", "events", "config", "worker"])
def test_a_group_alone_shows_its_help(capfd: pytest.CaptureFixture[str], group: str) -> None:
    code, out, err = run(capfd, group)
    assert (code, out) == (2, "")
    assert f"Usage: workbench {group}" in err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["help"], ["sessions", "--help"], ["help", "sessions", "rename"]]
)
def test_help(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = run(capfd, *arguments)
    assert (code, err) == (0, "")
    assert out.startswith("Usage: workbench")


def test_every_subcommand_has_a_help_text(capfd: pytest.CaptureFixture[str]) -> None:
    from workbench.app.commands.builtin import builtin_registry

    for command in builtin_registry().all("cli"):
        code, out, _ = run(capfd, *command.name.split(), "--help")
        assert code == 0
        assert command.summary in out
        assert "--data-dir" in out
        assert "--json" in out
        for argument in command.arguments:
            assert argument.usage.strip("[]") in out or f"--{argument.name}" in out


def test_an_unforeseen_failure_writes_a_report(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_options: HeadlessOptions) -> int:
        raise ZeroDivisionError("secret prompt")

    monkeypatch.setattr(headless_run, "run_headless", fail)
    code, out, err = run(capfd, "-p", "x", "--json", "--data-dir", str(tmp_path / "p"))
    assert code == 70
    (report,) = (tmp_path / "p" / "logs").glob("crash-*.txt")
    assert str(report) in err
    assert "Traceback" not in err
    assert "ZeroDivisionError" in report.read_text(encoding="utf-8")
    assert report.stat().st_mode & 0o077 == 0
    assert json.loads(out)["exit_code"] == 70


def test_a_report_goes_elsewhere_when_the_profile_cannot_be_written(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_options: HeadlessOptions) -> int:
        raise ZeroDivisionError

    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(headless_run, "run_headless", fail)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "elsewhere"))
    code, _, err = run(capfd, "-p", "x", "--data-dir", str(tmp_path / "file" / "p"))
    assert code == 70
    assert str(tmp_path / "elsewhere") in err
    assert list((tmp_path / "elsewhere").glob("crash-*.txt"))


async def test_failures_in_the_background_are_reported(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(background_failures(tmp_path))
    try:
        for _ in range(20):
            loop.call_exception_handler({"message": "while closing", "exception": ZeroDivisionError()})
        loop.call_exception_handler({"message": "nothing raised"})
    finally:
        loop.set_exception_handler(None)
    err = capfd.readouterr().err
    reports = list(tmp_path.glob("crash-*.txt"))
    assert len(reports) == len(err.splitlines()) == 5
    assert "Traceback" not in err
    assert "while closing" in reports[0].read_text()


def test_json_text_holds_no_control_characters() -> None:
    text = to_json({"text": "a\x1b\x7f\x9b\n\u2028é"})
    assert json.loads(text) == {"text": "a\x1b\x7f\x9b\n\u2028é"}
    assert not {"\x1b", "\x7f", "\x9b", "\n"} & set(text)
