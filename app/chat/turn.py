"""One turn, from a stored message to a stored reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, Final

import msgspec

from workbench.app.chat import parts
from workbench.app.chat.budget import FittedPrompt, fit, most_bytes
from workbench.app.chat.parts import Part, Usage
from workbench.app.chat.prompt import history, system_prompt
from workbench.app.chat.recorder import ReplyRecorder
from workbench.app.chat.stop import Stopped, until_stopped
from workbench.app.config.settings import Settings
from workbench.app.errors import SessionError, TurnError, WorkbenchError
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.events.ids import new_id
from workbench.app.models.models import GeneratedText, Generation, LoadedModel, LoadProgress, Models
from workbench.app.models.profile import choose_sampling
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.session import Message, Status
from workbench.app.tasks import to_the_end

# A reply is ended within this time when its caller is cancelled, so that closing the program is bounded.
_END_SECONDS: Final = 10.0
# Messages that are read at once, from the newest on, while more of them can fit into the prompt.
_PAGE: Final = 256


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
        stop: ends the turn soon once it is set; what has arrived is kept.
        correlation_id: the turn's id.
        prefix: text that the reply begins with, when one is continued.
    """

    def __init__(
        self,
        services: TurnServices,
        message: Message,
        stop: asyncio.Event,
        correlation_id: str,
        prefix: str = "",
    ) -> None:
        self._services = services
        self._message = message
        self._stop = stop
        self._correlation_id = correlation_id
        self._prefix = prefix
        self._cause: str | None = None
        self._reply_id: str | None = None
        self._recorder: ReplyRecorder | None = None
        self._told: dict[str, Any] = {}
        self._reason = ""

    async def run(self) -> AsyncGenerator[Part]:
        """Run the turn and pass on its parts; the last is `ReplyFinished` or `ReplyFailed`.

        Closing the iterator, or cancelling whoever iterates, stops the turn and keeps what has arrived.
        """
        message = self._message
        try:
            began = await self._tell("message_received", message_id=message.id, characters=len(message.text))
            self._cause = began.id
            yield parts.TurnStarted(message.session_id, message.id, self._correlation_id)
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
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    await to_the_end(asyncio.create_task(self._finish("cancelled", "cancelled")), 0)
            raise
        # Outside of the block above: a caller who leaves at the last part does not end the turn again.
        yield await to_the_end(asyncio.create_task(ending), _END_SECONDS)

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
        # Known before it is stored: when this is cut off meanwhile, the reply may be there or not.
        self._reply_id = new_id()
        reply = await self._services.messages.begin_reply(
            self._message.session_id,
            self._message.id,
            model=loaded.file.name,
            correlation_id=self._correlation_id,
            text=self._prefix,
            message_id=self._reply_id,
        )
        yield parts.ReplyStarted(reply.id, self._prefix)
        async with aclosing(self._generate(loaded, prompt, reply)) as texts:
            async for text in texts:
                yield text

    async def _build_prompt(self, loaded: LoadedModel) -> FittedPrompt:
        settings = self._services.settings
        most_reply = _most_reply(loaded, settings) or loaded.context
        limit = loaded.context - min(settings.chat.reply_reserve, loaded.context // 4, most_reply)

        async def count(messages: list[dict[str, str]]) -> int:
            return await self._services.models.count(messages, self._prefix, model=loaded)

        path = await self._newest(limit)
        prompt = await fit(system_prompt(settings.chat, loaded.profile), history(path), limit, count)
        older = await self._services.messages.depth(path[0].parent_id)
        prompt = msgspec.structs.replace(prompt, trimmed=prompt.trimmed + older)
        await self._tell(
            "prompt_built",
            tokens=prompt.tokens,
            context=loaded.context,
            messages=len(prompt.messages),
            trimmed_messages=prompt.trimmed,
        )
        return prompt

    async def _newest(self, limit: int) -> list[Message]:
        """Return the newest messages of the branch: all that a prompt of so many tokens can hold, or more."""
        messages = self._services.messages
        path = await messages.path(self._message.id, _PAGE)
        if not path:
            raise SessionError("not_found", "The session was deleted before its message was answered.")
        # A message takes a token or more, and a token holds so many bytes at most.
        while path[0].parent_id is not None and len(path) <= limit and _size(path) <= most_bytes(limit):
            path = await messages.path(path[0].parent_id, _PAGE) + path
        return path

    async def _generate(
        self, loaded: LoadedModel, prompt: FittedPrompt, reply: Message
    ) -> AsyncGenerator[Part]:
        services = self._services
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
            max_tokens=_most_reply(loaded, services.settings),
            prefix=self._prefix,
        )
        answers = services.models.generate(
            generation, model=loaded, session_id=reply.session_id, correlation_id=self._correlation_id
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
        usage = self._recorder.usage(self._told) if self._recorder else Usage()
        try:
            kept = await self._keep(status, {"reason": reason, "usage": msgspec.to_builtins(usage)})
        except WorkbenchError as error:
            return await self._fail(error)
        if kept is None:
            return await self._fail(_without_reply())
        await self._tell(
            "reply_finished",
            message_id=kept,
            reason=reason,
            characters=len(self._text),
            **msgspec.to_builtins(usage),
        )
        return parts.ReplyFinished(kept, reason, usage)

    async def _fail(self, error: WorkbenchError) -> Part:
        """Keep what has arrived, mark it, and say what happened."""
        status: Status = "interrupted" if self._text else "failed"
        try:
            kept = await self._keep(status, {"error": error.to_dict()})
        except WorkbenchError as second:
            # What was saved while it streamed is there; the next start finds and marks it.
            error, kept = second, self._reply_id if self._recorder else None
        await self._tell(
            "reply_failed",
            message_id=kept or self._message.id,
            code=error.code,
            message=error.message,
            characters=len(self._text),
        )
        return parts.ReplyFailed(kept, error.to_dict())

    async def _keep(self, status: Status, meta: dict[str, Any]) -> str | None:
        """Store all of the reply and how it ended; return its id, None when it was not begun.

        Raises:
            StoreError: it could not be kept.
        """
        if self._recorder is not None:
            await self._recorder.close()
        if self._reply_id is None:
            return None
        kept = await self._services.messages.finish(self._reply_id, self._text, status, meta)
        return self._reply_id if kept else None

    @property
    def _text(self) -> str:
        return self._recorder.text if self._recorder is not None else self._prefix

    async def _tell(self, what: str, **facts: Any) -> Event:
        return await self._services.bus.emit(
            f"core:chat:{what}",
            facts,
            source="chat",
            session_id=self._message.session_id,
            correlation_id=self._correlation_id,
            parent_id=self._cause,
        )


def _size(path: list[Message]) -> int:
    return sum(len(message.text) for message in path)


def _most_reply(loaded: LoadedModel, settings: Settings) -> int | None:
    """Return the longest reply in tokens: the person's wish, else the profile's; None without a limit."""
    return settings.sampling.max_tokens or loaded.profile.sampling.max_tokens


def _without_reply() -> WorkbenchError:
    return TurnError("cancelled", "The turn was stopped before there was a reply to keep.")


def _trim_notice(trimmed: int, context: int) -> parts.Notice:
    plural = "message was" if trimmed == 1 else "messages were"
    return parts.Notice(
        "chat.trimmed",
        f"{trimmed} older {plural} left out of the prompt: the model's context holds {context} tokens.",
    )
