"""Finds model files where they lie, and reads what they are without loading them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
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
    return [_guide(), *(_describe(path) for path in _files(settings, paths))]


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
        return _guide()
    path = _expanded(wanted)
    if path.suffix == ".gguf" or len(path.parts) > 1:
        if _is_file(path):
            return _describe(path.absolute())
        raise ModelError("not_found", f"There is no model file {wanted!r}.", "Check the path.", name=name)
    for path in _files(settings, paths):
        if wanted in (path.stem, path.name):
            return _describe(path)
    raise ModelError(
        "not_found",
        f"There is no model called {wanted!r}.",
        f"`workbench models list` shows what is here; a GGUF in {paths.models} or a path works too.",
        name=name,
    )


def _files(settings: ModelSettings, paths: Paths) -> Iterator[Path]:
    """Iterate over the model files in the folders, each once, without the guide."""
    seen = {_identity(guide_model())}
    for folder in (paths.models, *map(_expanded, settings.folders)):
        for path in _gguf_files(folder):
            identity = _identity(path)
            if identity not in seen:
                seen.add(identity)
                yield path


def _gguf_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path, _ in zip(folder.rglob("*.gguf"), range(_MOST_FILES), strict=False))
    except (OSError, ValueError):
        return []


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user
        return Path(text)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or in a folder that may not be entered
        return False


def _identity(path: Path) -> object:
    """Return what is the same for all names of one file."""
    try:
        status = path.stat()
    except OSError:
        return path
    return status.st_dev, status.st_ino


def _guide() -> ModelFile:
    return msgspec.structs.replace(_describe(guide_model()), name=GUIDE_NAME, built_in=True)


def _describe(path: Path) -> ModelFile:
    size = 0
    try:
        status = path.stat()
        size = status.st_size
        return _header(path, size, status.st_mtime_ns)
    except OSError as error:
        problem = f"It cannot be read: {error.strerror or error}."
    except WorkbenchError as error:
        problem = error.message
    return ModelFile(name=path.stem, path=path, size_bytes=size, problem=problem)


@lru_cache(_MOST_FILES)
def _header(path: Path, size: int, _changed: int) -> ModelFile:
    """Read a file's header, once as long as it stays the same: large ones take 50 ms."""
    header = read_gguf(path)
    return ModelFile(
        name=path.stem,
        path=path,
        size_bytes=size,
        architecture=header.architecture,
        parameters=header.parameters,
        quantisation=header.quantisation,
        context=header.context_length,
        has_template=header.chat_template is not None,
    )
