"""The commands in docs/event-stream.md run as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from workbench.tests.e2e.headless_process import Program

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "event-stream.md").read_text(encoding="utf-8")


def test_the_shown_commands_run(program: Program) -> None:
    assert program.run("-p", "hello").returncode == 0
    [block] = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line)[1:] for line in block.splitlines()]
    assert len(lines) > 4
    for arguments in lines:
        done = program.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "") or "exported" in done.stderr, (arguments, done)
        assert done.stdout or "export" in arguments, arguments
