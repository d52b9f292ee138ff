"""Which cases can be passed at all: a truth may ask for what the function's own document forbids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from unified_intelligence.evaluation.bfcl.cases import Case
from unified_intelligence.evaluation.bfcl.checker import check
from unified_intelligence.evaluation.bfcl.values import fault_of_value


def is_attainable(case: Case) -> bool:
    """Whether some list of calls passes: each accepted call is made of accepted values and checked with the rest."""
    if not case.truth:
        return True
    documents = {function["name"]: function for function in case.functions}
    calls: list[dict[str, Any]] = []
    for accepted in case.truth:
        ((name, values),) = accepted.items()
        if name not in documents or (arguments := _arguments(documents[name], values)) is None:
            return False
        calls.append({name: arguments})
    return check(category=case.category, functions=case.functions, output=calls, ground_truth=case.truth).valid


def _arguments(document: Mapping[str, Any], values: Mapping[str, Sequence[Any]]) -> dict[str, Any] | None:
    """Arguments that pass, None where there are none."""
    schema = document["parameters"]
    required = schema.get("required", ())
    arguments: dict[str, Any] = {}
    for name, accepted in values.items():
        if "" in accepted and name not in required:
            continue
        own = schema["properties"].get(name)
        examples = (_example(own, one) for one in accepted) if own else ()
        fitting = [one for one in examples if not fault_of_value(own, one, accepted)]
        if not fitting:
            return None
        arguments[name] = fitting[0]
    return arguments if all(name in arguments for name in required) else None


def _example(schema: Mapping[str, Any], accepted: Any) -> Any:
    """A value made of an accepted one: an object is accepted by its keys, each with a list of its own."""
    if isinstance(accepted, dict):
        members = cast("Mapping[str, Sequence[Any]]", accepted)
        return {key: options[0] for key, options in members.items() if "" not in options}
    items: Mapping[str, Any] = schema.get("items") or {}
    if isinstance(accepted, list) and items.get("type") in {"dict", "object"}:
        return [_example({}, one) for one in cast("list[Any]", accepted)]
    return cast("Any", accepted)
