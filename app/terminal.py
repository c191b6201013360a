"""A terminal may go away while the program runs: a connection drops, a window is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from textual.driver import Driver


class LastingFile:
    """A terminal's file to which can be written also when the terminal is gone.

    Textual writes in a thread of its own. An error would end that thread, and the program would then wait
    for it for ever instead of closing the profile.

    Args:
        file: the terminal's.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        """Write, or lose the text when there is no terminal any more; see `TextIO`."""
        try:
            return self._file.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Send what was written; see `TextIO`."""
        try:
            self._file.flush()
        except OSError:
            return


def lasting(driver: type[Driver]) -> type[Driver]:
    """Return a kind of Textual's driver that outlives its terminal; one without a file as it is."""

    class LastingDriver(driver):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            file = getattr(self, "_file", None)
            if file is not None:
                self._file = LastingFile(file)

    return LastingDriver
