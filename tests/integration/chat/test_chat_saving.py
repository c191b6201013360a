"""Text that streams is on the disk a quarter of a second later, at any moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

from workbench.app.chat.parts import ReplyStarted, TextDelta
from workbench.app.workbench import Workbench

PROMISED_S = 0.25
LOOKS = 20
# Another program may keep this one from the processor or the disk for a while; not all the time.
ROUNDS = 12


class Reader:
    """Reads a turn, and remembers how much text had come at which time."""

    def __init__(self) -> None:
        self.text = ""
        self.reply_id = ""
        self.moments: list[tuple[float, int]] = [(0.0, 0)]
        self.begun = asyncio.Event()

    async def read(self, workbench: Workbench, session_id: str) -> None:
        async for part in workbench.chat.send(session_id, "hello"):
            if isinstance(part, ReplyStarted):
                self.reply_id = part.message_id
            elif isinstance(part, TextDelta):
                self.text += part.text
                self.moments.append((monotonic(), len(self.text)))
                self.begun.set()

    def length_at(self, moment: float) -> int:
        return next(length for then, length in reversed(self.moments) if then <= moment)


async def late_looks(workbench: Workbench, reader: Reader) -> int:
    """Look into the database again and again; return how often text was missing that it should hold."""
    late = 0
    for look in range(LOOKS):
        await asyncio.sleep(0.02 + 0.003 * look)
        asked = monotonic()
        stored = (await workbench.messages.get(reader.reply_id)).text
        assert reader.text.startswith(stored)
        late += len(stored) < reader.length_at(asked - PROMISED_S)
    return late


async def test_streamed_text_is_stored_within_a_quarter_of_a_second(
    tmp_path: Path, endless_model: Path
) -> None:
    overrides = {"model.name": str(endless_model), "model.slots": "1", "model.context": "32768"}
    late: list[int] = []
    async with Workbench.open(tmp_path, environ={}, overrides=overrides) as workbench:
        for _ in range(ROUNDS):
            session = await workbench.sessions.create()
            reader = Reader()
            reading = asyncio.create_task(reader.read(workbench, session.id))
            await asyncio.wait_for(reader.begun.wait(), 60)
            late.append(await late_looks(workbench, reader))
            streamed_until_the_end = not reading.done()
            workbench.chat.stop(session.id)
            await reading
            if late[-1] == 0 and streamed_until_the_end:
                return
    raise AssertionError(f"text was stored late in every round, of {LOOKS} looks so often: {late}")
