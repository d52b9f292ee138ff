"""Answers of random weights that are nevertheless of the form that was asked for, every one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from jsonschema import Draft202012Validator

from tests.tiny_qwen3 import TEMPLATE, build
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine import grammar
from unified_intelligence.entities.errors import InvalidRequestError, MissingDependencyError
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    Generation,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    Notice,
    RegexFormat,
)
from unified_intelligence.entities.tools import ToolSpec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.local.conftest import Speaker

QUESTION = "Ça va ? 🙂"
OPENED = TEMPLATE.replace("assistant\\n' }}", "assistant\\n<think>\\n' }}")


def closed(**properties: object) -> dict[str, object]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


SHORT = {"type": "string", "maxLength": 6}
DIGIT = {"type": "integer", "minimum": -9, "maximum": 9}
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "names and values of any letters": closed(**{
        "clé 🙂": {"enum": ["é🙂", "a\nb", 'say "x"', "back\\slash", "\u2028"]}, "é\u2028": SHORT, 'q"\\': DIGIT,
    }),
    "tags as values": closed(tag={"enum": ["<think>", "</tool_call>", "<|im_end|>"]}, free=SHORT),
    "nested": closed(outer=closed(inner=closed(deep={"type": "boolean"}), beside={"type": "null"}), last=SHORT),
    "arrays": closed(
        many={"type": "array", "items": DIGIT, "minItems": 2, "maxItems": 4},
        pair={"type": "array", "prefixItems": [DIGIT, {"type": "null"}], "items": False, "minItems": 2},
    ),
    "numbers": closed(
        share={"type": "number", "exclusiveMinimum": 0, "maximum": 1.5, "multipleOf": 0.25},
        year={"type": "integer", "minimum": 1990, "maximum": 2100},
    ),
    "one of several": closed(way={"anyOf": [DIGIT, {"type": "null"}, closed(x={"type": "boolean"})]}),
    "disjoint": closed(way={"oneOf": [closed(kind={"const": "a"}), closed(kind={"const": "b"}, n=DIGIT)]}),
    "references": {
        "$defs": {"node": closed(v=DIGIT, next={"anyOf": [{"type": "null"}, {"$ref": "#/$defs/leaf"}]}),
                  "leaf": closed(v={"enum": [1, 2.5, None, "x", {"a": [1]}]})},
        "$ref": "#/$defs/node",
    },
    "all of": {"allOf": [closed(a=DIGIT) | {"additionalProperties": True}, {
        "type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"], "maxProperties": 2}]},
    "notes that demand nothing": closed(
        a={"type": "string", "format": "password", "maxLength": 3}, b={
            "type": "array", "uniqueItems": False, "items": {"type": "null"}, "maxItems": 2}, c={
            "type": "string", "format": "date"},
    ),
    "patterns": closed(code={"type": "string", "pattern": "^[a-é]{2}-\\d{2}$"}),
    "optional": {"type": "object", "properties": {"a": DIGIT, "b": SHORT}, "additionalProperties": False},
    "not an object": {"type": "array", "items": SHORT, "maxItems": 3},
}  # fmt: skip


def seeds(count: int = 6) -> Sequence[GenerationConfig]:
    """From greedy to nearly even; with the penalties and cuts that reach for other tokens than the likeliest."""
    temperatures = (0.0, 1.0, 8.0, 40.0)
    return [
        GenerationConfig(
            seed=seed,
            temperature=temperatures[seed % 4],
            max_tokens=700,
            thinking=False,
            frequency_penalty=(seed % 3) * 0.5,
            top_k=(0, 3)[seed % 2],
        )
        for seed in range(count)
    ]


def check(schema: Mapping[str, object], text: str) -> None:
    Draft202012Validator(schema).validate(json.loads(text))  # pyright: ignore[reportUnknownMemberType]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_answer_satisfies_the_schema(random_model: TransformersAdapter, name: str) -> None:
    written: set[str] = set()
    for strict in (True, False):
        for config in seeds():
            form = JsonFormat(SCHEMAS[name], strict=strict)
            answer = random_model.generate(QUESTION, replace(config, response_format=form))
            assert answer.finish_reason == "stop"
            check(SCHEMAS[name], answer.text)
            written.add(answer.text)
    assert len(written) > 1


def test_without_a_schema_an_answer_is_an_object(random_model: TransformersAdapter) -> None:
    ended = 0
    for config in seeds(8):
        config = replace(config, max_tokens=120)
        answer = random_model.generate(QUESTION, replace(config, response_format=JsonFormat()))
        assert answer.text[0] == "{"
        if answer.finish_reason == "stop":  # random weights may go on for ever
            assert isinstance(json.loads(answer.text), dict)
            ended += 1
    assert ended


def test_choices_and_patterns_are_met_to_the_letter(random_model: TransformersAdapter) -> None:
    choices = ("oui 🙂", "non", "peut-être\u2028", "a\nb", '"', "\\", "</think>", "{x}", "/")
    pattern = r"(?:[a-f]|é){2,4}/\d\n?🙂"
    chosen: set[str] = set()
    for config in seeds(16):
        answer = random_model.generate(QUESTION, replace(config, response_format=ChoiceFormat(choices)))
        assert answer.text in choices
        chosen.add(answer.text)
        answer = random_model.generate(QUESTION, replace(config, response_format=RegexFormat(pattern)))
        assert re.fullmatch(pattern, answer.text), answer.text
    assert len(chosen) > 3
    for choice in choices:
        only = replace(seeds(2)[1], response_format=ChoiceFormat((choice,)))
        assert random_model.generate(QUESTION, only).text == choice


WEATHER = ToolSpec("météo", "Le temps", closed(ville={"enum": ["Orléans 🙂", "</tool_call>", "é"]}, jours=DIGIT))
CLOCK = ToolSpec("heure", "L'heure", {"type": "object", "properties": {"zone": SHORT}, "additionalProperties": False})
TOOLS = (WEATHER, CLOCK)
TEMPERATE = GenerationConfig(seed=3, temperature=1.0, max_tokens=900, thinking=False, tools=TOOLS)


def check_calls(answer: Generation, *, complete: bool = True) -> None:
    for call in answer.tool_calls:
        check({tool.name: tool for tool in TOOLS}[call.name].parameters, call.arguments)
    if complete:
        assert answer.finish_reason == ("tool_calls" if answer.tool_calls else "stop")


def test_a_required_call_is_made_and_its_arguments_are_right(random_model: TransformersAdapter) -> None:
    counts: set[int] = set()
    for seed in range(9):
        config = replace(TEMPERATE, seed=seed, temperature=(0.0, 3.0, 20.0)[seed % 3], tool_choice="required")
        answer = random_model.generate(QUESTION, config)
        assert answer.text == ""
        check_calls(answer, complete=answer.finish_reason != "length")
        assert answer.tool_calls
        counts.add(len(answer.tool_calls))
        alone = random_model.generate(QUESTION, replace(config, parallel_tool_calls=False))
        check_calls(alone)
        assert len(alone.tool_calls) == 1
        named = random_model.generate(QUESTION, replace(config, tool_choice=NamedTool("heure")))
        check_calls(named)
        assert [call.name for call in named.tool_calls] == ["heure"]
    assert len(counts) > 1


def test_what_is_forced_takes_no_pass_of_the_model(random_folder: Path) -> None:
    model = TransformersAdapter(model=str(random_folder), threads=1, engine="transformers", speculation="none")
    passes: list[str] = []

    def count(module: torch.nn.Module, _: object) -> None:
        passes.extend(["one"] if type(module).__name__ == "Qwen3ForCausalLM" else [])

    hook = torch.nn.modules.module.register_module_forward_pre_hook(count)
    try:
        for seed in range(5):
            passes.clear()
            config = replace(TEMPERATE, seed=seed, tool_choice="required", parallel_tool_calls=False)
            answer = model.generate(QUESTION, config)
            assert answer.usage is not None
            assert 1 <= len(passes) <= 0.6 * answer.usage.completion_tokens
        passes.clear()
        only = model.generate(QUESTION, replace(TEMPERATE, tools=(), response_format=ChoiceFormat(("Ça 🙂",))))
        assert (only.text, only.finish_reason, passes) == ("Ça 🙂", "stop", [])
    finally:
        hook.remove()


def test_a_strict_tool_among_the_offered_lets_text_stand_and_no_wrong_call(random_model: TransformersAdapter) -> None:
    tools, called, said = (replace(WEATHER, strict=True), CLOCK), 0, 0
    for seed in range(24):
        config = replace(TEMPERATE, seed=seed, temperature=4.0 * (seed % 3), tools=tools, max_tokens=150)
        answer = random_model.generate(QUESTION, config)
        check_calls(answer, complete=answer.finish_reason != "length")
        assert "<tool_call>" not in answer.text
        called += bool(answer.tool_calls)
        said += bool(answer.text)
    assert called
    assert said


def test_one_call_at_most_where_more_are_not_allowed(speaker: Speaker) -> None:
    call = '<tool_call>\n{{"name": "heure", "arguments": {{"zone": "{}"}}}}\n</tool_call>'
    model = speaker(f"{call.format('é')}\n{call.format('🙂')}")
    config = GenerationConfig(temperature=0.0, tools=TOOLS, thinking=False, max_tokens=300)
    assert len(model.generate(QUESTION, config).tool_calls) == 2
    alone = model.generate(QUESTION, replace(config, parallel_tool_calls=False))
    assert len(alone.tool_calls) == 1
    check_calls(alone)


def test_no_call_is_made_where_none_may_be(speaker: Speaker) -> None:
    written = '<tool_call>\n{"name": "heure", "arguments": {}}\n</tool_call>'
    model = speaker(written)
    assert model.generate(QUESTION, GenerationConfig(temperature=0.0, tools=TOOLS)).tool_calls
    answer = model.generate(QUESTION, GenerationConfig(temperature=0.0, tools=TOOLS, tool_choice="none", max_tokens=60))
    assert answer.tool_calls == ()
    assert "tool_call" not in answer.text


def test_with_a_form_and_tools_an_answer_is_a_call_or_of_the_form(random_model: TransformersAdapter) -> None:
    kinds: set[bool] = set()
    for seed in range(20):
        form = JsonFormat(SCHEMAS["nested"], strict=True)
        config = replace(TEMPERATE, seed=seed, temperature=30.0, response_format=form)
        answer = random_model.generate(QUESTION, config)
        check_calls(answer, complete=answer.finish_reason != "length")
        if answer.tool_calls:
            assert answer.text == ""
        else:
            check(SCHEMAS["nested"], answer.text)
        kinds.add(bool(answer.tool_calls))
    assert kinds == {True, False}


def test_a_thought_is_free_and_what_follows_is_held(random_model: TransformersAdapter, tmp_path: Path) -> None:
    opened = TransformersAdapter(model=str(build(tmp_path, template=OPENED)), threads=1)
    schema, thoughts = SCHEMAS["tags as values"], 0
    for model in (random_model, opened):
        for seed in range(0, 24, 3):
            config = GenerationConfig(seed=seed, temperature=1.5, max_tokens=400, thinking_budget=seed)
            answer = model.generate(QUESTION, replace(config, response_format=JsonFormat(schema, strict=True)))
            assert answer.usage is not None and answer.usage.reasoning_tokens is not None
            assert answer.usage.reasoning_tokens <= seed
            check(schema, answer.text)
            thoughts += bool(answer.reasoning)
            called = model.generate(QUESTION, replace(config, tools=TOOLS, tool_choice="required", max_tokens=500))
            check_calls(called, complete=called.finish_reason != "length")
            assert called.tool_calls
    assert thoughts >= 7


def test_a_thought_the_model_ends_itself(speaker: Speaker) -> None:
    """It would say something else behind the closing tag; the form is stronger."""
    spoken = "<think>\nHmm… 🤔 <|x</think>\n\nNon !"
    form = ChoiceFormat(("oui 🙂", "Non, rien"))
    answer = speaker(spoken).generate(QUESTION, GenerationConfig(temperature=0.0, response_format=form))
    assert (answer.reasoning, answer.text, answer.finish_reason) == ("Hmm… 🤔 <|x", "Non, rien", "stop")
    ended = speaker("<think>Sans fin").generate(
        QUESTION, GenerationConfig(temperature=0.0, response_format=form, max_tokens=60)
    )
    assert ended.reasoning.startswith("Sans fin")
    assert ended.text in form.choices


def test_an_answer_cut_by_its_limit_says_so(random_model: TransformersAdapter) -> None:
    form = JsonFormat(closed(long={"type": "string", "minLength": 50}), strict=True)
    answer = random_model.generate(QUESTION, replace(TEMPERATE, tools=(), response_format=form, max_tokens=20))
    assert answer.finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 20
    assert answer.text.startswith('{"long": "')


def test_the_end_of_the_form_is_the_end_however_many_tokens_were_wished(random_model: TransformersAdapter) -> None:
    config = replace(TEMPERATE, tools=(), response_format=ChoiceFormat(("oui", "non")), min_tokens=50)
    answer = random_model.generate(QUESTION, config)
    assert (answer.text in {"oui", "non"}, answer.finish_reason) == (True, "stop")
    pattern = replace(config, response_format=RegexFormat("[ab]*"), min_tokens=8, max_tokens=20)
    assert len(random_model.generate(QUESTION, pattern).text) >= 8


def test_log_probabilities_are_told_of_every_token_also_of_one_without_a_choice(
    random_model: TransformersAdapter,
) -> None:
    config = replace(TEMPERATE, tools=(), response_format=JsonFormat(SCHEMAS["nested"], strict=True))
    plain = random_model.generate(QUESTION, config)
    told = random_model.generate(QUESTION, replace(config, logprobs=2))
    check(SCHEMAS["nested"], plain.text)
    check(SCHEMAS["nested"], told.text)
    assert "".join(own.token for own in told.logprobs) == told.text
    assert all(own.logprob < 0 and len(own.alternatives) == 2 for own in told.logprobs)


REFUSED: Sequence[tuple[dict[str, object], str]] = [
    ({"type": "array", "uniqueItems": True}, "uniqueItems"),
    ({"not": {"type": "string"}}, "not"),
    ({"if": {"type": "string"}, "then": {"maxLength": 1}}, "if"),
    ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
    ({"type": "object", "minProperties": 2}, "minProperties"),
    ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
    ({"type": "string", "x-guidance": {"lenient": True}, "not": {}}, "not"),
]


@pytest.mark.parametrize(("schema", "keyword"), REFUSED)
def test_what_cannot_be_enforced_is_refused_by_name_where_it_has_to_be(
    random_model: TransformersAdapter, schema: dict[str, object], keyword: str
) -> None:
    form = JsonFormat(closed(a=schema), strict=True)
    tool = ToolSpec("météo", "", closed(a=schema), strict=True)
    asked = (
        replace(TEMPERATE, tools=(), response_format=form),
        replace(TEMPERATE, tools=(tool,), tool_choice="required"),
        replace(TEMPERATE, tools=(tool,)),
    )
    for config in asked:
        stream = random_model.stream(QUESTION, config)
        with pytest.raises(InvalidRequestError, match=re.escape(keyword)) as refused:
            next(iter(stream))
        assert refused.value.hint
    assert not random_model.enforces(form)
    loose = replace(form, strict=False)
    assert not random_model.enforces(loose)
    first = next(iter(random_model.stream(QUESTION, replace(TEMPERATE, tools=(), response_format=loose))))
    assert isinstance(first, Notice)
    assert keyword in first.text
    lax = replace(TEMPERATE, tools=(replace(tool, strict=False),), tool_choice="required", max_tokens=80)
    called = random_model.generate(QUESTION, lax)
    assert called.text == ""
    assert called.finish_reason == "length" or set(json.loads(called.tool_calls[0].arguments)) <= {"a"}


def test_an_answer_left_at_its_notice_is_not_written(random_model: TransformersAdapter) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "not": {"const": "x"}}}}
    asked = replace(TEMPERATE, tools=(), response_format=JsonFormat(schema), max_tokens=None)
    stream = random_model.stream(QUESTION, asked)
    assert isinstance(next(stream), Notice)
    running = random_model._running  # pyright: ignore[reportPrivateUsage]
    assert running
    stream.close()
    random_model.generate(QUESTION, GenerationConfig(max_tokens=1))
    assert not running.engine._scheduler.running  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("schema", [
    {"type": "integer", "minimum": 5, "maximum": 3}, {"$ref": "#"}, {"type": "strin"}, {"$ref": "#/nowhere"},
    {"$ref": "https://example.org/schema"}, {"const": float("nan")}, {"type": "object", "x": object()},
    {"$ref": "#/$defs/a0", "$defs": {f"a{at}": {"$ref": f"#/$defs/a{at + 1}"} for at in range(3000)}},
    {"enum": ["a" * 200_000]}, {"type": "integer", "minimum": 10**30},
])  # fmt: skip
def test_an_impossible_schema_fails_alone(random_model: TransformersAdapter, schema: dict[str, object]) -> None:
    form = JsonFormat(schema, strict=True)
    with pytest.raises(InvalidRequestError):
        random_model.generate(QUESTION, replace(TEMPERATE, tools=(), response_format=form))
    fine = replace(TEMPERATE, tools=(), response_format=JsonFormat(SCHEMAS["nested"], strict=True))
    check(SCHEMAS["nested"], random_model.generate(QUESTION, fine).text)


@pytest.mark.parametrize("pattern", ["(a", "(?=a)b", r"(a)\1"])
def test_a_pattern_nobody_can_read_is_refused(random_model: TransformersAdapter, pattern: str) -> None:
    with pytest.raises(InvalidRequestError, match="pattern"):
        random_model.generate(QUESTION, replace(TEMPERATE, tools=(), response_format=RegexFormat(pattern)))


def test_answers_side_by_side_are_those_each_gives_alone(random_model: TransformersAdapter) -> None:
    configs = [
        replace(config, response_format=JsonFormat(schema, strict=True))
        for config, schema in zip(seeds(len(SCHEMAS)), SCHEMAS.values(), strict=True)
    ]
    alone = [random_model.generate(QUESTION, config).text for config in configs]
    with ThreadPoolExecutor(len(configs)) as pool:
        answers = [pool.submit(random_model.generate, QUESTION, config) for config in configs]
        assert [answer.result().text for answer in answers] == alone


def _finds_all_but_llguidance(name: str) -> object | None:
    return None if name == "llguidance" else object()


def test_without_the_library_nothing_is_promised_and_what_is_asked_is_refused(
    random_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar.importlib.util, "find_spec", _finds_all_but_llguidance)
    model = TransformersAdapter(model=str(random_folder), threads=1)
    assert {"response_format", "tool_choice", "parallel_tool_calls"}.isdisjoint(model.honoured)
    assert {"tools", "thinking", "logprobs"} <= model.honoured
    with pytest.raises(MissingDependencyError, match="llguidance"):
        model.generate(QUESTION, GenerationConfig(response_format=JsonFormat()))
