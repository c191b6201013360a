"""The model's chat template: messages in, prompt out, in the dialect that model makers write for.

The dialect is that of Hugging Face's `apply_chat_template`: a sandboxed Jinja environment whose blocks leave
no white space, a `tojson` that escapes nothing and keeps the order of keys, `raise_exception`,
`strftime_now`, `break` and `continue`, and `{% generation %}` blocks, which only mark text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workbench.app.errors import ModelError

MAX_PROMPT: Final = 64 * 1024 * 1024
"""Characters that a rendered prompt may have; a template that loops must not fill the memory."""

CHATML: Final = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)
"""The template that `chatml` names, for model files without one."""

NAMED: Final[dict[str, str]] = {"chatml": CHATML}
"""Templates that can be asked for by name."""

ENDS: Final[dict[str, tuple[str, ...]]] = {CHATML: ("<|im_end|>",)}
"""Texts that end a reply when a template of ours is used with a model that has no such control token."""

_HINT: Final = "Load the model with another template, for example `chatml`."


class ChatTemplate:
    """A compiled chat template.

    Args:
        source: Jinja text.
        bos: how the model's beginning token is written, for templates that write it themselves.
        eos: how its ending token is written.

    Raises:
        ModelError: `model.template_failed` when the text is no Jinja template.
    """

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        self._names = {"bos_token": bos, "eos_token": eos}
        try:
            self._template = _environment().from_string(source)
        except (TemplateError, RecursionError) as error:
            message = f"The chat template cannot be read: {_words(error)}."
            raise ModelError("template_failed", message, _HINT) from None

    def render(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> str:
        """Write the messages as a prompt that ends where the reply begins.

        Args:
            messages: with `role` and `content`, and whatever else the template reads.
            tools: descriptions of functions, in the form that the template expects; empty counts as none.

        Raises:
            ModelError: `model.template_failed` when the template refuses the messages or fails.
        """
        try:
            parts = self._template.generate(
                self._names, messages=messages, tools=tools or None, add_generation_prompt=True
            )
            return _join(parts)
        except ModelError:
            raise
        except Exception as error:  # a template is the model makers' program: it can fail in any way
            message = f"The model's chat template failed: {_words(error)}."
            hint = "The template may not take these roles in this order; or load the model with `chatml`."
            raise ModelError("template_failed", message, hint) from None


def _join(parts: Any) -> str:
    done: list[str] = []
    size = 0
    for part in parts:
        size += len(part)
        if size > MAX_PROMPT:
            message = f"The model's chat template wrote more than {MAX_PROMPT} characters."
            raise ModelError("template_failed", message, _HINT)
        done.append(part)
    return "".join(done)


def _words(error: BaseException) -> str:
    return (str(error) or type(error).__name__).rstrip(".")


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _now
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)


class _Generation(Extension):
    """`{% generation %}` marks what the model wrote, for training; here it is only its content."""

    tags = {"generation"}  # noqa: RUF012  (jinja2 declares it as an instance's variable)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)
