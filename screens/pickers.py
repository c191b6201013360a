"""What the main screen's pickers show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.app.errors import SettingsError
from workbench.themes.loader import read_theme
from workbench.widgets.row_list import Row
from workbench.widgets.session_list import when

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.app.models.find import ModelFile
    from workbench.app.sessions.session import Session

_UNITS: Final = ("B", "KB", "MB", "GB", "TB")
_KILO: Final = 1024


def size_text(size: float) -> str:
    """Return a size in bytes as a person reads it."""
    for unit in _UNITS:
        if size < _KILO or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit in ("B", "KB", "MB") else f"{size:.1f} {unit}"
        size /= _KILO
    return ""


def count_text(count: int) -> str:
    """Return a number of parameters or tokens as people write it: 4.7M, 8192."""
    if count >= 1_000_000_000:
        return f"{count / 1_000_000_000:.1f}B"
    return f"{count / 1_000_000:.1f}M" if count >= 1_000_000 else str(count)


def model_rows(models: Sequence[ModelFile], chosen: str) -> list[Row]:
    """Return a row for each model; one that cannot be used says why."""
    return [_model_row(model, chosen) for model in models]


def _model_row(model: ModelFile, chosen: str) -> Row:
    facts = [
        model.architecture,
        count_text(model.parameters) if model.parameters else "",
        model.quantisation,
        f"context {model.context:,}" if model.context else "",
        "" if model.has_template else "no chat template",
        "comes with the program" if model.built_in else "",
    ]
    is_chosen = chosen in (model.name, str(model.path))
    return Row(
        id=model.name if model.built_in else str(model.path),
        label=model.name,
        detail=model.problem or "  ".join(fact for fact in facts if fact),
        right=size_text(model.size_bytes),
        mark="▍" if is_chosen else "",
        strong=is_chosen,
        disabled=model.problem is not None,
    )


def typed_model(text: str) -> Row | None:
    """Return a row for a path that was typed."""
    if "/" not in text and not text.endswith(".gguf"):
        return None
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        return Row(id=text, label=text, detail="There is no such home folder.", disabled=True)
    return Row(id=str(path), label=text, detail="Load this file")


def session_rows(sessions: Sequence[Session], open_id: str | None, now: datetime) -> list[Row]:
    """Return a row for each session."""
    return [
        Row(
            id=session.id,
            label=session.title,
            detail=f"{session.messages} message{'s' if session.messages != 1 else ''}",
            right=when(session.updated, now),
            mark="▍" if session.id == open_id else "",
            strong=session.id == open_id,
        )
        for session in sessions
    ]


def theme_rows(files: Mapping[str, Path], chosen: str) -> list[Row]:
    """Return a row for each theme; one whose file is wrong says what is wrong. Blocks.

    Args:
        files: the themes' files by name.
        chosen: the name of the one in use.
    """
    return [_theme_row(name, path, name == chosen) for name, path in files.items()]


def _theme_row(name: str, path: Path, is_chosen: bool) -> Row:
    try:
        title = read_theme(path).title
    except SettingsError as error:
        return Row(id=name, label=name, detail=str(error), disabled=True)
    return Row(id=name, label=name, detail=title, mark="▍" if is_chosen else "", strong=is_chosen)
