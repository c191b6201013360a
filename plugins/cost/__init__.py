"""Counts tokens, seconds and money, and keeps budgets."""

from __future__ import annotations

from workbench.plugins.cost.plugin import CostPlugin

PLUGIN = CostPlugin
