"""The command `health`: the store, the log, the worker and the model, each checked by using it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from time import monotonic
from typing import TYPE_CHECKING, Final

import msgspec

from workbench.app.commands.command import Command, CommandContext, CommandResult, command
from workbench.app.errors import EXIT_MODEL, EXIT_OK, StoreError, WorkbenchError

if TYPE_CHECKING:
    from workbench.app.workbench import Workbench

_SECONDS: Final = 30.0
_PROBE_TOKENS: Final = 8
_PROBE_EVENT: Final = "core:system:health_checked"
_CONVERSATION: Final = "health"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was checked.

    Args:
        name: store, log, worker or model.
        ok: whether it works.
        detail: what was done, or what is wrong.
        code: the error's code when it does not work.
        hint: what to do then.
        duration_ms: how long it took.
    """

    name: str
    ok: bool
    detail: str
    code: str | None = None
    hint: str = ""
    duration_ms: float = 0.0


Probe = Callable[["Workbench"], Awaitable[str]]


@command(
    "health",
    summary="Check the store, the log, the worker and the model by using them.",
    needs=None,
    reads_only=True,
)
async def health(context: CommandContext) -> CommandResult:
    """Exit code 3 when anything does not work.

    While another process has the profile open, the store and the log are only read.
    """
    if context.opened is not None:
        checks = await _run(context.opened, _PROBES)
    else:
        checks = await _from_outside(context)
    ok = all(check.ok for check in checks)
    width = max(len(check.name) for check in checks)
    return CommandResult(
        data={"ok": ok, "checks": [msgspec.to_builtins(check) for check in checks]},
        lines=[_line(check, width) for check in checks],
        level="info" if ok else "error",
        exit_code=EXIT_OK if ok else EXIT_MODEL,
    )


async def _from_outside(context: CommandContext) -> list[Check]:
    """Open what can be opened of the profile, so that one broken part does not hide the others."""
    from workbench.app.workbench import Workbench

    def opened(*services: str, read_only: bool = False) -> AbstractAsyncContextManager[Workbench]:
        return Workbench.open(
            context.data_dir,
            services=services,
            overrides=context.overrides,
            face="command",
            read_only=read_only,
        )

    try:
        async with opened("log", "models") as workbench:
            return await _run(workbench, _PROBES)
    except StoreError as error:
        problem = error
    if problem.code == "store.busy":
        async with opened("log", "models", read_only=True) as workbench:
            return await _run(workbench, _PROBES)
    lost = [
        _failed("store", problem, 0.0),
        Check(name="log", ok=False, detail="not checked, as the store is not open", code=problem.code),
    ]
    async with opened("models") as workbench:
        return lost + await _run(workbench, _MODEL_PROBES)


async def _run(workbench: Workbench, probes: Sequence[tuple[str, Probe]]) -> list[Check]:
    return [await _check(workbench, name, probe) for name, probe in probes]


async def _check(workbench: Workbench, name: str, probe: Probe) -> Check:
    began = monotonic()
    patience = _SECONDS + (workbench.settings.model.load_timeout if name == "model" else 0.0)
    try:
        async with asyncio.timeout(patience):
            detail = await probe(workbench)
    except WorkbenchError as error:
        return _failed(name, error, began)
    except TimeoutError:
        return Check(
            name=name, ok=False, detail=f"no answer within {patience:g} s", duration_ms=_since(began)
        )
    return Check(name=name, ok=True, detail=detail, duration_ms=_since(began))


async def _probe_store(workbench: Workbench) -> str:
    """Write a row and take it away again in one committed unit."""
    store = workbench.store
    version = (await store.read("PRAGMA user_version"))[0][0]
    if not store.writable:
        return f"read; schema {version}; another process has it open for writing"
    rows = await store.write_all(
        [
            ("INSERT INTO sessions (id, title, created, updated) VALUES ('health', 'probe', 0, 0)", ()),
            ("DELETE FROM sessions WHERE id = 'health' RETURNING title", ()),
        ]
    )
    if rows != [("probe",)] or await store.read("SELECT 1 FROM sessions WHERE id = 'health'"):
        raise StoreError("failed", f"What was written came back as {rows!r}.")
    return f"written, read and removed; schema {version}"


async def _probe_log(workbench: Workbench) -> str:
    """Publish an event and find it in the store."""
    from workbench.app.events.filter.syntax import Name
    from workbench.app.events.log import last_seq
    from workbench.app.events.reader import EventReader

    if not workbench.store.writable:
        return f"read; {await last_seq(workbench.store)} is the last event"
    event = await workbench.bus.emit(_PROBE_EVENT, {"check": "log"}, source="health")
    await workbench.log.flush()
    found = await EventReader(workbench.store).after(Name(_PROBE_EVENT), event.seq - 1, 1)
    if [kept.id for kept in found] != [event.id]:
        raise StoreError(
            "failed", "A published event did not arrive in the log.", "Look for space on the disk."
        )
    return f"event {event.seq} published and found"


async def _probe_worker(workbench: Workbench) -> str:
    """Start the worker and let it answer."""
    worker = workbench.models.worker
    await worker.start()
    await worker.request("ping", {}, timeout=_SECONDS)
    return f"{worker.spec.name} runs as process {worker.pid} and answers"


async def _probe_model(workbench: Workbench) -> str:
    """Let the chosen model write a few words."""
    from workbench.app.models.models import Generation, GenerationEnd, last_of
    from workbench.app.models.profile import choose_sampling

    models = workbench.models
    loaded = await last_of(models.load())
    generation = Generation(
        conversation=_CONVERSATION,
        messages=[{"role": "user", "content": "hello"}],
        sampling=choose_sampling(loaded.profile, workbench.settings.sampling),
        max_tokens=_PROBE_TOKENS,
    )
    tokens = 0
    async with aclosing(models.generate(generation)) as answers:
        async for answer in answers:
            if isinstance(answer, GenerationEnd):
                tokens = int(answer.usage.get("reply_tokens", 0))
    await models.forget(_CONVERSATION)
    return f"{loaded.file.name} wrote {tokens} tokens"


_MODEL_PROBES: Final[tuple[tuple[str, Probe], ...]] = (("worker", _probe_worker), ("model", _probe_model))
_PROBES: Final[tuple[tuple[str, Probe], ...]] = (
    ("store", _probe_store),
    ("log", _probe_log),
    *_MODEL_PROBES,
)


def _failed(name: str, error: WorkbenchError, began: float) -> Check:
    return Check(
        name=name,
        ok=False,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        duration_ms=_since(began) if began else 0.0,
    )


def _since(began: float) -> float:
    return round((monotonic() - began) * 1000, 1)


def _line(check: Check, width: int) -> str:
    if check.ok:
        return f"{check.name:<{width}}  ok      {check.detail} ({check.duration_ms:.0f} ms)"
    code = f" [{check.code}]" if check.code else ""
    return f"{check.name:<{width}}  failed {code} {check.detail} {check.hint}".rstrip()


COMMANDS: Final[tuple[Command, ...]] = (health,)
