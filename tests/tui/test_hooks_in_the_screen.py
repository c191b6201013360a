"""What hooks do to what the screen shows and sends."""

from __future__ import annotations

from typing import Any

from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.results import Cancel, Replace
from workbench.tests.tui.shell import Shell, Start


async def add(shell: Shell, point: str, function: Any) -> None:
    hook_id = f"test.{point.replace(':', '_')}"
    await shell.workbench.hooks.add([Hook(id=hook_id, point=point, function=function, trusted=True)])


async def test_what_is_copied_is_changed_or_refused(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        await add(shell, "clipboard:copy", lambda context: context.change(text="masked"))
        shell.main.action_copy()
        await shell.until(lambda: shell.app.clipboard == "masked", "the masked text")
        await add(shell, "clipboard:copy", lambda _context: Cancel("Nothing leaves this machine."))
        shell.main.action_copy()
        await shell.until(lambda: "Nothing leaves this machine." in shell.text(), "the reason")
        assert shell.app.clipboard == "masked"


async def test_a_reply_that_hooks_change_while_it_streams_and_at_its_end_is_shown_as_it_is_kept(
    start: Start,
) -> None:
    def shout(context: HookContext[Any]) -> Any:
        return context.change(text=context.value.text.upper())

    async with start() as shell:
        await add(shell, "token:batch", shout)
        await add(shell, "model:after", lambda context: context.change(text=f"before. {context.value.text}"))
        await add(
            shell, "message:completed", lambda context: context.change(text=f"{context.value.text} after")
        )
        await shell.ask("hello")
        assert shell.conversation.last_reply == (await shell.workbench.messages.get(_head(shell))).text
        assert shell.conversation.last_reply.startswith("before. ")
        assert shell.conversation.last_reply.endswith(" after")
        assert "before. " in shell.text()


async def test_a_refused_message_is_given_back_with_the_reason(start: Start) -> None:
    async with start() as shell:
        await add(shell, "message:received", lambda _context: Cancel("Not on a Friday."))
        await shell.type("hello there")
        await shell.pilot.press("enter")
        await shell.until(lambda: "Not on a Friday." in shell.text(), "the reason")
        await shell.until(lambda: shell.composer.text == "hello there", "the text")


async def test_a_hook_answers_in_the_models_place(start: Start) -> None:
    async with start() as shell:
        await add(shell, "message:received", lambda _context: Replace("[bold]forty-two[/bold]"))
        await shell.ask("hello")
        assert "[bold]forty-two[/bold]" in shell.text()


def _head(shell: Shell) -> str:
    head = shell.conversation.head
    assert head is not None
    return head.id
