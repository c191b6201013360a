"""Reads scripts and standard input as text, with bounds and errors that name the place."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Final

from workbench.app.errors import UsageError

MOST_BYTES: Final = 64 * 1024 * 1024
"""Largest script or standard input."""

STDIN_NAME: Final = "<stdin>"
_CHUNK: Final = 256 * 1024


def read_stdin(descriptor: int = 0) -> str:
    """Return all of standard input as text. Blocks until its end: call it on a thread of its own.

    Raises:
        UsageError: `usage.bad_input`: it is no UTF-8, too long, or cannot be read.
    """
    return _decode(_read(descriptor, "standard input"), "standard input")


def read_script(path: Path) -> str:
    """Return a script's text. Blocks; the path may be a pipe.

    Raises:
        UsageError: `usage.bad_input`, as for `read_stdin`.
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _decode(_read(descriptor, str(path)), str(path))
    finally:
        os.close(descriptor)


def _read(descriptor: int, name: str) -> bytes:
    found = bytearray()
    try:
        while chunk := os.read(descriptor, _CHUNK):
            found += chunk
            if len(found) > MOST_BYTES:
                raise UsageError(
                    "bad_input",
                    f"The input from {name} is longer than {MOST_BYTES // 1024 // 1024} MB.",
                    "Give less text.",
                )
    except OSError as error:
        raise UsageError("bad_input", f"Reading {name} failed: {error.strerror or error}.") from error
    return bytes(found)


def _decode(content: bytes, name: str) -> str:
    """Return the text, without a byte order mark."""
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        offset = error.start + (len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0)
        raise UsageError(
            "bad_input",
            f"The input from {name} is not UTF-8 text: byte 0x{content[offset]:02x} at offset {offset}.",
            "Convert it to UTF-8, for example with iconv.",
            offset=offset,
        ) from None
