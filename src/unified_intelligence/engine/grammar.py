"""What a request asks of the form of its answer, as a grammar that llguidance enforces.

JSON is written as Qwen writes it, `{"a": 1, "b": 2}`: its chat template shows calls so, and with no other blanks
allowed most of what is between the values is forced. Strings escape only what has to be escaped: an escape for any
other letter would be a second way to spell a name, which a schema does not see through.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    RegexFormat,
    ResponseFormat,
)
from unified_intelligence.entities.tools import ToolSpec

LONGEST_SCHEMA = 100_000  # characters as JSON
DEEPEST = 250  # levels; llguidance reads about half of them, and this library recurses over them too
MOST_LEVELS = 2_000  # a schema is compiled by recursion, and its references chain the depths of their targets
_OPTIONS = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "json_allowed_escapes": 'nrbtf\\"',
}
_FORMATS = frozenset({
    "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri",
})  # fmt: skip
_NAMES = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_VALUES = frozenset({"enum", "const", "default", "examples"})
_ANY_OBJECT: dict[str, object] = {"type": "object"}
_ONLY = frozenset({"const", "enum"})
_UNSPELLED = re.compile(r"[\x00-\x07\x0b\x0e-\x1f\x7f]")
_UNKNOWN_KEYS = re.compile(r"Unimplemented keys: \[(.*)\]")


@dataclass(frozen=True, slots=True)
class Marks:
    """How a grammar names the tags of calls and of the think block: a token by its number, or the tag's text."""

    calls: tuple[str, str]
    opening: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """The rules of an answer, `answer` among them, and what of them was asked for but is not enforced."""

    rules: str
    lacks: str = ""

    def after(self, text: str) -> str:
        """The grammar of an answer before which this text stands."""
        return f"start: {f'{_quoted(text)} ' if text else ''}answer\n{self.rules}"

    def or_thought(self, opening: str) -> str:
        """The grammar of an answer, or of an opening tag; after one that is spelled, anything."""
        rest = "" if opening.startswith("<") else " ANY\nANY: /(?s:.*)/"
        return f"start: answer | {opening}{rest}\n{self.rules}"


def is_installed() -> bool:
    return importlib.util.find_spec("llguidance") is not None


def is_held(config: GenerationConfig) -> bool:
    """Whether a request asks anything of the form of its answer. Offering tools that are not strict asks nothing."""
    free = config.tool_choice == "auto" and config.parallel_tool_calls is not False
    asks_of_calls = bool(config.tools) and not (free and not any(tool.strict for tool in config.tools))
    return asks_of_calls or config.response_format is not None


def form_of(config: GenerationConfig, marks: Marks) -> Form | None:
    """The form that a request asks for, None where it asks for none. Raises InvalidRequestError for one that cannot be
    enforced and has to be.
    """
    if not is_held(config):
        return None
    choice, wanted = config.tool_choice, config.response_format
    text = _Text(marks)
    if not config.tools or choice == "none":
        return Form(f"answer: TEXT\n{text.rules}") if wanted is None else _body(wanted, "answer")
    offered = [tool for tool in config.tools if not isinstance(choice, NamedTool) or tool.name == choice.name]
    single = isinstance(choice, NamedTool) or config.parallel_tool_calls is False
    calls = _calls(offered, marks, single=single)
    if choice != "auto":
        return Form(f"answer: {marks.calls[0]} calls\n{calls}")
    if wanted is not None:
        body = _body(wanted, "body")
        return Form(f"answer: body | {marks.calls[0]} calls\n{calls}\n{body.rules}", body.lacks)
    return Form(f"answer: TEXT | {text.before_call} calls\n{calls}\n{text.rules}")


class _Text:
    """Text without an opening tag in it; where the tag is spelled, it ends what comes before a call."""

    def __init__(self, marks: Marks) -> None:
        opening = marks.calls[0]
        is_token = opening.startswith("<")
        tag = re.escape("<tool_call>" if is_token else str(json.loads(opening))).replace("/", "\\/")
        self.before_call = f"TEXT {opening}" if is_token else "opened"
        self.rules = f"TEXT: /(?s:.*)/ & ~/(?s:.*){tag}(?s:.*)/\nopened[lazy]: /(?s:.*){tag}/"


def _calls(tools: list[ToolSpec], marks: Marks, *, single: bool) -> str:
    """The calls from after the first opening tag on, one to a line as the template shows them."""
    opening, closing = marks.calls
    more = "" if single else f' ("\\n" {opening} call)*'
    rules = [f"calls: call{more}", f'call: "\\n" fields "\\n" {closing}']
    fields: list[str] = []
    for index, tool in enumerate(tools):
        what = f"The schema of the tool {tool.name!r}"
        schema = dict(tool.parameters) | _ANY_OBJECT
        arguments, _ = _enforced(schema, what, strict=tool.strict)
        head = f'{{"name": {json.dumps(tool.name, ensure_ascii=False)}, "arguments": '
        fields.append(f'{_quoted(head)} arguments{index} "}}"')
        rules.append(f"arguments{index}: %json {arguments}")
    return "\n".join([*rules, f"fields: {' | '.join(fields)}"])


def _body(wanted: ResponseFormat, name: str) -> Form:
    match wanted:
        case RegexFormat():
            return Form(f"{name}: /{_pattern(wanted.pattern)}/")
        case ChoiceFormat():
            return Form(f"{name}: CHOICE\nCHOICE: {' | '.join(map(_quoted, wanted.choices))}")
        case JsonFormat(schema=None):
            return Form(f"{name}: %json {_written(_ANY_OBJECT)}")
        case JsonFormat():
            schema, lacks = _enforced(wanted.schema or {}, "The schema of response_format", strict=wanted.strict)
            return Form(f"{name}: %json {schema}", lacks)


def is_enforceable(wanted: ResponseFormat) -> bool:
    """Whether every answer can be made to satisfy a format, all its keywords included."""
    try:
        form = _body(wanted, "answer")
    except InvalidRequestError:
        return False
    return not form.lacks


def _enforced(schema: Mapping[str, object], what: str, *, strict: bool) -> tuple[str, str]:
    """The schema as llguidance reads it, and why it is less than what was asked for, "" where it is not.

    Raises InvalidRequestError where a strict one cannot be enforced, and for any that is too large.
    """
    read = _read(schema, what)
    fault = _hole(read) or _fault(read)
    if not fault:
        return _written(read), ""
    if strict:
        raise InvalidRequestError(
            f"{what} cannot be enforced: {fault}.", hint="Leave that out, or set strict to false."
        )
    lacks = f"{what} is not enforced as it stands: {fault}."
    if not _fault(read, lenient=True):
        return _written(read, lenient=True), lacks
    return _written(_ANY_OBJECT if schema.get("type") == "object" else {}), lacks


def _written(schema: Mapping[str, object], *, lenient: bool = False) -> str:
    return json.dumps(dict(schema) | {"x-guidance": _OPTIONS | {"lenient": lenient}}, ensure_ascii=False)


def _fault(schema: Mapping[str, object], *, lenient: bool = False) -> str:
    """Why llguidance does not compile a schema, in a few words; "" if it does."""
    from llguidance import LLMatcher

    said = LLMatcher.validate_grammar(LLMatcher.grammar_from_lark(f"start: %json {_written(schema, lenient=lenient)}"))
    if not said or said.startswith("WARNING"):
        return ""
    if found := _UNKNOWN_KEYS.search(said):
        return "it uses " + found.group(1).replace('"', "")
    return " ".join(said.split())[:200].rstrip(".")


def _hole(schema: Mapping[str, object]) -> str:
    """What llguidance accepts and cannot hold: a name may come twice, so that there are fewer properties than pairs.

    And values with characters that are written as numbers, because it leaves those out.
    """
    for part in _schemas(schema):
        if any(_UNSPELLED.search(text) for key in _ONLY & part.keys() for text in _texts(part[key])):
            return "it demands a value with a control character"
        least, required = part.get("minProperties"), part.get("required")
        sure = len(cast("list[object]", required)) if isinstance(required, list) else 0
        if isinstance(least, int) and least > max(sure, 1):
            return "it uses minProperties for names that are not all required"
    return ""


def _read(schema: Mapping[str, object], what: str) -> dict[str, Any]:
    """The schema without what demands nothing: formats nobody knows, uniqueItems false, options of this library.

    Raises InvalidRequestError for one that is no JSON, too long or too deep.
    """
    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
        text.encode()
        deep = _depth(schema) > DEEPEST
        read: object = None if deep else _without_notes(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{what} is not a JSON Schema: {error}") from error
    if len(text) > LONGEST_SCHEMA:
        raise InvalidRequestError(f"{what} has {len(text)} characters; at most {LONGEST_SCHEMA} are read.")
    targets = {part["$ref"] for part in _schemas(read) if isinstance(part.get("$ref"), str)}
    if deep or _depth(read) * (len(targets) + 1) > MOST_LEVELS:
        raise InvalidRequestError(f"{what} is nested too deeply, its references followed.")
    return cast("dict[str, Any]", read)


def _without_notes(value: object, *, names: bool = False) -> object:
    if isinstance(value, list | tuple):
        return [_without_notes(inner) for inner in cast("list[object]", value)]
    if not isinstance(value, Mapping):
        return value
    kept: dict[str, object] = {}
    for key, inner in cast("Mapping[str, object]", value).items():
        if names or not _is_note(key, inner):
            whole = not names and key in _VALUES
            kept[key] = inner if whole else _without_notes(inner, names=not names and key in _NAMES)
    return kept


def _is_note(key: str, value: object) -> bool:
    return (
        key == "x-guidance" or (key == "format" and value not in _FORMATS) or (key == "uniqueItems" and value is False)
    )


def _schemas(value: object) -> Iterator[Mapping[str, Any]]:
    """Every object in a document: a reference may point to any."""
    if isinstance(value, Mapping):
        yield (fields := cast("Mapping[str, Any]", value))
        for inner in fields.values():
            yield from _schemas(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _schemas(inner)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, object]", value).items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _texts(inner)


def _depth(value: object) -> int:
    """How many containers are one in the other. It does not recurse: who asks may be deep in calls already."""
    deepest = 0
    left: list[tuple[object, int]] = [(value, 1)]
    while left:
        inner, level = left.pop()
        deepest = max(deepest, level)
        if isinstance(inner, Mapping):
            left += [(each, level + 1) for each in cast("Mapping[str, object]", inner).values()]
        elif isinstance(inner, list | tuple):
            left += [(each, level + 1) for each in cast("list[object]", inner)]
    return deepest


def _pattern(pattern: str) -> str:
    from llguidance import LLMatcher, regex_to_lark

    said = LLMatcher.validate_grammar(LLMatcher.grammar_from_regex(_whole(pattern)))
    if said and not said.startswith("WARNING"):
        reason = " ".join(said.split())[:200]
        raise InvalidRequestError(f"The pattern of response_format cannot be enforced: {reason}.")
    return regex_to_lark(pattern, "")


def _quoted(text: str) -> str:
    return json.dumps(_whole(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _whole(text: str) -> str:
    """Raises InvalidRequestError for half a surrogate pair, which no text that is generated can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError("The form that was asked for holds half of a character.") from error
    return text
