"""Writes a readable log of what passes hook points."""

from __future__ import annotations

from workbench.plugins.logging.plugin import LoggingPlugin

PLUGIN = LoggingPlugin
