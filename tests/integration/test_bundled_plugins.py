"""Loading the plugins that come with the workbench, and what becomes of those that cannot be loaded."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest

from workbench.app.config.settings import Settings
from workbench.app.events.bus import EventBus
from workbench.app.hooks.breakpoints import Breakpoints
from workbench.app.hooks.hook import hook, hooks_in
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.results import Cancel
from workbench.app.paths import Paths
from workbench.app.plugin_host.bundled import BUNDLED, bundled_plugins
from workbench.app.plugin_host.parts import HostParts
from workbench.app.plugin_host.plugin import Plugin, PluginHost, PluginParts

Notices = list[tuple[str, str, str, str]]


@pytest.fixture
async def hooks(bus: EventBus) -> AsyncIterator[Hooks]:
    made = Hooks(bus)
    yield made
    await made.close()


@pytest.fixture
def notices() -> Notices:
    return []


@pytest.fixture
def parts(hooks: Hooks, bus: EventBus, paths: Paths, notices: Notices) -> HostParts:
    of_host = PluginParts(
        bus=bus, hooks=hooks, paths=paths, settings=Settings, breakpoints=Breakpoints(bus), reader=None
    )

    async def notify(*notice: str) -> None:
        notices.append(notice)  # type: ignore[arg-type]

    return HostParts(hooks=hooks, bus=bus, notify=notify, host_for=lambda name: PluginHost(name, of_host))


class Good(Plugin):
    name = "good"
    version = "3"

    async def stop(self) -> None:
        raise RuntimeError("no end")

    @hook("turn:started")
    def look(self, context: Any) -> None:
        """Look at it."""


class Bad(Good):
    name = "bad"

    async def start(self) -> None:
        raise RuntimeError("no key")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more plugins under `workbench.plugins`, and a package that is none."""
    for name, plugin in {"good": Good, "bad": Bad, "empty": None}.items():
        module = ModuleType(f"workbench.plugins.{name}")
        module.__file__ = f"/{name}/__init__.py"
        if plugin is not None:
            vars(module)["PLUGIN"] = plugin
        monkeypatch.setitem(sys.modules, module.__name__, module)


async def test_all_that_come_with_the_workbench_are_loaded(
    parts: HostParts, hooks: Hooks, notices: Notices
) -> None:
    async with bundled_plugins(parts) as plugins:
        assert [plugin.name for plugin in plugins] == list(BUNDLED)
        assert all(hook.plugin in BUNDLED for hook in hooks.statuses())
    assert hooks.statuses() == [] and notices == []


@pytest.mark.usefixtures("installed")
async def test_one_that_fails_is_told_and_the_others_run(
    parts: HostParts, hooks: Hooks, notices: Notices
) -> None:
    async with bundled_plugins(parts, ("bad", "empty", "good", "none_of_these")) as plugins:
        assert [plugin.name for plugin in plugins] == ["good"]
        (status,) = hooks.statuses()
        assert (status.id, status.version, status.file) == ("good.look", "3", "/good/__init__.py")
        assert hooks.get("good.look").trusted
    assert [(level, code) for level, code, _, _ in notices] == [
        *[("error", "hook.file_broken")] * 3,
        ("warning", "hook.raised"),
    ]
    assert [message for _, _, message, _ in notices] == [
        "The bundled plugin bad cannot be loaded: RuntimeError: no key.",
        "The bundled plugin empty cannot be loaded: AttributeError: workbench.plugins.empty has no PLUGIN.",
        (
            "The bundled plugin none_of_these cannot be loaded: ModuleNotFoundError: "
            "No module named 'workbench.plugins.none_of_these'."
        ),
        "The plugin Good did not stop well: RuntimeError: no end.",
    ]


@pytest.mark.usefixtures("installed")
async def test_a_hook_may_refuse_one(parts: HostParts, hooks: Hooks, notices: Notices) -> None:
    class Guard:
        @hook("plugin:load")
        def look(self, context: Any) -> Cancel:
            return Cancel(f"no {context.value.name}")

    await hooks.add(hooks_in(Guard(), "guard"))
    async with bundled_plugins(parts, ("good",)) as plugins:
        assert plugins == []
    assert "the hook guard.look does not want it: no good" in notices[0][2]
