"""What is installed: the package lists of pyproject.toml, its data files, the locks and the ways in."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import workbench

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("app", "assets", "plugins", "screens", "themes", "widgets")
NOT_DATA = {".py", ".pyc", ".pyi"}


@cache
def pyproject() -> dict[str, Any]:
    """Return pyproject.toml as data."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def files_of_the_package() -> set[str]:
    """Return every file under the code folders, relative to the root, that belongs to the package."""
    found = set()
    for folder in CODE_FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            parts = path.relative_to(ROOT).parts
            if path.is_file() and not {"recipe", "__pycache__"} & set(parts):
                found.add("/".join(parts))
    return found


def packages_on_disk() -> set[str]:
    """Return the dotted name of every folder with an `__init__.py`, the root being `workbench`."""
    folders = {Path(name).parent for name in files_of_the_package() if name.endswith("/__init__.py")}
    return {"workbench"} | {".".join(("workbench", *folder.parts)) for folder in folders}


def declared_data() -> set[str]:
    """Return every file that a pattern of package-data matches, relative to the root."""
    patterns = pyproject()["tool"]["setuptools"]["package-data"]
    assert list(patterns) == ["workbench"]
    return {
        path.relative_to(ROOT).as_posix() for pattern in patterns["workbench"] for path in ROOT.glob(pattern)
    }


def locked(name: str) -> dict[str, list[str]]:
    """Return the lines of each requirement in a lock file, by its normalised name and marker."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            lines = found.setdefault(line.rstrip(" \\"), [])
        elif line.lstrip().startswith("--hash="):
            lines.append(line.strip(" \\"))
    return found


def names(requirements: list[str]) -> set[str]:
    """Return the normalised project names of requirement lines."""
    return {
        re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0]).lower()
        for line in requirements
    }


def test_the_package_list_is_what_is_on_disk() -> None:
    listed = pyproject()["tool"]["setuptools"]["packages"]
    assert listed == sorted(listed)
    assert set(listed) == packages_on_disk()


def test_every_module_lies_in_a_package() -> None:
    modules = {name for name in files_of_the_package() if name.endswith(".py")}
    folders = {name.rsplit("/", 1)[0] for name in modules}
    assert {f"{folder}/__init__.py" for folder in folders} - modules == set()


def test_every_data_file_is_declared() -> None:
    data = {name for name in files_of_the_package() if Path(name).suffix not in NOT_DATA}
    assert data - declared_data() == set()


def test_nothing_of_a_recipe_is_installed() -> None:
    assert [name for name in declared_data() if "/recipe/" in name] == []


def test_the_built_in_model_is_installed() -> None:
    assert "assets/models/guide/guide.gguf" in declared_data()


def test_the_type_marker_is_installed() -> None:
    assert "py.typed" in declared_data()


def test_no_stray_module_lies_in_the_root() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_the_version_has_one_place() -> None:
    assert "version" in pyproject()["project"]["dynamic"]
    assert pyproject()["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "workbench.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", workbench.__version__)


def test_the_console_script_can_be_imported() -> None:
    target = pyproject()["project"]["scripts"]["workbench"]
    module, _, attribute = target.partition(":")
    assert callable(getattr(importlib.import_module(module), attribute))


def test_python_dash_m_is_the_same_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert workbench.__version__ in done.stdout


def test_the_lock_holds_every_dependency() -> None:
    assert names(pyproject()["project"]["dependencies"]) <= names(list(locked("requirements.lock")))


def test_the_development_lock_holds_every_tool_and_the_same_versions() -> None:
    development = locked("requirements-dev.lock")
    assert names(pyproject()["dependency-groups"]["dev"]) <= names(list(development))
    assert set(locked("requirements.lock")) <= set(development)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_requirement_is_exact_and_hashed(lock: str) -> None:
    requirements = locked(lock)
    assert requirements
    assert [line for line in requirements if "==" not in line] == []
    assert [line for line, hashes in requirements.items() if not hashes] == []


def test_every_dependency_has_an_upper_bound() -> None:
    project = pyproject()
    declared = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    assert [line for line in declared if not re.search(r">=[\w.]+,<[\w.]+$", line)] == []
