"""The verdict on the calls of one answer: their form, their number, and each against what is accepted.

Every rule is the leaderboard's own, its oddities included, because a verdict is only worth comparing when it is the
same one; `values` holds what is done with a single argument. Nothing here reads a model's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.evaluation.bfcl.values import fault_of_value

# A schema, a call or a value is plain JSON, whose every level is looked into.
Json = Any
Call = Mapping[str, Json]

_CALL = "simple_function_checker"
_PARALLEL = "parallel_function_checker_no_order"


class Verdict(NamedTuple):
    """`error_type` is None for a valid answer, but for an abstention by an answer that could not be decoded."""

    valid: bool
    error_type: str | None = None


_VALID = Verdict(valid=True)


def check(
    *,
    category: str,
    functions: Sequence[Mapping[str, Json]],
    output: Json,
    ground_truth: Sequence[Call] = (),
    underscored: bool = False,
) -> Verdict:
    """The leaderboard's verdict on `output`, a list of {name: {parameter: value}}; None where none could be decoded.

    `category` is a name of the leaderboard's, such as "simple_python" or "live_parallel_multiple". `functions` are the
    documents of the functions on offer, `ground_truth` is a list of {name: {parameter: [accepted values]}}, where ""
    says that the parameter may be left out. `underscored` is for answers over an API that allows no dots in names: the
    calls must then have "_" in their place. Raises ConfigurationError for a truth that fits no function.
    """
    formed = _is_formed(output)
    if "irrelevance" in category:
        if formed and output:
            return Verdict(valid=False, error_type="irrelevance_error:decoder_success")
        return Verdict(valid=True, error_type="decode_failed") if output is None else _VALID
    if "relevance" in category:
        return _VALID if formed and output else Verdict(valid=False, error_type="relevance_error:decoder_failed")
    if output is None:
        return Verdict(valid=False, error_type="ast_decoder:decoder_failed")
    if not formed:
        return Verdict(valid=False, error_type="ast_decoder:decoder_wrong_output_format")
    if "parallel" in category:
        error = _parallel(functions, output, ground_truth, underscored)
    elif "multiple" in category:
        error = _multiple(functions, output, ground_truth, underscored)
    else:
        error = _simple(functions, output, ground_truth, underscored)
    return Verdict(valid=False, error_type=error) if error else _VALID


def _is_formed(output: Json) -> bool:
    if type(output) is not list:
        return False
    for call in cast("list[Json]", output):
        if type(call) is not dict or len(cast("Call", call)) != 1:
            return False
        if type(next(iter(cast("Call", call).values()))) is not dict:
            return False
    return True


def _simple(functions: Sequence[Mapping[str, Json]], output: list[Call], truth: Sequence[Call], dotless: bool) -> str:
    if len(output) != 1:
        return f"{_CALL}:wrong_count"
    if not functions or not truth:
        raise _unfit("nothing")
    return _fault_of_call(functions[0], output[0], truth[0], dotless)


def _multiple(functions: Sequence[Mapping[str, Json]], output: list[Call], truth: Sequence[Call], dotless: bool) -> str:
    if len(output) != len(truth):
        return "multiple_function_checker:wrong_count"
    if not truth:
        raise _unfit("nothing")
    return _fault_of_call(_document(functions, truth[0]), output[0], truth[0], dotless)


def _parallel(functions: Sequence[Mapping[str, Json]], output: list[Call], truth: Sequence[Call], dotless: bool) -> str:
    """Each accepted call takes the first free one that passes; what a better choice could save is not looked for."""
    if len(output) != len(truth):
        return f"{_PARALLEL}:wrong_count"
    free = list(output)
    for accepted in truth:
        document = _document(functions, accepted)
        for place, call in enumerate(free):
            if not _fault_of_call(document, call, accepted, dotless):
                del free[place]
                break
        else:
            return f"{_PARALLEL}:cannot_find_match"
    return ""


def _document(functions: Sequence[Mapping[str, Json]], accepted: Call) -> Mapping[str, Json]:
    name = next(iter(accepted), "nothing")
    for function in functions:
        if function["name"] == name:
            return function
    raise _unfit(name)


def _unfit(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The truth calls {name}, which none of the functions is.", hint="Name the function as its document does."
    )


def _fault_of_call(document: Mapping[str, Json], call: Call, accepted: Call, dotless: bool) -> str:
    """The error type of one call, "" for none."""
    name: str = document["name"]
    if dotless:
        name = name.replace(".", "_")
    if name not in call:
        return f"{_CALL}:wrong_func_name"
    given: Mapping[str, Json] = call[name]
    schema: Mapping[str, Json] = document["parameters"]
    for needed in schema.get("required", ()):
        if needed not in given:
            return f"{_CALL}:missing_required"
    properties: Mapping[str, Json] = schema["properties"]
    (values,) = accepted.values()
    for parameter, value in given.items():
        if parameter not in properties or parameter not in values:
            return f"{_CALL}:unexpected_param"
        fault = fault_of_value(properties[parameter], value, values[parameter])
        if fault:
            return fault
    for parameter, wanted in values.items():
        if parameter not in given and "" not in wanted:
            return f"{_CALL}:missing_optional"
    return ""
