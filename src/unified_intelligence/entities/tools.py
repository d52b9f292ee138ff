"""What a model may call, and what it called. Running a call is not decided here."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function as a model sees it: `parameters` is a JSON Schema of type object.

    `strict` asks that no call goes out whose arguments do not satisfy it.
    """

    name: str
    description: str
    parameters: Mapping[str, object]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as a model made it: `arguments` is the JSON text it wrote, not yet validated."""

    id: str
    name: str
    arguments: str
