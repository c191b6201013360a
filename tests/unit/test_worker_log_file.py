"""A worker's log file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from workbench.app.workers.log_file import ROTATE_BYTES, log_tail, open_log, rotate_log


def _append(path: Path, text: str) -> int:
    rotate_log(path)
    log = open_log(path)
    os.write(log.descriptor, text.encode())
    os.close(log.descriptor)
    return log.start


def test_a_log_is_appended_to_and_private(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "llm.log"
    assert _append(path, "one\n") == 0
    assert _append(path, "two\n") == 4
    assert path.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_large_log_is_set_aside_before_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "llm.log"
    path.write_bytes(b"x" * (ROTATE_BYTES + 1))
    assert _append(path, "new\n") == 0
    assert path.read_text() == "new\n"
    assert (tmp_path / "llm.log.1").stat().st_size == ROTATE_BYTES + 1


def test_the_tail_shows_the_last_lines_of_this_run_only(tmp_path: Path) -> None:
    path = tmp_path / "llm.log"
    _append(path, "an older run\n")
    start = _append(path, "".join(f"line {n}\n\n" for n in range(50)))
    assert log_tail(path, start, lines=2) == ["line 48", "line 49"]
    assert "an older run" not in log_tail(path, start, lines=100)
    assert log_tail(tmp_path / "missing.log", 0) == []


def test_the_tail_of_a_huge_log_is_cut_and_never_fails_on_bytes(tmp_path: Path) -> None:
    path = tmp_path / "llm.log"
    path.write_bytes(b"\xff" * 100_000 + b"\nlast\n")
    tail = log_tail(path, 0)
    assert tail[-1] == "last"
    assert sum(map(len, tail)) <= 8 * 1024
