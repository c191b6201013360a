"""Keeps the hooks of the files in a folder registered: `<profile>/hooks/*.py`.

    async with HookFiles(folder, parts, watch=True) as files: ...

`HostParts` (in parts.py) names what it needs; open it after the bundled plugins, close it before `Hooks`.
A file is a plugin by its stem. It is loaded when it appears, again when it is saved, and its hooks go when it
is deleted. A new version takes the old one's place only when all of it could be loaded. Names that begin with
a dot or an underscore are left alone.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from types import ModuleType
from typing import Final, Self

import msgspec

from workbench.app.hooks.hook import hooks_in
from workbench.app.hooks.printing import Printed
from workbench.app.hooks.threads import HookThreads
from workbench.app.plugin_host.bundled import BUNDLED
from workbench.app.plugin_host.hook_module import (
    Source,
    broken_by,
    drop_module,
    hooks_of,
    load_module,
    plugins_of,
    read_source,
)
from workbench.app.plugin_host.parts import HostParts
from workbench.app.plugin_host.running import (
    Broken,
    Running,
    pass_load_point,
    start_plugins,
    stop_plugins,
    tell_of_broken,
)
from workbench.app.plugin_host.watch import Signature, changes_in, files_in
from workbench.app.tasks import end, to_the_end
from workbench.app.text import storable

IMPORT_SECONDS: Final = 10.0
"""How long a file may take to be imported."""
_PATIENCE_SECONDS: Final = 2.0
_AT_ONCE: Final = 8
# Some editors move the old file away before they write the new one.
_GONE_SECONDS: Final = 0.3
_RESERVED: Final = frozenset({*BUNDLED, "workbench", "core"})


class HookFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of hooks for lists.

    Args:
        path: the file.
        version: a short hash of the content that runs, empty when none does.
        generation: how many versions have run, this one included.
        hooks: the ids of its hooks that run.
        error: why the content that the file has now does not run, empty when it does.
        line: where, 0 when that cannot be said.
    """

    path: Path
    version: str = ""
    generation: int = 0
    hooks: tuple[str, ...] = ()
    error: str = ""
    line: int = 0

    @property
    def problem(self) -> str:
        """Why its present content does not run, as a sentence with file and line; empty when it does."""
        return (
            storable(f"{place_in(self.path, self.line)} is not loaded: {self.error}.") if self.error else ""
        )


class _Known:
    """What is known of one file."""

    __slots__ = ("error", "generation", "line", "module", "running", "signature")

    def __init__(self) -> None:
        self.signature: Signature = ()
        self.generation = 0
        self.running: Running | None = None
        self.module: ModuleType | None = None
        self.error = ""
        self.line = 0


class _Loaded(msgspec.Struct, frozen=True, eq=False):
    """A file whose module has been run; nothing of it is registered yet."""

    source: Source
    module: ModuleType
    printed: str


class HookFiles:
    """Loads the files of a folder and loads them again when they change.

    Args:
        folder: the folder; it need not exist.
        parts: what the hooks are loaded into.
        watch: look for changes as long as it is open.
        import_limit: seconds that a file may take to be imported.
        patience: seconds for which opening waits for files; slower ones are loaded while the program runs.
    """

    def __init__(
        self,
        folder: Path,
        parts: HostParts,
        *,
        watch: bool = True,
        import_limit: float = IMPORT_SECONDS,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self.folder = folder
        self._parts = parts
        self._watch = watch
        self._limit = import_limit
        self._patience = patience
        self._known: dict[Path, _Known] = {}
        self._threads = HookThreads()
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._lock = asyncio.Lock()
        self._opened = asyncio.Event()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._problem = ""

    @property
    def files(self) -> list[HookFile]:
        """The files with what became of them, by name."""
        return [_status(path, known) for path, known in sorted(self._known.items())]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Load the files that are there, and begin to watch; returns after `patience` at the latest."""
        self._task = asyncio.create_task(self._run(), name="hook-files")
        opened = asyncio.create_task(self._opened.wait(), name="hook-files-opened")
        try:
            await asyncio.wait({opened, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(opened)

    async def ready(self) -> None:
        """Wait until every file that was there at the start has been loaded or given up."""
        await self._ready.wait()

    async def close(self) -> None:
        """Take all hooks of the files away and stop their plugins."""
        if self._task is not None:
            await end(self._task)
        for path in list(self._known):
            await self._forget(path)
        self._threads.close()

    async def scan(self) -> None:
        """Load what is new or has changed, and take away the hooks of files that are gone."""
        async with self._lock:
            listed = await self._list()
            if listed is None:
                return
            gone = self._known.keys() - listed.keys()
            if gone:
                await asyncio.sleep(_GONE_SECONDS)
                listed = await self._list() or listed
                for path in sorted(self._known.keys() - listed.keys()):
                    await self._forget(path)
                    facts = {"file": storable(str(path))}
                    await self._parts.bus.emit("core:hook:file_removed", facts, source="hooks")
            changed = {
                path: signature
                for path, signature in listed.items()
                if path not in self._known or self._known[path].signature != signature
            }
            if changed:
                await self._load_all(changed)
                self._threads.close()
            self._opened.set()

    async def _run(self) -> None:
        try:
            await self.scan()
        finally:
            self._opened.set()
            self._ready.set()
        if self._watch:
            async with aclosing(changes_in(self.folder)) as moments:
                async for _ in moments:
                    await self.scan()

    async def _list(self) -> dict[Path, Signature] | None:
        """Return the files by path, None when the folder cannot be looked into."""
        try:
            listed = await asyncio.to_thread(files_in, self.folder)
        except OSError as error:
            problem = f"The folder of hooks {self.folder} cannot be read: {error.strerror or error}."
            if problem != self._problem:
                self._problem = problem
                hint = "The hooks that were loaded go on." if self._known else "No own hooks run."
                await tell_of_broken(self._parts, problem, hint)
            return None
        self._problem = ""
        return listed

    # --- loading ------------------------------------------------------------------------------------------

    async def _load_all(self, changed: dict[Path, Signature]) -> None:
        """Load files at the same time, and let them take effect in the order of their names.

        A slow one holds up the others for `patience` in all, and takes effect when it is ready.
        """
        tasks = {
            path: asyncio.create_task(self._load(path, signature), name=f"hook-file-{path.stem}")
            for path, signature in sorted(changed.items())
        }
        try:
            clock = asyncio.get_running_loop().time
            late = []
            deadline = clock() + self._patience
            for path, task in tasks.items():
                done, _ = await asyncio.wait({task}, timeout=max(0.0, deadline - clock()))
                if done:
                    await to_the_end(asyncio.create_task(self._settle(path, task)))
                else:
                    late.append(path)
            if late:
                self._opened.set()
            for path in late:
                await asyncio.wait({tasks[path]})
                await to_the_end(asyncio.create_task(self._settle(path, tasks[path])))
        finally:
            for path, task in tasks.items():
                await self._end(path, task)

    async def _load(self, path: Path, signature: Signature) -> _Loaded | None:
        """Run a file's module; None when its content runs already.

        Raises:
            Broken: it cannot be loaded, or a hook does not want it.
        """
        async with self._at_once:
            known = self._known.setdefault(path, _Known())
            known.signature = signature
            source = await asyncio.to_thread(read_source, path)
            running = known.running
            if running is not None and running.version == source.version and not known.error:
                return None
            self._check_name(path)
            hooks = self._parts.hooks
            await pass_load_point(hooks, source.name, str(path))
            # Opens what keeps printed text from the screen.
            await hooks.add(())
            with Printed() as printed:
                module = await load_module(source, self._threads, self._limit)
            return _Loaded(source, module, printed.text)

    async def _settle(self, path: Path, task: asyncio.Task[_Loaded | None]) -> None:
        """Let a file that was loaded take effect, or tell why it cannot be."""
        known = self._known[path]
        try:
            loaded = task.result()
            if loaded is None:
                return
            try:
                running = await self._start(loaded)
            except BaseException:
                drop_module(loaded.module)
                raise
        except Broken as error:
            await self._tell_of_failure(path, known, error)
        except Exception as error:
            # What the file holds may fail when it is only looked at: a property, say.
            await self._tell_of_failure(path, known, broken_by(error, path))
        else:
            await self._take_over(path, known, loaded, running)

    async def _start(self, loaded: _Loaded) -> Running:
        source, file = loaded.source, str(loaded.source.path)
        hooks = hooks_of(loaded.module, source)
        plugins = await start_plugins(self._parts, plugins_of(loaded.module), source.name, file=file)
        try:
            for plugin in plugins:
                hooks += hooks_in(plugin, source.name, source.version, file=file)
            ids = [hook.id for hook in hooks]
            twice = next((hook_id for hook_id in ids if ids.count(hook_id) > 1), None)
            if twice is not None:
                raise Broken(f"two of its hooks are called {twice}")
        except BaseException:
            await stop_plugins(self._parts, plugins)
            raise
        return Running(source.name, source.version, tuple(hooks), plugins)

    async def _take_over(self, path: Path, known: _Known, loaded: _Loaded, running: Running) -> None:
        """Put a new version in the place of the old one."""
        old, old_module = known.running, known.module
        known.running, known.module = running, loaded.module
        known.generation += 1
        known.error, known.line = "", 0
        await self._parts.hooks.add(running.hooks)
        if old is not None and old_module is not None:
            await self._parts.hooks.remove(old.ids - running.ids)
            await stop_plugins(self._parts, old.plugins)
            drop_module(old_module)
        facts = {
            "file": str(path),
            "hooks": [hook.id for hook in running.hooks],
            "version": running.version,
            "generation": known.generation,
            "printed": loaded.printed,
        }
        await self._parts.bus.emit("core:hook:file_loaded", facts, source="hooks")
        if not running.hooks and not running.plugins:
            message = f"{path.name} holds no hooks."
            await self._parts.notify(
                "warning", "hook.file_broken", message, "Mark functions with @hook(POINT)."
            )

    async def _forget(self, path: Path) -> None:
        """Take a file's hooks away."""
        known = self._known.pop(path)
        if known.running is not None:
            await self._parts.hooks.remove(known.running.ids)
            await stop_plugins(self._parts, known.running.plugins)
        if known.module is not None:
            drop_module(known.module)

    async def _tell_of_failure(self, path: Path, known: _Known, error: Broken) -> None:
        known.error, known.line = str(error), error.line
        facts = {"file": storable(str(path)), "line": error.line, "message": storable(str(error))}
        await self._parts.bus.emit("core:hook:file_failed", facts, source="hooks")
        kept = known.running is not None
        hint = "The hooks of its last good version go on." if kept else "None of its hooks run."
        await tell_of_broken(self._parts, _status(path, known).problem, hint)

    async def _end(self, path: Path, task: asyncio.Task[_Loaded | None]) -> None:
        """End the loading of a file, and forget its module when it has not taken effect."""
        task.cancel()
        await asyncio.wait({task})
        loaded = None if task.cancelled() or task.exception() else task.result()
        if loaded is not None and self._known[path].module is not loaded.module:
            drop_module(loaded.module)

    def _check_name(self, path: Path) -> None:
        """Refuse a name that another plugin has.

        Raises:
            Broken: it is taken.
        """
        own = {str(known) for known in self._known}
        taken = {hook.plugin for hook in self._parts.hooks.statuses() if hook.file not in own}
        if path.stem in _RESERVED or path.stem in taken:
            raise Broken(f"a plugin is called {path.stem} already; rename the file")


def place_in(path: Path, line: int) -> str:
    """Return a file's name, with the line where there is one."""
    return f"{path.name}:{line}" if line else path.name


def _status(path: Path, known: _Known) -> HookFile:
    running = known.running
    return HookFile(
        path=path,
        version=running.version if running else "",
        generation=known.generation,
        hooks=tuple(hook.id for hook in running.hooks) if running else (),
        error=known.error,
        line=known.line,
    )
