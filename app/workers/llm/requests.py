"""What can be asked of the engine, and the check of untrusted parameters against it."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any, Final, TypeVar

import msgspec
import msgspec.inspect

from workbench.app.errors import ModelError

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Stop = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

MAX_STOPS: Final = 16
MAX_CONTEXT: Final = 4 * 1024 * 1024
MAX_SEED: Final = 2**32 - 1


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of choosing; as they stand here, the choice is greedy and changes nothing.

    Args:
        temperature: 0 takes the most likely token each time; above, tokens are drawn.
        top_k: draw from this many of the most likely tokens; 0 for all.
        top_p: draw from the most likely tokens that together have this probability; 1 for all.
        min_p: draw from tokens with at least this share of the likeliest one's probability; 0 for all.
        repeat_penalty: above 1 makes tokens less likely that stand among the last ones; 1 does nothing.
        repeat_last_n: how many last tokens of prompt and reply that looks at.
        seed: makes drawing repeatable; None chooses one.
    """

    temperature: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.0
    top_k: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 40
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.95
    min_p: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    repeat_penalty: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.0
    repeat_last_n: Annotated[int, msgspec.Meta(ge=0, le=65_536)] = 64
    seed: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEED)] | None = None


class LoadOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to load a model; 0 leaves the choice to `plan`.

    Args:
        path: of the GGUF file.
        context: tokens of each conversation.
        threads: of computing.
        slots: conversations whose state is kept.
        batch: tokens computed at once while a prompt is read.
        template: Jinja text, or the name of one in `template.NAMED`, instead of the model's own.
    """

    path: Annotated[str, msgspec.Meta(min_length=1)]
    context: Annotated[int, msgspec.Meta(ge=0, le=MAX_CONTEXT)] = 0
    threads: Annotated[int, msgspec.Meta(ge=0, le=512)] = 0
    slots: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    batch: Annotated[int, msgspec.Meta(ge=0, le=8192)] = 0
    template: str | None = None


class Generate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reply to write.

    Args:
        conversation: whose state to go on from and to keep.
        messages: the whole conversation so far.
        tools: descriptions for the template.
        sampling: how tokens are chosen.
        max_tokens: of the reply; None for as many as fit.
        stop: texts that end the reply and are not part of it.
        schema: JSON schema that the reply must follow.
        grammar: GBNF that the reply must follow.
        prefix: text that the reply already begins with; only what follows is answered.
        model: path, as it was loaded, of the model that must do it; the one that is loaded if None.
    """

    conversation: Name
    messages: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)]
    tools: list[dict[str, Any]] | None = None
    sampling: Sampling = Sampling()
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    stop: Annotated[list[Stop], msgspec.Meta(max_length=MAX_STOPS)] = []
    schema: dict[str, Any] | None = None
    grammar: str | None = None
    prefix: str = ""
    model: str | None = None


class Count(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt or a text to measure: `messages` (with `tools` and `prefix`) or `text`; `model` as above."""

    messages: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)] | None = None
    tools: list[dict[str, Any]] | None = None
    text: str | None = None
    prefix: str = ""
    model: str | None = None


class Render(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages to show as the prompt that the template makes of them."""

    messages: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)]
    tools: list[dict[str, Any]] | None = None


class Forget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A conversation whose state is not needed any more."""

    conversation: Name


Kind = TypeVar("Kind", bound=msgspec.Struct)


def read_request(params: dict[str, Any], kind: type[Kind]) -> Kind:
    """Check parameters that came from outside.

    Args:
        params: JSON-like data.
        kind: one of the structs of this module.

    Returns:
        The request.

    Raises:
        ModelError: `model.bad_request`, naming the field and what it takes.
    """
    try:
        request = msgspec.convert(params, kind)
        messages = getattr(request, "messages", None)
        if messages is not None:
            msgspec.convert({"messages": messages}, _Messages)
    except msgspec.ValidationError as error:
        raise _bad_request(str(error)) from None
    return request


class _Message(msgspec.Struct):
    """The part of a message that every template reads; the rest is passed on as it came."""

    role: Name
    content: str | None = None


class _Messages(msgspec.Struct):
    messages: list[_Message]


def _bad_request(words: str) -> ModelError:
    what, _, path = words.partition(" - at `$")
    field = path.strip(".`")
    expected = _expectations().get(re.sub(r"\[\d+\]", "[]", field).rpartition(".")[2])
    if expected and what.startswith("Expected"):
        return ModelError("bad_request", f"`{field}` must be {expected}.", field=field)
    where = f" at `{field}`" if field else ""
    return ModelError("bad_request", f"The request cannot be used{where}: {what}.", field=field)


@cache
def _expectations() -> dict[str, str]:
    """What each field takes, in words made from its type; `name[]` for the items of a list."""
    found: dict[str, str] = {}
    for kind in msgspec.inspect.multi_type_info((Sampling, LoadOptions, Generate, Count, _Message)):
        assert isinstance(kind, msgspec.inspect.StructType)
        for field in kind.fields:
            found.setdefault(field.name, _in_words(field.type))
            if isinstance(field.type, msgspec.inspect.ListType):
                found[f"{field.name}[]"] = _in_words(field.type.item_type)
    return found


def _in_words(kind: msgspec.inspect.Type) -> str:
    match kind:
        case msgspec.inspect.IntType(ge=low, le=high):
            return f"a whole number{_range(' from', low, high)}"
        case msgspec.inspect.FloatType(ge=low, le=high):
            return f"a number{_range(' from', low, high)}"
        case msgspec.inspect.StrType(min_length=low, max_length=high):
            return f"a text{_range(' of', low, high, ' characters')}"
        case msgspec.inspect.ListType(min_length=low, max_length=high):
            return f"a list{_range(' of', low, high, ' items')}"
        case msgspec.inspect.UnionType(types=types):
            first = next(option for option in types if not isinstance(option, msgspec.inspect.NoneType))
            return _in_words(first) + " or null"
    return "an object"


def _range(joint: str, low: float | None, high: float | None, unit: str = "") -> str:
    if high is not None:
        return f"{joint} {low or 0:g} to {high:.10g}{unit}"
    return f" of at least {low:g}{unit}" if low else ""
