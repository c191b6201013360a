"""Gives replies to requests that can be repeated again, instead of letting the model write them once more."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec

from workbench.plugins import Cache, HookContext, Plugin, PluginHost, hook, values

_encode: Final = msgspec.json.Encoder().encode
# After the hooks that may still change the request.
_LATE: Final = 800


class CachingPlugin(Plugin):
    """Answers `Cache` where the same request gives the same reply: at temperature 0, or with a seed."""

    name = "caching"
    description = "Gives replies to repeatable requests again."

    def __init__(self, host: PluginHost) -> None:
        super().__init__(host)
        self._asked = 0

    def snapshot(self) -> dict[str, Any]:
        """Return for how many requests a kept reply was asked for."""
        return {"asked": self._asked}

    @hook("model:before", priority=_LATE)
    def take_kept(self, context: HookContext[values.ModelCall]) -> Cache | None:
        """Take a kept reply, or have this one kept."""
        settings = self.host.settings.caching
        if not settings.enabled or not is_repeatable(context.value):
            return None
        self._asked += 1
        return Cache(request_key(context.value), settings.ttl_s)


def is_repeatable(call: values.ModelCall) -> bool:
    """Tell whether the model gives the same reply each time."""
    return call.temperature == 0 or call.seed is not None


def request_key(call: values.ModelCall) -> str:
    """Return a text that is the same for requests that differ in nothing: model, messages and sampling."""
    return blake2b(_encode(call), digest_size=20).hexdigest()
