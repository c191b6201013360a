"""Searches with a regular expression that may be of the kind that never ends."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from workbench.app.errors import UsageError

SECONDS: Final = 5.0
"""Longest time that a search may take."""

# A thread cannot be ended while `re` searches, and it would hold up everything else meanwhile; a process can
# be killed. This one starts in about 15 ms, as it leaves out the site packages.
_PROGRAM: Final = """
import re, sys
size, _, rest = sys.stdin.buffer.read().partition(b" ")
pattern, text = rest[:int(size)].decode(), rest[int(size):].decode()
sys.exit(10 if re.search(pattern, text) else 11)
"""
_FOUND: Final = 10
_NOT_FOUND: Final = 11


async def search(pattern: str, text: str) -> bool:
    """Tell whether a regular expression (Python's `re`) matches anywhere in `text`.

    Raises:
        UsageError: `usage.script`: the search took longer than `SECONDS` or failed.
    """
    encoded = pattern.encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        "-c",
        _PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            await process.communicate(b"%d %s%s" % (len(encoded), encoded, text.encode()))
    except TimeoutError:
        raise UsageError(
            "script",
            f"The regular expression was still searching after {SECONDS:g} s.",
            "Write it without repetitions inside repetitions, such as (a+)+.",
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in (_FOUND, _NOT_FOUND):
        raise UsageError("script", "The search with the regular expression failed.", "Write a simpler one.")
    return process.returncode == _FOUND
