"""Chat templates: the dialect that model makers write, and what a template may not do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from workbench.app.errors import ModelError
from workbench.app.workers.llm import template as template_module
from workbench.app.workers.llm.template import CHATML, ChatTemplate

HELLO = [{"role": "user", "content": "Hello"}]


def render(source: str, messages: list[dict[str, Any]] | None = None, **more: Any) -> str:
    return ChatTemplate(source, bos="<s>", eos="</s>").render(messages or HELLO, **more)


def test_chatml() -> None:
    messages = [{"role": "system", "content": "Be brief."}, *HELLO]
    assert render(CHATML, messages) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_chatml_takes_a_message_without_content() -> None:
    messages: list[dict[str, Any]] = [*HELLO, {"role": "assistant", "content": None}]
    assert "assistant\n<|im_end|>" in render(CHATML, messages)


def test_blocks_leave_no_white_space() -> None:
    source = (
        "{% for message in messages %}\n  {% if true %}\n{{ message.content }}\n  {% endif %}\n{% endfor %}\n"
    )
    assert render(source) == "Hello\n"


def test_special_tokens_tools_and_the_prompt_for_a_reply_are_given() -> None:
    source = "{{ bos_token }}{{ eos_token }}{{ tools | length }}{{ add_generation_prompt }}"
    assert render(source, tools=[{"name": "a"}]) == "<s></s>1True"


@pytest.mark.parametrize("tools", [None, []])
def test_no_tools_are_none(tools: list[dict[str, Any]] | None) -> None:
    assert render("{{ tools is none }}", tools=tools) == "True"


def test_json_keeps_characters_and_the_order_of_keys() -> None:
    tool = {"z": "<é>&'\"", "a": [1, True, None]}
    assert render("{{ tools[0] | tojson }}", tools=[tool]) == '{"z": "<é>&\'\\"", "a": [1, true, null]}'


def test_json_can_be_indented() -> None:
    assert render("{{ tools[0] | tojson(indent=2) }}", tools=[{"a": 1}]) == '{\n  "a": 1\n}'


def test_loops_can_be_left() -> None:
    skip, leave = "{% if i == 2 %}{% continue %}{% endif %}", "{% if i == 4 %}{% break %}{% endif %}"
    assert render(f"{{% for i in range(9) %}}{skip}{leave}{{{{ i }}}}{{% endfor %}}") == "013"


def test_generation_blocks_only_mark() -> None:
    assert render("a{% generation %}b{{ messages[0].content }}{% endgeneration %}c") == "abHelloc"


def test_the_date_can_be_written() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", render("{{ strftime_now('%Y-%m-%d') }}"))


def test_a_namespace_keeps_values_over_loops() -> None:
    source = "{% set n = namespace(x=0) %}{% for m in messages %}{% set n.x = n.x + 1 %}{% endfor %}{{ n.x }}"
    assert render(source, HELLO * 3) == "3"


def test_content_is_not_read_as_a_template() -> None:
    messages = [{"role": "user", "content": "{{ 1 + 1 }}{% raw %}"}]
    assert render("{{ messages[0].content }}", messages) == "{{ 1 + 1 }}{% raw %}"


def test_content_is_not_escaped() -> None:
    assert render("{{ messages[0].content }}", [{"role": "user", "content": "<b>&\"'"}]) == "<b>&\"'"


@pytest.mark.parametrize(
    "source", ["{% if %}", "{{ a b }}", "{% for x in y %}", "{{ 'open }}", "{% nonsense %}"]
)
def test_a_text_that_is_no_template_is_refused(source: str) -> None:
    with pytest.raises(ModelError) as caught:
        ChatTemplate(source)
    assert caught.value.code == "model.template_failed"


def test_what_the_template_refuses_is_told_in_its_words() -> None:
    with pytest.raises(ModelError, match="Roles must alternate") as caught:
        render("{{ raise_exception('Roles must alternate!') }}")
    assert caught.value.code == "model.template_failed"


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[0].__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{% for i in range(10000000) %}{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ messages[7].content.x }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ unknown() }}",
        "{% include 'other' %}",
    ],
)
def test_a_template_that_fails_or_reaches_out_is_an_error(source: str) -> None:
    with pytest.raises(ModelError) as caught:
        render(source)
    assert caught.value.code == "model.template_failed"


def test_a_prompt_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_module, "MAX_PROMPT", 1000)
    with pytest.raises(ModelError, match="more than 1000 characters"):
        render("{% for i in range(99999) %}xxxxxxxxxx{% endfor %}")
