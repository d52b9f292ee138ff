"""Answers of random weights over Qwen3's own vocabulary: of the form that was asked for, cut where they should be."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.integration.serving.served import serving
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine import prompt
from unified_intelligence.engine.load import Loaded
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    Generation,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    RegexFormat,
)
from unified_intelligence.entities.tools import ToolSpec

QUESTION = "Ça va ? 🙂\u2028"
THINK, CLOSE, CALL = 151_667, 151_668, 151_657
MANY = 6  # answers to each question, side by side


def closed(**properties: object) -> dict[str, object]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


SHORT = {"type": "string", "maxLength": 12}
DIGIT = {"type": "integer", "minimum": -9, "maximum": 9}
SCHEMAS: Mapping[str, dict[str, object]] = {
    "letters": closed(**{"clé 🙂\u2028": {"enum": ["é\u2028", 'a"b\\', "<think>", "<|im_end|>"]}, "libre": SHORT}),
    "lists": closed(many={"type": "array", "items": closed(n=DIGIT, s=SHORT), "minItems": 1, "maxItems": 3}),
    "numbers": closed(share={"type": "number", "minimum": 0, "maximum": 1}, day={"type": "string", "format": "date"}),
    "ways": closed(way={"anyOf": [DIGIT, {"type": "null"}, closed(x={"type": "boolean"})]}),
    "patterns": closed(code={"type": "string", "pattern": "^[A-Zé]{2}-\\d{3}[🙂🎉]$"}),
}
WEATHER = ToolSpec("meteo", "Le temps", closed(ville=SHORT, jours=DIGIT), strict=True)
HOUR = ToolSpec("heure", "", closed(zone={"enum": ["Paris", "Nîmes 🌞"]}), strict=True)


def asked(**fields: Any) -> GenerationConfig:
    usual: dict[str, Any] = {"max_tokens": 400, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
    return GenerationConfig(**(usual | fields))


def answers(local: TransformersAdapter, **fields: Any) -> list[Generation]:
    """Of several seeds at once."""

    def answer(seed: int) -> Generation:
        return local.generate(QUESTION, asked(seed=seed, **fields))

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(answer, range(MANY)))


def tokens_of(local: TransformersAdapter, config: GenerationConfig) -> list[int]:
    """The answer as the engine wrote it, without the token that ends it."""
    return [chosen.token for chosen in local._begin(QUESTION, config, None).ticket.tokens()]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_answer_is_of_the_schema(local: TransformersAdapter, name: str) -> None:
    schema = SCHEMAS[name]
    checker: Any = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for answer in answers(local, response_format=JsonFormat(schema, strict=True), thinking=False):
        assert answer.finish_reason == "stop", answer
        checker.validate(json.loads(answer.text))


def test_every_call_is_of_its_tool(local: TransformersAdapter) -> None:
    tools = {tool.name: tool for tool in (WEATHER, HOUR)}
    offered = {"tools": tuple(tools.values()), "thinking": False, "parallel_tool_calls": False}
    for choice in ("required", NamedTool("heure")):
        for answer in answers(local, tool_choice=choice, **offered):
            (call,) = answer.tool_calls
            checker: Any = Draft202012Validator(dict(tools[call.name].parameters))
            checker.validate(json.loads(call.arguments))
            assert (answer.finish_reason, answer.text) == ("tool_calls", "")
            assert call.name == "heure" or choice == "required"
    config = asked(tool_choice=NamedTool("heure"), seed=1, **offered)
    assert tokens_of(local, config)[0] == CALL


def test_what_is_forced_is_cut_into_tokens_as_the_tokenizer_cuts_it(local: TransformersAdapter) -> None:
    """A model has read these tokens; the same letters in others would be strange to it."""
    fixed = closed(ville={"const": "Nîmes 🌞"}, unit={"const": "celsius"}, n={"const": 12345}, x={"const": None})
    held = asked(response_format=JsonFormat(fixed, strict=True), thinking=False)
    tool = ToolSpec("get_weather", "", fixed, strict=True)
    called = asked(tools=(tool,), tool_choice="required", parallel_tool_calls=False, thinking=False)
    written = '{"ville": "Nîmes 🌞", "unit": "celsius", "n": 12345, "x": null}'
    assert tokens_of(local, held) == local.encode(written)
    assert tokens_of(local, called) == local.encode(
        f'<tool_call>\n{{"name": "get_weather", "arguments": {written}}}\n</tool_call>'
    )


def test_every_answer_is_of_the_expression_or_among_the_choices(local: TransformersAdapter) -> None:
    pattern = "(Été|Hiver) \\d{2,4} : [a-zé ]{5,30}[🌞❄]"
    for answer in answers(local, response_format=RegexFormat(pattern), thinking=False):
        assert re.fullmatch(pattern, answer.text), answer.text
    choices = ("oui 🙂", "oui", "</think>\u2028", "non\n\nnon")
    said = {each.text for each in answers(local, response_format=ChoiceFormat(choices), thinking=False)}
    assert said <= set(choices) and len(said) > 1


@pytest.fixture
def thinking(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template opens the block, as those of Qwen3's models do that always think."""
    turn = "<|im_start|>assistant\\n"
    template = loaded.tokenizer.chat_template
    assert template.count(f"'{turn}' }}}}") == 1
    monkeypatch.setattr(loaded.tokenizer, "chat_template", template.replace(f"'{turn}'", f"'{turn}<think>\\n'"))


@pytest.mark.usefixtures("thinking")
@pytest.mark.parametrize("form", [None, JsonFormat(SCHEMAS["lists"], strict=True)], ids=["free", "held"])
def test_a_block_is_closed_with_the_token_of_the_vocabulary(
    local: TransformersAdapter, form: JsonFormat | None
) -> None:
    config = asked(seed=3, thinking_budget=24, response_format=form, max_tokens=200 if form else 60)
    tokens = tokens_of(local, config)
    assert tokens[24:26] == [CLOSE, *local.encode("\n\n")]
    assert THINK not in tokens[26:]
    answer = local.generate(QUESTION, config)
    assert answer.usage is not None and answer.usage.reasoning_tokens == 24
    assert answer.reasoning.strip("\n") == shown(local, tokens[:24]).strip("\n")
    assert answer.text == shown(local, tokens[26:])
    if form:
        checker: Any = Draft202012Validator(SCHEMAS["lists"])
        checker.validate(json.loads(answer.text))


def shown(local: TransformersAdapter, tokens: list[int]) -> str:
    text = prompt.text_of(local._ready().loaded)
    return "".join(map(text.add, tokens)) + text.rest()


def test_a_stop_sequence_of_the_ends_of_two_tokens_ends_the_text_before_it(local: TransformersAdapter) -> None:
    plain = asked(temperature=0.0, max_tokens=60, thinking=False)
    tokens = tokens_of(local, plain)
    text = local.generate(QUESTION, plain).text
    stops = [one[-2:] + other[:2] for one, other in pairwise(shown(local, [token]) for token in tokens)]
    split = [stop for stop in stops if len(stop) == 4 and stop in text and stop.strip()]
    assert len(split) > 10

    def stopped(stop: str) -> Generation:
        return local.generate(QUESTION, replace(plain, stop=(stop, "absent 🙂")))

    with ThreadPoolExecutor(MANY) as threads:
        found = list(threads.map(stopped, split))
    for stop, answer in zip(split, found, strict=True):
        assert (answer.text, answer.finish_reason) == (text[: text.index(stop)], "stop")


def test_an_answer_streams_over_http_as_it_is_told_whole(local: TransformersAdapter) -> None:
    config = {"max_tokens": 80, "temperature": 1.0, "seed": 5, "extra_body": {"enable_thinking": False}}
    with serving(local) as served:
        ask: Any = served.client.chat.completions.create
        told: dict[str, Any] = {"model": "le-modèle", "messages": [{"role": "user", "content": QUESTION}], **config}
        whole = ask(**told)
        text = whole.choices[0].message.content
        pieces = [each.choices[0].delta.content or "" for each in ask(**told, stream=True) if each.choices]
        assert "".join(pieces) == text
        assert len([piece for piece in pieces if piece]) > 20
        assert whole.usage.completion_tokens == 80
        stop = text[30:34]
        cut = "".join(each.choices[0].delta.content or "" for each in ask(**told, stop=[stop], stream=True))
        assert cut == text[: text.index(stop)]
