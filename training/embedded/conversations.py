"""Examples as the conversations a model is trained on: the prompt the program will show it, and what it should write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import cast

from training.embedded import built_in_examples, unseen_tools
from unified_intelligence.embedded.calls import NO_CALL, call_text, list_literal
from unified_intelligence.embedded.functions import Field, function_of_spec, label, prompt_form
from unified_intelligence.embedded.prompt import render
from unified_intelligence.embedded.reading import Reading, fold, number_text

MODEL = Path(__file__).parents[2] / "src/unified_intelligence/embedded/model"
END = "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Conversation:
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Mixture:
    """Shares of all conversations: those over a user's tools, and, of the others, those no tool answers.

    `closed` is the weight of the tools that are told by words alone (see `built_in_examples.CLOSED`).
    """

    unseen: float = 0.4
    none: float = 0.3
    closed: float = 1.0


def conversations(seed: int, mixture: Mixture) -> Iterator[Conversation]:
    """Endless and deterministic."""
    random = Random(seed)
    built_in = built_in_examples.examples(random.getrandbits(32), mixture.none, mixture.closed)
    unseen = unseen_tools.examples(random.getrandbits(32))
    while True:
        if random.random() < mixture.unseen:
            example = next(unseen)
            question = built_in_examples.with_context(random, example.language, example.query)
            made = of_unseen(replace(example, query=question))
            if made is not None:
                yield made
        else:
            yield of_built_in(next(built_in))


def of_built_in(example: built_in_examples.Example) -> Conversation:
    completion = NO_CALL if example.function is None else call_text(example.function, example.literals)
    return Conversation(render(MODEL, example.reading.text), completion + END)


def of_unseen(example: unseen_tools.Example) -> Conversation | None:
    """None where an argument cannot be found again in the question as the model reads it."""
    reading = Reading.of(example.query, example.language)
    prompt = render(MODEL, reading.text, [prompt_form(spec) for spec in example.tools])
    if example.call is None:
        return Conversation(prompt, NO_CALL + END)
    name, arguments = example.call["name"], cast("Mapping[str, object]", example.call["arguments"])
    function = next(function_of_spec(spec) for spec in example.tools if spec.name == name)
    literals: dict[str, str] = {}
    for field in function.fields:
        if field.name in arguments:
            literal = _literal(field, arguments[field.name], reading)
            if literal is None:
                return None
            literals[field.label] = literal
    return Conversation(prompt, call_text(label(str(name)), literals) + END)


def _literal(field: Field, value: object, reading: Reading) -> str | None:
    if field.choices:
        return next((choice.literal for choice in field.choices if choice.value == value), None)
    if isinstance(value, list):
        elements = [_scalar(element, reading) for element in cast("list[object]", value)]
        return None if None in elements else list_literal(cast("list[str]", elements))
    return _scalar(value, reading)


def _scalar(value: object, reading: Reading) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, int | float):
        return number_text(value) if any(q.value == value for q in reading.quantities) else None
    for text in (fold(value), Reading.of(value, reading.language).text):
        if text and text in reading.text and '"' not in text:
            return json.dumps(text, ensure_ascii=False)
    return None
