"""Commands about models: which there are, what one is, and choosing one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from workbench.app.commands.arguments import Completes, Completion
from workbench.app.commands.command import Command, CommandContext, CommandResult, command

if TYPE_CHECKING:
    from workbench.app.models.find import ModelFile
    from workbench.app.models.models import LoadedModel

_MEGABYTE: Final = 1024 * 1024
# In a script, the choice is for that run; elsewhere it is remembered.
_REMEMBERING: Final = frozenset({"cli", "slash", "palette", "repl"})


async def _model_names(context: CommandContext, prefix: str) -> Sequence[Completion]:
    models = await context.workbench.models.list()
    return [Completion(model.name, _facts(model)) for model in models if model.name.startswith(prefix)]


ModelName = Annotated[str, "a model's name, or the path of a GGUF file", Completes(_model_names)]


@command("models list", summary="List the models on this machine.", needs=("models",), reads_only=True)
async def models_list(context: CommandContext) -> CommandResult:
    """The chosen model is marked with a star; a model that cannot be used says why."""
    models = await context.workbench.models.list()
    chosen = context.workbench.models.name
    width = max(len(model.name) for model in models)
    stars = [chosen in (model.name, str(model.path)) for model in models]
    rows = list(zip(models, stars, strict=True))
    lines = [f"{'*' if star else ' '} {model.name:<{width}}  {_facts(model)}" for model, star in rows]
    data = [{**_file(model), "chosen": star} for model, star in rows]
    return CommandResult(data=data, lines=lines)


@command(
    "models info", summary="Show what a model is, without loading it.", needs=("models",), reads_only=True
)
async def models_info(context: CommandContext, name: ModelName | None = None) -> CommandResult:
    """The chosen model when no name is given."""
    from workbench.app.models.profile import read_profile

    models = context.workbench.models
    model = await models.resolve(name or models.name)
    profile = await asyncio.to_thread(read_profile, model.path)
    data = {**_file(model), "profile": msgspec.to_builtins(profile)}
    loaded = models.loaded
    data["loaded"] = loaded is not None and loaded.file.path == model.path
    lines = [f"{key}: {value}" for key, value in _file(model).items() if value not in (None, "", 0)]
    if profile.description:
        lines.append(f"profile: {profile.description}")
    return CommandResult(data=data, lines=lines)


@command("models use", summary="Load a model and choose it.", needs=("models",))
async def models_use(context: CommandContext, name: ModelName) -> CommandResult:
    """The choice is remembered, but in a script it is for that run only.

    When the model cannot be loaded, the choice stays as it was.
    """
    chosen = await _absolute(context, name)
    loaded = await _load(context, chosen)
    if context.face in _REMEMBERING:
        from workbench.app.config.save import save_setting

        await asyncio.to_thread(save_setting, context.paths.settings_file, "model.name", chosen)
    data = {**_file(loaded.file), "context": loaded.context, "load_ms": loaded.load_ms}
    lines = [
        f"{loaded.file.name} is ready: {loaded.context} tokens of context, loaded in {loaded.load_ms:.0f} ms."
    ]
    return CommandResult(data=data, lines=lines)


async def _absolute(context: CommandContext, name: str) -> str:
    """Return a name that means the same from any folder."""
    model = await context.workbench.models.resolve(name)
    return name if name in (model.name, model.path.name) else str(model.path)


async def _load(context: CommandContext, name: str) -> LoadedModel:
    await context.say(f"loading {name}")
    return await context.workbench.models.use(name)


def _file(model: ModelFile) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(model, enc_hook=str)
    return data


def _facts(model: ModelFile) -> str:
    size = f"{model.size_bytes / _MEGABYTE:.0f} MB"
    if model.problem is not None:
        return f"{size}, cannot be used: {model.problem}"
    facts = [
        size,
        model.architecture,
        model.quantisation,
        f"context {model.context}" if model.context else "",
    ]
    return ", ".join(fact for fact in facts if fact)


COMMANDS: Final[tuple[Command, ...]] = (models_list, models_info, models_use)
