"""Where a turn's time went, asked by the command line, with the built-in guide."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from workbench.tests.e2e.headless_process import Program

pytestmark = pytest.mark.e2e


def data_of(program: Program, *arguments: str) -> Any:
    done = program.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout)


def test_a_turn_of_the_guide_as_a_waterfall(program: Program) -> None:
    empty = program.run("turns", "timeline")
    assert (empty.returncode, empty.stdout) == (0, "There are no turns yet.\n")
    asked = program.run("--headless", "-", text="what is workbench?\nwhat does ctrl+p do?\n")
    assert asked.returncode == 0, asked.stderr

    first, last = data_of(program, "turns", "list")
    assert first["outcome"] == last["outcome"] == "stop"
    told = data_of(program, "turns", "timeline", first["id"][-12:])
    assert told["turn"] == first["id"]
    rows = {row["label"]: row for row in told["rows"]}
    assert {"turn", "store message", "load", "prompt", "prefill", "decode", "store reply"} <= set(rows)
    assert rows["decode"]["tokens"] == told["reply_tokens"] == first["reply_tokens"]
    for row in told["rows"]:
        assert -1e-6 <= row["start_ms"] <= row["start_ms"] + row["duration_ms"] <= told["total_ms"] + 1e-6
    steps = [rows[name] for name in ("load", "prompt", "prefill", "decode", "store reply")]
    ends = [row["start_ms"] + row["duration_ms"] for row in steps]
    assert ends == sorted(ends)

    drawn = program.run("turns", "timeline", "--width", "80")
    assert drawn.stdout.startswith(last["id"])
    lines = drawn.stdout.splitlines()
    assert any(line.startswith("decode") and "█" in line for line in lines)
    assert max(map(len, lines[3:])) <= 80

    wrong = program.run("turns", "timeline", "nosuch")
    assert wrong.returncode == 2
    assert "turn.not_found" in wrong.stderr
