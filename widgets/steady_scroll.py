"""A scrolling container that follows new text and never moves what a reader looks at."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.layout import DockArrangeResult
from textual.reactive import reactive
from textual.scrollbar import ScrollBar
from textual.widget import Widget


class SteadyScroll(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Scrolls a column of widgets.

    At the bottom it follows what is added. Elsewhere the first line on the screen stays where it is, whatever
    is added, removed or changed above or below.
    """

    following: reactive[bool] = reactive(True)

    def __init__(self) -> None:
        super().__init__()
        self._arrangement: DockArrangeResult | None = None
        self._held: tuple[Widget, float] | None = None

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        """Arrange the children, and scroll in the same step to where the reader is; see `Widget`."""
        result = super().arrange(size, optimal)
        if not optimal:
            self._arrangement = result
            self._keep_place(result, size.height)
        return result

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.following = new_value >= self.max_scroll_y
        self._hold(new_value)

    def follow(self) -> None:
        """Go to the bottom and stay there."""
        self._held = None
        self.following = True
        # Layout moves to the bottom; this ends a movement that is under way.
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)
        self.refresh(layout=True)

    def hold_top(self) -> None:
        """Go to the top and stay there while children are added below."""
        self.following = False
        self._held = None
        self.scroll_to(y=0, animate=False, force=True, immediate=True)

    def place_of(self, widget: Widget) -> tuple[int, int] | None:
        """Return the first line of a child and the one after its last, None before it has been laid out."""
        for placement in self._arrangement.placements if self._arrangement else ():
            if placement.widget is widget:
                return placement.region.y, placement.region.bottom
        return None

    def _hold(self, scroll_y: float) -> None:
        """Remember which child the first line of the screen belongs to."""
        self._held = None
        for placement in self._arrangement.placements if self._arrangement else ():
            if placement.region.bottom > scroll_y:
                self._held = (placement.widget, scroll_y - placement.region.y)
                return

    def _keep_place(self, result: DockArrangeResult, height: int) -> None:
        most = max(0, result.total_region.bottom - height)
        if self.following:
            self._jump(most)
        elif self._held is not None:
            widget, below = self._held
            for placement in result.placements:
                if placement.widget is widget:
                    self._jump(min(max(0, placement.region.y + below), most))
                    return

    def _jump(self, scroll_y: float) -> None:
        """Set the place during layout, where a watcher would ask for another layout."""
        if scroll_y != self.scroll_y:
            self.set_reactive(Widget.scroll_y, scroll_y)
            self.set_reactive(Widget.scroll_target_y, scroll_y)
            self.vertical_scrollbar.set_reactive(ScrollBar.position, scroll_y)
