"""A model's vocabulary: text to tokens and back, and which tokens are structure instead of text."""

from __future__ import annotations

from functools import cached_property

from workbench.app.workers.llm import native


class Vocabulary:
    """The vocabulary of one loaded model; usable from any thread until the model is freed.

    Args:
        address: of the native vocabulary.

    Attributes:
        size: number of tokens.
        ends: the tokens that say that the text is over.
        controls: the text of each control token (those that a template writes and content must not), with
            its number.
        pieces: the bytes that each token stands for; filled on use, for the decode thread alone.
    """

    def __init__(self, address: native.Vocabulary) -> None:
        self.address = address
        self.size = native.vocabulary_size(address)
        # A large vocabulary has 250,000 tokens, so each is asked one question only: ending tokens are control
        # tokens, or named as special ones by the file.
        controls = [token for token in range(self.size) if native.is_control(address, token)]
        candidates = {*controls, *native.named_ends(address)}
        self.ends = frozenset(token for token in candidates if native.ends_generation(address, token))
        self.controls = {text: token for token in controls if (text := native.token_text(address, token))}
        self.pieces = _Pieces(address)
        self._bos = native.bos(address)
        self._adds_bos = native.adds_bos(address) and self._bos >= 0

    @property
    def bos(self) -> str:
        """How the token that begins a text is written; empty when there is none."""
        return native.token_text(self.address, self._bos) if self._bos >= 0 else ""

    @property
    def eos(self) -> str:
        """How the token that ends a text is written; empty when there is none."""
        token = native.eos(self.address)
        return native.token_text(self.address, token) if token >= 0 else ""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Cut a text into tokens; nothing is added.

        Args:
            text: any text; lone surrogates become question marks.
            special: whether the names of control tokens become those tokens.
        """
        return native.tokenize(self.address, text.encode("utf-8", "replace"), special=special)

    def least_tokens(self, text: str) -> int:
        """Return a number of tokens that a text has at least; quick, and far from exact."""
        return len(text) // self._longest_piece

    @cached_property
    def _longest_piece(self) -> int:
        return max(len(native.piece(self.address, token)) for token in range(self.size))

    def begin(self, tokens: list[int]) -> list[int]:
        """Return a prompt's tokens with the beginning token that the model expects, unless it is there."""
        if self._adds_bos and tokens[:1] != [self._bos]:
            return [self._bos, *tokens]
        return tokens


class _Pieces(dict[int, bytes]):
    """Bytes by token; each is asked of the library once, since a dictionary is faster than the call."""

    def __init__(self, address: native.Vocabulary) -> None:
        super().__init__()
        self._address = address

    def __missing__(self, token: int) -> bytes:
        piece = self[token] = native.piece(self._address, token)
        return piece
