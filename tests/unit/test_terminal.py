"""A terminal that goes away: what is written to it is lost, and nothing waits for it."""

from __future__ import annotations

import os
import pty
from threading import Thread
from typing import TextIO, cast

from textual.drivers._writer_thread import WriterThread

from workbench.app.terminal import LastingFile

PATIENCE_S = 20.0


def test_who_writes_to_a_terminal_that_is_gone_goes_on() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as file:
        lasting = LastingFile(file)
        assert lasting.write("there") == len("there")
        lasting.flush()
        assert os.read(ours, 64) == b"there"
        assert lasting.fileno() == theirs
        os.close(ours)
        writer = WriterThread(cast(TextIO, lasting))
        writer.start()

        def write_and_end() -> None:
            for _ in range(100):
                writer.write("picture" * 1_000)
            writer.stop()

        ending = Thread(target=write_and_end, daemon=True)
        ending.start()
        ending.join(PATIENCE_S)
        assert not ending.is_alive()
