"""What the tests of whole programs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.benchmarks.random_model import random_model
from workbench.tests.e2e.headless_process import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program with a fresh profile."""
    return Program(tmp_path)


@pytest.fixture(scope="session")
def endless() -> str:
    """The option that chooses a model which writes for many seconds: a long reply to interrupt."""
    return f"--model={random_model(megabytes=16)}"
