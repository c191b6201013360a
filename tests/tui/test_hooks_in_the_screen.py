"""What hooks do to what the screen shows and sends."""

from __future__ import annotations

from typing import Any

from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.results import Cancel, Redirect, Replace
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


async def test_a_message_that_hooks_change_is_shown_as_it_is_kept(start: Start) -> None:
    async with start() as shell:
        await add(shell, "message:received", lambda context: context.change(text="what is workbench?"))
        await shell.ask("secret")
        assert "what is workbench?" in shell.text()
        assert "secret" not in shell.text()


async def test_a_message_that_goes_to_another_session_is_followed_there(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        here = shell.conversation.session_id
        there = await shell.workbench.sessions.create("the other one")
        await add(shell, "message:received", lambda _context: Redirect(there.id))
        await shell.type("what is workbench?")
        await shell.pilot.press("enter")
        await shell.until(lambda: shell.conversation.session_id == there.id, "the other session")
        await shell.until(lambda: "Workbench is" in shell.text(), "the reply")
        assert shell.text().count("▎ what is workbench?") == 1
        await shell.until(lambda: shell.conversation.running is None, "the end of the turn")
        assert here != there.id
        await shell.workbench.hooks.remove(["test.message_received"])
        await shell.ask("hello")
        assert shell.conversation.session_id == there.id


async def test_the_commands_of_hooks_work_whatever_hooks_do(start: Start) -> None:
    async with start() as shell:
        await add(shell, "command:before", lambda _context: Cancel("No commands today."))
        await shell.type("/sessions list")
        await shell.pilot.press("enter")
        await shell.until(lambda: "No commands today." in shell.text(), "the reason")
        shell.composer.clear()
        await shell.type("/hooks disable test.command_before")
        await shell.pilot.press("enter")
        states = shell.workbench.hooks.statuses
        await shell.until(
            lambda: [each.state for each in states() if each.id == "test.command_before"] == ["disabled"],
            "the hook to be off",
        )


async def test_a_hook_answers_in_the_models_place(start: Start) -> None:
    async with start() as shell:
        await add(shell, "message:received", lambda _context: Replace("[bold]forty-two[/bold]"))
        await shell.ask("hello")
        assert "[bold]forty-two[/bold]" in shell.text()


def _head(shell: Shell) -> str:
    head = shell.conversation.head
    assert head is not None
    return head.id
