"""Runs the steps of a script, one after the other, until one fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

from workbench.app.chat.parts import Part, ReplyFailed, ReplyStarted, TextDelta, rewritten
from workbench.app.commands.command import CommandResult, context_of
from workbench.app.commands.registry import Registry
from workbench.app.errors import ExpectationError, SessionError, WorkbenchError, from_dict
from workbench.app.headless.expect import check_events, check_reply
from workbench.app.headless.hooked_lines import steps_after_hooks
from workbench.app.headless.interrupts import Interrupts
from workbench.app.headless.lines import DoneLine
from workbench.app.headless.load import RunCommand, Step
from workbench.app.headless.output import Narrator, Output
from workbench.app.headless.script import ExpectEvent, ExpectReply, Message, Place, SetValue, describe
from workbench.app.hooks.points import SCRIPT_LINE
from workbench.app.text import one_line
from workbench.app.workbench import Workbench

_SHOWN: Final = 80


class Runner:
    """Runs steps in an open workbench.

    Args:
        workbench: with the chat open.
        registry: the commands.
        output: where results go.
        narrator: where the rest goes.
        interrupts: what may end the run from outside.
    """

    def __init__(
        self,
        workbench: Workbench,
        registry: Registry,
        output: Output,
        narrator: Narrator,
        interrupts: Interrupts,
    ) -> None:
        self._workbench = workbench
        self._registry = registry
        self._output = output
        self._narrator = narrator
        self._interrupts = interrupts
        self._session_id: str | None = None
        self._reply: str | None = None
        self._turns = 0
        self._expectations = 0
        self._first_seq = workbench.bus.last_seq

    def summary(self, exit_code: int) -> DoneLine:
        """Return what the run came to."""
        return DoneLine(exit_code, self._session_id, self._turns, self._expectations)

    async def choose_session(self, session_id: str | None, *, newest: bool) -> None:
        """Go on in a session; otherwise a new one is made at the first message.

        Args:
            session_id: its id, or part of it.
            newest: take the one that was used last.

        Raises:
            SessionError: there is no such session.
        """
        sessions = self._workbench.sessions
        if session_id is not None:
            self._session_id = (await sessions.get(session_id)).id
        elif newest:
            latest = await sessions.latest()
            if latest is None:
                raise SessionError(
                    "not_found", "There is no session to go on with.", "Leave --continue away."
                )
            self._session_id = latest.id

    async def run(self, steps: Sequence[Step]) -> None:
        """Run all steps, up to one that ends the script.

        Raises:
            WorkbenchError: a step failed; the message and the details name its place.
        """
        for step in steps:
            self._interrupts.check()
            try:
                goes_on = await self._do(step)
            except WorkbenchError as error:
                raise _located(error, step.place) from error
            if not goes_on:
                return

    async def _do(self, step: Step) -> bool:
        """Run one step, as hooks leave it, and tell whether the script goes on."""
        if not self._workbench.hooks.has(SCRIPT_LINE):
            return await self._do_as_is(step)
        for changed in await steps_after_hooks(self._workbench.hooks, step, self._registry):
            if not await self._do_as_is(changed):
                return False
        return True

    async def _do_as_is(self, step: Step) -> bool:
        match step:
            case Message(text, place):
                await self._narrator.progress(f"{_where(place)}> {one_line(text, _SHOWN)}")
                session_id = await self._session()
                await self._turn(session_id, self._workbench.chat.send(session_id, text))
            case RunCommand():
                return await self._command(step)
            case ExpectReply():
                await check_reply(step, self._reply)
                await self._held(step)
            case ExpectEvent():
                await check_events(step, self._workbench, self._first_seq)
                await self._held(step)
            case SetValue(key, text, place):
                await self._workbench.change_setting(key, text, str(place))
        return True

    async def _command(self, step: RunCommand) -> bool:
        invocation = step.invocation

        async def hand_out(items: Sequence[Any], lines: Sequence[str]) -> None:
            if items or lines:
                piece = CommandResult(data=list(items), lines=lines)
                await self._output.result(invocation.command.name, piece)

        context = context_of(
            self._workbench,
            "headless",
            session_id=self._session_id,
            say=self._narrator.progress,
            hand_out=hand_out,
        )
        await self._narrator.progress(f"{_where(step.place)}/{invocation.command.name}")
        result = await self._registry.run(invocation, context)
        await self._output.result(invocation.command.name, result)
        if result.session_id is not None:
            self._session_id, self._reply = result.session_id, None
        if result.turn is not None:
            await self._turn(self._session_id or "", result.turn())
        if result.exit_code:
            # The answer is there, but it is a bad one: an expectation that does not hold.
            raise ExpectationError("not_met", f"/{invocation.command.name} found a problem; see its answer.")
        return not result.end

    async def _turn(self, session_id: str, parts: AsyncGenerator[Part]) -> None:
        """Run a turn to its end, passing its parts on."""
        self._turns += 1
        self._reply = ""
        pieces: list[str] = []
        chat = self._workbench.chat
        with self._interrupts.stopping(lambda: chat.stop(session_id)):
            async with aclosing(parts) as stream:
                async for part in stream:
                    if isinstance(part, TextDelta | ReplyStarted):
                        pieces.append(part.text)
                    elif (text := rewritten(part)) is not None:
                        pieces = [text]
                    await self._output.part(part)
                    await self._narrator.part(part)
                    if isinstance(part, ReplyFailed):
                        self._interrupts.check()
                        raise from_dict(part.error)
        self._reply = "".join(pieces)
        self._interrupts.check()

    async def _held(self, expected: ExpectReply | ExpectEvent) -> None:
        self._expectations += 1
        await self._output.expectation(expected)
        await self._narrator.progress(f"{_where(expected.place)}{describe(expected)}: yes")

    async def _session(self) -> str:
        if self._session_id is None:
            self._session_id = (await self._workbench.sessions.create()).id
        return self._session_id


def _where(place: Place | None) -> str:
    return f"{place} " if place is not None else ""


def _located(error: WorkbenchError, place: Place | None) -> WorkbenchError:
    """Return the error with the place of the step that failed."""
    if place is None or error.message.startswith(f"{place}: "):
        return error
    data = error.to_dict()
    data["message"] = f"{place}: {error.message}"
    data["details"] = {**error.details, "file": place.file, "line": place.line}
    return from_dict(data)
