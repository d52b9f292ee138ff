"""Calls written as Python: `[weather(city="Paris", days=2), stop()]`. Nothing is run; only what is literal is read."""

from __future__ import annotations

import ast
import warnings
from typing import Any, Literal, cast

_LONGEST = 20_000  # characters: a longer text is no list of calls
_TOO_MUCH = (SyntaxError, ValueError, RecursionError, MemoryError)


def parsed(text: str, mode: Literal["exec", "eval"]) -> ast.Module | ast.Expression:
    """The tree of a model's Python, without a warning on the screen for how it is written; raises as `ast` does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cast("ast.Module | ast.Expression", ast.parse(text, mode=mode))


def pythonic_calls(text: str) -> list[dict[str, Any]] | None:
    """The calls of a text that is one list of calls, or one call; None for any other text."""
    if len(text) > _LONGEST or "(" not in text:
        return None
    try:
        tree = cast("ast.Expression", parsed(text.strip(), "eval")).body
        nodes = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
        return [_call(node) for node in nodes] if nodes else None
    except _TOO_MUCH:
        return None


def python_literal(text: str) -> object:
    """The value of a Python literal, such as a dict with single quotes. Raises ValueError."""
    if len(text) > _LONGEST:
        raise ValueError("too long for a literal")
    try:
        return ast.literal_eval(cast("ast.Expression", parsed(text.strip(), "eval")))
    except _TOO_MUCH as error:
        raise ValueError(str(error)) from error


def _call(node: ast.expr) -> dict[str, Any]:
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError("no call by names")
    arguments = {word.arg: _value(word.value) for word in node.keywords if word.arg is not None}
    if len(arguments) != len(node.keywords):
        raise ValueError("arguments are unpacked")
    return {ast.unparse(node.func): arguments}


def _value(node: ast.expr) -> object:
    """A literal; what is none, such as a variable or an expression, is the text that was written."""
    try:
        return _as_json(ast.literal_eval(node))
    except ValueError:
        return ast.unparse(node)


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(one) for key, one in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple | set):
        return [_as_json(one) for one in cast("list[Any]", value)]
    return value
