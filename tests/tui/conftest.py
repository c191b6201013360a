"""The program on a screen that nobody sees, started in a profile of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from workbench.app.cli_options import TuiOptions
from workbench.app.config.load import load_settings
from workbench.app.paths import Paths, paths_for
from workbench.app.tui import WorkbenchApp
from workbench.benchmarks.random_model import random_model
from workbench.tests.tui.shell import Shell, Start


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return what starts the program in this test's profile and closes it."""
    for variable in ("NO_COLOR", "COLORTERM", "WORKBENCH_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    data_dir = tmp_path / "profile"

    @asynccontextmanager
    async def run(
        size: tuple[int, int] = (100, 30),
        overrides: Mapping[str, str] | None = None,
        *,
        session: str | None = None,
        wait: bool = True,
    ) -> AsyncIterator[Shell]:
        given = {"ui.theme": "workbench-dark", **(overrides or {})}
        paths = paths_for(data_dir)
        options = TuiOptions(data_dir=data_dir, overrides=given, session=session)
        app = WorkbenchApp(paths, load_settings(paths, {}, given), options)
        async with app.run_test(size=size) as pilot:
            shell = Shell(app, pilot)
            if wait:
                await shell.ready()
            try:
                yield shell
            finally:
                await app.finish()

    return run


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """The paths of the profile that `start` uses."""
    return paths_for(tmp_path / "profile")


@pytest.fixture
def endless(tmp_path: Path) -> dict[str, str]:
    """Settings with a model whose replies only end at their limit."""
    return {"model.name": str(random_model(megabytes=4)), "sampling.max_tokens": "6000"}
