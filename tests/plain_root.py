"""A pytest plugin that collects the repository root as a plain folder.

The root has an `__init__.py`, because it is the package `workbench`. Without this, pytest would import
that file a second time, as a module called like the folder that the checkout lies in.
"""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Answer a plain folder for the root and leave every other folder to pytest."""
    if path == parent.config.rootpath:
        return pytest.Dir.from_parent(parent, path=path)
    return None
