"""The error family: codes, exit codes, the form in which errors travel, and the reference made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app import errors
from workbench.app.errors import CODES, ModelError, StoreError, WorkbenchError, WorkerError, from_dict

DOCS = Path(__file__).parents[2] / "docs"
FAMILIES = {family.category: family for family in WorkbenchError.__subclasses__()}


def made(code: str) -> WorkbenchError:
    category, _, reason = code.partition(".")
    return FAMILIES[category](reason, "It broke.", "Mend it.", path="x")


@pytest.mark.parametrize("code", CODES)
def test_every_code_can_be_made_sent_and_rebuilt(code: str) -> None:
    error = made(code)
    sent = msgspec.json.decode(msgspec.json.encode(error.to_dict()))
    back = from_dict(sent)
    assert type(back) is type(error)
    assert back.to_dict() == error.to_dict()
    assert back.exit_code == error.exit_code


def test_codes_are_in_order() -> None:
    assert list(CODES) == sorted(CODES)


def test_an_unknown_code_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError):
        StoreError("nonsense", "x")


def test_the_text_is_what_happened_and_what_to_do() -> None:
    assert (
        str(StoreError("full", "The disk is full.", "Free some space."))
        == "The disk is full. Free some space."
    )
    assert str(StoreError("full", "The disk is full.")) == "The disk is full."


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("turn.busy", 1),
        ("turn.not_found", 2),
        ("hook.raised", 1),
        ("hook.not_found", 2),
        ("hook.unknown_point", 2),
        ("expect.not_met", 1),
        ("usage.bad_option", 2),
        ("settings.unknown_key", 2),
        ("command.unknown", 2),
        ("session.not_found", 2),
        ("event.bad_pattern", 2),
        ("model.not_found", 3),
        ("worker.crashed", 3),
        ("store.busy", 4),
        ("interrupted.signal", 130),
    ],
)
def test_exit_codes_are_those_that_scripts_rely_on(code: str, exit_code: int) -> None:
    assert made(code).exit_code == exit_code


@given(
    st.dictionaries(
        st.sampled_from(["code", "message", "hint", "details", "exit_code", "other"]),
        st.none()
        | st.text()
        | st.integers()
        | st.dictionaries(st.text() | st.just("message"), st.integers()),
    )
)
def test_whatever_another_process_sends_becomes_an_error(data: dict[str, Any]) -> None:
    error = from_dict(data)
    assert error.code in CODES
    assert error.message


def test_an_error_of_a_newer_program_keeps_its_words() -> None:
    error = from_dict({"code": "model.from_the_future", "message": "Too new.", "hint": "Update."})
    assert isinstance(error, WorkerError)
    assert (error.code, error.message, error.hint) == ("worker.failed", "Too new.", "Update.")


def test_details_that_are_named_like_arguments_do_no_harm() -> None:
    error = from_dict(
        {"code": "model.broken", "message": "m", "details": {"reason": 1, "self": 2, "hint": 3, "path": 4}}
    )
    assert isinstance(error, ModelError)
    assert error.details == {"path": 4}


def test_the_reference_in_the_docs_is_current() -> None:
    written = (DOCS / "errors.md").read_text(encoding="utf-8")
    assert written == errors.reference(), "run: python -m workbench.app.errors > docs/errors.md"
