"""The llm worker as a process, through the wire: the same engine, and the order of requests."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from workbench.app.errors import ModelError, WorkerError
from workbench.app.events.bus import EventBus
from workbench.app.paths import guide_model
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.process import WorkerSpec, python_argv
from workbench.app.workers.worker import Worker

TIMEOUT = 30.0
HELLO: list[dict[str, str]] = [{"role": "user", "content": "hello"}]
ENDLESS = {"conversation": "endless", "messages": HELLO, "grammar": 'root ::= "a"{1900}'}


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    argv = python_argv("workbench.app.workers.llm")
    spec = WorkerSpec(name="llm", argv=argv, env={}, log_file=tmp_path / "llm.log")
    worker = Worker(spec, EventBus(), WorkerLimits())
    yield worker
    await worker.close()


@pytest.fixture
async def guide(worker: Worker) -> Worker:
    await worker.request("load", {"path": str(guide_model())}, timeout=TIMEOUT)
    return worker


async def collect(
    worker: Worker, method: str, params: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the parts of a stream, and its result."""
    parts, result = [], {}
    async with aclosing(worker.stream(method, params)) as stream:
        async for part in stream:
            if "result" in part:
                result = part["result"]
            else:
                parts.append(part)
    return parts, result


async def test_a_load_tells_its_progress_and_the_model(worker: Worker) -> None:
    parts, result = await collect(worker, "load", {"path": str(guide_model())})
    assert all(0 <= part["progress"] <= 1 for part in parts)
    assert result["model"]["name"] == "workbench guide"
    told = "path name architecture parameters context vocab has_template size_bytes slots threads load_ms"
    assert set(result["model"]) >= set(told.split())


async def test_a_reply_in_parts(guide: Worker) -> None:
    parts, result = await collect(guide, "generate", {"conversation": "a", "messages": HELLO})
    text = "".join(part["text"] for part in parts)
    assert text.startswith("Hello! I am the built-in guide.")
    assert parts[0]["tokens"] == 1
    assert result["reason"] == "stop"
    assert result["text_bytes"] == len(text)
    told = "prompt_tokens cached_tokens reply_tokens prefill_ms first_token_ms decode_ms"
    assert set(result["usage"]) == set(told.split())


async def test_the_other_methods(guide: Worker) -> None:
    counted = await guide.request("count", {"messages": HELLO}, timeout=TIMEOUT)
    _, result = await collect(guide, "generate", {"conversation": "a", "messages": HELLO})
    assert counted == {"tokens": result["usage"]["prompt_tokens"]}
    rendered = await guide.request("render", {"messages": HELLO}, timeout=TIMEOUT)
    assert rendered["prompt"].endswith("<|im_start|>assistant\n")
    info = await guide.request("info", {}, timeout=TIMEOUT)
    assert info["model"]["name"] == "workbench guide"
    assert [conversation["id"] for conversation in info["conversations"]] == ["a"]
    assert await guide.request("forget", {"conversation": "a"}, timeout=TIMEOUT) == {}
    assert (await guide.request("info", {}, timeout=TIMEOUT))["conversations"] == []
    assert await guide.request("unload", {}, timeout=TIMEOUT) == {}
    assert await guide.request("info", {}, timeout=TIMEOUT) == {"model": None, "conversations": []}


async def test_before_a_model_is_loaded(worker: Worker) -> None:
    assert await worker.request("info", {}, timeout=TIMEOUT) == {"model": None, "conversations": []}
    assert await worker.request("forget", {"conversation": "a"}, timeout=TIMEOUT) == {}
    assert await worker.request("unload", {}, timeout=TIMEOUT) == {}
    for method, params in (
        ("generate", {"conversation": "a", "messages": HELLO}),
        ("count", {"text": "a"}),
        ("render", {"messages": HELLO}),
    ):
        with pytest.raises(ModelError) as caught:
            await worker.request(method, params, timeout=TIMEOUT)
        assert caught.value.code == "model.not_loaded"


async def test_a_failed_load_is_told_and_leaves_no_model(guide: Worker, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        await guide.request("load", {"path": str(tmp_path / "none.gguf")}, timeout=TIMEOUT)
    assert caught.value.code == "model.not_found"
    with pytest.raises(ModelError) as caught:
        await guide.request("generate", {"conversation": "a", "messages": HELLO}, timeout=TIMEOUT)
    assert caught.value.code == "model.not_loaded"


@pytest.mark.parametrize("method", ["load", "generate", "count", "render", "forget"])
async def test_wrong_parameters_are_told(guide: Worker, method: str) -> None:
    with pytest.raises(ModelError) as caught:
        await guide.request(method, {"nonsense": 1}, timeout=TIMEOUT)
    assert caught.value.code == "model.bad_request"


async def test_counting_does_not_wait_for_a_reply(guide: Worker) -> None:
    stream = guide.stream("generate", ENDLESS)
    async with aclosing(stream):
        first = await anext(stream)
        counted = await guide.request("count", {"text": "12345"}, timeout=TIMEOUT)
        info = await guide.request("info", {}, timeout=TIMEOUT)
    assert first["text"]
    assert counted == {"tokens": 5}
    assert info["conversations"][0]["id"] == "endless"


async def test_a_long_count_can_be_left_at_once(guide: Worker) -> None:
    before = guide.pid
    count = asyncio.create_task(guide.request("count", {"text": "word " * 1_500_000}, timeout=TIMEOUT))
    await guide.request("info", {}, timeout=TIMEOUT)
    count.cancel()
    with pytest.raises(asyncio.CancelledError):
        await count
    assert (await guide.request("info", {}, timeout=TIMEOUT))["model"] is not None
    assert guide.pid == before


async def test_leaving_a_stream_ends_the_reply(guide: Worker) -> None:
    stream = guide.stream("generate", ENDLESS)
    await anext(stream)
    await stream.aclose()
    _, result = await collect(guide, "generate", {"conversation": "a", "messages": HELLO})
    assert result["reason"] == "stop"


async def test_replies_come_one_after_the_other(guide: Worker) -> None:
    params = [{"conversation": name, "messages": HELLO} for name in "abcdef"]
    results = await asyncio.gather(*(collect(guide, "generate", one) for one in params))
    assert len({"".join(part["text"] for part in parts) for parts, _ in results}) == 1
    assert {result["reason"] for _, result in results} == {"stop"}


async def test_a_request_that_waits_can_be_cancelled_at_once(guide: Worker) -> None:
    running = guide.stream("generate", ENDLESS)
    async with aclosing(running):
        await anext(running)
        waiting = asyncio.create_task(
            guide.request("generate", {"conversation": "b", "messages": HELLO}, timeout=TIMEOUT)
        )
        load = asyncio.create_task(
            guide.request("load", {"path": str(guide_model()), "context": 512}, timeout=TIMEOUT)
        )
        await guide.request("info", {}, timeout=TIMEOUT)  # both have arrived
        for task in (waiting, load):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        info = await guide.request("info", {}, timeout=TIMEOUT)
        assert [conversation["id"] for conversation in info["conversations"]] == ["endless"]
        assert info["model"]["context"] == 2048


async def test_a_load_waits_for_the_reply_before_it(guide: Worker) -> None:
    reply = asyncio.create_task(collect(guide, "generate", {"conversation": "a", "messages": HELLO}))
    await guide.request("info", {}, timeout=TIMEOUT)
    await guide.request("load", {"path": str(guide_model()), "context": 512}, timeout=TIMEOUT)
    _, result = await reply
    assert result["reason"] == "stop"


async def test_the_librarys_words_go_to_the_log(guide: Worker, tmp_path: Path) -> None:
    assert "llama_model_loader" in (tmp_path / "llm.log").read_text()


async def test_the_worker_ends_while_it_writes(guide: Worker) -> None:
    stream = guide.stream("generate", ENDLESS)
    await anext(stream)
    await guide.stop()
    with pytest.raises((WorkerError, StopAsyncIteration)):
        while True:
            await anext(stream)


async def test_the_program_ends_with_its_input() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "workbench.app.workers.llm",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    params = {"path": str(guide_model())}
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "load", "params": params})
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(request.encode() + b"\n")
    while json.loads(await asyncio.wait_for(process.stdout.readline(), TIMEOUT)).get("id") != 1:
        pass
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), TIMEOUT) == 0
