"""Files of hooks on the screen: one that is broken is told, at the start and while the program runs."""

from __future__ import annotations

from workbench.app.paths import Paths
from workbench.screens.hooks import HooksScreen
from workbench.tests.tui.shell import Start

_GOOD = """from workbench.plugins import hook


@hook("message:received")
def greet(context):
    return None
"""


async def test_a_broken_file_is_told_at_the_start_and_when_it_is_saved(start: Start, paths: Paths) -> None:
    folder = paths.data_dir / "hooks"
    folder.mkdir(parents=True)
    (folder / "bad.py").write_text("\n1 / 0\n")
    async with start() as shell:
        assert "bad.py:2 is not loaded: ZeroDivisionError" in " ".join(shell.text().split())
        await shell.pilot.press("escape")
        (folder / "bad.py").write_text("def broken(:\n")
        await shell.workbench.service("plugins").files.scan()
        await shell.until(lambda: "bad.py:1 is not loaded: SyntaxError" in " ".join(shell.text().split()))


async def test_a_file_that_was_mended_is_no_longer_called_broken(start: Start, paths: Paths) -> None:
    folder = paths.data_dir / "hooks"
    folder.mkdir(parents=True)
    for name in ("bad", "worse"):
        (folder / f"{name}.py").write_text("def broken(:\n")
    async with start() as shell:
        files = shell.workbench.service("plugins").files
        assert "bad.py:1 is not loaded" in " ".join(shell.text().split())
        (folder / "bad.py").write_text(_GOOD)
        await files.scan()
        await shell.until(lambda: "worse.py:1 is not loaded" in " ".join(shell.text().split()))
        (folder / "worse.py").write_text(_GOOD)
        await files.scan()
        await shell.until(lambda: shell.notices.banner is None, "no notice")


async def test_the_screen_of_hooks_tells_of_files_too(start: Start, paths: Paths) -> None:
    folder = paths.data_dir / "hooks"
    folder.mkdir(parents=True)
    async with start(size=(120, 40)) as shell:
        files = shell.workbench.service("plugins").files
        await shell.say("/view hooks")
        await shell.until(lambda: isinstance(shell.app.screen, HooksScreen), "the screen of hooks")
        (folder / "own.py").write_text(_GOOD)
        await files.scan()
        await shell.until(lambda: "own.py is loaded: 1 hook." in shell.text())
        (folder / "own.py").write_text("def broken(:\n")
        await files.scan()
        await shell.until(lambda: "own.py:1 is not loaded: SyntaxError" in shell.text())
        assert "The hooks of its last good version go on." in shell.text()
