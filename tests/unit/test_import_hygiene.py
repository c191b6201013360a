"""What a start may import: light ways in stay light, and model libraries stay in worker programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MODEL_LIBRARIES = frozenset({"llama_cpp", "numpy", "onnxruntime", "piper", "sounddevice", "vosk"})
SCREEN_LIBRARIES = frozenset({"textual"})
SERVICES = frozenset({"aiosqlite", "click", "platformdirs", "sqlite3"})


def modules_after(statement: str) -> set[str]:
    """Return the names of all modules that a fresh Python holds after running `statement`."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    # Coverage would measure the new Python too, and imports much for it.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("workbench", MODEL_LIBRARIES | SCREEN_LIBRARIES | SERVICES),
        ("workbench.app.cli", MODEL_LIBRARIES | SCREEN_LIBRARIES),
        ("workbench.app.headless", MODEL_LIBRARIES | SCREEN_LIBRARIES),
        ("workbench.app.workbench", MODEL_LIBRARIES | SCREEN_LIBRARIES),
        ("workbench.app.tui", MODEL_LIBRARIES),
        ("workbench.app.workers.program", MODEL_LIBRARIES | SCREEN_LIBRARIES | SERVICES),
        ("workbench.app.workers.llm", SCREEN_LIBRARIES | SERVICES),
    ],
)
def test_importing_a_way_in_leaves_heavy_libraries_out(module: str, unwanted: frozenset[str]) -> None:
    loaded = modules_after(f"import {module}")
    assert module in loaded
    assert sorted(loaded & unwanted) == []


@pytest.mark.parametrize("module", ["workbench.app.cli", "workbench.app.headless"])
def test_a_way_in_without_a_screen_imports_no_screen_of_ours(module: str) -> None:
    loaded = modules_after(f"import {module}")
    ours = {name for name in loaded if name.startswith(("workbench.screens", "workbench.widgets"))}
    assert ours == set()


def test_asking_for_the_version_imports_no_service() -> None:
    statement = (
        "import sys\n"
        "from workbench.app.cli import main\n"
        "try:\n"
        "    main(['--version'])\n"
        "except SystemExit:\n"
        "    pass"
    )
    loaded = modules_after(statement)
    assert sorted(loaded & (MODEL_LIBRARIES | SCREEN_LIBRARIES | {"aiosqlite"})) == []
