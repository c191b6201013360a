"""Keeps a reply on disk while it streams, and says how it grows."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from workbench.app.chat.parts import Usage
from workbench.app.errors import StoreError
from workbench.app.events.bus import EventBus
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.session import Message
from workbench.app.tasks import end


class ReplyRecorder:
    """Stores what a reply has so far, again and again, until it is closed.

    Args:
        messages: where the reply is kept.
        bus: where its growth is told.
        reply: the streaming message.
        interval: seconds from one save to the next while text arrives.
        cause: id of the event that began the turn.
    """

    def __init__(
        self, messages: Messages, bus: EventBus, reply: Message, interval: float, cause: str | None
    ) -> None:
        self._messages = messages
        self._bus = bus
        self._reply = reply
        self._interval = interval
        self._cause = cause
        self._pieces: list[str] = [reply.text]
        self._began = monotonic()
        self._first_text: float | None = None
        self._tokens = 0
        self._first_tokens = 0
        self._grown = asyncio.Event()
        self._failure: StoreError | None = None
        self._task = asyncio.create_task(self._save_regularly(), name="reply-recorder")

    @property
    def text(self) -> str:
        """The reply so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def add(self, text: str, tokens: int) -> bool:
        """Take more text; `tokens` counts the reply's tokens so far. Returns whether it is the first text.

        Raises:
            StoreError: an earlier part of the reply could not be kept.
        """
        if self._failure is not None:
            raise self._failure
        first = self._first_text is None
        if first:
            self._first_text = monotonic()
            self._first_tokens = tokens
        self._tokens = tokens
        self._pieces.append(text)
        self._grown.set()
        return first

    def rewrite(self, text: str) -> None:
        """Take another text in the place of all that came so far."""
        self._pieces = [text]
        self._grown.set()

    def usage(self, told: dict[str, Any]) -> Usage:
        """Return what the reply took: times by this side's clock, counts and speed as the worker told.

        Parts come in batches, so over a short reply this side's clock would show a speed that never was.
        """
        now = monotonic()
        first = self._first_text or now
        tokens = int(told.get("reply_tokens", self._tokens))
        streaming = float(told.get("decode_ms", 0.0)) / 1000 or now - first
        return Usage(
            prompt_tokens=int(told.get("prompt_tokens", 0)),
            cached_tokens=int(told.get("cached_tokens", 0)),
            reply_tokens=tokens,
            first_token_ms=round((first - self._began) * 1000, 3),
            duration_ms=round((now - self._began) * 1000, 3),
            tokens_per_second=self._speed(tokens, streaming),
        )

    async def close(self) -> None:
        """Stop saving parts."""
        await end(self._task)

    async def _save_regularly(self) -> None:
        while True:
            await self._grown.wait()
            self._grown.clear()
            began = monotonic()
            try:
                await self._messages.save_partial(self._reply.id, self.text)
            except StoreError as error:
                self._failure = error
                return
            await self._tell_progress()
            # From one beginning to the next, so that a slow disk does not come on top.
            await asyncio.sleep(self._interval - (monotonic() - began))

    async def _tell_progress(self) -> None:
        streaming = monotonic() - (self._first_text or monotonic())
        await self._bus.emit(
            "core:chat:reply_progress",
            {
                "message_id": self._reply.id,
                "characters": len(self.text),
                "tokens": self._tokens,
                "tokens_per_second": self._speed(self._tokens, streaming),
            },
            source="chat",
            session_id=self._reply.session_id,
            correlation_id=self._reply.correlation_id,
            parent_id=self._cause,
        )

    def _speed(self, tokens: int, seconds: float) -> float:
        return round(max(0, tokens - self._first_tokens) / seconds, 1) if seconds > 0 else 0.0
