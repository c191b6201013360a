"""Gives replies to repeatable requests again."""

from __future__ import annotations

from workbench.plugins.caching.plugin import CachingPlugin

PLUGIN = CachingPlugin
