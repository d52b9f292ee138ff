"""Examples of built-in tools: the same for a seed, and made of what the decoder will offer."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from training.embedded.built_in_examples import Example, examples
from unified_intelligence.embedded.functions import built_in_function
from unified_intelligence.tools.registry import BUILT_IN


@pytest.fixture(scope="module")
def sample() -> list[Example]:
    return list(islice(examples(11), 900))


def test_same_seed_same_examples(sample: list[Example]) -> None:
    questions = [example.question for example in sample[:100]]
    assert [example.question for example in islice(examples(11), 100)] == questions
    assert [example.question for example in islice(examples(12), 100)] != questions


def test_what_is_written_is_offered_by_the_decoder(sample: list[Example]) -> None:
    for example in sample:
        if example.function is None:
            assert not example.literals
            continue
        fields = {field.label: field for field in built_in_function(example.function).fields}
        for label, literal in example.literals.items():
            field = fields[label]
            offered = {c.literal for sort in field.candidates(example.reading) for c in sort}
            if field.is_list:
                assert set(literal.strip("[]").split(",")) <= offered, example.question
            else:
                assert literal in offered, example.question


def test_arguments_stand_in_the_order_of_the_parameters(sample: list[Example]) -> None:
    for example in sample:
        order = [field.label for field in built_in_function(example.function).fields] if example.function else []
        assert list(example.literals) == [label for label in order if label in example.literals]


def test_a_call_can_be_run_or_says_what_is_wrong_with_its_figures(sample: list[Example]) -> None:
    """Where all that a tool needs was said, its arguments are read without an error."""
    for example in sample:
        if example.function is None:
            continue
        tool = BUILT_IN[example.function]
        needed = {parameter.name for parameter in tool.parameters if parameter.required}
        if needed <= set(example.literals) and example.function not in {"define", "calculate", "convert_units"}:
            tool.bind({name: json.loads(literal) for name, literal in _signed_rates(example).items()})


def _signed_rates(example: Example) -> dict[str, str]:
    """A bare 5 for a rate is read in percent points by the decoder: the value behind the literal is "5%"."""
    fields = {field.label: field for field in built_in_function(str(example.function)).fields}
    return {
        label: json.dumps(f"{literal}%") if fields[label].kind == "rate" and literal[0] != '"' else literal
        for label, literal in example.literals.items()
    }


def test_shares(sample: list[Example]) -> None:
    none = sum(example.function is None for example in sample) / len(sample)
    french = sum(example.reading.language == "fr" for example in sample) / len(sample)
    assert 0.24 < none < 0.36
    assert 0.4 < french < 0.6
    assert {example.function for example in sample} == {*BUILT_IN, None}
    assert all(example.function is None for example in islice(examples(1, none_share=1.0), 20))
    assert all(example.function for example in islice(examples(1, none_share=0.0), 20))
