"""Counts and measures turns, models, commands and hook points."""

from __future__ import annotations

from workbench.plugins.metrics.plugin import MetricsPlugin

PLUGIN = MetricsPlugin
