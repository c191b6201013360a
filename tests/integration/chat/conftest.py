"""A model whose replies do not end."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.benchmarks.random_model import write_random_model


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights, which writes on at about a thousand tokens a second."""
    path = tmp_path_factory.mktemp("models") / "endless.gguf"
    return write_random_model(path, megabytes=6, context=32_768)
