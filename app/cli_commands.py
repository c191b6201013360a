"""The registry's commands as subcommands, and running one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from workbench.app.cli_options import CommonOptions
from workbench.app.errors import StoreError

if TYPE_CHECKING:
    from workbench.app.commands.arguments import Argument
    from workbench.app.commands.bind import Invocation
    from workbench.app.commands.command import Command, CommandResult
    from workbench.app.headless.interrupts import Interrupts

Collect = Callable[[click.Context], CommonOptions]
MakeOptions = Callable[[], list[click.Parameter]]


def click_commands(common: MakeOptions, collect: Collect) -> dict[str, click.Command]:
    """Return the subcommands and groups of subcommands by their first word.

    Args:
        common: makes the options that every subcommand takes.
        collect: returns those options after parsing.
    """
    from workbench.app.commands.builtin import builtin_registry

    found: dict[str, click.Command] = {}
    for command in builtin_registry().all("cli"):
        first, _, rest = command.name.partition(" ")
        if not rest:
            found[first] = _click_command(command, first, common, collect)
            continue
        group = found.setdefault(first, command_group(first, common()))
        assert isinstance(group, click.Group)
        group.add_command(_click_command(command, rest, common, collect), rest)
    for name, entry in found.items():
        if isinstance(entry, click.Group):
            entry.help = f"{name.capitalize()}: {', '.join(entry.commands)}."
    return found


def command_group(name: str, parameters: Iterable[click.Parameter]) -> click.Group:
    """Return an empty group, which shows its help when it is asked for without a subcommand."""

    def show_help() -> int:
        context = click.get_current_context()
        if context.invoked_subcommand is None:
            click.echo(context.get_help(), err=True)
            return 2
        return 0

    return click.Group(name, params=list(parameters), callback=show_help, invoke_without_command=True)


def _click_command(command: Command, name: str, common: MakeOptions, collect: Collect) -> click.Command:
    def run(**texts: Any) -> int:
        from workbench.app.commands.bind import bind_texts

        given = {key: value for key, value in texts.items() if value is not None and value != ()}
        options = collect(click.get_current_context())
        return asyncio.run(_run(bind_texts(command, given), options))

    parameters = [_parameter(argument) for argument in command.arguments]
    return click.Command(
        name,
        params=[*parameters, *common()],
        callback=run,
        help=f"{command.summary}\n\n{command.help}",
        short_help=command.summary,
    )


def _parameter(argument: Argument) -> click.Parameter:
    """Return click's parameter; it takes text as it is, and the registry converts and checks it."""
    if argument.positional:
        several = argument.many or argument.rest
        # The rest of a line came as words; several of them are joined again.
        callback = _joined if argument.rest else None
        return click.Argument(
            [argument.parameter],
            required=argument.required,
            nargs=-1 if several else 1,
            metavar=argument.usage,
            callback=callback,
        )
    return click.Option(
        [f"--{argument.name}", argument.parameter],
        help=_option_help(argument),
        metavar=None if argument.flag else argument.name.upper(),
        is_flag=argument.flag,
        default=None,
        multiple=argument.many,
        required=argument.required,
    )


def _joined(_context: click.Context, _parameter: click.Parameter, words: Sequence[str]) -> str | None:
    return " ".join(words) if words else None


def _option_help(argument: Argument) -> str:
    default = "" if argument.default in (None, "", False, ()) else f"  [default: {argument.default}]"
    return f"{argument.help[:1].upper()}{argument.help[1:]}.{default}" if argument.help else default.strip()


async def _run(invocation: Invocation, options: CommonOptions) -> int:
    from workbench.app.crash import background_failures
    from workbench.app.headless.interrupts import Interrupts
    from workbench.app.paths import paths_for

    if not options.debug:
        handler = background_failures(paths_for(options.data_dir).logs)
        asyncio.get_running_loop().set_exception_handler(handler)
    answer = _Answer(options)
    with Interrupts() as interrupts:
        result = await _answer(invocation, answer, interrupts)
        await interrupts.finish(answer.whole(result))
    return result.exit_code


async def _answer(invocation: Invocation, answer: _Answer, interrupts: Interrupts) -> CommandResult:
    """Run a command in a workbench with what it needs."""
    from workbench.app.workbench import Workbench

    command, options = invocation.command, answer.options
    if command.needs is None:
        return await _run_in(invocation, answer, interrupts, None)

    async def inside(*, read_only: bool) -> CommandResult:
        opening = Workbench.open(
            options.data_dir,
            # What changes something passes the person's hooks, too.
            services=(*command.needs, "plugins") if command.needs and not read_only else command.needs or (),
            overrides=options.overrides,
            face="command",
            read_only=read_only,
        )
        async with opening as workbench:
            return await _run_in(invocation, answer, interrupts, workbench)

    if command.reads_only:
        try:
            return await inside(read_only=True)
        except StoreError:
            if answer.begun:
                raise
            # A new, damaged or older database: opening it for writing makes, mends or migrates it.
            return await inside(read_only=False)
    return await inside(read_only=False)


class _Answer:
    """Standard output, for an answer in pieces or as a whole; with --json, each item is a line.

    Args:
        options: what the command line asked for.
    """

    def __init__(self, options: CommonOptions) -> None:
        from workbench.app.headless.streams import Stream

        self.options = options
        self.begun = False
        """Whether a part of the answer has been given, so that it cannot be begun again."""
        self._stream = Stream(1)

    @property
    def columns(self) -> int | None:
        """Cells of a line, where a terminal shows the answer."""
        return self._stream.columns

    async def hand_out(self, items: Sequence[Any], lines: Sequence[str]) -> None:
        """Write a piece of the answer; see `command.HandOut`."""
        from workbench.app.headless.lines import to_json

        pieces = [to_json(item) for item in items] if self.options.json else lines
        if not pieces:
            self._stream.check()
            return
        self.begun = True
        await self._write(pieces)

    async def whole(self, result: CommandResult) -> None:
        """Write an answer that was not handed out."""
        from workbench.app.headless.lines import to_json

        if not result.handed_out:
            await self._write([to_json(result.data)] if self.options.json else result.lines)

    async def _write(self, lines: Sequence[str]) -> None:
        from workbench.app.text import printable

        text = "".join(f"{line}\n" for line in lines)
        await self._stream.write(printable(text) if self._stream.is_terminal else text)


async def _run_in(
    invocation: Invocation, answer: _Answer, interrupts: Interrupts, workbench: Any
) -> CommandResult:
    from workbench.app.commands.builtin import builtin_registry
    from workbench.app.commands.command import CommandContext
    from workbench.app.headless.output import Narrator
    from workbench.app.headless.streams import Stream
    from workbench.app.paths import paths_for

    options = answer.options
    narrator = Narrator(Stream(2), verbose=options.verbose)
    context = CommandContext(
        face="cli",
        paths=workbench.paths if workbench is not None else paths_for(options.data_dir),
        data_dir=options.data_dir,
        opened=workbench,
        overrides=options.overrides,
        say=narrator.progress,
        hand_out=answer.hand_out,
        columns=answer.columns,
    )
    return await interrupts.guard(builtin_registry().run(invocation, context))
