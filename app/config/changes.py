"""Which settings a running workbench can change, and the changed settings."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from workbench.app.config.settings import Settings

# Read once, when the services that they are for are opened.
_READ_AT_START: Final = ("events", "workers")
_READ_AT_START_TOO: Final = (
    *("hooks.share_percent", "hooks.floor_ms", "hooks.failures", "hooks.cooldown_s", "hooks.folder"),
    "hooks.watch",
)


def takes_effect_at_once(key: str) -> bool:
    """Tell whether a running workbench can take a new value of this setting."""
    return key.partition(".")[0] not in _READ_AT_START and key not in _READ_AT_START_TOO


def with_value(settings: Settings, key: str, value: Any) -> Settings:
    """Return the settings with another value for a dotted name that exists; the value must fit its type."""
    section, _, field = key.partition(".")
    changed = msgspec.structs.replace(getattr(settings, section), **{field: value})
    return msgspec.structs.replace(settings, **{section: changed})
