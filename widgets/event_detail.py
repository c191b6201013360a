"""One event in full, with what caused it and what it caused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from workbench.app.events.event import Event
from workbench.widgets.component_style import component_style
from workbench.widgets.event_lines import facts
from workbench.widgets.event_text import detail_lines
from workbench.widgets.row_list import Row, RowList
from workbench.widgets.text_lines import plain

if TYPE_CHECKING:
    from workbench.app.events.reader import Family

FamilyOf = Callable[[Event], Awaitable["Family | None"]]

_WIDE: Final = 100
_LEAST_ROWS: Final = 3
_SECOND: Final = 1_000.0


class EventDetail(Container):
    """Shows an event below the list. Its text and the rows of its family take the focus by tab."""

    DEFAULT_CSS = """
    EventDetail {
        height: 50%;
        border-top: solid $rule;
        padding: 0 1 0 3;
        display: none;
        layout: vertical;
        &.-open { display: block; }
        & > VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
        & > VerticalScroll > Static { width: 1fr; height: auto; }
        & > #detail-family { height: auto; display: none; margin-top: 1; }
        &.-family > #detail-family { display: block; }
        & #detail-heading { color: $faint; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & RowList { height: 1; }
        &.-short { height: 65%; }
        &.-short > #detail-family { margin-top: 0; }
        &.-wide { layout: horizontal; }
        &.-wide > VerticalScroll { width: 1fr; height: 100%; }
        &.-wide > #detail-family { width: 1fr; height: 100%; margin: 0 0 0 3; }
        & > .detail--title { text-style: bold; }
        & > .detail--key { color: $faint; }
        & > .detail--id { color: $muted; text-style: $muted-style; }
        & > .detail--mark { color: $faint; }
        & > .detail--value { color: $foreground; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"detail--{name}" for name in ("title", "key", "id", "mark", "value")
    }

    class Walk(Message):
        """The reader wants to go to a cause or an effect."""

        def __init__(self, seq: int) -> None:
            super().__init__()
            self.seq = seq

    def __init__(self) -> None:
        super().__init__()
        self._text = Static(markup=False)
        self._scroll = VerticalScroll(self._text)
        self._heading = Static(id="detail-heading", markup=False)
        self._rows = RowList()
        self._event: Event | None = None

    def compose(self) -> ComposeResult:
        yield self._scroll
        with Vertical(id="detail-family"):
            yield self._heading
            yield self._rows

    @property
    def is_open(self) -> bool:
        """Whether it is there."""
        return self.has_class("-open")

    @property
    def shown(self) -> Event | None:
        """The event that it shows."""
        return self._event if self.is_open else None

    def show(self, event: Event, family_of: FamilyOf) -> None:
        """Show an event, and its family as soon as it has been read."""
        self._event = event
        self.add_class("-open")
        lines = [
            Content.assemble(*[(run.text, self._style(run.style)) for run in line])
            for line in detail_lines(event)
        ]
        self._text.update(Content("\n").join(lines))
        self._scroll.scroll_home(animate=False)
        if self.has_class("-family"):
            # The rows stay until the next ones come: hiding what has the focus would lose it.
            self._rows.show(family_rows(event, (), ()), str(event.seq))
        self.run_worker(self._show_family(event, family_of), name="event family", exclusive=True)

    async def _show_family(self, event: Event, family_of: FamilyOf) -> None:
        family = await family_of(event)
        if family is None or event is not self._event:
            return
        if not (family.causes or family.effects):
            if self._rows.has_focus:
                self._scroll.focus()
            self.remove_class("-family")
            return
        rows = family_rows(event, family.causes, family.effects)
        self._heading.update(Content(_heading(len(family.causes), len(family.effects))))
        self._rows.show(rows, str(event.seq))
        self.add_class("-family")
        self._fit()

    def close(self) -> None:
        """Take it away."""
        self._event = None
        self.remove_class("-open", "-family")

    @on(RowList.Chosen)
    def _row_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if self._event is not None and event.row.id != str(self._event.seq):
            self.post_message(self.Walk(int(event.row.id)))

    def on_resize(self) -> None:
        self.set_class(self.size.width >= _WIDE, "-wide")
        self._fit()

    def _fit(self) -> None:
        """Give the rows their height: beside the text all there is, below it no more than a third."""
        most = max(_LEAST_ROWS, self.size.height // 3)
        wide = self.has_class("-wide")
        self._rows.styles.height = "1fr" if wide else max(1, min(len(self._rows.rows), most))
        self.call_after_refresh(self._show_both_sides)

    def _show_both_sides(self) -> None:
        """Scroll the rows so that the event stands between its causes and its effects."""
        rows = self._rows
        rows.scroll_to(y=max(0, rows.cursor - rows.size.height // 2), animate=False)

    def _style(self, name: str) -> Style | str:
        return component_style(self, f"detail--{name}") if name else ""


def family_rows(event: Event, causes: Sequence[Event], effects: Sequence[Event]) -> list[Row]:
    """Return a row for each cause, the event and each effect, with the time from the event to it."""
    return [
        *(_row(cause, event, "↑") for cause in sorted(causes, key=lambda each: each.seq)),
        _row(event, event, "●"),
        *(_row(effect, event, "↓") for effect in sorted(effects, key=lambda each: each.seq)),
    ]


def _row(event: Event, around: Event, mark: str) -> Row:
    return Row(
        id=str(event.seq),
        label=event.name.removeprefix("core:"),
        detail=plain(facts(event.payload)).rstrip().replace("  ", " · "),
        right="" if event is around else _distance((event.time - around.time).total_seconds()),
        mark=mark,
        strong=event is around,
    )


def _distance(seconds: float) -> str:
    sign = "−" if seconds < 0 else "+"
    size = abs(seconds)
    return f"{sign}{size * _SECOND:,.1f} ms" if size < 1 else f"{sign}{size:,.1f} s"


def _heading(causes: int, effects: int) -> str:
    parts = [
        f"{count} {word}{'s' if count > 1 else ''}"
        for count, word in ((causes, "cause"), (effects, "effect"))
        if count
    ]
    return f"{' · '.join(parts)}   enter goes there"
