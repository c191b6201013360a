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
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            "unreadable", f"{path}:{line}: the file is not UTF-8 text.", "Save it as UTF-8."
        ) from error
    except OSError as error:
        raise SettingsError(
            "unreadable",
            f"{path} cannot be read: {error.strerror or error}.",
            "Mend its permissions, or choose another profile with --data-dir.",
        ) from error
    tree = _parsed(text, path)
    lines = _lines(text)
    _check_schema(tree.pop("schema", SCHEMA_VERSION), f"{path}:{lines.get('schema', 1)}")
    return {key: _checked(key, value, _place(path, lines, key)) for key, value in _flatten(tree, path, lines)}


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        # Also what is no TOMLDecodeError: a number with thousands of digits.
        reason, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        number = line.group(1) if line else max(1, len(text.splitlines()))
        raise SettingsError(
            "unreadable", f"{path}:{number}: this is not valid TOML: {reason}.", "Mend that line."
        ) from error
    except RecursionError as error:
        raise SettingsError("unreadable", f"{path}:1: the file is nested too deeply.", "Mend it.") from error


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
    if not _is_text(text):
        raise SettingsError("bad_value", f"{origin}: the value of {key} is not UTF-8 text.", key=key)
    if declared is str:
        return Value(text, origin)
    return _checked(key, _toml_value(text), origin)


def _toml_value(text: str) -> Any:
    """Return what a text means as TOML; when it means nothing, the text itself, and None for `none`."""
    try:
        tree = tomllib.loads(f"value = {text}")
        # More than one key: the text has a line end and settings after it.
        if list(tree) == ["value"]:
            return tree["value"]
    except (ValueError, RecursionError):
        pass
    return None if text.strip().lower() in ("", "none") else text


def _is_text(text: str) -> bool:
    """Tell whether a text is Unicode; bytes that are not come from the system as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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


def _flatten(tree: Mapping[str, Any], path: Path, lines: Mapping[str, int]) -> Iterable[tuple[str, Any]]:
    sections = dict.fromkeys(key.partition(".")[0] for key in setting_types())
    for section, fields in tree.items():
        if section not in sections:
            raise _unknown(section, [*sections, "schema", *setting_types()], _place(path, lines, section))
        if not isinstance(fields, dict):
            raise SettingsError(
                "bad_value",
                f"{_place(path, lines, section)}: {section} is a section, not a value.",
                f"Write a line [{section}] and the settings below it.",
            )
        for field, value in fields.items():
            yield f"{section}.{field}", value


def _checked(key: str, value: Any, origin: str) -> Value:
    declared = _declared(key, origin)
    try:
        return Value(msgspec.convert(value, declared), origin)
    except msgspec.ValidationError as error:
        # Imported here: it costs start-up time and is for errors only.
        from workbench.app.config.reference import in_words

        raise SettingsError(
            "bad_value",
            f"{origin}: {key} cannot be {_shown(value)}; it takes {in_words(declared)}.",
            f"See `workbench config show {key}`.",
            key=key,
        ) from error


def _declared(key: str, origin: str) -> Any:
    types = setting_types()
    if key not in types:
        raise _unknown(key, types, origin)
    return types[key]


def _unknown(name: str, known: Iterable[str], origin: str) -> SettingsError:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    near = [key for key in names if key.endswith(f".{name}")] or near
    hint = f"Did you mean {near[0]}?" if near else "`workbench config show` lists them all."
    shown = name if name.isprintable() and name else _shown(name)
    return SettingsError("unknown_key", f"{origin}: there is no setting called {shown}.", hint, key=name)


def _check_schema(number: Any, origin: str) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise SettingsError("bad_value", f"{origin}: schema takes a whole number from 1.", "Remove the line.")
    if number > SCHEMA_VERSION:
        raise SettingsError(
            "newer",
            f"{origin}: the file was written for a newer workbench (schema {_shown(number)},"
            f" known {SCHEMA_VERSION}).",
            "Update workbench.",
        )


def _place(path: Path, lines: Mapping[str, int], key: str) -> str:
    """Return the file and line where a setting stands, as far as it can be told."""
    section = key.partition(".")[0]
    return f"{path}:{lines.get(key) or lines.get(section, 1)}"


def _lines(text: str) -> dict[str, int]:
    """Return the line of each section and setting of a TOML text, by dotted name."""
    found: dict[str, int] = {}
    section = ""
    inside = ""
    for number, line in enumerate(text.split("\n"), start=1):
        code = line.strip()
        if inside or code.startswith("#"):
            inside = "" if inside and inside in code else inside
            continue
        if code.startswith("["):
            section = _dotted(code.lstrip("[").partition("]")[0])
            found.setdefault(section, number)
            continue
        name, equals, value = code.partition("=")
        if equals:
            full = f"{section}.{_dotted(name)}" if section else _dotted(name)
            found.setdefault(full.partition(".")[0], number)
            found.setdefault(full, number)
            # What stands inside a text of several lines is no setting.
            inside = next((quote for quote in ('"""', "'''") if value.count(quote) % 2), "")
    return found


def _dotted(name: str) -> str:
    return re.sub(r"[\s\"']", "", name)


def _build(merged: Mapping[str, Value]) -> Settings:
    tree: dict[str, dict[str, Any]] = {}
    for key, value in merged.items():
        section, _, field = key.partition(".")
        tree.setdefault(section, {})[field] = value.value
    return msgspec.convert(tree, Settings)


def _shown(value: Any) -> str:
    """Return a value as a person would write it in TOML, shortened."""
    if value is None:
        return "none"
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}…"
