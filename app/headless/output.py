"""What a run says: results on standard output as text or JSON lines, narration on standard error."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from workbench.app.chat.parts import (
    ModelProgress,
    Notice,
    Part,
    ReplyFinished,
    ReplyStarted,
    TextDelta,
    TextRewritten,
)
from workbench.app.commands.command import CommandResult
from workbench.app.errors import WorkbenchError
from workbench.app.events.event import Event
from workbench.app.headless.lines import (
    DoneLine,
    EventLine,
    ExpectationLine,
    Line,
    ResultLine,
    error_line,
    to_json,
)
from workbench.app.headless.script import ExpectEvent, ExpectReply, Place, describe
from workbench.app.headless.streams import OutputClosed, Stream
from workbench.app.text import printable


class Narrator:
    """Writes what is no result, for people, on standard error.

    Args:
        stream: standard error.
        verbose: also say how the run goes on; a terminal always gets to see it.
    """

    def __init__(self, stream: Stream, *, verbose: bool) -> None:
        self._stream = stream
        self.talks = verbose or stream.is_terminal

    async def progress(self, text: str) -> None:
        """Say how the run goes on."""
        if self.talks:
            await self.notice(text)

    async def notice(self, text: str) -> None:
        """Say something that a person should know."""
        await self._write(f"# {text}")

    async def error(self, error: WorkbenchError) -> None:
        """Say what failed and what to do."""
        await self._write(f"error [{error.code}] {error.message}")
        if error.hint:
            await self._write(f"hint: {error.hint}")

    async def traceback(self, error: WorkbenchError) -> None:
        """Say where an error was raised."""
        import traceback

        await self._write("".join(traceback.format_exception(error)).rstrip())

    async def _write(self, text: str) -> None:
        # Results do not depend on whether anybody reads the narration.
        with suppress(OutputClosed, OSError):
            await self._stream.write(f"{printable(text)}\n")

    async def part(self, part: Part) -> None:
        """Narrate a turn."""
        match part:
            case ModelProgress(model, 0.0):
                await self.progress(f"loading the model {model}")
            case Notice(_, message):
                await self.notice(message)
            case ReplyFinished(_, reason, usage):
                await self.progress(
                    f"{usage.reply_tokens} tokens, {usage.tokens_per_second:.0f} a second,"
                    f" the first after {usage.first_token_ms:.0f} ms; ended by {reason}"
                )
                if reason in ("length", "context"):
                    limit = "sampling.max_tokens" if reason == "length" else "the model's context"
                    await self.notice(f"the reply was cut off by {limit}")


class Output(Protocol):
    """Where the results of a run go."""

    async def part(self, part: Part) -> None:
        """Take a part of a turn."""

    async def events(self, events: list[Event]) -> None:
        """Take events, in order."""

    async def result(self, command: str, result: CommandResult) -> None:
        """Take what a command answered."""

    async def expectation(self, expected: ExpectReply | ExpectEvent) -> None:
        """Take an expectation that holds."""

    async def error(self, error: WorkbenchError) -> None:
        """Take what ended the run."""

    async def done(self, line: DoneLine) -> None:
        """Take the end of the run."""


class TextOutput:
    """Replies and answers as text.

    Args:
        stream: standard output. On a terminal, control characters become visible.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._line_is_open = False

    async def part(self, part: Part) -> None:
        match part:
            case TextDelta(text) | ReplyStarted(_, text) if text:
                await self._write(text)
                self._line_is_open = not text.endswith("\n")
            case TextRewritten(text) | ReplyFinished(_, _, _, str(text)):
                # What was written cannot be taken back: the whole text follows on a line of its own.
                await self._end_line()
                await self._write(text)
                self._line_is_open = not text.endswith("\n")
                if isinstance(part, ReplyFinished):
                    await self._end_line()
            case ReplyFinished():
                await self._end_line()

    async def events(self, events: list[Event]) -> None:
        """Events are no result here."""

    async def result(self, command: str, result: CommandResult) -> None:
        if result.lines:
            await self._end_line()
            await self._write("".join(f"{line}\n" for line in result.lines))

    async def expectation(self, expected: ExpectReply | ExpectEvent) -> None:
        """What holds needs no word."""

    async def error(self, error: WorkbenchError) -> None:
        await self._end_line()

    async def done(self, line: DoneLine) -> None:
        await self._end_line()

    async def _end_line(self) -> None:
        if self._line_is_open:
            self._line_is_open = False
            await self._write("\n")

    async def _write(self, text: str) -> None:
        await self._stream.write(printable(text) if self._stream.is_terminal else text)


class JsonOutput:
    """Everything as one JSON object a line; see `lines`.

    Args:
        stream: standard output.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def part(self, part: Part) -> None:
        await self._write(part)

    async def events(self, events: list[Event]) -> None:
        await self._write(*(EventLine(event) for event in events))

    async def result(self, command: str, result: CommandResult) -> None:
        await self._write(ResultLine(command, result.data, list(result.lines)))

    async def expectation(self, expected: ExpectReply | ExpectEvent) -> None:
        place = expected.place or Place("", 0)
        await self._write(ExpectationLine(place.file, place.line, describe(expected)))

    async def error(self, error: WorkbenchError) -> None:
        await self._write(error_line(error))

    async def done(self, line: DoneLine) -> None:
        await self._write(line)

    async def _write(self, *lines: Line) -> None:
        await self._stream.write("".join(f"{to_json(line)}\n" for line in lines))
