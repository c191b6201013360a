"""Bytes of tokens to text: characters come out whole, however tokens cut them."""

from __future__ import annotations

import codecs


class Utf8Stream:
    """Decodes a stream of UTF-8 pieces; what no decoder could accept becomes U+FFFD.

    Text put together from all answers does not depend on how the bytes were cut into pieces.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> str:
        """Return the text that is complete with these bytes; a character that has only begun waits."""
        return self._decoder.decode(data)

    def finish(self) -> str:
        """Return what is left at the end: U+FFFD for a character that has begun and did not end."""
        return self._decoder.decode(b"", True)
