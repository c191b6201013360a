"""The runtime inside a worker program, spoken to over bare pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from workbench.app.workers.program import EXIT_FORCED, STOP_GRACE_S
from workbench.app.workers.stdio import LOG_VARIABLE
from workbench.app.workers.wire import MAX_LINE
from workbench.tests.integration.workers.kit import PROGRAMS


class Pipes:
    """A running program and its two pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin: IO[bytes] = process.stdin
        self.stdout: IO[bytes] = process.stdout

    def send(self, message: dict[str, Any] | bytes) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.stdin.write(line + b"\n")
        self.stdin.flush()

    def read(self) -> dict[str, Any]:
        message = json.loads(self.stdout.readline())
        assert isinstance(message, dict)
        return message


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[Pipes]:
    process = subprocess.Popen(
        [sys.executable, str(PROGRAMS / "worker_tricks.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            **os.environ,
            LOG_VARIABLE: str(tmp_path / "tricks.log"),
            "TRICKS_STOPPED": str(tmp_path / "end"),
        },
    )
    with process:
        try:
            yield Pipes(process)
        finally:
            process.kill()


def test_the_first_line_is_ready(pipes: Pipes) -> None:
    assert pipes.read() == {
        "jsonrpc": "2.0",
        "method": "ready",
        "params": {"protocol": 1, "name": "tricks", "pid": pipes.process.pid},
    }


def test_a_ping_is_answered_while_a_handler_blocks_the_loop(pipes: Pipes) -> None:
    pipes.read()
    pipes.send({"id": 1, "method": "block_loop", "params": {"seconds": 600}})
    pipes.send({"id": 2, "method": "ping"})
    assert pipes.read() == {"jsonrpc": "2.0", "id": 2, "result": {}}


def test_a_program_that_computes_is_ended_soon_after_its_stdin(pipes: Pipes) -> None:
    pipes.read()
    pipes.send({"id": 1, "method": "block_loop", "params": {"seconds": 600}})
    pipes.send({"id": 2, "method": "ping"})
    pipes.read()
    started = time.monotonic()
    pipes.stdin.close()
    assert pipes.process.wait(30) == EXIT_FORCED
    assert time.monotonic() - started >= STOP_GRACE_S * 0.9


@pytest.mark.parametrize("how", ["shutdown", "end of stdin"])
def test_an_ending_cancels_what_is_open_and_then_calls_on_stop(
    pipes: Pipes, tmp_path: Path, how: str
) -> None:
    pipes.read()
    pipes.send({"id": 1, "method": "count", "params": {"n": 2, "pause": 600}})
    if how == "shutdown":
        pipes.send({"id": 2, "method": "shutdown"})
        assert pipes.read() == {"jsonrpc": "2.0", "id": 2, "result": {}}
    else:
        pipes.stdin.close()
    assert pipes.read()["result"] == {"sent": 0, "cancelled": True}
    assert pipes.process.wait(30) == 0
    assert (tmp_path / "end").exists()


def test_lines_that_cannot_be_read_are_answered_and_the_next_is_served(pipes: Pipes) -> None:
    pipes.read()
    for line in (b"{", b"\xff", b'{"id":1}', b"x" * (MAX_LINE + 1)):
        pipes.send(line)
        error = pipes.read()
        assert (error.get("id"), error["error"]["code"]) == (None, -32700)
        assert error["error"]["data"]["code"] == "worker.wire"
    pipes.send({"id": 5, "method": "echo", "params": {"text": "hi"}})
    assert pipes.read()["result"] == {"text": "hi"}


def test_a_number_that_is_in_use_is_refused_and_stray_notifications_ignored(pipes: Pipes) -> None:
    pipes.read()
    pipes.send({"id": 1, "method": "count", "params": {"n": 1, "pause": 600}})
    pipes.send({"id": 1, "method": "echo"})
    assert pipes.read()["error"]["code"] == -32600
    for params in ({}, {"id": 99}, {"id": "1"}, {"id": [1]}):
        pipes.send({"method": "cancel", "params": params})
        pipes.send({"method": "credit", "params": params})
    pipes.send({"method": "credit", "params": {"id": 1, "bytes": "many"}})
    pipes.send({"method": "no_such_notification"})
    pipes.send({"method": "cancel", "params": {"id": 1}})
    assert pipes.read()["result"] == {"sent": 0, "cancelled": True}


def test_without_a_log_the_prints_go_to_stderr() -> None:
    environment = {name: value for name, value in os.environ.items() if name != LOG_VARIABLE}
    lines = b'{"id":1,"method":"print_native","params":{"text":"noise"}}\n'
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / "worker_tricks.py")],
        input=lines,
        capture_output=True,
        env=environment,
        timeout=60,
        check=True,
    )
    assert b"noise" not in done.stdout
    assert done.stderr.count(b"noise") == 4


def test_the_programs_own_children_get_no_end_of_the_wire(pipes: Pipes) -> None:
    pipes.read()
    pipes.send({"id": 1, "method": "spawn_child"})
    child = pipes.read()["result"]["pid"]
    try:
        pipes.stdin.close()
        assert pipes.process.wait(30) == 0
        assert pipes.stdout.read() == b""  # ends, although the child lives on
    finally:
        os.kill(child, 9)
