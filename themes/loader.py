"""Reads and checks theme files, and makes Textual's themes of them."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import Theme

from workbench.app.errors import SettingsError

BUILT_IN: Final = Path(__file__).parent
STYLES: Final = frozenset({"none", "bold", "dim", "italic", "reverse", "underline"})


class Colors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The colours of a theme; style sheets use each as `$name`.

    A colour is written as `#rrggbb`, as a CSS name, or as `ansi_red` and the like.

    Args:
        background: behind everything.
        side: the session list.
        raised: what stands out: composer, dialogs, code.
        selected: the row under the cursor.
        rule: lines.
        text: what is read.
        muted: what is read second.
        faint: hints, ages, units.
        accent: focus, what is live, what the person said.
        success: it went well.
        warning: it needs a look.
        error: it failed.
    """

    background: str
    side: str
    raised: str
    selected: str
    rule: str
    text: str
    muted: str
    faint: str
    accent: str
    success: str
    warning: str
    error: str


class Styles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Text styles beside the colours, for themes that cannot tell things apart by colour alone.

    Args:
        selected: the row under the cursor; style sheets use it as `$selected-style`.
        muted: what is read second; `$muted-style`.
    """

    selected: str = "none"
    muted: str = "none"


class ThemeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A theme as its file says.

    Args:
        title: what the picker shows.
        colors: see `Colors`.
        styles: see `Styles`.
        dark: whether the background is darker than the text.
        ansi: whether the terminal's own sixteen colours are used as they are.
    """

    title: str
    colors: Colors
    styles: Styles = Styles()
    dark: bool = True
    ansi: bool = False


def theme_files(folders: Iterable[Path] = ()) -> dict[str, Path]:
    """Return the file of every theme by its name, sorted; a person's own theme goes before a built-in one.

    Args:
        folders: where a person's own themes lie; those that do not exist are passed over.
    """
    found = {path.stem: path for folder in (BUILT_IN, *folders) for path in sorted(folder.glob("*.toml"))}
    return dict(sorted(found.items()))


def load_theme(name: str, folders: Iterable[Path] = ()) -> tuple[Theme, ThemeFile]:
    """Read a theme.

    Args:
        name: the name of its file without `.toml`.
        folders: see `theme_files`.

    Returns:
        Textual's theme, and what the file says.

    Raises:
        SettingsError: there is no such theme, or its file is wrong; the message names the file and what was
            expected.
    """
    files = theme_files(folders)
    if name not in files:
        near = difflib.get_close_matches(name, files, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]}?" if near else f"The themes are {', '.join(files)}."
        raise SettingsError(
            "bad_value", f"ui.theme: there is no theme called {name!r}.", hint, key="ui.theme"
        )
    file = read_theme(files[name])
    return make_theme(name, file), file


def read_theme(path: Path) -> ThemeFile:
    """Return what a theme file says. Blocks.

    Raises:
        SettingsError: see `load_theme`.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("unreadable", f"The theme {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError("unreadable", f"The theme {path} is not valid TOML: {error}.") from error
    try:
        file = msgspec.convert(tree, ThemeFile)
    except msgspec.ValidationError as error:
        raise _wrong(path, str(error), tree) from error
    for key, value in msgspec.structs.asdict(file.colors).items():
        _check_color(path, key, value)
    for key, value in msgspec.structs.asdict(file.styles).items():
        if not set(value.split()) <= STYLES:
            raise SettingsError(
                "bad_value",
                f"{path}: styles.{key} cannot be {value!r}.",
                f"It is made of {', '.join(sorted(STYLES))}.",
            )
    return file


def make_theme(name: str, file: ThemeFile) -> Theme:
    """Return Textual's form of a theme."""
    colors = file.colors
    return Theme(
        name=name,
        primary=colors.accent,
        secondary=colors.muted,
        accent=colors.accent,
        warning=colors.warning,
        error=colors.error,
        success=colors.success,
        foreground=colors.text,
        background=colors.background,
        surface=colors.raised,
        panel=colors.raised,
        dark=file.dark,
        ansi=file.ansi,
        variables=_variables(file),
    )


def _variables(file: ThemeFile) -> dict[str, str]:
    """Return the names that the style sheets use, and those of Textual's own that must fit them."""
    colors, styles = file.colors, file.styles
    reversed_cursor = file.ansi
    # Textual's own sheets use these two, and only its ANSI themes define them.
    ansi = {"ansi-background": colors.background, "ansi-foreground": colors.text} if file.ansi else {}
    return {
        **ansi,
        "side": colors.side,
        "raised": colors.raised,
        "selected": colors.selected,
        "selected-style": styles.selected,
        "rule": colors.rule,
        "muted": colors.muted,
        "muted-style": styles.muted,
        "faint": colors.faint,
        "border": colors.accent,
        "border-blurred": colors.rule,
        "block-cursor-background": colors.selected,
        "block-cursor-foreground": colors.text,
        "block-cursor-text-style": styles.selected,
        "block-cursor-blurred-background": colors.selected,
        "block-cursor-blurred-foreground": colors.text,
        "block-cursor-blurred-text-style": styles.selected,
        "block-hover-background": colors.raised,
        "input-cursor-background": colors.text,
        "input-cursor-foreground": colors.background,
        "input-cursor-text-style": "reverse" if reversed_cursor else "none",
        "input-selection-background": colors.selected,
        "input-selection-foreground": colors.text,
        "screen-selection-background": colors.selected,
        "screen-selection-foreground": colors.text,
        "scrollbar": colors.rule,
        "scrollbar-hover": colors.faint,
        "scrollbar-active": colors.accent,
        "scrollbar-background": colors.background,
        "scrollbar-background-hover": colors.background,
        "scrollbar-background-active": colors.background,
        "scrollbar-corner-color": colors.background,
        "link-color": colors.accent,
        "link-color-hover": colors.accent,
        "link-background-hover": colors.background,
        "markdown-h1-color": colors.text,
        "markdown-h2-color": colors.text,
        "markdown-h2-text-style": "bold",
        "markdown-h3-color": colors.muted,
    }


def _check_color(path: Path, key: str, value: str) -> None:
    try:
        Color.parse(value)
    except ColorParseError as error:
        raise SettingsError(
            "bad_value",
            f"{path}: colors.{key} cannot be {value!r}.",
            "Write it as #rrggbb, as a colour's name, or as ansi_red, ansi_bright_black and the like.",
        ) from error


def _wrong(path: Path, problem: str, tree: Mapping[str, Any]) -> SettingsError:
    """Say what does not fit, with the nearest name when a key is unknown."""
    known = (*Colors.__struct_fields__, *Styles.__struct_fields__, *ThemeFile.__struct_fields__)
    given = [key for value in tree.values() if isinstance(value, dict) for key in value] + list(tree)
    unknown = [key for key in given if key not in known]
    hint = "Compare it with one of the built-in themes."
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.5)
        hint = f"{unknown[0]!r} is not known; did you mean {near[0]!r}?" if near else hint
    return SettingsError("bad_value", f"The theme {path} is wrong: {problem}.", hint)
