"""Every example of docs/hooks.md, as a reader would try them, one after the other in one profile."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.app.config.settings import HookSettings
from workbench.app.errors import CODES
from workbench.app.hooks.breaker import BreakerLimits

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: ([\w.]+))?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def commands_of(block: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that it shows."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def fits(shown: str, real: str) -> bool:
    """Tell whether an output is the one that is shown, where … stands for anything on its line.

    A line that is only … stands for any number of lines, and [N] at the end for the exit code.
    """
    pattern = re.escape(shown).replace("…\\\n", "(?:.*\n)*").replace("…", ".*")
    return re.fullmatch(pattern, real) is not None


def test_the_examples(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "workbench"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m workbench "$@"\n')
    program.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
    environment |= {
        "PATH": f"{program.parent}{os.pathsep}{environment['PATH']}",
        "WORKBENCH_DATA_DIR": str(tmp_path / "profile"),
    }
    folder = tmp_path / "profile" / "hooks"
    folder.mkdir(parents=True)
    tried = 0
    for language, name, block in BLOCKS:
        if language == "python":
            (folder / name).write_text(block, encoding="utf-8")
            continue
        assert language == "console"
        for command, shown in commands_of(block):
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=100,
            )
            code = f"[{done.returncode}]\n" if done.returncode else ""
            assert fits(shown, done.stdout + code), f"{command}\n{done.stdout}{code}"
            tried += 1
    assert tried >= 15


def test_the_figures_are_those_of_the_program() -> None:
    limits, settings = BreakerLimits(), HookSettings()
    assert (settings.failures, settings.share_percent, settings.floor_ms) == (3, 5.0, 50)
    assert settings.cooldown_s == limits.cooldown_s == 5.0
    for code in re.findall(r"`(hook\.\w+)`", TEXT):
        assert code in CODES or code in {"hook.md"}, code
