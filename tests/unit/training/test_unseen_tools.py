"""What the training examples of unseen tools promise."""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import islice

import pytest

from training.embedded.unseen_library import NUMERIC, library
from training.embedded.unseen_tools import Example, examples, names
from training.embedded.unseen_values import BUILDERS, in_words, word_lists

IN_WORDS = (range(100), range(100, 10_000, 100), range(10_000, 1_000_000, 1000))


@pytest.fixture(scope="module")
def sample() -> list[Example]:
    return list(islice(examples(11), 6000))


def properties(parameters: Mapping[str, object]) -> dict[str, dict[str, object]]:
    found = parameters["properties"]
    assert isinstance(found, dict)
    return found


def is_said(number: float, query: str) -> bool:
    """In digits, with a point or a comma, in groups of three or not; or in words, where a number is so round."""
    plain = re.sub(r"(?<=\d)[ ,](?=\d{3}(?!\d))", "", query)
    digits = (found for text in (query, plain) for found in re.findall(r"\d+(?:[.,]\d+)?", text))
    if any(float(found.replace(",", ".")) == number for found in digits):
        return True
    if not any(number in numbers for numbers in IN_WORDS):
        return False
    words = (in_words(int(number), language) for language in ("en", "fr"))
    return any(said and said in query.lower() for said in words)


def test_same_seed_same_examples() -> None:
    assert list(islice(examples(3), 300)) == list(islice(examples(3), 300))
    assert list(islice(examples(3), 50)) != list(islice(examples(4), 50))


def test_calls_fit_their_schema_and_are_copied_from_the_query(sample: list[Example]) -> None:
    types = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}
    for example in sample:
        if example.call is None:
            continue
        tool = next(t for t in example.tools if t.name == example.call["name"])
        arguments = example.call["arguments"]
        assert isinstance(arguments, dict)
        offered = properties(tool.parameters)
        assert [key for key in offered if key in arguments] == list(arguments)
        required = tool.parameters["required"]
        assert isinstance(required, list) and set(required) <= set(arguments)
        for key, value in arguments.items():
            schema = offered[key]
            assert isinstance(value, types[str(schema["type"])]), (key, value)
            if "enum" in schema:
                assert isinstance(schema["enum"], list) and value in schema["enum"]
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, str):
                    assert part and part in example.query, (part, example.query)
                elif not isinstance(part, bool):
                    assert is_said(abs(part), example.query), (part, example.query)


def test_tool_names_of_an_example_differ(sample: list[Example]) -> None:
    for example in sample:
        assert 1 <= len(example.tools) <= 5
        assert len({tool.name for tool in example.tools}) == len(example.tools)


def test_shares(sample: list[Example]) -> None:
    assert 0.09 < sum(e.call is None for e in sample) / len(sample) < 0.15
    assert 0.25 < sum(e.language == "fr" for e in sample) / len(sample) < 0.35
    called = Counter(str(e.call["name"]) for e in sample if e.call)
    assert len(called) > 3000
    assert called.most_common(1)[0][1] < 40


def test_library_is_broad_and_sound() -> None:
    functions = library()
    assert len(names()) == len(functions) >= 160
    assert len({f.domain for f in functions}) >= 60
    kinds = {*word_lists(), *BUILDERS, *NUMERIC, "enum", "bool"}
    for function in functions:
        assert function.english and function.french, function.name
        assert {item.kind for item in function.fields} <= kinds, function.name


@pytest.mark.parametrize(("number", "english", "french"), [(21, "twenty-one", "vingt et un"), (71, "seventy-one", "soixante et onze"), (80, "eighty", "quatre-vingts"), (91, "ninety-one", "quatre-vingt-onze"), (300, "three hundred", "trois cents"), (1000, "one thousand", "mille")])  # fmt: skip
def test_numbers_in_words(number: int, english: str, french: str) -> None:
    assert in_words(number, "en") == english
    assert in_words(number, "fr") == french


def test_no_notation_is_left_in_queries(sample: list[Example]) -> None:
    assert not [e.query for e in sample if re.search(r"[<>{}|]|  ", e.query)]
