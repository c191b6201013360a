"""The lines of `--json`: one JSON object each, told apart by `type`.

`docs/headless.schema.json` is generated from these types (`python -m workbench.app.headless.lines`).
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from workbench.app.chat.parts import Part
from workbench.app.errors import WorkbenchError
from workbench.app.events.event import Event


class EventLine(msgspec.Struct, frozen=True, tag_field="type", tag="event"):
    """Something happened; the event as the log keeps it."""

    event: Event


class ResultLine(msgspec.Struct, frozen=True, tag_field="type", tag="result"):
    """A command of the script answered; `data` is for programs, `lines` for people."""

    command: str
    data: Any
    lines: list[str]


class ExpectationLine(msgspec.Struct, frozen=True, tag_field="type", tag="expectation"):
    """An `/expect` line holds; one that does not is an `error` line with code `expect.not_met`."""

    file: str
    line: int
    expected: str


class ErrorLine(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    """What failed; `details` has `file` and `line` when it was a line of a script."""

    code: str
    message: str
    hint: str
    exit_code: int
    details: dict[str, Any]


class DoneLine(msgspec.Struct, frozen=True, tag_field="type", tag="done"):
    """The last line of a run.

    Args:
        exit_code: what the program ends with.
        session_id: the session that the run ended in, null when there was none.
        turns: how many replies were asked for.
        expectations: how many expectations held.
        events_dropped: events left out because standard output was read too slowly.
    """

    exit_code: int
    session_id: str | None = None
    turns: int = 0
    expectations: int = 0
    events_dropped: int = 0


Line = Part | EventLine | ResultLine | ExpectationLine | ErrorLine | DoneLine
"""Any line."""

# JSON lets DEL and the C1 controls stand raw; a terminal would act on them.
_CONTROLS: Final = re.compile("[\x7f-\x9f]")


def error_line(error: WorkbenchError) -> ErrorLine:
    """Return the line that tells of an error."""
    return ErrorLine(**error.to_dict())


def to_json(value: Any) -> str:
    """Return a line or other JSON-able data as JSON text on one line, without its line end."""
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return _CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def schema() -> dict[str, Any]:
    """Return the JSON schema of any line."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of workbench --json",
        **msgspec.json.schema(Line),
    }


if __name__ == "__main__":
    print(msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode())
