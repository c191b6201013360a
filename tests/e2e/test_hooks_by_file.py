"""Hooks from a file in the profile, in the real program without a screen."""

from __future__ import annotations

import json

from workbench.tests.e2e.headless_process import Program

HOOKS = """
from workbench.plugins import Cancel, Replace, hook

@hook("script:line")
def other_line(context):
    text = context.value.text
    if text == "/sessions list":
        return Cancel("not today")
    return context.change(text=text.replace("SAY", "hello"))

@hook("message:received")
def answers(context):
    if context.value.text == "ping":
        return Replace("pong")

@hook("session:delete")
def keeps(context):
    return Cancel("Sessions are kept here.")

@hook("command:after")
def shouts(context):
    if context.value.command == "events tail":
        return context.change(lines=("SHOUTED",))
"""


def with_hooks(program: Program) -> Program:
    folder = program.profile / "hooks"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(HOOKS)
    return program


def test_lines_of_a_script_are_changed_and_left_out(program: Program) -> None:
    done = with_hooks(program).run("--headless", "-", "--json", text="SAY\n/sessions list\nping\n")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line for line in lines if line["type"] == "result"] == []
    started = [line for line in lines if line["type"] == "turn_started"]
    assert len(started) == 2
    assert "".join(line["text"] for line in lines if line["type"] == "text").endswith("pong")
    sessions = program.run("sessions", "list", "--json")
    assert json.loads(sessions.stdout)[0]["title"] == "hello"


def test_the_command_line_asks_the_hooks_before_it_changes_anything(program: Program) -> None:
    with_hooks(program).run("-p", "ping")
    (session,) = json.loads(program.run("sessions", "list", "--json").stdout)
    done = program.run("sessions", "delete", session["id"])
    assert done.returncode == 1
    assert "Sessions are kept here." in done.stderr
    assert "mine.keeps" in done.stderr
    assert len(json.loads(program.run("sessions", "list", "--json").stdout)) == 1


def test_a_changed_reply_follows_on_a_line_of_its_own(program: Program) -> None:
    folder = program.profile / "hooks"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(
        "from workbench.plugins import hook\n"
        "@hook('message:completed')\n"
        "def change(context):\n    return context.change(text='other words')\n"
    )
    done = program.run("-p", "hello")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "other words"
    assert len(done.stdout.splitlines()) > 1
    text = [
        line
        for line in program.run("sessions", "show", "--json").stdout.splitlines()
        if "other words" in line
    ]
    assert text


def test_a_broken_file_is_told_by_file_and_line_and_the_rest_goes_on(program: Program) -> None:
    folder = program.profile / "hooks"
    folder.mkdir(parents=True)
    (folder / "broken.py").write_text("x = 1\nthis is no python\n")
    (folder / "mine.py").write_text(HOOKS)
    done = program.run("-p", "ping")
    assert done.stdout.strip() == "pong"
    told = program.run("events", "query", "core:hook:file_failed", "--json")
    (event,) = json.loads(told.stdout)
    assert event["payload"]["file"].endswith("broken.py")
    assert event["payload"]["line"] == 2
