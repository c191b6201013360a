"""Stops at hook points for a person."""

from __future__ import annotations

from workbench.plugins.debugging.plugin import DebuggingPlugin

PLUGIN = DebuggingPlugin
