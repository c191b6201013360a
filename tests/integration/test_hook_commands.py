"""The commands about hooks, in an open workbench and as a program on a closed profile."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from workbench.app.commands.builtin import builtin_registry
from workbench.app.commands.command import CommandResult, Face, context_of
from workbench.app.errors import CommandError, EventError, HookError
from workbench.app.hooks.hook import Hook, Scope
from workbench.app.hooks.points import MESSAGE_RECEIVED, MESSAGE_STORED
from workbench.app.hooks.results import KINDS, Cancel
from workbench.app.hooks.values import MessageText
from workbench.app.workbench import Workbench

LOUD = """
from workbench.plugins import hook

@hook("message:received")
def shout(context):
    return context.change(text=context.value.text.{how}())

@hook("message:stored")
def fail(context):
    raise ValueError("no")
"""
SERVICES = ("plugins", "sessions")


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    folder = tmp_path / "profile"
    (folder / "hooks").mkdir(parents=True)
    (folder / "hooks" / "loud.py").write_text(LOUD.format(how="upper"))
    return folder


@pytest.fixture
async def workbench(profile: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(profile, environ={}, services=SERVICES) as opened:
        yield opened


async def ask(workbench: Workbench, line: str, face: Face = "slash") -> CommandResult:
    registry = builtin_registry()
    return await registry.run(registry.parse(line, face), context_of(workbench, face))


async def a_turn(workbench: Workbench, text: str = "hello") -> str:
    """Pass two points as a turn of a session does; return the session's id."""
    session = await workbench.sessions.create("about hooks")
    scope = Scope(session.id, "0190-a-turn")
    outcome = await workbench.hooks.run(MESSAGE_RECEIVED, MessageText(text=text), scope)
    await workbench.hooks.run(MESSAGE_STORED, outcome.value, scope)
    return session.id


async def test_points_and_what_they_take(workbench: Workbench) -> None:
    listed = await ask(workbench, "/hooks points")
    assert len(listed.data) >= 24 and len(listed.lines) == len(listed.data)
    one = await ask(workbench, "/hooks points message:received")
    assert one.data["fields"] == ["text", "message_id"]
    for kind in KINDS.values():
        assert any(line.strip().startswith(kind) for line in one.lines)
    assert any(line.split() == ["fork", "makes", "no", "sense", "here"] for line in one.lines)
    with pytest.raises(HookError, match="Did you mean message:received"):
        await ask(workbench, "/hooks points message:recieved")


async def test_the_list_and_its_figures(workbench: Workbench) -> None:
    await a_turn(workbench)
    await workbench.hooks.flush()
    listed = await ask(workbench, "/hooks list --point message:received")
    loud = next(hook for hook in listed.data if hook["id"] == "loud.shout")
    assert (loud["runs"], loud["failures"], loud["changes"], loud["state"]) == (1, 0, 1, "enabled")
    assert "loud.shout" in "".join(listed.lines) and "loud.fail" not in "".join(listed.lines)
    whole = await ask(workbench, "/hooks list")
    assert "loud.fail failed: hook.raised: ValueError: no" in whole.lines
    assert (await ask(workbench, "/hooks list --point agent:start")).lines == ["There are no hooks here."]


async def test_files_and_why_one_is_not_loaded(workbench: Workbench, profile: Path) -> None:
    files = await ask(workbench, "/hooks files")
    assert list(files.data[0]["hooks"]) == ["loud.shout", "loud.fail"] and files.exit_code == 0
    (profile / "hooks" / "bad.py").write_text("\n1 / 0\n")
    await workbench.service("plugins").files.scan()
    files = await ask(workbench, "/hooks files")
    problem = "bad.py:2 is not loaded: ZeroDivisionError: division by zero."
    assert (files.exit_code, files.lines[-1], files.data[0]["problem"]) == (1, problem, problem)
    assert (await ask(workbench, "/hooks list")).lines[-1] == problem


async def test_switches_hold_here_and_after_a_new_start(profile: Path) -> None:
    async with Workbench.open(profile, environ={}, services=SERVICES) as workbench:
        await ask(workbench, "/hooks disable loud.shout")
        await ask(workbench, "/hooks priority loud.fail 7")
        assert _states(workbench) == {"loud.shout": ("disabled", 50), "loud.fail": ("enabled", 7)}
        assert workbench.settings.hooks.disabled == ("loud.shout",)
        with pytest.raises(HookError, match=r"Did you mean loud\.shout"):
            await ask(workbench, "/hooks disable loud.shuot")
        with pytest.raises(CommandError):
            await ask(workbench, "/hooks priority loud.fail 1001")
    async with Workbench.open(profile, environ={}, services=SERVICES) as workbench:
        assert _states(workbench) == {"loud.shout": ("disabled", 50), "loud.fail": ("enabled", 7)}
        await ask(workbench, "/hooks enable loud.shout")
        await ask(workbench, "/hooks priority loud.fail")
        assert _states(workbench) == {"loud.shout": ("enabled", 50), "loud.fail": ("enabled", 50)}
        await ask(workbench, "/hooks disable loud.shout")
        (profile / "hooks" / "loud.py").unlink()
        files = workbench.service("plugins").files
        await files.scan()
        enabled = await ask(workbench, "/hooks enable loud.shout")
        assert "It is not loaded now." in enabled.lines
    async with Workbench.open(profile, environ={}, services=("store",)) as workbench:
        assert workbench.settings.hooks.disabled == workbench.settings.hooks.priorities == ()


def _states(workbench: Workbench) -> dict[str, tuple[str, int]]:
    return {
        hook.id: (hook.state, hook.priority) for hook in workbench.hooks.statuses() if hook.plugin == "loud"
    }


async def test_traces_by_what_they_belong_to(workbench: Workbench) -> None:
    session = await a_turn(workbench)
    await a_turn(workbench, "other")

    async def hooks_of(options: str) -> list[str]:
        found = (await ask(workbench, f"/hooks traces --limit 1000 {options}")).data
        return [run["hook"] for run in found if run["plugin"] == "loud"]

    assert await hooks_of("") == ["loud.shout", "loud.fail"] * 2
    assert await hooks_of(f"--session {session}") == ["loud.shout", "loud.fail"]
    assert await hooks_of("--turn 0190-a-turn --point message:stored") == ["loud.fail"] * 2
    assert await hooks_of("--hook loud.shout") == ["loud.shout"] * 2
    assert await hooks_of("--failed") == ["loud.fail"] * 2
    newest = await ask(workbench, "/hooks traces --hook loud.shout --limit 1")
    assert newest.data[0]["changes"] == {"text": ["other", "OTHER"]}
    assert 'text: "other" → "OTHER"' in newest.lines[0]
    assert newest.lines[0].startswith(newest.data[0]["trace"])
    failed = await ask(workbench, "/hooks traces --failed --limit 1")
    assert "hook.raised: ValueError: no (line 10)" in failed.lines[0]
    assert (await ask(workbench, "/hooks traces --session nobody")).lines == ["No trace fits."]


async def test_a_session_is_replayed_through_present_code(workbench: Workbench, profile: Path) -> None:
    session = await a_turn(workbench)
    same = await ask(workbench, f"/hooks replay {session}")
    assert (same.exit_code, same.data["different"]) == (0, 0) and same.data["same"] >= 2
    assert same.lines[-1] == f"{same.data['same']} the same, 0 different."
    (profile / "hooks" / "loud.py").write_text(LOUD.format(how="title"))
    await workbench.service("plugins").files.scan()
    other = await ask(workbench, f"/hooks replay {session}")
    assert (other.exit_code, other.level, other.data["different"]) == (1, "warning", 1)
    place = next(number for number, line in enumerate(other.lines) if line.startswith("≠"))
    assert other.lines[place].endswith("differs in changes.text")
    assert other.lines[place + 1] == '    then: modified  text: "hello" → "HELLO"'
    assert other.lines[place + 2] == '    now:  modified  text: "hello" → "Hello"'
    trace = next(run["trace_id"] for run in other.data["runs"] if not run["same"])
    assert (await ask(workbench, f"/hooks replay {trace}")).exit_code == 1
    assert (await ask(workbench, "/hooks replay 0190-a-turn")).data["different"] == 1
    event_id = trace.rpartition(":")[0]
    assert (await ask(workbench, f"/hooks replay {event_id}")).data["different"] == 1
    (profile / "hooks" / "loud.py").unlink()
    await workbench.service("plugins").files.scan()
    gone = await ask(workbench, f"/hooks replay {session}")
    assert gone.exit_code == 0 and "2 could not be replayed." in gone.lines[-1]
    assert any("loud.shout is not registered now" in line for line in gone.lines)
    with pytest.raises(HookError, match="not registered now"):
        await ask(workbench, f"/hooks replay {trace}")
    for nothing in ("no-such-thing", "no-such-thing:0", f"{event_id}:77"):
        with pytest.raises(HookError) as raised:
            await ask(workbench, f"/hooks replay {nothing}")
        assert raised.value.code == "hook.not_found"


async def test_completions(workbench: Workbench) -> None:
    registry = builtin_registry()

    async def found(line: str) -> list[str]:
        return [
            each.text for each in await registry.complete(line, len(line), context_of(workbench, "slash"))
        ]

    assert await found("/hooks points message:r") == ["message:received"]
    assert await found("/hooks disable loud.s") == ["loud.shout"]
    assert await found("/hooks traces --point turn:") == ["turn:started", "turn:finished"]


async def test_a_breaker_is_reset(workbench: Workbench) -> None:
    for _ in range(3):
        await workbench.hooks.run(MESSAGE_STORED, MessageText(text="x"))
    assert _states(workbench)["loud.fail"][0] == "open"
    listed = await ask(workbench, "/hooks list --point message:stored")
    assert any(line.startswith("loud.fail is left out for a while: ") for line in listed.lines)
    assert (await ask(workbench, "/hooks reset loud.fail")).lines == ["loud.fail is enabled."]
    with pytest.raises(CommandError):
        await ask(workbench, "/hooks reset loud.fail", face="cli")


async def test_breakpoints(workbench: Workbench) -> None:
    assert (await ask(workbench, "/hooks breaks")).lines == ["There are no breakpoints."]
    with pytest.raises(HookError, match="Nothing waits"):
        await ask(workbench, "/hooks continue")
    with pytest.raises(EventError):
        await ask(workbench, "/hooks break message:received payload.text ~")
    stopped = await ask(workbench, '/hooks break message:received payload.text ~ "stop"')
    assert stopped.lines == ['message:received stops when payload.text ~ "stop".']
    assert (await ask(workbench, "/hooks break turn:started")).lines == ["turn:started stops."]
    await ask(workbench, "/hooks break turn:started --clear")
    assert (await ask(workbench, "/hooks breaks")).lines == stopped.lines
    await _let_points_stop(workbench)
    for line, expected in (
        ("/hooks continue", "STOP"),
        ("/hooks continue --change text=on", "ON"),
        ("/hooks continue --cancel enough", Cancel("enough")),
    ):
        run, pause_id = await _paused(workbench)
        waiting = await ask(workbench, "/hooks breaks")
        assert [pause["pause_id"] for pause in waiting.data["waiting"]] == [pause_id]
        assert any(each.startswith(pause_id) for each in waiting.lines)
        await ask(workbench, line)
        outcome = await run
        assert expected in (outcome.decision, outcome.value.text)
    run, pause_id = await _paused(workbench)
    with pytest.raises(CommandError, match="exclude each other"):
        await ask(workbench, "/hooks continue --cancel x --change text=y")
    with pytest.raises(CommandError, match="is not FIELD=VALUE"):
        await ask(workbench, "/hooks continue --change text")
    await ask(workbench, f"/hooks continue {pause_id}")
    await run


async def _let_points_stop(workbench: Workbench) -> None:
    """Let a hook pause at the breakpoints where the bundled plugin for that is not loaded."""
    plugins = workbench.service("plugins")
    if not any(plugin.name == "debugging" for plugin in plugins.bundled):
        pause = plugins.breakpoints.pause
        stop = Hook(id="stops.here", point="message:received", function=pause, priority=1, deadline=None)
        await workbench.hooks.add([stop])


async def _paused(workbench: Workbench) -> tuple[asyncio.Task[Any], str]:
    """Pass a point that stops; return the task that waits there, and the pause's id."""
    with workbench.bus.subscribe("core:hook:paused") as paused:
        run = asyncio.create_task(workbench.hooks.run(MESSAGE_RECEIVED, MessageText(text="stop")))
        event = await asyncio.wait_for(anext(paused), 20)
    return run, event.payload["pause_id"]


# --- as a program ---------------------------------------------------------------------------------------


async def program(profile: Path, *words: str) -> tuple[int, Any]:
    """Run the program; return its exit code and what it wrote as JSON, or the error."""
    command = (sys.executable, "-m", "workbench", *words, "--json", "--data-dir", str(profile))
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, json.loads(out) if out else err.decode()


async def test_headless_on_a_closed_profile(profile: Path) -> None:
    async with Workbench.open(profile, environ={}, services=SERVICES) as workbench:
        session = await a_turn(workbench)
    code, replayed = await program(profile, "hooks", "replay", session)
    assert (code, replayed["different"]) == (0, 0) and replayed["same"] >= 2
    (profile / "hooks" / "loud.py").write_text(LOUD.format(how="title"))
    code, replayed = await program(profile, "hooks", "replay", session)
    assert (code, replayed["different"]) == (1, 1)
    code, _ = await program(profile, "hooks", "disable", "loud.shout")
    assert code == 0
    code, listed = await program(profile, "hooks", "list", "--point", "message:received")
    assert code == 0
    assert next(hook["state"] for hook in listed if hook["id"] == "loud.shout") == "disabled"
    code, traces = await program(profile, "hooks", "traces", "--hook", "loud.shout")
    assert code == 0 and traces[0]["result"] == "modified"


async def test_a_run_without_a_screen_tells_of_broken_files(profile: Path) -> None:
    (profile / "hooks" / "bad.py").write_text("\n1 / 0\n")
    command = (sys.executable, "-m", "workbench", "-p", "hello", "--data-dir", str(profile))
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert "bad.py:2 is not loaded: ZeroDivisionError: division by zero." in said.decode()


async def test_beside_a_running_workbench(workbench: Workbench, profile: Path) -> None:
    await a_turn(workbench)
    await ask(workbench, "/hooks disable loud.shout")
    await ask(workbench, "/hooks priority loud.fail 9")
    await workbench.hooks.flush()
    await workbench.log.flush()
    code, listed = await program(profile, "hooks", "list")
    assert code == 0
    mine = {hook.id: hook for hook in workbench.hooks.statuses()}
    ids = {hook["id"] for hook in listed}
    # Bundled plugins also register hooks while they run, which nothing tells of before these have run.
    assert {"loud.shout", "loud.fail", "security.screen_copy"} <= ids <= mine.keys()
    for hook in (each for each in listed if each["plugin"] == "loud"):
        known = mine[hook["id"]]
        for field in ("point", "version", "state", "priority", "runs", "failures", "changes", "last_error"):
            assert hook[field] == getattr(known, field), field
    code, answer = await program(profile, "hooks", "enable", "loud.shout")
    assert (code, answer) == (0, {"hook": "loud.shout", "enabled": True})
    assert "loud.shout" not in (profile / "settings.toml").read_text()
    assert _states(workbench)["loud.shout"][0] == "disabled"  # it takes the change at its next start
    code, traces = await program(profile, "hooks", "traces", "--hook", "loud.fail")
    assert code == 0 and traces[0]["error"]["code"] == "hook.raised"
