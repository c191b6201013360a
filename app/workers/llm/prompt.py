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

from workbench.app.workers.llm.template import ChatTemplate
from workbench.app.workers.llm.vocabulary import Vocabulary

Messages = Sequence[Mapping[str, Any]]
"""A conversation: each message has a `role` and a `content`."""

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
        self._found = re.compile(f"(?s:(?={self._names}).)") if names else None

    def text(self, messages: Messages, tools: Messages | None = None) -> str:
        """Return the prompt as text, as the template writes it.

        Raises:
            ModelError: `model.template_failed`.
        """
        return self._template.render(messages, tools)

    def tokens(self, messages: Messages, tools: Messages | None = None, prefix: str = "") -> list[int]:
        """Return the tokens of the prompt.

        Args:
            messages: the conversation.
            tools: for the template; None or empty for none.
            prefix: text that the reply already begins with.

        Raises:
            ModelError: `model.template_failed`.
        """
        content = [messages, list(tools or ()), prefix]
        texts = _texts(content)
        if self._found is None or not any(map(self._found.search, texts)):
            plain = self._template.render(messages, tools) + prefix
            return self._vocabulary.begin(self._vocabulary.tokenize(plain, special=True))
        mark = _unused_character(texts)
        messages, tools, prefix = _map(content, lambda text: self._break(text, mark))
        return self._vocabulary.begin(self._read(self._template.render(messages, tools) + prefix, mark))

    def _break(self, text: str, mark: str) -> str:
        assert self._found is not None
        return self._found.sub(lambda match: match[0] + mark, text)

    def _read(self, prompt: str, mark: str) -> list[int]:
        tokens: list[int] = []
        whole_name = f"((?:{self._names})(?!{mark}))"
        for index, part in enumerate(re.split(whole_name, prompt)):
            if index % 2:
                tokens.append(self._vocabulary.controls[part])
            elif part:
                tokens += self._vocabulary.tokenize(part.replace(mark, ""), special=False)
        return tokens


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
