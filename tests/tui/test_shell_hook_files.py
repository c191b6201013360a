"""Files of hooks on the screen: one that is broken is told, at the start and while the program runs."""

from __future__ import annotations

from workbench.app.paths import Paths
from workbench.tests.tui.shell import Start


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
