"""An answer that has to be JSON, from a model that can only be told so: the instruction, the reading, the check."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NoReturn

from unified_intelligence.serving.json_schema import Schema

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import JsonFormat

_FENCED = re.compile(r"```[^\S\n]*[\w+-]*[^\S\n]*\n(.*?)\n?[^\S\n]*```", re.DOTALL)


class JsonAnswer:
    """What `response_format` asks for."""

    def __init__(self, wanted: JsonFormat) -> None:
        """Raises InvalidRequestError for a schema nobody can check."""
        self._schema = None if wanted.schema is None else Schema(wanted.schema, "The schema of response_format")

    @property
    def instruction(self) -> str:
        if self._schema is None:
            return "Answer with one JSON object and nothing else: no explanation, no code fence."
        return (
            "Answer with one JSON document and nothing else: no explanation, no code fence. "
            f"It must satisfy this JSON Schema:\n{self._schema.text}"
        )

    def fault(self, text: str) -> str:
        """What is wrong with the JSON text, a sentence without its dot; empty if nothing is."""
        try:
            value = read_json(text)
        except ValueError as error:
            return f"the answer is not JSON: {error}"
        if self._schema is not None:
            return self._schema.fault(value)
        return "" if isinstance(value, dict) else "the answer is JSON, but not an object"


def bare_json(text: str) -> str:
    """The text without the blanks and the code fence around it."""
    text = text.strip()
    fenced = _FENCED.fullmatch(text)
    return fenced.group(1).strip() if fenced else text


def read_json(text: str) -> object:
    """JSON as its standard has it: NaN and Infinity are none. Raises ValueError, for too deep a nesting too."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")
