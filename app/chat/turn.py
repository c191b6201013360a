"""One turn, from a stored message to a stored reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from time import perf_counter
from typing import Any, Final

import msgspec

from workbench.app.chat import parts
from workbench.app.chat.budget import FittedPrompt
from workbench.app.chat.model_call import HOOK_ENDED, ReplyWriter, Rewritten
from workbench.app.chat.parts import Part, Usage
from workbench.app.chat.prompting import PromptBuilder, most_reply_tokens
from workbench.app.chat.recorder import ReplyRecorder
from workbench.app.chat.stop import LastWork, Stopped, until_stopped
from workbench.app.chat.teller import TurnTeller
from workbench.app.config.settings import Settings
from workbench.app.errors import HookError, TurnError, WorkbenchError
from workbench.app.events.bus import EventBus
from workbench.app.events.ids import new_id
from workbench.app.hooks import points
from workbench.app.hooks.around import Redirected
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.point import Point
from workbench.app.hooks.results import Replace
from workbench.app.hooks.run import Outcome, V
from workbench.app.hooks.values import MessageText, ReplyFailure, ReplyText, TurnFacts
from workbench.app.models.models import GeneratedText, GenerationEnd, LoadedModel, LoadProgress, Models
from workbench.app.models.profile import choose_sampling
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.session import Message, Status
from workbench.app.tasks import to_the_end

# A reply is ended within this time when its caller is cancelled, so that closing the program is bounded.
_END_SECONDS: Final = 10.0
_MOST_REDIRECTS: Final = 3
_WITHOUT_REPLY: Final = "The turn was stopped before there was a reply to keep."


class TurnServices(msgspec.Struct, frozen=True):
    """What a turn works with."""

    messages: Messages
    models: Models
    bus: EventBus
    settings: Settings
    hooks: Hooks


class Turn:
    """Answers one message.

    Args:
        services: what it works with.
        message: the stored user message.
        stop: ends the turn soon once it is set; what has arrived is kept.
        correlation_id: the turn's id.
        prefix: text that the reply begins with, when one is continued.
        given: the whole reply, when a hook has answered in the model's place.
        stored_in: seconds that storing the message took.
    """

    def __init__(
        self,
        services: TurnServices,
        message: Message,
        stop: asyncio.Event,
        correlation_id: str,
        prefix: str = "",
        *,
        given: str | None = None,
        stored_in: float | None = None,
    ) -> None:
        self._services = services
        self._message = message
        self._stop = stop
        self._last = LastWork(stop)
        self._correlation_id = correlation_id
        self._prefix = prefix
        self._given = given
        self._stored_in = stored_in
        self._teller = TurnTeller(services.bus, message.session_id, correlation_id)
        self._began = perf_counter()
        self._reply_id: str | None = None
        self._recorder: ReplyRecorder | None = None
        self._told: dict[str, Any] = {}
        self._reason = ""
        self._first_text = 0.0
        self._rescued = False
        self._late_start: Part | None = None

    async def run(self) -> AsyncGenerator[Part]:
        """Run the turn and pass on its parts; the last is `ReplyFinished` or `ReplyFailed`.

        Closing the iterator, or cancelling whoever iterates, stops the turn and keeps what has arrived.
        """
        message = self._message
        try:
            began = await self._teller.tell(
                "message_received", message_id=message.id, characters=len(message.text)
            )
            self._teller.caused_by(began)
            yield parts.TurnStarted(message.session_id, message.id, self._correlation_id, message.text)
            async with aclosing(until_stopped(self._steps(), self._stop)) as steps:
                async for part in steps:
                    yield part
            ending = self._finish(self._reason, "complete")
        except Stopped:
            ending = self._finish("cancelled", "cancelled")
        except WorkbenchError as error:
            ending = self._fail(error)
        except BaseException:
            # Cancelled or closed: end the reply all the same, then let the caller's end go on.
            self._last.hurry()
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    await to_the_end(asyncio.create_task(self._finish("cancelled", "cancelled")), 0)
            raise
        # Outside of the block: a caller who leaves at the last part does not end the turn again.
        last = await to_the_end(asyncio.create_task(ending), _END_SECONDS, self._last.hurry)
        if self._late_start is not None:
            yield self._late_start
        yield last

    async def _steps(self) -> AsyncGenerator[Part]:
        hooks, scope = self._services.hooks, self._teller.scope
        if self._stored_in is not None:
            await self._teller.step("store", self._stored_in, detail="message")
            stored = MessageText(text=self._message.text, message_id=self._message.id)
            await hooks.run(points.MESSAGE_STORED, stored, scope)
        await hooks.apply(points.TURN_STARTED, TurnFacts(message_id=self._message.id), scope)
        if self._given is not None:
            async with aclosing(self._give(self._given)) as steps:
                async for part in steps:
                    yield part
            return
        model: str | None = None
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                async with aclosing(self._answer_with(model)) as steps:
                    async for part in steps:
                        yield part
                return
            except Redirected as redirected:
                model = redirected.to
                if self._recorder is not None and self._text != self._prefix:
                    # The other model begins anew; what the first one wrote would stand before it.
                    self._recorder.rewrite(self._prefix)
                    yield parts.TextRewritten(self._prefix)
        raise HookError(
            "cancelled", f"Hooks sent the turn from one model to another {_MOST_REDIRECTS} times."
        )

    async def _give(self, text: str) -> AsyncGenerator[Part]:
        """Answer with a hook's text."""
        async with aclosing(self._begin_reply("")) as steps:
            async for part in steps:
                yield part
        self._reason = HOOK_ENDED
        assert self._recorder is not None
        self._recorder.add(text, 0)
        yield parts.TextDelta(text, 0)

    async def _answer_with(self, model: str | None) -> AsyncGenerator[Part]:
        """Let a model answer: the one with this name, or the chosen one."""
        loaded: LoadedModel | None = None
        began, waited = perf_counter(), False
        async with aclosing(self._services.models.load(model, scope=self._teller.scope)) as steps:
            async for step in steps:
                if isinstance(step, LoadProgress):
                    waited = True
                    yield parts.ModelProgress(step.model, step.fraction)
                else:
                    loaded = step
        assert loaded is not None, "loading ends with a model or raises"
        if waited:
            await self._teller.step("load", perf_counter() - began, detail=loaded.file.name)
        prompt = await self._build_prompt(loaded)
        yield parts.PromptBuilt(prompt.tokens, loaded.context, len(prompt.messages), prompt.trimmed)
        if prompt.trimmed:
            yield _trim_notice(prompt.trimmed, loaded.context)
        async with aclosing(self._begin_reply(loaded.file.name)) as steps:
            async for part in steps:
                yield part
        async with aclosing(self._generate(loaded, prompt)) as texts:
            async for text in texts:
                yield text

    async def _build_prompt(self, loaded: LoadedModel) -> FittedPrompt:
        services, began = self._services, perf_counter()
        builder = PromptBuilder(
            messages=services.messages,
            models=services.models,
            hooks=services.hooks,
            settings=services.settings,
            scope=self._teller.scope,
        )
        prompt = await builder.build(self._message, loaded, self._prefix)
        await self._teller.step("prompt", perf_counter() - began, prompt.tokens)
        await self._teller.tell(
            "prompt_built",
            tokens=prompt.tokens,
            context=loaded.context,
            messages=len(prompt.messages),
            trimmed_messages=prompt.trimmed,
        )
        return prompt

    async def _begin_reply(self, model: str) -> AsyncGenerator[Part]:
        """Store an empty reply, or give the one that is there to the model that hooks chose."""
        services = self._services
        if self._reply_id is not None:
            await services.messages.set_model(self._reply_id, model)
            return
        # Known before it is stored: when this is cut off meanwhile, the reply may be there or not.
        self._reply_id = new_id()
        began = perf_counter()
        reply = await services.messages.begin_reply(
            self._message.session_id,
            self._message.id,
            model=model,
            correlation_id=self._correlation_id,
            text=self._prefix,
            message_id=self._reply_id,
        )
        await self._teller.step("store", perf_counter() - began, detail="reply begun")
        self._recorder = ReplyRecorder(
            services.messages,
            services.bus,
            reply,
            services.settings.chat.save_interval_ms / 1000,
            self._teller.scope.parent_id,
        )
        yield parts.ReplyStarted(reply.id, self._prefix)

    async def _generate(self, loaded: LoadedModel, prompt: FittedPrompt) -> AsyncGenerator[Part]:
        services, recorder = self._services, self._recorder
        assert recorder is not None, "the reply was begun"
        writer = ReplyWriter(
            services.models, services.hooks, self._teller.scope, self._message.session_id, self._prefix
        )
        sampling = choose_sampling(loaded.profile, services.settings.sampling)
        longest = most_reply_tokens(loaded, services.settings)
        async with aclosing(writer.write(loaded, prompt, sampling, longest)) as answers:
            async for answer in answers:
                match answer:
                    case GeneratedText():
                        if recorder.add(answer.text, answer.tokens):
                            # Of a reply that is stopped this much is known.
                            self._told = {"prompt_tokens": prompt.tokens if answer.tokens else 0}
                            await self._tell_first_text(recorder)
                        yield parts.TextDelta(answer.text, answer.tokens)
                    case Rewritten(text):
                        recorder.rewrite(text)
                        yield parts.TextRewritten(text)
                    case GenerationEnd():
                        self._reason, self._told = answer.reason, answer.usage
        await self._tell_steps_of_model()

    async def _tell_first_text(self, recorder: ReplyRecorder) -> None:
        self._first_text = perf_counter()
        await self._teller.tell(
            "reply_started", message_id=self._reply_id, first_token_ms=recorder.usage({}).first_token_ms
        )

    async def _tell_steps_of_model(self) -> None:
        told = self._told
        if "decode_ms" not in told:
            return
        decode = float(told["decode_ms"]) / 1000
        read = int(told.get("prompt_tokens", 0)) - int(told.get("cached_tokens", 0))
        cached = int(told.get("cached_tokens", 0))
        detail = f"{cached:,} tokens known" if cached else ""
        since_first = perf_counter() - self._first_text if self._first_text else decode
        prefill = float(told.get("prefill_ms", 0.0)) / 1000
        await self._teller.step("prefill", prefill, read, detail, ago=since_first)
        # By the worker's clock; it began with the first text.
        ended = max(0.0, since_first - decode)
        await self._teller.step("decode", decode, int(told.get("reply_tokens", 0)), ago=ended)

    async def _finish(self, reason: str, status: Status) -> Part:
        """Store the reply as it is and say so."""
        usage = self._recorder.usage(self._told) if self._recorder else Usage()
        rewritten = await self._complete(reason, usage) if status == "complete" else None
        try:
            kept = await self._keep(status, {"reason": reason, "usage": msgspec.to_builtins(usage)})
        except WorkbenchError as error:
            return await self._fail(error)
        if kept is None:
            return await self._fail(TurnError("cancelled", _WITHOUT_REPLY))
        await self._teller.tell(
            "reply_finished",
            message_id=kept,
            reason=reason,
            characters=len(self._text),
            **msgspec.to_builtins(usage),
        )
        await self._ended(reason, usage.reply_tokens)
        return parts.ReplyFinished(kept, reason, usage, rewritten)

    async def _complete(self, reason: str, usage: Usage) -> str | None:
        """Let hooks change a complete reply before it is stored; return its text if they did."""
        if self._recorder is None or self._reply_id is None:
            return None
        reply = ReplyText(
            message_id=self._reply_id, text=self._text, reason=reason, reply_tokens=usage.reply_tokens
        )
        outcome = await self._ask_at_the_end(points.MESSAGE_COMPLETED, reply)
        decided = outcome.decision
        text = str(decided.result) if isinstance(decided, Replace) else outcome.value.text
        if text == self._text:
            return None
        self._recorder.rewrite(text)
        return text

    async def _fail(self, error: WorkbenchError) -> Part:
        """Keep what has arrived, mark it, and say what happened, unless hooks know a reply."""
        failure = ReplyFailure(
            message_id=self._reply_id or "", code=error.code, message=error.message, text=self._text
        )
        outcome = await self._ask_at_the_end(points.MESSAGE_FAILED, failure)
        decided = None if self._rescued else outcome.decision
        if isinstance(decided, Replace) and (recorder := await self._begun()) is not None:
            self._rescued = True
            recorder.rewrite(str(decided.result))
            part = await self._finish(HOOK_ENDED, "complete")
            if isinstance(part, parts.ReplyFinished):
                return msgspec.structs.replace(part, text=self._text)
            return part
        told = {**error.to_dict(), "message": outcome.value.message}
        status: Status = "interrupted" if self._text else "failed"
        try:
            kept = await self._keep(status, {"error": told})
        except WorkbenchError as second:
            # What was saved while it streamed is there; the next start finds and marks it.
            told, kept = second.to_dict(), self._reply_id if self._recorder else None
        await self._teller.tell(
            "reply_failed",
            message_id=kept or self._message.id,
            code=told["code"],
            message=told["message"],
            characters=len(self._text),
        )
        await self._ended(str(told["code"]), 0)
        return parts.ReplyFailed(kept, told)

    async def _begun(self) -> ReplyRecorder | None:
        """Return what records the reply, which is begun now where the turn failed before that."""
        if self._reply_id is None:
            with suppress(WorkbenchError):
                async with aclosing(self._begin_reply("")) as steps:
                    self._late_start = await anext(steps)
        return self._recorder

    async def _ask_at_the_end(self, point: Point[V], value: V) -> Outcome[V]:
        """Run hooks after the reply; stopping the turn (once more) ends what waits there."""
        running = self._services.hooks.run(point, value, self._teller.scope)
        return await self._last.wait_for(running, Outcome(value))

    async def _ended(self, reason: str, tokens: int) -> None:
        facts = TurnFacts(
            message_id=self._reply_id or self._message.id,
            reason=reason,
            duration_ms=round((perf_counter() - self._began) * 1000, 3),
            tokens=tokens,
        )
        await self._ask_at_the_end(points.TURN_FINISHED, facts)

    async def _keep(self, status: Status, meta: dict[str, Any]) -> str | None:
        """Store all of the reply and how it ended; return its id, None when it was not begun.

        Raises:
            StoreError: it could not be kept.
        """
        if self._recorder is not None:
            await self._recorder.close()
        if self._reply_id is None:
            return None
        began = perf_counter()
        kept = await self._services.messages.finish(self._reply_id, self._text, status, meta)
        await self._teller.step("store", perf_counter() - began, detail="reply")
        return self._reply_id if kept else None

    @property
    def _text(self) -> str:
        return self._recorder.text if self._recorder is not None else self._prefix


def _trim_notice(trimmed: int, context: int) -> parts.Notice:
    plural = "message was" if trimmed == 1 else "messages were"
    return parts.Notice(
        "chat.trimmed",
        f"{trimmed} older {plural} left out of the prompt: the model's context holds {context} tokens.",
    )
