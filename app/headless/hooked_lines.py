"""Lets hooks see the lines of a script before they run."""

from __future__ import annotations

from workbench.app.commands.registry import Registry
from workbench.app.headless.load import RunCommand, Step, steps_of
from workbench.app.headless.script import SlashLine, print_script
from workbench.app.hooks import points
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.results import Cancel
from workbench.app.hooks.values import ScriptLine


async def steps_after_hooks(hooks: Hooks, step: Step, registry: Registry) -> list[Step]:
    """Return what is to be done in a step's place: itself, what hooks made of its line, or nothing.

    Args:
        hooks: the hooks.
        step: the step.
        registry: where the commands of a changed line are looked up.

    Raises:
        UsageError: a hook changed the line into something that cannot be read.
    """
    place = step.place
    statement = SlashLine(step.line, place) if isinstance(step, RunCommand) else step
    line = ScriptLine(number=place.line if place else 0, text=print_script([statement]).rstrip("\n"))
    outcome = await hooks.run(points.SCRIPT_LINE, line)
    if isinstance(outcome.decision, Cancel):
        return []
    if outcome.value.text == line.text:
        return [step]
    return steps_of(outcome.value.text, f"{place} as a hook changed it", registry)
