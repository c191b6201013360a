"""What the tests of the llm engine share: asking it, and looking at what its cache holds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.app.paths import guide_model
from workbench.app.workers.llm.engine import Engine
from workbench.app.workers.llm.model import LoadedModel, ModelInfo
from workbench.app.workers.llm.replies import Reply
from workbench.app.workers.llm.requests import Generate, LoadOptions, read_request

NEVER = threading.Event()

LONG = "how do I load a model? what does ctrl+p do? " * 12
"""A text of 180 tokens."""


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


@dataclass
class Answer:
    """A reply with its parts."""

    reply: Reply
    parts: list[tuple[str, int]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.parts)

    @property
    def cached(self) -> int:
        return self.reply.usage.cached_tokens

    @property
    def reason(self) -> str:
        return self.reply.reason


class CancelAfter(threading.Event):
    """Is set once it has been looked at so many times: a cancel at an exact place in a computation."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def load(engine: Engine, path: Path | None = None, **options: Any) -> ModelInfo:
    wanted = LoadOptions(path=str(path or guide_model()), **options)
    return engine.load(wanted, cancelled=NEVER)


def ask(
    engine: Engine,
    messages: list[dict[str, Any]] | str,
    conversation: str = "main",
    cancelled: threading.Event = NEVER,
    **more: Any,
) -> Answer:
    """Let the engine answer; `more` are further parameters of `generate`."""
    wanted = [user(messages)] if isinstance(messages, str) else messages
    params = {"conversation": conversation, "messages": wanted, **more}
    parts: list[tuple[str, int]] = []
    request = read_request(params, Generate)
    reply = engine.generate(
        request, cancelled=cancelled, emit=lambda text, tokens: parts.append((text, tokens))
    )
    return Answer(reply, parts)


def inside(engine: Engine) -> LoadedModel:
    """Return the loaded model itself, to look at its tokens and cache."""
    loaded = engine._loaded
    assert loaded is not None
    return loaded


def variant(folder: Path, old: bytes, new: bytes, name: str = "variant.gguf") -> Path:
    """Write the guide with some bytes of its header replaced by as many others."""
    assert len(old) == len(new)
    data = guide_model().read_bytes()
    assert old in data
    path = folder / name
    path.write_bytes(data.replace(old, new))
    return path
