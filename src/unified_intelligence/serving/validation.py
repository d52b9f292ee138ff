"""A request that is not of its form, in one sentence that names the place: what pydantic found, worded for a client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from unified_intelligence.serving.errors import RefusedError

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError

UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    "audio": (),
    "best_of": (1,),
    "echo": (False,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "moderation": (),
    "prediction": (),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "suffix": ("",),
    "verbosity": ("medium",),
    "web_search_options": (),
}
"""Fields of OpenAI's that mean something this server does not do, and the values that ask for nothing."""


def without_neutral(body: object) -> object:
    """A body without the unsupported fields that ask for nothing: null, or what holds without them."""
    if not isinstance(body, Mapping):
        return body
    fields = cast("Mapping[str, object]", body)
    return {
        name: value
        for name, value in fields.items()
        if name not in UNSUPPORTED or not (value is None or _asks_for_nothing(value, UNSUPPORTED[name]))
    }


def _asks_for_nothing(value: object, neutral: tuple[object, ...]) -> bool:
    """Whether the value is neutral. To Python 0 is False and True is 1; in a request they are not."""
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in neutral)


def refusal_of(error: RequestValidationError) -> RefusedError:
    """The first mistake in one sentence."""
    found = cast("Sequence[Mapping[str, Any]]", error.errors())
    where, first = max(((_path(each, error.body), each) for each in found), key=lambda pair: len(pair[0]))
    if first["type"] == "json_invalid":
        return RefusedError(400, f"The body is not JSON: {first['ctx']['error']}.", code="invalid_json")
    param = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")
    if not param and first["type"] == "value_error":
        return RefusedError(400, f"{first['ctx']['error']}.", code="invalid_value")
    if not param:
        return RefusedError(400, "The body is not a JSON object, sent with Content-Type: application/json.")
    name = str(where[-1])
    if first["type"] == "missing":
        return RefusedError(400, f"{param} is missing.", param=param, code="missing_required_parameter")
    if first["type"] == "extra_forbidden":
        if name in UNSUPPORTED:
            return RefusedError(400, f"{param} is not supported here.", param=param, code="unsupported_parameter")
        return RefusedError(400, f"{param} is not a field of this request.", param=param, code="unknown_parameter")
    said = dict.fromkeys(_worded(each) for each in found if _path(each, error.body) == where)
    return RefusedError(400, f"{param}: {' or '.join(said)}.", param=param, code="invalid_value")


def _worded(error: Mapping[str, Any]) -> str:
    if error["type"] == "union_tag_invalid":
        return f"{error['ctx']['tag']!r} is not among {error['ctx']['expected_tags']}"
    if error["type"] in {"value_error", "assertion_error"}:
        return str(error["ctx"]["error"])
    said = str(error["msg"])
    return said[:1].lower() + said[1:]


def _path(error: Mapping[str, Any], body: object) -> tuple[str | int, ...]:
    """The place in the body, without the names of the alternatives that pydantic tried there."""
    steps: list[str | int] = []
    here = body
    places = list(cast("Sequence[str | int]", error["loc"])[1:])
    for number, place in enumerate(places):
        if isinstance(here, Mapping) and place in here:
            here = cast("Mapping[object, object]", here)[place]
        elif isinstance(here, list) and isinstance(place, int) and place < len(cast("list[object]", here)):
            here = cast("list[object]", here)[place]
        elif not (number == len(places) - 1 and error["type"] in {"missing", "extra_forbidden"}):
            continue
        steps.append(place)
    return tuple(steps)
