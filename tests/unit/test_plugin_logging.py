"""The logging plugin: which lines it writes, how they look, and what a full disk costs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from workbench.app.hooks import points
from workbench.app.hooks.hook import HookContext
from workbench.app.hooks.values import MessageText, ModelFailure, ModelReply, Notice, TokenBatch
from workbench.app.paths import Paths
from workbench.plugins.logging.lines import log_line
from workbench.plugins.logging.plugin import FILE, LoggingPlugin
from workbench.tests.unit.plugin_kit import TURN, no_hooks_fail, plugged

TOKEN = "ghp_" + "a1B2" * 9
MESSAGE = MessageText(text="what is\nworkbench?", message_id="m1")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def lines(paths: Paths) -> list[str]:
    file = paths.logs / FILE
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def line(point: str, value: Any, *, texts: bool = False) -> str:
    """Return a line without its time."""
    return log_line(HookContext(point, value, TURN), NOON, texts=texts).split(" ", 2)[2]


async def test_what_passes_is_written_one_line_each(paths: Paths) -> None:
    async with plugged(LoggingPlugin, paths, made={"now": lambda: NOON}) as place:
        await place.run(points.MESSAGE_RECEIVED, MESSAGE)
        await place.run(points.MODEL_AFTER, ModelReply(model="guide", text="It is …", reason="stop"))
        await place.plugin.write()
        first, second = lines(paths)
        stamp = NOON.astimezone().strftime("%Y-%m-%d %H:%M:%S.000")
        facts = "session=0189aa00-000 turn=turn-1 text=18 characters message_id=m1"
        assert first == f"{stamp} INFO    message:received {facts}"
        assert "model:after" in second and "text=7 characters reason=stop" in second
        assert place.plugin.snapshot()["lines"] == 2
        await no_hooks_fail(place)


async def test_only_the_named_points_have_hooks_also_when_they_change(paths: Paths) -> None:
    async with plugged(LoggingPlugin, paths, logging__points=("message:received", "no:point")) as place:
        assert [status.point for status in place.hooks.statuses()] == ["message:received"]
        (notice,) = await place.told("core:system:notice")
        assert "'no:point'" in notice.payload["message"]
        place.set(logging__points=("turn:finished",))
        await place.bus.emit("core:settings:changed", {"key": "logging.points", "origin": "x"}, source="t")
        await place.quiet()
        assert [status.id for status in place.hooks.statuses()] == ["logging.log@turn:finished"]
        place.set(logging__enabled=False)
        await place.bus.emit("core:settings:changed", {"key": "logging.enabled", "origin": "x"}, source="t")
        await place.quiet()
        assert place.hooks.statuses() == []


async def test_the_level_leaves_out_what_matters_less(paths: Paths) -> None:
    async with plugged(LoggingPlugin, paths, logging__level="error") as place:
        await place.run(points.MESSAGE_RECEIVED, MESSAGE)
        crash = ModelFailure(name="guide", code="worker.crashed", message="It ended.", received="text")
        await place.run(points.MODEL_FAILED, crash)
        await place.plugin.write()
        (only,) = lines(paths)
        assert 'code=worker.crashed message="It ended." received=4 characters attempt=1' in only


@pytest.mark.parametrize(
    ("point", "value", "expected"),
    [
        ("message:received", MESSAGE, 'text=18 characters "what is workbench?"'),
        ("token:batch", TokenBatch(text="ab", tokens=1), "DEBUG   token:batch"),
        ("system:notice", Notice(level="warning", code="a.b", message="m"), "WARNING system:notice"),
        ("message:failed", ModelFailure(name="\x1b[31m", code="c", message="m"), "name=␛[31m"),
    ],
)
def test_lines_are_safe_and_readable(point: str, value: Any, expected: str) -> None:
    assert expected in line(point, value, texts=True)


def test_texts_are_told_by_their_length_unless_wished_otherwise() -> None:
    assert "workbench?" not in line("message:received", MESSAGE)


async def test_secrets_are_masked_here_too(paths: Paths) -> None:
    async with plugged(LoggingPlugin, paths, logging__texts=True) as place:
        await place.run(points.MESSAGE_RECEIVED, MessageText(text=f"use {TOKEN}"))
        await place.plugin.write()
        (only,) = lines(paths)
        assert TOKEN not in only and "[masked access token]" in only


async def test_what_waits_is_written_at_the_end(paths: Paths) -> None:
    async with plugged(LoggingPlugin, paths) as place:
        for _ in range(2_500):
            place.plugin.log(HookContext("message:received", MESSAGE))
    assert len(lines(paths)) == 2_500


async def test_the_file_is_rotated(paths: Paths) -> None:
    async with plugged(
        LoggingPlugin, paths, logging__max_mb=1, logging__keep=1, logging__texts=True
    ) as place:
        for _ in range(6):
            for _ in range(2_000):
                place.plugin.log(HookContext("message:received", MessageText(text="x" * 70)))
            await place.plugin.write()
    assert sorted(path.name for path in paths.logs.iterdir()) == [FILE, f"{FILE}.1"]
    assert all(path.stat().st_size <= 1_300_000 for path in paths.logs.iterdir())


async def test_a_log_that_cannot_be_written_costs_only_its_lines(paths: Paths) -> None:
    paths.data_dir.mkdir(parents=True)
    Path(paths.logs).write_text("a file where the folder should be")
    async with plugged(LoggingPlugin, paths) as place:
        outcome = await place.run(points.MESSAGE_RECEIVED, MESSAGE)
        await place.plugin.write()
        assert outcome.value == MESSAGE
        assert place.plugin.snapshot()["failed"] == 1
        await no_hooks_fail(place)
