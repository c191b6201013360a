"""What the person has chosen about hooks: which do not run, and in which order the others do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec


class Preferences(msgspec.Struct, frozen=True):
    """Choices by a hook's id; they hold for hooks that are registered later, too.

    Args:
        disabled: hooks that do not run.
        priorities: other priorities than the hooks' own.
    """

    disabled: frozenset[str] = frozenset()
    priorities: Mapping[str, int] = {}


def read_preferences(disabled: Iterable[str], priorities: Iterable[str]) -> Preferences:
    """Return the choices that settings stand for.

    Args:
        disabled: ids.
        priorities: `ID=NUMBER`, as the settings check them.
    """
    pairs = (item.rpartition("=") for item in priorities)
    return Preferences(frozenset(disabled), {name: int(number) for name, _, number in pairs})
