"""Runs that end otherwise: signals, closed pipes, bad input, broken models, a profile in use."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from workbench.app.chat.parts import ReplyFinished, TurnStarted
from workbench.app.headless.lines import DoneLine, ErrorLine
from workbench.app.paths import guide_model
from workbench.tests.e2e.headless_process import (
    PATIENCE_S,
    Program,
    children_of,
    end,
    finish,
    lines_of,
    wait_for_text,
)

pytestmark = pytest.mark.e2e


def newest(program: Program) -> dict[str, str]:
    """Return the newest message of the session used last."""
    message: dict[str, str] = json.loads(program.run("sessions", "show", "--json").stdout)["messages"][-1]
    return message


# --- signals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_the_partial_reply(program: Program, endless: str, number: signal.Signals) -> None:
    process = program.start("-p", "hello", "--json", endless)
    wait_for_text(process, 3)
    code, out, err = end(process, number)
    assert code == 130
    assert f"error [interrupted.signal] Stopped by {number.name}." in err
    assert "Traceback" not in err
    lines = lines_of(out)
    finished = [line for line in lines if isinstance(line, ReplyFinished)]
    assert [line.reason for line in finished] == ["cancelled"]
    assert isinstance(lines[-1], DoneLine)
    assert lines[-1].exit_code == 130
    kept = newest(program)
    assert (kept["role"], kept["status"]) == ("assistant", "cancelled")
    assert kept["text"]
    assert (program.profile / "workbench.lock").read_text() == ""


def test_a_stopped_reply_goes_on(program: Program, endless: str) -> None:
    process = program.start("-p", "hello", "--json", endless)
    wait_for_text(process, 3)
    end(process, signal.SIGINT)
    before = newest(program)["text"]
    done = program.run("--headless", "-", "--continue", "--set=sampling.max_tokens=5", text="/continue")
    assert done.returncode == 0
    after = newest(program)
    assert after["text"].startswith(before)
    assert after["status"] == "complete"


def test_a_signal_while_the_input_is_awaited(program: Program) -> None:
    process = program.start("--headless", "-", stdin=subprocess.PIPE)
    assert process.stderr is not None
    assert b"waiting for the end of the input" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    # Standard input stays open all the time.
    assert process.wait(PATIENCE_S) == 130
    finish(process)


def test_a_second_signal_does_not_wait_for_the_worker(program: Program, endless: str) -> None:
    process = program.start("-p", "hello", "--json", endless)
    wait_for_text(process, 3)
    (worker,) = children_of(process.pid)
    os.kill(worker, signal.SIGSTOP)
    began = monotonic()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    code, _, err = finish(process)
    assert code == 130
    assert "Traceback" not in err
    assert monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert newest(program)["status"] in ("cancelled", "interrupted")


def test_a_killed_program_offers_what_is_left(program: Program, endless: str) -> None:
    process = program.start("-p", "hello", "--json", endless)
    wait_for_text(process, 20)
    end(process, signal.SIGKILL)
    done = program.run("--headless", "-", text="/sessions show")
    assert "was cut off" in done.stderr
    assert "(interrupted)" in done.stdout


def test_a_killed_worker_fails_the_turn_and_keeps_the_text(program: Program, endless: str) -> None:
    process = program.start("-p", "hello", "--json", endless)
    wait_for_text(process, 20)
    (worker,) = children_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    code, out, err = finish(process)
    assert code == 3
    assert "error [worker.crashed]" in err
    assert any(isinstance(line, ErrorLine) and line.code == "worker.crashed" for line in lines_of(out))
    kept = newest(program)
    assert kept["status"] == "interrupted"
    assert kept["text"]


# --- pipes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["-p", "hello"], ["-p", "hello", "--json"]])
def test_a_reader_that_has_enough_is_no_trouble(program: Program, endless: str, arguments: list[str]) -> None:
    process = program.start(*arguments, endless)
    assert process.stdout is not None
    assert process.stdout.read(1)
    process.stdout.close()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 141
    assert err == b""
    assert newest(program)["status"] in ("cancelled", "streaming", "complete")


def test_a_listing_into_a_closed_pipe(program: Program) -> None:
    process = program.start("config", "show")
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 141
    assert err == b""


def test_closed_descriptors_do_no_harm(program: Program) -> None:
    command = f"exec {sys.executable} -m workbench -p hello --data-dir {program.profile} >&- 2>&- <&-"
    done = subprocess.run(["sh", "-c", command], check=False, timeout=PATIENCE_S)
    assert done.returncode == 0
    assert newest(program)["status"] == "complete"


# --- bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["-p", "what is this?"], ["--headless", "-"], []])
def test_bytes_that_are_no_text(program: Program, arguments: list[str]) -> None:
    done = program.run(*arguments, text=b"hello \xff\xfe")
    assert done.returncode == 2
    assert "error [usage.bad_input]" in done.stderr
    assert "0xff at offset 6" in done.stderr
    assert "Traceback" not in done.stderr
    assert not program.profile.exists()


def test_controls_in_the_input_are_fine(program: Program) -> None:
    assert program.run("-p", "hello", text=b"\x00\x1b[2J\x07\r\n").returncode == 0
    done = program.run("--headless", "-", text=b"hello\x00\x1b[2J\n")
    assert done.returncode == 0


def test_ten_megabytes_are_too_long_for_the_model(program: Program) -> None:
    began = monotonic()
    done = program.run("-p", "summarise", "--json", text=b"0123456789\n" * 1_000_000)
    assert done.returncode == 3
    assert "error [model.prompt_too_long]" in done.stderr
    assert monotonic() - began < 30
    shown = json.loads(program.run("sessions", "show", "--json").stdout)
    assert len(shown["messages"][0]["text"]) > 10_000_000
    # The session is usable afterwards.
    assert program.run("-p", "hello", "--continue").returncode == 0


def high_water(pid: int) -> int:
    """Return the most megabytes that a process has had resident so far, 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return 0


def test_memory_stays_bounded_with_ten_megabytes(program: Program) -> None:
    process = program.start("-p", "summarise", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"0123456789\n" * 1_000_000)
    process.stdin.close()
    most = 0
    # The high-water mark is read as long as there is one: what `getrusage` tells counts the test's own, too.
    while process.poll() is None:
        most = max(most, high_water(process.pid))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
    process.stderr.close()
    assert process.returncode == 3
    assert 20 < most < 250


def test_too_much_input_is_refused(program: Program) -> None:
    with Path("/dev/zero").open("rb") as zeros:
        process = subprocess.Popen(["head", "-c", "70000000"], stdin=zeros, stdout=subprocess.PIPE)
        assert process.stdout is not None
        piped = program.start("-p", "hello", stdin=process.stdout.fileno())
        process.stdout.close()
        code, _, err = finish(piped)
        process.wait(PATIENCE_S)
    assert code == 2
    assert "longer than 64 MB" in err


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["--set", "model.nam=x"], "settings.unknown_key", 2),
        (["--set", "sampling.temperature=hot"], "settings.bad_value", 2),
        (["--session", "deadbeef"], "session.not_found", 2),
        (["--continue"], "session.not_found", 2),
        (["--model", "missing.gguf"], "model.not_found", 3),
        (["--model", "missing"], "model.not_found", 3),
        (["--data-dir", "/proc/nowhere"], "store.", 4),
        (["--data-dir", "/dev/null/x"], "store.", 4),
        (["--headless", "x"], "usage.bad_option", 2),
        (["-p", " "], "usage.bad_input", 2),
        (["-p", "\udcff"], "usage.bad_input", 2),
        (["--session", "\udcff"], "usage.bad_input", 2),
        (["--model", "\udcff"], "settings.bad_value", 2),
    ],
)
def test_wrong_options(program: Program, arguments: list[str], code: str, exit_code: int) -> None:
    done = program.run("-p", "hello", *arguments)
    assert done.returncode == exit_code
    assert f"error [{code}" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_wrong_settings_in_places(program: Program) -> None:
    program.profile.mkdir()
    (program.profile / "config.toml").write_text("[sampling]\nseed = 'x'\n")
    for arguments in (["-p", "hello"], ["status"], ["config", "show"], ["health"]):
        done = program.run(*arguments)
        assert done.returncode == 2
        assert "config.toml:2" in done.stderr
    assert program.run("config", "path").returncode == 0
    done = program.run("config", "check", WORKBENCH_SAMPLING_SEED="y")
    assert done.returncode == 2
    assert "config.toml:2" in done.stdout
    assert "WORKBENCH_SAMPLING_SEED" in done.stdout


def broken_model(kind: str, folder: Path) -> Path:
    content = guide_model().read_bytes()
    path = folder / f"{kind}.gguf"
    if kind == "truncated":
        content = content[: len(content) // 2]
    elif kind == "garbage":
        content = b"GGUF" + bytes(range(256)) * 100
    elif kind == "text":
        content = b"this is no model"
    elif kind == "empty":
        content = b""
    else:
        content = content.replace(b"tokenizer.chat_template", b"tokenizer.chat_xemplate")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("truncated", {"model.truncated"}),
        ("garbage", {"model.broken", "model.truncated", "model.unsupported"}),
        ("text", {"model.broken"}),
        ("empty", {"model.broken", "model.truncated"}),
        ("no template", {"model.no_template"}),
    ],
)
def test_broken_models(program: Program, kind: str, codes: set[str]) -> None:
    done = program.run("-p", "hello", "--json", "--model", str(broken_model(kind, program.folder)))
    assert done.returncode == 3
    lines = lines_of(done.stdout)
    (error,) = [line for line in lines if isinstance(line, ErrorLine)]
    assert error.code in codes
    assert f"error [{error.code}]" in done.stderr
    assert "Traceback" not in done.stderr
    # The message is kept, and the next one with a sound model is answered.
    assert newest(program)["text"] == "hello"
    assert program.run("-p", "hello", "--continue").returncode == 0


def test_a_broken_model_in_a_script_names_the_line(program: Program) -> None:
    path = broken_model("truncated", program.folder)
    done = program.run("--headless", "-", text=f"hello\n/models use '{path}'\nnever\n")
    assert done.returncode == 3
    assert "error [model.truncated] <stdin>:2: " in done.stderr


# --- a profile in use ---------------------------------------------------------------------------------


def test_a_second_process_reads_but_does_not_write(program: Program, endless: str) -> None:
    assert program.run("-p", "hello").returncode == 0
    (program.folder / "long.wb").write_text("hello\n" * 200)
    holder = program.start("--headless", "long.wb", "--json", endless)
    wait_for_text(holder, 1)
    try:
        for reading in (
            ["sessions", "list"],
            ["sessions", "show"],
            ["events", "query", "core:chat:*"],
            ["events", "tail"],
            ["status"],
            ["config", "show"],
            ["models", "list"],
            ["health"],
        ):
            done = program.run(*reading)
            assert (reading, done.returncode, done.stderr) == (reading, 0, "")
        for writing in (["-p", "hello"], ["sessions", "new", "x"], ["sessions", "delete", "abcdef"]):
            done = program.run(*writing)
            assert (writing, done.returncode) == (writing, 4)
            assert "error [store.busy]" in done.stderr
            assert f"process {holder.pid}" in done.stderr
    finally:
        code, _, _ = end(holder, signal.SIGINT)
    assert code == 130


def test_a_profile_that_cannot_be_written(program: Program, private_mounts: tuple[str, ...]) -> None:
    assert program.run("-p", "hello").returncode == 0
    command = (
        f"mount -t tmpfs -o ro none {program.profile}"
        f" && exec {sys.executable} -m workbench -p hello --data-dir {program.profile}"
    )
    done = subprocess.run(
        [*private_mounts, "sh", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 4
    assert "error [store.read_only]" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_terminal_and_no_script(program: Program) -> None:
    for text in (None, "", "# only a comment\n"):
        done = program.run(text=text)
        assert done.returncode == 2
        assert "error [usage.no_terminal]" in done.stderr


def test_the_turn_is_told_before_the_model_fails(program: Program) -> None:
    done = program.run("-p", "hello", "--json", "--model", "missing")
    kinds = [type(line) for line in lines_of(done.stdout)]
    assert TurnStarted in kinds
    assert kinds[-2:] == [ErrorLine, DoneLine]
