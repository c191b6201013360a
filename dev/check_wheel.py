"""Build the source archive and, from it, the wheel; check what is in the wheel; run the program from it.

Prints one line a step, leaves both files in dist/ and exits 1 with a sentence when something is wrong.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
CODE_FOLDERS = ("app", "plugins", "screens", "themes", "widgets")
NEEDED = (
    "workbench/py.typed",
    "workbench/__main__.py",
    "workbench/assets/models/guide/guide.gguf",
    "workbench/assets/models/guide/README.md",
)
MOST_MEGABYTES = 15


def main() -> int:
    """Build, check and try the wheel; return an exit code."""
    wheel = build()
    names = contents(wheel)
    problems = [*strangers(names), *missing(names)]
    size = wheel.stat().st_size / 1e6
    if size > MOST_MEGABYTES:
        problems.append(f"the wheel has {size:.1f} MB, more than {MOST_MEGABYTES} MB")
    if not problems:
        problems = try_out(wheel)
    for problem in problems:
        print(f"wheel: {problem}", file=sys.stderr)
    if not problems:
        print(f"wheel: {wheel.name}, {len(names)} files, {size:.1f} MB, holds the whole package and runs")
    return 1 if problems else 0


def build() -> Path:
    """Build both archives in a copy of nothing but the source archive's files and return the wheel."""
    for old in (DIST, ROOT / "build", ROOT / "workbench.egg-info"):
        shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryFile("w+") as log:
        answer = subprocess.run(
            [sys.executable, "-m", "build", "--outdir", str(DIST), str(ROOT)],
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if answer.returncode != 0:
            log.seek(0)
            sys.exit(f"{log.read()}\nwheel: the build failed")
    (wheel,) = DIST.glob("*.whl")
    return wheel


def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def strangers(names: list[str]) -> list[str]:
    """Return a sentence for every file that does not belong into site-packages."""
    own = re.compile(r"workbench/|workbench-[^/]+\.dist-info/")
    unwanted = re.compile(r"/(recipe|tests|benchmarks|dev|docs|build|\.[^/]+)/|\.pyc$")
    return [
        f"{name} does not belong into it" for name in names if not own.match(name) or unwanted.search(name)
    ]


def missing(names: list[str]) -> list[str]:
    """Return a sentence for every file of the package that the wheel lacks."""
    wanted = set(NEEDED)
    for folder in CODE_FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                wanted.add(f"workbench/{path.relative_to(ROOT).as_posix()}")
    lacking = [f"{name} is not in it" for name in sorted(wanted - set(names))]
    if not any(name.endswith(".dist-info/entry_points.txt") for name in names):
        lacking.append("it has no console script")
    if not any(re.search(r"\.dist-info/(licenses/)?LICENSE$", name) for name in names):
        lacking.append("it has no licence")
    return lacking


def try_out(wheel: Path) -> list[str]:
    """Ask the built-in model for a reply with the program as the wheel holds it."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        # A path entry comes before the editable install, so this is the wheel's code and model.
        environ = {**os.environ, "PYTHONPATH": str(site)}
        where = run(["-c", "import workbench; print(workbench.__file__)"], environ, folder)
        if not where.stdout.startswith(str(site)):
            return [f"its code was not the one that ran: {where.stdout.strip()}"]
        data = str(Path(folder) / "data")
        reply = run(["-m", "workbench", "--data-dir", data, "--json", "-p", "hello"], environ, folder)
        if reply.returncode != 0:
            return [f"the program in it failed with exit code {reply.returncode}: {reply.stderr.strip()}"]
        if not are_json_objects(reply.stdout.splitlines()):
            return [f"the program in it gave no reply: {reply.stdout.strip()[:200]}"]
    return []


def are_json_objects(lines: list[str]) -> bool:
    try:
        return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines)
    except ValueError:
        return False


def run(arguments: list[str], environ: dict[str, str], folder: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


if __name__ == "__main__":
    sys.exit(main())
