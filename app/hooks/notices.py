"""Passes notices through the hooks of `system:notice` before they are told."""

from __future__ import annotations

from typing import Final

from workbench.app.hooks.hook import NOWHERE, Scope
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.points import SYSTEM_NOTICE
from workbench.app.hooks.results import Cancel
from workbench.app.hooks.values import Notice
from workbench.app.hooks.within import is_within, within

_HERE: Final = frozenset({SYSTEM_NOTICE.name})


async def pass_notice(hooks: Hooks, notice: Notice, scope: Scope = NOWHERE) -> Notice | None:
    """Return a notice as hooks leave it, None when it is not to be told.

    What a hook tells while it looks at a notice passes the workbench's own hooks only.

    Args:
        hooks: the hooks.
        notice: what is about to be told.
        scope: what it belongs to.
    """
    trusted = is_within(SYSTEM_NOTICE.name)
    with within(_HERE):
        outcome = await hooks.run(SYSTEM_NOTICE, notice, scope, trusted=trusted)
    return None if isinstance(outcome.decision, Cancel) else outcome.value
