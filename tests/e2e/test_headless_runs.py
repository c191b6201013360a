"""Prompts and scripts with the real program and the real built-in model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from workbench.app.chat.parts import ReplyFinished, TextDelta, TurnStarted
from workbench.app.headless.lines import DoneLine, ErrorLine, EventLine, ExpectationLine, ResultLine
from workbench.tests.e2e.headless_process import Program, lines_of

pytestmark = pytest.mark.e2e

ANSWER = "Workbench is a terminal application for working with local language models."


def script(program: Program, text: str, name: str = "s.wb") -> str:
    path = program.folder / name
    path.write_text(text, encoding="utf-8")
    return name


def test_a_prompt_is_answered(program: Program) -> None:
    done = program.run("-p", "what is workbench?")
    assert done.returncode == 0
    assert done.stdout.startswith(ANSWER)
    assert done.stdout.endswith("\n")
    assert done.stderr == ""


def test_narration_is_apart_from_results(program: Program) -> None:
    done = program.run("-p", "what is workbench?", "-v")
    assert done.stdout.startswith(ANSWER)
    assert "# loading the model guide" in done.stderr
    assert "tokens" in done.stderr


def test_json_lines_fit_their_schema(program: Program) -> None:
    done = program.run("-p", "what is workbench?", "--json")
    assert done.returncode == 0
    lines = lines_of(done.stdout)
    text = "".join(line.text for line in lines if isinstance(line, TextDelta))
    assert text.startswith(ANSWER)
    assert isinstance(lines[-1], DoneLine)
    assert (lines[-1].exit_code, lines[-1].turns, lines[-1].events_dropped) == (0, 1, 0)
    kinds = [type(line) for line in lines]
    assert kinds.index(TurnStarted) < kinds.index(TextDelta) < kinds.index(ReplyFinished)
    events = [line.event for line in lines if isinstance(line, EventLine)]
    assert "core:chat:reply_finished" in {event.name for event in events}
    assert [event.seq for event in events] == list(range(events[0].seq, events[0].seq + len(events)))


def test_piped_input_is_context(program: Program) -> None:
    done = program.run("-p", "Repeat:", "--json", text="piped words\n")
    assert done.returncode == 0
    shown = json.loads(program.run("sessions", "show", "--json").stdout)
    assert shown["messages"][0]["text"] == "Repeat:\n\npiped words"


def test_an_empty_pipe_adds_nothing(program: Program) -> None:
    assert program.run("-p", "hello", text=" \n").returncode == 0
    shown = json.loads(program.run("sessions", "show", "--json").stdout)
    assert shown["messages"][0]["text"] == "hello"


def test_a_session_goes_on(program: Program) -> None:
    assert program.run("-p", "my name is Ada").returncode == 0
    assert program.run("-p", "hello", "--continue").returncode == 0
    (session,) = json.loads(program.run("sessions", "list", "--json").stdout)
    assert session["messages"] == 4
    assert program.run("-p", "hello", "--session", session["id"][-6:]).returncode == 0
    assert program.run("-p", "hello").returncode == 0
    sessions = json.loads(program.run("sessions", "list", "--json").stdout)
    assert sorted(entry["messages"] for entry in sessions) == [2, 6]


def test_a_script_that_holds(program: Program) -> None:
    script(program, "what does ctrl+p do?\n/expect reply contains palette\n", "part.wb")
    name = script(
        program,
        "# a greeting\n"
        "hello\n"
        "/expect reply contains workbench\n"
        "/expect reply matches ^Hel+o\n"
        "/expect event core:chat:reply_finished count == 1\n"
        "/expect event core:worker:request_finished count >= 2\n"
        "/expect event core:chat:reply_failed count == 0\n"
        "/include part.wb\n"
        "/set sampling.max_tokens 3\n"
        "<<END\nwhat is\nworkbench?\nEND\n"
        "/expect event core:settings:changed\n"
        "/new another\n"
        "/sessions list\n"
        "/quit\n"
        "never sent\n",
    )
    done = program.run("--headless", name, "--json")
    lines = lines_of(done.stdout)
    assert done.returncode == 0, done.stderr
    assert isinstance(lines[-1], DoneLine)
    assert (lines[-1].turns, lines[-1].expectations) == (3, 7)
    finished = [line for line in lines if isinstance(line, ReplyFinished)]
    assert [line.reason for line in finished] == ["stop", "stop", "length"]
    assert finished[-1].usage.reply_tokens == 3
    held = [line for line in lines if isinstance(line, ExpectationLine)]
    assert (held[0].file, held[0].line, held[0].expected) == ("s.wb", 3, "expect reply contains workbench")
    assert held[-2].file == "part.wb"
    results = [line for line in lines if isinstance(line, ResultLine)]
    assert [line.command for line in results] == ["new", "sessions list", "quit"]
    assert [session["title"] for session in results[1].data] == ["another", "hello"]


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        ("/expect reply contains nothing of this", "the reply is 'Hello!"),
        ("/expect reply equals Hello", "the reply is"),
        ("/expect reply matches ^nope$", "the reply is"),
        ("/expect event core:chat:reply_finished count > 1", "there were 1"),
        ("/expect event core:chat:reply_finished count != 1", "there were 1"),
        ("/expect event core:never:happened", "there were 0"),
    ],
)
def test_a_script_that_fails_names_the_line(program: Program, expectation: str, said: str) -> None:
    name = script(program, f"hello\n\n{expectation}\nnever sent\n")
    done = program.run("--headless", name, "--json")
    assert done.returncode == 1
    assert f"error [expect.not_met] {name}:3: " in done.stderr
    assert said in done.stderr
    lines = lines_of(done.stdout)
    assert isinstance(lines[-1], DoneLine)
    assert isinstance(lines[-2], ErrorLine)
    assert (lines[-1].exit_code, lines[-1].turns) == (1, 1)
    assert (lines[-2].details["file"], lines[-2].details["line"]) == (name, 3)


def test_a_script_is_checked_before_it_runs(program: Program) -> None:
    name = script(program, "hello\n/sessions lst\n")
    done = program.run("--headless", name)
    assert done.returncode == 2
    assert f"error [usage.script] {name}:2: " in done.stderr
    assert "sessions list" in done.stderr
    assert done.stdout == ""
    assert not program.profile.exists()


def test_a_script_on_standard_input(program: Program) -> None:
    for arguments in (["--headless", "-"], ["--headless"], []):
        done = program.run(*arguments, text="hello\n/expect reply contains nope\n")
        assert done.returncode == 1
        assert "<stdin>:2: " in done.stderr
        assert done.stdout.startswith("Hello!")


def test_a_script_through_a_named_pipe(program: Program) -> None:
    path = program.folder / "pipe"
    os.mkfifo(path)
    process = program.start("--headless", "pipe")
    with path.open("w") as pipe:
        pipe.write("hello\n")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.startswith(b"Hello!")


def test_branches_in_a_script(program: Program) -> None:
    name = script(
        program,
        "hello\n/regenerate\n/expect reply contains Hello\n"
        "/edit what does ctrl+p do?\n/expect reply contains palette\n/sessions show\n",
    )
    done = program.run("--headless", name, "--json")
    assert done.returncode == 0, done.stderr
    shown = [line for line in lines_of(done.stdout) if isinstance(line, ResultLine)][-1].data
    question, reply = shown["messages"]
    assert question["text"] == "what does ctrl+p do?"
    assert "palette" in reply["text"]
    listed = json.loads(program.run("sessions", "list", "--json").stdout)
    assert listed[0]["messages"] == 5


def test_a_model_is_chosen_for_the_run(program: Program) -> None:
    model = program.folder / "other name.gguf"
    guide = json.loads(program.run("models", "info", "--json").stdout)["path"]
    model.symlink_to(guide)
    assert program.run("-p", "hello", "--model", str(model)).returncode == 0
    (session,) = json.loads(program.run("sessions", "list", "--json").stdout)
    assert session["model"] == "other name"


def test_the_schema_in_the_documents_is_the_real_one() -> None:
    from workbench.app.headless.lines import schema

    root = Path(__file__).resolve().parents[2]
    written = msgspec.json.decode((root / "docs" / "headless.schema.json").read_bytes())
    assert written == json.loads(msgspec.json.encode(schema()))


def test_the_worker_program_speaks_the_wire(program: Program) -> None:
    request = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}\n'
    done = program.run("worker", "llm", text=request)
    assert done.returncode == 0
    ready, answer = map(json.loads, done.stdout.splitlines())
    assert (ready["method"], ready["params"]["name"]) == ("ready", "llm")
    assert (answer["id"], answer["result"]) == (1, {})


def test_nothing_is_left_running(program: Program) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "-p", "hello", "--data-dir", str(program.profile), "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=60,
    )
    pids = [
        line.event.payload["pid"]
        for line in lines_of(done.stdout.decode())
        if isinstance(line, EventLine) and line.event.payload.get("pid")
    ]
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert (program.profile / "workbench.lock").read_text() == ""
