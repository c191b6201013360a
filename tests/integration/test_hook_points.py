"""Every point of the table that says that it is passed today is passed, by the real program."""

from __future__ import annotations

import os
import signal
from contextlib import aclosing
from pathlib import Path

import pytest

from workbench.app.chat.parts import ReplyFailed, ReplyFinished, TextDelta
from workbench.app.commands.builtin import builtin_registry
from workbench.app.commands.command import context_of
from workbench.app.errors import WorkbenchError
from workbench.app.hooks.points import POINTS
from workbench.app.models.models import last_of
from workbench.app.upkeep import back_up, forget
from workbench.app.workbench import Workbench

TODAY = {name for name, point in POINTS.items() if not point.later}
# Passed by other faces; the tests of the script runner and of the screen show them.
ELSEWHERE = {"script:line", "clipboard:copy"}
NOTES = """
from pathlib import Path
from workbench.plugins import hook

NOTED = Path({noted!r})

def note(context):
    with NOTED.open("a") as file:
        file.write(context.point + "\\n")

for point in {points!r}:
    note = hook(point, deadline=30)(note)
"""


def write_hooks(data_dir: Path) -> Path:
    """Put a file into the hooks folder that notes each point; return where it notes them."""
    folder = data_dir / "hooks"
    folder.mkdir(parents=True)
    noted = data_dir / "noted"
    (folder / "a.py").write_text(NOTES.format(noted=str(noted), points=sorted(TODAY)))
    return noted


async def test_a_file_in_the_hooks_folder_sees_every_point_that_is_passed_today(tmp_path: Path) -> None:
    noted = write_hooks(tmp_path)
    # It is loaded beside the other, so one of them is registered when `plugin:load` is passed again.
    async with Workbench.open(tmp_path, services=("chat", "upkeep"), environ={}) as workbench:
        (tmp_path / "hooks" / "b.py").write_text("")
        files = workbench.service("plugins").files
        await files.scan()
        await use_everything(workbench, tmp_path)
    assert TODAY - ELSEWHERE - set(noted.read_text().split()) == set()


async def use_everything(workbench: Workbench, folder: Path) -> None:
    """Do what passes the points of the engine."""
    session = await workbench.sessions.create()
    async with aclosing(workbench.chat.send(session.id, "what is workbench?")) as turn:
        async for part in turn:
            if isinstance(part, TextDelta) and (pid := workbench.models.worker.pid):
                os.kill(pid, signal.SIGKILL)
    async with aclosing(workbench.chat.send(session.id, "hello")) as turn:
        assert isinstance([part async for part in turn][-1], ReplyFinished)
    broken = folder / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 64)
    with pytest.raises(WorkbenchError):
        await last_of(workbench.models.load(str(broken)))
    workbench.models._name = str(broken)
    async with aclosing(workbench.chat.send(session.id, "hello")) as turn:
        assert isinstance([part async for part in turn][-1], ReplyFailed)
    workbench.models._name = "guide"
    registry = builtin_registry()
    await registry.run(registry.parse("sessions list"), context_of(workbench, "headless"))
    await workbench.models.list()
    await workbench.sessions.rename(session.id, "other")
    await workbench.change_setting("sampling.temperature", "0", "test")
    await workbench.notify("info", "test.told", "This is told.")
    await forget(workbench.store, workbench.hooks, workbench.settings.events)
    await back_up(workbench.store, workbench.hooks)
    await workbench.sessions.delete(session.id)
