"""What forty lines without a model reach: the function with most words in common, its arguments filled in order.

It is scored beside the model, so that the model's figures can be judged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from unified_intelligence.embedded.functions import Field, Function, function_of_spec
from unified_intelligence.embedded.reading import Candidate, Reading, fold
from unified_intelligence.entities.tools import ToolSpec

_NAME = re.compile(r"(?<=[a-z] )[A-Z][\w'-]+(?:,? [A-Z][\w'-]+)*|\"[^\"]+\"|'[^']+'")
_AFTER = re.compile(r"\b(?:in|for|to|from|of|at|with|on|de|à|pour|dans)\s+([\w'-]+)")


def heuristic_call(question: str, specs: Sequence[ToolSpec]) -> tuple[str, dict[str, object]]:
    """The name and the arguments of a call; it never says that nothing fits."""
    reading = Reading.of(question)
    words = set(re.findall(r"[a-z]{3,}", fold(question)))
    best = max(specs, key=lambda spec: len(words & set(re.findall(r"[a-z]{3,}", fold(f"{spec.name} {spec.description}")))))
    function = function_of_spec(best)
    numbers = [candidate for sort in reading.candidates("figure") for candidate in sort]
    texts = [match.group().strip("\"'") for match in _NAME.finditer(question)]
    texts += [match.group(1) for match in _AFTER.finditer(question)]
    arguments: dict[str, object] = {}
    for field in function.fields:
        value = _value(field, function, reading, numbers, texts)
        if value is not None:
            arguments[field.name] = value
    return function.name, arguments


def _value(field: Field, function: Function, reading: Reading, numbers: list[Candidate], texts: list[str]) -> object:
    if field.choices:
        said = [choice.value for choice in field.choices if fold(str(choice.value)) in reading.text]
        return said[0] if said else field.choices[0].value if field.required else None
    if field.kind in {"figure", "integer"}:
        wanted = field.required or len(numbers) > sum(f.required and f.kind in {"figure", "integer"} for f in function.fields)
        return numbers.pop(0).value if numbers and wanted else None
    if field.kind in {"figures", "integers"}:
        taken, numbers[:] = [number.value for number in numbers], []
        return taken or None
    if field.kind in {"text", "texts"} and field.required and texts:
        return [texts.pop(0)] if field.kind == "texts" else texts.pop(0)
    return None
