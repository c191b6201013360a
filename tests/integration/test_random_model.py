"""The random-weight models that the benchmarks and the tests of long replies write for themselves."""

from __future__ import annotations

from pathlib import Path

from workbench.app.chat.parts import Part, PromptBuilt, ReplyFinished, TextDelta
from workbench.app.models.gguf import read_gguf
from workbench.app.paths import guide_model
from workbench.app.workbench import Workbench
from workbench.benchmarks.random_model import write_random_model


def test_the_file_is_a_llama_model_of_the_size_asked_for(tmp_path: Path) -> None:
    path = write_random_model(tmp_path / "new" / "model.gguf", megabytes=3, context=4096)
    header = read_gguf(path)
    guide = read_gguf(guide_model())
    assert 2.7e6 < header.size_bytes < 3.3e6
    assert (header.architecture, header.context_length, header.quantisation) == ("llama", 4096, "F16")
    assert (header.vocabulary, header.chat_template) == (guide.vocabulary, guide.chat_template)


def test_the_same_seed_gives_the_same_file_and_another_one_another(tmp_path: Path) -> None:
    first, again, other = (
        write_random_model(tmp_path / f"{name}.gguf", megabytes=2, seed=seed).read_bytes()
        for name, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    assert first == again
    assert first != other


async def test_its_text_is_plain_has_lines_and_only_ends_at_the_limit(tmp_path: Path) -> None:
    path = write_random_model(tmp_path / "model.gguf", megabytes=3)
    overrides = {"model.name": str(path), "sampling.max_tokens": "1500"}
    parts: list[Part] = []
    async with Workbench.open(tmp_path / "data", overrides=overrides) as workbench:
        session = await workbench.sessions.create()
        parts += [part async for part in workbench.chat.send(session.id, "hello")]
    finished = parts[-1]
    assert isinstance(finished, ReplyFinished)
    assert (finished.reason, finished.usage.reply_tokens) == ("length", 1500)
    text = "".join(part.text for part in parts if isinstance(part, TextDelta))
    assert text.replace("\n", " ").isascii()
    assert text.replace("\n", " ").isprintable()
    assert text.count("\n") > 10
    assert [part.context for part in parts if isinstance(part, PromptBuilt)] == [8192]
