"""Builds the prompt of a turn: gathers the branch, lets hooks change it, cuts it to the context."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from workbench.app.chat.budget import FittedPrompt, PromptMessage, fit, most_bytes
from workbench.app.chat.prompt import history, system_prompt
from workbench.app.config.settings import Settings
from workbench.app.errors import HookError, SessionError
from workbench.app.hooks import points
from workbench.app.hooks.hook import Scope
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.values import ChatMessage, PromptDraft, PromptFinal
from workbench.app.models.models import LoadedModel, Models
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.session import Message

# Messages that are read at once, from the newest on, while more of them can fit into the prompt.
_PAGE: Final = 256

Count = Callable[[list[PromptMessage]], Awaitable[int]]


class PromptBuilder(msgspec.Struct, frozen=True, kw_only=True):
    """Builds prompts.

    Args:
        messages: where the branch is read.
        models: counts tokens.
        hooks: see the prompt first and last.
        settings: the person's system prompt and reserve.
        scope: the turn.
    """

    messages: Messages
    models: Models
    hooks: Hooks
    settings: Settings
    scope: Scope

    async def build(self, message: Message, loaded: LoadedModel, prefix: str) -> FittedPrompt:
        """Return the prompt that a message is answered with.

        Args:
            message: the user's message.
            loaded: the model that will answer.
            prefix: text that the reply begins with.

        Raises:
            SessionError: the session was deleted meanwhile.
            HookError: `hook.cancelled`, or a hook left no message.
            ModelError: it does not fit.
        """

        async def count(messages: list[PromptMessage]) -> int:
            return await self.models.count(messages, prefix, model=loaded, scope=self.scope)

        limit = self._limit(loaded)
        path = await self._newest(message, limit)
        older = await self.messages.depth(path[0].parent_id)
        system, shown = await self._draft(loaded, path, limit)
        prompt = await fit(system, shown, limit, count)
        prompt = msgspec.structs.replace(prompt, trimmed=prompt.trimmed + older)
        return await self._final(loaded, prompt, count)

    def _limit(self, loaded: LoadedModel) -> int:
        most_reply = most_reply_tokens(loaded, self.settings) or loaded.context
        return loaded.context - min(self.settings.chat.reply_reserve, loaded.context // 4, most_reply)

    async def _draft(
        self, loaded: LoadedModel, path: list[Message], limit: int
    ) -> tuple[PromptMessage | None, list[PromptMessage]]:
        """Return the system prompt and the messages as hooks leave them."""
        system, shown = system_prompt(self.settings.chat, loaded.profile), history(path)
        if not self.hooks.has(points.PROMPT_BUILD):
            return system, shown
        draft = PromptDraft(
            model=loaded.file.name, messages=_to_values([*([system] if system else []), *shown]), limit=limit
        )
        changed = _to_prompt((await self.hooks.apply(points.PROMPT_BUILD, draft, self.scope)).messages)
        system = changed.pop(0) if changed and changed[0]["role"] == "system" else None
        if not changed:
            raise HookError("bad_value", "Hooks at prompt:build left no message to answer.")
        return system, changed

    async def _final(self, loaded: LoadedModel, prompt: FittedPrompt, count: Count) -> FittedPrompt:
        if not self.hooks.has(points.PROMPT_BUILT):
            return prompt
        final = PromptFinal(
            model=loaded.file.name,
            messages=_to_values(prompt.messages),
            tokens=prompt.tokens,
            trimmed=prompt.trimmed,
        )
        changed = await self.hooks.apply(points.PROMPT_BUILT, final, self.scope)
        if changed is final:
            return prompt
        messages = _to_prompt(changed.messages)
        return msgspec.structs.replace(prompt, messages=messages, tokens=await count(messages))

    async def _newest(self, message: Message, limit: int) -> list[Message]:
        """Return the newest messages of the branch: all that a prompt of so many tokens can hold, or more."""
        path = await self.messages.path(message.id, _PAGE)
        if not path:
            raise SessionError("not_found", "The session was deleted before its message was answered.")
        # A message takes a token or more, and a token holds so many bytes at most.
        while path[0].parent_id is not None and len(path) <= limit and _size(path) <= most_bytes(limit):
            path = await self.messages.path(path[0].parent_id, _PAGE) + path
        return path


def most_reply_tokens(loaded: LoadedModel, settings: Settings) -> int | None:
    """Return the longest reply in tokens: the person's wish, else the profile's; None without a limit."""
    return settings.sampling.max_tokens or loaded.profile.sampling.max_tokens


def _size(path: list[Message]) -> int:
    return sum(len(message.text) for message in path)


def _to_values(messages: list[PromptMessage]) -> tuple[ChatMessage, ...]:
    return tuple(ChatMessage(message["role"], message["content"]) for message in messages)


def _to_prompt(messages: tuple[ChatMessage, ...]) -> list[PromptMessage]:
    return [{"role": message.role, "content": message.content} for message in messages]
