"""One reply, from the request to the account of what it cost."""

from __future__ import annotations

import time
from threading import Event

from workbench.app.errors import ModelError
from workbench.app.workers.llm.decode import Written, read_prompt, write_reply
from workbench.app.workers.llm.model import LoadedModel
from workbench.app.workers.llm.parts import Emit, PartWriter
from workbench.app.workers.llm.prompt import prompt_too_long
from workbench.app.workers.llm.replies import Reason, Reply, Usage
from workbench.app.workers.llm.requests import Generate
from workbench.app.workers.llm.sampling import choose_seed, sampler_chain
from workbench.app.workers.llm.schema import checked_grammar, grammar_of_schema


def generate(loaded: LoadedModel, request: Generate, *, cancelled: Event, emit: Emit) -> Reply:
    """Write a reply; see `engine.Engine.generate`."""
    began = time.perf_counter()
    prompt, room = _prompt_of(loaded, request)
    seed = choose_seed(request.sampling)
    writer = PartWriter(emit, [*request.stop, *loaded.stops])
    grammar = _grammar_of(request)
    with sampler_chain(
        request.sampling, loaded.vocabulary, seed=seed, prompt=prompt, grammar=grammar, prefix=request.prefix
    ) as sampler:
        slot = loaded.conversations.prepare(request.conversation, prompt)
        cached = len(slot.tokens)
        reading = time.perf_counter()
        whole = read_prompt(loaded, slot, prompt, cancelled)
        read = time.perf_counter()
        limit = min(room, request.max_tokens or room)
        written = Written("cancelled", 0, 0.0)
        if whole:
            written = write_reply(loaded, slot, sampler, writer, limit=limit, cancelled=cancelled)
    writer.close(cut=written.ending != "stop")
    ended = time.perf_counter()
    first = written.first or ended
    usage = Usage(
        prompt_tokens=len(prompt),
        cached_tokens=cached,
        reply_tokens=written.tokens,
        prefill_ms=_milliseconds(read - reading),
        first_token_ms=_milliseconds(first - began),
        decode_ms=_milliseconds(ended - first),
    )
    return Reply(_reason(written, request.max_tokens), writer.text_bytes, seed, usage)


def _prompt_of(loaded: LoadedModel, request: Generate) -> tuple[list[int], int]:
    """Return the prompt and how many tokens a reply to it may have."""
    context = loaded.plan.context
    prompt = loaded.prompts.tokens(request.messages, request.tools, request.prefix, most=context)
    if not prompt:
        message = "The model's chat template made an empty prompt of the messages."
        raise ModelError(
            "template_failed", message, "Load the model with another template, such as `chatml`."
        )
    if len(prompt) >= context:
        raise prompt_too_long(len(prompt), context)
    return prompt, context - len(prompt)


def _grammar_of(request: Generate) -> str | None:
    if request.schema is not None and request.grammar is not None:
        raise ModelError("bad_request", "A reply can follow `schema` or `grammar`, not both.", field="schema")
    if request.schema is not None:
        return grammar_of_schema(request.schema)
    return None if request.grammar is None else checked_grammar(request.grammar)


def _reason(written: Written, max_tokens: int | None) -> Reason:
    if written.ending == "limit":
        return "length" if written.tokens == max_tokens else "context"
    return written.ending


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
