"""Writes the settings that the program itself changes; the user's own file is never touched."""

from __future__ import annotations

import contextlib
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from workbench.app.config.load import parse_value, read_file
from workbench.app.config.settings import SCHEMA_VERSION
from workbench.app.errors import SettingsError


def save_setting(path: Path, key: str, text: str) -> None:
    """Set one name in the program's settings file, keeping the others. Blocks: call it in a thread.

    Args:
        path: `settings.toml` of the profile.
        key: the dotted name.
        text: the value as text, as for `--set`.

    Raises:
        SettingsError: the name or value is wrong, or the file cannot be read or written.
    """
    value = parse_value(key, text, f"setting {key}").value
    read_file(path)
    tree: dict[str, Any] = {"schema": SCHEMA_VERSION}
    if path.exists():
        tree |= tomllib.loads(path.read_text(encoding="utf-8"))
    section, _, field = key.partition(".")
    fields = tree.setdefault(section, {})
    if value is None:
        fields.pop(field, None)
    else:
        fields[field] = value
    try:
        write_atomically(path, tomli_w.dumps(tree).encode())
    except OSError as error:
        raise SettingsError(
            "unreadable",
            f"{path} cannot be written: {error.strerror or error}.",
            "Free space or mend its rights.",
        ) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file's content so that a reader or a crash sees the old or the new, never a part.

    Args:
        path: the file; its folder is made when missing.
        content: the whole new content.

    Raises:
        OSError: the file cannot be written; the old one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(unfinished).unlink()
        raise
