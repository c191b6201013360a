"""Something waits at a breakpoint: what it is, and how it goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from workbench.app.errors import HookError
from workbench.app.events.event import plain
from workbench.app.hooks.breakpoints import BreakAnswer, Breakpoints, Pause
from workbench.app.hooks.points import POINTS
from workbench.app.hooks.results import Cancel, Continue, Modified
from workbench.app.text import one_line, printable
from workbench.widgets.chat_entry import safe
from workbench.widgets.event_lines import clock

if TYPE_CHECKING:
    from textual.timer import Timer

_ARMED_SECONDS: Final = 0.4
_LOW: Final = 20
_OTHER_LINES, _OTHER_LINES_LOW = 14, 7
_LONGEST: Final = 500
_LONGEST_SHOWN: Final = 100_000
_PLACE: Final = re.compile(r" ?\(byte (\d+)\)")


class ValueEditor(TextArea):
    """JSON that is edited; enter takes it, as a line end within it is never needed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Check it and go on", id="break.take", priority=True),
        Binding("ctrl+j,shift+enter,alt+enter", "newline", "New line", id="break.newline"),
    ]

    class Taken(Message):
        """The person is done."""

    def action_take(self) -> None:
        """Say that the person is done."""
        self.post_message(self.Taken())

    def action_newline(self) -> None:
        """Begin a new line."""
        self.insert("\n")

    async def _on_paste(self, event: events.Paste) -> None:
        """Keep what steers terminals out of the text; the base class then inserts it."""
        event.text = printable(event.text)


class BreakDialog(ModalScreen[None]):
    """Asks how what waits goes on; the answer goes to the breakpoints.

    Keys count only a moment after it has come: who was writing when it came has not answered it.

    Args:
        breakpoints: where it waits.
        pause: what waits.
        on_answer: called after an answer.
    """

    CSS_PATH = "break_dialog.tcss"
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,c", "go_on", "Go on as it is", id="break.continue"),
        Binding("e", "edit", "Change it", id="break.edit"),
        Binding("x", "cancel", "Cancel it, with a reason", id="break.cancel"),
        Binding("b", "clear", "Go on, and stop here no more", id="break.clear"),
        Binding("escape", "step_back", "Back from the change or the reason", id="break.back"),
        Binding("up,k", "scroll(-1)", "Scroll up", id="break.up", show=False),
        Binding("down,j", "scroll(1)", "Scroll down", id="break.down", show=False),
        Binding("pageup", "scroll(-8)", "Page up", id="break.page_up", show=False),
        Binding("pagedown", "scroll(8)", "Page down", id="break.page_down", show=False),
    ]

    def __init__(self, breakpoints: Breakpoints, pause: Pause, on_answer: Callable[[], None]) -> None:
        super().__init__()
        self.pause = pause
        self.armed = False
        """Whether keys count."""
        self._breakpoints, self._on_answer = breakpoints, on_answer
        self._arming: Timer | None = None
        self._value = value_text(pause)
        self._editor: ValueEditor | None = None
        self._body = VerticalScroll(Static(_coloured(self._value), markup=False), id="break-body")
        self._body.can_focus = False
        self._note = Static("", id="break-note", markup=False)
        self._hint = Static("", id="dialog-hint", markup=False)
        self._count = Static("", id="break-count", markup=False)
        self._reason = Input(
            placeholder="Why? The person or script that waits is told.", id="break-reason", compact=True
        )

    def compose(self) -> ComposeResult:
        point = self.pause.point
        with Vertical(id="dialog"):
            with Horizontal(id="dialog-head"):
                yield Static(f"Stopped at {point}", id="dialog-title", markup=False)
                yield self._count
            yield Static(POINTS[point].when, id="dialog-detail", markup=False)
            yield Static(_facts(self.pause), id="break-facts", markup=False)
            yield self._body
            yield self._reason
            yield self._note
            yield self._hint

    def on_mount(self) -> None:
        self._reason.cursor_blink = False
        self.show_mode("")
        self.tell_waiting()
        self._arming = self.set_timer(_ARMED_SECONDS, self._arm)

    def _arm(self) -> None:
        self.armed = True

    def tell_waiting(self) -> None:
        """Say how much else waits."""
        others = len(self._breakpoints.pending()) - 1
        self._count.update(f"{others} more waiting" if others > 0 else "")

    def on_resize(self) -> None:
        low = self.app.size.height < _LOW
        self.set_class(low, "-low")
        most = max(1, self.app.size.height - (_OTHER_LINES_LOW if low else _OTHER_LINES))
        self._body.styles.max_height = most
        if self._editor is not None:
            self._editor.styles.max_height = most

    def show_mode(self, mode: str) -> None:
        """Show the value, the editor (`edit`) or the line for the reason (`cancel`)."""
        self.set_class(mode == "edit", "-editing")
        self.set_class(mode == "cancel", "-cancelling")
        self._complain("")
        keys = {
            "edit": (("enter", "check and go on"), ("esc", "back")),
            "cancel": (("enter", "cancel it"), ("esc", "back")),
        }.get(mode, self._keys())
        parts = [Content.styled(key, "$accent") + Content(f" {what}") for key, what in keys]
        self._hint.update(Content("   ").join(parts))

    def _keys(self) -> tuple[tuple[str, str], ...]:
        answers = self.pause.answers
        return (
            ("enter", "go on"),
            *((("e", "edit"),) if "modified" in answers else ()),
            *((("x", "cancel it"),) if "cancel" in answers else ()),
            ("b", "go on, stop here no more"),
        )

    # --- what the keys do -------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say which keys count; see `DOMNode`."""
        writing = self.has_class("-editing") or self.has_class("-cancelling")
        if action in ("go_on", "edit", "cancel", "clear"):
            fits = {"edit": "modified", "cancel": "cancel"}.get(action, "continue") in self.pause.answers
            return self.armed and fits and not writing
        return True

    def action_go_on(self) -> None:
        """Let it go on as it is."""
        self._answer(Continue())

    def action_edit(self) -> None:
        """Let the person change it."""
        if self._editor is None:
            self._editor = ValueEditor(self._value, id="break-editor", soft_wrap=True, tab_behavior="focus")
            self._editor.cursor_blink = False
            self.query_one("#dialog").mount(self._editor, after=self._body)
            self.on_resize()
        self.show_mode("edit")
        self._editor.focus()

    def action_cancel(self) -> None:
        """Ask for a reason to cancel it."""
        self.show_mode("cancel")
        self._reason.focus()

    def action_clear(self) -> None:
        """Let it go on and take the breakpoint away."""
        self._breakpoints.clear(self.pause.point)
        self._on_answer()

    def action_step_back(self) -> None:
        """Go back from the change or the reason."""
        if self.has_class("-editing") or self.has_class("-cancelling"):
            self.show_mode("")
            self.set_focus(None)

    def action_scroll(self, lines: int) -> None:
        """Scroll the value."""
        self._body.scroll_relative(y=lines, animate=False)

    @on(ValueEditor.Taken)
    def _edited(self, event: ValueEditor.Taken) -> None:
        event.stop()
        if self._editor is None:
            return
        text = self._editor.text
        try:
            changed = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            row, column, what = place_of(str(error), text)
            self._editor.move_cursor((row, column))
            self._complain(f"This is not JSON, line {row + 1}, column {column + 1}: {what}.")
            return
        self._answer(Modified(changed))

    @on(Input.Submitted)
    def _reason_given(self, event: Input.Submitted) -> None:
        event.stop()
        self._answer(Cancel(event.value.strip() or "A person cancelled it at a breakpoint."))

    def _answer(self, answer: BreakAnswer) -> None:
        try:
            self._breakpoints.answer(self.pause.pause_id, answer)
        except HookError as error:
            self._complain(str(error))
            return
        self._on_answer()

    def _complain(self, text: str) -> None:
        self._note.update(Content.styled(one_line(text, _LONGEST), "$error"))
        self._note.set_class(bool(text), "-shown")


def value_text(pause: Pause) -> str:
    """Return what is about to happen as indented JSON."""
    facts: Any = plain(msgspec.to_builtins(pause.value))
    return safe(msgspec.json.format(msgspec.json.encode(facts), indent=2).decode())


def place_of(error: str, text: str) -> tuple[int, int, str]:
    """Return line and column, from 0, at which a text is no JSON, and what is wrong there."""
    found = _PLACE.search(error)
    before = text.encode()[: int(found[1])].decode("utf-8", "ignore") if found else text
    what = _PLACE.sub("", error).removeprefix("JSON is malformed: ").removesuffix(".")
    return before.count("\n"), len(before) - before.rfind("\n") - 1, what.strip()


def _coloured(text: str) -> Content:
    """Return JSON with its keys less loud than their values."""
    lines = []
    for line in text[:_LONGEST_SHOWN].split("\n"):
        key, colon, value = line.partition('": ')
        if colon and key.lstrip().startswith('"'):
            lines.append(Content.styled(f"{key}{colon}", "$faint") + Content(value))
        else:
            lines.append(Content(line))
    if len(text) > _LONGEST_SHOWN:
        lines.append(Content.styled(f"… {len(text) - _LONGEST_SHOWN:,} more characters", "$faint"))
    return Content("\n").join(lines)


def _facts(pause: Pause) -> str:
    scope = pause.scope
    parts = [f"since {clock(pause.since, width=8)}"]
    if scope.correlation_id:
        parts.append(f"turn {scope.correlation_id[-8:]}")
    if scope.session_id:
        parts.append(f"session {scope.session_id[-8:]}")
    return one_line(" · ".join(parts), _LONGEST)
