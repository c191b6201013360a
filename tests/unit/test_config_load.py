"""Loading settings: the layers, and errors that name the place, what was expected and the nearest name."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.config.load import LoadedSettings, _lines, load_settings, parse_value
from workbench.app.config.settings import Settings, get, setting_types
from workbench.app.errors import SettingsError
from workbench.app.paths import Paths, paths_for


def load(
    paths: Paths,
    config: str | bytes | None = None,
    environ: dict[str, str] | None = None,
    overrides: dict[str, str] | None = None,
) -> LoadedSettings:
    if config is not None:
        paths.data_dir.mkdir(parents=True, exist_ok=True)
        paths.config_file.write_bytes(config if isinstance(config, bytes) else config.encode())
    return load_settings(paths, environ or {}, overrides)


def refused(paths: Paths, config: str | bytes, **layers: dict[str, str]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(paths, config, **layers)
    return caught.value


# --- layers -------------------------------------------------------------------------------------------


def test_without_files_the_defaults_are_in_force(paths: Paths) -> None:
    loaded = load(paths)
    assert loaded.settings == Settings()
    assert loaded.origins == {}
    assert not paths.data_dir.exists()


def test_each_layer_covers_those_before_it_and_is_named(paths: Paths) -> None:
    config = "[sampling]\ntop_k = 1\nseed = 1\ntop_p = 0.1\nmin_p = 0.1\n"
    paths.data_dir.mkdir()
    paths.settings_file.write_text("[sampling]\nseed = 2\ntop_p = 0.2\nmin_p = 0.2\n")
    environ = {"WORKBENCH_SAMPLING_TOP_P": "0.3", "WORKBENCH_SAMPLING_MIN_P": "0.3", "PATH": "/bin"}
    loaded = load(paths, config, environ, {"sampling.min_p": "0.4"})
    sampling = loaded.settings.sampling
    assert (sampling.top_k, sampling.seed, sampling.top_p, sampling.min_p) == (1, 2, 0.3, 0.4)
    assert loaded.origins == {
        "sampling.top_k": f"{paths.config_file}:2",
        "sampling.seed": f"{paths.settings_file}:2",
        "sampling.top_p": "the environment variable WORKBENCH_SAMPLING_TOP_P",
        "sampling.min_p": "--set sampling.min_p",
    }


def test_variables_that_are_no_settings_are_left_alone(paths: Paths) -> None:
    environ = {"WORKBENCH_DATA_DIR": "/x", "WORKBENCH_DEBUG": "1", "WORKBENCH_WORKER_LOG": "y"}
    assert load(paths, environ=environ).origins == {}


def test_every_setting_has_one_variable(paths: Paths) -> None:
    samples = {
        "ui.side_by_side_columns": "100",
        "hooks.priorities": '["mine.hook=10"]',
        "logging.level": "debug",
        "cost.prices": '["guide=0.1/0.2"]',
    }
    for key in setting_types():
        default = get(Settings(), key)
        plain = {str: "x", tuple: '["/a", "b"]', bool: "false"}.get(type(default), str(default or 1))
        text = samples.get(key, plain)
        variable = "WORKBENCH_" + key.replace(".", "_").upper()
        assert list(load(paths, environ={variable: text}).origins) == [key]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("model.name", " a b ", " a b "),
        ("model.name", "3", "3"),
        ("model.folders", '["/a"]', ("/a",)),
        ("sampling.seed", "7", 7),
        ("sampling.seed", "none", None),
        ("sampling.seed", "", None),
        ("sampling.temperature", "1", 1.0),
        ("events.json_lines", "false", False),
        ("events.keep_rows", "5_000", 5000),
    ],
)
def test_text_is_read_as_the_settings_type_asks(key: str, text: str, value: object) -> None:
    assert parse_value(key, text, "here").value == value


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "place", "words"),
    [
        ("[model]\nname = 3\n", 2, "model.name cannot be 3; it takes text."),
        ('[model]\n\n\ncontext = "no"\n', 4, 'model.context cannot be "no"; it takes a whole number from 0.'),
        ("[model]\nslots = 65\n", 2, "it takes a whole number from 0 to 64."),
        ("[model]\nslots = 1.5\n", 2, "model.slots cannot be 1.5"),
        ("[sampling]\ntop_p = nan\n", 2, "it takes a number above 0, at most 1, or none."),
        ("[sampling]\ntemperature = inf\n", 2, "it takes a number from 0 to 5, or none."),
        ('[sampling]\ntemperature = "hot"\n', 2, 'cannot be "hot"; it takes a number from 0 to 5, or none.'),
        ("[events]\njson_lines = 1\n", 2, "it takes true or false."),
        ('[model]\nfolders = "/a"\n', 2, "it takes a list of texts."),
        ('[model]\nfolders = ["/a", 3]\n', 2, 'cannot be ["/a",3]; it takes a list of texts.'),
        ("[model]\nname = 2020-01-01\n", 2, "it takes text."),
        ("sampling.seed = -1\n", 1, "sampling.seed cannot be -1"),
        ("model = { slots = -1 }\n", 1, "model.slots cannot be -1"),
        ('\n[ model ]  # comment\n"slots" = -1\n', 3, "model.slots cannot be -1"),
        ("[model.name]\nx = 1\n", 1, "model.name cannot be"),
        ("[[model]]\nname = 'x'\n", 1, "model is a section, not a value."),
        ("\nmodel = 3\n", 2, "model is a section, not a value."),
        ("schema = 'x'\n", 1, "schema takes a whole number from 1."),
        ("schema = true\n", 1, "schema takes a whole number from 1."),
        ("\n\nschema = 0\n", 3, "schema takes a whole number from 1."),
        ('[chat]\nsystem_prompt = """\nslots = 1\n[model]\n"""\nsave_interval_ms = 1\n', 6, "from 20 to 200"),
    ],
)
def test_a_bad_value_names_its_line_and_what_the_setting_takes(
    paths: Paths, config: str, place: int, words: str
) -> None:
    error = refused(paths, config)
    assert error.code == "settings.bad_value"
    assert error.message.startswith(f"{paths.config_file}:{place}: ")
    assert words in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("config", "place", "name", "nearest"),
    [
        ("[model]\nname = 'x'\ncontexts = 1\n", 3, "model.contexts", "model.context"),
        ("[modl]\nname = 'x'\n", 1, "modl", "model"),
        ("\nseed = 1\n", 2, "seed", "sampling.seed"),
        ('[ui]\n"9.q" = 1\n', 2, "ui.9.q", None),
        ("[zzz]\n", 1, "zzz", None),
        ('"zz\\nqq" = 1\n', 1, '"zz\\nqq"', None),
        ('"" = 1\n', 1, '""', None),
    ],
)
def test_an_unknown_name_gets_its_line_and_the_nearest_one(
    paths: Paths, config: str, place: int, name: str, nearest: str | None
) -> None:
    error = refused(paths, config)
    assert error.code == "settings.unknown_key"
    assert error.message == f"{paths.config_file}:{place}: there is no setting called {name}."
    wanted = f"Did you mean {nearest}?" if nearest else "`workbench config show` lists them all."
    assert error.hint == wanted


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ("[model]\nname = \n", 2),
        ("x = 1\nx = 2\n", 2),
        ("a\n", 1),
        ('x = "', 1),
        ("x = " + "9" * 5000, 1),
        ("x = " + "[" * 5000, 1),
        (b"[model]\n# caf\xe9\n", 2),
        (b"\xff\xfe", 1),
        (b"a = 1\0", 1),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(paths: Paths, config: str | bytes, place: int) -> None:
    error = refused(paths, config)
    assert error.code == "settings.unreadable"
    assert error.message.startswith(f"{paths.config_file}:{place}: ")
    assert "\n" not in str(error)


def test_a_file_of_a_newer_program_is_not_guessed_at(paths: Paths) -> None:
    error = refused(paths, "\nschema = 99\n")
    assert error.code == "settings.newer"
    assert error.message.startswith(f"{paths.config_file}:2: ")


def test_a_folder_in_the_place_of_the_file_is_a_clear_error(paths: Paths) -> None:
    paths.config_file.mkdir(parents=True)
    with pytest.raises(SettingsError) as caught:
        load(paths)
    assert caught.value.code == "settings.unreadable"
    assert str(paths.config_file) in caught.value.message


def test_a_bad_variable_or_option_is_named(paths: Paths) -> None:
    variable = refused(paths, "", environ={"WORKBENCH_MODEL_SLOTS": "many"})
    assert variable.message.startswith("the environment variable WORKBENCH_MODEL_SLOTS: ")
    unknown = refused(paths, "", environ={"WORKBENCH_MODEL_SLOT": "1"})
    assert unknown.hint == "Did you mean WORKBENCH_MODEL_SLOTS?"
    option = refused(paths, "", overrides={"seed": "1"})
    assert option.message.startswith("--set seed: ")
    assert option.hint == "Did you mean sampling.seed?"


def test_one_text_sets_one_value(paths: Paths) -> None:
    error = refused(paths, "", overrides={"sampling.seed": "1\nx = 2"})
    assert error.code == "settings.bad_value"


def test_bytes_that_are_no_text_are_refused(paths: Paths) -> None:
    error = refused(paths, "", environ={"WORKBENCH_CHAT_SYSTEM_PROMPT": "caf\udce9"})
    assert (error.code, error.details) == ("settings.bad_value", {"key": "chat.system_prompt"})
    assert "WORKBENCH_CHAT_SYSTEM_PROMPT" in error.message


# --- any input ----------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec="utf-8"))
    | st.dates()
    | st.times()
    | st.datetimes(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text("ab."), children, max_size=2),
    max_leaves=4,
)
KEYS = [key.split(".") for key in setting_types()]
FIELDS = st.sampled_from(sorted({field for _, field in KEYS})) | st.text(
    st.characters(codec="utf-8"), max_size=5
)
SECTIONS = st.sampled_from(sorted({section for section, _ in KEYS})) | st.sampled_from(
    ["schema", "modl", "a.b"]
)
TREES = st.dictionaries(SECTIONS, VALUES | st.dictionaries(FIELDS, VALUES, max_size=4), max_size=4)


def settings_or_error(content: bytes) -> None:
    """Load a file: settings, or a SettingsError of one line that names file and line; nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        paths = paths_for(Path(folder))
        paths.config_file.write_bytes(content)
        try:
            loaded = load_settings(paths, {})
        except SettingsError as error:
            assert re.match(rf"{re.escape(str(paths.config_file))}:\d+: .+", error.message)
            assert "\n" not in str(error)
            assert error.hint
        else:
            for key, origin in loaded.origins.items():
                assert key in setting_types()
                assert re.fullmatch(rf"{re.escape(str(paths.config_file))}:\d+", origin)


@settings(deadline=None, max_examples=200)
@given(TREES)
def test_any_toml_tree_is_settings_or_an_error_with_a_place(tree: dict[str, Any]) -> None:
    settings_or_error(tomli_w.dumps(tree).encode())


@settings(deadline=None, max_examples=200)
@given(st.binary() | st.text("[]{}=\"'#\\\n\r ab.1-:,").map(str.encode))
def test_any_bytes_are_settings_or_an_error_with_a_place(content: bytes) -> None:
    settings_or_error(content)


@settings(deadline=None)
@given(st.sampled_from(sorted(setting_types())) | st.text(), st.text())
def test_any_option_is_a_value_or_an_error_that_names_it(key: str, text: str) -> None:
    try:
        value = parse_value(key, text, "--set here").value
    except SettingsError as error:
        assert error.message.startswith("--set here: ")
    else:
        assert value is None or key in setting_types()


SET_BY_DEFAULT = [key for key in setting_types() if get(Settings(), key) not in (None, ())]
OTHER_LINES = ["", "# x = 1", "   ", '[zz]  # "c"', "[yy]", "a.b=1"]


@settings(deadline=None)
@given(st.sampled_from(SET_BY_DEFAULT), st.lists(st.sampled_from(OTHER_LINES), unique=True))
def test_the_line_of_each_setting_is_found(key: str, before: list[str]) -> None:
    section, field = key.split(".")
    line = tomli_w.dumps({field: get(Settings(), key)})
    text = "\n".join([*before, f"[{section}]", "", f"  {line}"])
    assert _lines(text)[key] == len(before) + 3
    assert _lines(text)[section] == len(before) + 1
