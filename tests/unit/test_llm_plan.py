"""What a model is loaded with when nothing was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.app.errors import ModelError
from workbench.app.models.gguf import GgufFile
from workbench.app.workers.llm.plan import Machine, Plan, plan_for, this_machine
from workbench.app.workers.llm.requests import LoadOptions

GIB = 1024**3
MACHINE = Machine(cores=6, free_memory=16 * GIB)


def model(size: int = 4_000_000_000, context: int = 32768, kv_heads: int = 8, layers: int = 32) -> GgufFile:
    metadata = {
        "general.architecture": "llama",
        "llama.context_length": context,
        "llama.block_count": layers,
        "llama.embedding_length": 4096,
        "llama.attention.head_count": 32,
        "llama.attention.head_count_kv": kv_heads,
    }
    return GgufFile(Path("m.gguf"), size, 3, metadata, (), 32000)


def plan(file: GgufFile, machine: Machine = MACHINE, **options: Any) -> Plan:
    return plan_for(file, LoadOptions(path="m.gguf", **options), machine)


def test_a_model_of_eight_billion_weights() -> None:
    # 128 KiB of cache a token: 8192 tokens are 1 GiB, over the memory for more than one conversation.
    assert plan(model()) == Plan(context=8192, slots=1, threads=6, batch=512, tiny=False)


def test_a_model_with_little_cache_keeps_four_conversations() -> None:
    assert plan(model(kv_heads=1, layers=16)).slots == 4


def test_a_tiny_model_gets_one_thread() -> None:
    tiny = plan(model(size=9_500_000, context=2048))
    assert (tiny.threads, tiny.tiny, tiny.context) == (1, True, 2048)


def test_the_context_shrinks_to_a_quarter_of_the_free_memory() -> None:
    assert plan(model(), Machine(cores=2, free_memory=2 * GIB)).context == 4096
    assert plan(model(), Machine(cores=2, free_memory=GIB)).context == 2048


def test_what_was_asked_for_is_taken() -> None:
    asked = plan(model(), context=1000, slots=3, threads=2, batch=64)
    assert (asked.context, asked.slots, asked.threads, asked.batch) == (1000, 3, 2, 64)


def test_more_context_than_trained_is_not_given() -> None:
    assert plan(model(context=4096), context=100_000).context == 4096


def test_a_batch_is_no_larger_than_the_context() -> None:
    assert plan(model(context=300)).batch == 512
    assert plan(model(context=200)).batch == 256


def test_an_unknown_context_is_a_modest_one() -> None:
    assert plan(model(context=0)).context == 4096


def test_a_cache_that_does_not_fit_is_refused_before_it_is_tried() -> None:
    with pytest.raises(ModelError) as caught:
        plan(model(context=1_000_000), context=1_000_000)
    assert caught.value.code == "model.out_of_memory"
    assert caught.value.details["needed"] > caught.value.details["free"]


def test_this_machine_has_cores_and_memory() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.free_memory > 0
