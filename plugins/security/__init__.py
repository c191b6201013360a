"""Masks secrets before the model and the log, and flags prompt injection."""

from __future__ import annotations

from workbench.plugins.security.plugin import SecurityPlugin

PLUGIN = SecurityPlugin
