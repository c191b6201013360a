"""The turns that run now: one task for each session, with what each has brought so far."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from time import monotonic
from typing import Final, Literal

from workbench.app.chat import parts
from workbench.app.chat.parts import Part
from workbench.app.errors import WorkbenchError

_TELLING_MS: Final = 40

Stage = Literal["waiting", "loading", "reading", "writing"]


class LiveTurn:
    """A turn that runs, as a screen needs it when it comes back to the session.

    Args:
        session_id: its session.
        text: what the person sent; empty when an earlier message is answered again.
        branches: whether it leaves the branch that was shown.

    Attributes:
        came_from: the session in which the person sent it; a hook may have moved it to another.
    """

    def __init__(self, session_id: str, text: str, *, branches: bool = False) -> None:
        self.session_id = self.came_from = session_id
        self.text = text
        self.branches = branches
        self.stage: Stage = "waiting"
        self.model = ""
        self.fraction: float | None = None
        self.message_id: str | None = None
        self.reply_id: str | None = None
        self.prompt_tokens = 0
        self.tokens = 0
        self.notices: list[str] = []
        self._first: tuple[float, int] | None = None
        self._pieces: list[str] = []

    @property
    def reply(self) -> str:
        """The reply so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def speed(self) -> float:
        """Tokens a second since the first text."""
        if self._first is None:
            return 0.0
        began, tokens = self._first
        seconds = monotonic() - began
        return (self.tokens - tokens) / seconds if seconds > 0 else 0.0

    @property
    def doing(self) -> str:
        """What the turn does now, in a few words."""
        if self.stage == "loading":
            return f"Loading {self.model}"
        if self.stage == "reading":
            return f"Reading {self.prompt_tokens:,} tokens"
        if self.stage == "writing":
            speed = f" · {self.speed:,.0f} tokens/s" if self.speed else ""
            return f"Writing · {self.tokens:,} tokens{speed}"
        return "Waiting for the model"

    def take(self, part: Part) -> None:
        """Note what a part says."""
        match part:
            case parts.TextDelta():
                self.stage = "writing"
                self._first = self._first or (monotonic(), part.tokens)
                self._pieces.append(part.text)
                self.tokens = part.tokens
            case parts.TextRewritten():
                self._pieces = [part.text]
            case parts.TurnStarted():
                self.message_id, self.text = part.message_id, part.text
            case parts.ModelProgress():
                self.stage, self.model, self.fraction = "loading", part.model, part.fraction
            case parts.PromptBuilt():
                self.stage, self.prompt_tokens, self.fraction = "reading", part.tokens, None
            case parts.ReplyStarted():
                self.reply_id = part.message_id
                self._pieces = [part.text]
            case parts.Notice():
                self.notices.append(part.message)


def speed_of(usage: parts.Usage) -> float:
    """Return tokens a second, 0 when the reply was too short to tell."""
    return usage.tokens_per_second if usage.duration_ms - usage.first_token_ms >= _TELLING_MS else 0.0


class Turns:
    """Runs turns.

    Args:
        on_part: gets each part and must give it to the turn's `take`.
        on_refused: gets the error of a turn that could not begin.
        on_end: called when a turn is over, however it ended.
        on_crash: gets what a callback raised; the turn has then ended.
    """

    def __init__(
        self,
        on_part: Callable[[LiveTurn, Part], Awaitable[None]],
        on_refused: Callable[[LiveTurn, WorkbenchError], Awaitable[None]],
        on_end: Callable[[LiveTurn], None],
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._on_part = on_part
        self._on_refused = on_refused
        self._on_end = on_end
        self._on_crash = on_crash
        self._live: dict[str, LiveTurn] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def running(self, session_id: str | None) -> LiveTurn | None:
        """Return the turn that runs in a session."""
        return self._live.get(session_id) if session_id is not None else None

    @property
    def sessions(self) -> frozenset[str]:
        """The ids of the sessions in which a turn runs."""
        return frozenset(self._live)

    def begin(self, turn: LiveTurn, run: AsyncGenerator[Part]) -> None:
        """Start a turn in a session in which none runs.

        Args:
            turn: what to note its parts in.
            run: the parts, as the chat gives them.
        """
        self._live[turn.session_id] = turn
        task = asyncio.create_task(self._run(turn, run), name=f"turn-{turn.session_id}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def close(self) -> None:
        """End every turn; what has arrived is kept by the chat."""
        for task in tuple(self._tasks):
            task.cancel()
        for task in tuple(self._tasks):
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def _run(self, turn: LiveTurn, run: AsyncGenerator[Part]) -> None:
        try:
            async with aclosing(run):
                async for part in run:
                    self._follow(turn, part)
                    await self._on_part(turn, part)
        except WorkbenchError as error:
            await self._on_refused(turn, error)
        finally:
            del self._live[turn.session_id]
            self._on_end(turn)

    def _follow(self, turn: LiveTurn, part: Part) -> None:
        """Go with a turn whose message a hook has sent to another session."""
        if isinstance(part, parts.TurnStarted) and part.session_id != turn.session_id:
            del self._live[turn.session_id]
            turn.session_id = part.session_id
            self._live[turn.session_id] = turn

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_crash(error)
