"""The composition root: order, only what is asked for, replacement, and closing after any end."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from workbench.app.chat.parts import ReplyFinished, TextDelta
from workbench.app.errors import SettingsError, StoreError, UsageError
from workbench.app.events.reader import EventReader
from workbench.app.services import Service, opening_order
from workbench.app.workbench import Workbench

Opener = Callable[[Workbench], AbstractAsyncContextManager[Any]]


def noting(name: str, steps: list[str], *, fails: bool = False) -> Opener:
    @asynccontextmanager
    async def open_it(_workbench: Workbench) -> AsyncIterator[str]:
        if fails:
            raise RuntimeError(f"{name} cannot be opened")
        steps.append(f"open {name}")
        try:
            yield name
        finally:
            steps.append(f"close {name}")

    return open_it


async def test_services_open_after_what_they_need_and_close_in_reverse(tmp_path: Path) -> None:
    steps: list[str] = []
    table = {
        "roof": Service(("walls",), noting("roof", steps)),
        "walls": Service(("ground",), noting("walls", steps)),
        "ground": Service((), noting("ground", steps)),
    }
    async with Workbench.open(tmp_path, services=("roof", "walls"), replace=table, environ={}) as workbench:
        assert workbench.service("walls") == "walls"
        steps.append("work")
    opened, closed = steps[:3], steps[4:]
    assert opened == ["open ground", "open walls", "open roof"]
    assert closed == ["close roof", "close walls", "close ground"]


async def test_a_failed_start_closes_what_was_open(tmp_path: Path) -> None:
    steps: list[str] = []
    table = {
        "first": Service((), noting("first", steps)),
        "second": Service(("first", "store"), noting("second", steps, fails=True)),
    }
    with pytest.raises(RuntimeError, match="second cannot be opened"):
        async with Workbench.open(tmp_path, services=("second",), replace=table, environ={}):
            pytest.fail("the block must not run")
    assert steps == ["open first", "close first"]
    async with Workbench.open(tmp_path, services=("store",), environ={}) as workbench:
        assert workbench.store.report.clean


def test_missing_services_and_circles_are_named() -> None:
    steps: list[str] = []
    table = {
        "a": Service(("b",), noting("a", steps)),
        "b": Service(("c",), noting("b", steps)),
        "c": Service(("a",), noting("c", steps)),
        "lost": Service(("nowhere",), noting("lost", steps)),
    }
    with pytest.raises(UsageError, match="a → b → c → a"):
        opening_order(("a",), table)
    with pytest.raises(UsageError, match="'nowhere', which lost needs"):
        opening_order(("lost",), table)


async def test_only_what_is_asked_for_is_started(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, services=("sessions",), environ={}) as workbench:
        assert workbench.has("store")
        assert not workbench.has("workers")
        with pytest.raises(UsageError, match="'chat' is not open"):
            _ = workbench.chat
        await workbench.sessions.create("kept")
    async with Workbench.open(tmp_path, services=("sessions",), environ={}) as workbench:
        assert [session.title for session in await workbench.sessions.list()] == ["kept"]


async def test_a_service_can_be_replaced(tmp_path: Path) -> None:
    steps: list[str] = []
    replace = {"sessions": Service((), noting("sessions", steps))}
    async with Workbench.open(tmp_path, services=("sessions",), replace=replace, environ={}) as workbench:
        assert workbench.service("sessions") == "sessions"
        assert not workbench.has("store")


async def test_starts_and_stops_are_in_the_log_without_gaps(tmp_path: Path) -> None:
    for _ in range(2):
        async with Workbench.open(tmp_path, services=("log",), face="library", environ={}):
            pass
    async with Workbench.open(tmp_path, services=("log",), environ={}, read_only=True) as workbench:
        events = [event async for event in EventReader(workbench.store).each()]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    names = [event.name for event in events]
    assert names.count("core:system:started") == names.count("core:system:stopped") == 2


async def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, services=("sessions",), environ={}) as first:
        await first.sessions.create("seen")
        with pytest.raises(StoreError) as busy:
            async with Workbench.open(tmp_path, services=("sessions",), environ={}):
                pytest.fail("two writers")
        assert busy.value.code == "store.busy"
        async with Workbench.open(tmp_path, services=("sessions",), environ={}, read_only=True) as reader:
            assert [session.title for session in await reader.sessions.list()] == ["seen"]
            with pytest.raises(StoreError) as refused:
                await reader.sessions.create()
            assert refused.value.code == "store.read_only"


async def test_wrong_settings_open_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        async with Workbench.open(tmp_path / "new", overrides={"model.nam": "x"}, environ={}):
            pytest.fail("the block must not run")
    assert not (tmp_path / "new").exists()


async def test_library_mode_answers_in_a_few_lines(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, environ={}) as wb:
        session = await wb.sessions.create()
        text = ""
        async for part in wb.chat.send(session.id, "hello"):
            if isinstance(part, TextDelta):
                text += part.text
        assert isinstance(part, ReplyFinished)
        assert text
