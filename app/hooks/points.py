"""The table of hook points: where hooks run, what they are given, and what each answer means there.

`docs/hook-points.md` is generated from this table (`python -m workbench.app.hooks.points`).
"""

from __future__ import annotations

import difflib
from typing import Any, Final

import msgspec

from workbench.app.errors import HookError
from workbench.app.hooks import values
from workbench.app.hooks.later_points import LATER
from workbench.app.hooks.point import Point
from workbench.app.hooks.results import KINDS

_CANCEL = "it is not done; the person is told the reason"


SYSTEM_STARTED: Final = Point(
    name="system:started", when="All services are open.", value=values.SystemFacts, answers={}
)
SYSTEM_STOPPING: Final = Point(
    name="system:stopping", when="The services are about to be closed.", value=values.SystemFacts, answers={}
)
SYSTEM_NOTICE: Final = Point(
    name="system:notice",
    when="Something is about to be told to the person.",
    value=values.Notice,
    answers={"modified": "the notice is told in other words or at another level", "cancel": "it is not told"},
)
SETTING_CHANGE: Final = Point(
    name="setting:change",
    when="A running workbench is about to take another value of a setting.",
    value=values.SettingChange,
    answers={"modified": "the changed value is taken (the key stays)", "cancel": _CANCEL},
)
SESSION_CREATE: Final = Point(
    name="session:create",
    when="A session is about to be made.",
    value=values.SessionTitle,
    answers={"modified": "it gets the changed title", "cancel": _CANCEL},
)
SESSION_RENAME: Final = Point(
    name="session:rename",
    when="A session is about to get another title.",
    value=values.SessionTitle,
    answers={"modified": "it gets the changed title", "cancel": _CANCEL},
)
SESSION_DELETE: Final = Point(
    name="session:delete",
    when="A session is about to be deleted with its messages.",
    value=values.SessionTitle,
    answers={"cancel": _CANCEL},
)
TURN_STARTED: Final = Point(
    name="turn:started",
    when="A message is stored and its turn begins.",
    value=values.TurnFacts,
    answers={"cancel": "the turn ends; the message stays without a reply"},
    wraps="turn",
)
TURN_FINISHED: Final = Point(
    name="turn:finished",
    when="A turn has ended, well or not.",
    value=values.TurnFacts,
    answers={},
    wraps="turn",
)
MESSAGE_RECEIVED: Final = Point(
    name="message:received",
    when="A message has come and is not yet stored.",
    value=values.MessageText,
    answers={
        "modified": "the changed text is stored and answered",
        "cancel": "nothing is stored; the person is told the reason",
        "redirect": "the message goes to the session with this id",
        "replace": "the message is stored and answered with this text, without a model",
    },
    wraps="turn",
)
MESSAGE_STORED: Final = Point(
    name="message:stored", when="A message is stored.", value=values.MessageText, answers={}, wraps="turn"
)
PROMPT_BUILD: Final = Point(
    name="prompt:build",
    when="The messages of a prompt are gathered and not yet cut to the context.",
    value=values.PromptDraft,
    answers={
        "modified": "the prompt is made of the changed messages",
        "cancel": "the turn fails with the reason",
    },
    wraps="turn",
)
PROMPT_BUILT: Final = Point(
    name="prompt:built",
    when="The prompt fits and is about to go to the model.",
    value=values.PromptFinal,
    answers={
        "modified": "the changed messages go to the model; they must still fit",
        "cancel": "the turn fails with the reason",
    },
    wraps="turn",
)
MODEL_CHOOSE: Final = Point(
    name="model:choose",
    when="A model is about to be made ready.",
    value=values.ModelChoice,
    answers={
        "modified": "the model with the changed name is made ready",
        "redirect": "the model with this name is made ready",
        "cancel": "what needs the model fails with the reason",
    },
    wraps="turn",
)
MODEL_LOADED: Final = Point(
    name="model:loaded", when="A model is ready.", value=values.ModelReady, answers={}, wraps="turn"
)
MODEL_LOAD_FAILED: Final = Point(
    name="model:load_failed",
    when="A model could not be made ready.",
    value=values.ModelFailure,
    answers={
        "retry": "it is tried again after the wait",
        "redirect": "the model with this name is made ready instead",
    },
    wraps="turn",
)
MODEL_BEFORE: Final = Point(
    name="model:before",
    when="A model is about to write.",
    value=values.ModelCall,
    answers={
        "modified": "the changed request goes to the model",
        "cancel": "the turn fails with the reason",
        "redirect": "the model with this name is made ready and asked instead, with a prompt made for it",
        "replace": "this text is the reply; no model is asked",
        "retry": "a call that fails before its first text is made again after the wait",
        "fork": "one call for each request, at the same time; their texts are joined as `join` says",
        "cache": "a kept reply is taken, or the reply is kept",
    },
    wraps="turn",
)
TOKEN_BATCH: Final = Point(
    name="token:batch",
    when="Text of a reply has arrived.",
    value=values.TokenBatch,
    answers={
        "modified": "the changed text becomes part of the reply",
        "cancel": "the reply ends here; what has arrived is kept",
    },
    wraps="turn",
    hot=True,
)
MODEL_AFTER: Final = Point(
    name="model:after",
    when="A model has written its reply.",
    value=values.ModelReply,
    answers={
        "modified": "the changed text is the reply",
        "replace": "this text is the reply",
        "retry": "the model is asked again after the wait, up to `attempts` times; what it wrote is dropped",
        "cancel": "the turn fails with the reason; what was written is kept",
    },
    wraps="turn",
)
MODEL_FAILED: Final = Point(
    name="model:failed",
    when="A model failed while it wrote.",
    value=values.ModelFailure,
    answers={
        "retry": "it is asked again after the wait and goes on after what had arrived",
        "redirect": "the model with this name is asked instead",
        "replace": "this text is added to what had arrived and the reply counts as complete",
    },
    wraps="turn",
)
MESSAGE_COMPLETED: Final = Point(
    name="message:completed",
    when="A reply is complete and not yet stored as such.",
    value=values.ReplyText,
    answers={"modified": "the changed text is stored", "replace": "this text is stored"},
    wraps="turn",
)
MESSAGE_FAILED: Final = Point(
    name="message:failed",
    when="A reply ended with an error that is about to be told.",
    value=values.ReplyFailure,
    answers={
        "modified": "the error is told in other words (code and text stay)",
        "replace": "this text is the reply, and there is no error",
    },
    wraps="turn",
)
MODEL_FILE_LISTED: Final = Point(
    name="model_file:listed",
    when="The model files that were found are about to be offered.",
    value=values.ModelFiles,
    answers={"modified": "only the names that are left are offered, in this order"},
)
EVENT_PUBLISH: Final = Point(
    name="event:publish",
    when="An event is about to be published and logged.",
    value=values.EventDraft,
    answers={
        "modified": "the changed payload is published (name and source stay)",
        "cancel": "it is neither published nor logged",
    },
    hot=True,
    private=True,
)
COMMAND_BEFORE: Final = Point(
    name="command:before",
    when="A command is about to run.",
    value=values.CommandCall,
    answers={
        "modified": "it runs with the changed arguments",
        "cancel": "it fails with the reason",
        "replace": "it does not run; this text is its answer",
        "redirect": "the command with this name runs instead, with the same arguments",
        "retry": "when it fails it runs again after the wait",
        "cache": "a kept answer is taken, or the answer is kept",
    },
    wraps="command",
)
COMMAND_AFTER: Final = Point(
    name="command:after",
    when="A command has run.",
    value=values.CommandAnswer,
    answers={"modified": "the changed lines and data are the answer", "replace": "this text is the answer"},
    wraps="command",
)
STORE_BACKUP: Final = Point(
    name="store:backup",
    when="The regular backup of the database is due.",
    value=values.Backup,
    answers={"cancel": "it is left out this time", "retry": "when it fails it is tried again after the wait"},
)
STORE_FORGET: Final = Point(
    name="store:forget",
    when="Old events are about to be removed from the log.",
    value=values.Retention,
    answers={"modified": "the changed limits hold this time", "cancel": "nothing is removed this time"},
)
SCRIPT_LINE: Final = Point(
    name="script:line",
    when="A line of a headless script is about to run.",
    value=values.ScriptLine,
    answers={"modified": "the changed line runs", "cancel": "the line is left out"},
)
CLIPBOARD_COPY: Final = Point(
    name="clipboard:copy",
    when="A text is about to be sent to the terminal's clipboard.",
    value=values.Copy,
    answers={
        "modified": "the changed text is sent",
        "cancel": "nothing is sent; the person is told the reason",
    },
)
PLUGIN_LOAD: Final = Point(
    name="plugin:load",
    when="A plugin or a file of hooks is about to be loaded.",
    value=values.PluginFile,
    answers={"cancel": "it is not loaded; the person is told the reason"},
)

_TODAY: Final[tuple[Point[Any], ...]] = (
    *(SYSTEM_STARTED, SYSTEM_STOPPING, SYSTEM_NOTICE, SETTING_CHANGE),
    *(SESSION_CREATE, SESSION_RENAME, SESSION_DELETE),
    *(MESSAGE_RECEIVED, MESSAGE_STORED, TURN_STARTED, MODEL_CHOOSE, MODEL_LOADED, MODEL_LOAD_FAILED),
    *(PROMPT_BUILD, PROMPT_BUILT, MODEL_BEFORE, TOKEN_BATCH, MODEL_AFTER, MODEL_FAILED),
    *(MESSAGE_COMPLETED, MESSAGE_FAILED, TURN_FINISHED, MODEL_FILE_LISTED),
    *(EVENT_PUBLISH, COMMAND_BEFORE, COMMAND_AFTER, STORE_BACKUP, STORE_FORGET),
    *(SCRIPT_LINE, CLIPBOARD_COPY, PLUGIN_LOAD),
)

POINTS: Final[dict[str, Point[Any]]] = {point.name: point for point in (*_TODAY, *LATER)}
"""Every point by name, in the order in which a turn passes them."""


def find_point(name: str) -> Point[Any]:
    """Return a point by name.

    Raises:
        HookError: `hook.unknown_point`.
    """
    point = POINTS.get(name)
    if point is None:
        near = difflib.get_close_matches(name, POINTS, 1)
        hint = f"Did you mean {near[0]}?" if near else "`workbench hooks points` lists them."
        raise HookError("unknown_point", f"There is no hook point called {name!r}.", hint, point=name)
    return point


def reference() -> str:
    """Return the Markdown reference of all points and of what each answer means there."""
    lines = [
        "# Hook points",
        "",
        "Where hooks run, what they are given, and what each answer means there. How a hook is written and",
        "what it may cost: [hooks.md](hooks.md).",
        "",
        "| point | when | value | measured against |",
        "|---|---|---|---|",
    ]
    for point in POINTS.values():
        fields = ", ".join(f"`{field.name}`" for field in msgspec.structs.fields(point.value))
        when = point.when + (f" (With {point.later}, later.)" if point.later else "")
        lines.append(f"| `{point.name}` | {when} | `{point.value.__name__}`: {fields} | {point.wraps} |")
    lines += ["", "`continue` and `skipped` make sense everywhere. The others, where they do:", ""]
    lines += ["| point | answer | what it does |", "|---|---|---|"]
    kinds = tuple(KINDS.values())
    for point in POINTS.values():
        for kind in sorted(point.answers, key=kinds.index):
            lines.append(f"| `{point.name}` | {kind} | {point.answers[kind]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(reference(), end="")
