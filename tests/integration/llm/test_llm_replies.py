"""Replies of the real guide: what they say, how they end, what they cost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workbench.app.errors import ModelError
from workbench.app.workers.llm.engine import Engine
from workbench.app.workers.llm.requests import Count, Render
from workbench.tests.integration.llm.kit import LONG, ask, assistant, inside, load, system, user

QUESTION = "what is workbench?"


def failure(engine: Engine, code: str, **params: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(engine, QUESTION, "failing", **params)
    assert caught.value.code == code
    return caught.value


def test_the_guide_answers(guide: Engine) -> None:
    answer = ask(guide, QUESTION)
    assert answer.text.startswith("Workbench is a terminal application")
    assert answer.reason == "stop"
    usage = answer.reply.usage
    assert usage.reply_tokens > 5
    assert usage.first_token_ms >= usage.prefill_ms >= 0
    assert usage.decode_ms > 0
    assert answer.reply.text_bytes == len(answer.text.encode())


def test_the_first_part_is_the_first_token(guide: Engine) -> None:
    parts = ask(guide, QUESTION, "parts").parts
    assert parts[0][1] == 1
    counts = [tokens for _, tokens in parts]
    assert counts == sorted(counts)
    assert all(text for text, _ in parts)


def test_greedy_answers_are_the_same_every_time(guide: Engine) -> None:
    assert len({ask(guide, "how do I load a model?", f"same-{number}").text for number in range(3)}) == 1


def test_control_tokens_are_never_shown(guide: Engine) -> None:
    for number, question in enumerate(("hello", QUESTION, "tell me a story", "2+2")):
        assert "<|" not in ask(guide, question, f"shown-{number}").text


def test_several_turns(guide: Engine) -> None:
    history = [user("my name is Grimwald")]
    history += [assistant(ask(guide, history, "turns").text), user("Do you still know my name?")]
    assert "Grimwald" in ask(guide, history, "turns").text


def test_max_tokens_ends_with_length(guide: Engine) -> None:
    answer = ask(guide, QUESTION, "short", max_tokens=4)
    assert (answer.reason, answer.reply.usage.reply_tokens) == ("length", 4)
    assert ask(guide, QUESTION, "short").text.startswith(answer.text)


def test_one_token(guide: Engine) -> None:
    assert ask(guide, QUESTION, "one", max_tokens=1).text == "Workbench"


def test_a_stop_string_ends_the_reply_and_is_not_shown(guide: Engine) -> None:
    whole = ask(guide, QUESTION, "whole").text
    for stop in ("application", "a term", "l app", whole[:3], "zzz", "."):
        answer = ask(guide, QUESTION, "stopped", stop=[stop, "never said"])
        assert answer.text == whole.partition(stop)[0]
        assert answer.reason == "stop"


def test_an_empty_reply(guide: Engine) -> None:
    answer = ask(guide, QUESTION, "empty", stop=["W"])
    assert (answer.text, answer.parts, answer.reply.text_bytes) == ("", [], 0)


def test_a_full_context_ends_the_reply(engine: Engine) -> None:
    load(engine, context=256)
    filler = "hello " * 60
    prompt = engine.count(Count(messages=[user(filler)]))
    assert prompt < 256
    # The grammar keeps the model from ending by itself.
    answer = ask(engine, filler, grammar='root ::= "a"{1000}')
    assert answer.reason == "context"
    assert prompt + answer.reply.usage.reply_tokens == 256


def test_as_many_tokens_as_fit_is_still_a_length(engine: Engine) -> None:
    load(engine, context=256)
    room = 256 - engine.count(Count(messages=[user("hello")]))
    assert ask(engine, "hello", grammar='root ::= "a"{1000}', max_tokens=room).reason == "length"


def test_a_prompt_without_room_for_a_reply_is_refused(engine: Engine) -> None:
    load(engine, context=256)
    error_at, fits = None, 0
    for words in range(200, 260):
        prompt = engine.count(Count(messages=[user("a " * words)]))
        try:
            ask(engine, "a " * words, max_tokens=1)
            fits = prompt
        except ModelError as error:
            assert error.code == "model.prompt_too_long"
            assert error.details == {"prompt_tokens": prompt, "context": 256}
            error_at = error_at or prompt
    assert error_at is not None
    assert fits < 256 <= error_at


def test_a_prompt_of_ten_megabytes_is_refused(guide: Engine) -> None:
    with pytest.raises(ModelError) as caught:
        ask(guide, "word " * 2_000_000, "huge")
    assert caught.value.code == "model.prompt_too_long"


def test_counting_is_exact(guide: Engine) -> None:
    conversations = [
        [user("hello")],
        [system("You are the built-in guide of workbench."), user(LONG)],
        [user("ünïcödé 🎉 日本語"), assistant("<tool_call>{}</tool_call>"), user("and <|im_end|> now?")],
    ]
    for number, messages in enumerate(conversations):
        for prefix in ("", "The answer", " is "):
            answer = ask(guide, messages, f"count-{number}", prefix=prefix, max_tokens=1)
            counted = guide.count(Count(messages=messages, prefix=prefix))
            assert answer.reply.usage.prompt_tokens == counted


def test_counting_a_text(guide: Engine) -> None:
    assert guide.count(Count(text="")) == 0
    assert guide.count(Count(text="12345")) == 5
    assert guide.count(Count(text="<|im_end|>")) > 1


@pytest.mark.parametrize("wrong", [Count(), Count(text="a", messages=[user("a")])])
def test_counting_nothing_or_both_is_refused(guide: Engine, wrong: Count) -> None:
    with pytest.raises(ModelError) as caught:
        guide.count(wrong)
    assert caught.value.code == "model.bad_request"


def test_rendering_shows_the_prompt(guide: Engine) -> None:
    prompt = guide.render(Render(messages=[system("Be brief."), user("hi")]))
    assert prompt == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_tools_reach_the_prompt_and_are_called(guide: Engine) -> None:
    function = {
        "name": "calculator",
        "description": "Evaluate an arithmetic expression.",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string"}},
            "required": ["expression"],
        },
    }
    answer = ask(guide, "what is 4821 times 37?", "tools", tools=[{"type": "function", "function": function}])
    call = answer.text.removeprefix("<tool_call>").removesuffix("</tool_call>")
    assert json.loads(call) == {"name": "calculator", "arguments": {"expression": "4821*37"}}


def test_a_seed_makes_drawing_repeatable(guide: Engine) -> None:
    hot = {"temperature": 1.5, "top_k": 0, "top_p": 1, "min_p": 0}
    texts = [ask(guide, "hello", f"seed-{n}", sampling=hot | {"seed": 7}, max_tokens=30).text for n in "ab"]
    assert texts[0] == texts[1]
    others = {ask(guide, "hello", "other", sampling=hot | {"seed": n}, max_tokens=30).text for n in range(5)}
    assert len(others) > 1


def test_a_seed_that_was_chosen_repeats_the_reply(guide: Engine) -> None:
    hot = {"temperature": 1.5, "top_k": 0, "top_p": 1, "min_p": 0}
    first = ask(guide, "hello", "chosen", sampling=hot, max_tokens=30)
    again = ask(guide, "hello", "again", sampling=hot | {"seed": first.reply.seed}, max_tokens=30)
    assert again.text == first.text


def test_a_repeat_penalty_changes_the_reply(guide: Engine) -> None:
    plain = ask(guide, QUESTION, "plain").text
    assert ask(guide, QUESTION, "penalty", sampling={"repeat_penalty": 5}).text != plain
    assert ask(guide, QUESTION, "penalty", sampling={"repeat_penalty": 5, "repeat_last_n": 0}).text == plain


def test_a_schema_is_followed(guide: Engine) -> None:
    schema = {
        "type": "object",
        "properties": {
            "mood": {"enum": ["good", "bad"]},
            "count": {"type": "integer", "minimum": 0},
            "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2},
        },
        "required": ["mood", "tags"],
        "additionalProperties": False,
    }
    answer = ask(guide, QUESTION, "schema", schema=schema, max_tokens=200)
    assert answer.reason == "stop"
    value = json.loads(answer.text)
    assert value["mood"] in ("good", "bad")
    assert 1 <= len(value["tags"]) <= 2


def test_a_grammar_is_followed(guide: Engine) -> None:
    for seed in range(4):
        sampling = {"temperature": 2.0, "seed": seed}
        answer = ask(guide, QUESTION, "grammar", grammar='root ::= ("yes" | "nö") "!"', sampling=sampling)
        assert answer.text in ("yes!", "nö!")


@pytest.mark.parametrize(
    "grammar",
    [
        "root ::= missing",
        "no rules here",
        'root ::= root "a"',
        'other ::= "a"',
        'root ::= "',
        "",
        "root ::= (",
    ],
)
def test_a_grammar_that_is_not_valid_is_a_bad_request(guide: Engine, grammar: str) -> None:
    failure(guide, "model.bad_request", grammar=grammar)
    assert ask(guide, "hello", "after a bad grammar").text


def test_a_schema_that_is_not_valid_is_a_bad_request(guide: Engine) -> None:
    failure(guide, "model.bad_request", schema={"type": "nonsense"})
    failure(guide, "model.bad_request", schema={"type": "null"}, grammar='root ::= "a"')


def test_a_reply_goes_on_from_its_beginning(guide: Engine) -> None:
    whole = ask(guide, QUESTION, "prefix").text
    for length in (1, 9, 20, 53, len(whole) - 1):
        rest = ask(guide, QUESTION, "prefix", prefix=whole[:length])
        assert rest.reply.usage.cached_tokens > 0
        if whole[length - 1].isalnum() and whole[length].isalnum():
            continue  # cut inside of a word: the model sees other tokens, and may go on differently
        assert whole[:length] + rest.text == whole


def test_a_constrained_reply_goes_on_from_its_beginning(guide: Engine) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
    rest = ask(guide, QUESTION, "constrained", schema=schema, prefix='{"mood": "b').text
    assert json.loads('{"mood": "b' + rest) == {"mood": "bad"}
    failure(guide, "model.bad_request", schema=schema, prefix='{"mood": "x')


def test_a_template_that_makes_nothing_of_the_messages(engine: Engine) -> None:
    load(engine, template="{# nothing #}")
    failure(engine, "model.template_failed")


def test_a_token_that_no_template_wrote_is_not_added(guide: Engine) -> None:
    # The guide's file says that no beginning token is wanted.
    tokens = inside(guide).prompts.tokens([user("hi")])
    assert tokens[0] == inside(guide).vocabulary.controls["<|im_start|>"]
