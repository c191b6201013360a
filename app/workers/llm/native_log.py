"""Routes what llama.cpp says to `logging`, and keeps its last lines for error messages."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Final

from workbench.app.workers.llm import native

KEPT_LINES: Final = 12
"""Lines that are kept to explain a failure."""

_LEVELS: Final = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_CONTINUED: Final = 5

_logger = logging.getLogger("workbench.llm.native")


class NativeLog:
    """The library's log from now on; one per process, since the library has one callback.

    Warnings and errors are kept for `explain`; the rest only reaches `logging`.
    """

    def __init__(self) -> None:
        self._problems: deque[str] = deque(maxlen=KEPT_LINES)
        self._level = logging.INFO
        self._line = ""
        native.set_log(self._take)

    def clear(self) -> None:
        """Forget the kept lines, before something that `explain` may have to explain."""
        self._problems.clear()

    def explain(self) -> list[str]:
        """Return the warnings and errors since `clear`, at most `KEPT_LINES`, the newest last."""
        return list(self._problems)

    def _take(self, level: int, text: bytes, _: Any) -> None:
        if level != _CONTINUED:
            self._level = _LEVELS.get(level, logging.DEBUG)
        self._line += text.decode("utf-8", "replace")
        while "\n" in self._line:
            line, _, self._line = self._line.partition("\n")
            self._finish(line.rstrip())

    def _finish(self, line: str) -> None:
        if not line:
            return
        if self._level >= logging.WARNING:
            self._problems.append(line)
        _logger.log(self._level, "%s", line)
