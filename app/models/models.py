"""The models of a profile: list them, choose one, and have the chosen one ready in its worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec

from workbench.app.config.settings import Settings
from workbench.app.errors import ModelError, WorkbenchError, WorkerError
from workbench.app.events.bus import EventBus
from workbench.app.hooks import points
from workbench.app.hooks.hook import NOWHERE, Scope
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.values import ModelFiles, ModelReady
from workbench.app.models.find import ModelFile, find_models, resolve_model
from workbench.app.models.hooked_load import choose_model, retried_load
from workbench.app.models.profile import ModelProfile, Sampling, read_profile
from workbench.app.paths import Paths
from workbench.app.workers.states import WorkerState
from workbench.app.workers.supervisor import Supervisor
from workbench.app.workers.worker import Worker

WORKER: Final = "llm"
_COUNT_SECONDS: Final = 60.0


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is ready to answer.

    Args:
        file: the file.
        profile: how it wants to be used.
        context: tokens of context of each conversation.
        load_ms: time that loading took, in milliseconds.
    """

    file: ModelFile
    profile: ModelProfile
    context: int
    load_ms: float


class LoadProgress(msgspec.Struct, frozen=True):
    """A model is being loaded; `fraction` goes from 0 to 1."""

    model: str
    fraction: float


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is asked to write.

    Args:
        conversation: id under which the worker keeps what it has read, so that it need not read it again.
        messages: role and content of each message.
        sampling: how words are chosen.
        max_tokens: longest reply, None for as long as the context allows.
        prefix: text that the reply begins with, when one is continued.
        stop: texts at which the reply ends.
        schema: a JSON schema that the reply must fit.
        grammar: a GBNF grammar that the reply must fit.
    """

    conversation: str
    messages: Sequence[Mapping[str, str]]
    sampling: Sampling
    max_tokens: int | None = None
    prefix: str = ""
    stop: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None
    grammar: str | None = None


class GeneratedText(msgspec.Struct, frozen=True):
    """More text; `tokens` counts the tokens so far."""

    text: str
    tokens: int


class GenerationEnd(msgspec.Struct, frozen=True):
    """The end of a generation; `reason` is stop, length, context or cancelled."""

    reason: str
    usage: dict[str, Any]


class Models:
    """Chooses models and talks to the worker that runs them.

    Args:
        settings: the settings in force.
        paths: the profile.
        supervisor: owns the worker called `llm`.
        bus: where loading is told.
        hooks: what is asked when models are listed, chosen and loaded.
    """

    def __init__(
        self,
        settings: Settings,
        paths: Paths,
        supervisor: Supervisor,
        bus: EventBus,
        hooks: Hooks | None = None,
    ) -> None:
        self._hooks = hooks or Hooks(bus)
        self._settings = settings
        self._paths = paths
        self._supervisor = supervisor
        self._bus = bus
        self._name = settings.model.name
        self._loaded: LoadedModel | None = None
        self._loading = asyncio.Lock()

    @property
    def name(self) -> str:
        """The name of the chosen model."""
        return self._name

    @property
    def loaded(self) -> LoadedModel | None:
        """The model that was loaded last, None before the first and after a failure."""
        return self._loaded

    @property
    def worker(self) -> Worker:
        """The worker that runs the model."""
        return self._supervisor.get(WORKER)

    def apply(self, settings: Settings) -> None:
        """Work with these settings from the next load on; another `model.name` is another choice."""
        if settings.model.name != self._settings.model.name:
            self._name = settings.model.name
        self._settings = settings

    async def list(self) -> list[ModelFile]:
        """Return every model that can be chosen, the built-in guide first, as hooks leave the list."""
        found = await asyncio.to_thread(find_models, self._settings.model, self._paths)
        if not self._hooks.has(points.MODEL_FILE_LISTED):
            return found
        names = tuple(file.name for file in found)
        left = (await self._hooks.run(points.MODEL_FILE_LISTED, ModelFiles(names=names))).value.names
        places = {name: place for place, name in enumerate(left)}
        offered = [file for file in found if file.name in places]
        return sorted(offered, key=lambda file: places[file.name])

    async def resolve(self, name: str) -> ModelFile:
        """Return the model that a name or path stands for.

        Raises:
            ModelError: `model.not_found`.
        """
        return await asyncio.to_thread(resolve_model, name, self._settings.model, self._paths)

    async def use(self, name: str) -> LoadedModel:
        """Load another model and choose it; the choice stays as it was when that fails.

        A worker that was given up after too many failures gets a new start: this is how a person retries.

        Raises:
            ModelError: it cannot be found or loaded.
            WorkerError: the worker failed.
        """
        if self.worker.state is WorkerState.DEGRADED:
            await self.worker.restart(f"{name} was chosen")
        loaded = await last_of(self.load(name))
        self._name = name
        return loaded

    async def load(
        self, name: str | None = None, *, scope: Scope = NOWHERE
    ) -> AsyncGenerator[LoadProgress | LoadedModel]:
        """Have a model ready, the chosen one when no name is given; costs little when it already is.

        Args:
            name: a name or path.
            scope: the turn that needs it.

        Yields:
            `LoadProgress` while the worker loads, then one `LoadedModel`.

        Raises:
            ModelError: it cannot be found or loaded.
            WorkerError: the worker failed.
            HookError: `hook.cancelled`.
        """
        chosen = await choose_model(self._hooks, name or self._name, scope)
        async with aclosing(retried_load(self._hooks, chosen, self._load, scope)) as steps:
            async for step in steps:
                yield step

    async def _load(self, name: str, scope: Scope) -> AsyncGenerator[LoadProgress | LoadedModel]:
        async with self._loading:
            file = await self.resolve(name)
            profile = await asyncio.to_thread(read_profile, file.path)
            if self._loaded is None or self._loaded.file.path != file.path:
                await self._begin_loading(file)
            facts: Mapping[str, Any] = {}
            try:
                async with aclosing(self._request_load(file, scope)) as answers:
                    async for answer in answers:
                        if "result" in answer:
                            facts = answer["result"]["model"]
                            continue
                        if self._loaded is not None:  # it was lost, or the settings are others now
                            await self._begin_loading(file)
                        yield LoadProgress(file.name, float(answer.get("progress", 0.0)))
            except BaseException as error:
                await self._tell_if_lost(file, error)
                raise
            loaded = _loaded(file, profile, facts)
            is_new = loaded != self._loaded
            if is_new:
                await self._tell_of_loaded(loaded)
            self._loaded = loaded
        if is_new:
            ready = ModelReady(name=loaded.file.name, context=loaded.context, load_ms=loaded.load_ms)
            await self._hooks.run(points.MODEL_LOADED, ready, scope)
        yield loaded

    async def ready_again(self, model: LoadedModel, scope: Scope = NOWHERE) -> None:
        """Have a model ready that was before, after its worker may have been lost; no hook chooses another.

        Raises:
            ModelError: it cannot be loaded any more.
            WorkerError: the worker failed.
        """
        await last_of(self._load(str(model.file.path), scope))

    async def count(
        self,
        messages: Sequence[Mapping[str, str]],
        prefix: str = "",
        *,
        model: LoadedModel | None = None,
        scope: Scope = NOWHERE,
    ) -> int:
        """Return how many tokens a prompt takes, exactly.

        Args:
            messages: role and content of each message.
            prefix: text that the reply begins with.
            model: the model that must do it; the one that is loaded if None.
            scope: the turn that needs it.

        Raises:
            ModelError: it could not be counted; `model.not_loaded` when another model is loaded by now.
            WorkerError: the worker failed.
        """
        params = {"messages": list(messages), "prefix": prefix, "model": _path(model)}
        answer = await self.worker.request(
            "count",
            params,
            timeout=_COUNT_SECONDS,
            session_id=scope.session_id,
            correlation_id=scope.correlation_id,
        )
        return int(answer["tokens"])

    async def generate(
        self,
        generation: Generation,
        *,
        model: LoadedModel | None = None,
        session_id: str | None = None,
        correlation_id: str | None = None,
    ) -> AsyncGenerator[GeneratedText | GenerationEnd]:
        """Let a model write; closing the iterator stops it.

        Args:
            generation: what to write.
            model: the model that must do it; the one that is loaded if None.
            session_id: for the events about it.
            correlation_id: for the events about it.

        Yields:
            `GeneratedText` as it comes, then one `GenerationEnd`.

        Raises:
            ModelError: the request cannot be done; `model.not_loaded` when another model is loaded by now.
            WorkerError: the worker failed; what was yielded before stays valid.
        """
        params = {**_params(generation), "model": _path(model)}
        answers = self.worker.stream("generate", params, session_id=session_id, correlation_id=correlation_id)
        async with aclosing(answers):
            async for answer in answers:
                if "result" in answer:
                    yield GenerationEnd(answer["result"]["reason"], answer["result"]["usage"])
                else:
                    yield GeneratedText(answer["text"], answer["tokens"])

    async def forget(self, conversation: str) -> None:
        """Let the worker drop what it keeps of a conversation; does nothing when it does not run."""
        if self.worker.pid is not None:
            await self.worker.request("forget", {"conversation": conversation}, timeout=_COUNT_SECONDS)

    def _request_load(self, file: ModelFile, scope: Scope) -> AsyncGenerator[dict[str, Any]]:
        options = self._settings.model
        return self.worker.stream(
            "load",
            {
                "path": str(file.path),
                "context": options.context,
                "threads": options.threads,
                "slots": options.slots,
                "batch": options.batch,
                "template": options.template or None,
            },
            timeout=options.load_timeout,
            session_id=scope.session_id,
            correlation_id=scope.correlation_id,
        )

    async def _begin_loading(self, file: ModelFile) -> None:
        self._loaded = None
        await self._tell("loading", {"name": file.name, "path": str(file.path)})

    async def _tell_if_lost(self, file: ModelFile, error: BaseException) -> None:
        """Say that a model was not loaded, unless one that is loaded was only asked for again."""
        if isinstance(error, WorkbenchError):
            self._loaded = None
        else:
            error = WorkerError("cancelled", "Loading the model was cancelled.")
        if self._loaded is None:
            await self._tell("failed", {"name": file.name, "code": error.code, "message": error.message})

    async def _tell_of_loaded(self, loaded: LoadedModel) -> None:
        """Say that a model was loaded; the worker answers a repeated request with the same figures."""
        facts = {
            "name": loaded.file.name,
            "path": str(loaded.file.path),
            "context": loaded.context,
            "load_ms": loaded.load_ms,
        }
        await self._tell("loaded", facts)

    async def _tell(self, what: str, facts: dict[str, Any]) -> None:
        await self._bus.emit(f"core:model:{what}", facts, source="models")


def _loaded(file: ModelFile, profile: ModelProfile, facts: Mapping[str, Any]) -> LoadedModel:
    return LoadedModel(
        file=file, profile=profile, context=int(facts["context"]), load_ms=float(facts["load_ms"])
    )


def _path(model: LoadedModel | None) -> str | None:
    return str(model.file.path) if model is not None else None


def _params(generation: Generation) -> dict[str, Any]:
    params = msgspec.to_builtins(generation)
    return {name: value for name, value in params.items() if value not in (None, "", [], ())}


async def last_of(steps: AsyncGenerator[LoadProgress | LoadedModel]) -> LoadedModel:
    """Run a load to its end without looking at its progress and return the model.

    Raises:
        ModelError, WorkerError: see `Models.load`.
    """
    async with aclosing(steps):
        async for step in steps:
            if isinstance(step, LoadedModel):
                return step
    raise ModelError("load_failed", "Loading ended without an answer.")
