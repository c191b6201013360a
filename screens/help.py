"""The keys: those of what has the focus, and those that work everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

_KEY_COLUMN = 22
_MOST_KEYS = 2
# Title, hint on two lines, their margins and the dialog's own.
_OTHER_LINES = 9
_NAMES = {
    "pageup": "page up",
    "pagedown": "page down",
    "escape": "esc",
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
}
# What a person calls the things whose keys are shown, where the program has another name for them.
_TITLES = {"LineList": "List", "HookTable": "Hooks", "HookTraces": "Traces", "RowList": "List"}


class KeyGroup(msgspec.Struct, frozen=True):
    """Keys under a heading: pairs of keys and what they do."""

    title: str
    keys: tuple[tuple[str, str], ...]


def key_name(key: str) -> str:
    """Return how a person calls a key."""
    return _NAMES.get(key, key)


def group_keys(title: str, bindings: Iterable[BindingType]) -> KeyGroup:
    """Return a group of the bindings that have a description, those that do the same on one line."""
    found: dict[str, list[str]] = {}
    for binding in bindings:
        if isinstance(binding, Binding) and binding.description:
            keys = [key_name(key.strip()) for key in binding.key.split(",")]
            found.setdefault(binding.description, []).extend(keys)
    return KeyGroup(
        title,
        tuple((", ".join(list(dict.fromkeys(keys))[:_MOST_KEYS]), what) for what, keys in found.items()),
    )


def keys_of(widget: Widget | None) -> list[KeyGroup]:
    """Return the keys of a widget and of the containers around it, the nearest first."""
    groups: list[KeyGroup] = []
    for node in widget.ancestors_with_self if widget is not None else ():
        if isinstance(node, Screen) or not isinstance(node, Widget):
            break
        groups.append(group_keys(_title(node), _declared(type(node))))
    return [group for group in groups if group.keys]


def _declared(kind: type[Widget]) -> Iterable[BindingType]:
    for base in kind.__mro__:
        if base.__module__.startswith("workbench.") and "BINDINGS" in vars(base):
            yield from vars(base)["BINDINGS"]


def _title(widget: Widget) -> str:
    words = type(widget).__name__
    if words in _TITLES:
        return _TITLES[words]
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in words)
    return spaced.strip().capitalize()


class Help(ModalScreen[None]):
    """Shows keys.

    Args:
        groups: those to show, the nearest first.
    """

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q,enter", "leave", "Close", id="help.close", priority=True)
    ]

    def __init__(self, groups: Sequence[KeyGroup]) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static("Keys", id="dialog-title", markup=False)
            with VerticalScroll(id="help-body"):
                for group in self._groups:
                    yield Static(group.title, classes="help-heading", markup=False)
                    yield Static(_table(group.keys), classes="help-keys", markup=False)
            yield Static(
                "ctrl+p lists everything that can be done; /help in the composer does too.   esc close",
                id="dialog-hint",
                markup=False,
            )

    def on_resize(self) -> None:
        self.query_one("#help-body").styles.max_height = max(1, self.app.size.height - _OTHER_LINES)

    def action_leave(self) -> None:
        """Close the help."""
        self.dismiss(None)


def _table(keys: Sequence[tuple[str, str]]) -> Content:
    return Content("\n").join(
        Content.styled(f"{names:<{_KEY_COLUMN}}", "$accent") + Content(f" {what}") for names, what in keys
    )
