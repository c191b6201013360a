"""JSON schema to grammar, and grammars that are not given to the library."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.app.errors import ModelError
from workbench.app.workers.llm.schema import MAX_GRAMMAR, MAX_REPEAT, checked_grammar, grammar_of_schema


def test_an_object_becomes_a_grammar_with_a_root() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 5},
            "tags": {"type": "array", "items": {"enum": ["a", 1]}},
        },
        "required": ["name"],
    }
    grammar = grammar_of_schema(schema)
    assert "root ::=" in grammar
    assert '\\"name\\"' in grammar


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": MAX_REPEAT},
        {"type": "array", "items": {"type": "integer"}, "maxItems": MAX_REPEAT},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}},
        {"anyOf": [{"type": "boolean"}, {"const": "x"}]},
        {"properties": {"maxLength": {"type": "string"}}},
    ],
)
def test_what_can_be_written(schema: dict[str, Any]) -> None:
    assert "root ::=" in grammar_of_schema(schema)


def _nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/missing"},
        {"type": "string", "pattern": "no anchors"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"type": "string", "maxLength": MAX_REPEAT + 1},
        {"type": "array", "minItems": 10**9},
        {"type": "array", "minItems": "many"},
        {"enum": 5},
        {"properties": [1]},
        _nested(2000),
    ],
)
def test_what_cannot_be_written_is_a_bad_request(schema: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as caught:
        grammar_of_schema(schema)
    assert caught.value.code == "model.bad_request"


@pytest.mark.parametrize(
    "grammar", ["", " \n", "root ::= " + "(" * 501 + ")" * 501, "root ::= \0", "#" * (MAX_GRAMMAR + 1)]
)
def test_grammars_that_are_not_given_to_the_library(grammar: str) -> None:
    with pytest.raises(ModelError) as caught:
        checked_grammar(grammar)
    assert caught.value.code == "model.bad_request"


def test_an_ordinary_grammar_passes_unchanged() -> None:
    assert checked_grammar('root ::= "a" | ("b")') == 'root ::= "a" | ("b")'
