"""A run without a screen, from its options to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from workbench.app.cli_options import HeadlessOptions
from workbench.app.commands.builtin import builtin_registry
from workbench.app.commands.registry import Registry
from workbench.app.crash import background_failures
from workbench.app.errors import EXIT_OK, Interrupted, UsageError, WorkbenchError
from workbench.app.events.subscription import Subscription
from workbench.app.headless.interrupts import Interrupts
from workbench.app.headless.lines import DoneLine
from workbench.app.headless.load import Step, load_script
from workbench.app.headless.output import JsonOutput, Narrator, Output, TextOutput
from workbench.app.headless.runner import Runner
from workbench.app.headless.script import Message
from workbench.app.headless.source import read_stdin
from workbench.app.headless.streams import OutputClosed, Stream
from workbench.app.headless.threads import on_own_thread
from workbench.app.paths import paths_for
from workbench.app.workbench import Workbench

EXIT_OUTPUT_CLOSED: Final = 141
"""Standard output was closed before all was said; what a shell shows for a program ended by SIGPIPE."""

_SERVICES: Final = ("chat", "upkeep")
_WAITING_SECONDS: Final = 2.0

Result = TypeVar("Result")


def run_headless(options: HeadlessOptions) -> int:
    """Run a script or a prompt and return the exit code; errors are told, not raised."""
    return asyncio.run(_run(options))


async def _run(options: HeadlessOptions) -> int:
    stream = Stream(1)
    output: Output = JsonOutput(stream) if options.common.json else TextOutput(stream)
    narrator = Narrator(Stream(2), verbose=options.common.verbose)
    run = _Run(options, output, narrator)
    if not options.common.debug:
        handler = background_failures(paths_for(options.common.data_dir).logs)
        asyncio.get_running_loop().set_exception_handler(handler)
    try:
        with Interrupts() as interrupts:
            try:
                await run.all(interrupts)
            except WorkbenchError as error:
                run.error = error
            await interrupts.finish(run.last_words())
    except OutputClosed:
        return EXIT_OUTPUT_CLOSED
    except Interrupted as error:
        return error.exit_code
    return run.exit_code


class _Run:
    """One run: what it was asked for, and what came of it."""

    def __init__(self, options: HeadlessOptions, output: Output, narrator: Narrator) -> None:
        self._options = options
        self._output = output
        self._narrator = narrator
        self._runner: Runner | None = None
        self._events: Subscription | None = None
        self._telling: asyncio.Task[None] | None = None
        self.error: WorkbenchError | None = None

    @property
    def exit_code(self) -> int:
        """What the program ends with."""
        return self.error.exit_code if self.error is not None else EXIT_OK

    async def all(self, interrupts: Interrupts) -> None:
        """Read, check, open, run and close.

        Raises:
            WorkbenchError: whatever went wrong.
            OutputClosed: nobody reads the results.
        """
        registry = builtin_registry()
        steps = await interrupts.guard(self._steps(registry))
        common = self._options.common
        opening = Workbench.open(
            common.data_dir, services=_SERVICES, overrides=common.overrides, face="headless"
        )
        async with opening as workbench:
            interrupts.when_hurried(lambda: _end_workers(workbench))
            if common.json:
                self._events = workbench.bus.subscribe("*", name="headless")
                self._telling = asyncio.create_task(self._tell(self._events), name="headless-events")
            self._runner = Runner(workbench, registry, self._output, self._narrator, interrupts)
            await interrupts.guard(self._run_steps(self._runner, workbench, steps))

    async def last_words(self) -> None:
        """Say everything that is still to be said, after all is closed.

        Raises:
            OutputClosed: nobody reads it.
        """
        if self._telling is not None:
            # The bus is closed, so that this ends when the last event is told.
            await self._telling
        if self.error is not None:
            if self._options.common.debug:
                await self._narrator.traceback(self.error)
            await self._narrator.error(self.error)
            await self._output.error(self.error)
        line = self._runner.summary(self.exit_code) if self._runner else DoneLine(self.exit_code)
        dropped = self._events.dropped if self._events else 0
        await self._output.done(msgspec.structs.replace(line, events_dropped=dropped))

    async def _run_steps(self, runner: Runner, workbench: Workbench, steps: list[Step]) -> None:
        for reply in workbench.recovered:
            await self._narrator.notice(
                f"a reply in session {reply.session_id} was cut off when the program ended; /continue goes on"
            )
        if workbench.has("plugins") and (files := workbench.service("plugins").files) is not None:
            for problem in [file.problem for file in files.files if file.problem]:
                await self._narrator.notice(problem)
        options = self._options
        await runner.choose_session(options.session, newest=options.continue_last)
        await runner.run(steps)

    async def _steps(self, registry: Registry) -> list[Step]:
        """Return what is to be run."""
        options = self._options
        if options.prompt is None:
            return await self._script(options.script or "-", registry)
        context = await self._patiently(read_stdin) if options.stdin_is_context else ""
        texts = [text for text in (options.prompt, context.rstrip()) if text.strip()]
        if not texts:
            raise UsageError("bad_input", "The prompt is empty.", "Write something after -p.")
        return [Message("\n\n".join(texts))]

    async def _script(self, script: str, registry: Registry) -> list[Step]:
        steps = await self._patiently(lambda: load_script(script, registry))
        if not steps and self._options.stdin_is_implied:
            raise no_terminal("Standard input is no terminal, and there is no script in it.")
        return steps

    async def _patiently(self, read: Callable[[], Result]) -> Result:
        """Read on a thread of its own; say so when it takes long, as somebody may have forgotten a pipe."""
        reading = asyncio.ensure_future(on_own_thread(read))
        try:
            done, _ = await asyncio.wait({reading}, timeout=_WAITING_SECONDS)
            if not done:
                await self._narrator.notice("waiting for the end of the input")
            return await reading
        finally:
            reading.cancel()

    async def _tell(self, events: Subscription) -> None:
        # Whoever closed the output is told by the next result.
        with contextlib.suppress(OutputClosed):
            async for batch in events.batches():
                await self._output.events(batch)


def no_terminal(problem: str) -> UsageError:
    """Return the error for a start that has neither a terminal nor something to run."""
    return UsageError(
        "no_terminal",
        problem,
        "Without a terminal, use -p TEXT, --headless SCRIPT, or a script on standard input.",
    )


def _end_workers(workbench: Workbench) -> None:
    """Kill the model processes, so that nobody waits for them."""
    for status in workbench.workers.statuses():
        if status.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.pid, signal.SIGKILL)
