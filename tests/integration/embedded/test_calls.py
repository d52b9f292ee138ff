"""Calls are complete, valid and made of the question, whatever the model's weights: tested with random ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from unified_intelligence.embedded.calls import MOST_NUMBERS, MOST_TEXTS, call_text, decide, list_literal
from unified_intelligence.embedded.forward import Cache, Qwen3Forward, Shape
from unified_intelligence.embedded.functions import built_in_function, function_of_spec, label, prompt_form
from unified_intelligence.embedded.prompt import render
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.embedded.router import FOLDER
from unified_intelligence.embedded.tokens import Tokens
from unified_intelligence.entities.tools import ToolSpec

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

QUESTIONS = (
    "Book a table for 4 at Chez Léa on 3 May 2025, budget 10,000 or 100, vegetarian, tags a b and c",
    "Réserve pour 12 personnes à l'Hôtel d'Été à 5 % ou 10 ou 100, 🙂",
    "nothing",
    "7",
)
SPEC = ToolSpec(
    "bookTable",
    "Books a table",
    {
        "type": "object",
        "properties": {
            "place": {"type": "string"},
            "guests": {"type": "integer"},
            "budget": {"type": "number"},
            "diet": {"type": "string", "enum": ["Vegetarian", "vegan", "none"]},
            "outside": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "amounts": {"type": "array", "items": {"type": "number"}},
            "extra": {"type": "object"},
        },
        "required": ["place", "guests", "diet"],
    },
)


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens.load(FOLDER)


@pytest.fixture(scope="module", params=range(4))
def careless(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Qwen3Forward:
    """A model that knows nothing: whatever it writes, the decoder must have held it to the schema."""
    folder = tmp_path_factory.mktemp("careless")
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    torch.manual_seed(request.param)
    tiny = transformers.Qwen3Config(
        vocab_size=config["vocab_size"], hidden_size=32, intermediate_size=32, num_hidden_layers=1, head_dim=16,
        num_attention_heads=2, num_key_value_heads=2, tie_word_embeddings=True, max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, initializer_range=1.0,
    )  # fmt: skip
    transformers.Qwen3ForCausalLM(tiny).save_pretrained(folder)
    return Qwen3Forward.load(folder)


@pytest.mark.parametrize("question", QUESTIONS)
def test_any_call_holds_to_the_schema_and_to_the_question(
    careless: Qwen3Forward, tokens: Tokens, question: str, tmp_path: Path
) -> None:
    reading = Reading.of(question)
    prompt = render(FOLDER, reading.text, [prompt_form(SPEC)])
    call = decide(careless, tokens, prompt, [function_of_spec(SPEC)], reading).call
    assert call is not None
    written = json.loads("{" + ", ".join(f'"{key}": {value}' for key, value in call.literals.items()) + "}")
    assert set(call.arguments) | set(call.missing) >= {"place", "guests", "diet"}
    assert set(written) == {label(name) for name in call.arguments}
    assert list(call.arguments) == [name for name in SPEC.parameters["properties"] if name in call.arguments]  # type: ignore[attr-defined]
    assert "extra" not in call.arguments
    assert call.arguments["diet"] in {"Vegetarian", "vegan", "none"}
    if "place" in call.arguments:
        assert str(call.arguments["place"]) in question
    numbers = {quantity.value for quantity in reading.quantities}
    assert {call.arguments[name] for name in ("guests", "budget") if name in call.arguments} <= numbers
    if "guests" in call.arguments and "budget" in call.arguments:
        assert call.arguments["guests"] != call.arguments["budget"]  # a number fills one argument


def test_what_the_question_does_not_hold_is_missing_not_invented(careless: Qwen3Forward, tokens: Tokens) -> None:
    reading = Reading.of("a table please")
    call = decide(careless, tokens, render(FOLDER, reading.text), [function_of_spec(SPEC)], reading).call
    assert call is not None
    assert call.missing == ("guests",)


def test_a_call_written_in_pieces_is_the_call_written_at_once(tokens: Tokens) -> None:
    literals = {
        "place": '"l\'été, 2"',
        "guests": "10",
        "amounts": list_literal(["1.5", "-2"]),
        "tags": list_literal(['"a"', '"b"']),
    }
    text = call_text("book_table", literals)
    assert json.loads(text.removeprefix("<tool_call>").removesuffix("</tool_call>")) == {
        "name": "book_table",
        "arguments": {"place": "l'été, 2", "guests": 10, "amounts": [1.5, -2], "tags": ["a", "b"]},
    }
    pieces = ["<tool_call>", '\n{"name": "', "book_table", '", "arguments": {']
    for index, (name, literal) in enumerate(literals.items()):
        pieces += ['"' + name if not index else name, '": ', literal, ', "' if index < 3 else "}}\n</tool_call>"]
    assert "".join(pieces) == text
    assert [token for piece in pieces for token in tokens.encode(piece)] == tokens.encode(text)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("getWeather", "get_weather"), ("math.hypot", "math.hypot"), ("HTTPGet", "httpget"), ("été", "ete")],
)
def test_labels(name: str, shown: str) -> None:
    assert label(name) == shown


@pytest.mark.parametrize("kind", ["string", "number"])
def test_a_list_has_a_longest_length(careless: Qwen3Forward, tokens: Tokens, kind: str) -> None:
    """However long the question: a model that never closes a list must not go on for minutes."""
    longest = {"string": MOST_TEXTS, "number": MOST_NUMBERS}[kind]
    spec = ToolSpec("f", "", {"properties": {"x": {"type": "array", "items": {"type": kind}}}, "required": ["x"]})
    reading = Reading.of("; ".join(f"item{i} costs {i}" for i in range(10, 50)))
    call = decide(careless, tokens, render(FOLDER, reading.text), [function_of_spec(spec)], reading).call
    assert call
    listed = cast("list[object]", call.arguments["x"])
    assert 1 <= len(listed) <= longest
    assert len(set(listed)) == len(listed)


def test_a_figure_of_another_kind_is_not_forced_on_a_required_argument(tokens: Tokens) -> None:
    """ "At 18% for 3 years" lacks the sum: the model may go on to the rate, and does where it is trained to."""

    (rate, *_) = tokens.encode("rate")

    class Skips(Qwen3Forward):
        def __init__(self) -> None:
            self.shape = Shape(1, 1, 1, 2, 1e-6, 1e4, 4096)

        def step(self, tokens: Sequence[int], cache: Cache) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
            cache.length += len(tokens)
            logits = np.zeros(8192, np.float32)
            logits[rate] = 9.0
            return logits

    reading = Reading.of("compound interest at 18% for 3 years")
    functions = [built_in_function("compound_interest")]
    call = decide(Skips(), tokens, "?", functions, reading).call
    assert call
    assert call.arguments["rate"] == "18%"
    assert call.missing == ("principal",)
