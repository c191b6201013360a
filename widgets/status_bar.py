"""The last line: model, worker, session, speed, and the keys that lead on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.content import Content
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from workbench.app.text import one_line

_FLASH_SECONDS: Final = 4.0
_KEYS: Final = (("ctrl+p", "commands"), ("f1", "help"))
_LEVELS: Final = {"info": "$foreground", "warning": "$warning", "error": "bold $error"}
_STATES: Final = {
    "ready": ("●", "$success"),
    "busy": ("●", "$accent"),
    "starting": ("○", "$accent"),
    "restarting": ("○", "$warning"),
    "loading": ("○", "$accent"),
    "stopped": ("○", "$faint"),
    "failed": ("×", "$error"),
    "degraded": ("×", "$error"),
}


class StatusBar(Widget):
    """One line; what does not fit goes, the least important first."""

    DEFAULT_CSS = """
    StatusBar {
        height: 1;
        padding: 0 2;
        color: $muted;
        text-style: $muted-style;
    }
    """

    model: reactive[str] = reactive("")
    worker: reactive[str] = reactive("stopped")
    session: reactive[str] = reactive("")
    speed: reactive[float] = reactive(0.0)
    problem: reactive[str] = reactive("")
    back: reactive[tuple[str, str] | None] = reactive(None)
    hints: reactive[tuple[tuple[str, str], ...]] = reactive(())
    _said: reactive[tuple[str, str]] = reactive(("", ""))

    def __init__(self) -> None:
        super().__init__()
        self._timer: Timer | None = None

    def say(self, text: str, level: str = "info") -> None:
        """Show a sentence in the place of the line for some seconds.

        Args:
            text: the sentence.
            level: info, warning or error.
        """
        self._said = (text, level)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_FLASH_SECONDS, self._unsay) if text else None

    def _unsay(self) -> None:
        self._said = ("", "")
        self._timer = None

    def render(self) -> Content:
        width = self.content_size.width
        text, level = self._said
        if text:
            return _styled(one_line(text, 500), _LEVELS[level]).truncate(width, ellipsis=True)
        left = self._left()
        for right in self._rights():
            room = width - left.cell_length - right.cell_length
            if room >= 2:
                return left + self._middle(room) + right
        return left.truncate(width, ellipsis=True)

    def _left(self) -> Content:
        mark, style = _STATES.get(self.worker, ("○", "$faint"))
        parts = [_styled(f"{mark} ", style)]
        if self.model:
            parts.append(_styled(one_line(self.model, 500), "$foreground"))
            parts.append(Content("  "))
        parts.append(Content(self.worker))
        if self.problem:
            parts += [Content("  "), _styled(one_line(self.problem, 500), "bold $error")]
        return Content("").join(parts)

    def _middle(self, room: int) -> Content:
        """Return the session's title, in the middle of what is left."""
        title = Content(one_line(self.session, 500)).truncate(max(0, room - 6), ellipsis=True)
        if title.cell_length < 8 < len(self.session):
            title = Content("")
        before = max(0, (room - title.cell_length) // 2)
        return title.pad_left(before).pad_right(max(0, room - before - title.cell_length))

    def _rights(self) -> list[Content]:
        """Return what could stand at the right, the longest first."""
        speed = _styled(f"{self.speed:,.0f} tokens/s", "$foreground") if self.speed else Content("")
        always = ((self.back,) if self.back else ()) + _KEYS
        gap = Content("   ") if self.speed else Content("")
        # The keys of what has the focus go one by one, the last of them first.
        keys = [_keys(self.hints[:count] + always) for count in range(len(self.hints), -1, -1)]
        return [speed + gap + keys[0], *keys, speed, Content("")]


def _keys(keys: Sequence[tuple[str, str]]) -> Content:
    return Content("   ").join(_styled(key, "$accent") + Content(f" {what}") for key, what in keys)


def _styled(text: str, style: str) -> Content:
    return Content.styled(text, style)
