"""Make `.venv` or bring it up to date, and say in one sentence what is missing when that fails.

`dev/setup.sh` calls it with `run` (what the program needs) or `dev` (that, and what the tests need).
It uses the standard library only. A finished environment is marked with a stamp that holds a hash of
everything it was made from; the stamp is removed before anything is touched and written last, so a
half-made environment is never taken for a good one.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
LOG = CACHE / "setup.log"
VENV_PYTHON = VENV / "bin" / "python"

LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}
MODEL_LIBRARY = "llama-cpp-python"
VERIFY = "import workbench, click, llama_cpp, msgspec, numpy, textual"
DISK_NEEDED_GB = 2.0
TICK_SECONDS = 15
STOP_GRACE_SECONDS = 5


class SetupError(Exception):
    """Something is missing or failed; the message is the one sentence that the user reads."""


def say(text: str) -> None:
    print(f"workbench: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Bring the environment of the kind `arguments[0]` (run or dev) up to date and return an exit code."""
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        say("usage: sh dev/setup.sh run|dev")
        return 2
    kind = arguments[0]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if kind == "dev":
            link_for_type_checker()
        if is_current(kind):
            return 0
        with only_one():
            if not is_current(kind):
                make(kind)
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here.")
        return 130
    except OSError as error:
        say(f"the environment could not be made: {error.strerror or error} ({error.filename or VENV}).")
        return 1
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


# --- what an environment is made of -------------------------------------------------------------------


def fingerprint(kind: str, version: str) -> str:
    """Return a hash of all that decides what the environment holds: locks, settings, Python, place."""
    project = tomllib.loads(read("pyproject.toml"))
    parts = {
        "kind": kind,
        "python": version,
        "place": str(ROOT),
        "lock": read(LOCKS[kind]),
        "script": read("dev/environment.py"),
        "build": [project["build-system"], project["project"], project["tool"]["setuptools"]],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read(name: str) -> str:
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SetupError(f"{name} is missing from {ROOT}; this is not a whole copy of the project.") from None


def stamp(kind: str) -> Path:
    return VENV / f"workbench-{kind}.stamp"


def stamp_matches(kind: str, version: str) -> bool:
    try:
        return stamp(kind).read_text().strip() == fingerprint(kind, version)
    except OSError:
        return False


def is_current(kind: str) -> bool:
    """Say whether the environment holds `kind` as the files now ask for; `dev` holds `run` too."""
    version = venv_version()
    if version is None or not venv_fits(version):
        return False
    return stamp_matches("dev", version) or (kind == "run" and stamp_matches("run", version))


def venv_version() -> str | None:
    """Return the full version of the environment's Python, or None where it does not run."""
    if inside_venv():
        return sys.version
    if not VENV_PYTHON.exists():
        return None
    try:
        answer = subprocess.run(
            [str(VENV_PYTHON), "-I", "-c", "import sys; print(sys.version)"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.rstrip("\n") if answer.returncode == 0 else None


def inside_venv() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def venv_fits(version: str) -> bool:
    """Say whether the environment can stay: its Python is the wanted one, and it was made in this place."""
    if os.environ.get("PYTHON") and version != sys.version:
        return False
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < (3, 11):
        return False
    try:
        # A script names the Python that it belongs to, which is gone after the folder was moved.
        return str(VENV) in (VENV / "bin" / "pip").read_text(errors="replace")[:1000]
    except OSError:
        return False


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Let one setup at a time touch the environment; a second one waits for the first."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another setup is at work on .venv; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- making it ----------------------------------------------------------------------------------------


def make(kind: str) -> None:
    """Build the environment to completion, then stamp it.

    Raises:
        SetupError: something is missing or an installation failed.
    """
    started = time.monotonic()
    for each in LOCKS:
        stamp(each).unlink(missing_ok=True)
    present = venv_version()
    fresh = present is None or not venv_fits(present)
    compiles = fresh or not has_model_library(locked_version(LOCKS[kind], MODEL_LIBRARY))
    if fresh:
        check_venv_part()
    if compiles:
        check_compiler()
        check_disk()
        note_missing_audio()
    if fresh:
        create_venv()
    count = len(re.findall(r"^[A-Za-z0-9]", read(LOCKS[kind]), re.MULTILINE))
    say(f"installing {count} packages of {LOCKS[kind]} into .venv (log: {LOG.relative_to(ROOT)}).")
    if compiles:
        say(f"the model library {MODEL_LIBRARY} is compiled from source: 5 to 8 minutes, this once.")
    pip("install", "--no-deps", "--require-hashes", "-r", LOCKS[kind])
    pip("install", "--no-deps", "--editable", ".")
    verify()
    version = venv_version()
    if version is None:
        raise SetupError("the Python of .venv does not run; remove the folder .venv and try again.")
    stamp(kind).write_text(fingerprint(kind, version) + "\n")
    say(f"the environment is ready ({clock(time.monotonic() - started)}).")


def check_venv_part() -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise SetupError(
            "this Python cannot make environments because its venv part is missing; "
            "install it (Debian, as root: apt install python3-venv) and run the same command again."
        )


def check_compiler() -> None:
    for variable, kind, names in (
        ("CC", "C", ("cc", "gcc", "clang")),
        ("CXX", "C++", ("c++", "g++", "clang++")),
    ):
        wanted = os.environ.get(variable, "").split()[:1] or names
        if not any(shutil.which(name) for name in wanted):
            raise SetupError(
                f"no {kind} compiler was found, and the model library has to be compiled; "
                "install one (Debian, as root: apt install build-essential) and run the same command again."
            )
    if shutil.which("cmake") is None:
        say("note: CMake is not installed, so the build fetches its own from the package index.")


def check_disk() -> None:
    for place in (ROOT, Path(tempfile.gettempdir())):
        free = shutil.disk_usage(place).free / 1e9
        if free < DISK_NEEDED_GB:
            raise SetupError(
                f"{place} has {free:.1f} GB free and the installation needs {DISK_NEEDED_GB:.0f} GB; "
                "make room and run the same command again."
            )


def note_missing_audio() -> None:
    if ctypes.util.find_library("portaudio") is None:
        say("note: PortAudio is not installed, so audio stays off; everything else works.")


def create_venv() -> None:
    """Make an empty .venv with the Python that runs this, in place of whatever stands there."""
    base = base_python()
    say(f"making the environment .venv with Python {sys.version.split()[0]}.")
    answer = subprocess.run(
        [base, "-m", "venv", "--clear", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        CACHE.mkdir(exist_ok=True)
        LOG.write_text(answer.stdout)
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(
            "Python could not make the environment .venv; install its venv part "
            f"(Debian, as root: apt install python3-venv) or read {LOG.relative_to(ROOT)}."
        )


def base_python() -> str:
    """Return a Python outside .venv, because --clear removes the one inside."""
    if not inside_venv():
        return sys.executable
    return str(getattr(sys, "_base_executable", sys.executable))


def locked_version(lock: str, package: str) -> str:
    found = re.search(rf"^{re.escape(package)}==([^\s;\\]+)", read(lock), re.MULTILINE)
    if found is None:
        raise SetupError(f"{lock} does not name {package}; make it again with: make lock")
    return found[1]


def has_model_library(version: str) -> bool:
    folder = f"{MODEL_LIBRARY.replace('-', '_')}-{version}.dist-info"
    return any((VENV / "lib").glob(f"python3*/site-packages/{folder}"))


def link_for_type_checker() -> None:
    """Let `workbench` lead to the root in .cache/types, where mypy looks for it (see pyproject.toml)."""
    link = CACHE / "types" / "workbench"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(Path("..", ".."), target_is_directory=True)


def verify() -> None:
    answer = subprocess.run(
        [str(VENV_PYTHON), "-c", VERIFY],
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if answer.returncode != 0:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SetupError(f"everything is installed, but it does not start: {reason}")


# --- pip ----------------------------------------------------------------------------------------------


def pip(*arguments: str) -> None:
    """Run pip of the environment with its output in the log and a sign of life every few seconds.

    Raises:
        SetupError: pip failed; the message says why in one sentence.
        KeyboardInterrupt: after pip and everything that it started were stopped.
    """
    command = [str(VENV_PYTHON), "-m", "pip", "--no-input", "--disable-pip-version-check"]
    started = time.monotonic()
    with LOG.open("w") as log:
        # A session of its own, so that the compilers that pip starts can be stopped with it.
        child = subprocess.Popen(
            [*command, *arguments, "--progress-bar", "off"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = wait(child, started)
        except BaseException:
            stop(child)
            raise
    if code != 0:
        raise SetupError(why_pip_failed(LOG.read_text(errors="replace")))


def wait(child: subprocess.Popen[bytes], started: float) -> int:
    """Wait for pip, say every few seconds what it is doing, and return its exit code."""
    while True:
        try:
            return child.wait(timeout=TICK_SECONDS)
        except subprocess.TimeoutExpired:
            step = current_step(LOG.read_text(errors="replace"))
            say(f"  {clock(time.monotonic() - started)}  {step}")


def stop(child: subprocess.Popen[bytes]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not leave compilers behind
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=STOP_GRACE_SECONDS)


def current_step(log: str) -> str:
    """Return what pip is doing, in words, from the last telling line of its output."""
    for line in reversed(log.splitlines()):
        found = re.match(r"\s*(Building wheel for|Building editable for|Collecting|Downloading) (\S+)", line)
        if found:
            verb = {"Building wheel for": "compiling", "Building editable for": "linking"}.get(found[1])
            name = re.split(r"[=<>~!;]", found[2].rsplit("/", 1)[-1])[0]
            return f"{verb or found[1].lower()} {name}"
        if line.startswith("Installing collected packages"):
            return "copying packages into .venv"
    return "working"


FAILURES = {
    r"No space left on device|Disk quota exceeded": "the disk is full; make room",
    r"DO NOT MATCH THE HASHES": (
        "a downloaded package is not the one that the lock file names; check the network's proxy"
    ),
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|SSLError": (
        "the package index could not be reached; check the network"
    ),
    r"CMake (?:was unable|is not installed|not found|must be installed)|Could not find CMake": (
        "CMake is missing and could not be fetched; install it (Debian, as root: apt install cmake)"
    ),
    r"Killed signal|std::bad_alloc|out of memory|[Cc]annot allocate memory": (
        "the memory ran out while compiling; close other programs or set CMAKE_BUILD_PARALLEL_LEVEL=1"
    ),
    r"(?:Failed building wheel for|Failed to build.*) llama[-_]cpp[-_]python": (
        "the model library could not be compiled; check that the compiler and CMake are recent "
        "(Debian, as root: apt install build-essential cmake)"
    ),
    r"from versions: none": "the package index could not be reached or is not a whole one; check the network",
    r"No matching distribution found|Could not find a version": (
        "the package index lacks a locked package for this Python and machine; set PYTHON to another one"
    ),
}
"""What pip prints when it fails, and the sentence for it; the first that fits is taken."""


def why_pip_failed(log: str) -> str:
    """Return one sentence that says why pip failed and what to do."""
    for pattern, sentence in FAILURES.items():
        if re.search(pattern, log):
            return f"{sentence}, then run the same command again (log: {LOG.relative_to(ROOT)})."
    return f"the installation failed; {LOG.relative_to(ROOT)} says why."


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
