"""What settings take, in words, and the reference made from the settings' docstrings."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.app.config.reference import in_words, reference, setting_facts
from workbench.app.config.settings import setting_types

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("key", setting_types())
def test_every_setting_is_described(key: str) -> None:
    (fact,) = [fact for fact in setting_facts() if fact.name == key]
    assert fact.takes and fact.default
    assert fact.meaning.endswith(".") and len(fact.meaning) > 10


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("model.name", "text"),
        ("model.context", "a whole number from 0"),
        ("model.batch", "a whole number from 8 to 8192"),
        ("model.folders", "a list of texts"),
        ("model.load_timeout", "a number above 0, at most 86400"),
        ("sampling.temperature", "a number from 0 to 5, or none"),
        ("sampling.repeat_penalty", "a number from 0.1 to 5, or none"),
        ("sampling.seed", "a whole number from 0 to 4294967295, or none"),
        ("events.json_lines", "true or false"),
    ],
)
def test_types_are_told_in_plain_words(key: str, words: str) -> None:
    assert in_words(setting_types()[key]) == words


def test_the_reference_in_the_docs_is_current() -> None:
    written = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert written == reference(), "run: python -m workbench.app.config.reference > docs/settings.md"
