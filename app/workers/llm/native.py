"""llama.cpp's models, contexts, caches and vocabularies: its functions with types, and no policy.

Only this module and `native_samplers` touch llama_cpp. Its ctypes functions are typed loosely, so they pass
through `Any` here and come out with the types that the rest of the program is checked against. The two
functions of the hot loop (`decode`, `native_samplers.sample`) are the bare ctypes functions: a Python wrapper
around them would cost more than all else that the loop does.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from typing import Any, Final, NewType

from llama_cpp import llama_cpp as _llama_cpp

_c: Final[Any] = _llama_cpp

Model = NewType("Model", int)
"""Address of a loaded model."""

Context = NewType("Context", int)
"""Address of a context: the attention cache of all its sequences, and the buffers of computing."""

Vocabulary = NewType("Vocabulary", int)
"""Address of a model's vocabulary; lives as long as the model."""

Memory = NewType("Memory", int)
"""Address of a context's attention cache; lives as long as the context."""

DECODED: Final = 0
ABORTED: Final = 2

_CONTROL: Final[int] = _c.LLAMA_TOKEN_ATTR_CONTROL | _c.LLAMA_TOKEN_ATTR_UNKNOWN
_PIECE_SIZE: Final = 256


def start() -> None:
    """Start the library; calling it again does nothing."""
    _c.llama_backend_init()


def set_log(callback: Callable[[int, bytes, Any], None]) -> None:
    """Send everything that the library says to a function instead of stderr, from now on.

    Args:
        callback: gets level (1 debug, 2 information, 3 warning, 4 error, 5 goes on with the last line), text
            and a pointer to ignore. It is called on whichever thread uses the library.
    """
    global _log_callback
    wrapped: object = _c.llama_log_callback(callback)
    _c.llama_log_set(wrapped, None)
    _log_callback = wrapped


_log_callback: object = None
"""Kept because the library may call it as long as the process lives, and ctypes does not keep it."""


# Models


def load_model(path: str, progress: Callable[[float], bool]) -> Model | None:
    """Load a model file; blocks.

    Args:
        path: of the file, or of the first part of a split one.
        progress: gets a number from 0 to 1, and ends the loading by returning False.

    Returns:
        The model, which `free_model` must free; None when it could not be loaded.
    """
    params = _c.llama_model_default_params()
    # Kept in a variable until the call returns: ctypes does not keep a callback alive.
    callback = _c.llama_progress_callback(lambda share, _: progress(share))
    params.progress_callback = callback
    address = _c.llama_model_load_from_file(os.fsencode(path), params)
    return Model(address) if address else None


def free_model(model: Model) -> None:
    """Free a model; its contexts must be gone."""
    _c.llama_model_free(model)


def can_generate(model: Model) -> bool:
    """Whether the model writes text from left to right, from a prompt alone."""
    return bool(
        _c.llama_model_has_decoder(model)
        and not _c.llama_model_has_encoder(model)
        and not _c.llama_model_is_diffusion(model)
    )


# Contexts


def new_context(
    model: Model, *, tokens: int, sequences: int, batch: int, threads: int, flash_attention: bool | None
) -> Context | None:
    """Make a context whose sequences have separate caches of equal size.

    Separate caches (`kv_unified` false) keep one sequence's speed independent of how full the others are:
    with a unified cache of four, a single conversation ran at two thirds of the speed.

    Args:
        model: the model; must outlive the context.
        tokens: of context for each sequence; rounded up to a multiple of 256.
        sequences: number of sequences.
        batch: tokens that are computed at once while a prompt is read.
        threads: of computing.
        flash_attention: None lets the library choose.

    Returns:
        The context, which `free_context` must free; None when it could not be made (mostly: no memory).
    """
    params = _c.llama_context_default_params()
    params.n_seq_max = sequences
    params.n_ctx = -(-tokens // 256) * 256 * sequences
    params.kv_unified = False
    params.n_batch = params.n_ubatch = batch
    # Only the last token of a prompt needs its scores; room for one per sequence saves most of the buffer.
    params.n_outputs_max = sequences
    params.n_threads = params.n_threads_batch = threads
    if flash_attention is not None:
        params.flash_attn_type = int(flash_attention)
    address = _c.llama_init_from_model(model, params)
    return Context(address) if address else None


def free_context(context: Context) -> None:
    """Free a context."""
    _c.llama_free(context)


def set_abort(context: Context, callback: Callable[[], bool] | None) -> object:
    """Set the function that is asked between the steps of a computation whether to give up.

    Args:
        context: the context.
        callback: returns True to give up; None for never.

    Returns:
        What must be kept alive until another one is set.
    """
    wrapped: object = _c.ggml_abort_callback(lambda _: callback()) if callback else _c.ggml_abort_callback()
    _c.llama_set_abort_callback(context, wrapped, None)
    return wrapped


class Batch:
    """Room for the tokens of one `decode`, made once and filled again and again.

    Args:
        size: most tokens of one sequence that are decoded at once.
    """

    def __init__(self, size: int) -> None:
        self.tokens: Any = (ctypes.c_int32 * size)()
        self.positions: Any = (ctypes.c_int32 * size)()
        self._sequence = ctypes.c_int32()
        self._outputs: Any = (ctypes.c_int8 * size)()
        # Every row belongs to one sequence, and all rows may point to the same cell that names it.
        self._counts: Any = (ctypes.c_int32 * size)(*[1] * size)
        cell = ctypes.pointer(self._sequence)
        self._sequences: Any = (ctypes.POINTER(ctypes.c_int32) * size)(*[cell] * size)
        self.native: Any = _c.llama_batch()
        self.native.token = ctypes.cast(self.tokens, ctypes.POINTER(ctypes.c_int32))
        self.native.pos = ctypes.cast(self.positions, ctypes.POINTER(ctypes.c_int32))
        self.native.n_seq_id = ctypes.cast(self._counts, ctypes.POINTER(ctypes.c_int32))
        self.native.seq_id = ctypes.cast(self._sequences, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32)))
        self.native.logits = ctypes.cast(self._outputs, ctypes.POINTER(ctypes.c_int8))

    def fill(self, tokens: Sequence[int], position: int, sequence: int) -> None:
        """Put in tokens of one sequence; the scores of the last one will be there after `decode`.

        Args:
            tokens: at most as many as the batch has room for, at least one.
            position: of the first one.
            sequence: its number.
        """
        count = len(tokens)
        self.tokens[:count] = tokens
        self.positions[:count] = range(position, position + count)
        ctypes.memset(self._outputs, 0, count)
        self._outputs[count - 1] = 1
        self._sequence.value = sequence
        self.native.n_tokens = count


decode: Final[Callable[[Context, Any], int]] = _c.llama_decode
"""Compute a batch (`Batch.native`): 0 done, 1 no room in the cache, 2 aborted, less than 0 failed."""


# The attention cache


def memory_of(context: Context) -> Memory:
    """Return a context's attention cache."""
    return Memory(_c.llama_get_memory(context))


def forget_from(memory: Memory, sequence: int, position: int) -> bool:
    """Remove a sequence's entries from a position on.

    Returns:
        False when the model's memory cannot be cut there (recurrent models); all is still in place then.
    """
    return bool(_c.llama_memory_seq_rm(memory, sequence, position, -1))


def forget_all(memory: Memory, sequence: int) -> None:
    """Remove a sequence's entries."""
    _c.llama_memory_seq_rm(memory, sequence, -1, -1)


def copy_sequence(memory: Memory, source: int, target: int) -> None:
    """Give a sequence a copy of all that another one has."""
    _c.llama_memory_seq_rm(memory, target, -1, -1)
    _c.llama_memory_seq_cp(memory, source, target, -1, -1)


# Vocabularies; all of this may be called from any thread


def vocabulary_of(model: Model) -> Vocabulary:
    """Return a model's vocabulary."""
    return Vocabulary(_c.llama_model_get_vocab(model))


def vocabulary_size(vocabulary: Vocabulary) -> int:
    """The number of tokens."""
    return int(_c.llama_vocab_n_tokens(vocabulary))


def ends_generation(vocabulary: Vocabulary, token: int) -> bool:
    """Whether a token says that the text is over."""
    return bool(_c.llama_vocab_is_eog(vocabulary, token))


def is_control(vocabulary: Vocabulary, token: int) -> bool:
    """Whether a token is structure, never text: it is only read from text when that is asked for."""
    return bool(_c.llama_vocab_get_attr(vocabulary, token) & _CONTROL)


def token_text(vocabulary: Vocabulary, token: int) -> str:
    """Return how the vocabulary writes a token, special ones too."""
    return str((_c.llama_vocab_get_text(vocabulary, token) or b"").decode("utf-8", "replace"))


def bos(vocabulary: Vocabulary) -> int:
    """The token that begins a text; -1 when there is none."""
    return int(_c.llama_vocab_bos(vocabulary))


def eos(vocabulary: Vocabulary) -> int:
    """The token that ends a text; -1 when there is none."""
    return int(_c.llama_vocab_eos(vocabulary))


def named_ends(vocabulary: Vocabulary) -> list[int]:
    """Return the tokens that the model file itself names as ones that end something."""
    ask = (_c.llama_vocab_eos, _c.llama_vocab_eot, _c.llama_vocab_fim_pad, _c.llama_vocab_fim_rep)
    named = [int(function(vocabulary)) for function in (*ask, _c.llama_vocab_fim_sep)]
    return [token for token in named if token >= 0]


def adds_bos(vocabulary: Vocabulary) -> bool:
    """Whether the model expects every text to begin with `bos`."""
    return bool(_c.llama_vocab_get_add_bos(vocabulary))


def tokenize(vocabulary: Vocabulary, text: bytes, *, special: bool) -> list[int]:
    """Cut a text into tokens; nothing is added.

    Args:
        vocabulary: the vocabulary.
        text: UTF-8.
        special: whether the names of control tokens become those tokens.

    Returns:
        The tokens.
    """
    room = len(text) + 16
    while True:
        tokens = (ctypes.c_int32 * room)()
        count = int(_c.llama_tokenize(vocabulary, text, len(text), tokens, room, False, special))
        if count >= 0:
            return tokens[:count]
        room = -count


def piece(vocabulary: Vocabulary, token: int) -> bytes:
    """Return the bytes of text that a token stands for; none for control tokens."""
    size = _PIECE_SIZE
    while True:
        buffer = ctypes.create_string_buffer(size)
        count = int(_c.llama_token_to_piece(vocabulary, token, buffer, size, 0, False))
        if count >= 0:
            return buffer.raw[:count]
        size = -count
