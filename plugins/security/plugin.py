"""Masks secrets on their way to the model and to the log, and flags attempts to take a model over."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial
from typing import Any, Final

import msgspec

from workbench.app.config.settings import SecuritySettings
from workbench.plugins import Cancel, HookContext, Modified, Plugin, PluginHost, Scope, hook, values
from workbench.plugins.security.injection import injection_in
from workbench.plugins.security.lists import Lists, read_lists, settings_lists
from workbench.plugins.security.masker import Masker, Rules

LISTS_FILE: Final = "lists.toml"
_MOST_FLAGGED: Final = 1_024
# After the hooks of others, so that what they add is seen as well.
_LAST: Final = 900
_REMOVED: Final = "[removed: it tries to take the model's instructions over]"
_UNTRUSTED: Final = ("user", "tool")


class SecurityPlugin(Plugin):
    """Screens prompts, events and copies.

    What is masked is gone from the prompt and from the event; the message itself stays in the session as it
    was written.
    """

    name = "security"
    description = "Masks secrets and personal data before the model and the log; flags prompt injection."

    def __init__(self, host: PluginHost) -> None:
        super().__init__(host)
        self._file_lists = Lists()
        self._flagged: OrderedDict[tuple[str | None, int], None] = OrderedDict()
        self._injections = 0
        self._masked_before = 0
        self._settings = host.settings.security
        self._lists, self._masker = self._prepare(self._settings)

    async def start(self) -> None:
        """Read the lists in the plugin's folder, and say what in them cannot be used."""
        self._file_lists = await asyncio.to_thread(lambda: read_lists(self.host.data_dir / LISTS_FILE))
        self._settings = self.host.settings.security
        self._lists, self._masker = self._prepare(self._settings)
        for problem in self._lists.problems:
            await self.host.notify("warning", "security.bad_list", problem, "It is left out.")

    def snapshot(self) -> dict[str, Any]:
        """Return how much was masked and flagged."""
        return {"masked": self._masked_before + self._masker.masked, "flagged": self._injections}

    @hook("prompt:build", priority=_LAST)
    def screen_prompt(self, context: HookContext[values.PromptDraft]) -> Modified | Cancel | None:
        """Mask what goes to the model; flag, and if so wished stop, attempts to take it over."""
        settings = self._current()
        messages = context.value.messages
        if settings.flag_injection or settings.cancel_injection:
            screened = self._screen(messages, context.scope, cancels=settings.cancel_injection)
            if isinstance(screened, Cancel):
                return screened
            messages = screened
        if settings.mask_model:
            messages = self._masked(messages)
        return None if _same(messages, context.value.messages) else context.change(messages=messages)

    @hook("model:before", priority=_LAST)
    def screen_request(self, context: HookContext[values.ModelCall]) -> Modified | None:
        """Mask what came into the request after the prompt was built, and the text that is continued."""
        if not self._current().mask_model:
            return None
        call = context.value
        messages, prefix = self._masked(call.messages), self._masker.text(call.prefix)
        if prefix is call.prefix and _same(messages, call.messages):
            return None
        return context.change(messages=messages, prefix=prefix)

    @hook("event:publish", priority=_LAST)
    def screen_event(self, context: HookContext[values.EventDraft]) -> Modified | None:
        """Mask what the log would keep."""
        if not self._current().mask_log:
            return None
        masked = self._masker.payload(context.value.payload)
        return None if masked is None else context.change(payload=masked)

    @hook("clipboard:copy", priority=_LAST)
    def screen_copy(self, context: HookContext[values.Copy]) -> Modified | None:
        """Mask what is copied, when that is wished."""
        if not self._current().mask_clipboard:
            return None
        masked = self._masker.text(context.value.text)
        return None if masked is context.value.text else context.change(text=masked)

    def _current(self) -> SecuritySettings:
        """Return the settings in force; the masker is made anew when they changed."""
        settings = self.host.settings.security
        if settings is not self._settings:
            self._masked_before += self._masker.masked
            self._settings = settings
            self._lists, self._masker = self._prepare(settings)
        return settings

    def _prepare(self, settings: SecuritySettings) -> tuple[Lists, Masker]:
        lists = settings_lists(settings.patterns, settings.phrases, settings.allow).plus(self._file_lists)
        rules = Rules(
            secrets=settings.mask_secrets,
            personal=settings.mask_personal,
            patterns=lists.patterns,
            allow=lists.allow,
        )
        return lists, Masker(rules)

    def _masked(self, messages: tuple[values.ChatMessage, ...]) -> tuple[values.ChatMessage, ...]:
        return tuple(self._mask(message) for message in messages)

    def _mask(self, message: values.ChatMessage) -> values.ChatMessage:
        text = self._masker.text(message.content)
        return message if text is message.content else msgspec.structs.replace(message, content=text)

    def _screen(
        self, messages: tuple[values.ChatMessage, ...], scope: Scope, *, cancels: bool
    ) -> tuple[values.ChatMessage, ...] | Cancel:
        """Return the messages, without the injections of earlier turns when those are not to be sent."""
        kept: list[values.ChatMessage] = []
        for place, message in enumerate(messages, 1):
            phrase = None
            if message.role in _UNTRUSTED:
                phrase = injection_in(message.content, self._lists.phrases)
            if phrase is None:
                kept.append(message)
                continue
            self._flag(phrase, message, scope)
            if cancels and place == len(messages):
                return Cancel(f"The message tries to take the model's instructions over: “{phrase}”.")
            kept.append(msgspec.structs.replace(message, content=_REMOVED) if cancels else message)
        return tuple(kept)

    def _flag(self, phrase: str, message: values.ChatMessage, scope: Scope) -> None:
        """Tell of an injection, once for each message of a session."""
        key = (scope.session_id, hash(message.content))
        if key in self._flagged:
            return
        self._flagged[key] = None
        if len(self._flagged) > _MOST_FLAGGED:
            self._flagged.popitem(last=False)
        self._injections += 1
        self.host.soon(partial(self._tell, phrase, message.role, scope))

    async def _tell(self, phrase: str, role: str, scope: Scope) -> None:
        await self.host.emit("security:injection:flagged", {"phrase": phrase, "role": role}, scope)
        await self.host.notify(
            "warning",
            "security.injection",
            f"A message ({role}) tries to take the model's instructions over: “{phrase}”.",
            "security.cancel_injection=true keeps such messages from the model.",
            scope,
        )


def _same(new: tuple[values.ChatMessage, ...], old: tuple[values.ChatMessage, ...]) -> bool:
    """Tell whether nothing was changed in messages."""
    return len(new) == len(old) and all(one is other for one, other in zip(new, old, strict=True))
