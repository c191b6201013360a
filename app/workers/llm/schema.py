"""JSON schema to grammar (GBNF), and the limits within which llama.cpp's grammar parser can be trusted.

llama.cpp's parser goes down the C stack with every bracket, so what nests too deeply is refused here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from workbench.app.errors import ModelError

MAX_GRAMMAR: Final = 256 * 1024
"""Characters of a grammar."""

MAX_NESTING: Final = 500
"""Brackets inside one another in a grammar."""

MAX_REPEAT: Final = 400
"""Largest `maxItems`, `minItems`, `maxLength` and `minLength` of a schema: each one is a bracket."""

_COUNTS: Final = ("minItems", "maxItems", "minLength", "maxLength")


def grammar_of_schema(schema: Mapping[str, Any]) -> str:
    """Write the grammar of the JSON texts that a schema describes.

    Args:
        schema: JSON schema; references must stay inside it.

    Raises:
        ModelError: `model.bad_request` when the schema is wrong or cannot be written as a grammar.
    """
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    for key, value in _counts(schema):
        if not isinstance(value, int) or not 0 <= value <= MAX_REPEAT:
            raise _refused(f"`{key}` must be a whole number from 0 to {MAX_REPEAT}, not {value!r}")
    try:
        grammar = str(json_schema_to_gbnf(json.dumps(schema)))
    except RecursionError:
        raise _refused("it is nested too deeply") from None
    except Exception as error:  # the converter asserts, indexes and parses: a bad schema fails in any way
        raise _refused(str(error).rstrip(".") or "it uses something unknown") from None
    return checked_grammar(grammar)


def checked_grammar(grammar: str) -> str:
    """Return a grammar that is safe to give to llama.cpp.

    Raises:
        ModelError: `model.bad_request` when it is empty, too long, nested too deeply or contains a NUL.
    """
    if not grammar.strip():
        raise _refused("the grammar is empty")
    if len(grammar) > MAX_GRAMMAR:
        raise _refused(f"the grammar has {len(grammar)} characters, more than {MAX_GRAMMAR}")
    if "\0" in grammar:
        raise _refused("the grammar contains a NUL character")
    depth = deepest = 0
    for character in grammar:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise _refused("it is nested too deeply")
    return grammar


def _counts(value: Any) -> Iterator[tuple[str, Any]]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            yield from (
                (key, item[key]) for key in _COUNTS if key in item and not isinstance(item[key], dict)
            )
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _refused(why: str) -> ModelError:
    hint = "Simplify the schema or grammar."
    return ModelError("bad_request", f"The reply cannot be held to this schema or grammar: {why}.", hint)
