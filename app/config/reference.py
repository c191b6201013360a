"""What each setting takes and means, in words; `docs/settings.md` is made from this.

The meanings stand in the docstrings of `settings`, so that they are written once.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

import msgspec
from msgspec.inspect import (
    BoolType,
    FloatType,
    IntType,
    LiteralType,
    NoneType,
    StrType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from workbench.app.config.settings import MOST, Settings, get, setting_types

_PLAIN: Final[dict[type[Type], str]] = {BoolType: "true or false", NoneType: "none", StrType: "text"}


class SettingFacts(msgspec.Struct, frozen=True):
    """One setting: its dotted name, what it takes in words, its default as TOML, and what it means."""

    name: str
    takes: str
    default: str
    meaning: str


def setting_facts() -> list[SettingFacts]:
    """Return the facts of every setting, in the order of the tree."""
    defaults = Settings()
    meanings = {
        f"{section.name}.{field}": text
        for section in msgspec.structs.fields(Settings)
        for field, text in _meanings(section.type).items()
    }
    return [
        SettingFacts(name, in_words(declared), _toml(get(defaults, name)), meanings[name])
        for name, declared in setting_types().items()
    ]


def in_words(declared: object) -> str:
    """Return what a type takes, as in `a number from 0 to 5, or none`."""
    return _words(type_info(declared))


def _words(info: Type) -> str:
    if isinstance(info, UnionType):
        # None last: the type's own order is not the written one.
        parts = sorted(info.types, key=lambda part: isinstance(part, NoneType))
        return ", or ".join(_words(part) for part in parts)
    if isinstance(info, VarTupleType):
        return f"a list of {_words(info.item_type)}s"
    if isinstance(info, LiteralType):
        return " or ".join(sorted(str(value) for value in info.values))
    if isinstance(info, IntType | FloatType):
        return f"{'a whole number' if isinstance(info, IntType) else 'a number'}{_range(info)}"
    return _PLAIN[type(info)]


def _range(info: IntType | FloatType) -> str:
    most = "" if info.le is None or info.le == MOST else f"{info.le:.10g}"
    if info.gt is not None:
        return f" above {info.gt:g}{', at most ' if most else ''}{most}"
    return f" from {info.ge:g}{' to ' if most else ''}{most}"


def _meanings(section: Any) -> dict[str, str]:
    """Return the arguments' descriptions of a class docstring."""
    arguments = (inspect.getdoc(section) or "").partition("\nArgs:\n")[2]
    described = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", arguments, re.MULTILINE)
    return {name: _sentence(text) for name, text in described}


def _sentence(text: str) -> str:
    words = " ".join(text.split())
    return words[:1].upper() + words[1:]


def _toml(value: object) -> str:
    return "none" if value is None else msgspec.json.encode(value).decode()


def reference() -> str:
    """Return the Markdown reference of all settings."""
    lines = [
        "# Settings",
        "",
        "A setting is taken from the last of these that sets it: the default, `config.toml` (yours; the",
        "program never writes it), `settings.toml` (the program's), the environment",
        "(`WORKBENCH_SAMPLING_TOP_K` for `sampling.top_k`), the command line (`--set sampling.top_k=40`).",
        "`workbench config path` names the files.",
        "",
    ]
    facts = setting_facts()
    for section in msgspec.structs.fields(Settings):
        own = [fact for fact in facts if fact.name.startswith(f"{section.name}.")]
        if own:
            summary = (inspect.getdoc(section.type) or "").partition("\n")[0]
            lines += [f"## {section.name}", "", summary, ""]
            lines += ["| setting | takes | default | meaning |", "|---|---|---|---|"]
            lines += [f"| `{_.name}` | {_.takes} | `{_.default}` | {_.meaning} |" for _ in own]
            lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(reference(), end="")
