"""A conversation of ten thousand messages: the same prompt as ever, without reading all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.app.chat.budget import fit
from workbench.app.chat.parts import PromptBuilt, ReplyFinished, TurnStarted
from workbench.app.chat.prompt import history
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.session import Message
from workbench.app.workbench import Workbench
from workbench.tests.integration.chat.kit import add_chain, parts_of

MANY = 10_000


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each look at a branch has read."""
    found: list[int] = []
    path = Messages.path

    async def counted(self: Messages, head_id: str | None, limit: int = 1_000_000) -> list[Message]:
        messages = await path(self, head_id, limit)
        found.append(len(messages))
        return messages

    monkeypatch.setattr(Messages, "path", counted)
    return found


@pytest.mark.parametrize(
    ("text", "most"), [("word and more " * 12, 512), ("yes", 2_048)], ids=["long", "short"]
)
async def test_only_what_could_fit_is_read_and_the_choice_is_the_same(
    tmp_path: Path, read: list[int], text: str, most: int
) -> None:
    async with Workbench.open(tmp_path, environ={}) as workbench:
        session = await workbench.sessions.create()
        await add_chain(workbench.store, session.id, MANY, text)
        parts = await parts_of(workbench.chat.send(session.id, "hello"))
        assert isinstance(parts[-1], ReplyFinished)
        built = next(part for part in parts if isinstance(part, PromptBuilt))
        assert sum(read) <= most

        assert isinstance(parts[0], TurnStarted)
        whole = history(await workbench.messages.path(parts[0].message_id))
        loaded = workbench.models.loaded
        assert loaded is not None and len(whole) == MANY + 1
        system = {"role": "system", "content": loaded.profile.system_prompt}
        expected = await fit(system, whole, loaded.context - 256, workbench.models.count)
        assert (built.tokens, built.messages, built.trimmed_messages) == (
            expected.tokens,
            len(expected.messages),
            expected.trimmed,
        )
