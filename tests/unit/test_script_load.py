"""Scripts made ready to run: includes, and every check before the first statement runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.app.commands.builtin import builtin_registry
from workbench.app.errors import SettingsError, UsageError
from workbench.app.headless import source
from workbench.app.headless.load import RunCommand, Step, load_script
from workbench.app.headless.script import Message


def load(path: Path) -> list[Step]:
    return load_script(str(path), builtin_registry())


def write(folder: Path, **files: str) -> Path:
    """Write files `name.wb` and return the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.wb").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(files))}.wb"


def test_included_statements_stand_in_the_place_of_the_line(tmp_path: Path) -> None:
    write(tmp_path / "sub", part="two\n/include ../last.wb\n", again="four\n")
    main = write(tmp_path, main="one\n/include sub/part.wb\n/include 'sub/again.wb'\nfive", last="three\n")
    steps = load(main)
    assert [step.text for step in steps if isinstance(step, Message)] == [
        "one",
        "two",
        "three",
        "four",
        "five",
    ]
    places = [str(step.place) for step in steps]
    assert places[0] == f"{main}:1"
    assert places[2].endswith("last.wb:1")
    assert places[4] == f"{main}:4"


def test_a_file_may_be_included_twice(tmp_path: Path) -> None:
    main = write(tmp_path, main="/include part.wb\n/include part.wb\n", part="hello\n")
    assert len(load(main)) == 2


@pytest.mark.parametrize(
    "files",
    [
        {"main": "/include main.wb"},
        {"main": "a\n/include b.wb", "b": "/include main.wb"},
        {"main": "/include b.wb", "b": "/include c.wb", "c": "\n\n/include b.wb"},
    ],
)
def test_circles_are_found(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="includes itself") as caught:
        load(write(tmp_path, **files))
    assert caught.value.code == "usage.script"


def test_a_circle_through_a_link_is_found(tmp_path: Path) -> None:
    main = write(tmp_path, main="/include link.wb")
    (tmp_path / "link.wb").symlink_to(main)
    with pytest.raises(UsageError, match="includes itself"):
        load(main)


def test_depth_is_limited(tmp_path: Path) -> None:
    files = {f"f{number}": f"/include f{number + 1}.wb" for number in range(40)}
    with pytest.raises(UsageError, match="more than 16 files"):
        load(write(tmp_path, **files))


def test_growth_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each file includes the next one twice: 2^15 copies of the last, within the allowed depth.
    files = {f"f{number}": f"/include f{number + 1}.wb\n/include f{number + 1}.wb\n" for number in range(14)}
    files["f14"] = "hello\n" * 100
    monkeypatch.setattr("workbench.app.headless.load.MOST_BYTES", 100_000)
    with pytest.raises(UsageError, match="too long"):
        load(write(tmp_path, **files))


def test_the_number_of_statements_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.app.headless.load._MOST_STEPS", 10)
    with pytest.raises(UsageError, match="more than 10 statements"):
        load(write(tmp_path, main="hello\n" * 11))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/include missing.wb", "'missing.wb' cannot be included: No such file"),
        ("/include .", "Is a directory"),
        ("/include ~nobody-of-that-name/x", "cannot be included"),
        ("/include a\0b", "cannot be included"),
        ("hello\n/frobnicate", ":2: There is no command 'frobnicate'"),
        ("/sessions list --limit none", "limit cannot be 'none'"),
        ("/sessions", "needs a further word"),
        ("/stop", "cannot be used here"),
        ("/expect event Core:*", "pattern 'Core:*' cannot be read"),
        ("/expect reply matches (", "regular expression cannot be read"),
        ("/expect reply matches " + "(" * 5000 + ")" * 5000, "regular expression cannot be read"),
        ("/expect reply matches a{99999999999999999999}", "regular expression cannot be read"),
    ],
)
def test_mistakes_are_found_before_anything_runs(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(write(tmp_path, main=text))
    assert said in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("/set model.nam x", "unknown_key", "no setting called model.nam"),
        ("/set sampling.temperature warm", "bad_value", "sampling.temperature"),
        ("/set workers.heartbeat_s 3", "bad_value", "only when workbench starts"),
        ("/set events.keep_days 3", "bad_value", "only when workbench starts"),
    ],
)
def test_settings_are_checked_before_anything_runs(tmp_path: Path, line: str, code: str, said: str) -> None:
    main = write(tmp_path, main=f"\n\n{line}")
    with pytest.raises(SettingsError) as caught:
        load(main)
    assert caught.value.code == f"settings.{code}"
    assert f"{main}:3" in caught.value.message
    assert said in caught.value.message


def test_commands_are_checked_with_their_arguments(tmp_path: Path) -> None:
    (step,) = load(write(tmp_path, main="/sessions list --limit 3"))
    assert isinstance(step, RunCommand)
    assert step.invocation.command.name == "sessions list"
    assert dict(step.invocation.values) == {"limit": 3}


def test_a_missing_script_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load(tmp_path / "none.wb")


@pytest.mark.parametrize(
    ("content", "offset"), [(b"hello\n\xff", 6), (b"\xef\xbb\xbfab\xc3", 5), (b"\xed\xa0\x80", 0)]
)
def test_bytes_that_are_no_text_are_told(tmp_path: Path, content: bytes, offset: int) -> None:
    path = tmp_path / "x.wb"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"offset {offset}") as caught:
        load(path)
    assert caught.value.code == "usage.bad_input"
    assert str(path) in caught.value.message


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.wb"
    path.write_bytes(b"\xef\xbb\xbf# comment\nhello")
    assert [step.text for step in load(path) if isinstance(step, Message)] == ["hello"]


def test_input_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_BYTES", 1024 * 1024)
    endless = (Path(os.devnull).parent / "zero").open("rb")
    with endless, pytest.raises(UsageError, match="longer than 1 MB"):
        source.read_stdin(endless.fileno())
