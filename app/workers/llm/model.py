"""One loaded model with its context: made whole or not at all, and freed in the right order."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Final

import msgspec

from workbench.app.errors import ModelError, WorkerError
from workbench.app.models.gguf import GgufFile, read_gguf
from workbench.app.workers.llm import native
from workbench.app.workers.llm.conversations import Conversations
from workbench.app.workers.llm.native_log import NativeLog
from workbench.app.workers.llm.plan import Plan, plan_for, this_machine
from workbench.app.workers.llm.prompt import PromptWriter
from workbench.app.workers.llm.requests import LoadOptions
from workbench.app.workers.llm.template import ENDS, NAMED, ChatTemplate
from workbench.app.workers.llm.vocabulary import Vocabulary

PROGRESS_INTERVAL_S: Final = 0.1
"""Shortest time between two reports of progress."""

_REASONS: Final = (
    (
        "unsupported",
        ("unknown model architecture", "unknown pre-tokenizer", "unknown tokenizer", "ggml type"),
    ),
    ("out_of_memory", ("failed to allocate", "unable to allocate", "out of memory", "bad_alloc")),
    ("truncated", ("not within the file bounds",)),
)
"""What llama.cpp's words say about why a model could not be loaded."""

_CAUSE: Final = "error loading model: "

_HINTS: Final = {
    "unsupported": "The file may need a newer program; choose another model.",
    "out_of_memory": "Choose a smaller model or context, or close other programs.",
    "truncated": "Get the file again.",
    "load_failed": "The worker's log has all that the library said; choose another model.",
}


class ModelInfo(msgspec.Struct, frozen=True):
    """What is loaded, in the words of the worker's answer.

    Args:
        path: as it was asked for.
        name: what its makers call it.
        architecture: such as `llama`.
        parameters: number of weights.
        quantisation: such as `Q4_K_M`.
        context: tokens of each conversation.
        vocab: number of tokens.
        has_template: whether the file has a chat template of its own.
        size_bytes: of the file.
        slots: conversations whose state is kept.
        threads: of computing.
        load_ms: how long loading took.
    """

    path: str
    name: str
    architecture: str
    parameters: int
    quantisation: str
    context: int
    vocab: int
    has_template: bool
    size_bytes: int
    slots: int
    threads: int
    load_ms: float


class LoadedModel:
    """A model, its context, and what is needed to talk to it; `close` frees all of it.

    Args:
        model: the native model, which this object owns from here on.
        file: the file's header.
        template: text of the chat template.
        plan: how to set the context up.
        path: as it was asked for.
        began: when loading began (`time.perf_counter`).

    Attributes:
        info: what is loaded.
        plan: as given.
        vocabulary: the model's.
        prompts: turns messages into tokens.
        stops: texts that end every reply.
        batch: room for `batch_size` tokens of one computation.
        conversations: what the context's sequences hold.

    Raises:
        ModelError: when it cannot be used for chat; the native model is freed then.
    """

    def __init__(
        self, model: native.Model, file: GgufFile, template: str, plan: Plan, *, path: str, began: float
    ) -> None:
        self._model: native.Model | None = model
        self._context: native.Context | None = None
        self.plan = plan
        try:
            if not native.can_generate(model):
                hint = "Choose a model for chat; this one is for another use, such as embeddings."
                raise ModelError("unsupported", f"The model {file.name!r} cannot write replies.", hint)
            self.vocabulary = Vocabulary(native.vocabulary_of(model))
            compiled = ChatTemplate(template, bos=self.vocabulary.bos, eos=self.vocabulary.eos)
            self.prompts = PromptWriter(compiled, self.vocabulary)
            self.stops = [end for end in ENDS.get(template, ()) if end not in self.vocabulary.controls]
            self._context = _new_context(model, plan)
        except BaseException:
            self.close()
            raise
        self.batch_size = plan.batch
        self.batch = native.Batch(plan.batch)
        self.conversations = Conversations(native.memory_of(self._context), plan.slots)
        self.info = _describe(path, file, plan, self.vocabulary.size, time.perf_counter() - began)

    @property
    def context(self) -> native.Context:
        """The native context."""
        assert self._context is not None
        return self._context

    def close(self) -> None:
        """Free the context and the model; calling it again does nothing."""
        if self._context is not None:
            native.free_context(self._context)
            self._context = None
        if self._model is not None:
            native.free_model(self._model)
            self._model = None


def load(
    options: LoadOptions, *, log: NativeLog, cancelled: Event, progress: Callable[[float], None]
) -> LoadedModel:
    """Check a model file and load it; blocks.

    Args:
        options: what to load and how.
        log: the library's log, for the reason of a failure.
        cancelled: ends the loading soon after it is set.
        progress: gets a number from 0 to 1, at most every `PROGRESS_INTERVAL_S` seconds.

    Returns:
        The model, which the caller must close.

    Raises:
        ModelError: `model.not_found`, `model.broken`, `model.truncated`, `model.no_template`,
            `model.template_failed`, `model.unsupported`, `model.out_of_memory` or `model.load_failed`.
        WorkerError: `worker.cancelled`.
    """
    began = time.perf_counter()
    file = read_gguf(Path(options.path))
    template = _choose_template(file, options.template)
    plan = plan_for(file, options, this_machine())
    log.clear()
    model = native.load_model(options.path, _Progress(cancelled, progress))
    if model is None and not cancelled.is_set():
        raise _load_failed(file, log)
    if model is None:
        raise _cancelled()
    loaded = LoadedModel(model, file, template, plan, path=options.path, began=began)
    if cancelled.is_set():
        loaded.close()
        raise _cancelled()
    return loaded


def _describe(path: str, file: GgufFile, plan: Plan, vocabulary: int, seconds: float) -> ModelInfo:
    return ModelInfo(
        path=path,
        name=file.name,
        architecture=file.architecture,
        parameters=file.parameters,
        quantisation=file.quantisation,
        context=plan.context,
        vocab=vocabulary,
        has_template=file.chat_template is not None,
        size_bytes=file.size_bytes,
        slots=plan.slots,
        threads=plan.threads,
        load_ms=round(seconds * 1000, 3),
    )


def _new_context(model: native.Model, plan: Plan) -> native.Context:
    context = native.new_context(
        model,
        tokens=plan.context,
        sequences=plan.slots,
        batch=plan.batch,
        threads=plan.threads,
        flash_attention=False if plan.tiny else None,
    )
    if context is None:
        message = f"There is no memory for {plan.slots} conversations of {plan.context} tokens."
        raise ModelError("out_of_memory", message, _HINTS["out_of_memory"])
    return context


def _choose_template(file: GgufFile, wanted: str | None) -> str:
    if wanted and wanted not in NAMED and "{" not in wanted:
        hint = f"Known are: {', '.join(NAMED)}; or give the Jinja text itself."
        raise ModelError(
            "bad_request", f"There is no chat template called {wanted!r}.", hint, field="template"
        )
    if wanted:
        return NAMED.get(wanted, wanted)
    if file.chat_template:
        return file.chat_template
    message = f"The model file {file.path.name!r} has no chat template."
    hint = "Load it with a template: a Jinja text, or the name `chatml` if the model was trained on that."
    raise ModelError("no_template", message, hint, path=str(file.path))


class _Progress:
    """Passes progress on at a bearable rate; its answer says whether to go on loading."""

    def __init__(self, cancelled: Event, report: Callable[[float], None]) -> None:
        self._cancelled = cancelled
        self._report = report
        self._next = 0.0

    def __call__(self, share: float) -> bool:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PROGRESS_INTERVAL_S
            self._report(round(share, 3))
        return not self._cancelled.is_set()


def _load_failed(file: GgufFile, log: NativeLog) -> ModelError:
    lines = log.explain()
    said = "\n".join(lines).lower()
    reason = next(
        (reason for reason, words in _REASONS if any(word in said for word in words)), "load_failed"
    )
    cause = next((line.partition(_CAUSE)[2] for line in lines if _CAUSE in line), lines[-1] if lines else "")
    message = f"The model {file.path.name!r} could not be loaded" + (f": {cause}." if cause else ".")
    return ModelError(reason, message, _HINTS[reason], path=str(file.path), log=lines)


def _cancelled() -> WorkerError:
    return WorkerError("cancelled", "Loading the model was cancelled.", "")
