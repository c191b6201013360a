"""Asks a model again when its process crashed or did not answer; never when the request itself was wrong."""

from __future__ import annotations

from typing import Any, Final

from workbench.plugins import HookContext, Plugin, PluginHost, Retry, hook, values

PASSING: Final = frozenset({"worker.crashed", "worker.hung", "worker.timeout"})
"""Failures that another try may not meet again."""


class RetryPlugin(Plugin):
    """Answers `Retry` to failures that pass.

    `model:before` is left alone: a retry asked for there would hold for every failure, also for requests that
    no try can make right.
    """

    name = "retry"
    description = "Asks a model again when its process crashed or did not answer."

    def __init__(self, host: PluginHost) -> None:
        super().__init__(host)
        self._retries = 0

    def snapshot(self) -> dict[str, Any]:
        """Return how often another try was asked for."""
        return {"retries": self._retries}

    @hook("model:failed")
    def retry_reply(self, context: HookContext[values.ModelFailure]) -> Retry | None:
        """Ask the model again; go on with a reply that has begun only where the person wants that."""
        if context.value.received and not self.host.settings.retry.replies:
            return None
        return self._retry(context.value)

    @hook("model:load_failed")
    def retry_load(self, context: HookContext[values.ModelFailure]) -> Retry | None:
        """Load the model again."""
        return self._retry(context.value)

    def _retry(self, failure: values.ModelFailure) -> Retry | None:
        settings = self.host.settings.retry
        if not settings.enabled or failure.code not in PASSING or failure.attempt >= settings.attempts:
            return None
        self._retries += 1
        cap = max(settings.cap_s, settings.delay_s)
        return Retry(settings.delay_s, settings.attempts, cap)
