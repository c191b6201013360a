"""One turn, from a stored message to a stored reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import msgspec

from workbench.app.chat import parts
from workbench.app.chat.budget import FittedPrompt, fit
from workbench.app.chat.parts import Part, Usage
from workbench.app.chat.prompt import history, system_prompt
from workbench.app.chat.recorder import ReplyRecorder
from workbench.app.chat.stop import Stopped, until_stopped
from workbench.app.config.settings import Settings
from workbench.app.errors import TurnError, WorkbenchError
from workbench.app.events.bus import EventBus
from workbench.app.models.models import GeneratedText, Generation, LoadedModel, LoadProgress, Models
from workbench.app.models.profile import choose_sampling
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.session import Message, Status

# A reply is ended within this time when its caller is cancelled, so that closing the program is bounded.
_END_SECONDS: Final = 10.0


class TurnServices(msgspec.Struct, frozen=True):
    """What a turn works with."""

    messages: Messages
    models: Models
    bus: EventBus
    settings: Settings


class Turn:
    """Answers one message.

    Args:
        services: what it works with.
        message: the stored user message.
        correlation_id: the turn's id.
        cause: id of the event that began it.
        prefix: text that the reply begins with, when one is continued.
    """

    def __init__(
        self, services: TurnServices, message: Message, correlation_id: str, cause: str, prefix: str = ""
    ) -> None:
        self._services = services
        self._message = message
        self._correlation_id = correlation_id
        self._cause = cause
        self._prefix = prefix
        self._stop = asyncio.Event()
        self._reply: Message | None = None
        self._recorder: ReplyRecorder | None = None
        self._told: dict[str, Any] = {}
        self._reason = ""

    def stop(self) -> None:
        """End the turn soon; what has arrived is kept."""
        self._stop.set()

    async def run(self) -> AsyncGenerator[Part]:
        """Run the turn and pass on its parts; the last is `ReplyFinished` or `ReplyFailed`.

        Closing the iterator, or cancelling whoever iterates, stops the turn and keeps what has arrived.
        """
        message = self._message
        yield parts.TurnStarted(message.session_id, message.id, self._correlation_id)
        try:
            async with aclosing(until_stopped(self._steps(), self._stop)) as steps:
                async for part in steps:
                    yield part
            yield await self._finish(self._reason, "complete")
        except Stopped:
            yield await self._finish("cancelled", "cancelled")
        except WorkbenchError as error:
            yield await self._fail(error)
        except BaseException:
            # Cancelled or closed: end the reply all the same, then let the caller's end go on.
            await asyncio.wait_for(asyncio.shield(self._finish("cancelled", "cancelled")), _END_SECONDS)
            raise

    async def _steps(self) -> AsyncGenerator[Part]:
        loaded: LoadedModel | None = None
        async with aclosing(self._services.models.load()) as steps:
            async for step in steps:
                if isinstance(step, LoadProgress):
                    yield parts.ModelProgress(step.model, step.fraction)
                else:
                    loaded = step
        assert loaded is not None, "loading ends with a model or raises"
        prompt = await self._build_prompt(loaded)
        yield parts.PromptBuilt(prompt.tokens, loaded.context, len(prompt.messages), prompt.trimmed)
        if prompt.trimmed:
            yield _trim_notice(prompt.trimmed, loaded.context)
        self._reply = await self._services.messages.begin_reply(
            self._message.session_id,
            self._message.id,
            model=loaded.file.name,
            correlation_id=self._correlation_id,
            text=self._prefix,
        )
        yield parts.ReplyStarted(self._reply.id, self._prefix)
        async with aclosing(self._generate(loaded, prompt)) as texts:
            async for text in texts:
                yield text

    async def _build_prompt(self, loaded: LoadedModel) -> FittedPrompt:
        settings = self._services.settings
        path = await self._services.messages.path(self._message.id)
        reserve = min(
            settings.chat.reply_reserve, loaded.context // 4, settings.sampling.max_tokens or loaded.context
        )

        async def count(messages: list[dict[str, str]]) -> int:
            return await self._services.models.count(messages, self._prefix)

        prompt = await fit(
            system_prompt(settings.chat, loaded.profile), history(path), loaded.context - reserve, count
        )
        await self._tell(
            "prompt_built",
            tokens=prompt.tokens,
            context=loaded.context,
            messages=len(prompt.messages),
            trimmed_messages=prompt.trimmed,
        )
        return prompt

    async def _generate(self, loaded: LoadedModel, prompt: FittedPrompt) -> AsyncGenerator[Part]:
        services, reply = self._services, self._reply
        assert reply is not None, "the reply is begun before it is generated"
        self._recorder = recorder = ReplyRecorder(
            services.messages,
            services.bus,
            reply,
            services.settings.chat.save_interval_ms / 1000,
            self._cause,
        )
        generation = Generation(
            conversation=reply.session_id,
            messages=prompt.messages,
            sampling=choose_sampling(loaded.profile, services.settings.sampling),
            max_tokens=services.settings.sampling.max_tokens,
            prefix=self._prefix,
        )
        answers = services.models.generate(
            generation, session_id=reply.session_id, correlation_id=self._correlation_id
        )
        async with aclosing(answers):
            async for answer in answers:
                if isinstance(answer, GeneratedText):
                    if recorder.add(answer.text, answer.tokens):
                        await self._tell(
                            "reply_started",
                            message_id=reply.id,
                            first_token_ms=recorder.usage({}).first_token_ms,
                        )
                    yield parts.TextDelta(answer.text, answer.tokens)
                else:
                    self._reason, self._told = answer.reason, answer.usage

    async def _finish(self, reason: str, status: Status) -> Part:
        """Store the reply as it is and say so."""
        if self._reply is None:
            return await self._fail(_cancelled_early())
        recorder = self._recorder
        usage = recorder.usage(self._told) if recorder else Usage()
        text = recorder.text if recorder else self._prefix
        meta = {"reason": reason, "usage": msgspec.to_builtins(usage)}
        if recorder:
            await recorder.finish(status, meta)
        else:
            await self._services.messages.finish(self._reply.id, text, status, meta)
        await self._tell(
            "reply_finished",
            message_id=self._reply.id,
            reason=reason,
            characters=len(text),
            **msgspec.to_builtins(usage),
        )
        return parts.ReplyFinished(self._reply.id, reason, usage)

    async def _fail(self, error: WorkbenchError) -> Part:
        """Keep what has arrived, mark it, and say what happened."""
        text = self._recorder.text if self._recorder else self._prefix
        reply_id = self._reply.id if self._reply else None
        if self._reply is not None:
            status: Status = "interrupted" if text else "failed"
            try:
                meta = {"error": error.to_dict()}
                if self._recorder is not None:
                    await self._recorder.finish(status, meta)
                else:
                    await self._services.messages.finish(self._reply.id, text, status, meta)
            except WorkbenchError as second:
                error = second
        await self._tell(
            "reply_failed",
            message_id=reply_id or self._message.id,
            code=error.code,
            message=error.message,
            characters=len(text),
        )
        return parts.ReplyFailed(reply_id, error.to_dict())

    async def _tell(self, what: str, **facts: Any) -> None:
        await self._services.bus.emit(
            f"core:chat:{what}",
            facts,
            source="chat",
            session_id=self._message.session_id,
            correlation_id=self._correlation_id,
            parent_id=self._cause,
        )


def _trim_notice(trimmed: int, context: int) -> parts.Notice:
    plural = "message was" if trimmed == 1 else "messages were"
    return parts.Notice(
        "chat.trimmed",
        f"{trimmed} older {plural} left out of the prompt: the model's context holds {context} tokens.",
    )


def _cancelled_early() -> WorkbenchError:
    return TurnError("cancelled", "The turn was stopped before the reply began.")
