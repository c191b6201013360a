"""Tokens a second through worker and chat service, against a bare loop over llama.cpp.

Ours: `Workbench.chat.send`, from the first part of the reply to the last, by the caller's clock: the worker
process, the wire, the turn, the event log, and the partial text saved all along. Peer: `llama_decode`, the
greedy sampler and `llama_token_to_piece` called in a loop, in a process of its own, same prompt, same context
parameters. Measured with the built-in guide, and with models of random weights that the benchmark writes,
whose replies do not end; there the cost of single tokens early and late in the reply is compared too.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from workbench.app.chat.parts import ReplyFailed, ReplyFinished, TextDelta
from workbench.app.models.gguf import read_gguf
from workbench.app.paths import guide_model
from workbench.app.workbench import Workbench
from workbench.app.workers.llm.plan import plan_for, this_machine
from workbench.app.workers.llm.requests import LoadOptions
from workbench.benchmarks.bare import ContextPlan, bare_loop
from workbench.benchmarks.random_model import random_model
from workbench.benchmarks.result import Claim, Figure, Result, least, most
from workbench.benchmarks.rounds import Pair, in_turns, middle, ratios

# The guide answers this greedily until its context is full.
_LONG_QUESTION = "\n".join("- item" for _ in range(100))
_BATCH = 256
_EARLY = (100, 500)
_LATE = (3_600, 4_000)


class Case(NamedTuple):
    """One model to measure with.

    Args:
        name: for the table.
        path: the model file.
        tokens: most tokens of a reply.
        rounds: how often.
        target: least share of the bare loop's speed, None for a figure without a target.
        long: whether single tokens early and late in the reply are compared.
    """

    name: str
    path: Path
    tokens: int
    rounds: int
    target: float | None
    long: bool


class Track(NamedTuple):
    """When how many tokens of a reply were there.

    Args:
        counts: numbers of tokens, growing.
        moments: when so many were there, in seconds.
        processor: seconds that the decoding process has worked for the reply, its prompt included.
    """

    counts: list[int]
    moments: list[float]
    processor: float

    @property
    def rate(self) -> float:
        """Tokens a second from the first moment to the last."""
        return (self.counts[-1] - self.counts[0]) / (self.moments[-1] - self.moments[0])

    def cost(self, first: int, last: int) -> float:
        """Microseconds for each token between the two counts."""
        return (self.moment(last) - self.moment(first)) / (last - first) * 1e6

    def moment(self, count: int) -> float:
        """Return when so many tokens were there; between two parts, as if they had come evenly."""
        place = next(index for index, here in enumerate(self.counts) if here >= count)
        if place == 0 or self.counts[place] == count:
            return self.moments[place]
        share = (count - self.counts[place - 1]) / (self.counts[place] - self.counts[place - 1])
        return self.moments[place - 1] + share * (self.moments[place] - self.moments[place - 1])


async def measure(quick: bool) -> Result:
    """Run the benchmark."""
    if quick:
        cases = [Case("guide", guide_model(), 100, 1, 0.95, False)]
        cases.append(Case("random weights, 3 MB", random_model(megabytes=3), 600, 1, 0.98, False))
    else:
        cases = [
            Case("guide", guide_model(), 1_600, 25, 0.95, False),
            Case("random weights, 35 MB", random_model(megabytes=35), 4_001, 5, 0.98, True),
            Case("random weights, 3 MB", random_model(megabytes=3), 4_001, 7, None, True),
        ]
    claims: list[Claim] = []
    figures: list[Figure] = []
    for case in cases:
        found = await _measure_case(case)
        claims += found.claims
        figures += found.figures
    return Result(claims=claims, figures=figures)


async def _measure_case(case: Case) -> Result:
    plan = _plan(case.path)
    overrides = {
        "model.name": str(case.path),
        "model.context": str(plan.context),
        "model.slots": str(plan.slots),
        "model.threads": str(plan.threads),
        "model.batch": str(plan.batch),
        "sampling.temperature": "0",
        "sampling.max_tokens": str(case.tokens),
    }
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Workbench.open(Path(folder), overrides=overrides) as workbench,
            bare_loop(plan) as bare,
        ):
            prompt = await _prompt(workbench)

            async def ours() -> Track:
                return await through_chat(workbench)

            async def peer() -> Track:
                before = processor_seconds(bare.pid)
                moments = await bare.generate(prompt, case.tokens)
                used = processor_seconds(bare.pid) - before
                return Track(list(range(1, len(moments) + 1)), moments, used)

            await ours()
            await peer()
            pairs = await in_turns(f"speed, {case.name}", ours, peer, case.rounds)
    return _judge(case, pairs)


def _judge(case: Case, pairs: list[Pair[Track]]) -> Result:
    for ours, peer in pairs:
        # The first tokens are the same, so both wrote the same text; a cut-off character is never sent.
        if abs(ours.counts[-1] - peer.counts[-1]) > 2:
            raise RuntimeError(f"the replies differ: {ours.counts[-1]} and {peer.counts[-1]} tokens")
    rates = [Pair(ours.rate, peer.rate) for ours, peer in pairs]
    figures = [
        Figure(f"through chat, {case.name}", middle([rate.ours for rate in rates]), "tokens/s"),
        Figure(f"bare loop, {case.name}", middle([rate.peer for rate in rates]), "tokens/s"),
    ]
    fastest = max(rate.ours for rate in rates) / max(rate.peer for rate in rates)
    figures.append(Figure(f"the fastest rounds over each other, {case.name}", fastest))
    worked = sum(pair.ours.processor for pair in pairs) / sum(pair.peer.processor for pair in pairs)
    figures.append(Figure(f"processor time of the worker over the bare loop's, {case.name}", worked))
    claims = []
    name = f"tokens/s through chat over the bare loop, {case.name}"
    if case.target is None:
        figures.append(Figure(name, middle(ratios(rates))))
    else:
        claims.append(least(name, ratios(rates), case.target))
    if case.long:
        early = [Pair(ours.cost(*_EARLY), peer.cost(*_EARLY)) for ours, peer in pairs]
        late = [Pair(ours.cost(*_LATE), peer.cost(*_LATE)) for ours, peer in pairs]
        grown = [
            (after.ours / after.peer) / (before.ours / before.peer)
            for before, after in zip(early, late, strict=True)
        ]
        flat = f"cost of a token over the bare loop's, late over early, {case.name}"
        claims.append(most(flat, grown, 1.05))
        for when, costs in (("100 to 500", early), ("3,600 to 4,000", late)):
            own = middle([cost.ours - cost.peer for cost in costs])
            figures.append(Figure(f"added to tokens {when}, {case.name}", own, "µs each"))
            figures.append(
                Figure(f"bare tokens {when}, {case.name}", middle([cost.peer for cost in costs]), "µs each")
            )
    return Result(claims=claims, figures=figures)


async def through_chat(workbench: Workbench) -> Track:
    """Ask in a new session and return when how many tokens of the reply had arrived."""
    session = await workbench.sessions.create()
    counts: list[int] = []
    moments: list[float] = []
    before = processor_seconds(workbench.models.worker.pid)
    async for part in workbench.chat.send(session.id, _LONG_QUESTION):
        if isinstance(part, TextDelta):
            counts.append(part.tokens)
            moments.append(time.perf_counter())
        elif isinstance(part, ReplyFailed):
            raise RuntimeError(str(part.error))
        elif isinstance(part, ReplyFinished) and part.usage.reply_tokens - counts[-1] > 1:
            raise RuntimeError(f"{part.usage.reply_tokens} tokens were written, {counts[-1]} sent")
    used = processor_seconds(workbench.models.worker.pid) - before
    await workbench.models.forget(session.id)
    return Track(counts, moments, used)


def processor_seconds(pid: int | None) -> float:
    """Return how long a process has worked so far; 0 for one that has not been started."""
    if pid is None:
        return 0.0
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


async def _prompt(workbench: Workbench) -> str:
    """Return the prompt that a turn makes of the question; loads the model."""
    await through_chat(workbench)
    loaded = workbench.models.loaded
    assert loaded is not None
    messages = [{"role": "user", "content": _LONG_QUESTION}]
    if loaded.profile.system_prompt:
        messages.insert(0, {"role": "system", "content": loaded.profile.system_prompt})
    answer = await workbench.models.worker.request("render", {"messages": messages}, timeout=60)
    return str(answer["prompt"])


def _plan(path: Path) -> ContextPlan:
    """Return what the worker would choose, to be set for both sides."""
    plan = plan_for(read_gguf(path), LoadOptions(str(path), batch=_BATCH), this_machine())
    return ContextPlan(
        path=str(path),
        context=plan.context,
        slots=plan.slots,
        batch=plan.batch,
        threads=plan.threads,
        flash_attention=False if plan.tiny else None,
    )
