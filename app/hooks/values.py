"""What hooks are given at each point: one frozen type a point, made of what JSON can carry."""

from __future__ import annotations

from typing import Any

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all values. A hook changes one by answering `context.change(field=...)`."""


class ChatMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message as the model sees it: role is system, user, assistant or tool."""

    role: str
    content: str


class SystemFacts(Value, frozen=True):
    """The workbench itself: its version, the way in (tui, headless, command, library), the open services."""

    version: str
    face: str
    services: tuple[str, ...] = ()


class Notice(Value, frozen=True):
    """Something that a person should know; `level` is info, warning or error."""

    level: str
    code: str
    message: str
    hint: str = ""


class SettingChange(Value, frozen=True):
    """A setting's dotted name, its new value as text, and where it is said."""

    key: str
    text: str
    origin: str


class SessionTitle(Value, frozen=True):
    """A session and its title; the id is empty before the session exists."""

    title: str
    session_id: str = ""


class MessageText(Value, frozen=True):
    """A person's or script's message; the id is empty before it is stored."""

    text: str
    message_id: str = ""


class TurnFacts(Value, frozen=True):
    """A turn; `reason`, `duration_ms` and `tokens` are known at its end."""

    message_id: str
    reason: str = ""
    duration_ms: float = 0.0
    tokens: int = 0


class PromptDraft(Value, frozen=True):
    """What a prompt is made of, oldest first, before it is cut to `limit` tokens."""

    model: str
    messages: tuple[ChatMessage, ...]
    limit: int


class PromptFinal(Value, frozen=True):
    """The prompt as it goes to the model."""

    model: str
    messages: tuple[ChatMessage, ...]
    tokens: int
    trimmed: int


class ModelChoice(Value, frozen=True):
    """The model that is about to be made ready."""

    name: str


class ModelReady(Value, frozen=True):
    """A model that is ready, its context in tokens."""

    name: str
    context: int
    load_ms: float


class ModelFailure(Value, frozen=True):
    """What went wrong with a model; `received` is the text that had arrived, `attempt` counts from 1."""

    name: str
    code: str
    message: str
    received: str = ""
    attempt: int = 1


class ModelCall(Value, frozen=True):
    """What a model is asked to write; a setting that is null is left to the model's profile."""

    model: str
    messages: tuple[ChatMessage, ...]
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    prefix: str = ""
    stop: tuple[str, ...] = ()


class ModelReply(Value, frozen=True):
    """What a model wrote; `reason` is stop, length, context, cancelled or hook."""

    model: str
    text: str
    reason: str
    prompt_tokens: int = 0
    reply_tokens: int = 0
    duration_ms: float = 0.0


class TokenBatch(Value, frozen=True):
    """Text that has just arrived; `tokens` counts the reply's tokens so far."""

    text: str
    tokens: int


class ReplyText(Value, frozen=True):
    """A whole reply that is about to be stored."""

    message_id: str
    text: str
    reason: str
    reply_tokens: int = 0


class ReplyFailure(Value, frozen=True):
    """A reply that ended with an error, with the text that had arrived."""

    message_id: str
    code: str
    message: str
    text: str = ""


class ModelFiles(Value, frozen=True):
    """Names of the model files that were found and will be offered."""

    names: tuple[str, ...]


class EventDraft(Value, frozen=True):
    """An event that is about to be published and logged."""

    name: str
    source: str
    payload: dict[str, Any]


class CommandCall(Value, frozen=True):
    """A command that is about to run: its name, its arguments by name, and the way in that asks."""

    command: str
    arguments: dict[str, Any]
    face: str


class CommandAnswer(Value, frozen=True):
    """What a command answered: lines for people, data for programs."""

    command: str
    lines: tuple[str, ...]
    data: Any = None


class Backup(Value, frozen=True):
    """A backup of the database that is about to be written, and why."""

    reason: str


class Retention(Value, frozen=True):
    """How much of the event log is kept: days, and most rows."""

    keep_days: int
    keep_rows: int


class ScriptLine(Value, frozen=True):
    """A line of a headless script that is about to run, its number from 1."""

    number: int
    text: str


class Copy(Value, frozen=True):
    """A text that is about to be sent to the clipboard; `what` says what it is."""

    text: str
    what: str


class PluginFile(Value, frozen=True):
    """A plugin or file of hooks that is about to be loaded."""

    name: str
    path: str


class ToolCall(Value, frozen=True):
    """A tool that a model wants to call."""

    tool: str
    arguments: dict[str, Any]


class ToolResult(Value, frozen=True):
    """What a tool answered."""

    tool: str
    arguments: dict[str, Any]
    result: Any
    duration_ms: float = 0.0


class AgentStep(Value, frozen=True):
    """An agent's state: idle, planning, acting, waiting, finished or failed."""

    agent: str
    state: str
    task: str = ""


class WorkflowStep(Value, frozen=True):
    """A step of a workflow, or the workflow itself when `step` is empty."""

    workflow: str
    step: str = ""
    inputs: dict[str, Any] = {}


class StateChange(Value, frozen=True):
    """A value of the key-value state, before and after."""

    owner: str
    key: str
    before: Any
    after: Any


class ArtifactFacts(Value, frozen=True):
    """An artifact: its name, media type, size in bytes and where it comes from."""

    name: str
    type: str
    size: int
    origin: str


class MemoryText(Value, frozen=True):
    """Something to be remembered, or what was recalled for a query."""

    text: str
    query: str = ""


class Speech(Value, frozen=True):
    """Recognised or spoken text; `confidence` is 0 to 1."""

    text: str
    confidence: float = 1.0


class ModelDownload(Value, frozen=True):
    """A model file to be fetched, or that was fetched and checked."""

    name: str
    source: str
    size: int = 0
