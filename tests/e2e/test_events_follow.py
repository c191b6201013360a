"""`workbench events` from a second process, while the first one writes, ends, is killed and starts again."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import pytest

from workbench.app.events.event import Event
from workbench.app.workbench import Workbench
from workbench.tests.e2e.headless_process import PATIENCE_S, Program

pytestmark = pytest.mark.e2e


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@asynccontextmanager
async def opened(program: Program) -> AsyncIterator[Workbench]:
    async with Workbench.open(program.profile, services=("log",), environ={}) as workbench:
        yield workbench


@contextmanager
def follower(program: Program, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = program.start("events", "tail", "--follow", *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


async def line_of(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.to_thread(process.stdout.readline)


async def event_of(process: subprocess.Popen[bytes]) -> Event:
    return msgspec.json.decode(await line_of(process), type=Event)


async def say(workbench: Workbench, text: str) -> None:
    await workbench.bus.emit("test:thing:said", {"text": text}, source="test")


async def test_another_process_is_followed_from_one_start_to_the_next(program: Program) -> None:
    async with opened(program) as workbench:
        await say(workbench, "before")
    with follower(program, "test:*", "--json") as process, follower(program, "text ~ last") as second:
        assert (await event_of(process)).payload == {"text": "before"}
        for texts in (["one", "two"], ["three", "the last"]):
            async with opened(program) as workbench:
                for text in texts:
                    await say(workbench, text)
                    assert (await event_of(process)).payload == {"text": text}
        assert (await line_of(second)).decode().rstrip().endswith('{"text":"the last"}')
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == 130


async def test_a_killed_process_is_followed_into_the_next(program: Program) -> None:
    (program.folder / "long.wb").write_text("hello\n" * 200)
    writer = program.start("--headless", "long.wb", "--set", "sampling.max_tokens=500")
    try:
        assert await line_of(writer)
        with follower(program, "--limit", "1", "--json") as process:
            seqs = [(await event_of(process)).seq for _ in range(20)]
            writer.kill()
            writer.wait(PATIENCE_S)
            async with opened(program) as workbench:
                await say(workbench, "after")
                events = [await event_of(process)]
                while events[-1].name != "test:thing:said":
                    events.append(await event_of(process))
            seqs += [event.seq for event in events]
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    finally:
        writer.kill()
        writer.communicate(timeout=PATIENCE_S)


async def test_a_closed_pipe_ends_it_quietly_even_when_nothing_comes(program: Program) -> None:
    async with opened(program) as workbench:
        await say(workbench, "before")
        await workbench.log.flush()
        with follower(program, "test:*") as process:
            assert b"before" in await line_of(process)
            assert process.stdout is not None and process.stderr is not None
            process.stdout.close()
            assert await asyncio.to_thread(process.wait, PATIENCE_S) == 141
            assert process.stderr.read() == b""
            process.stdout = None


def test_a_wrong_filter_ends_with_two(program: Program) -> None:
    done = program.run("events", "query", "core:* and (seq > 3")
    assert done.returncode == 2
    assert done.stdout == ""
    error, line, mark, hint = done.stderr.splitlines()
    assert error.startswith("error [event.bad_filter]")
    assert (line, mark.strip()[:1]) == ("core:* and (seq > 3", "^")
    assert hint.startswith("hint: ")


def test_events_are_exported_to_a_file_and_to_standard_output(program: Program) -> None:
    program.run("sessions", "new", "x")
    done = program.run("events", "export", "core:session:*", "--out", "out.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    first = (program.folder / "out.jsonl").read_text()
    assert msgspec.json.decode(first, type=Event).payload == {"title": "x"}
    assert program.run("events", "export", "core:session:*", "--out", "-").stdout == first
    shown = program.run("events", "export", "core:session:*", "--out", "-", "--format", "markdown").stdout
    assert "core:session:created" in shown
    assert shown.startswith("# Events\n")
