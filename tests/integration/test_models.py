"""Models found in odd places, and loading that is cut off, repeated or overtaken by another."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from workbench.app.config.settings import ModelSettings
from workbench.app.errors import ModelError
from workbench.app.models import find
from workbench.app.models.find import find_models, resolve_model
from workbench.app.models.gguf import GgufFile, read_gguf
from workbench.app.models.models import LoadedModel, LoadProgress, last_of
from workbench.app.paths import Paths, guide_model
from workbench.app.workbench import Workbench
from workbench.benchmarks.random_model import write_random_model


@pytest.fixture
async def workbench(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path, services=("models",), environ={}) as opened:
        yield opened


def add(paths: Paths, name: str) -> Path:
    paths.models.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(guide_model(), paths.models / name))


@pytest.mark.parametrize(
    "name",
    [
        "~nobody-of-that-name/x.gguf",
        "~nobody-of-that-name",
        "x" * 5_000 + ".gguf",
        "a\0b.gguf",
        "a\0b",
        "\udcff",
    ],
    ids=["home", "bare home", "long", "nul", "bare nul", "bytes"],
)
def test_an_odd_name_is_no_model(paths: Paths, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        resolve_model(name, ModelSettings(), paths)
    assert caught.value.code == "model.not_found"


def test_odd_files_and_folders_hide_no_model(paths: Paths) -> None:
    add(paths, "good.gguf")
    (paths.models / "circle.gguf").symlink_to("circle.gguf")
    (paths.models / "again.gguf").symlink_to("good.gguf")
    (paths.models / "guide-link.gguf").symlink_to(guide_model())
    (paths.models / "folder.gguf").mkdir()
    settings = ModelSettings(folders=("~nobody-of-that-name/x", "a\0b", str(paths.models)))
    found = {model.name: model.problem for model in find_models(settings, paths)}
    assert found.keys() == {"guide", "again", "circle", "folder"}
    assert found["guide"] is None and found["again"] is None
    assert found["circle"] and found["folder"]


def test_a_name_is_found_without_reading_every_model(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = add(paths, "b.gguf")
    for name in ("a.gguf", "c.gguf"):
        add(paths, name)
    read: list[Path] = []

    def noted(path: Path) -> GgufFile:
        read.append(path)
        return read_gguf(path)

    monkeypatch.setattr(find, "read_gguf", noted)
    for _ in range(3):
        assert resolve_model("b", ModelSettings(), paths).path == wanted
    assert read == [wanted]
    wanted.write_bytes(b"no model any more")
    assert "not a usable GGUF" in str(resolve_model("b", ModelSettings(), paths).problem)


async def test_loading_that_is_cut_off_says_so_and_leaves_nothing_loaded(workbench: Workbench) -> None:
    models = workbench.models
    heard = workbench.bus.subscribe("core:model:*")
    async with aclosing(models.load()) as steps:
        assert isinstance(await anext(steps), LoadProgress)
    assert not models.loaded
    names = [(await anext(heard)).name for _ in range(2)]
    assert names == ["core:model:loading", "core:model:failed"]
    assert (await last_of(models.load())) == models.loaded
    # What is loaded stays so when it is only asked for again.
    async with aclosing(models.load()) as steps:
        task = asyncio.ensure_future(anext(steps))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    assert models.loaded is not None
    names = [(await anext(heard)).name for _ in range(heard.lag)]
    assert names == ["core:model:loading", "core:model:loaded"]


async def test_a_model_that_was_lost_with_its_worker_is_loaded_again_and_told(workbench: Workbench) -> None:
    first = await last_of(workbench.models.load())
    heard = workbench.bus.subscribe("core:model:*")
    await workbench.models.worker.stop()
    steps = [step async for step in workbench.models.load()]
    assert isinstance(steps[-1], LoadedModel) and len(steps) > 1
    assert steps[-1].file == first.file
    names = [(await anext(heard)).name for _ in range(2)]
    assert names == ["core:model:loading", "core:model:loaded"]


async def test_only_the_model_that_was_meant_answers(workbench: Workbench, tmp_path: Path) -> None:
    other = write_random_model(tmp_path / "other.gguf", megabytes=2, context=512)
    models = workbench.models
    guide = await last_of(models.load())
    await models.use(str(other))
    with pytest.raises(ModelError) as caught:
        await models.count([{"role": "user", "content": "hello"}], model=guide)
    assert caught.value.code == "model.not_loaded"
    assert await models.count([{"role": "user", "content": "hello"}]) > 0


async def test_asking_for_what_is_loaded_waits_for_no_reply(workbench: Workbench, tmp_path: Path) -> None:
    endless = write_random_model(tmp_path / "endless.gguf", megabytes=4, context=32_768)
    models = workbench.models
    await models.use(str(endless))
    params = {"conversation": "a", "messages": [{"role": "user", "content": "hello"}]}
    async with aclosing(models.worker.stream("generate", params)) as reply:
        await anext(reply)
        assert await asyncio.wait_for(last_of(models.load()), 30) == models.loaded
        assert "result" not in await anext(reply)
