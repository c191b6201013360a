"""Hooks around making a model ready: another model, another try."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, TypeVar

from workbench.app.errors import WorkbenchError
from workbench.app.hooks import points
from workbench.app.hooks.backoff import wait_before
from workbench.app.hooks.hook import Scope
from workbench.app.hooks.hooks import Hooks, cancelled
from workbench.app.hooks.results import Cancel, Redirect
from workbench.app.hooks.values import ModelChoice, ModelFailure

Step = TypeVar("Step")

_MOST_REDIRECTS: Final = 3


async def choose_model(hooks: Hooks, name: str, scope: Scope) -> str:
    """Return the name of the model that hooks choose.

    Raises:
        HookError: `hook.cancelled`.
    """
    outcome = await hooks.run(points.MODEL_CHOOSE, ModelChoice(name=name), scope)
    match outcome.decision:
        case Cancel():
            raise cancelled(outcome)
        case Redirect(to):
            return to
    return outcome.value.name


async def retried_load(
    hooks: Hooks, name: str, load: Callable[[str, Scope], AsyncGenerator[Step]], scope: Scope
) -> AsyncGenerator[Step]:
    """Load a model; on failure try again, or load another one, as hooks decide.

    Args:
        hooks: the hooks.
        name: the model's name.
        load: loads the model of a name.
        scope: what needs it.

    Raises:
        WorkbenchError: what loading raised, when no hook knew better.
    """
    attempt = redirects = 0
    while True:
        try:
            async with aclosing(load(name, scope)) as steps:
                async for step in steps:
                    yield step
            return
        except WorkbenchError as error:
            attempt += 1
            failure = ModelFailure(name=name, code=error.code, message=error.message, attempt=attempt)
            outcome = await hooks.run(points.MODEL_LOAD_FAILED, failure, scope)
            if isinstance(outcome.decision, Redirect) and redirects < _MOST_REDIRECTS:
                name, redirects = outcome.decision.to, redirects + 1
                continue
            if outcome.retry is None or attempt >= outcome.retry.attempts:
                raise
            wait = wait_before(outcome.retry, attempt)
            await hooks.tell_of_retry(points.MODEL_LOAD_FAILED.name, attempt, wait, error.code, scope)
        await asyncio.sleep(wait)
