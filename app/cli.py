"""The `workbench` command: reads the command line and hands over; imports nothing heavy before that."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from workbench import __version__
from workbench.app.cli_options import CommonOptions, HeadlessOptions, TuiOptions
from workbench.app.errors import EXIT_INTERRUPTED, UsageError, WorkbenchError

_DUMB_TERMINALS: Final = {"dumb", "unknown"}
_HELP: Final = """A terminal workbench for local AI.

Without a subcommand: the full-screen program, or with -p, --headless or a script on standard input, the same
engine without a screen.
"""
_EPILOG: Final = """Exit codes: 0 done, 1 an expectation or a turn failed, 2 usage or settings, 3 model or
worker, 4 store, 70 unexpected failure, 130 interrupted, 141 output closed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the `workbench` command and return its exit code.

    Args:
        arguments: the command line without the program's name; this process's own when left out.
    """
    _prepare_process()
    given = list(sys.argv[1:] if arguments is None else arguments)
    state = _State()
    try:
        code = _root().main(given, prog_name="workbench", standalone_mode=False, obj=state)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        return _tell(_usage_error(error), state, given)
    except WorkbenchError as error:
        return _tell(error, state, given)
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except Exception as error:
        return _crashed(error, state)


class _State:
    """What the common options have said so far, at whichever place of the command line."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.settings: dict[str, str] = {}

    def options(self) -> CommonOptions:
        return CommonOptions(overrides=dict(self.settings), **self.values)


# --- the options --------------------------------------------------------------------------------------


def _common_options() -> list[click.Parameter]:
    """Return the options that go before or after any subcommand."""
    return [
        _option(
            "--data-dir", "data_dir", "The profile's folder.", metavar="DIR", type=click.Path(path_type=Path)
        ),
        _option(
            "--set",
            "settings",
            "Set a setting for this run; may be repeated.",
            metavar="KEY=VALUE",
            multiple=True,
            callback=_take_settings,
        ),
        _option(
            "--model",
            "model",
            "The model to use, a name or a GGUF file.",
            metavar="NAME",
            callback=_take_model,
        ),
        _option("--json", "json", "Answer in JSON.", is_flag=True),
        _option("--verbose", "verbose", "Say how it goes on.", is_flag=True, short="-v"),
        _option("--debug", "debug", "Show tracebacks.", is_flag=True),
    ]


def _option(name: str, value: str, help_text: str, short: str = "", **more: Any) -> click.Option:
    more.setdefault("callback", _take)
    names = [*([short] if short else []), name, value]
    return click.Option(names, help=help_text, expose_value=False, default=None, **more)


def _take(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and value is not False:
        context.find_object(_State).values[parameter.name or ""] = value  # type: ignore[union-attr]


def _take_settings(context: click.Context, _parameter: click.Parameter, values: Sequence[str] | None) -> None:
    for text in values or ():
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise click.UsageError(f"--set needs KEY=VALUE, not {text!r}.", context)
        context.find_object(_State).settings[key.strip()] = value  # type: ignore[union-attr]


def _take_model(context: click.Context, _parameter: click.Parameter, name: str | None) -> None:
    if name is not None:
        context.find_object(_State).settings["model.name"] = name  # type: ignore[union-attr]


def _collect(context: click.Context) -> CommonOptions:
    state = context.find_object(_State)
    return state.options() if state is not None else CommonOptions()


# --- the command and its subcommands ------------------------------------------------------------------


class _Root(click.Group):
    """Finds subcommands when one is asked for, so that a start without one imports no registry."""

    _found: dict[str, click.Command] | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._all())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._all().get(cmd_name)

    def _all(self) -> dict[str, click.Command]:
        if self._found is None:
            from workbench.app.cli_commands import click_commands

            self._found = {**click_commands(_common_options, _collect), "worker": _worker(), "help": _help()}
        return self._found


def _root() -> click.Group:
    own = [
        click.Option(
            ["--headless", "script"],
            help="Run a script without a screen; - or nothing is standard input.",
            metavar="SCRIPT",
            is_flag=False,
            flag_value="-",
        ),
        click.Option(
            ["-p", "--prompt"], help="Ask once; piped input is appended as context.", metavar="TEXT"
        ),
        click.Option(["--session"], help="Go on in this session.", metavar="ID"),
        click.Option(["--continue", "continue_last"], help="Go on in the session used last.", is_flag=True),
        click.Option(
            ["--version"],
            help="Show the version.",
            is_flag=True,
            is_eager=True,
            callback=_show_version,
            expose_value=False,
        ),
    ]
    return _Root(
        "workbench",
        params=[*own, *_common_options()],
        callback=_start,
        invoke_without_command=True,
        help=_HELP,
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _show_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"workbench {__version__}")
        context.exit()


def _worker() -> click.Group:
    from workbench.app.cli_commands import command_group

    def llm() -> int:
        from workbench.app.workers.llm.__main__ import main as run_llm

        return run_llm()

    group = command_group("worker", _common_options())
    group.help = "Worker: run a worker program on standard input and output."
    group.add_command(
        click.Command("llm", params=_common_options(), callback=llm, help="Run the llm worker program.")
    )
    return group


def _help() -> click.Command:
    def show(words: Sequence[str]) -> None:
        root = click.get_current_context().find_root()
        context, command = root, root.command
        for word in words:
            found = command.get_command(context, word) if isinstance(command, click.Group) else None
            if found is None:
                raise click.UsageError(f"There is no command {' '.join(words)!r}.", root)
            context, command = click.Context(found, parent=context, info_name=word), found
        click.echo(command.get_help(context))

    words = click.Argument(["words"], nargs=-1, metavar="[COMMAND]…")
    return click.Command("help", params=[words], callback=show, help="Explain a command.")


# --- the start without a subcommand -------------------------------------------------------------------


def _start(script: str | None, prompt: str | None, session: str | None, continue_last: bool) -> int:
    context = click.get_current_context()
    chosen = [script is not None, prompt is not None, session is not None, continue_last]
    if context.invoked_subcommand is not None:
        if any(chosen):
            raise UsageError(
                "bad_option",
                "--headless, -p, --session and --continue do not go with a subcommand.",
                f"See `workbench help {context.invoked_subcommand}`.",
            )
        return 0
    common = _collect(context)
    _refuse_bytes(prompt, "-p")
    _refuse_bytes(session, "--session")
    _refuse_both(script is not None, prompt is not None, "--headless", "-p")
    _refuse_both(session is not None, continue_last, "--session", "--continue")
    if script is None and prompt is None and not _is_input(0):
        return _start_tui(common, session, continue_last)
    from workbench.app.headless.run import run_headless

    return run_headless(
        HeadlessOptions(
            common=common,
            script=script if script is not None or prompt is not None else "-",
            prompt=prompt,
            stdin_is_context=prompt is not None and _is_input(0),
            stdin_is_implied=script is None,
            session=session,
            continue_last=continue_last,
        )
    )


def _start_tui(common: CommonOptions, session: str | None, continue_last: bool) -> int:
    hint = "Use -p TEXT or --headless SCRIPT, which need no terminal."
    if not (os.isatty(0) and os.isatty(1)):
        raise UsageError("no_terminal", "The full-screen program needs a terminal.", hint)
    if os.environ.get("TERM", "").lower() in _DUMB_TERMINALS:
        raise UsageError(
            "no_terminal", f"The terminal ({os.environ['TERM']}) cannot show the full-screen program.", hint
        )
    if common.json:
        raise UsageError("bad_option", "--json needs -p, --headless or a subcommand.", hint)
    # Textual reads it when it is imported. What a key changes waits for the next of its frames: with 60 a
    # second, and one left out while a list is flooded, up to 33 ms.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from workbench.app.tui import run

    return run(
        TuiOptions(
            data_dir=common.data_dir,
            overrides=common.overrides,
            session=session,
            continue_last=continue_last,
            debug=common.debug,
        )
    )


def _refuse_both(first: bool, second: bool, first_name: str, second_name: str) -> None:
    if first and second:
        raise UsageError(
            "bad_option", f"{first_name} and {second_name} exclude each other.", "Leave one away."
        )


def _refuse_bytes(text: str | None, name: str) -> None:
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        raise UsageError("bad_input", f"{name} is not UTF-8 text.", "Convert it to UTF-8.") from None


def _is_input(descriptor: int) -> bool:
    """Tell whether a descriptor is a pipe, a socket or a file: something that was given as input."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)


# --- the ends -----------------------------------------------------------------------------------------


def _prepare_process() -> None:
    """Make sure of the standard descriptors, and let SIGTERM end the program as Ctrl-C does."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # Closed. The next file that is opened, such as the database, must not get its number.
            os.open(os.devnull, os.O_RDWR)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _usage_error(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "workbench"
    usage = UsageError("bad_option", error.format_message(), f"See `{path} --help`.")
    usage.__cause__ = error
    return usage


def _tell(error: WorkbenchError, state: _State, given: Sequence[str]) -> int:
    """Tell of an error on standard error, and with --json on standard output too; return its exit code."""
    if state.values.get("debug") or "--debug" in given:
        import traceback

        _write(2, "".join(traceback.format_exception(error)))
    from workbench.app.text import printable

    hint = f"hint: {error.hint}\n" if error.hint else ""
    _write(2, printable(f"error [{error.code}] {error.message}\n{hint}"))
    if state.values.get("json") or "--json" in given:
        from workbench.app.headless.lines import error_line, to_json

        _write(1, f"{to_json(error_line(error))}\n")
    return error.exit_code


def _crashed(error: Exception, state: _State) -> int:
    from workbench.app.crash import EXIT_CRASHED, report_crash
    from workbench.app.headless.streams import OutputClosed

    if isinstance(error, OutputClosed | BrokenPipeError):
        from workbench.app.headless.run import EXIT_OUTPUT_CLOSED

        return EXIT_OUTPUT_CLOSED
    from workbench.app.paths import paths_for

    if state.values.get("debug"):
        import traceback

        _write(2, "".join(traceback.format_exception(error)))
    logs = paths_for(state.values.get("data_dir")).logs
    sentence, hint = report_crash(error, logs), "This is a fault of workbench; please report it."
    _write(2, f"error [crash] {sentence}\nhint: {hint}\n")
    if state.values.get("json"):
        from workbench.app.headless.lines import ErrorLine, to_json

        _write(1, f"{to_json(ErrorLine('crash', sentence, hint, EXIT_CRASHED, {}))}\n")
    return EXIT_CRASHED


def _write(descriptor: int, text: str) -> None:
    """Write directly: the buffers of Python's own streams complain at exit when a pipe is gone."""
    try:
        os.write(descriptor, text.encode("utf-8", "replace"))
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
