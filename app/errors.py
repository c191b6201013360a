"""One error family: every failure that a user can cause or meet has a code, a sentence and a way out."""

from __future__ import annotations

from typing import Any, ClassVar, Final

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_MODEL: Final = 3
EXIT_STORE: Final = 4
EXIT_INTERRUPTED: Final = 130

CODES: Final[dict[str, str]] = {
    "command.bad_argument": "A command was given an argument that it cannot take.",
    "command.not_available": "The command cannot run in this place or state.",
    "command.unknown": "No command has that name.",
    "event.bad_filter": "A filter for events cannot be read.",
    "event.bad_pattern": "An event pattern cannot be read.",
    "event.bad_payload": "An event's payload does not fit its declared type.",
    "event.not_exported": "Events could not be written to a file.",
    "event.subscriber_stuck": "A subscriber that must get every event stopped taking them.",
    "expect.not_met": "An expectation of a script does not hold.",
    "hook.bad_result": "A hook answered something that makes no sense at its point.",
    "hook.bad_value": "A hook answered a value that does not fit its point.",
    "hook.blocked": "A hook kept the program from doing anything else and was interrupted.",
    "hook.cancelled": "A hook decided that something is not done.",
    "hook.conflict": "Hooks that ran at the same time changed the same thing in different ways.",
    "hook.exited": "A hook tried to end the program.",
    "hook.file_broken": "A file of hooks cannot be loaded.",
    "hook.no_breakpoint": "A hook point cannot hold a breakpoint.",
    "hook.not_found": "No hook or trace has that name.",
    "hook.not_replayable": "A trace does not hold what is needed to run its hook again.",
    "hook.raised": "A hook raised an exception.",
    "hook.timeout": "A hook did not answer within its deadline.",
    "hook.unknown_point": "No hook point has that name.",
    "interrupted.signal": "The program was asked to stop.",
    "model.bad_request": "The model was asked for something that it cannot do.",
    "model.broken": "The model file is not a readable GGUF file.",
    "model.load_failed": "The model library could not load the file.",
    "model.no_template": "The model file has no chat template.",
    "model.not_found": "No model has that name or path.",
    "model.not_loaded": "No model is loaded.",
    "model.out_of_memory": "The model or its context does not fit into memory.",
    "model.prompt_too_long": "The prompt does not fit into the model's context.",
    "model.template_failed": "The model's chat template could not be rendered.",
    "model.truncated": "The model file is shorter than its header says.",
    "model.unsupported": "The model's format or architecture is not supported.",
    "session.ambiguous": "More than one session fits the given id.",
    "session.bad_request": "The session cannot do what was asked.",
    "session.not_found": "No session or message has that id.",
    "settings.bad_value": "A setting has a value that it cannot take.",
    "settings.newer": "A settings file was written by a newer version.",
    "settings.unknown_key": "No setting has that name.",
    "settings.unreadable": "A settings file cannot be read.",
    "store.busy": "Another process has the profile open.",
    "store.closed": "The store is closed.",
    "store.corrupt": "The database is damaged.",
    "store.failed": "The database refused an operation.",
    "store.full": "The disk is full.",
    "store.newer": "The database was written by a newer version.",
    "store.read_only": "The data folder cannot be written.",
    "store.unreadable": "The data folder or the database cannot be read.",
    "turn.ambiguous": "More than one turn fits the given id.",
    "turn.busy": "The session is already answering.",
    "turn.cancelled": "The turn was cancelled.",
    "turn.not_found": "No turn has that id.",
    "usage.bad_input": "The input cannot be used.",
    "usage.bad_option": "A command-line option or its value cannot be used.",
    "usage.no_terminal": "The full-screen program needs a terminal.",
    "usage.script": "A script cannot be read.",
    "worker.cancelled": "The request to the worker was cancelled.",
    "worker.crashed": "A worker process ended while it was needed.",
    "worker.degraded": "A worker failed too often and is not restarted by itself.",
    "worker.failed": "A worker could not do what it was asked.",
    "worker.hung": "A worker stopped answering and was killed.",
    "worker.not_started": "A worker process could not be started.",
    "worker.overloaded": "Too many requests wait for a worker.",
    "worker.timeout": "A worker did not answer in time.",
    "worker.unknown": "No worker has that name.",
    "worker.unknown_method": "The worker does not know the method.",
    "worker.wire": "A message between the workbench and a worker cannot be read.",
}
"""Every stable error code with its meaning."""


class WorkbenchError(Exception):
    """A failure that a user can cause or meet.

    Args:
        reason: the second half of the code; `category.reason` must stand in `CODES`.
        message: one sentence that says what happened and where.
        hint: one sentence that says what to do; may be empty.
        details: JSON-able facts for programs (never secrets).
    """

    category: ClassVar[str] = "workbench"
    exit_code: int = EXIT_FAILED

    def __init__(self, reason: str, message: str, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = f"{self.category}.{reason}"
        if self.code not in CODES:
            raise KeyError(f"error code {self.code!r} is not in errors.CODES")
        if self.code in _ASKED_WRONG:
            self.exit_code = EXIT_USAGE
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Return the error as JSON-able data: code, message, hint, exit_code, details."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "exit_code": self.exit_code,
            "details": self.details,
        }


class UsageError(WorkbenchError):
    """The command line, a script or the input cannot be used."""

    category = "usage"
    exit_code = EXIT_USAGE


class SettingsError(WorkbenchError):
    """A setting or a settings file is wrong."""

    category = "settings"
    exit_code = EXIT_USAGE


class CommandError(WorkbenchError):
    """A command does not exist or was given wrong arguments."""

    category = "command"
    exit_code = EXIT_USAGE


class EventError(WorkbenchError):
    """An event or an event pattern is wrong."""

    category = "event"
    exit_code = EXIT_USAGE


class HookError(WorkbenchError):
    """A hook failed, or decided that something is not done."""

    category = "hook"


class ExpectationError(WorkbenchError):
    """An `/expect` line of a script does not hold."""

    category = "expect"


class TurnError(WorkbenchError):
    """A turn could not be done."""

    category = "turn"


class SessionError(WorkbenchError):
    """A session or a message cannot be found or used."""

    category = "session"
    exit_code = EXIT_USAGE


class ModelError(WorkbenchError):
    """A model file or a loaded model cannot do what was asked."""

    category = "model"
    exit_code = EXIT_MODEL


class WorkerError(WorkbenchError):
    """A worker process failed."""

    category = "worker"
    exit_code = EXIT_MODEL


class StoreError(WorkbenchError):
    """The database or the data folder failed."""

    category = "store"
    exit_code = EXIT_STORE


class Interrupted(WorkbenchError):
    """The program was asked to stop by a signal."""

    category = "interrupted"
    exit_code = EXIT_INTERRUPTED


# Of families whose others say that something failed: here only what was asked for does not exist, so that
# exit code 1 of `hooks replay` says nothing else than that an answer differs.
_ASKED_WRONG: Final = frozenset(
    {"hook.no_breakpoint", "hook.not_found", "hook.unknown_point", "turn.ambiguous", "turn.not_found"}
)
_FAMILIES: Final[dict[str, type[WorkbenchError]]] = {
    family.category: family
    for family in (
        UsageError,
        SettingsError,
        CommandError,
        EventError,
        HookError,
        ExpectationError,
        TurnError,
        SessionError,
        ModelError,
        WorkerError,
        StoreError,
        Interrupted,
    )
}


def _exit_code(code: str) -> int:
    return EXIT_USAGE if code in _ASKED_WRONG else _FAMILIES[code.partition(".")[0]].exit_code


def reference() -> str:
    """Return the Markdown reference of all error codes."""
    lines = [
        "# Error codes",
        "",
        "One row a code: what it means, and the exit code of a command or script that ends by it. Every",
        "error also has a sentence that says what happened and mostly one that says what to do.",
        "",
        "| code | meaning | exit code |",
        "|---|---|---|",
    ]
    for code, meaning in CODES.items():
        lines.append(f"| `{code}` | {meaning} | {_exit_code(code)} |")
    return "\n".join(lines) + "\n"


def from_dict(data: dict[str, Any]) -> WorkbenchError:
    """Rebuild an error from `WorkbenchError.to_dict` data that another process sent.

    Args:
        data: the dictionary; what is missing or unknown becomes a `worker.failed` error, since the sender
            is another program and may be of another version.

    Returns:
        The error, not raised.
    """
    category, _, reason = str(data.get("code", "")).partition(".")
    family = _FAMILIES.get(category)
    message = str(data.get("message") or "The worker reported an error without a message.")
    hint = str(data.get("hint") or "")
    details = data.get("details")
    facts = {str(key): value for key, value in details.items()} if isinstance(details, dict) else {}
    for taken in ("reason", "message", "hint", "self"):
        facts.pop(taken, None)
    if family is None or f"{category}.{reason}" not in CODES:
        return WorkerError("failed", message, hint, **facts)
    return family(reason, message, hint, **facts)


if __name__ == "__main__":
    print(reference(), end="")
