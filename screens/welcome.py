"""What an empty chat says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from workbench.app.paths import Paths

_GUIDE: Final = "guide"


def welcome(model: str, paths: Paths) -> tuple[str, list[str]]:
    """Return the title and the lines that greet a person.

    Args:
        model: name of the chosen model.
        paths: the profile, to say where model files go.
    """
    if model != _GUIDE:
        return f"{model} is listening", [
            "Write below and press enter. ctrl+p lists all that can be done, F1 the keys.",
        ]
    return "Welcome to workbench", [
        "You are talking to guide, a small model that came with the program.",
        "It runs here, needs no network, and knows how workbench is used.",
        "",
        "Ask it",
        "  what is workbench?",
        "  how do I load a model?",
        "  what does ctrl+p do?",
        "",
        "Bring a real model",
        "  ctrl+p, then “models choose”, and type the path of a GGUF file,",
        f"  or put one into {_short(paths.models)}",
        "",
        "ctrl+p lists all that can be done, F1 shows the keys, ctrl+q quits.",
    ]


def _short(path: Path) -> str:
    """Return a path as a person writes it."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
