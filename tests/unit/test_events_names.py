"""The table of core events, the check of payloads, and the reference made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from workbench.app.events.names import CORE_EVENTS, payload_problem, reference
from workbench.app.events.patterns import is_event_name

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", CORE_EVENTS)
def test_every_core_event_has_a_well_formed_name_and_a_described_payload(name: str) -> None:
    assert is_event_name(name)
    assert name.startswith("core:") and name.count(":") == 2
    assert (CORE_EVENTS[name].__doc__ or "").strip().endswith(".")


def example(declared: type[msgspec.Struct]) -> dict[str, Any]:
    """Return a payload that fits: each required field with a value of its type."""
    values = {"str": "x", "int": 1, "float": 1.5, "bool": True, "list[str]": ["x"]}
    values |= {"dict[str, typing.Any]": {}, "list[dict[str, typing.Any]]": []}
    found = {}
    for field in msgspec.structs.fields(declared):
        if field.required:
            name = field.type.__name__ if isinstance(field.type, type) else str(field.type)
            found[field.name] = values.get(name if name in values else str(field.type))
    return found


@pytest.mark.parametrize("name", CORE_EVENTS)
def test_payloads_are_checked_field_by_field(name: str) -> None:
    payload = example(CORE_EVENTS[name])
    assert payload_problem(name, payload) is None
    assert "surprise" in str(payload_problem(name, {**payload, "surprise": 1}))
    for field in payload:
        without = {key: value for key, value in payload.items() if key != field}
        assert field in str(payload_problem(name, without))


def test_a_name_that_core_does_not_know_is_a_problem() -> None:
    assert payload_problem("core:chat:reply_finnished", {}) == "it is not a core event"


@pytest.mark.parametrize("name", ["Plugin:x", "plugin: x", "", "plugin:*"])
def test_a_plugins_event_needs_a_well_formed_name(name: str) -> None:
    assert "lower-case segments" in str(payload_problem(name, {}))


@pytest.mark.parametrize("value", [object(), 10**5000, "\udce9", {1j: 2}], ids=type)
def test_a_plugins_event_needs_a_payload_that_json_carries(value: object) -> None:
    assert "JSON cannot carry it" in str(payload_problem("plugin:x", {"value": value}))


def test_a_plugins_event_may_hold_anything_that_json_carries() -> None:
    assert payload_problem("plugin:x", {"any": [1, {"thing": None}]}) is None


def test_the_reference_in_the_docs_is_current() -> None:
    written = (DOCS / "events.md").read_text(encoding="utf-8")
    assert written == reference(), "run: python -m workbench.app.events.names > docs/events.md"
