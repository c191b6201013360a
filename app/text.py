"""Text from models, files and other programs, made safe to show on a terminal and to store."""

from __future__ import annotations

import re
from typing import Final

# Everything that a terminal may act on: C0 but line end and tab, DEL, C1; and lone surrogates, which no
# encoding takes. Carriage returns are dropped, as text with \r\n line ends is harmless.
_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_PICTURES: Final = 0x2400
_DELETE: Final = 0x7F
_SPACE: Final = 0x20


def printable(text: str) -> str:
    """Return `text` without anything that a terminal would act on.

    Control characters become their visible pictures (ESC becomes ␛), other unprintable code points the
    replacement character; line ends and tabs stay, carriage returns go. It works character by character, so
    pieces of a stream may be passed one at a time.
    """
    return _UNSAFE.sub(_visible, text)


def one_line(text: str, width: int) -> str:
    """Return `text` on one line of at most `width` characters, safe to show; what is cut ends with `…`."""
    line = " ".join(printable(text[: 8 * width]).split())
    return line if len(line) <= width and len(text) <= 8 * width else line[: max(width - 1, 0)] + "…"


def cut(text: str, cells: int) -> str:
    """Return a line of text that takes at most so many cells of a terminal; what is cut ends with `…`."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= cells else f"{set_cell_size(text, max(cells - 1, 0)).rstrip()}…"


def storable(text: str) -> str:
    """Return `text` with question marks for lone surrogates, which come from undecodable input."""
    return text.encode("utf-8", "replace").decode()


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code == ord("\r"):
        return ""
    if code < _SPACE:
        return chr(_PICTURES + code)
    return chr(0x2421) if code == _DELETE else "\N{REPLACEMENT CHARACTER}"
