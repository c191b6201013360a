"""Chooses what was left to choose when a model is loaded: context, conversations, threads, batch.

| left at 0 | becomes |
|---|---|
| context | what the model was trained for, at most 8192; halved down to 2048 while one conversation's cache would take more than a quarter of the free memory |
| slots | as many conversations, up to 4, as fit into 512 MiB of attention cache; at least 1 |
| threads | 1 for a file under 50 MB, else the physical cores that the process may use |
| batch | 512 tokens |

Tiny models, those under 50 MB, get one thread because a step of theirs takes microseconds: threads would spend
most of the time waiting for each other at the end of every step, and on a busy machine all of it. For them
flash attention is off: over a long context of small heads it is a quarter slower than the plain kind. And the
computing of a single token is not broken off by a cancel, since looking for one at each step would cost a tenth
of its time, a fiftieth of a millisecond.
"""  # noqa: E501  (a table's row is one line)

from __future__ import annotations

import os
from typing import Final

import msgspec
import psutil

from workbench.app.errors import ModelError
from workbench.app.models.gguf import GgufFile
from workbench.app.workers.llm.requests import LoadOptions

TINY_MODEL: Final = 50_000_000
"""Bytes below which a model runs best on one thread."""

AUTO_CONTEXT: Final = 8192
LEAST_AUTO_CONTEXT: Final = 2048
UNKNOWN_CONTEXT: Final = 4096
AUTO_SLOTS: Final = 4
SLOTS_MEMORY: Final = 512 * 1024 * 1024
AUTO_BATCH: Final = 512


class Machine(msgspec.Struct, frozen=True):
    """What the choice depends on.

    Args:
        cores: physical cores that this process may use.
        free_memory: bytes that can be used without swapping.
    """

    cores: int
    free_memory: int


class Plan(msgspec.Struct, frozen=True):
    """How a model is loaded.

    Args:
        context: tokens of each conversation.
        slots: conversations whose state is kept.
        threads: of computing.
        batch: tokens computed at once while a prompt is read.
        tiny: whether the model is one of those for which the steps themselves are what takes time.
    """

    context: int
    slots: int
    threads: int
    batch: int
    tiny: bool


def this_machine() -> Machine:
    """Look at the machine that the process runs on."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(psutil.cpu_count(logical=False) or usable, usable)
    return Machine(cores=cores, free_memory=int(psutil.virtual_memory().available))


def plan_for(model: GgufFile, options: LoadOptions, machine: Machine) -> Plan:
    """Fill in what the options leave open.

    Args:
        model: the file to load.
        options: what was asked for; 0 stands for 'choose'. More context than the model was trained for is
            not given.
        machine: what to fit it to.

    Raises:
        ModelError: `model.out_of_memory` when the attention cache alone would not fit.
    """
    trained = model.context_length or UNKNOWN_CONTEXT
    per_token = model.kv_bytes_per_token
    context = min(options.context or _auto_context(trained, per_token, machine), trained)
    slots = options.slots or max(1, min(AUTO_SLOTS, SLOTS_MEMORY // max(1, per_token * context)))
    needed = per_token * context * slots
    if needed > machine.free_memory:
        message = (
            f"A context of {context} tokens for {slots} conversations needs {_mib(needed)} MiB; "
            f"{_mib(machine.free_memory)} MiB are free."
        )
        hint = "Load the model with a smaller context, fewer slots, or after closing other programs."
        raise ModelError("out_of_memory", message, hint, needed=needed, free=machine.free_memory)
    tiny = model.size_bytes < TINY_MODEL
    return Plan(
        context=context,
        slots=slots,
        threads=options.threads or (1 if tiny else machine.cores),
        batch=min(options.batch or AUTO_BATCH, -(-context // 256) * 256),
        tiny=tiny,
    )


def _auto_context(trained: int, per_token: int, machine: Machine) -> int:
    context = min(trained, AUTO_CONTEXT)
    while context > LEAST_AUTO_CONTEXT and context * per_token > machine.free_memory // 4:
        context //= 2
    return context


def _mib(size: int) -> int:
    return size // (1024 * 1024)
