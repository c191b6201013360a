"""Messages to tokens, such that no content can pose as structure.

A template writes control tokens by their names (`<|im_end|>`), so the prompt has to be read with those names
standing for tokens; then a message that contains such a name would end itself and begin another one in any
role. The guard breaks names inside the messages before the template sees them: a character that occurs
nowhere is put behind the first character of each. Wherever the template moves the content (trimmed, joined,
as JSON), the name stays broken. In the rendered prompt every whole name is the template's own; the text
between those is read as plain text, with the character taken out again.

Breaking was preferred to putting markers around all content because messages without such names, nearly all,
take the ordinary way: one text, read at once, with the very tokens that any other program would get.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from workbench.app.errors import ModelError
from workbench.app.workers.llm.template import ChatTemplate
from workbench.app.workers.llm.vocabulary import Vocabulary

Messages = Sequence[Mapping[str, Any]]
"""A conversation: each message has a `role` and a `content`."""

LONG_PROMPT: Final = 1_000_000
"""Characters from which on it is worth looking whether a prompt can fit, before its tokens are counted."""

_NONCHARACTERS: Final = tuple(map(chr, (*range(0xFDD0, 0xFDF0), *range(0xF0000, 0xFFFFE))))


class PromptWriter:
    """Turns messages into the tokens of a prompt.

    Args:
        template: the chat template.
        vocabulary: the model's.
    """

    def __init__(self, template: ChatTemplate, vocabulary: Vocabulary) -> None:
        self._template = template
        self._vocabulary = vocabulary
        # The longest first, as the tokenizer does: a name may begin with another one.
        names = sorted(vocabulary.controls, key=len, reverse=True)
        self._names = "|".join(map(re.escape, names))
        self._name = re.compile(self._names) if names else None

    def text(self, messages: Messages, tools: Messages | None = None) -> str:
        """Return the prompt as text, as the template writes it.

        Raises:
            ModelError: `model.template_failed`.
        """
        return self._template.render(messages, tools)

    def tokens(
        self, messages: Messages, tools: Messages | None = None, prefix: str = "", most: int | None = None
    ) -> list[int]:
        """Return the tokens of the prompt.

        Args:
            messages: the conversation.
            tools: for the template; None or empty for none.
            prefix: text that the reply already begins with.
            most: tokens above which the prompt is of no use; one that is far above is not even read.

        Raises:
            ModelError: `model.template_failed`, `model.prompt_too_long`.
        """
        content = [messages, list(tools or ()), prefix]
        texts = _texts(content)
        mark = None
        if self._name is not None and any(map(self._name.search, texts)):
            mark = _unused_character(texts)
            beginning = re.compile(f"(?s:(?={self._names}).)")
            broken = f"\\g<0>{mark}"
            messages, tools, prefix = _map(content, lambda text: beginning.sub(broken, text))
        prompt = self._template.render(messages, tools) + prefix
        if most is not None and len(prompt) > LONG_PROMPT:
            least = self._vocabulary.least_tokens(prompt)
            if least > most:
                raise prompt_too_long(least, most)
        if mark is None:
            return self._vocabulary.begin(self._vocabulary.tokenize(prompt, special=True))
        return self._vocabulary.begin(self._read(prompt, mark))

    def _read(self, prompt: str, mark: str) -> list[int]:
        tokens: list[int] = []
        whole_name = f"((?:{self._names})(?!{mark}))"
        for index, part in enumerate(re.split(whole_name, prompt)):
            if index % 2:
                tokens.append(self._vocabulary.controls[part])
            elif part:
                tokens += self._vocabulary.tokenize(part.replace(mark, ""), special=False)
        return tokens


def prompt_too_long(tokens: int, context: int) -> ModelError:
    """Return the error for a prompt that leaves no room for a reply."""
    message = f"The prompt has {tokens} tokens; the model's context of {context} has no room to answer."
    hint = "Shorten the conversation, or load the model with a larger context."
    return ModelError("prompt_too_long", message, hint, prompt_tokens=tokens, context=context)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for item in pair for text in _texts(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return []


def _map(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {_map(key, change): _map(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map(item, change) for item in value]
    return value


def _unused_character(texts: list[str]) -> str:
    used = set().union(*texts)
    return next(character for character in _NONCHARACTERS if character not in used)
