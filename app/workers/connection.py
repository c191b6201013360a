"""One life of a worker program: spawned, greeted, spoken to, watched, and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from workbench.app.errors import WorkerError
from workbench.app.workers import wire
from workbench.app.workers.calls import Call
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.losses import crashed, hung, not_started, too_large, unruly
from workbench.app.workers.process import KILL_WAIT_S, ChildProcess, WorkerSpec
from workbench.app.workers.sampling import Sample, Sampler

_PING_ID: Final = 0  # calls count from 1, and at most one ping is open
_SILENCE_TICKS: Final = 20
_EXIT_WAIT_S: Final = 1.0
_MAX_NOISE: Final = 5


class Connection:
    """A running program with its open calls.

    It is *lost* once: when the program ends by itself, falls silent, grows too large or breaks the wire's
    rules. Then its group is killed, every open call fails with the same error, and `on_lost` is called.

    Args:
        spec: the program.
        limits: patience and bounds.
        on_lost: told once, synchronously; not during `open` or after `close`.
        on_load: told when a call was sent or has ended.
        on_noise: told of the first few lines that cannot be read.

    Attributes:
        calls: the open calls by number.
        lost: why the program is no longer there, None while it is.
        sample: the newest reading of memory and CPU.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        limits: WorkerLimits,
        on_lost: Callable[[Connection, WorkerError], None],
        on_load: Callable[[Connection], None],
        on_noise: Callable[[str], None],
    ) -> None:
        self._spec = spec
        self._limits = limits
        self._on_lost = on_lost
        self._on_load = on_load
        self._on_noise = on_noise
        self._lines = wire.LineBuffer()
        self._process: ChildProcess | None = None
        self._ready: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened = False
        self._heard = False
        self._noise = 0
        self.calls: dict[int, Call] = {}
        self.lost: WorkerError | None = None
        self.sample = Sample()

    @property
    def pid(self) -> int | None:
        """The program's process id, None before it was spawned."""
        return self._process.pid if self._process is not None else None

    async def open(self) -> None:
        """Spawn the program, wait for its `ready` line and start to watch it.

        Raises:
            WorkerError: `worker.not_started`, with the end of the program's log in the details.
        """
        try:
            self._process = await ChildProcess.spawn(self._spec, self._receive, self._process_ended)
            await self._greet(self._process)
            if self.lost is not None:
                raise self.lost
        except BaseException:
            await self.close(0.0, WorkerError("cancelled", "The start was given up."))
            raise
        self._opened = True
        sampler = Sampler(self._process.pid)
        self._own(self._heartbeat(self._process), "heartbeat")
        self._own(self._watch_memory(sampler), "memory")

    async def send(self, call: Call, params: dict[str, Any]) -> None:
        """Send a request; its answer, parts or failure arrive in `call`.

        Raises:
            WorkerError: `worker.wire` when the parameters do not fit into a line.
        """
        line = wire.encode_request(call.number, call.method, params)
        if self.lost is not None or self._process is None:
            call.fail(self.lost or WorkerError("not_started", "The worker has no process."))
            return
        self.calls[call.number] = call
        call.sent(self._grant)
        self._process.write(line)
        self._on_load(self)
        await self._process.drain()

    async def cancel(self, call: Call) -> None:
        """Ask for the end of a call and wait for its answer; without one in time the program is hung.

        Takes at most `cancel_grace_s`. When the caller is cancelled meanwhile, the watch goes on. A call that
        is not open here is left alone.
        """
        call.discard_parts()
        if call.number in self.calls:
            await asyncio.wait({self._own(self._cancel(call), f"cancel {call.number}")})

    async def close(self, grace_s: float, reason: WorkerError) -> None:
        """End the program and everything it started, and stop watching.

        Args:
            grace_s: seconds that it has to end after `shutdown`; 0.0 kills it at once.
            reason: what the open calls fail with, when the program was not lost before.

        Takes at most `grace_s` + 3 seconds; see `ChildProcess.end`.
        """
        if self.lost is None:
            self.lost = reason
        self._fail_calls(self.lost)
        process = self._process
        if process is not None:
            if grace_s > 0:
                process.write(wire.encode_notification("shutdown", {}))
                await process.end(grace_s)
            else:
                process.kill()
                await process.end(KILL_WAIT_S)
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # Start.

    async def _greet(self, process: ChildProcess) -> None:
        try:
            async with asyncio.timeout(self._limits.start_timeout_s):
                protocol = await asyncio.shield(self._ready)
        except TimeoutError:
            problem = f"it was not ready within {self._limits.start_timeout_s:g} s"
            raise not_started(self._spec.name, problem, await process.tail()) from None
        if protocol is None:
            process.kill()
            await process.gone(KILL_WAIT_S)
            problem = "it ended before it was ready"
            raise not_started(self._spec.name, problem, await process.tail(), process.exit_status)
        if protocol != wire.PROTOCOL:
            problem = f"it speaks version {protocol} of the wire, not {wire.PROTOCOL}"
            raise not_started(self._spec.name, problem, await process.tail())

    def _process_ended(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)
        elif self.lost is None and self._process is not None:
            self._own(self._explain_end(self._process), "end")

    # What the program says.

    def _receive(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            if line is None:
                self._complain(f"a line longer than {wire.MAX_LINE // 2**20} MiB")
                continue
            try:
                message = wire.decode(line)
            except WorkerError as error:
                self._complain(f"{error.message} It begins with: {error.details.get('line', '')}")
                continue
            self._heard = True
            self._dispatch(message, len(line))

    def _dispatch(self, message: wire.Message, size: int) -> None:
        if message.method is None:
            self._take_answer(message)
        elif message.method == "part":
            self._take_part(message.params, size)
        elif message.method == "ready" and not self._ready.done():
            protocol = message.params.get("protocol")
            self._ready.set_result(protocol if isinstance(protocol, int) else 0)

    def _take_part(self, params: dict[str, Any], size: int) -> None:
        number = params.pop("id", None)
        call = self.calls.get(number) if isinstance(number, int) else None
        if call is None:
            return  # a part that was on its way when its request ended
        call.add_part(params, size)
        if call.buffered > wire.PART_WINDOW + wire.MAX_LINE:
            self._lose(unruly(self._spec.name))

    def _take_answer(self, message: wire.Message) -> None:
        if message.id is None:
            self._complain(f"it could not read a request: {message.error.message if message.error else ''}")
            return
        call = self.calls.pop(message.id, None)
        if call is None:
            return  # the answer to a ping
        if message.error is not None:
            call.fail(message.error.to_error())
        else:
            call.finish(message.result or {})
        self._on_load(self)

    def _complain(self, problem: str) -> None:
        self._noise += 1
        if self._noise <= _MAX_NOISE:
            self._on_noise(problem)

    def _grant(self, number: int, size: int) -> None:
        if self.lost is None and self._process is not None:
            self._process.write(wire.encode_notification("credit", {"id": number, "bytes": size}))

    # Watching.

    async def _heartbeat(self, process: ChildProcess) -> None:
        while self.lost is None:
            await asyncio.sleep(self._limits.heartbeat_s)
            self._heard = False
            process.write(wire.encode_request(_PING_ID, "ping", {}))
            if not await self._hear_something():
                omission = f"answer for {self._limits.hung_after_s:g} s"
                self._lose(hung(self._spec.name, omission, await process.tail()))

    async def _hear_something(self) -> bool:
        # Silence is counted in ticks and not read from a clock: when this loop was blocked or the machine
        # slept, the program's answer may be waiting unread, and that pause counts as one tick.
        tick = self._limits.hung_after_s / _SILENCE_TICKS
        for _ in range(_SILENCE_TICKS):
            if self._heard:
                return True
            await asyncio.sleep(tick)
        return self._heard

    async def _watch_memory(self, sampler: Sampler) -> None:
        limit = self._limits.memory_limit_mb * 2**20
        while self.lost is None:
            sample = await sampler.read()
            if sample is not None:
                self.sample = sample
                if limit and sample.rss_bytes > limit:
                    self._lose(too_large(self._spec.name, sample.rss_bytes, self._limits.memory_limit_mb))
            await asyncio.sleep(self._limits.sample_s)

    async def _cancel(self, call: Call) -> None:
        assert self._process is not None
        self._process.write(wire.encode_notification("cancel", {"id": call.number}))
        try:
            async with asyncio.timeout(self._limits.cancel_grace_s):
                await call.wait_ended()
        except TimeoutError:
            omission = f"end a cancelled request within {self._limits.cancel_grace_s:g} s"
            self._lose(hung(self._spec.name, omission, await self._process.tail()))

    async def _explain_end(self, process: ChildProcess) -> None:
        # A closed stdout without an exit is an end as well: nothing can be heard any more.
        await process.gone(_EXIT_WAIT_S)
        process.kill()
        await process.gone(_EXIT_WAIT_S)
        self._lose(crashed(self._spec.name, process.exit_status, await process.tail()))

    def _lose(self, error: WorkerError) -> None:
        if self.lost is not None:
            return
        self.lost = error
        if self._process is not None:
            self._process.kill()
        self._fail_calls(error)
        if self._opened:
            self._on_lost(self, error)

    def _fail_calls(self, error: WorkerError) -> None:
        calls = list(self.calls.values())
        self.calls.clear()
        for call in calls:
            call.fail(error)

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"worker {self._spec.name}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
