"""Loads the layers of settings and checks each value where it stands, so that an error can name the place."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from workbench.app.config.settings import SCHEMA_VERSION, Settings, setting_types
from workbench.app.errors import SettingsError
from workbench.app.paths import DATA_DIR_VARIABLE, Paths

ENVIRONMENT_PREFIX: Final = "WORKBENCH_"
# Variables of the program that are no settings.
_OTHER_VARIABLES: Final = {DATA_DIR_VARIABLE, "WORKBENCH_WORKER_LOG", "WORKBENCH_DEBUG"}


class Value(msgspec.Struct, frozen=True):
    """One setting's value and where it was set."""

    value: Any
    origin: str


class LoadedSettings(msgspec.Struct, frozen=True):
    """The settings in force, and for each name that is not a default, where its value was set."""

    settings: Settings
    origins: dict[str, str]


def load_settings(
    paths: Paths, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None
) -> LoadedSettings:
    """Load all layers: defaults, `config.toml`, `settings.toml`, `WORKBENCH_*`, the command line.

    Args:
        paths: the profile whose files are read; missing files are no error.
        environ: environment variables; `WORKBENCH_MODEL_NAME` sets `model.name`.
        overrides: dotted names and their text, from `--set`.

    Returns:
        The settings and where each was set.

    Raises:
        SettingsError: a file cannot be read, a name is unknown or a value does not fit. The message names the
            file and line, the variable or the option, and what was expected.
    """
    layers = [
        read_file(paths.config_file),
        read_file(paths.settings_file),
        _from_environment(environ),
        _from_options(overrides or {}),
    ]
    merged: dict[str, Value] = {}
    for layer in layers:
        merged.update(layer)
    return LoadedSettings(_build(merged), {key: value.origin for key, value in merged.items()})


def read_file(path: Path) -> dict[str, Value]:
    """Return the settings that a TOML file sets, each checked; empty when there is no file.

    Raises:
        SettingsError: see `load_settings`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise SettingsError(
            "unreadable", f"{path} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8."
        ) from error
    except OSError as error:
        raise SettingsError(
            "unreadable",
            f"{path} cannot be read: {error.strerror or error}.",
            "Mend its permissions, or choose another profile with --data-dir.",
        ) from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError("unreadable", f"{path} is not valid TOML: {error}.", "Mend that line.") from error
    _check_schema(tree.pop("schema", SCHEMA_VERSION), path)
    return {
        key: _checked(key, value, f"{path}:{_line_of(text, key)}") for key, value in _flatten(tree, path, text)
    }


def parse_value(key: str, text: str, origin: str) -> Value:
    """Return the value that a text stands for, as the setting's type asks.

    Args:
        key: the dotted name.
        text: TOML (`0.5`, `true`, `["a"]`) or bare text for settings that take text.
        origin: where the text stands, for errors.

    Raises:
        SettingsError: the name is unknown or the text does not fit.
    """
    declared = _declared(key, origin)
    if declared is str:
        return Value(text, origin)
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = None if text.strip().lower() in ("", "none") else text
    return _checked(key, value, origin)


def _from_environment(environ: Mapping[str, str]) -> dict[str, Value]:
    names = {_variable(key): key for key in setting_types()}
    found: dict[str, Value] = {}
    for variable, text in environ.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in _OTHER_VARIABLES:
            continue
        key = names.get(variable)
        if key is None:
            raise _unknown(variable, names, f"the environment variable {variable}")
        found[key] = parse_value(key, text, f"the environment variable {variable}")
    return found


def _from_options(overrides: Mapping[str, str]) -> dict[str, Value]:
    return {key: parse_value(key, text, f"--set {key}") for key, text in overrides.items()}


def _variable(key: str) -> str:
    return ENVIRONMENT_PREFIX + key.replace(".", "_").upper()


def _flatten(tree: Mapping[str, Any], path: Path, text: str) -> Iterable[tuple[str, Any]]:
    sections = {key.partition(".")[0] for key in setting_types()}
    for section, fields in tree.items():
        if section not in sections:
            raise _unknown(section, [*sections, "schema"], f"{path}:{_line_of(text, section)}")
        if not isinstance(fields, dict):
            raise SettingsError(
                "bad_value",
                f"{path}:{_line_of(text, section)}: {section} is a section, not a value.",
                f"Write a line [{section}] and the settings below it.",
            )
        for field, value in fields.items():
            yield f"{section}.{field}", value


def _checked(key: str, value: Any, origin: str) -> Value:
    declared = _declared(key, origin)
    try:
        return Value(msgspec.convert(value, declared), origin)
    except msgspec.ValidationError as error:
        raise SettingsError(
            "bad_value",
            f"{origin}: {key} cannot be {_shown(value)}: {_plain(str(error))}.",
            f"See `workbench config show {key}`.",
            key=key,
        ) from error


def _declared(key: str, origin: str) -> Any:
    types = setting_types()
    if key not in types:
        raise _unknown(key, types, origin)
    return types[key]


def _unknown(name: str, known: Iterable[str], origin: str) -> SettingsError:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else "`workbench config show` lists them all."
    return SettingsError("unknown_key", f"{origin}: there is no setting called {name}.", hint, key=name)


def _check_schema(number: Any, path: Path) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise SettingsError("bad_value", f"{path}: schema must be a whole number from 1.", "Remove the line.")
    if number > SCHEMA_VERSION:
        raise SettingsError(
            "newer",
            f"{path} was written for a newer workbench (schema {number}, known {SCHEMA_VERSION}).",
            "Update workbench.",
        )


def _line_of(text: str, key: str) -> int:
    """Return the line on which a dotted name is set, 1 when it cannot be told."""
    section, _, field = key.partition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([^\]]+?)\s*\]", line)
        if header:
            current = header.group(1).strip("\"'")
            if not field and current == section:
                return number
        name = re.match(r"\s*([\w.\"'\-]+)\s*=", line)
        if name:
            written = name.group(1).replace('"', "").replace("'", "")
            full = f"{current}.{written}" if current else written
            if key in (full, full.partition("=")[0]) or (not field and full == section):
                return number
    return 1


def _build(merged: Mapping[str, Value]) -> Settings:
    tree: dict[str, dict[str, Any]] = {}
    for key, value in merged.items():
        section, _, field = key.partition(".")
        tree.setdefault(section, {})[field] = value.value
    return msgspec.convert(tree, Settings)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _plain(problem: str) -> str:
    words = {"Expected": "expected", "`str`": "text", "`int`": "a whole number", "`float`": "a number"}
    for word, plain in {**words, "`bool`": "true or false", "`array`": "a list"}.items():
        problem = problem.replace(word, plain)
    return problem
