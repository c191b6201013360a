"""The engine: what the `llm` worker can do, as plain blocking calls, without the wire.

Threads: `load`, `unload`, `generate` and `forget` belong to one thread, the decode thread, one call at a
time. `count`, `render`, `loaded_as`, `info` and `conversations` may be called from any thread, also while a
reply is written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock

from workbench.app.errors import ModelError
from workbench.app.workers.llm import native
from workbench.app.workers.llm.generate import generate
from workbench.app.workers.llm.model import LoadedModel, ModelInfo, load
from workbench.app.workers.llm.native_log import NativeLog
from workbench.app.workers.llm.parts import Emit
from workbench.app.workers.llm.replies import Reply
from workbench.app.workers.llm.requests import Count, Generate, LoadOptions, Render


class Engine:
    """At most one loaded model and its conversations; one engine per process."""

    def __init__(self) -> None:
        self._log = NativeLog()
        native.start()
        self._loaded: LoadedModel | None = None
        self._key: tuple[LoadOptions, tuple[int, int] | None] | None = None
        # Held by whoever uses the vocabulary outside of the decode thread, and while a model is freed.
        self._in_use = Lock()

    @property
    def info(self) -> ModelInfo | None:
        """What is loaded."""
        loaded = self._loaded
        return loaded.info if loaded else None

    def conversations(self) -> list[tuple[str, int]]:
        """Return the conversations whose state is kept, with the number of their tokens."""
        loaded = self._loaded
        return loaded.conversations.listing() if loaded else []

    def load(
        self,
        options: LoadOptions,
        *,
        cancelled: Event,
        progress: Callable[[float], None] = lambda share: None,
    ) -> ModelInfo:
        """Load a model; one that is loaded is freed first, unless it is the same file with the same options.

        When it fails, no model is loaded.

        Args:
            options: what to load and how.
            cancelled: ends the loading.
            progress: gets numbers from 0 to 1.

        Raises:
            ModelError: see `model.load`.
            WorkerError: `worker.cancelled`.
        """
        info = self.loaded_as(options)
        if info is not None:
            return info
        self.unload()
        # In this order, so that no other thread finds the new model under the old one's key.
        self._key = (options, _stamp(options.path))
        self._loaded = load(options, log=self._log, cancelled=cancelled, progress=progress)
        return self._loaded.info

    def loaded_as(self, options: LoadOptions) -> ModelInfo | None:
        """Return what is loaded if it is the same file with the same options, else None; from any thread."""
        loaded, key = self._loaded, self._key
        return loaded.info if loaded and key == (options, _stamp(options.path)) else None

    def unload(self) -> None:
        """Free the model, if one is loaded."""
        with self._in_use:
            loaded, self._loaded = self._loaded, None
            if loaded is not None:
                loaded.close()

    def generate(self, request: Generate, *, cancelled: Event, emit: Emit) -> Reply:
        """Write a reply.

        Args:
            request: what to write.
            cancelled: ends it at any moment; the answer then has the reason `cancelled`.
            emit: takes the parts; a call that blocks holds the decoding up.

        Raises:
            ModelError: `model.not_loaded`, `model.bad_request`, `model.template_failed`,
                `model.prompt_too_long`.
            WorkerError: `worker.failed` when the library fails.
        """
        return generate(self._require(request.model), request, cancelled=cancelled, emit=emit)

    def count(self, request: Count) -> int:
        """Return the number of tokens of a prompt, exactly as `generate` would read it, or of a text.

        Raises:
            ModelError: `model.not_loaded`, `model.bad_request`, `model.template_failed`.
        """
        if (request.messages is None) == (request.text is None):
            raise ModelError("bad_request", "Either `messages` or `text` can be counted.", field="messages")
        with self._in_use:
            loaded = self._require(request.model)
            if request.messages is None:
                return len(loaded.vocabulary.tokenize(request.text or "", special=False))
            return len(loaded.prompts.tokens(request.messages, request.tools, request.prefix))

    def render(self, request: Render) -> str:
        """Return the prompt that the chat template makes of the messages.

        Raises:
            ModelError: `model.not_loaded`, `model.template_failed`.
        """
        with self._in_use:
            return self._require().prompts.text(request.messages, request.tools)

    def forget(self, conversation: str) -> None:
        """Drop the state of a conversation, if there is any."""
        if self._loaded is not None:
            self._loaded.conversations.forget(conversation)

    def _require(self, path: str | None = None) -> LoadedModel:
        if self._loaded is None:
            raise ModelError("not_loaded", "No model is loaded.", "Load one, or ask again.")
        if path is not None and path != self._loaded.info.path:
            raise ModelError("not_loaded", f"The model {path} is not loaded.", "Load it, or ask again.")
        return self._loaded


def _stamp(path: str) -> tuple[int, int] | None:
    """Return what changes when a file is replaced; None when it is gone."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):  # a path with a NUL is a ValueError
        return None
    return status.st_mtime_ns, status.st_size
