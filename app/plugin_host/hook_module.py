"""Makes a module of a file of hooks: read with care, run in a thread with a time limit, known to nobody."""

from __future__ import annotations

import hashlib
import inspect
import re
import stat
import sys
from importlib.machinery import ModuleSpec
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Final

import msgspec

from workbench.app.hooks.execute import failure_of
from workbench.app.hooks.hook import Hook, hooks_in
from workbench.app.hooks.points import PLUGIN_LOAD
from workbench.app.hooks.threads import HookThreads
from workbench.app.plugin_host.plugin import Plugin
from workbench.app.plugin_host.running import Broken

MOST_BYTES: Final = 1_000_000
"""Size of the largest file of hooks."""
_VERSION_LENGTH: Final = 8
_NAME: Final = re.compile(r"[^\W\d_][\w-]{0,63}")
# Numbers the modules of this process: a name is never used again while something may still hold the old one.
_serial: Final = count(1)


class Source(msgspec.Struct, frozen=True):
    """A file of hooks as it was read; `version` is a short hash of its content."""

    path: Path
    text: str
    version: str

    @property
    def name(self) -> str:
        """What the file is called as a plugin."""
        return self.path.stem


def read_source(path: Path) -> Source:
    """Read a file of hooks. Blocks.

    Raises:
        Broken: it cannot be read, is no text, is too large, or its name cannot begin the ids of hooks.
    """
    if not _NAME.fullmatch(path.stem):
        raise Broken("its name must begin with a letter and hold only letters, digits, _ and - (64 at most)")
    try:
        facts = path.stat()
        # A pipe would be read for ever.
        if not stat.S_ISREG(facts.st_mode):
            raise Broken("it is not a file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Broken(f"it cannot be read: {error.strerror or error}") from None
    if len(content) > MOST_BYTES:
        raise Broken(f"it is larger than {MOST_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Broken("it is not UTF-8 text", line) from None
    return Source(path, text, hashlib.sha256(content).hexdigest()[:_VERSION_LENGTH])


async def load_module(source: Source, threads: HookThreads, limit: float) -> ModuleType:
    """Run a file of hooks as a module.

    The module stands in `sys.modules` under a name of its own, since dataclasses and others look it up there,
    until `drop_module`. No folder is put on the path and no compiled file is left behind.

    Args:
        source: the file.
        threads: where it runs.
        limit: seconds that it may take.

    Raises:
        Broken: with the line in the file where there is one.
    """
    name = f"_workbench_hook_file_{source.name}_{next(_serial)}"
    module = ModuleType(name)
    module.__file__ = str(source.path)
    module.__spec__ = ModuleSpec(name, None, origin=str(source.path))
    try:
        ran = await threads.run(lambda: _run(source, module), limit)
    except TimeoutError:
        drop_module(module)
        raise Broken(f"it did not come to its end within {limit:g} seconds") from None
    except BaseException:
        drop_module(module)
        raise
    if ran.error is not None:
        drop_module(module)
        raise broken_by(ran.error, source.path)
    return module


def drop_module(module: ModuleType) -> None:
    """Forget a module that `load_module` made."""
    sys.modules.pop(module.__name__, None)


def hooks_of(module: ModuleType, source: Source) -> list[Hook]:
    """Return the hooks that a file defines as functions; those that it imports are others' and left out."""
    file = str(source.path)
    found = hooks_in(module, source.name, source.version, file=file)
    return [hook for hook in found if _is_own(hook.function, module)]


def plugins_of(module: ModuleType) -> list[type[Plugin]]:
    """Return the subclasses of `Plugin` that a file defines, in the order of their definition."""
    found = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Plugin) and thing.__module__ == module.__name__
    ]
    return list(dict.fromkeys(found))


def _is_own(function: object, module: ModuleType) -> bool:
    return not inspect.isfunction(function) or function.__module__ == module.__name__


def _run(source: Source, module: ModuleType) -> None:
    """Compile and run a file. Blocks."""
    code = compile(source.text, str(source.path), "exec", dont_inherit=True)
    sys.modules[module.__name__] = module
    # Running what a person put into the folder of their hooks is what the folder is for.
    exec(code, vars(module))  # noqa: S102


def broken_by(error: BaseException, path: Path) -> Broken:
    """Return what is told of an exception that a file's code raised."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        column = f" at column {error.offset}" if error.offset else ""
        return Broken(f"{type(error).__name__}{column}: {error.msg}", error.lineno or 0)
    nowhere = Hook(id="", point=PLUGIN_LOAD.name, function=lambda _context: None, file=str(path))
    failure = failure_of(error, nowhere)
    own = failure.file == str(path)
    return Broken(failure.message, failure.line if own else 0)
