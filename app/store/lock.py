"""The profile's lock: one process writes a profile; a second one is told who holds it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from pathlib import Path

import msgspec

from workbench.app.errors import StoreError
from workbench.app.store.failures import folder_error

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        # A byte far beyond the text, so that others can still read who holds the lock.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


# What systems answer when somebody else has the lock; anything else is a folder that cannot lock.
_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}


class LockHolder(msgspec.Struct, frozen=True):
    """The process that holds or last held a lock."""

    pid: int
    host: str


class ProfileLock:
    """An exclusive lock on a profile; the operating system drops it when the process dies.

    Args:
        path: the lock file. While the lock is held it names the holder; a clean release empties it, so a
            file with text that is not locked tells of an unclean end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock. Blocks for a few file operations: call it in a thread.

        Returns:
            Whether the last holder released the lock cleanly.

        Raises:
            StoreError: `store.busy` (another process holds it), `store.read_only`, `store.full`,
                `store.unreadable`.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise folder_error(error, self._path) from error
        try:
            _try_lock(descriptor)
        except OSError as error:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            if error.errno in _HELD:
                raise _busy(self._path, holder) from None
            raise folder_error(error, self._path) from error
        try:
            clean = not _read_text(descriptor).strip()
            _write_text(descriptor, msgspec.json.encode(LockHolder(os.getpid(), socket.gethostname())))
        except OSError as error:
            os.close(descriptor)
            raise folder_error(error, self._path) from error
        self._descriptor = descriptor
        return clean

    def release(self, *, clean: bool = True) -> None:
        """Give the lock back; `clean` says that everything was written. Does nothing when not held."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if clean:
            # A full disk cannot stop this: shrinking a file needs no space.
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
        os.close(descriptor)


def _busy(path: Path, holder: LockHolder | None) -> StoreError:
    who = f" (process {holder.pid} on {holder.host})" if holder else ""
    return StoreError(
        "busy",
        f"Another workbench{who} has the profile {path.parent} open.",
        "Close it first, or choose another profile with --data-dir.",
        pid=holder.pid if holder else None,
        host=holder.host if holder else None,
    )


def _read_text(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 4096)


def _read_holder(descriptor: int) -> LockHolder | None:
    try:
        return msgspec.json.decode(_read_text(descriptor), type=LockHolder)
    except (msgspec.DecodeError, OSError):
        return None


def _write_text(descriptor: int, text: bytes) -> None:
    # Written over the old text, which tells of an unclean end: a full disk must not leave an empty file.
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text)
    os.ftruncate(descriptor, len(text))
    os.fsync(descriptor)
