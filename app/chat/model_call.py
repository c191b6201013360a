"""One reply of a model, as hooks decide: changed, replaced, tried again, cut short, or sent elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec

from workbench.app.chat.budget import FittedPrompt
from workbench.app.errors import HookError, WorkbenchError
from workbench.app.hooks import points
from workbench.app.hooks.around import Around, Redirected, stream_around
from workbench.app.hooks.backoff import wait_before
from workbench.app.hooks.hook import Scope
from workbench.app.hooks.hooks import Hooks, cancelled
from workbench.app.hooks.results import Cancel, Redirect, Replace
from workbench.app.hooks.values import ChatMessage, ModelCall, ModelFailure, ModelReply, TokenBatch
from workbench.app.models.models import GeneratedText, Generation, GenerationEnd, LoadedModel, Models
from workbench.app.models.profile import Sampling

HOOK_ENDED: Final = "hook"
"""The reason of a reply that a hook gave or cut short."""
_BETWEEN_BRANCHES: Final = "\n\n---\n\n"


class Rewritten(msgspec.Struct, frozen=True):
    """The whole text of the reply is this from now on."""

    text: str


Item = GeneratedText | GenerationEnd


class ReplyWriter:
    """Lets a model write one reply.

    Args:
        models: the models.
        hooks: the hooks around it.
        scope: the turn.
        conversation: under which the worker keeps what it has read.
        prefix: text that the reply begins with.
    """

    def __init__(self, models: Models, hooks: Hooks, scope: Scope, conversation: str, prefix: str) -> None:
        self._models = models
        self._hooks = hooks
        self._scope = scope
        self._conversation = conversation
        self._prefix = prefix
        self._written = prefix
        self._tries = 1
        self._failures = 0
        self._tokens = 0
        self._prompt_tokens = 0
        # What all calls took, in every branch of a fork: what one writes in vain is paid, too.
        self._taken: dict[str, Any] = {}
        self._doubtful = False
        """The last call failed: the worker may have been lost, and the model with it."""

    async def write(
        self, loaded: LoadedModel, prompt: FittedPrompt, sampling: Sampling, max_tokens: int | None
    ) -> AsyncGenerator[GeneratedText | Rewritten | GenerationEnd]:
        """Write, and pass on what comes: texts, then one end.

        Args:
            loaded: the model.
            prompt: what it is asked.
            sampling: how it chooses its words.
            max_tokens: the longest reply, None for as long as the context allows.

        Raises:
            HookError: `hook.cancelled`.
            Redirected: a hook wants another model.
            WorkbenchError: the model or its worker failed, and no hook knew better.
        """
        self._prompt_tokens = prompt.tokens
        asked = _call(loaded, prompt, sampling, max_tokens, self._prefix)
        while True:
            end = GenerationEnd(HOOK_ENDED, {})
            try:
                async with aclosing(self._stream(loaded, asked)) as items:
                    async for item in items:
                        if isinstance(item, GenerationEnd):
                            end = item
                        else:
                            yield item
            except WorkbenchError as error:
                if error.code == "hook.cancelled":
                    raise
                rest = await self._after_failure(loaded, error)
                if rest is None:
                    # It goes on after what has arrived.
                    asked = msgspec.structs.replace(asked, prefix=self._written)
                    continue
                self._written += rest
                yield GeneratedText(rest, self._tokens)
            changed = await self._after_reply(loaded, end)
            if changed != self._written or changed is None:
                self._written = changed if changed is not None else self._prefix
                yield Rewritten(self._written)
            if changed is not None:
                yield GenerationEnd(end.reason, self._taken)
                return
            asked = msgspec.structs.replace(asked, prefix=self._prefix)

    async def _stream(self, loaded: LoadedModel, asked: ModelCall) -> AsyncGenerator[Item]:
        """Pass on one call's texts as the hooks on token batches leave them, then its end."""

        def is_here(model: str) -> bool:
            return model in (loaded.file.name, str(loaded.file.path))

        async def generate(call: ModelCall, branch: str) -> AsyncGenerator[Item]:
            if not is_here(call.model):
                raise Redirected(call.model, points.MODEL_BEFORE.name)
            if self._doubtful:
                await self._models.ready_again(loaded, self._scope)
            generation = _generation(call, f"{self._conversation}{branch}")
            answers = self._models.generate(
                generation,
                model=loaded,
                session_id=self._scope.session_id,
                correlation_id=self._scope.correlation_id,
            )
            taken: dict[str, Any] = {}
            try:
                async with aclosing(answers):
                    async for answer in answers:
                        taken = self._taken_by(answer)
                        yield answer
            except WorkbenchError:
                self._doubtful = True
                raise
            finally:
                self._taken = _sum([self._taken, taken])
            self._doubtful = False

        around = Around(
            hooks=self._hooks,
            point=points.MODEL_BEFORE,
            scope=self._scope,
            operation=generate,
            replaced=_given,
            joined=_joined,
            length=_length,
            kept=_given_again,
            here=is_here,
        )
        before = int(self._taken.get("reply_tokens", 0))
        async with aclosing(stream_around(around, asked)) as items:
            async for item in items:
                if isinstance(item, GenerationEnd):
                    yield item
                    continue
                text = await self._screen(item)
                self._tokens = before + item.tokens
                if text is None:
                    return
                self._written += text.text
                yield GeneratedText(text.text, self._tokens)

    def _taken_by(self, answer: Item) -> dict[str, Any]:
        """Return what a call took; of one that is cut off it is known what it was asked and what has come."""
        if isinstance(answer, GenerationEnd):
            return answer.usage
        return {"prompt_tokens": self._prompt_tokens, "reply_tokens": answer.tokens}

    async def _screen(self, item: GeneratedText) -> GeneratedText | None:
        """Return a text as hooks leave it, None when one ends the reply here."""
        if not self._hooks.has(points.TOKEN_BATCH):
            return item
        batch = TokenBatch(text=item.text, tokens=item.tokens)
        outcome = await self._hooks.run(points.TOKEN_BATCH, batch, self._scope)
        if isinstance(outcome.decision, Cancel):
            return None
        return GeneratedText(outcome.value.text, item.tokens)

    async def _after_failure(self, loaded: LoadedModel, error: WorkbenchError) -> str | None:
        """Ask the hooks what to do after a failure: the rest of the text, or None to ask the model again.

        Raises:
            WorkbenchError: the failure itself, when no hook knows better.
        """
        self._failures += 1
        failure = ModelFailure(
            name=loaded.file.name,
            code=error.code,
            message=error.message,
            received=self._written,
            attempt=self._failures,
        )
        outcome = await self._hooks.run(points.MODEL_FAILED, failure, self._scope)
        match outcome.decision:
            case Replace(result):
                return _text(result, points.MODEL_FAILED.name)
            case Redirect(to):
                raise Redirected(to, outcome.hook)
        if outcome.retry is None or self._failures >= outcome.retry.attempts:
            raise error
        wait = wait_before(outcome.retry, self._failures)
        await self._hooks.tell_of_retry(
            points.MODEL_FAILED.name, self._failures, wait, error.code, self._scope
        )
        await asyncio.sleep(wait)
        return None

    async def _after_reply(self, loaded: LoadedModel, end: GenerationEnd) -> str | None:
        """Return the reply as hooks leave it, None when the model is to be asked again.

        Raises:
            HookError: `hook.cancelled`.
        """
        if not self._hooks.has(points.MODEL_AFTER):
            return self._written
        reply = ModelReply(
            model=loaded.file.name,
            text=self._written,
            reason=end.reason,
            prompt_tokens=int(end.usage.get("prompt_tokens", 0)),
            reply_tokens=int(end.usage.get("reply_tokens", 0)),
            duration_ms=float(end.usage.get("prefill_ms", 0.0)) + float(end.usage.get("decode_ms", 0.0)),
        )
        outcome = await self._hooks.run(points.MODEL_AFTER, reply, self._scope)
        match outcome.decision:
            case Cancel():
                raise cancelled(outcome)
            case Replace(result):
                return _text(result, points.MODEL_AFTER.name)
        if outcome.retry is None or self._tries >= outcome.retry.attempts:
            return outcome.value.text
        wait = wait_before(outcome.retry, self._tries)
        await self._hooks.tell_of_retry(points.MODEL_AFTER.name, self._tries, wait, "", self._scope)
        self._tries += 1
        await asyncio.sleep(wait)
        return None


def _call(
    loaded: LoadedModel, prompt: FittedPrompt, sampling: Sampling, max_tokens: int | None, prefix: str
) -> ModelCall:
    return ModelCall(
        model=loaded.file.name,
        messages=tuple(ChatMessage(message["role"], message["content"]) for message in prompt.messages),
        max_tokens=max_tokens,
        prefix=prefix,
        **msgspec.structs.asdict(sampling),
    )


def _generation(call: ModelCall, conversation: str) -> Generation:
    facts = msgspec.structs.asdict(call)
    chosen = {name: facts[name] for name in Sampling.__struct_fields__ if facts[name] is not None}
    return Generation(
        conversation=conversation,
        messages=[{"role": message.role, "content": message.content} for message in call.messages],
        sampling=Sampling(**chosen),
        max_tokens=call.max_tokens,
        prefix=call.prefix,
        stop=call.stop,
    )


def _given(result: Any) -> list[Item]:
    text = _text(result, points.MODEL_BEFORE.name)
    return [GeneratedText(text, 0), GenerationEnd(HOOK_ENDED, {})]


def _text(result: Any, point: str) -> str:
    if not isinstance(result, str):
        found = type(result).__name__
        raise HookError("bad_value", f"A replacement at {point} must be a text, not a {found}.", point=point)
    return result


def _joined(branches: list[list[Item]]) -> list[Item]:
    """Return the texts of a fork's branches as one reply, and the sum of what they took."""
    texts = ["".join(item.text for item in items if isinstance(item, GeneratedText)) for items in branches]
    ends = [item for items in branches for item in items if isinstance(item, GenerationEnd)]
    usage = _sum([end.usage for end in ends])
    reason = ends[-1].reason if ends else HOOK_ENDED
    return [
        GeneratedText(_BETWEEN_BRANCHES.join(texts), usage.get("reply_tokens", 0)),
        GenerationEnd(reason, usage),
    ]


def _given_again(items: Sequence[Item]) -> list[Item]:
    """Return a reply that was kept: it takes nothing."""
    return [
        GenerationEnd(item.reason, {}) if isinstance(item, GenerationEnd) else GeneratedText(item.text, 0)
        for item in items
    ]


def _sum(usages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what several calls took together."""
    total: dict[str, Any] = {}
    for usage in usages:
        for name, figure in usage.items():
            total[name] = total.get(name, 0) + figure if isinstance(figure, int | float) else figure
    return total


def _length(items: Sequence[Item]) -> int:
    return sum(len(item.text) for item in items if isinstance(item, GeneratedText))
