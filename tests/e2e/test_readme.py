"""What the README shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.tests.e2e.headless_process import Program

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def only_block(language: str) -> str:
    [block] = [str(text) for name, text in BLOCKS if name == language]
    return block


def the_block(language: str, word: str) -> str:
    [block] = [str(text) for name, text in BLOCKS if name == language and word in str(text)]
    return block


def test_the_hook_does_what_it_says(tmp_path: Path) -> None:
    program = Program(tmp_path)
    (program.profile / "hooks").mkdir(parents=True)
    (program.profile / "hooks" / "polite.py").write_text(the_block("python", "@hook"), encoding="utf-8")
    refused = program.run("-p", "what is workbench?")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Say please." in refused.stderr
    assert "Workbench is" in program.run("-p", "please what is workbench?").stdout


def test_the_library_example_prints_an_answer(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", the_block("python", "asyncio.run")],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Workbench is")


def test_the_example_script_holds(tmp_path: Path) -> None:
    (tmp_path / "script.wb").write_text(only_block(""), encoding="utf-8")
    done = Program(tmp_path).run("--headless", "script.wb")
    assert (done.returncode, done.stderr) == (0, "")
    assert "palette" in done.stdout


def test_the_shown_prompts_are_answered(tmp_path: Path) -> None:
    program = Program(tmp_path)
    assert "hook" in program.run("-p", "what is a hook?").stdout
    piped = program.run("-p", "what changed here?", "--json", text="+ a line\n")
    assert piped.returncode == 0
    assert '"type":"reply_finished"' in piped.stdout


def test_every_link_leads_somewhere() -> None:
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name} links to {target}"
