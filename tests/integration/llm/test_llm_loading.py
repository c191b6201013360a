"""Loading models: what is told, what is refused and why, and that nothing is left behind."""

from __future__ import annotations

import os
import shutil
import struct
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.app.errors import ModelError, WorkbenchError, WorkerError
from workbench.app.paths import guide_model
from workbench.app.workers.llm.engine import Engine
from workbench.app.workers.llm.requests import Count, LoadOptions, Render
from workbench.tests.integration.llm.kit import ask, inside, load, user, variant
from workbench.tests.unit.gguf_bytes import gguf, llama


def failure(engine: Engine, path: Path, **options: Any) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        load(engine, path, **options)
    return caught.value


def is_empty(engine: Engine) -> bool:
    with pytest.raises(ModelError) as caught:
        ask(engine, "hello")
    return caught.value.code == "model.not_loaded" and engine.info is None and engine.conversations() == []


def test_what_is_loaded_is_told(engine: Engine) -> None:
    info = load(engine)
    assert info.path == str(guide_model())
    assert (info.name, info.architecture, info.quantisation) == ("workbench guide", "llama", "F16")
    assert (info.parameters, info.context, info.vocab) == (4_721_920, 2048, 2304)
    assert (info.has_template, info.size_bytes) == (True, guide_model().stat().st_size)
    assert (info.slots, info.threads) == (4, 1)
    assert info.load_ms > 0
    assert engine.info == info


def test_options_are_taken(engine: Engine) -> None:
    info = load(engine, context=300, slots=2, threads=2, batch=32)
    assert (info.context, info.slots, info.threads) == (300, 2, 2)
    assert ask(engine, "hello").text


def test_the_same_again_does_nothing(engine: Engine) -> None:
    first = load(engine)
    before = inside(engine)
    assert load(engine) is first
    assert inside(engine) is before


def test_other_options_load_again(engine: Engine) -> None:
    load(engine)
    assert load(engine, context=512).context == 512


def test_a_file_that_was_replaced_is_loaded_again(engine: Engine, tmp_path: Path) -> None:
    path = variant(tmp_path, b"workbench guide", b"workbench GUIDE")
    assert load(engine, path).name == "workbench GUIDE"
    changed = variant(tmp_path, b"workbench guide", b"workbench Guide", "new.gguf")
    os.utime(changed, ns=(1, 1))
    changed.replace(path)
    assert load(engine, path).name == "workbench Guide"


def test_switching_frees_the_old_model(engine: Engine, tmp_path: Path) -> None:
    load(engine)
    ask(engine, "hello", "old")
    other = variant(tmp_path, b"workbench guide", b"another  guide!")
    assert load(engine, other).name == "another  guide!"
    assert engine.conversations() == []
    assert ask(engine, "hello").text


def test_loading_and_freeing_leaves_no_memory_behind(engine: Engine) -> None:
    process = psutil.Process()

    def go_round() -> int:
        for _ in range(10):
            load(engine)
            ask(engine, "hello")
            engine.unload()
        return int(process.memory_info().rss)

    go_round()
    before = go_round()
    assert go_round() - before < 24 * 1024 * 1024  # one context has 24 MiB of cache alone


def test_progress_goes_from_0_to_1(engine: Engine) -> None:
    shares: list[float] = []
    engine.load(LoadOptions(path=str(guide_model())), cancelled=threading.Event(), progress=shares.append)
    assert shares
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_a_cancelled_load_leaves_no_model(engine: Engine) -> None:
    load(engine)
    cancelled = threading.Event()
    options = LoadOptions(path=str(guide_model()), context=512)
    with pytest.raises(WorkerError) as caught:
        engine.load(options, cancelled=cancelled, progress=lambda share: cancelled.set())
    assert caught.value.code == "worker.cancelled"
    assert is_empty(engine)
    assert load(engine).context == 2048


def test_unloading(engine: Engine) -> None:
    load(engine)
    engine.unload()
    engine.unload()
    assert is_empty(engine)


def test_without_a_model_everything_says_so(engine: Engine) -> None:
    assert is_empty(engine)
    for call in (
        lambda: engine.count(Count(text="a")),
        lambda: engine.render(Render(messages=[user("a")])),
    ):
        with pytest.raises(ModelError) as caught:
            call()
        assert caught.value.code == "model.not_loaded"
    engine.forget("nobody")


def test_a_missing_file(engine: Engine, tmp_path: Path) -> None:
    load(engine)
    assert failure(engine, tmp_path / "none.gguf").code == "model.not_found"
    assert is_empty(engine)


def test_files_that_are_no_models(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "text.gguf"
    path.write_text("This is no model.")
    assert failure(engine, path).code == "model.broken"
    assert failure(engine, tmp_path).code == "model.broken"
    path.write_bytes(b"")
    assert failure(engine, path).code == "model.broken"


def test_a_file_cut_short(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "short.gguf"
    shutil.copy(guide_model(), path)
    os.truncate(path, 5_000_000)
    error = failure(engine, path)
    assert error.code == "model.truncated"
    assert "5000000 bytes" in error.message


def test_a_file_without_a_template(engine: Engine, tmp_path: Path) -> None:
    path = variant(tmp_path, b"tokenizer.chat_template", b"tokenizer.chat_templat_")
    error = failure(engine, path)
    assert error.code == "model.no_template"
    assert "chatml" in error.hint
    assert load(engine, path, template="chatml").has_template is False
    assert ask(engine, "what is workbench?").text.startswith("Workbench is a terminal application")


def test_a_template_of_ones_own(engine: Engine) -> None:
    load(engine, template="{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}")
    assert engine.render(Render(messages=[user("hi")])) == "[user] hi"


def test_a_template_that_cannot_be_read(engine: Engine) -> None:
    assert failure(engine, guide_model(), template="{% if %}").code == "model.template_failed"
    assert is_empty(engine)


def test_a_template_name_that_nobody_knows(engine: Engine) -> None:
    error = failure(engine, guide_model(), template="chatlm")
    assert error.code == "model.bad_request"
    assert "chatml" in error.hint


@pytest.mark.parametrize(
    "options", [{"batch": 1}, {"batch": 8192}, {"context": 1}, {"slots": 64, "context": 256}]
)
def test_odd_options_work_all_the_same(engine: Engine, options: dict[str, Any]) -> None:
    info = load(engine, **options)
    if info.context > 100:
        assert ask(engine, "what is workbench?").text.startswith("Workbench is")


def test_a_path_that_no_file_can_have(engine: Engine) -> None:
    assert failure(engine, Path("a\0b.gguf")).code == "model.not_found"


def test_chatml_for_a_model_that_does_not_know_it_stops_at_its_text(engine: Engine, tmp_path: Path) -> None:
    path = variant(tmp_path, b"<|im_end|>", b"<|im-end|>")
    load(engine, path, template="chatml")
    assert inside(engine).stops == ["<|im_end|>"]
    load(engine, template="chatml")
    assert inside(engine).stops == []


def test_an_unknown_architecture(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "new.gguf"
    values = llama() | {"general.architecture": struct.pack("<IQ", 8, 5) + b"novel"}
    path.write_bytes(gguf(values, [("w", (32, 2), 0, 0)], data=256))
    error = failure(engine, path)
    assert error.code == "model.unsupported"
    assert "novel" in error.message


def test_what_the_library_refuses_is_told_in_its_words(engine: Engine, tmp_path: Path) -> None:
    path = variant(tmp_path, b"output_norm.weight", b"output_form.weight")
    error = failure(engine, path)
    assert error.code == "model.load_failed"
    assert "output_norm.weight" in error.message
    assert any("output_norm.weight" in line for line in error.details["log"])
    assert is_empty(engine)


def test_a_model_that_writes_no_replies(engine: Engine, tmp_path: Path) -> None:
    path = variant(tmp_path, b"tokenizer.ggml.merges", b"tokenizer.ggml.m3rges")
    assert failure(engine, path).category == "model"
    assert is_empty(engine)


def test_a_context_that_does_not_fit_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.app.workers.llm import model
    from workbench.app.workers.llm.plan import Machine

    monkeypatch.setattr(model, "this_machine", lambda: Machine(cores=1, free_memory=1_000_000))
    assert failure(engine, guide_model(), slots=4).code == "model.out_of_memory"


def test_a_context_that_the_library_cannot_make(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.app.workers.llm import native

    monkeypatch.setattr(native, "new_context", lambda *_, **__: None)
    assert failure(engine, guide_model()).code == "model.out_of_memory"
    assert is_empty(engine)


def test_a_path_with_characters_of_every_kind(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "mödel 日本 $(x) 'q'.gguf"
    shutil.copy(guide_model(), path)
    assert load(engine, path).name == "workbench guide"


def test_the_library_prints_nothing(
    engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    load(engine)
    ask(engine, "hello")
    failure(engine, variant(tmp_path, b"output_norm.weight", b"output_form.weight"))
    engine.unload()
    assert capfd.readouterr() == ("", "")
