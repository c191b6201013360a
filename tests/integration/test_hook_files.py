"""Files of hooks: loaded, loaded again when they are saved, and what happens to those that cannot be."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workbench.app.config.settings import Settings
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.events.subscription import Subscription
from workbench.app.hooks.breakpoints import Breakpoints
from workbench.app.hooks.hook import hook, hooks_in
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.points import MESSAGE_RECEIVED
from workbench.app.hooks.results import Cancel
from workbench.app.hooks.values import MessageText
from workbench.app.paths import Paths
from workbench.app.plugin_host.hook_files import HookFiles
from workbench.app.plugin_host.hook_module import MOST_BYTES
from workbench.app.plugin_host.parts import HostParts
from workbench.app.plugin_host.plugin import PluginHost, PluginParts
from workbench.app.plugin_host.watch import MOST_FILES

SOON_S = 20.0
SHOUT = """
from workbench.plugins import hook

@hook("message:received")
def shout(context):
    return context.change(text=context.value.text.{how}())
"""


class Place:
    """A folder of hooks, what they are loaded into, and what was told."""

    def __init__(self, folder: Path, hooks: Hooks, parts: HostParts, told: Subscription) -> None:
        self.folder = folder
        self.hooks = hooks
        self.parts = parts
        self.notices: list[tuple[str, str, str, str]] = []
        self._told = told
        self.events: list[Event] = []

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file as careful editors do: under another name first."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / name
        other = self.folder / f".{name}.tmp"
        other.write_bytes(text if isinstance(text, bytes) else text.encode())
        other.replace(path)
        return path

    async def said(self, text: str) -> str:
        outcome = await self.hooks.run(MESSAGE_RECEIVED, MessageText(text=text))
        return outcome.value.text

    def files(self, **options: Any) -> HookFiles:
        return HookFiles(self.folder, self.parts, **{"watch": False, **options})

    async def happened(self, name: str) -> Event:
        """Return the next event of a name."""
        async with asyncio.timeout(SOON_S):
            while True:
                event = await anext(self._told)
                self.events.append(event)
                if event.name == name:
                    return event

    def ids(self) -> list[str]:
        return sorted(status.id for status in self.hooks.statuses())


@pytest.fixture
async def place(tmp_path: Path, paths: Paths, bus: EventBus) -> AsyncIterator[Place]:
    async with a_place(tmp_path, paths, bus) as made:
        yield made


@asynccontextmanager
async def a_place(tmp_path: Path, paths: Paths, bus: EventBus) -> AsyncIterator[Place]:
    hooks = Hooks(bus)
    host = PluginParts(
        bus=bus, hooks=hooks, paths=paths, settings=Settings, breakpoints=Breakpoints(bus), reader=None
    )

    async def notify(level: str, code: str, message: str, hint: str) -> None:
        made.notices.append((level, code, message, hint))

    parts = HostParts(hooks=hooks, bus=bus, notify=notify, host_for=lambda name: PluginHost(name, host))
    with bus.subscribe("core:hook:*") as told:
        made = Place(tmp_path / "hooks", hooks, parts, told)
        try:
            yield made
        finally:
            await hooks.close()


def modules_of_files() -> list[str]:
    return [name for name in sys.modules if name.startswith("_workbench_hook_file_")]


async def test_a_file_is_loaded_at_the_start_and_its_hooks_go_with_it(place: Place) -> None:
    path = place.write("loud.py", SHOUT.format(how="upper"))
    async with place.files() as files:
        assert await place.said("hello") == "HELLO"
        loaded = await place.happened("core:hook:file_loaded")
        assert loaded.payload["file"] == str(path)
        assert loaded.payload["hooks"] == ["loud.shout"]
        assert loaded.payload["generation"] == 1
        hook = place.hooks.get("loud.shout")
        assert (hook.plugin, hook.version, hook.file) == ("loud", loaded.payload["version"], str(path))
        assert [file.hooks for file in files.files] == [("loud.shout",)]
        assert len(modules_of_files()) == 1
    assert await place.said("hello") == "hello"
    assert place.ids() == [] and modules_of_files() == [] and place.notices == []
    assert not (place.folder / "__pycache__").exists()
    assert str(place.folder) not in sys.path


async def test_a_saved_file_takes_the_old_ones_place(place: Place) -> None:
    async with place.files(watch=True) as files:
        place.write("loud.py", SHOUT.format(how="upper"))
        await place.happened("core:hook:file_loaded")
        assert await place.said("Hello") == "HELLO"
        place.write("loud.py", SHOUT.format(how="lower"))
        second = await place.happened("core:hook:file_loaded")
        assert second.payload["generation"] == 2
        assert await place.said("Hello") == "hello"
        (place.folder / "loud.py").unlink()
        await place.happened("core:hook:removed")
        await place.happened("core:hook:file_removed")
        assert files.files == [] or place.ids() == []
        assert await place.said("Hello") == "Hello"


async def test_the_folder_may_come_and_go(place: Place) -> None:
    async with place.files(watch=True):
        for _ in range(2):
            place.write("loud.py", SHOUT.format(how="upper"))
            await place.happened("core:hook:file_loaded")
            (place.folder / "loud.py").unlink()
            place.folder.rmdir()
            await place.happened("core:hook:removed")


async def test_a_broken_version_keeps_the_old_one(place: Place) -> None:
    path = place.write("loud.py", SHOUT.format(how="upper"))
    async with place.files() as files:
        place.write("loud.py", SHOUT.format(how="upper") + "\ndef broken(:\n")
        await files.scan()
        failed = await place.happened("core:hook:file_failed")
        assert failed.payload["line"] == 8
        assert failed.payload["message"].startswith("SyntaxError at column 12: ")
        level, code, message, hint = place.notices.pop()
        assert (level, code) == ("error", "hook.file_broken")
        assert message.startswith("loud.py:8 is not loaded: SyntaxError")
        assert hint == "The hooks of its last good version go on."
        assert await place.said("hello") == "HELLO"
        assert files.files[0].error and files.files[0].line == 8 and files.files[0].generation == 1
        await files.scan()
        assert place.notices == []  # told once
        os.utime(path)
        await files.scan()
        assert len(place.notices) == 1  # a failed file is tried again when it is touched
        place.write("loud.py", SHOUT.format(how="lower"))
        await files.scan()
        assert await place.said("Hello") == "hello"
        assert files.files[0].error == ""


BROKEN: dict[str, tuple[str | bytes, int, str]] = {
    "raises": ("import math\n\nmath.sqrt('x')\n", 3, "TypeError: must be real number, not str"),
    "deep": ("def f():\n    g()\ndef g():\n    1 / 0\nf()\n", 4, "ZeroDivisionError: division by zero"),
    "missing": ("import no_such_module_anywhere\n", 1, "ModuleNotFoundError: "),
    "exits": ("import sys\nsys.exit(3)\n", 2, "it tried to end the program"),
    "point": (
        "from workbench.plugins import hook\n@hook('message:recieved')\ndef f(c): ...\n",
        2,
        "There is no hook point called 'message:recieved'.",
    ),
    "latin": (b"# fine\nname = 'caf\xe9'\n", 2, "it is not UTF-8 text"),
    "zeros": (b"a = 1\x00", 0, "source code string cannot contain null bytes"),
    "large": (b"#" * (MOST_BYTES + 1), 0, "it is larger than 1,000,000 bytes"),
    "security": (SHOUT.format(how="upper"), 0, "a plugin is called security already; rename the file"),
    "9lives": (SHOUT.format(how="upper"), 0, "its name must begin with a letter"),
    "a b": (SHOUT.format(how="upper"), 0, "its name must begin with a letter"),
    "twice": (
        SHOUT.format(how="upper")
        + "from workbench.plugins import Plugin\nclass Two(Plugin):\n    @hook('turn:started')\n"
        "    def shout(self, context): ...\n",
        0,
        "two of its hooks are called twice.shout",
    ),
    "starts": (
        (
            "from workbench.plugins import Plugin\nclass One(Plugin):\n    async def start(self):\n"
            "        raise RuntimeError('no key')\n"
        ),
        4,
        "RuntimeError: no key",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_cannot_be_loaded_is_told_with_its_place(place: Place, name: str) -> None:
    text, line, message = BROKEN[name]
    place.write(f"{name}.py", text)
    place.write("loud.py", SHOUT.format(how="upper"))
    async with place.files():
        failed = await place.happened("core:hook:file_failed")
        assert failed.payload["line"] == line
        assert message in failed.payload["message"]
        assert place.notices[0][3] == "None of its hooks run."
        assert place.ids() == ["loud.shout"]
        assert await place.said("hello") == "HELLO"
    assert modules_of_files() == []


async def test_what_fails_when_it_is_looked_at(place: Place) -> None:
    place.write(
        "odd.py",
        "from workbench.plugins import Plugin\nclass Odd(Plugin):\n    @property\n    def mood(self):\n"
        "        raise RuntimeError('bad')\n    async def stop(self):\n"
        "        await self.host.emit('odd:life:stopped')\n",
    )
    with place.parts.bus.subscribe("odd:*") as life:
        async with place.files() as files:
            assert (files.files[0].error, files.files[0].line) == ("RuntimeError: bad", 5)
        assert life.lag == 1


async def test_a_folder_that_is_none_and_a_name_that_is_no_text(place: Place) -> None:
    place.folder.write_text("a file")
    async with place.files() as files:
        assert files.files == []
        assert place.notices.pop()[2].endswith("cannot be read: Not a directory.")
        place.folder.unlink()
        place.folder.mkdir()
        Path(os.fsdecode(os.fsencode(place.folder) + b"/caf\xe9.py")).write_text("")
        await files.scan()
        assert place.notices[0][2].startswith("caf?.py is not loaded: its name must begin")


async def test_what_is_no_readable_file(place: Place, tmp_path: Path) -> None:
    place.folder.mkdir()
    (place.folder / "loop.py").symlink_to(place.folder / "loop.py")
    os.mkfifo(place.folder / "pipe.py")
    (place.folder / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (place.folder / "folder.py").mkdir()
    (place.folder / ".#lock.py").symlink_to("someone@somewhere")
    (place.folder / "_off.py").write_text("1 / 0")
    (place.folder / "notes.txt").write_text("no Python")
    async with place.files() as files:
        problems = {file.path.name: file.error for file in files.files}
    assert problems == {
        "loop.py": "it cannot be read: Too many levels of symbolic links",
        "pipe.py": "it is not a file",
        "gone.py": "it cannot be read: No such file or directory",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_a_file_without_the_right_to_read_it(place: Place) -> None:
    path = place.write("secret.py", SHOUT.format(how="upper"))
    path.chmod(0)
    async with place.files() as files:
        assert files.files[0].error == "it cannot be read: Permission denied"
        path.chmod(0o600)
        await files.scan()
        assert place.ids() == ["secret.shout"]


async def test_a_link_to_a_file_elsewhere_is_a_file(place: Place, tmp_path: Path) -> None:
    place.folder.mkdir()
    (tmp_path / "dotfiles.py").write_text(SHOUT.format(how="upper"))
    (place.folder / "linked.py").symlink_to(tmp_path / "dotfiles.py")
    async with place.files():
        assert place.ids() == ["linked.shout"]


async def test_names_of_the_standard_library_are_names_like_others(place: Place) -> None:
    import json

    place.write("json.py", SHOUT.format(how="upper"))
    place.write("user.py", "import json\nfrom workbench.plugins import hook\nTEXT = json.dumps([1])\n")
    async with place.files() as files:
        assert place.ids() == ["json.shout"]
        assert [file.error for file in files.files] == ["", ""]
        assert sys.modules["json"] is json


async def test_two_files_with_hooks_of_the_same_name(place: Place) -> None:
    place.write("b.py", SHOUT.format(how="title"))
    place.write("a.py", SHOUT.format(how="upper"))
    async with place.files():
        assert place.ids() == ["a.shout", "b.shout"]
        assert await place.said("one two") == "One Two"  # b after a: files go by their names


async def test_functions_of_others_are_not_the_files_own(place: Place) -> None:
    text = "from workbench.tests.integration.hook_library import lend\nborrowed = lend()\n" + SHOUT
    module = ModuleType("workbench.tests.integration.hook_library")
    exec("from workbench.plugins import hook\n@hook('turn:started')\ndef other(c): ...\n", vars(module))
    vars(module)["lend"] = lambda: vars(module)["other"]
    sys.modules[module.__name__] = module
    try:
        place.write("mine.py", text.format(how="upper"))
        async with place.files():
            assert place.ids() == ["mine.shout"]
    finally:
        del sys.modules[module.__name__]


async def test_a_file_that_never_ends_does_not_hang_the_start(place: Place) -> None:
    place.write("a_slow.py", "while True:\n    pass\n")
    place.write("b_sleeps.py", "import threading\nthreading.Event().wait(30)\n")
    place.write("loud.py", SHOUT.format(how="upper"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with place.files(import_limit=3.0, patience=0.3) as files:
        assert loop.time() - began < 2.5
        assert await place.said("hello") == "HELLO"
        async with asyncio.timeout(SOON_S):
            await files.ready()
        assert [file.error for file in files.files[:2]] == ["it did not come to its end within 3 seconds"] * 2
    assert modules_of_files() == []


async def test_closing_does_not_wait_for_a_file_that_never_ends(place: Place) -> None:
    place.write("slow.py", "import time\nwhile True:\n    time.sleep(0.01)\n")
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with place.files(import_limit=60.0, patience=0.1):
        pass
    assert loop.time() - began < 10
    assert modules_of_files() == []


async def test_what_a_file_prints_is_kept_from_the_screen(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.write("talks.py", "print('good morning')\n")
    async with place.files():
        loaded = await place.happened("core:hook:file_loaded")
    assert loaded.payload["printed"] == "good morning\n"
    assert "good morning" not in "".join(capfd.readouterr())
    assert place.notices == [
        ("warning", "hook.file_broken", "talks.py holds no hooks.", "Mark functions with @hook(POINT).")
    ]


async def test_a_hook_may_refuse_a_file(place: Place) -> None:
    class Guard:
        @hook("plugin:load")
        def look(self, context: Any) -> Cancel | None:
            return Cancel("not today") if context.value.name == "loud" else None

    await place.hooks.add(hooks_in(Guard(), "guard"))
    place.write("loud.py", SHOUT.format(how="upper"))
    place.write("other.py", SHOUT.format(how="lower"))
    async with place.files() as files:
        assert place.ids() == ["guard.look", "other.shout"]
        assert files.files[0].error == "the hook guard.look does not want it: not today"


PLUGIN = """
from workbench.plugins import Plugin, hook

class Counter(Plugin):
    def __init__(self, host):
        super().__init__(host)
        self.seen = 0

    async def start(self):
        await self.host.emit("counter:life:started", {"version": VERSION})

    async def stop(self):
        await self.host.emit("counter:life:stopped", {"version": VERSION, "seen": self.seen})

    @hook("message:received")
    async def count(self, context):
        self.seen += 1
        return context.change(text=f"{context.value.text} {self.seen}")
"""


async def test_plugins_with_state_are_started_and_stopped(place: Place, bus: EventBus) -> None:
    with bus.subscribe("counter:*") as life:
        place.write("counter.py", PLUGIN + "VERSION = 1\n")
        async with place.files() as files:
            assert [await place.said("a"), await place.said("a")] == ["a 1", "a 2"]
            place.write("counter.py", PLUGIN + "VERSION = 2\n")
            await files.scan()
            assert await place.said("a") == "a 1"
        told = [(event.name, event.payload) for event in [await anext(life) for _ in range(4)]]
    assert told == [
        ("counter:life:started", {"version": 1}),
        ("counter:life:started", {"version": 2}),
        ("counter:life:stopped", {"version": 1, "seen": 2}),
        ("counter:life:stopped", {"version": 2, "seen": 1}),
    ]


async def test_dataclasses_find_their_module(place: Place) -> None:
    place.write(
        "typed.py",
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport msgspec\n"
        "@dataclass\nclass A:\n    b: B | None = None\nclass B(msgspec.Struct):\n    x: int = 1\n"
        "msgspec.json.decode(b'{}', type=B)\n",
    )
    async with place.files() as files:
        assert files.files[0].error == ""


async def test_switches_hold_for_later_versions(place: Place) -> None:
    place.write("loud.py", SHOUT.format(how="upper"))
    async with place.files() as files:
        await place.hooks.change("loud.shout", enabled=False)
        place.hooks.preferences = type(place.hooks.preferences)(frozenset({"loud.shout"}))
        place.write("loud.py", SHOUT.format(how="lower"))
        await files.scan()
        assert await place.said("Hello") == "Hello"


async def test_more_files_than_anyone_has(place: Place) -> None:
    place.folder.mkdir()
    for number in range(MOST_FILES + 5):
        (place.folder / f"f{number:03}.py").write_text("")
    async with place.files() as files:
        assert len(files.files) == MOST_FILES


async def test_fifty_versions_leave_nothing_behind(tmp_path: Path, paths: Paths, bus: EventBus) -> None:
    made: list[weakref.ref[ModuleType]] = []
    threads = _threads()
    async with a_place(tmp_path, paths, bus) as place:
        place.write("loud.py", SHOUT.format(how="upper") + "# 0\n")
        async with place.files() as files:
            for number in range(1, 51):
                assert await place.said("a") == "A"
                module = sys.modules[place.hooks.get("loud.shout").function.__module__]
                made.append(weakref.ref(module))
                del module
                place.write("loud.py", SHOUT.format(how="upper") + f"# {number}\n")
                await files.scan()
            assert files.files[0].generation == 51
            assert await place.said("a") == "A"
            await _until(lambda: gc.collect() >= 0 and sum(ref() is not None for ref in made) == 0)
            assert len(modules_of_files()) == 1
            assert len(bus.subscriptions) == 1
    await _until(lambda: _threads() <= threads)


def _threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("hook")}


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not holds():
            await asyncio.sleep(0.01)
