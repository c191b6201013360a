"""Which pictures are taken of a screen: its first view at all sizes in all themes, the others at a choice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

Size = tuple[int, int]


def pictures(
    views: Sequence[Any], sizes: Sequence[Size], themes: Sequence[str], names: Sequence[str] = ()
) -> list[Any]:
    """Return parameters (view, size, theme).

    Args:
        views: what is shown; the first is taken whole, of the others every size in the first theme and the
            second size in the others.
        sizes: of the terminal.
        themes: of the program.
        names: of the views, where they are no names themselves.
    """
    chosen = []
    for view, size, theme in product(range(len(views)), sizes, themes):
        if view == 0 or theme == themes[0] or size == sizes[1]:
            name = (names or views)[view]
            chosen.append(pytest.param(views[view], size, theme, id=f"{name}-{size[0]}x{size[1]}-{theme}"))
    return chosen
