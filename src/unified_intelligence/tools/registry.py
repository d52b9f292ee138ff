"""Tools: functions a model may call, described by their own signature and docstring.

`tool_from` makes a `Tool` of any typed function; the built-in tools are made the same way. They are listed in one table
and imported only when they are asked for. What a tool computes is left to its own module, how an answer is worded to
`answer`, how a value is read to `parameters`.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import cast, get_type_hints

from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.tools.parameters import Parameter, Shape, shape_of

__all__ = [
    "BUILT_IN",
    "Outcome",
    "Parameter",
    "Tool",
    "ToolError",
    "built_in",
    "built_in_names",
    "group",
    "group_names",
    "tool_from",
]

Figure = float | str | Sequence[float]


class ToolError(ValueError):
    """One clear sentence a person can act on: outside the domain of a tool, or a missing or malformed argument."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool found: named figures, the main one first; its formula; keys of notes worded in the answer data."""

    figures: Mapping[str, Figure]
    formula: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """A function a model may call, with what the model must know of it."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., object]

    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        properties = {parameter.name: parameter.schema() for parameter in self.parameters}
        required = [parameter.name for parameter in self.parameters if parameter.required]
        schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        return ToolSpec(self.name, self.description, schema)

    def bind(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """The arguments the function is called with: read from JSON values, defaults filled in, in declared order.

        An argument that is null counts as left out, unless its parameter accepts null.
        Raises ToolError for an unknown, missing or malformed argument.
        """
        known = [parameter.name for parameter in self.parameters]
        for name in arguments:
            if name not in known:
                raise ToolError(f"{self.name} has no argument {name!r}{_nearest(name, known)}")
        missing = [parameter.name for parameter in self.parameters if _is_missing(parameter, arguments)]
        if missing:
            raise ToolError(f"{self.name} needs {' and '.join(missing)}.")
        return {parameter.name: self._read(parameter, arguments) for parameter in self.parameters}

    def run(self, arguments: Mapping[str, object]) -> Outcome:
        """Bind and call. Raises ToolError as `bind` does and where arithmetic fails, and what the function raises."""
        bound = self.bind(arguments)
        try:
            return _outcome(self.function(**bound))
        except ArithmeticError as error:
            raise ToolError(f"{self.name} cannot be computed from these figures ({error}).") from error

    def _read(self, parameter: Parameter, arguments: Mapping[str, object]) -> object:
        value = arguments.get(parameter.name)
        if parameter.name not in arguments or (value is None and not parameter.shape.nullable):
            return parameter.default
        try:
            return parameter.shape.read(value)
        except ValueError as error:
            raise ToolError(f"{self.name}, {parameter.name}: {error}") from error


def tool_from(function: Callable[..., object]) -> Tool:
    """A tool made of a typed function.

    The first paragraph of its docstring is the description; lines such as `city: where to look` describe parameters.
    Raises ToolError for a parameter without a type, or of a type that JSON cannot hold, and for a coroutine function.
    """
    name = getattr(function, "__name__", type(function).__name__)
    if inspect.iscoroutinefunction(function):
        raise ToolError(f"{name} is asynchronous: a tool is called and returns its result, wrap it in a function.")
    hints = _hints(name, function)
    described = inspect.getdoc(function) or ""
    signature = inspect.signature(function).parameters
    texts = _parameter_texts(described, tuple(signature))
    parameters = tuple(_parameter(name, item, hints, texts.get(item.name, "")) for item in signature.values())
    description = " ".join(described.split("\n\n")[0].split()) or name.replace("_", " ")
    return Tool(name, description, parameters, function)


def built_in(name: str) -> Tool:
    """The built-in tool of that name; raises ToolError naming the nearest."""
    if name not in _HOME:
        raise ToolError(f"There is no built-in tool named {name!r}{_nearest(name, built_in_names())}")
    return _load(name)


def built_in_names() -> tuple[str, ...]:
    """The names of all built-in tools; imports none of them."""
    return tuple(_HOME)


def group_names() -> tuple[str, ...]:
    """The names of the groups of built-in tools."""
    return tuple(_GROUPS)


def group(name: str) -> tuple[Tool, ...]:
    """The built-in tools of a group, such as "finance"; raises ToolError naming the nearest group."""
    if name not in _GROUPS:
        raise ToolError(f"There is no group of tools named {name!r}{_nearest(name, group_names())}")
    return tuple(_load(tool) for tools in _GROUPS[name].values() for tool in tools)


class _BuiltIn(Mapping[str, Tool]):
    def __getitem__(self, name: str) -> Tool:
        if name not in _HOME:
            raise KeyError(name)
        return _load(name)

    def __contains__(self, name: object) -> bool:
        return name in _HOME

    def __iter__(self) -> Iterator[str]:
        return iter(_HOME)

    def __len__(self) -> int:
        return len(_HOME)


@cache
def _load(name: str) -> Tool:
    module = import_module(f"unified_intelligence.tools.{_HOME[name]}")
    return tool_from(cast("Callable[..., object]", vars(module)[name]))


def _hints(name: str, function: Callable[..., object]) -> dict[str, object]:
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except NameError as error:
        raise ToolError(f"{name}: the types of its parameters cannot be resolved ({error}).") from error


def _parameter(tool: str, item: inspect.Parameter, hints: Mapping[str, object], text: str) -> Parameter:
    if item.kind not in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY):
        raise ToolError(f"{tool}: {item} cannot be named in a call, give each parameter a name of its own.")
    if item.name not in hints:
        raise ToolError(f"{tool}: the parameter {item.name} has no type.")
    try:
        shape: Shape = shape_of(hints[item.name])
    except TypeError as error:
        raise ToolError(f"{tool}, {item.name}: {error}") from error
    required = item.default is item.empty
    default: object = None if required else item.default
    return Parameter(item.name, shape.meaning, shape.choices, required, default, text, shape)


def _parameter_texts(docstring: str, names: Sequence[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    current, margin = "", 0
    for line in docstring.split("\n")[1:]:
        indent = len(line) - len(line.lstrip())
        match = _PARAMETER_LINE.match(line)
        if match and match[1] in names:
            current, margin = match[1], indent
            texts[current] = match[2].strip()
        elif current and line.strip() and indent > margin:
            texts[current] += " " + line.strip()
        else:
            current = ""
    return texts


_PARAMETER_LINE = re.compile(r"\s*(?::param\s+)?(\w+)(?:\s*\([^)]*\))?\s*:\s*(.+)")


def _is_missing(parameter: Parameter, arguments: Mapping[str, object]) -> bool:
    if not parameter.required:
        return False
    return parameter.name not in arguments or (arguments[parameter.name] is None and not parameter.shape.nullable)


def _nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(known)}." if known else "."


def _outcome(value: object) -> Outcome:
    if isinstance(value, Outcome):
        return value
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return Outcome({str(key): _figure(item) for key, item in pairs})
    return Outcome({"result": _figure(value)})


def _figure(value: object) -> Figure:
    if isinstance(value, str | float) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


_GROUPS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "finance": {
        "finance.interest": (
            "compound_interest",
            "simple_interest",
            "savings_plan",
            "loan_payment",
            "borrowing_capacity",
            "present_value",
            "annualise_rate",
            "doubling_time",
            "real_rate",
        ),
        "finance.investment": ("npv", "irr", "cagr", "wacc"),
        "finance.bonds_and_options": ("bond_price", "black_scholes"),
        "finance.risk": ("parametric_var", "historical_var", "sharpe_ratio"),
        "finance.ratios": (
            "percent_change",
            "percent_of",
            "apply_percent",
            "percent_share",
            "gross_margin",
            "dividend_yield",
            "price_earnings",
            "break_even",
        ),
    },
    "calculator": {"calculator": ("calculate",)},
    "units": {"units": ("convert_units",)},
    "dates": {"dates": ("days_between", "shift_date", "weekday")},
    "glossary": {"glossary": ("define",)},
    "about": {"about": ("about",)},
}
_HOME = {tool: home for homes in _GROUPS.values() for home, tools in homes.items() for tool in tools}
BUILT_IN: Mapping[str, Tool] = _BuiltIn()
