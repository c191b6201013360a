"""Theme files: the built-in ones are whole, and a wrong one says what is wrong where."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color

from workbench.app.errors import SettingsError
from workbench.themes.loader import BUILT_IN, load_theme, read_theme, theme_files

GOOD = (BUILT_IN / "workbench-dark.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(theme_files()))
def test_a_built_in_theme_gives_every_colour(name: str) -> None:
    theme, file = load_theme(name)
    variables = {**theme.to_color_system().generate(), **theme.variables}
    for key in ("side", "raised", "selected", "rule", "muted", "faint", "accent", "error"):
        assert variables[key]
    assert file.title
    assert theme.ansi == file.ansi


@pytest.mark.parametrize("name", [name for name in sorted(theme_files()) if name != "ansi"])
def test_text_stands_out_from_its_background(name: str) -> None:
    _, file = load_theme(name)
    colors = file.colors
    for back in (colors.background, colors.side, colors.raised, colors.selected):
        assert contrast(colors.text, back) >= 7, back
        assert contrast(colors.muted, back) >= 4, back
        assert contrast(colors.accent, back) >= 4, back
        assert contrast(colors.error, back) >= 4, back
        assert contrast(colors.faint, back) >= 2.4, back


def contrast(front: str, back: str) -> float:
    """Return the contrast ratio of WCAG."""
    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(text: str) -> float:
    parts = [part / 255 for part in Color.parse(text).rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    red, green, blue = linear
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("title = ", "not valid TOML", ""),
        ('title = "x"', "colors", "built-in"),
        (GOOD.replace("accent =", "acccent ="), "acccent", "accent"),
        (GOOD.replace('"#111317"', '"#11131"'), "colors.background", "#rrggbb"),
        (GOOD.replace('"#111317"', "7"), "wrong", ""),
        (GOOD + '\n[styles]\nselected = "blinking"\n', "styles.selected", "reverse"),
        (GOOD + "\n[colours]\n", "colours", "colors"),
    ],
)
def test_a_wrong_theme_says_what_is_wrong(tmp_path: Path, content: str, message: str, hint: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_theme(path)
    assert str(path) in caught.value.message
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_theme_of_ones_own_goes_before_a_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "ansi.toml").write_text(GOOD.replace("Workbench dark", "Mine"), encoding="utf-8")
    _, file = load_theme("ansi", (tmp_path, tmp_path / "missing"))
    assert file.title == "Mine"


def test_a_theme_that_is_not_utf8_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b'title = "\xff"')
    with pytest.raises(SettingsError, match="cannot be read"):
        read_theme(path)
