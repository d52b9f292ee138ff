"""What a stranger would try: each case once went wrong. Only through the adapter, whatever computes behind it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.integration.engine.tiny_adapters import write
from tests.integration.engine.tiny_models import tiny
from tests.tiny_qwen3 import build
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.entities.errors import (
    ConfigurationError,
    InvalidRequestError,
    ModelError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    GenerationConfig,
    JsonFormat,
    RegexFormat,
    ResponseFormat,
)
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.profiles.qwen3 import parse_tool_call

LIBRARY: Any = transformers  # half typed
BARE = "{% for message in messages %}{{ message.content }}{% endfor %}"
LONGROPE = {
    "rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64,
    "short_factor": [1.0] * 4, "long_factor": [3.0] * 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("review") / "modèle")


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[TransformersAdapter]:
    adapter = TransformersAdapter(model=str(folder), threads=1, memory=0.05)
    yield adapter
    adapter.close()


def asked(**how: Any) -> GenerationConfig:
    usual: dict[str, Any] = {"max_tokens": 60, "temperature": 1.0, "seed": 1, "thinking": False}
    return GenerationConfig(**(usual | how))


def of_kind(folder: Path, kind: str, **more: Any) -> Path:
    """A model of another family with the tokenizer of the tiny Qwen3."""
    build(folder, template=BARE)
    tokenizer = LIBRARY.AutoTokenizer.from_pretrained(folder)
    sizes: dict[str, Any] = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    tiny(kind, **(sizes | more)).save_pretrained(folder)
    return folder


def test_positions_that_stretch_with_a_text_are_those_of_the_whole_prompt(tmp_path: Path) -> None:
    """Read in pieces beside others, the first piece would be a short text, and have the angles of one."""
    folder = of_kind(tmp_path / "m", "Llama", rope_parameters=LONGROPE)
    prompts = [f"{letter} été, " * count for letter, count in (("a", 35), ("b", 1), ("c", 30))]
    how = GenerationConfig(max_tokens=12, temperature=0.0)
    with_all = answers(TransformersAdapter(model=str(folder), threads=1, memory=0.05), prompts, how)
    assert with_all == [by_generate(folder, prompt, 12) for prompt in prompts]


def answers(adapter: TransformersAdapter, prompts: Sequence[str], how: GenerationConfig) -> list[Any]:
    """Of all at once: texts, and what was raised instead of one."""

    async def one(prompt: str) -> str | UnifiedIntelligenceError:
        try:
            return (await adapter.agenerate(prompt, how)).text
        except UnifiedIntelligenceError as error:
            return error

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*map(one, prompts))

    try:
        return asyncio.run(ask_all())
    finally:
        adapter.close()


def by_generate(folder: Path, prompt: str, limit: int) -> str:
    tokenizer = LIBRARY.AutoTokenizer.from_pretrained(folder)
    own = LIBRARY.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokens = tokenizer.encode(prompt, add_special_tokens=False, return_tensors="pt")
    with torch.inference_mode():
        made = own.generate(tokens, attention_mask=torch.ones_like(tokens), do_sample=False, max_new_tokens=limit)
    return tokenizer.decode(made[0, tokens.shape[1] :], skip_special_tokens=True).rstrip("\ufffd")


def test_a_burst_into_free_slots_is_no_full_queue(folder: Path) -> None:
    how = GenerationConfig(max_tokens=20, temperature=0.0)
    few = TransformersAdapter(model=str(folder), threads=1, memory=0.05, slots=8, queue=1)
    assert all(isinstance(text, str) for text in answers(few, [f"{number} 🙂" for number in range(8)], how))
    none_waits = TransformersAdapter(model=str(folder), threads=1, memory=0.05, slots=1, queue=0)
    come = answers(none_waits, ["a", "b", "c"], how)
    assert sorted(type(text).__name__ for text in come) == ["ServerBusyError", "ServerBusyError", "str"]


@pytest.mark.parametrize(("option", "value"), [
    ("slots", 0), ("slots", -1), ("queue", -1), ("threads", 0),
    ("memory", 0.0), ("memory", -1.0), ("memory", math.nan), ("memory", math.inf),
])  # fmt: skip
def test_numbers_with_which_nobody_is_answered_are_refused_at_once(folder: Path, option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=option):
        TransformersAdapter(model=str(folder), **{option: value})


@pytest.mark.parametrize(("template", "kind", "said"), [
    ("{{ 1 + 'a' }}", InvalidRequestError, "breaks at the conversation"),
    ("{{ 1 // 0 }}", InvalidRequestError, "breaks at the conversation"),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", InvalidRequestError, "breaks at the conversation"),
    ("{{ 'a' * 10 ** 15 }}", InvalidRequestError, "MemoryError"),
    ("{% include '/etc/passwd' %}", InvalidRequestError, "breaks at the conversation"),
    ("{{ ''.__class__.__mro__ }}", InvalidRequestError, "unsafe"),
    ("{% if %}", ModelError, "template of .* is damaged"),
])  # fmt: skip
def test_a_template_that_breaks_is_told_and_nothing_of_it_runs(
    folder: Path, tmp_path: Path, template: str, kind: type[Exception], said: str
) -> None:
    own = build(tmp_path / "m", template=template)
    adapter = TransformersAdapter(model=str(own), threads=1, memory=0.05)
    with pytest.raises(kind, match=said):
        adapter.generate("Ça va ?", asked())
    adapter.close()


def test_a_template_that_is_no_text_is_told(tmp_path: Path) -> None:
    folder = build(tmp_path / "m")
    (folder / "chat_template.jinja").write_bytes(b"\xe9")
    with pytest.raises(ModelError, match="no text"):
        TransformersAdapter(model=str(folder))


def test_an_end_token_beyond_the_vocabulary_never_comes_and_breaks_nothing(tmp_path: Path) -> None:
    folder = build(tmp_path / "m")
    saved = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(saved | {"eos_token_id": [10**9, -1]}))
    adapter = TransformersAdapter(model=str(folder), threads=1, memory=0.05)
    come = adapter.generate("Ça va ?", asked(min_tokens=9, max_tokens=9))
    assert come.usage
    assert come.usage.completion_tokens == 9
    assert adapter.generate("Ça va ?", asked(response_format=ChoiceFormat(("été",)))).text == "été"
    adapter.close()


def test_weights_that_are_no_numbers_are_told_when_they_are_loaded(tmp_path: Path) -> None:
    own = tiny("Llama", vocab_size=300)
    torch.nn.init.constant_(own.model.norm.weight, math.nan)
    folder = build(tmp_path / "m")
    own.save_pretrained(folder)
    with pytest.raises(ModelError, match="no finite numbers"):
        TransformersAdapter(model=str(folder), threads=1, memory=0.05).generate("é", asked())


@pytest.mark.parametrize("text", ["a\x00b", "\x1b", "\x7f"])
@pytest.mark.parametrize("keyword", ["const", "enum"])
def test_a_value_that_cannot_be_spelled_is_refused_and_not_shortened(
    model: TransformersAdapter, text: str, keyword: str
) -> None:
    wanted = {keyword: text if keyword == "const" else [text, "b"]}
    for schema in (wanted, {"type": "object", "properties": {"x": {"anyOf": [wanted, {"type": "null"}]}}}):
        with pytest.raises(InvalidRequestError, match="control character"):
            model.generate("é", asked(response_format=JsonFormat(schema, strict=True)))
    assert not model.enforces(JsonFormat(wanted))


@pytest.mark.parametrize("text", ["\x00", "a\tb\n", "\x7f", "\u2028", "e\u0301\u0300", "👩‍👩‍👧‍👦", '"\\/', "</think>"])
def test_a_choice_and_an_allowed_value_are_given_to_the_letter(model: TransformersAdapter, text: str) -> None:
    assert model.generate("é", asked(response_format=ChoiceFormat((text,)))).text == text
    if text not in {"\x00", "\x7f"}:
        come = model.generate("é", asked(response_format=JsonFormat({"const": {"é": [text]}}, strict=True))).text
        assert json.loads(come) == {"é": [text]}


def test_thousands_of_choices_that_begin_alike_are_one_form(model: TransformersAdapter) -> None:
    choices = tuple(f"choix numéro {number}" for number in range(4000))
    assert model.generate("é", asked(response_format=ChoiceFormat(choices))).text in choices


@pytest.mark.parametrize("wanted", [
    ChoiceFormat(("\ud800",)), RegexFormat("\ud800"), JsonFormat({"const": "\ud800"}, strict=True),
    JsonFormat({"properties": {"\ud800": {}}}),
])  # fmt: skip
def test_half_a_character_in_a_form_is_the_requests_fault(model: TransformersAdapter, wanted: ResponseFormat) -> None:
    with pytest.raises(InvalidRequestError):
        model.generate("é", asked(response_format=wanted))


def test_a_number_too_large_for_a_float_stays_json_in_a_call() -> None:
    call = parse_tool_call('\n{"arguments": {"é": [1e999, -2E999]}, "name": "x"}\n', "call_0")
    assert call.arguments == '{"é": [1e999, -2E999]}'


def test_every_number_of_a_call_that_is_held_is_json(model: TransformersAdapter) -> None:
    number: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    tools = (ToolSpec("zähle", "", number | {"additionalProperties": False}, strict=True),)
    for seed in range(40):
        come = model.generate("é", asked(tools=tools, tool_choice="required", seed=seed, parallel_tool_calls=False))
        for call in come.tool_calls:
            json.loads(call.arguments, parse_constant=pytest.fail)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("levels", [300, 480, 600, 900])
def test_a_form_nested_too_deeply_is_refused_wherever_that_shows(
    model: TransformersAdapter, levels: int, strict: bool
) -> None:
    schema: dict[str, Any] = {"type": "null"}
    value: list[Any] = []
    for _ in range(levels):
        schema, value = {"items": schema}, [value]
    for deep in (schema, {"const": value}):
        with pytest.raises(InvalidRequestError):
            model.generate("é", asked(response_format=JsonFormat(deep, strict=strict)))


@pytest.mark.parametrize("settings", [
    {"alpha_pattern": {"(": 4}}, {"alpha_pattern": {"q_proj": "x"}}, {"alpha_pattern": [1]},
    {"init_lora_weights": ["x"]}, {"target_modules": [7]}, {"rank": 0},
])  # fmt: skip
def test_an_adapter_that_contradicts_itself_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    own = write(tmp_path / "é", LIBRARY.AutoModelForCausalLM.from_pretrained(folder), **settings)
    with pytest.raises((ConfigurationError, ModelError), match=r"cannot be used|lacks what|does not fit"):
        TransformersAdapter(model=str(folder), threads=1, memory=0.05, adapters={"é": str(own)}).generate("?", asked())
