"""Makes a prompt of a conversation."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.app.chat.budget import PromptMessage
from workbench.app.config.settings import ChatSettings
from workbench.app.models.profile import ModelProfile
from workbench.app.sessions.session import Message


def system_prompt(settings: ChatSettings, profile: ModelProfile) -> PromptMessage | None:
    """Return the system prompt in force: the person's, else the model profile's; None when both are empty."""
    text = settings.system_prompt or profile.system_prompt
    return {"role": "system", "content": text} if text else None


def history(path: Sequence[Message]) -> list[PromptMessage]:
    """Return a branch as the model sees it, without replies that failed before their first word."""
    return [
        {"role": message.role, "content": message.text}
        for message in path
        if message.text or message.role != "assistant"
    ]
