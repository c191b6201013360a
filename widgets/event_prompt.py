"""A line above the events in which the reader writes a filter, a time or a file name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

import msgspec
from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from workbench.app.errors import WorkbenchError
from workbench.app.text import one_line, printable
from workbench.widgets.completion_menu import CompletionMenu, Suggestion

_LONGEST: Final = 4_000


class Question(msgspec.Struct, frozen=True):
    """What is asked.

    Args:
        kind: what the program calls it.
        label: stands before the line.
        value: what stands in the line first.
        example: shows in the empty line.
        check: returns what to say about a text, or raises `WorkbenchError`; `position` and `length` in its
            details are the characters that are wrong.
        complete: returns ways to go on with a text at a place in it.
        earlier: what was entered before, oldest first.
    """

    kind: str
    label: str
    check: Callable[[str], str]
    value: str = ""
    example: str = ""
    complete: Callable[[str, int], Sequence[Suggestion]] | None = None
    earlier: Sequence[str] = ()


class PromptLine(Input):
    """The line itself: up and down choose a completion, or what was entered before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Take it", id="prompt.take"),
        Binding("tab", "prompt('complete')", "Complete", id="prompt.complete"),
        Binding("up", "prompt('earlier')", "Completion above, or an earlier line", id="prompt.earlier"),
        Binding("down", "prompt('later')", "Completion below, or a later line", id="prompt.later"),
        Binding("escape", "prompt('leave')", "Close", id="prompt.leave"),
        # The line has another use for this key of the screen.
        Binding("ctrl+e", "screen.events", show=False),
    ]

    class Pressed(Message):
        """A key that concerns more than the line: complete, earlier, later or leave."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def action_prompt(self, what: str) -> None:
        """Hand a key on to the prompt."""
        self.post_message(self.Pressed(what))

    def _on_paste(self, event: events.Paste) -> None:
        """Keep what steers terminals out of the text; the base class then inserts it."""
        event.text = printable(" ".join(event.text.split()))


class EventPrompt(Vertical):
    """Asks one question; what is wrong with the answer shows below the character.

    Args:
        question: what is asked.
    """

    DEFAULT_CSS = """
    EventPrompt {
        height: auto;
        padding: 0 2;
        background: $raised;
        border-left: outer $accent;
        &:ansi { background: transparent; }
        & > Horizontal { height: 1; }
        & .prompt--label { width: auto; color: $accent; padding: 0 1 0 0; }
        & PromptLine { width: 1fr; background: transparent; }
        & PromptLine:focus { background-tint: transparent; }
        & PromptLine > .input--placeholder { color: $faint; }
        & #prompt-note { height: auto; display: none; color: $faint; }
        & #prompt-note.-shown { display: block; }
        & CompletionMenu { border: none; padding: 0; background: transparent; max-height: 8; }
    }
    """

    class Entered(Message):
        """The answer."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    class Left(Message):
        """The reader does not answer."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question
        self._line = PromptLine(
            question.value,
            placeholder=question.example,
            compact=True,
            max_length=_LONGEST,
            select_on_focus=False,
        )
        self._line.cursor_blink = False
        self._note = Static("", id="prompt-note", markup=False)
        self._menu = CompletionMenu()
        self._place = len(question.earlier)
        self._unsent = question.value
        self._wrong = False

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(self._question.label, classes="prompt--label", markup=False)
            yield self._line
        yield self._note
        yield self._menu

    def on_mount(self) -> None:
        self._line.focus()

    async def take_key(self, event: events.Key) -> None:
        """Take a key that was pressed before the line had the focus."""
        if event.key == "enter":
            await self._line.action_submit()
        elif event.is_printable and event.character is not None:
            self._line.insert_text_at_cursor(event.character)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        text = event.value
        self._look(text, asked=False)
        self._menu.show(self._suggestions() if text and not self._recalled(text) else ())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if self._menu.chosen is not None and self._menu.moved:
            self._complete()
        elif self._look(event.value, asked=True):
            self.post_message(self.Entered(self._question.kind, text))

    @on(PromptLine.Pressed)
    def _pressed(self, event: PromptLine.Pressed) -> None:
        event.stop()
        match event.what:
            case "complete":
                self._complete()
            case "leave":
                if self._menu.is_shown:
                    self._menu.show(())
                else:
                    self.post_message(self.Left())
            case _:
                self._step(-1 if event.what == "earlier" else 1)

    # --- steps ------------------------------------------------------------------------------------

    def _step(self, step: int) -> None:
        if self._menu.is_shown:
            self._menu.move(step)
            return
        earlier, place = self._question.earlier, self._place + step
        if not 0 <= place <= len(earlier):
            return
        if self._place == len(earlier):
            self._unsent = self._line.value
        self._place = place
        self._put(earlier[place] if place < len(earlier) else self._unsent)

    def _recalled(self, text: str) -> bool:
        earlier = self._question.earlier
        return self._place < len(earlier) and earlier[self._place] == text

    def _suggestions(self) -> Sequence[Suggestion]:
        complete = self._question.complete
        return complete(self._line.value, self._line.cursor_position) if complete is not None else ()

    def _complete(self) -> None:
        """Take the completion under the cursor, or show what there is."""
        chosen, line = self._menu.chosen, self._line
        if chosen is None:
            self._menu.show(self._suggestions())
            return
        rest = line.value[line.cursor_position :]
        space = "" if chosen.text.endswith((".", "(", ":")) or rest.startswith(" ") else " "
        self._put(f"{line.value[: chosen.start]}{chosen.text}{space}{rest}", len(rest))

    def _put(self, text: str, after: int = 0) -> None:
        self._line.value = text
        self._line.cursor_position = len(text) - after

    def _look(self, text: str, *, asked: bool) -> bool:
        """Say what is to be said about the text; tell whether it is an answer.

        While it is being written, a mistake at its end is no mistake yet.
        """
        try:
            note = self._question.check(text)
        except WorkbenchError as error:
            end = error.details.get("position", len(text)) + error.details.get("length", 0)
            if asked or self._wrong or end < len(text.rstrip()):
                self._tell_wrong(text, error, asked=asked)
            else:
                self._tell(Content(""))
            return False
        self._wrong = False
        self._tell(Content(one_line(note, 500)))
        return True

    def _tell_wrong(self, text: str, error: WorkbenchError, *, asked: bool) -> None:
        self._wrong = self._wrong or asked
        position = error.details.get("position")
        lines: list[Content] = []
        if position is not None:
            if asked:
                self._line.cursor_position = position
            # The line scrolls when the text is longer than it.
            column = cell_len(text[:position]) - self._line.scroll_offset.x
            width = max(1, cell_len(text[position : position + error.details.get("length", 1)]))
            indent = self._line.region.x - self.content_region.x + max(0, column)
            room = max(1, self.content_region.width - indent)
            lines.append(Content.styled(" " * indent + "^" * min(width, room), "$error"))
        lines.append(Content.styled(one_line(error.message, 500), "$error"))
        if error.hint:
            lines.append(Content(one_line(error.hint, 500)))
        self._tell(Content("\n").join(lines))

    def _tell(self, note: Content) -> None:
        self._note.update(note)
        self._note.set_class(bool(note.plain), "-shown")
