"""Finds model files where they lie, and reads what they are without loading them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from workbench.app.config.settings import ModelSettings
from workbench.app.errors import ModelError, WorkbenchError
from workbench.app.models.gguf import read_gguf
from workbench.app.paths import Paths, guide_model

GUIDE_NAME: Final = "guide"
_MOST_FILES: Final = 2_000


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """A model file on this machine.

    Args:
        name: what a person types.
        path: where it lies.
        size_bytes: the file's size.
        architecture: as the file says, empty when it cannot be read.
        parameters: how many, 0 when unknown.
        quantisation: the file's kind of numbers, such as Q4_K_M.
        context: tokens that it was trained for, 0 when unknown.
        has_template: whether it carries a chat template.
        built_in: whether it came with the workbench.
        problem: why it cannot be used, else None.
    """

    name: str
    path: Path
    size_bytes: int
    architecture: str = ""
    parameters: int = 0
    quantisation: str = ""
    context: int = 0
    has_template: bool = False
    built_in: bool = False
    problem: str | None = None


def find_models(settings: ModelSettings, paths: Paths) -> list[ModelFile]:
    """Return every model that can be chosen, the built-in guide first. Blocks: call it in a thread.

    Args:
        settings: names further folders.
        paths: the profile; its `models` folder is looked through too.
    """
    found = [_describe(GUIDE_NAME, guide_model(), built_in=True)]
    seen = {guide_model().resolve()}
    for folder in (paths.models, *(Path(text).expanduser() for text in settings.folders)):
        for path in _gguf_files(folder):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                found.append(_describe(path.stem, path))
    return found


def resolve_model(name: str, settings: ModelSettings, paths: Paths) -> ModelFile:
    """Return the model that a name or path stands for. Blocks: call it in a thread.

    Args:
        name: `guide`, a name from `find_models`, a path to a GGUF file, each also after `llama_cpp/`.
        settings: names further folders.
        paths: the profile.

    Raises:
        ModelError: `model.not_found`.
    """
    wanted = name.removeprefix("llama_cpp/")
    if wanted == GUIDE_NAME:
        return _describe(GUIDE_NAME, guide_model(), built_in=True)
    path = Path(wanted).expanduser()
    if path.suffix == ".gguf" or len(path.parts) > 1:
        if path.is_file():
            return _describe(path.stem, path.absolute())
        raise ModelError("not_found", f"There is no model file {wanted!r}.", "Check the path.", name=name)
    for model in find_models(settings, paths):
        if wanted in (model.name, model.path.name):
            return model
    raise ModelError(
        "not_found",
        f"There is no model called {wanted!r}.",
        f"`workbench models list` shows what is here; a GGUF in {paths.models} or a path works too.",
        name=name,
    )


def _gguf_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path, _ in zip(folder.rglob("*.gguf"), range(_MOST_FILES), strict=False))
    except OSError:
        return []


def _describe(name: str, path: Path, *, built_in: bool = False) -> ModelFile:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    try:
        header = read_gguf(path)
    except WorkbenchError as error:
        return ModelFile(name=name, path=path, size_bytes=size, built_in=built_in, problem=error.message)
    return ModelFile(
        name=name,
        path=path,
        size_bytes=size,
        architecture=header.architecture,
        parameters=header.parameters,
        quantisation=header.quantisation,
        context=header.context_length,
        has_template=header.chat_template is not None,
        built_in=built_in,
    )
