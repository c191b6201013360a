"""How the next token is chosen: the chain of native samplers that the parameters ask for."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from workbench.app.errors import ModelError
from workbench.app.workers.llm import native_samplers as native
from workbench.app.workers.llm.requests import MAX_SEED, Sampling
from workbench.app.workers.llm.vocabulary import Vocabulary


def choose_seed(sampling: Sampling) -> int:
    """Return the seed that was asked for, else a random one."""
    return secrets.randbelow(MAX_SEED + 1) if sampling.seed is None else sampling.seed


@contextmanager
def sampler_chain(
    sampling: Sampling,
    vocabulary: Vocabulary,
    *,
    seed: int,
    prompt: Sequence[int],
    grammar: str | None = None,
    prefix: str = "",
) -> Iterator[native.Sampler]:
    """Make the samplers, and free them at the end.

    Args:
        sampling: the parameters.
        vocabulary: the model's.
        seed: for drawing.
        prompt: tokens that the repeat penalty looks back at.
        grammar: GBNF that the reply must follow.
        prefix: text that the reply already begins with; the grammar has been through it.

    Yields:
        A chain for `native.sample`.

    Raises:
        ModelError: `model.bad_request` when the grammar is not valid or does not allow the prefix.
    """
    chain = native.new_chain()
    try:
        if grammar is not None:
            native.add(chain, _grammar(vocabulary, grammar, prefix))
        if sampling.repeat_penalty != 1 and sampling.repeat_last_n:
            native.add(chain, _penalty(sampling, vocabulary, prompt))
        for sampler in _choosers(sampling, seed):
            native.add(chain, sampler)
        yield chain
    finally:
        native.free_sampler(chain)


def _choosers(sampling: Sampling, seed: int) -> Iterator[native.Sampler]:
    if sampling.temperature == 0:
        yield native.greedy()
        return
    if sampling.top_k > 0:
        yield native.top_k(sampling.top_k)
    if sampling.top_p < 1:
        yield native.top_p(sampling.top_p)
    if sampling.min_p > 0:
        yield native.min_p(sampling.min_p)
    yield native.temperature(sampling.temperature)
    yield native.draw(seed)


def _penalty(sampling: Sampling, vocabulary: Vocabulary, prompt: Sequence[int]) -> native.Sampler:
    penalty = native.repeat_penalty(vocabulary.address, sampling.repeat_last_n, sampling.repeat_penalty)
    for token in prompt[-sampling.repeat_last_n :]:
        native.accept(penalty, token)
    return penalty


def _grammar(vocabulary: Vocabulary, text: str, prefix: str) -> native.Sampler:
    if not vocabulary.ends:
        # A finished grammar allows nothing but an ending token; without one llama.cpp ends the process.
        hint = "Use another model, or ask without a schema or grammar."
        raise ModelError("bad_request", "The model has no ending token, so it cannot follow a grammar.", hint)
    grammar = native.grammar(vocabulary.address, text)
    if grammar is None:
        hint = "It must be valid GBNF with a rule `root`, without left recursion; the worker's log says more."
        raise ModelError("bad_request", "The grammar is not valid.", hint)
    for token in vocabulary.tokenize(prefix, special=False):
        if not native.allows(grammar, token):
            native.free_sampler(grammar)
            message = "The text that the reply begins with does not follow its schema or grammar."
            raise ModelError("bad_request", message, "Ask for a new reply instead of going on with this one.")
        native.accept(grammar, token)
    return grammar
