"""Puts a mark in the place of secrets and personal data, in texts and in the payloads of events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec

from workbench.app.events.event import plain
from workbench.plugins.security.assigned import KEYS, assigned_value, is_secret
from workbench.plugins.security.forms import FORMS, WORDS, Form
from workbench.plugins.security.personal import personal_spans

_DEEPEST: Final = 40
_MOST_ROUNDS: Final = 32
_SHORT: Final = 80
_LONG_NAME: Final = 16
_MOST_CLEAN: Final = 4_096
_SHORTEST: Final = 6
"""Nothing that is masked is shorter, but the value of a field whose name says that it is a secret."""
_ID_LENGTH: Final = 36
_PLAIN: Final = frozenset({int, float, bool, type(None)})

Span = tuple[int, int, str]


class Rules(msgspec.Struct, frozen=True):
    """What is masked.

    Args:
        secrets: secrets of known forms, and those that a word before them gives away.
        personal: personal data.
        patterns: further forms by name; a group `value` is the part that is masked.
        allow: texts that are never masked.
    """

    secrets: bool = True
    personal: bool = False
    patterns: tuple[tuple[str, re.Pattern[str]], ...] = ()
    allow: frozenset[str] = frozenset()


class Masker:
    """Masks texts and payloads as the rules say. Masking what is masked changes nothing.

    Args:
        rules: what is masked.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._clean: set[str] = set()
        self.masked = 0
        """How many secrets and personal data were masked so far."""

    def text(self, text: str) -> str:
        """Return a text with marks in the place of what is masked; the same object when nothing is."""
        if text in self._clean:
            return text
        spans = self._spans(text)
        if not spans:
            if len(text) <= _SHORT:
                self._remember(text)
            return text
        for _ in range(_MOST_ROUNDS):
            text = _marked(text, spans)
            self.masked += len(spans)
            # What stood right beside something may be seen as what it is only when that is gone.
            spans = self._spans(text)
            if not spans:
                break
        return text

    def _remember(self, text: str) -> None:
        """Note that there is nothing to mask in a short text: names and words come again and again."""
        if len(self._clean) >= _MOST_CLEAN:
            self._clean.clear()
        self._clean.add(text)

    def payload(self, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Return the masked payload of an event, None when nothing in it is masked; it is not changed itself.

        Quick, as it is asked of every event: numbers, ids and short texts cost next to nothing.
        """
        changed = self._fields(payload, 0)
        return None if changed is payload else changed

    def _fields(self, fields: dict[Any, Any], depth: int) -> dict[Any, Any]:
        """Return the masked dictionary, the same one when nothing in it is masked."""
        changed: dict[Any, Any] | None = None
        for name, value in fields.items():
            masked = value if type(value) in _PLAIN else self._value(value, str(name), depth)
            label = self.text(name) if isinstance(name, str) and len(name) >= _LONG_NAME else name
            if masked is value and label is name:
                continue
            changed = dict(fields) if changed is None else changed
            if label is not name:
                del changed[name]
            changed[label] = masked
        return fields if changed is None else changed

    def _value(self, value: Any, key: str, depth: int) -> Any:
        """Return a masked value, the same object when nothing in it is masked."""
        if isinstance(value, str):
            if self.rules.secrets and _is_secret_field(key) and _is_open(key, value, self.rules.allow):
                self.masked += 1
                return "[masked secret]"
            return value if len(value) < _SHORTEST or _is_id(value) else self.text(value)
        if type(value) in _PLAIN:
            return value
        if depth >= _DEEPEST:
            whole = str(value)
            masked_whole = self.text(whole)
            return value if masked_whole == whole else masked_whole
        if isinstance(value, dict):
            return self._fields(value, depth + 1)
        if isinstance(value, list | tuple):
            masked = [self._value(item, key, depth + 1) for item in value]
            return value if all(new is old for new, old in zip(masked, value, strict=True)) else masked
        # The log keeps such a thing as the text that describes it.
        described = plain(value)
        masked_text = self._value(described, key, depth + 1)
        return value if masked_text is described else masked_text

    def _spans(self, text: str) -> list[Span]:
        """Return what is masked in a text, in order and without overlaps."""
        found: list[Span] = []
        if self.rules.secrets:
            lower = _lower(text)
            for letters in hits(lower):
                found += _at(letters, lower, text)
        if self.rules.personal:
            found += personal_spans(text)
        for name, pattern in self.rules.patterns:
            group = "value" if "value" in pattern.groupindex else 0
            found += [(*match.span(group), name) for match in pattern.finditer(text) if match[group]]
        if not found:
            return found
        allowed = self.rules.allow
        return _merged(
            sorted(span for span in found if span[0] < span[1] and text[slice(*span[:2])] not in allowed)
        )


def _at(letters: str, lower: str, text: str) -> Iterator[Span]:
    """Yield the secrets that begin with some letters, or that follow a word."""
    form = _BY_LETTERS.get(letters)
    start = lower.find(letters)
    while start >= 0:
        after = start + len(letters)
        span = _form_at(form, text, start) if form else assigned_value(text, start, WORDS[letters])
        if span is not None:
            yield *span, form.name if form else WORDS[letters]
            after = max(after, span[1])
        start = lower.find(letters, after)


def _form_at(form: Form, text: str, start: int) -> tuple[int, int] | None:
    found = form.pattern.match(text, start)
    if found is None:
        return None
    return found.span("value") if "value" in form.pattern.groupindex else found.span()


def _marked(text: str, spans: list[Span]) -> str:
    """Return a text with a mark in the place of each span."""
    parts: list[str] = []
    after = 0
    for begin, end, name in spans:
        parts += [text[after:begin], f"[masked {name}]"]
        after = end
    return "".join([*parts, text[after:]])


def _merged(spans: list[Span]) -> list[Span]:
    """Return spans in order, overlapping ones as one, which is named after the first."""
    kept: list[Span] = []
    for begin, end, name in spans:
        if kept and begin < kept[-1][1]:
            last = kept[-1]
            kept[-1] = (last[0], max(last[1], end), last[2])
        else:
            kept.append((begin, end, name))
    return kept


def _lower(text: str) -> str:
    """Return a text in lower case with each character where it was."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    # A few letters become two: those stay as they are.
    return "".join(small if len(small := each.lower()) == 1 else each for each in text)


@lru_cache(1024)
def _is_secret_field(key: str) -> bool:
    return KEYS.fullmatch(key) is not None


def _is_open(key: str, value: str, allow: frozenset[str]) -> bool:
    """Tell whether the text of a secret field is a secret that is not masked yet."""
    if value.startswith("[masked ") or value in allow:
        return False
    return is_secret(value, "password" if "pass" in key.lower() else "secret")


def _is_id(text: str) -> bool:
    """Tell whether a text is the id of an event or message."""
    return len(text) == _ID_LENGTH and text[8] == text[13] == text[18] == text[23] == "-"


def hits(lower: str) -> list[str]:
    """Return the beginnings of secrets that stand in a text in lower case.

    They share a few characters that most texts do not have, so that few of them are looked for.
    """
    found = [letters for letters in _ALONE if letters in lower]
    for mark, beginnings in _MARKED:
        if mark in lower:
            found += [letters for letters in beginnings if letters in lower]
    if any(mark in lower for mark in _ASSIGNING):
        found += [word for word in WORDS if word in lower]
    return found


_BY_LETTERS: Final[dict[str, Form]] = {form.letters: form for form in FORMS}
_MARKS: Final = (":", "_", "-", ".")
_MARKED: Final = tuple(
    (mark, tuple(each for each in _BY_LETTERS if mark in each and not any(m in each for m in _MARKS[:place])))
    for place, mark in enumerate(_MARKS)
)
_ALONE: Final = tuple(each for each in _BY_LETTERS if not any(mark in each for mark in _MARKS))
_ASSIGNING: Final = (":", "=", " is ", " was ")
