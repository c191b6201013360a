"""What the page about the built-in hooks says is true of them."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from workbench.app.config.settings import setting_types
from workbench.app.hooks.hook import marks_of
from workbench.app.plugin_host.bundled import BUNDLED
from workbench.app.plugin_host.plugin import Plugin
from workbench.plugins.security.lists import read_lists

PAGE = (Path(__file__).parents[2] / "docs" / "built-in-hooks.md").read_text(encoding="utf-8")
ROWS = {row.split("|")[1].strip(): row for row in PAGE.splitlines() if row.startswith("| ")}


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_plugin_is_described_with_its_points(name: str) -> None:
    kind: type[Plugin] = importlib.import_module(f"workbench.plugins.{name}").PLUGIN
    assert (kind.name, bool(kind.version), kind.description.endswith(".")) == (name, True, True)
    points = {mark.point for function in vars(kind).values() for mark in marks_of(function)}
    assert {point for point in points if f"`{point}`" not in ROWS[name]} == set()
    assert f"## {name}" in PAGE


def test_every_setting_that_is_named_exists() -> None:
    sections = "|".join([*BUNDLED, "events", "hooks"])
    named = set(re.findall(rf"`((?:{sections})\.[a-z_]+)`", PAGE)) - {"workbench.log"}
    assert named - set(setting_types()) == set()


def test_the_examples_can_be_read(tmp_path: Path) -> None:
    lists, budget = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "lists.toml"
    file.write_text(lists)
    assert read_lists(file).problems == () and read_lists(file).phrases == ("speak freely",)
    assert set(tomllib.loads(budget)["cost"]) <= {key.partition(".")[2] for key in setting_types()}
