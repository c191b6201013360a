"""llama.cpp's samplers, which choose the next token: its functions with types, and no policy."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final, NewType

from llama_cpp import llama_cpp as _llama_cpp

from workbench.app.workers.llm.native import Context, Vocabulary, vocabulary_size

_c: Final[Any] = _llama_cpp

Sampler = NewType("Sampler", object)
"""A sampler, or a chain of them."""


def new_chain() -> Sampler:
    """Make an empty chain of samplers, which `free_sampler` must free with all that was added to it."""
    return Sampler(_c.llama_sampler_chain_init(_c.llama_sampler_chain_default_params()))


def add(chain: Sampler, sampler: Sampler) -> None:
    """Put a sampler at the end of a chain, which then owns it."""
    _c.llama_sampler_chain_add(chain, sampler)


def free_sampler(sampler: Sampler) -> None:
    """Free a sampler that no chain owns, or a chain."""
    _c.llama_sampler_free(sampler)


def greedy() -> Sampler:
    """Take the most likely token."""
    return Sampler(_c.llama_sampler_init_greedy())


def draw(seed: int) -> Sampler:
    """Draw a token by its probability.

    Args:
        seed: 32 bits; the largest one gives the same as the one before it, since the library takes it for
            'choose one'.
    """
    return Sampler(_c.llama_sampler_init_dist(min(seed, _c.LLAMA_DEFAULT_SEED - 1)))


def temperature(value: float) -> Sampler:
    """Flatten (above 1) or sharpen (below 1) the probabilities."""
    return Sampler(_c.llama_sampler_init_temp(value))


def top_k(count: int) -> Sampler:
    """Keep the most likely tokens."""
    return Sampler(_c.llama_sampler_init_top_k(count))


def top_p(share: float) -> Sampler:
    """Keep the most likely tokens that together have this probability."""
    return Sampler(_c.llama_sampler_init_top_p(share, 1))


def min_p(share: float) -> Sampler:
    """Keep the tokens that have at least this share of the likeliest one's probability."""
    return Sampler(_c.llama_sampler_init_min_p(share, 1))


def repeat_penalty(vocabulary: Vocabulary, last: int, factor: float) -> Sampler:
    """Make the tokens that stand among the last ones less likely."""
    return Sampler(_c.llama_sampler_init_penalties(vocabulary_size(vocabulary), last, factor, 0.0, 0.0))


def grammar(vocabulary: Vocabulary, text: str) -> Sampler | None:
    """Keep the tokens that a grammar allows next; None when the grammar (GBNF, rule `root`) is not valid."""
    sampler = _c.llama_sampler_init_grammar(vocabulary, text.encode(), b"root")
    return Sampler(sampler) if sampler else None


def accept(sampler: Sampler, token: int) -> None:
    """Tell a sampler that a token has come; a grammar must allow it, or the process ends (see `allows`)."""
    _c.llama_sampler_accept(sampler, token)


def allows(sampler: Sampler, token: int) -> bool:
    """Whether a grammar allows a token next."""
    candidate = _c.llama_token_data(token, 0.0, 0.0)
    candidates = _c.llama_token_data_array(ctypes.pointer(candidate), 1, -1, False)
    _c.llama_sampler_apply(sampler, ctypes.byref(candidates))
    return bool(candidate.logit > float("-inf"))


sample: Final[Callable[[Sampler, Context, int], int]] = _c.llama_sampler_sample
"""Choose the next token from the scores of a row of the last batch (-1: the last one), and accept it."""
