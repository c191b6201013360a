"""Points whose systems come later. Their contract holds already; nothing passes them yet."""

from __future__ import annotations

from typing import Any, Final

from workbench.app.hooks import values
from workbench.app.hooks.point import Point

_CANCEL = "it is not done; the person is told the reason"
_BEFORE_TOOL = {
    "modified": "the tool runs with the changed arguments",
    "cancel": "the tool does not run; the model is told the reason",
    "redirect": "the tool with this name runs instead",
    "replace": "the tool does not run; this is its result",
    "retry": "a run that fails is made again after the wait",
    "fork": "one run for each call, at the same time; the results are joined as `join` says",
    "cache": "a kept result is taken, or the result is kept",
}
_CHANGE_OR_CANCEL = {"modified": "the changed value is used", "cancel": _CANCEL}

LATER: Final[tuple[Point[Any], ...]] = (
    Point(
        name="tool:before",
        when="A tool is about to run.",
        value=values.ToolCall,
        answers=_BEFORE_TOOL,
        wraps="turn",
        later="tools",
    ),
    Point(
        name="tool:approve",
        when="A tool call waits for approval.",
        value=values.ToolCall,
        answers={"cancel": "it is refused; the model is told the reason", "replace": "it is approved"},
        wraps="turn",
        later="tools",
    ),
    Point(
        name="tool:after",
        when="A tool has run.",
        value=values.ToolResult,
        answers={
            "modified": "the model gets the changed result",
            "replace": "the model gets this result",
            "retry": "the tool runs again after the wait",
        },
        wraps="turn",
        later="tools",
    ),
    Point(
        name="agent:start",
        when="An agent is about to begin.",
        value=values.AgentStep,
        answers={**_CHANGE_OR_CANCEL, "redirect": "the agent with this name begins instead"},
        later="agents",
    ),
    Point(
        name="agent:step",
        when="An agent goes from one state to another.",
        value=values.AgentStep,
        answers=_CHANGE_OR_CANCEL,
        later="agents",
    ),
    Point(
        name="agent:finish", when="An agent has ended.", value=values.AgentStep, answers={}, later="agents"
    ),
    Point(
        name="workflow:start",
        when="A workflow is about to begin.",
        value=values.WorkflowStep,
        answers=_CHANGE_OR_CANCEL,
        later="workflows",
    ),
    Point(
        name="workflow:step",
        when="A step of a workflow is about to run.",
        value=values.WorkflowStep,
        answers={
            **_CHANGE_OR_CANCEL,
            "retry": "a step that fails runs again after the wait",
            "fork": "one run for each value, at the same time; the results are joined as `join` says",
            "cache": "a kept result is taken, or the result is kept",
            "replace": "this is the step's result",
        },
        later="workflows",
    ),
    Point(
        name="workflow:finish",
        when="A workflow has ended.",
        value=values.WorkflowStep,
        answers={},
        later="workflows",
    ),
    Point(
        name="state:change",
        when="A value of the state is about to change.",
        value=values.StateChange,
        answers=_CHANGE_OR_CANCEL,
        later="state",
    ),
    Point(
        name="state:changed",
        when="A value of the state has changed.",
        value=values.StateChange,
        answers={},
        later="state",
    ),
    Point(
        name="artifact:create",
        when="An artifact is about to be kept.",
        value=values.ArtifactFacts,
        answers=_CHANGE_OR_CANCEL,
        later="artifacts",
    ),
    Point(
        name="artifact:created",
        when="An artifact is kept.",
        value=values.ArtifactFacts,
        answers={},
        later="artifacts",
    ),
    Point(
        name="memory:write",
        when="Something is about to be remembered.",
        value=values.MemoryText,
        answers=_CHANGE_OR_CANCEL,
        later="memory",
    ),
    Point(
        name="memory:recall",
        when="Something was recalled for a prompt.",
        value=values.MemoryText,
        answers=_CHANGE_OR_CANCEL,
        later="memory",
    ),
    Point(
        name="audio:recognised",
        when="Speech was recognised and is about to be sent.",
        value=values.Speech,
        answers=_CHANGE_OR_CANCEL,
        later="voice",
    ),
    Point(
        name="audio:speak",
        when="A sentence is about to be spoken.",
        value=values.Speech,
        answers=_CHANGE_OR_CANCEL,
        later="voice",
    ),
    Point(
        name="model_file:download",
        when="A model file is about to be fetched.",
        value=values.ModelDownload,
        answers={**_CHANGE_OR_CANCEL, "retry": "a download that fails is resumed after the wait"},
        later="models",
    ),
    Point(
        name="model_file:verified",
        when="A model file was fetched and checked.",
        value=values.ModelDownload,
        answers={},
        later="models",
    ),
)
