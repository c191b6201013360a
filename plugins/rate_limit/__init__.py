"""Refuses turns beyond so many, or so many tokens, in a minute."""

from __future__ import annotations

from workbench.plugins.rate_limit.plugin import RateLimitPlugin

PLUGIN = RateLimitPlugin
