"""Converting a measure from one unit into another. The units and their names are those of `unit_table`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Number, Unit
from unified_intelligence.tools.unit_table import UNITS, UnitMatch, find_units, known_key, unit_names

__all__ = ["UNITS", "UnitMatch", "convert_units", "find_units", "unit_key"]

_US_MEASURES: Final = frozenset({"gallon", "pint", "fluid_ounce", "cup", "tablespoon", "teaspoon"})
_CALENDAR: Final = frozenset({"month", "year"})
_DECIMAL_BYTES: Final = frozenset({"kb", "mb", "gb", "tb"})


def convert_units(value: Number, from_unit: Unit, to_unit: Unit) -> Outcome:
    """Converts a measure from one unit into another of the same dimension.

    value: how many of the first unit
    from_unit: the unit it is given in
    to_unit: the unit wanted
    """
    source, target = _of_temperature(unit_key(from_unit), unit_key(to_unit))
    start, goal = UNITS[source], UNITS[target]
    if start.dimension != goal.dimension:
        raise ToolError(f"{source} measures {start.dimension}, {target} measures {goal.dimension}: no conversion.")
    base = (value + start.offset) * start.factor
    if start.dimension == "temperature" and base < -1e-9:
        raise ToolError(f"{value:g} {source} lies below absolute zero.")
    if start.dimension in {"length", "mass", "volume", "area"} and value < 0:
        raise ToolError(f"A {start.dimension} cannot be negative: {value:g} {source}.")
    result = value if source == target else base / goal.factor - goal.offset
    figures = {"result": result, "to_unit": target, "value": value, "from_unit": source}
    return Outcome(figures, notes=_notes({source, target}))


def unit_key(name: str) -> str:
    """The key of a unit by any of its names. Raises ToolError naming the nearest."""
    key = known_key(name)
    if key is not None:
        return key
    near = get_close_matches(name.lower().strip(), unit_names(), n=3)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    raise ToolError(f"{name!r} is not a unit known here.{hint}")


def _of_temperature(source: str, target: str) -> tuple[str, str]:
    """Bare degrees that stand beside a unit of temperature are of the other scale: "30 degrees in fahrenheit"."""
    other = {"celsius": "fahrenheit", "fahrenheit": "celsius", "kelvin": "celsius"}
    if source == "degree":
        source = other.get(target, source)
    if target == "degree":
        target = other.get(source, target)
    return source, target


def _notes(keys: set[str]) -> tuple[str, ...]:
    return tuple(
        note
        for note, meant in (("us_measures", _US_MEASURES), ("mean_year", _CALENDAR), ("decimal_bytes", _DECIMAL_BYTES))
        if meant & keys and not (keys <= meant and note != "decimal_bytes")
    )
