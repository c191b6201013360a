"""What the command line asks for, as data that every way in understands."""

from __future__ import annotations

from pathlib import Path

import msgspec


class CommonOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options that go before or after any subcommand.

    Args:
        data_dir: the profile's folder, None for the default.
        overrides: settings as text by dotted name; `--model NAME` is `model.name`.
        json: answer in JSON.
        debug: show tracebacks.
        verbose: narrate although standard error is no terminal.
    """

    data_dir: Path | None = None
    overrides: dict[str, str] = {}
    json: bool = False
    debug: bool = False
    verbose: bool = False


class TuiOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the full-screen program is started with.

    Args:
        data_dir: the profile's folder, None for the default.
        overrides: settings as text by dotted name.
        session: the session to open, by its id or part of it.
        continue_last: open the session that was used last.
        debug: show tracebacks.
    """

    data_dir: Path | None = None
    overrides: dict[str, str] = {}
    session: str | None = None
    continue_last: bool = False
    debug: bool = False


class HeadlessOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a run without a screen is started with.

    Args:
        common: see `CommonOptions`.
        script: a script's path, `-` for standard input; None when there is a prompt.
        prompt: a single message; None when there is a script.
        stdin_is_context: whether standard input is appended to the prompt.
        stdin_is_implied: standard input is the script only because nothing else was asked for.
        session: the session to go on in, by its id or part of it.
        continue_last: go on in the session that was used last.
    """

    common: CommonOptions
    script: str | None = None
    prompt: str | None = None
    stdin_is_context: bool = False
    stdin_is_implied: bool = False
    session: str | None = None
    continue_last: bool = False
