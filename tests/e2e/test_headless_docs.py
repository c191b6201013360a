"""Every example of docs/headless.md, as a reader would try them, one after the other in one folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from workbench.app import errors
from workbench.app.commands.builtin import builtin_registry
from workbench.app.headless import lines

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "headless.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: ([\w.]+))?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def commands_of(block: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that it shows."""
    found: list[tuple[str, str]] = []
    for line in block.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> "):
            command, output = found[-1]
            found[-1] = (command + line[2:], output)
        else:
            command, output = found[-1]
            found[-1] = (command, output + line)
    return found


def fits(shown: str, real: str) -> bool:
    """Tell whether an output is the one that is shown, where … stands for anything on its line."""
    return re.fullmatch(re.escape(shown).replace("…", ".*"), real) is not None


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
    tried = 0
    for language, name, block in BLOCKS:
        if language == "script":
            (tmp_path / name).write_text(block, encoding="utf-8")
        if language != "console":
            continue
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
            assert fits(shown, done.stdout), f"{command}\n{done.stdout}"
            tried += 1
    assert tried >= 9


def test_the_json_examples_fit_their_types() -> None:
    examples = [line for language, _, block in BLOCKS if language == "json" for line in block.splitlines()]
    assert len(examples) >= 4
    for example in examples:
        msgspec.json.decode(example, type=lines.Line)


def test_every_type_of_line_is_in_the_table() -> None:
    section = TEXT.partition("## JSON lines")[2].partition("```")[0]
    for definition in lines.schema()["$defs"].values():
        fields = definition["properties"]
        if "type" not in fields:
            continue
        (row,) = re.findall(rf"^\| `{fields['type']['enum'][0]}` \|.*$", section, re.MULTILINE)
        for field in fields:
            assert field == "type" or f"`{field}`" in row


def test_every_exit_code_is_in_the_table() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    section = TEXT.partition("## Exit codes")[2]
    for code in codes | {70, 141}:
        assert f"| {code} |" in section


def test_every_command_of_scripts_is_named() -> None:
    section = TEXT.partition("### Commands")[2].partition("## JSON")[0]
    for command in builtin_registry().all("headless"):
        if command.name == "set":
            continue  # a statement of its own
        first, _, rest = command.name.partition(" ")
        assert f"`/{first}" in section, command.name
        assert rest in section, command.name
