"""Engines for the tests of the llm worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workbench.app.workers.llm.engine import Engine
from workbench.tests.integration.llm.kit import load


@pytest.fixture(scope="module")
def guide() -> Iterator[Engine]:
    """The guide, loaded once for a module; each test uses conversations of its own."""
    engine = Engine()
    load(engine)
    yield engine
    engine.unload()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine without a model."""
    engine = Engine()
    yield engine
    engine.unload()
