"""Secrets that only the word before them gives away: `password = …`, `"api_key": "…"`, `the token is …`."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

# Tried where the word begins, so it costs nothing elsewhere.
_ASSIGNED: Final = re.compile(
    r"""(?i:passwords?|passwd|passw|passphrases?|pwd|secrets?|token|api[_ -]?keys?"""
    r"""|access[_-]?key(?:[_-]?id)?|accountkey|auth_key|private_key|credentials?)"""
    r"""(?P<quote>["'\\]{0,3})\s{0,3}(?P<by>:=|=>|==|=|:|\b(?i:is|was)\b)\s{0,3}(?P<open>["'\\]{0,3})"""
    r"""(?P<value>[^\s"'\\,;<>(){}\[\]&|`]{4,128})"""
)
# What is longer is judged by its beginning and masked to its end.
_REST: Final = re.compile(r"""[^\s"'\\,;<>(){}\[\]&|`]*""")
_NOT_SECRET: Final = re.compile(
    r"\*+|\.{3,}|x{3,}|-+|_+|none|null|true|false|undefined|required|optional|string|str|bytes"
    r"|[$%].*|[~./].*|https?:.*",
    re.IGNORECASE,
)
_SURE_ENTROPY: Final = 2.7
_SHORTEST_TOKEN: Final = 12
_SHORTEST_GIVEN: Final = 8
_SHORTEST_SAID: Final = 6

KEYS: Final = re.compile(
    r"(?:.*[_-])?(?:password|passwd|passphrase|secret|token|api[_-]?key|apikey|secret[_-]?key|access[_-]?key"
    r"|private[_-]?key|client[_-]?secret|authorization|credentials?)",
    re.IGNORECASE,
)
"""Names of fields whose whole text is a secret."""


def assigned_value(text: str, start: int, word: str) -> tuple[int, int] | None:
    """Return where the secret stands that a word introduces.

    Args:
        text: the text.
        start: where the word begins.
        word: what kind of word it is, as `forms.WORDS` says.

    Returns:
        The beginning and end of the secret, None when what follows is none.
    """
    found = _ASSIGNED.match(text, start)
    if found is None:
        return None
    said = found["by"].lower() in (":", "is", "was") and not found["open"]
    begin, end = found.span("value")
    if not is_secret(text[begin:end].rstrip(".:!?"), word, said=said):
        return None
    rest = _REST.match(text, end)
    whole = text[begin : rest.end() if rest else end].rstrip(".:!?")
    return begin, begin + len(whole)


def is_secret(value: str, word: str, *, said: bool = False) -> bool:
    """Tell whether a value is a secret.

    Args:
        value: the value.
        word: what kind of word stands before it, as `forms.WORDS` says.
        said: it follows as in prose, so that it may be any word.
    """
    if not value or _NOT_SECRET.fullmatch(value):
        return False
    mixed = not value.isalpha() or not (value.islower() or value.istitle() or value.isupper())
    if word == "password":
        return mixed and len(value) >= _SHORTEST_SAID if said else True
    if value.isalpha() or not any(character.isalnum() for character in value) or _is_number(value):
        return False
    shortest = _SHORTEST_TOKEN if said else _SHORTEST_GIVEN
    # The number of different characters bounds the entropy, and is counted quicker.
    if len(value) < shortest or math.log2(len(set(value))) < _SURE_ENTROPY:
        return False
    return entropy(value) >= _SURE_ENTROPY


def _is_number(value: str) -> bool:
    return value.replace(".", "", 1).replace("_", "").isdecimal()


def entropy(text: str) -> float:
    """Return the Shannon entropy of a text's characters in bits for each."""
    length = len(text)
    return -sum(count / length * math.log2(count / length) for count in Counter(text).values())
