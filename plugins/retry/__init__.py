"""Asks a model again when its process crashed or did not answer."""

from __future__ import annotations

from workbench.plugins.retry.plugin import RetryPlugin

PLUGIN = RetryPlugin
