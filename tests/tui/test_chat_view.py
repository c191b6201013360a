from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from workbench.app.chat.parts import Usage
from workbench.app.errors import WorkerError
from workbench.app.sessions.session import Message, Role, Status
from workbench.tests.tui.widget_host import Stage, stage
from workbench.widgets.chat_view import ChatView
from workbench.widgets.message_view import MessageView
from workbench.widgets.transcript import Transcript

USAGE = Usage(prompt_tokens=9, reply_tokens=42, first_token_ms=12.4, duration_ms=40, tokens_per_second=1480.4)


def message(
    number: int, role: Role, text: str, status: Status = "complete", meta: dict[str, Any] | None = None
) -> Message:
    return Message(
        id=f"m{number}",
        session_id="s",
        parent_id=None,
        role=role,
        status=status,
        text=text,
        created=datetime.now(UTC),
        model="guide" if role == "assistant" else None,
        meta=meta or {},
    )


def talk(turns: int) -> list[Message]:
    """Return a branch of questions and answers."""
    made: list[Message] = []
    for turn in range(turns):
        made.append(message(2 * turn, "user", f"question {turn}"))
        made.append(message(2 * turn + 1, "assistant", f"answer {turn}\n\nwith a second line"))
    return made


def mounted(view: ChatView) -> int:
    return len(view.query(MessageView))


def transcript(view: ChatView) -> Transcript:
    return view.query_one(Transcript)


async def stream(view: ChatView, lines: int) -> None:
    """Begin a reply and let so many paragraphs arrive."""
    await view.begin_user("question", "tell me")
    await view.begin_reply("reply", model="guide")
    for number in range(lines):
        view.append(f"line {number}\n\n")


async def shown(on: Stage, *texts: str) -> None:
    await on.until(lambda: all(text in on.text() for text in texts))


async def test_a_branch_is_shown_with_the_facts_of_each_reply() -> None:
    view = ChatView()
    meta = {"usage": msgspec.to_builtins(USAGE)}
    async with stage(view) as on:
        await view.show([message(1, "user", "hello"), message(2, "assistant", "Hello **you**.", meta=meta)])
        await shown(on, "▎ hello", "  Hello you.", "  guide · 42 tokens · 1,480 tok/s · first 12 ms")


async def test_what_the_person_said_is_shown_as_it_was_typed() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.begin_user("u", "# not *a* [bold]title[/bold]\n  indented `x`")
        await shown(on, "▎ # not *a* [bold]title[/bold]", "▎   indented `x`")


async def test_a_reply_streams_and_ends() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.begin_user("u", "hello")
        await view.begin_reply("r", model="guide")
        await shown(on, "…")
        for piece in ("Some **bo", "ld** text", " arrives"):
            view.append(piece)
        await shown(on, "Some bold text arrives")
        await view.finish("r", "complete", USAGE, None)
        await shown(on, "guide · 42 tokens")


async def test_a_continued_reply_begins_with_its_text() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.begin_reply("r", "The first half")
        view.append(" and the second.")
        await shown(on, "The first half and the second.")


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [("cancelled", "", "■ stopped"), ("interrupted", "", "✗ cut off"), ("complete", "length", "token limit")],
)
async def test_a_reply_says_how_it_ended(status: Status, reason: str, said: str) -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.begin_reply("r")
        view.append("half a sen")
        await view.finish("r", status, USAGE, None, reason)
        await shown(on, "half a sen", said)


async def test_an_error_is_told_with_what_to_do() -> None:
    view = ChatView()
    error = WorkerError("crashed", "The worker llm ended.", "Ask again: it starts by itself.")
    async with stage(view) as on:
        await view.begin_reply("r")
        await view.finish("r", "failed", None, error.to_dict())
        await shown(on, "✗ failed: The worker llm ended.", "Ask again: it starts by itself.")


async def test_versions_are_counted() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show([message(1, "assistant", "again")], {"m1": (2, 3)})
        await shown(on, "2/3 · guide")


async def test_control_characters_never_reach_the_screen() -> None:
    view = ChatView()
    hostile = "\x1b[31mred\x1b]52;c;YQ==\x07 \x9b2J \x00 \u2028 end"
    async with stage(view) as on:
        await view.begin_user("u", hostile)
        await view.begin_reply("r")
        for character in hostile:
            view.append(character)
        await view.finish("r", "complete", None, {"message": hostile, "hint": hostile})
        await shown(on, "␛[31mred")
        assert not any(
            ord(character) < 32 or 127 <= ord(character) < 160 for character in "".join(on.lines())
        )


async def test_the_view_follows_what_streams() -> None:
    view = ChatView()
    async with stage(view) as on:
        await stream(view, 60)
        await shown(on, "line 59")
        assert view.at_bottom


async def test_a_reader_who_scrolled_up_is_not_moved() -> None:
    view = ChatView()
    async with stage(view) as on:
        await stream(view, 60)
        await shown(on, "line 59")
        view.focus()
        await on.press("pageup", "pageup")
        await on.until(lambda: not view.at_bottom)
        before = on.lines()[:-1]
        for number in range(60, 90):
            view.append(f"line {number}\n\n")
        await shown(on, "↓ new text")
        assert on.lines()[:-1] == before
        await view.finish("reply", "complete", USAGE, None)
        await on.pilot.pause()
        assert on.lines()[:-1] == before
        await on.press("end")
        await shown(on, "line 89", "guide · 42 tokens")
        assert view.at_bottom
        assert "new text" not in on.text()


async def test_scrolling_back_to_the_bottom_follows_again() -> None:
    view = ChatView()
    async with stage(view) as on:
        await stream(view, 60)
        view.focus()
        await on.press("pageup")
        view.append("the newest")
        await on.press("pagedown", "pagedown")
        await shown(on, "the newest")
        assert view.at_bottom


async def test_a_new_question_goes_to_the_bottom() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show(talk(30))
        view.focus()
        await on.press("home")
        await shown(on, "question 0")
        await view.begin_user("u", "a new question")
        await shown(on, "a new question")


async def test_a_long_branch_mounts_few_messages_and_every_one_can_be_reached() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show(talk(60))
        await shown(on, "answer 59")
        assert mounted(view) <= 40
        view.focus()
        for _ in range(200):
            await on.press("pageup")
            assert mounted(view) <= 40
            if "question 0" in on.lines()[0]:
                break
        assert "question 0" in on.text()
        for _ in range(200):
            await on.press("pagedown")
            if view.at_bottom:
                break
        await shown(on, "answer 59")


async def test_short_messages_on_a_tall_screen_can_all_be_reached() -> None:
    view = ChatView()
    branch = [message(number, "user", f"note {number}.") for number in range(120)]
    async with stage(view, (80, 60)) as on:
        await view.show(branch)
        await shown(on, "note 119.")
        await on.until(lambda: mounted(view) >= 40)
        view.focus()
        seen: set[int] = set()
        for _ in range(40):
            numbers = [int(line.split()[-1].rstrip(".")) for line in on.lines() if "note" in line]
            assert numbers == list(range(numbers[0], numbers[-1] + 1))
            seen.update(numbers)
            if 0 in seen:
                break
            transcript(view).scroll_relative(y=-7, animate=False)
            await on.pilot.pause()
        assert seen == set(range(120))


async def test_loading_older_messages_does_not_move_the_text() -> None:
    view = ChatView()
    async with stage(view, (80, 12)) as on:
        await view.show(talk(60))
        view.focus()
        seen: list[int] = []
        for _ in range(30):
            await on.press("pageup")
            numbers = [int(line.rpartition(" ")[2]) for line in on.lines() if line.startswith("▎ question")]
            seen += sorted(numbers, reverse=True)
        assert seen == sorted(seen, reverse=True)
        assert set(range(min(seen), max(seen))) <= set(seen)


async def test_keys_choose_messages_and_ask_for_what_can_be_done() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show(talk(3))
        view.focus()
        await on.press("up", "up")
        await shown(on, "▌ question 2")
        await on.press("e", "r", "c")
        edits: Sequence[Any] = on.sent(ChatView.EditRequested)
        again: Sequence[Any] = on.sent(ChatView.RegenerateRequested)
        assert [asked.message_id for asked in (*edits, *again)] == ["m4", "m4"]
        copies: Sequence[Any] = on.sent(ChatView.Copy)
        assert [(copy.text, copy.what) for copy in copies] == [("question 2", "your message")]
        await on.press("escape")
        assert "▌" not in on.text()


async def test_a_choice_stays_marked_when_it_was_not_mounted_for_a_while() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show(talk(40))
        view.focus()
        await on.press("up", "home")
        await on.until(lambda: transcript(view).view_of("m79") is None)
        await on.press("end")
        await shown(on, "▌ answer 39")


async def test_without_a_choice_the_newest_reply_is_meant() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show([*talk(2), message(9, "assistant", "cut of", "interrupted")])
        view.focus()
        await on.press("c", "u")
        copies: Sequence[Any] = on.sent(ChatView.Copy)
        resumes: Sequence[Any] = on.sent(ChatView.ResumeRequested)
        assert [copy.text for copy in copies] == ["cut of"]
        assert [resume.message_id for resume in resumes] == ["m9"]


async def test_keys_that_have_nothing_to_do_say_so() -> None:
    view = ChatView()
    async with stage(view) as on:
        assert view.check_action("copy", ()) is None
        await view.show(talk(1))
        assert view.check_action("copy", ()) is True
        assert view.check_action("resume", ()) is False
        await view.begin_reply("r")
        assert view.check_action("regenerate", ()) is None
        await view.finish("r", "cancelled", None, None)
        assert view.check_action("resume", ()) is True
        await on.pilot.pause()


async def test_a_message_taller_than_the_screen_is_scrolled_through() -> None:
    view = ChatView()
    tall = "\n\n".join(f"paragraph {number}" for number in range(30))
    async with stage(view, (60, 10)) as on:
        await view.show([message(1, "user", "go"), message(2, "assistant", tall)])
        view.focus()
        await on.press("up")
        for _ in range(40):
            await on.press("up")
            if "▌ go" in on.text():
                break
        assert "▌ go" in on.text()


async def test_a_click_chooses_a_message_and_a_link_is_only_told() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show([message(1, "assistant", "see [this](https://example.com/x)")])
        await shown(on, "see this")
        row = next(y for y, line in enumerate(on.lines()) if "see this" in line)
        await on.pilot.click(offset=(7, row))
        await on.pilot.pause()
        links: Sequence[Any] = on.sent(ChatView.LinkClicked)
        assert [link.address for link in links] == ["https://example.com/x"]
        assert "▌ see this" in on.text()


async def test_a_welcome_goes_with_the_first_message_and_a_notice_stays() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show_welcome("Welcome", ["Ask me something."])
        await shown(on, "Welcome", "Ask me something.")
        await view.begin_user("u", "hello")
        await view.add_notice("2 older messages were left out.")
        await shown(on, "hello", "2 older messages were left out.")
        assert "Welcome" not in on.text()


async def test_another_session_takes_the_place_of_the_one_that_streams() -> None:
    view = ChatView()
    async with stage(view) as on:
        await stream(view, 5)
        await view.show([message(1, "user", "another session")])
        view.append("late text")
        await view.finish("reply", "complete", USAGE, None)
        await shown(on, "another session")
        assert "late text" not in on.text()


async def test_a_reply_that_grows_while_it_is_not_mounted_is_whole_when_it_is() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show(talk(40))
        await view.begin_reply("r")
        view.append("the first part,")
        await shown(on, "the first part,")
        view.focus()
        await on.press("home")
        await on.until(lambda: transcript(view).view_of("r") is None)
        view.append(" the second part")
        await on.press("G")
        await shown(on, "the first part, the second part")
        view.append(" and the third")
        await view.finish("r", "complete", USAGE, None)
        await shown(on, "the first part, the second part and the third")


async def test_a_million_characters_in_one_line_are_bounded() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show([message(1, "user", "x" * 1_000_000), message(2, "assistant", "y" * 1_000_000)])
        await shown(on, "more characters, copy the message to see all")
        view.focus()
        await on.press("c")
        copies: Sequence[Any] = on.sent(ChatView.Copy)
        assert len(copies[0].text) == 1_000_000


@pytest.mark.parametrize("theme", ["workbench-dark", "workbench-light", "ansi"])
@pytest.mark.parametrize("size", [(20, 5), (80, 24), (200, 60)])
async def test_every_theme_and_size_shows_the_newest_text(theme: str, size: tuple[int, int]) -> None:
    view = ChatView()
    source = "# Head\n\n- item\n\n> quote\n\n```py\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nthe end"
    async with stage(view, size, theme) as on:
        await view.show([*talk(2), message(9, "assistant", source)])
        view.focus()
        await shown(on, "the end")
        await on.press("up")


async def test_marked_text_can_be_taken() -> None:
    view = ChatView()
    async with stage(view) as on:
        await view.show([message(1, "assistant", "take this text")])
        await shown(on, "take this text")
        row = next(y for y, line in enumerate(on.lines()) if "take this" in line)
        await on.pilot.mouse_down(offset=(7, row))
        await on.pilot.hover(offset=(10, row))
        await on.pilot.mouse_up(offset=(10, row))
        await on.pilot.pause()
        assert on.app.screen.get_selected_text() == "this"
