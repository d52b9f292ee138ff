"""What a program can check of an answer: an expression, JSON, Python that is parsed and not run, a count of words."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from unified_intelligence.evaluation.bfcl.pythonic import parsed

_THOUGHT: Final = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE: Final = re.compile(r"```[\w+-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_LONGEST_PATTERN: Final = 200
_DECODER: Final = json.JSONDecoder()
_NOTHING: Final = object()


def visible(text: str) -> str:
    return _THOUGHT.sub("", text).strip()


def passes(check: Mapping[str, Any], text: str) -> bool:
    """Whether the visible answer passes. Raises KeyError for a kind of check that there is not."""
    return _KINDS[check["kind"]](check, visible(text))


def _bare(text: str) -> str:
    """The answer without the code fence around all of it."""
    found = _FENCE.fullmatch(text)
    return found[1].strip() if found else text.strip().strip("`").strip()


def _regex(check: Mapping[str, Any], text: str) -> bool:
    return re.search(check["pattern"], _bare(text)) is not None


def _no_regex(check: Mapping[str, Any], text: str) -> bool:
    return bool(text) and not _regex(check, text)


def _words(check: Mapping[str, Any], text: str) -> bool:
    return 0 < len(text.split()) <= check["most"]


def _json(check: Mapping[str, Any], text: str) -> bool:
    """The value at `path` is equal to `equals`, numbers by value and true never 1, or has a `length`."""
    value = _at(_first_json(text), check["path"])
    if "length" in check:
        return isinstance(value, list) and len(cast("list[Any]", value)) == check["length"]
    return json.dumps(_with_floats(value), sort_keys=True) == json.dumps(_with_floats(check["equals"]), sort_keys=True)


def _with_floats(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_floats(one) for one in cast("list[Any]", value)]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return None if value is _NOTHING else value


def _first_json(text: str) -> Any:
    """The first object or list of the answer, in a fence or not."""
    for candidate in (*_FENCE.findall(text), text):
        for start in (place for place, sign in enumerate(candidate) if sign in "{["):
            try:
                return _DECODER.raw_decode(candidate, start)[0]
            except (ValueError, RecursionError):
                continue
    return _NOTHING


def _at(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        if isinstance(value, dict):
            value = cast("dict[str, Any]", value).get(name, _NOTHING)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[int(name)]
        else:
            return _NOTHING
    return value


def _python(check: Mapping[str, Any], text: str) -> bool:
    """Some code of the answer parses and defines the function or the class that was asked for."""
    for code in (*_FENCE.findall(text), text):
        try:
            nodes = list(ast.walk(parsed(code, "exec")))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if any(_defines(node, check) for node in nodes):
            return True
    return False


def _defines(node: ast.AST, check: Mapping[str, Any]) -> bool:
    if isinstance(node, ast.FunctionDef) and "function" in check:
        return node.name == check["function"] and [one.arg for one in node.args.args] == check["arguments"]
    if isinstance(node, ast.ClassDef) and "class" in check:
        return node.name == check["class"] and list(_fields(node)) == check["fields"]
    return False


def _fields(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id


def _pattern(check: Mapping[str, Any], text: str) -> bool:
    """The answer is an expression that matches every text of `accepts` as a whole and none of `rejects`."""
    written = _bare(text)
    if not 0 < len(written) <= _LONGEST_PATTERN or re.search(r"[*+}]\)[*+{]", written):
        return False  # what could take for ever is not tried
    try:
        expression = re.compile(written)
    except (re.error, RecursionError, OverflowError):
        return False
    return all(map(expression.fullmatch, check["accepts"])) and not any(map(expression.fullmatch, check["rejects"]))


_KINDS: Final = {
    "regex": _regex,
    "no regex": _no_regex,
    "words": _words,
    "json": _json,
    "python": _python,
    "pattern": _pattern,
}
