"""The built-in commands in an open workbench, with the real built-in model where one is needed."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from workbench.app.chat.parts import ReplyFinished
from workbench.app.commands.builtin import builtin_registry
from workbench.app.commands.command import CommandContext, CommandResult, Face, context_of
from workbench.app.commands.git import GitState, git_state
from workbench.app.commands.registry import Registry
from workbench.app.errors import CommandError, EventError, SessionError, SettingsError, TurnError
from workbench.app.events.event import Event
from workbench.app.workbench import Workbench


@pytest.fixture
async def workbench(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path / "profile", environ={}) as opened:
        yield opened


@pytest.fixture
def registry() -> Registry:
    return builtin_registry()


class Asker:
    """Runs slash lines in a workbench, changing sessions as a face does."""

    def __init__(self, workbench: Workbench, registry: Registry) -> None:
        self.workbench = workbench
        self.registry = registry
        self.session_id: str | None = None

    def context(self, face: Face = "slash") -> CommandContext:
        return context_of(self.workbench, face, session_id=self.session_id)

    async def ask(self, line: str, face: Face = "slash") -> CommandResult:
        result = await self.registry.run(self.registry.parse(line, face), self.context(face))
        self.session_id = result.session_id or self.session_id
        return result

    async def turn(self, result: CommandResult) -> ReplyFinished:
        assert result.turn is not None
        parts = [part async for part in result.turn()]
        assert isinstance(parts[-1], ReplyFinished)
        return parts[-1]

    async def send(self, text: str) -> None:
        if self.session_id is None:
            await self.ask("/new")
        _ = [part async for part in self.workbench.chat.send(self.session_id or "", text)]


@pytest.fixture
def asker(workbench: Workbench, registry: Registry) -> Asker:
    return Asker(workbench, registry)


async def test_sessions_from_first_to_last(asker: Asker) -> None:
    assert (await asker.ask("/sessions list")).lines == ["There are no sessions yet."]
    assert (await asker.ask("/sessions show")).lines == ["There are no sessions yet."]
    first = (await asker.ask("/new about cats")).data
    assert asker.session_id == first["id"]
    second = (await asker.ask("/sessions new")).data
    listed = await asker.ask("/sessions list --limit 1")
    assert [entry["id"] for entry in listed.data] == [second["id"]]
    assert listed.lines[0].startswith(f"* {second['id']}")
    await asker.ask(f"/sessions use {first['id'][-8:]}")
    assert asker.session_id == first["id"]
    renamed = await asker.ask(f"/sessions rename {first['id']} it's about dogs")
    assert renamed.data["title"] == "it's about dogs"
    deleted = await asker.ask(f"/sessions delete {first['id']} {second['id']}")
    assert [entry["id"] for entry in deleted.data] == [first["id"], second["id"]]
    # The current session was among them: a new one took its place.
    assert asker.session_id not in (first["id"], second["id"], None)
    with pytest.raises(SessionError):
        await asker.ask(f"/sessions show {first['id']}")


async def test_showing_a_session(asker: Asker) -> None:
    await asker.send("hello")
    shown = await asker.ask("/sessions show")
    assert [message["role"] for message in shown.data["messages"]] == ["user", "assistant"]
    assert shown.lines[2:5] == ["", "you:", "hello"]
    assert "guide:" in shown.lines


async def test_branches(asker: Asker) -> None:
    for line in ("/regenerate", "/continue", "/edit x", "/stop"):
        with pytest.raises(CommandError, match=r"no session yet|nothing is being answered"):
            await asker.ask(line)
    await asker.ask("/new")
    with pytest.raises(SessionError, match="no message yet"):
        await asker.ask("/regenerate")
    await asker.send("hello")
    assert (await asker.turn(await asker.ask("/regenerate"))).reason == "stop"
    await asker.turn(await asker.ask("/edit what does ctrl+p do?"))
    shown = await asker.ask("/sessions show")
    assert shown.data["messages"][0]["text"] == "what does ctrl+p do?"
    assert shown.data["messages"] != []
    with pytest.raises(SessionError, match="was not cut off"):
        await asker.turn(await asker.ask("/continue"))


async def test_every_version_of_a_branch_can_be_shown_again(asker: Asker) -> None:
    await asker.ask("/new")
    await asker.send("hello")
    with pytest.raises(SessionError, match="No recent message has other versions"):
        await asker.ask("/versions")
    await asker.turn(await asker.ask("/edit what does ctrl+p do?"))
    listed = await asker.ask("/versions")
    assert [(version["text"], version["shown"]) for version in listed.data] == [
        ("hello", False),
        ("what does ctrl+p do?", True),
    ]
    assert [line[:4] for line in listed.lines] == ["  1 ", "* 2 "]
    assert (await asker.ask("/versions 1")).data["text"] == "hello"
    shown = await asker.ask("/sessions show")
    assert [message["role"] for message in shown.data["messages"]] == ["user", "assistant"]
    assert shown.data["messages"][0]["text"] == "hello"
    with pytest.raises(SessionError, match="Choose one from 1 to 2"):
        await asker.ask("/versions 3")


async def test_stopping_and_going_on(asker: Asker) -> None:
    await asker.ask("/new")
    await asker.workbench.change_setting("sampling.temperature", "5", "test")
    reason = ""
    async for part in asker.workbench.chat.send(asker.session_id or "", "hello"):
        if part.__class__.__name__ == "TextDelta" and not reason:
            reason = "asked"
            with pytest.raises(CommandError, match="stop it first"):
                await asker.ask("/regenerate")
            with pytest.raises(TurnError, match="still answering"):
                await asker.ask(f"/sessions delete {asker.session_id}")
            await asker.ask("/stop")
        if isinstance(part, ReplyFinished):
            reason = part.reason
    assert reason == "cancelled"
    await asker.workbench.change_setting("sampling.max_tokens", "2", "test")
    finished = await asker.turn(await asker.ask("/continue"))
    assert finished.usage.reply_tokens <= 2


async def test_events(asker: Asker) -> None:
    await asker.send("hello")
    newest = await asker.ask("/events tail --limit 2")
    assert len(newest.data) == len(newest.lines) == 2
    assert newest.data[0]["seq"] + 1 == newest.data[1]["seq"]
    session_id = asker.session_id or ""
    found = await asker.ask(f"/events query core:chat:* --session {session_id[-8:]} --since 1h")
    names = [event["name"] for event in found.data]
    assert names[0] == "core:chat:message_received"
    assert names[-1] == "core:chat:reply_finished"
    turn = found.data[0]["correlation_id"]
    assert (await asker.ask(f"/events query * --turn {turn} --text characters")).data
    assert (await asker.ask("/events query core:chat:* --until 1h")).lines == ["No event fits."]
    assert (await asker.ask("/events query core:chat:* --since 2999-01-01")).data == []
    with pytest.raises(CommandError, match="since cannot be 'noon'"):
        await asker.ask("/events query * --since noon")
    with pytest.raises(CommandError):
        await asker.ask("/events query * --since 2026-13-01")
    with pytest.raises(EventError, match="cannot be read"):
        await asker.ask("/events query Core:*")


async def test_every_run_is_an_event(asker: Asker) -> None:
    with asker.workbench.bus.subscribe("core:command:run") as events:
        await asker.ask("/sessions list")
        with pytest.raises(SessionError):
            await asker.ask("/sessions show deadbeef")
        told: list[Event] = await events.next_batch()
    assert [(event.payload["command"], event.payload["outcome"]) for event in told] == [
        ("sessions list", "ok"),
        ("sessions show", "session.not_found"),
    ]
    assert {event.payload["face"] for event in told} == {"slash"}


async def test_settings(asker: Asker) -> None:
    shown = await asker.ask("/config show sampling")
    assert {row["origin"] for row in shown.data} == {"default"}
    assert (await asker.ask("/config check")).exit_code == 0
    await asker.ask("/set sampling.max_tokens 7")
    assert asker.workbench.settings.sampling.max_tokens == 7
    await asker.ask("/config set sampling.seed 5")
    assert asker.workbench.settings.sampling.seed == 5
    (row,) = (await asker.ask("/config show sampling.seed")).data
    assert row["value"] == 5
    assert row["origin"].startswith(str(asker.workbench.paths.settings_file))
    later = await asker.ask("/config set events.keep_days 3")
    assert "next start" in later.lines[-1]
    for line in ("/set sampling.seed x", "/set events.keep_days 3", "/set nope 1", "/config show nope"):
        with pytest.raises(SettingsError):
            await asker.ask(line)


async def test_models(asker: Asker, tmp_path: Path) -> None:
    listed = await asker.ask("/models list")
    assert [(entry["name"], entry["chosen"]) for entry in listed.data] == [("guide", True)]
    info = await asker.ask("/models info")
    assert info.data["context"] == 2048
    assert info.data["loaded"] is False
    link = tmp_path / "a copy.gguf"
    link.symlink_to(info.data["path"])
    used = await asker.ask(f"/models use '{link}'")
    assert used.data["name"] == "a copy"
    assert asker.workbench.models.name == str(link)
    assert str(link) in asker.workbench.paths.settings_file.read_text()
    # A script chooses for its own run only.
    before = asker.workbench.paths.settings_file.read_text()
    await asker.ask("/models use guide", "headless")
    assert asker.workbench.models.name == "guide"
    assert asker.workbench.paths.settings_file.read_text() == before


async def test_health_of_a_sound_workbench(asker: Asker) -> None:
    result = await asker.ask("/health")
    assert result.exit_code == 0
    assert [(check["name"], check["ok"]) for check in result.data["checks"]] == [
        ("store", True),
        ("log", True),
        ("worker", True),
        ("model", True),
    ]
    assert len(result.lines) == 4
    assert await asker.workbench.sessions.count() == 0


def command_context(profile: Path, **overrides: str) -> CommandContext:
    from workbench.app.paths import paths_for

    return CommandContext(face="cli", paths=paths_for(profile), data_dir=profile, overrides=overrides)


async def health_of(context: CommandContext) -> dict[str, Any]:
    registry = builtin_registry()
    result = await registry.run(registry.parse("health"), context)
    assert result.exit_code == (0 if result.data["ok"] else 3)
    return {check["name"]: check for check in result.data["checks"]}


async def test_health_finds_a_broken_model(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    overrides = {"model.name": str(tmp_path / "bad.gguf")}
    checks = await health_of(command_context(tmp_path / "profile", **overrides))
    assert [name for name, check in checks.items() if not check["ok"]] == ["model"]
    assert checks["model"]["code"].startswith("model.")


async def test_health_finds_a_broken_store_and_goes_on(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    (profile / "workbench.db").mkdir(parents=True)
    checks = await health_of(command_context(profile))
    assert not checks["store"]["ok"]
    assert checks["store"]["code"].startswith("store.")
    assert not checks["log"]["ok"]
    assert set(checks) == {"store", "log", "worker", "model"}


async def test_health_beside_an_open_profile(workbench: Workbench) -> None:
    checks = await health_of(command_context(workbench.paths.data_dir))
    assert all(check["ok"] for check in checks.values())
    assert "another process" in checks["store"]["detail"]


async def test_status(asker: Asker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    result = await asker.ask("/status")
    assert result.data["git"] is None
    assert result.data["git_problem"] in ("no git repository", "git is not installed")
    assert (result.data["sessions"], result.data["plugins"], result.data["model"]) == (0, 0, "guide")
    assert result.data["events"] >= 1


async def test_help(asker: Asker) -> None:
    everything = await asker.ask("/help")
    names = [entry["name"] for entry in everything.data]
    assert "sessions list" in names
    assert "stop" in names
    group = await asker.ask("/help sessions")
    assert all(entry["name"].startswith("sessions ") for entry in group.data)
    one = await asker.ask("/help /edit")
    assert one.lines[0] == "edit TEXT… [--message MESSAGE]"
    with pytest.raises(CommandError):
        await asker.ask("/help nope")
    assert (await asker.ask("/quit")).end


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/models use gu", "guide"),
        ("/config show model.na", "model.name"),
        ("/events query core:ch", "core:chat:*"),
        ("/help sessions li", None),
        ("/help q", "quit"),
        ("/sessions use ", None),
    ],
)
async def test_values_are_completed(asker: Asker, line: str, expected: str | None) -> None:
    found = [
        completion.text for completion in await asker.registry.complete(line, len(line), asker.context())
    ]
    assert (expected in found) if expected else found == []


async def test_sessions_are_completed_by_title(asker: Asker) -> None:
    session = (await asker.ask("/new about cats")).data
    (found,) = await asker.registry.complete("/sessions use cat", 17, asker.context())
    assert (found.text, found.help) == (session["id"], "about cats")


# --- git ----------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e@x", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


async def test_git_state(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    for folder in (inner, outer):
        folder.mkdir()
        git(folder, "init", "-q", "-b", "main")
    fresh = await git_state(outer)
    assert isinstance(fresh, GitState)
    assert (fresh.branch, fresh.commit, fresh.changed) == ("main", None, 0)
    (inner / "a").write_text("a")
    git(inner, "add", "a")
    git(inner, "commit", "-q", "-m", "a")
    git(outer, "submodule", "add", str(inner), "part of it")
    git(outer, "commit", "-q", "-m", "b")
    (outer / "new").write_text("new")
    (outer / ".gitmodules").write_text((outer / ".gitmodules").read_text() + "\n")
    state = await git_state(outer)
    assert isinstance(state, GitState)
    assert (state.branch, state.changed, state.untracked, state.conflicts) == ("main", 1, 1, 0)
    assert state.commit and len(state.commit) == 10
    (submodule,) = state.submodules
    assert (submodule.path, submodule.state) == ("part of it", "clean")


async def test_git_runs_nothing_that_a_repository_names(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(trap))
    assert isinstance(await git_state(tmp_path), GitState)
    assert not (tmp_path / "sprung").exists()


async def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert await git_state(tmp_path) == "no git repository"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await git_state(tmp_path) == "git is not installed"
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr("workbench.app.commands.git._SECONDS", 0.3)
    assert await git_state(tmp_path) == "git did not answer within 0.3 s"
