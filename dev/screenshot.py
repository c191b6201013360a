"""Makes the picture in the README: the program itself, with the built-in guide, drawn to an SVG file.

python dev/screenshot.py [FILE]
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from workbench.app.cli_options import TuiOptions
from workbench.app.config.load import load_settings
from workbench.app.paths import paths_for
from workbench.app.tui import WorkbenchApp

QUESTIONS = ("what is workbench?", "what does ctrl+p do?", "what is a hook?")
SIZE = (152, 40)
PATIENCE = 60.0


async def main(target: Path) -> None:
    """Ask the questions and write the picture."""
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        options = TuiOptions(data_dir=Path(folder))
        paths = paths_for(options.data_dir)
        app = WorkbenchApp(paths, load_settings(paths, {}), options)
        async with app.run_test(size=SIZE) as pilot, asyncio.timeout(PATIENCE):
            conversation = app._main.conversation
            while app._main.workbench is None:
                await pilot.pause(0.05)
            for number, question in enumerate(QUESTIONS, start=1):
                conversation.send(question)
                while conversation.running or len(conversation._shown) < 2 * number:
                    await pilot.pause(0.05)
            await pilot.pause(0.5)
            picture = app.export_screenshot(title="workbench")
            await asyncio.to_thread(target.write_text, picture, encoding="utf-8")
            app.leave()


if __name__ == "__main__":
    os.environ.setdefault("COLORTERM", "truecolor")
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/main.svg")))
