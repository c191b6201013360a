"""A worker's process: its own session and group, pipes for the wire, and ways to end all of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from workbench.app.errors import WorkerError
from workbench.app.workers.log_file import OpenLog, log_tail, open_log, rotate_log
from workbench.app.workers.stdio import LOG_VARIABLE

TERM_WAIT_S: Final = 1.0
"""Seconds between SIGTERM and SIGKILL at a graceful end."""

KILL_WAIT_S: Final = 2.0
"""Seconds that a killed process has to go; the system may keep one that waits for a device."""


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Which program a worker is.

    Attributes:
        name: the worker's name, unique in a supervisor.
        argv: program and arguments; nothing passes through a shell.
        env: variables added to this process's environment.
        log_file: where everything goes that the program and its libraries print.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log_file: Path


def python_argv(module: str) -> tuple[str, ...]:
    """Return the command line that runs a module with this interpreter.

    The current folder is kept off its import path: a file `random.py` there would replace the library's.
    """
    return (sys.executable, "-P", "-m", module)


class ChildProcess(asyncio.SubprocessProtocol):
    """One running program. Make it with `spawn`; everything belongs to the loop's thread.

    Attributes:
        pid: process id, which is also the id of its group.
    """

    def __init__(
        self, spec: WorkerSpec, on_data: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        self._spec = spec
        self._on_data = on_data
        self._on_end: Callable[[], None] | None = on_end
        self._log_start = 0
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()
        self._group_ended = False
        self.pid = 0

    @classmethod
    async def spawn(
        cls, spec: WorkerSpec, on_data: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> ChildProcess:
        """Start the program.

        Args:
            spec: what to start.
            on_data: called with bytes of its stdout as they come.
            on_end: called once, when it has exited or closed its stdout.

        Raises:
            WorkerError: `worker.not_started`: there is no such program, or the system refuses.
        """
        child = cls(spec, on_data, on_end)
        environment = {**os.environ, **spec.env, LOG_VARIABLE: str(spec.log_file)}
        log: OpenLog | None = None
        try:
            await asyncio.to_thread(rotate_log, spec.log_file)
            # Not in the thread: a start that is cancelled meanwhile would lose the descriptor.
            log = open_log(spec.log_file)
            child._log_start = log.start
        except OSError:
            # A full disk or a read-only folder is no reason to have no model: the prints go nowhere.
            del environment[LOG_VARIABLE]
        try:
            await child._execute(
                environment, log.descriptor if log is not None else asyncio.subprocess.DEVNULL
            )
        finally:
            if log is not None:
                os.close(log.descriptor)
        return child

    @property
    def exit_status(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        return self._transport.get_returncode()

    def write(self, data: bytes) -> None:
        """Queue bytes for the program's stdin; they are dropped when it is gone."""
        if not self._stdin.is_closing():
            self._stdin.write(data)

    async def drain(self) -> None:
        """Wait until the program has read enough for more to be written, or is gone."""
        await self._writable.wait()

    async def tail(self) -> list[str]:
        """Return the last lines that this process has logged."""
        return await asyncio.to_thread(log_tail, self._spec.log_file, self._log_start)

    def kill(self) -> None:
        """Kill the program and everything it has started that is still in its group."""
        self._signal_group(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)

    async def end(self, grace_s: float) -> None:
        """Wait for the program to exit; after `grace_s` terminate its group, then kill it.

        Takes at most `grace_s + TERM_WAIT_S + KILL_WAIT_S`. The exit status has been collected, so no zombie
        stays, unless the system itself holds on to the process.
        """
        if not await self.gone(grace_s):
            self._signal_group(signal.SIGTERM)
            await self.gone(TERM_WAIT_S)
        self.kill()
        if not await self.gone(KILL_WAIT_S):
            self._transport.close()

    async def gone(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the process to be gone with its pipes; tell whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._gone.wait()
        return self._gone.is_set()

    async def _execute(self, environment: Mapping[str, str], stderr: int) -> None:
        # On the loop's thread and not in a worker thread: the kernel's parent-death signal fires when the
        # *thread* that made the process ends.
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self,
                *self._spec.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise WorkerError(
                "not_started",
                f"The program of the worker {self._spec.name!r} cannot be started: {error}.",
                "Check that the workbench is installed completely.",
                worker=self._spec.name,
                program=self._spec.argv[0] if self._spec.argv else "",
            ) from None

    def _signal_group(self, number: signal.Signals) -> None:
        if self._group_ended:
            return  # the number may belong to someone else by now
        if sys.platform == "win32":
            with contextlib.suppress(ProcessLookupError):
                self._transport.send_signal(number)
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _tell_end(self) -> None:
        self._writable.set()
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._stdin = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
        self.pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: Any) -> None:
        """Hand over what the program wrote."""
        self._on_data(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note that stdout has ended; that stdin has ended shows itself by the other two."""
        self._writable.set()
        if fd == 1:
            self._tell_end()

    def process_exited(self) -> None:
        """End what the program has left behind in its group, and note the exit."""
        self.kill()
        self._group_ended = True
        self._tell_end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the process has exited and both pipes are closed."""
        self._transport.close()
        self._gone.set()

    def pause_writing(self) -> None:
        """The program reads slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The program has caught up."""
        self._writable.set()
