"""The table of core event names with the type of each payload.

`docs/events.md` is generated from this table (`python -m workbench.app.events.names`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from workbench.app.events.event import UNENCODABLE
from workbench.app.events.patterns import is_event_name


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all declared payloads: every field is named and typed."""


class SystemStarted(Payload, frozen=True):
    """The workbench has opened its services."""

    version: str
    face: str
    services: list[str]


class SystemStopped(Payload, frozen=True):
    """The workbench is about to close its services."""

    face: str


class Notice(Payload, frozen=True):
    """Something that a person should know; `level` is info, warning or error."""

    level: str
    code: str
    message: str
    hint: str = ""


class HealthChecked(Payload, frozen=True):
    """A health check published this event to see that it arrives in the log."""

    check: str


class SettingChanged(Payload, frozen=True):
    """A running workbench took another value of a setting; `origin` says where it was set."""

    key: str
    origin: str


class EventInvalid(Payload, frozen=True):
    """An event whose payload does not fit its declared type; the payload is kept as it came."""

    name: str
    problem: str
    payload: Any = None


class SubscriberStuck(Payload, frozen=True):
    """A durable subscriber stopped taking events and was cut off."""

    subscriber: str
    pattern: str
    lag: int


class LogGap(Payload, frozen=True):
    """Events that could not be written to the log, and why."""

    first_seq: int
    last_seq: int
    reason: str


class StoreOpened(Payload, frozen=True):
    """The database is open."""

    path: str
    schema: int
    clean: bool


class StoreReadOnly(Payload, frozen=True):
    """The database cannot be written for now; writes wait."""

    reason: str


class StoreRecovered(Payload, frozen=True):
    """The database can be written again."""

    waited_ms: float


class StoreRestored(Payload, frozen=True):
    """A damaged or missing database was replaced by a backup, or a new one was begun without.

    `quarantined` is where the damaged file is kept, null when there was none.
    """

    quarantined: str | None
    backup: str | None
    problem: str


class StoreBackedUp(Payload, frozen=True):
    """A backup of the database was written."""

    path: str
    reason: str


class WorkerStateChanged(Payload, frozen=True):
    """A worker went from one state to another."""

    worker: str
    state: str
    previous: str
    reason: str = ""
    pid: int | None = None


class WorkerRequestFinished(Payload, frozen=True):
    """A request to a worker ended; `outcome` is ok, cancelled or an error code."""

    worker: str
    method: str
    request_id: int
    duration_ms: float
    outcome: str


class WorkerLog(Payload, frozen=True):
    """A line that a worker wrote to its log and that a person should see."""

    worker: str
    line: str


class ModelLoading(Payload, frozen=True):
    """A model is being loaded."""

    name: str
    path: str


class ModelLoaded(Payload, frozen=True):
    """A model is ready."""

    name: str
    path: str
    context: int
    load_ms: float


class ModelFailed(Payload, frozen=True):
    """A model could not be loaded."""

    name: str
    code: str
    message: str


class SessionCreated(Payload, frozen=True):
    """A session was made."""

    title: str


class SessionChanged(Payload, frozen=True):
    """A session was renamed or moved to another branch; `fields` names what changed."""

    fields: list[str]


class SessionDeleted(Payload, frozen=True):
    """A session was deleted."""

    title: str


class MessageReceived(Payload, frozen=True):
    """A person's or script's message was stored."""

    message_id: str
    characters: int


class PromptBuilt(Payload, frozen=True):
    """The prompt of a turn is ready."""

    tokens: int
    context: int
    messages: int
    trimmed_messages: int


class ReplyStarted(Payload, frozen=True):
    """The model gave its first text."""

    message_id: str
    first_token_ms: float


class ReplyProgress(Payload, frozen=True):
    """A reply has grown; sent a few times a second while it streams."""

    message_id: str
    characters: int
    tokens: int
    tokens_per_second: float


class ReplyFinished(Payload, frozen=True):
    """A reply is complete; `reason` is stop, length, context or cancelled."""

    message_id: str
    reason: str
    characters: int
    prompt_tokens: int
    cached_tokens: int
    reply_tokens: int
    first_token_ms: float
    duration_ms: float
    tokens_per_second: float


class ReplyFailed(Payload, frozen=True):
    """A reply ended with an error; what had arrived is kept."""

    message_id: str
    code: str
    message: str
    characters: int


class ReplyRecovered(Payload, frozen=True):
    """A reply that an earlier process left unfinished was found and marked."""

    message_id: str
    characters: int


class StepFinished(Payload, frozen=True):
    """A step of a turn ended; its time is the end, `step` is load, prompt, prefill, decode or store.

    `tokens` counts what the step read or wrote.
    """

    step: str
    duration_ms: float
    tokens: int | None = None
    detail: str = ""


class HookRegistered(Payload, frozen=True):
    """A hook was registered or taken away, switched on or off, or moved to another priority."""

    hook: str
    point: str
    plugin: str
    version: str
    priority: int
    enabled: bool


class HookRan(Payload, frozen=True):
    """The hooks of a point ran; its time is the end. `context` is what the first got, for replay.

    Each of `runs` has hook, plugin, version, started_ms, duration_ms and result, and where they apply
    changes (field: before, after), answer, error and printed; `shortened` where those were too long.
    `screened` says that hooks changed this event itself, to mask secrets say.
    """

    point: str
    duration_ms: float
    outcome: str
    runs: list[dict[str, Any]]
    context: dict[str, Any] | None = None
    screened: bool = False


class HookRetried(Payload, frozen=True):
    """Something failed and is tried again as a hook asked; `attempt` counts the tries from 1."""

    point: str
    attempt: int
    wait_ms: float
    code: str


class HookBreakerChanged(Payload, frozen=True):
    """A hook's circuit breaker went from one state to another: closed, open or half_open."""

    hook: str
    point: str
    state: str
    previous: str
    reason: str = ""


class HookPaused(Payload, frozen=True):
    """Something waits at a breakpoint for a person's answer; `value` is what is about to happen."""

    pause_id: str
    point: str
    value: dict[str, Any]


class HookResumed(Payload, frozen=True):
    """What waited at a breakpoint went on; `outcome` is continue, modified, cancel, timeout or cancelled."""

    pause_id: str
    point: str
    outcome: str


class HookFileLoaded(Payload, frozen=True):
    """A file of hooks was loaded; `generation` counts its versions, `printed` is what it printed then."""

    file: str
    hooks: list[str]
    version: str
    generation: int
    printed: str = ""


class HookFileRemoved(Payload, frozen=True):
    """A file of hooks is gone; its hooks run no more."""

    file: str


class HookFileFailed(Payload, frozen=True):
    """A file of hooks could not be loaded; its last good version goes on. `line` is 0 when there is none."""

    file: str
    line: int
    message: str


class HookReplayed(Payload, frozen=True):
    """A trace was run again through the present code of its hook, without effect.

    `trace` is the id of the event with the trace, a colon, and the place in its runs. `then` and `now` have
    result, and where they apply changes, answer and error; `differences` names those of them that differ.
    """

    trace: str
    hook: str
    point: str
    same: bool
    differences: list[str]
    then: dict[str, Any]
    now: dict[str, Any]
    then_ms: float
    now_ms: float


class CommandRun(Payload, frozen=True):
    """A command ended; `outcome` is ok or an error code."""

    command: str
    face: str
    duration_ms: float
    outcome: str


CORE_EVENTS: Final[dict[str, type[Payload]]] = {
    "core:system:started": SystemStarted,
    "core:system:stopped": SystemStopped,
    "core:system:notice": Notice,
    "core:system:health_checked": HealthChecked,
    "core:settings:changed": SettingChanged,
    "core:event:invalid": EventInvalid,
    "core:event:subscriber_stuck": SubscriberStuck,
    "core:event:log_gap": LogGap,
    "core:store:opened": StoreOpened,
    "core:store:read_only": StoreReadOnly,
    "core:store:recovered": StoreRecovered,
    "core:store:restored": StoreRestored,
    "core:store:backed_up": StoreBackedUp,
    "core:worker:state_changed": WorkerStateChanged,
    "core:worker:request_finished": WorkerRequestFinished,
    "core:worker:log": WorkerLog,
    "core:model:loading": ModelLoading,
    "core:model:loaded": ModelLoaded,
    "core:model:failed": ModelFailed,
    "core:session:created": SessionCreated,
    "core:session:changed": SessionChanged,
    "core:session:deleted": SessionDeleted,
    "core:chat:message_received": MessageReceived,
    "core:chat:prompt_built": PromptBuilt,
    "core:chat:reply_started": ReplyStarted,
    "core:chat:reply_progress": ReplyProgress,
    "core:chat:reply_finished": ReplyFinished,
    "core:chat:reply_failed": ReplyFailed,
    "core:chat:reply_recovered": ReplyRecovered,
    "core:chat:step_finished": StepFinished,
    "core:hook:registered": HookRegistered,
    "core:hook:removed": HookRegistered,
    "core:hook:changed": HookRegistered,
    "core:hook:ran": HookRan,
    "core:hook:retried": HookRetried,
    "core:hook:breaker_changed": HookBreakerChanged,
    "core:hook:paused": HookPaused,
    "core:hook:resumed": HookResumed,
    "core:hook:file_loaded": HookFileLoaded,
    "core:hook:file_failed": HookFileFailed,
    "core:hook:file_removed": HookFileRemoved,
    "core:hook:replayed": HookReplayed,
    "core:command:run": CommandRun,
}
"""Every core event with the type that its payload must fit."""


_WORDS: Final = {
    "Any": "anything",
    "None": "null",
    "bool": "true or false",
    "float": "number",
    "int": "whole number",
    "list[str]": "list of texts",
    "str": "text",
}


def payload_problem(name: str, payload: dict[str, Any]) -> str | None:
    """Tell what is wrong with a payload.

    Args:
        name: the event's name; for names outside `core:` (plugins'), which have no declared type here, the
            name's form and that JSON can carry the payload are checked.
        payload: the payload.

    Returns:
        One line, or None when the payload fits.
    """
    declared = CORE_EVENTS.get(name)
    if declared is None:
        return _foreign_problem(name, payload)
    try:
        msgspec.convert(payload, declared)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _foreign_problem(name: str, payload: dict[str, Any]) -> str | None:
    if name.startswith("core:"):
        return "it is not a core event"
    if not is_event_name(name):
        return "an event name is made of lower-case segments joined by colons"
    try:
        msgspec.json.encode(payload)
    except UNENCODABLE as error:
        return f"JSON cannot carry it: {error}"
    return None


def reference() -> str:
    """Return the Markdown reference of all core events."""
    lines = [
        "# Core events",
        "",
        "One row an event: its name, when it happens, and the payload's fields. A field with `?` may be left",
        "out. A payload that does not fit is published as `core:event:invalid`.",
        "",
        "| event | when | payload |",
        "|---|---|---|",
    ]
    for name, declared in CORE_EVENTS.items():
        fields = ", ".join(_field_words(item) for item in msgspec.structs.fields(declared))
        lines.append(f"| `{name}` | {' '.join((declared.__doc__ or '').split())} | {fields} |")
    return "\n".join(lines) + "\n"


def _field_words(field: msgspec.structs.FieldInfo) -> str:
    declared = field.type.__name__ if isinstance(field.type, type) else str(field.type)
    words = " or ".join(_WORDS.get(part, part) for part in declared.replace("typing.", "").split(" | "))
    return f"`{field.name}{'' if field.required else '?'}` {words}"


if __name__ == "__main__":
    print(reference(), end="")
