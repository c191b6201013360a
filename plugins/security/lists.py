r"""The lists that a person adds to: in the settings, and in a TOML file in the plugin's folder.

phrases = ["speak freely"]
allow = ["sk-an-example-that-is-no-secret"]

[patterns]
"staff number" = 'S-\d{6}'
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from workbench.plugins.security.injection import plain_words


class Lists(msgspec.Struct, frozen=True):
    """What a person added.

    Args:
        patterns: forms of secrets by name.
        phrases: phrases that count as injection, in plain words.
        allow: texts that are never masked.
        problems: what could not be read, a sentence each.
    """

    patterns: tuple[tuple[str, re.Pattern[str]], ...] = ()
    phrases: tuple[str, ...] = ()
    allow: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    def plus(self, other: Lists) -> Lists:
        """Return both together."""
        return Lists(
            self.patterns + other.patterns,
            self.phrases + other.phrases,
            self.allow | other.allow,
            self.problems + other.problems,
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file may hold."""

    patterns: dict[str, str] = {}
    phrases: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


def read_lists(path: Path) -> Lists:
    """Return the lists in a file, none where there is no file. Blocks."""
    try:
        tree: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        held = msgspec.convert(tree, _File)
    except (FileNotFoundError, NotADirectoryError):
        return Lists()
    except (OSError, ValueError, RecursionError) as error:
        return Lists(problems=(f"{path} cannot be read: {error}.",))
    return make_lists(tuple(held.patterns.items()), held.phrases, held.allow, str(path))


def make_lists(
    patterns: tuple[tuple[str, str], ...], phrases: tuple[str, ...], allow: tuple[str, ...], origin: str
) -> Lists:
    """Return lists as they are used.

    Args:
        patterns: names and regular expressions.
        phrases: phrases that count as injection.
        allow: texts that are never masked.
        origin: where they stand, for problems.
    """
    made: list[tuple[str, re.Pattern[str]]] = []
    problems: list[str] = []
    for name, pattern in patterns:
        try:
            made.append((_label(name), re.compile(pattern)))
        except (re.error, RecursionError, OverflowError) as error:
            problems.append(f"{origin}: the pattern {name!r} cannot be used: {error}.")
    words = tuple(phrase for phrase in map(plain_words, phrases) if phrase)
    return Lists(tuple(made), words, frozenset(allow), tuple(problems))


def settings_lists(patterns: tuple[str, ...], phrases: tuple[str, ...], allow: tuple[str, ...]) -> Lists:
    """Return the lists in the settings; each pattern is `NAME=PATTERN`."""
    parted = tuple((name, pattern) for name, _, pattern in (each.partition("=") for each in patterns))
    return make_lists(parted, phrases, allow, "security.patterns")


def _label(name: str) -> str:
    """Return a name as it may stand in a mark."""
    return re.sub(r"[^\w -]", "", name).strip() or "text"
