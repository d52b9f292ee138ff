"""Chat completions over a model of random weights that is held to a form: right at the first try, streamed as made."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal

import openai
import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.integration.serving.served import Served, serving
from tests.tiny_qwen3 import build
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "le-modèle"
ASKED: Any = [{"role": "user", "content": "Ça va ? 🙂"}]
OFF = {"enable_thinking": False}


class Ville(BaseModel):
    model_config = ConfigDict(extra="forbid")
    nom: Literal["Orléans 🙂", "Zürich", "</think>"]
    habitants: int = Field(ge=0, le=99)


CLOCK: Any = {
    "type": "function",
    "function": {
        "name": "heure",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"enum": ["Paris", "été 🙂"]}},
            "required": ["zone"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    folder: Path = build(tmp_path_factory.mktemp("random"))
    with serving(TransformersAdapter(model=str(folder), threads=1)) as served:
        yield served


@pytest.mark.parametrize("seed", range(3))
def test_what_is_parsed_is_what_was_asked_for(served: Served, seed: int) -> None:
    answer = served.client.chat.completions.parse(
        model=MODEL, messages=ASKED, response_format=Ville, seed=seed, temperature=2, max_tokens=200, extra_body=OFF
    )
    assert answer.choices[0].message.parsed is not None
    assert 0 <= answer.choices[0].message.parsed.habitants <= 99


def test_a_form_is_streamed_as_it_is_made(served: Served) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "v", "schema": Ville.model_json_schema()}}
    stream = served.client.chat.completions.create(
        model=MODEL, messages=ASKED, response_format=form, stream=True, seed=1, max_tokens=200, extra_body=OFF
    )
    pieces = [chunk.choices[0].delta.content for chunk in stream if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 5
    Ville.model_validate_json("".join(pieces))


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "heure"}}])
def test_a_call_that_must_be_made_is_made(served: Served, choice: Any) -> None:
    answer = served.client.chat.completions.create(
        model=MODEL, messages=ASKED, tools=[CLOCK], tool_choice=choice, parallel_tool_calls=False, max_tokens=200,
        extra_body=OFF,
    )  # fmt: skip
    calls: Any = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in calls] == ["heure"]
    assert json.loads(calls[0].function.arguments)["zone"] in {"Paris", "été 🙂"}


def test_a_choice_in_the_words_of_vllm(served: Served) -> None:
    answer = served.client.chat.completions.create(
        model=MODEL, messages=ASKED, extra_body={**OFF, "structured_outputs": {"choice": ["oui 🙂", "non"]}}
    )
    assert answer.choices[0].message.content in {"oui 🙂", "non"}


def test_what_cannot_be_enforced_is_refused_where_it_is_strict_and_checked_where_it_is_not(served: Served) -> None:
    schema = {"type": "array", "items": {"enum": [1]}, "minItems": 2, "maxItems": 2, "uniqueItems": True}
    for strict in (True, False):
        form: Any = {"type": "json_schema", "json_schema": {"name": "v", "schema": schema, "strict": strict}}
        with pytest.raises(openai.APIStatusError) as refused:
            served.client.chat.completions.create(
                model=MODEL, messages=ASKED, response_format=form, max_tokens=50, extra_body=OFF
            )
        assert isinstance(refused.value, openai.BadRequestError) == strict
        assert "uniqueItems" in str(refused.value) or "[1, 1]" in str(refused.value)
