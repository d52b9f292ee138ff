"""How a case is put to a model, and how its answer is read: the two belong together, and scores differ by them.

`completions-hermes` writes the functions into the system message to the letter as the leaderboard's handler of Qwen3
does, so that a server whose chat template is Qwen's sees the handler's own prompt. `chat-tools` sends them as tools,
as the handler of OpenAI's API does. `prompt` asks for Python in plain words, for models that know no tools.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.evaluation.bfcl.cases import Case

HERMES: Final = "completions-hermes"
TOOLS: Final = "chat-tools"
PROMPT: Final = "prompt"
ROUTES: Final = (TOOLS, HERMES, PROMPT)

_SUFFIX: Final = " Note that the provided function is in Python 3 syntax."
_FLOAT: Final = "This is a float type value."
_JSON_TYPES: Final = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}

# The template of Qwen3 and Hermes: a protocol that models were trained on, so not a letter may change.
_HERMES_HEAD: Final = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
_HERMES_TAIL: Final = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    '<tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n'
    "</tool_call>"
)
_PLAIN: Final = (
    "Below are functions that you can call, one JSON document a line. If some of them answer the question, reply with "
    "nothing but one Python list of calls, every argument by its name, such as [first(a=1), second(b='x', c=[1, 2])]. "
    "If none fits, or something that is needed was not told, say so in a sentence and call nothing.\n\n"
)


def noted(function: Mapping[str, Any]) -> dict[str, Any]:
    """The document as every handler of the leaderboard shows it."""
    return {**function, "description": f"{function['description']}{_SUFFIX}"}


def hermes_messages(case: Case) -> tuple[Message, ...]:
    """The conversation with the functions in its system message; as it is where a case offers none."""
    if not case.functions:
        return case.messages
    documents = "".join(f"\n{json.dumps(noted(function))}" for function in case.functions)
    text = f"{_HERMES_HEAD}{documents}{_HERMES_TAIL}"
    turns = case.messages
    if turns[0].role == "system":
        text, turns = f"{turns[0].content}\n\n{text}", turns[1:]
    return (Message("system", text), *turns)


def prompt_messages(case: Case) -> tuple[Message, ...]:
    documents = "\n".join(json.dumps(noted(function), ensure_ascii=False) for function in case.functions)
    turns = case.messages
    system = f"{_PLAIN}{documents}"
    if turns[0].role == "system":
        system, turns = f"{turns[0].content}\n\n{system}", turns[1:]
    return (Message("system", system), *turns)


def tools_of(functions: Sequence[Mapping[str, Any]]) -> tuple[ToolSpec, ...]:
    """The functions as tools of a chat request: names without dots, types of JSON Schema."""
    return tuple(
        ToolSpec(dotless(function["name"]), noted(function)["description"], _schema(function["parameters"]))
        for function in functions
    )


def dotless(name: str) -> str:
    return name.replace(".", "_")


def _schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    mapped = _retyped(schema)
    if isinstance(properties := mapped.get("properties"), Mapping):
        named = cast("Mapping[str, Mapping[str, Any]]", properties)
        mapped["properties"] = {name: _property(inner) for name, inner in named.items()}
    if isinstance(items := mapped.get("items"), Mapping):
        mapped["items"] = _schema(cast("Mapping[str, Any]", items))
    return mapped


def _property(schema: Mapping[str, Any]) -> dict[str, Any]:
    mapped = _schema(schema)
    if schema.get("type") == "float":
        mapped["format"] = "float"
        mapped["description"] = f"{mapped['description']} {_FLOAT}" if mapped.get("description") else _FLOAT
    return mapped


def _retyped(schema: Mapping[str, Any]) -> dict[str, Any]:
    named = schema.get("type")
    return {**schema, "type": _JSON_TYPES.get(named, named)} if isinstance(named, str) else dict(schema)
