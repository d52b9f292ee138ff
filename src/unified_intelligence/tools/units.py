"""Units of measure: a table of exact factors, and the names people give them in English and French.

Factors are the exact definitions of the International Yard and Pound agreement (1959), the SI brochure (9th edition)
and NIST SP 811, appendix B. US liquid measures are meant by gallon, pint and cup; a year is 365.25 days, a month a
twelfth of it. Bytes count in powers of 1000.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Number, Unit


@dataclass(frozen=True, slots=True)
class Measure:
    """A unit: how many of its dimension's base unit it is (after adding `offset`), and its names."""

    dimension: str
    factor: float
    names: tuple[str, ...]
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class UnitMatch:
    key: str
    start: int
    end: int


def _measure(dimension: str, factor: float, names: str, offset: float = 0.0) -> Measure:
    return Measure(dimension, factor, tuple(names.split("|")), offset)


UNITS: dict[str, Measure] = {
    "m": _measure("length", 1, "m|metre|meter|mètre"),
    "km": _measure("length", 1000, "km|kilometre|kilometer|kilomètre|kms|k m"),
    "cm": _measure("length", 0.01, "cm|centimetre|centimeter|centimètre"),
    "mm": _measure("length", 0.001, "mm|millimetre|millimeter|millimètre"),
    "mile": _measure("length", 1609.344, "mile|mi|mille terrestre"),
    "yard": _measure("length", 0.9144, "yard|yd|verge"),
    "foot": _measure("length", 0.3048, "foot|feet|ft|pied"),
    "inch": _measure("length", 0.0254, "inch|inches|pouce|in."),
    "nautical_mile": _measure("length", 1852, "nautical mile|mille marin|mille nautique|nmi|milles marins|milles nautiques"),
    "light_year": _measure("length", 9.4607304725808e15, "light year|light-year|année-lumière|année lumière|années-lumière|années lumière"),
    "kg": _measure("mass", 1, "kg|kilogram|kilogramme|kilo|kgs"),
    "g": _measure("mass", 0.001, "g|gram|gramme|gr"),
    "mg": _measure("mass", 1e-6, "mg|milligram|milligramme"),
    "tonne": _measure("mass", 1000, "tonne|metric ton|ton|t"),
    "pound": _measure("mass", 0.45359237, "pound|lb|lbs|livre"),
    "ounce": _measure("mass", 0.028349523125, "ounce|oz|once"),
    "stone": _measure("mass", 6.35029318, "stone|st"),
    "litre": _measure("volume", 1, "litre|liter|l"),
    "ml": _measure("volume", 0.001, "ml|millilitre|milliliter"),
    "cl": _measure("volume", 0.01, "cl|centilitre|centiliter"),
    "gallon": _measure("volume", 3.785411784, "gallon|gal|us gallon"),
    "pint": _measure("volume", 0.473176473, "pint|pinte"),
    "cup": _measure("volume", 0.2365882365, "cup|tasse"),
    "tablespoon": _measure("volume", 0.01478676478125, "tablespoon|tbsp|cuillère à soupe|cuillères à soupe"),
    "teaspoon": _measure("volume", 0.00492892159375, "teaspoon|tsp|cuillère à café|cuillères à café"),
    "m3": _measure("volume", 1000, "m3|m³|cubic metre|cubic meter|mètre cube|mètres cubes"),
    "m2": _measure("area", 1, "m2|m²|square metre|square meter|sq m|sqm|mètre carré|mètres carrés"),
    "km2": _measure("area", 1e6, "km2|km²|square kilometre|square kilometer|kilomètre carré|kilomètres carrés"),
    "hectare": _measure("area", 10000, "hectare|ha"),
    "acre": _measure("area", 4046.8564224, "acre"),
    "ft2": _measure("area", 0.09290304, "ft2|ft²|square foot|square feet|sq ft|sqft|pied carré|pieds carrés"),
    "kmh": _measure("speed", 1 / 3.6, "km/h|kmh|kph|kilometres per hour|kilometers per hour|kilometre per hour|kilomètres par heure|kilomètre par heure|kilomètres heure|kilomètre-heure|km par heure|km per hour"),
    "mph": _measure("speed", 0.44704, "mph|miles per hour|mile per hour|miles par heure|mi/h|miles an hour|miles à l'heure"),
    "ms": _measure("speed", 1, "m/s|metres per second|meters per second|metre per second|meter per second|mètres par seconde|mètre par seconde"),
    "knot": _measure("speed", 1852 / 3600, "knot|noeud|nœud|kt"),
    "celsius": _measure("temperature", 1, "celsius|°c|degrees celsius|degree celsius|degrés celsius|degré celsius|degrees c|c|centigrade|degrees centigrade", 273.15),
    "fahrenheit": _measure("temperature", 5 / 9, "fahrenheit|°f|degrees fahrenheit|degree fahrenheit|degrés fahrenheit|degré fahrenheit|degrees f|f", 459.67),
    "kelvin": _measure("temperature", 1, "kelvin|k|degrees kelvin|degrés kelvin"),
    "second": _measure("time", 1, "second|seconde|sec|s"),
    "millisecond": _measure("time", 0.001, "millisecond|milliseconde|msec"),
    "minute": _measure("time", 60, "minute|min"),
    "hour": _measure("time", 3600, "hour|heure|hr|h"),
    "day": _measure("time", 86400, "day|jour"),
    "week": _measure("time", 604800, "week|semaine"),
    "month": _measure("time", 2629800, "month|months|mois"),
    "year": _measure("time", 31557600, "year|an|année"),
    "bit": _measure("data", 0.125, "bit"),
    "byte": _measure("data", 1, "byte|octet|o"),
    "kb": _measure("data", 1e3, "kb|kilobyte|kilooctet|ko"),
    "mb": _measure("data", 1e6, "mb|megabyte|mégaoctet|mo|meg"),
    "gb": _measure("data", 1e9, "gb|gigabyte|gigaoctet|go|gig"),
    "tb": _measure("data", 1e12, "tb|terabyte|téraoctet|to"),
    "mib": _measure("data", 1048576, "mib|mebibyte|mébioctet|mio"),
    "gib": _measure("data", 1073741824, "gib|gibibyte|gibioctet|gio"),
    "joule": _measure("energy", 1, "joule|j"),
    "kj": _measure("energy", 1000, "kj|kilojoule"),
    "kcal": _measure("energy", 4184, "kcal|kilocalorie|calorie|cal"),
    "kwh": _measure("energy", 3.6e6, "kwh|kilowatt hour|kilowatt-hour|kilowattheure|kilowatt heure|kilowatts heure|kilowatt hours"),
    "watt": _measure("power", 1, "watt|w"),
    "kw": _measure("power", 1000, "kw|kilowatt"),
    "hp": _measure("power", 745.69987158227, "hp|horsepower|mechanical horsepower"),
    "metric_hp": _measure("power", 735.49875, "ch|cheval-vapeur|chevaux|cheval vapeur|chevaux-vapeur|cheval|cv|metric horsepower"),
    "bar": _measure("pressure", 1e5, "bar"),
    "pa": _measure("pressure", 1, "pa|pascal"),
    "hpa": _measure("pressure", 100, "hpa|hectopascal"),
    "psi": _measure("pressure", 6894.757293168, "psi|pounds per square inch"),
    "atm": _measure("pressure", 101325, "atm|atmosphere|atmosphère"),
    "degree": _measure("angle", 0.017453292519943295, "degree|degré|deg|°"),
    "radian": _measure("angle", 1, "radian|rad"),
}  # fmt: skip


def convert_units(value: Number, from_unit: Unit, to_unit: Unit) -> Outcome:
    """Converts a measure from one unit into another of the same dimension.

    value: how many of the first unit
    from_unit: the unit it is given in
    to_unit: the unit wanted
    """
    source, target = unit_key(from_unit), unit_key(to_unit)
    start, goal = UNITS[source], UNITS[target]
    if start.dimension != goal.dimension:
        raise ToolError(f"{source} measures {start.dimension}, {target} measures {goal.dimension}: no conversion.")
    base = (value + start.offset) * start.factor
    if start.dimension == "temperature" and base < -1e-9:
        raise ToolError(f"{value:g} {source} lies below absolute zero.")
    if start.dimension in {"length", "mass", "volume", "area"} and value < 0:
        raise ToolError(f"A {start.dimension} cannot be negative: {value:g} {source}.")
    result = base / goal.factor - goal.offset
    return Outcome(figures={"result": result, "to_unit": target, "value": value, "from_unit": source})


def unit_key(name: str) -> str:
    """The key of a unit by any of its names. Raises ToolError naming the nearest."""
    folded = _fold(name).strip(" .")
    for candidate in (folded, folded.removesuffix("s"), folded.removesuffix("es")):
        if key := _keys().get(candidate):
            return key
    near = get_close_matches(folded, _keys(), n=3)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    raise ToolError(f"{name!r} is not a unit known here.{hint}")


def find_units(text: str) -> list[UnitMatch]:
    """The units named in a text, from left to right, the longest name winning."""
    return [
        UnitMatch(unit_key(match.group()), match.start(), match.end()) for match in _pattern().finditer(_fold(text))
    ]


@cache
def _keys() -> dict[str, str]:
    keys = {_fold(name): key for key, measure in UNITS.items() for name in measure.names}
    return keys | {key: key for key in UNITS if key not in keys}


@cache
def _pattern() -> re.Pattern[str]:
    names = sorted(_keys(), key=len, reverse=True)
    return re.compile(rf"(?<![a-z'])(?:{'|'.join(map(re.escape, names))})s?(?![a-z0-9'²³])")


def _fold(text: str) -> str:
    return text.lower().translate(_PLAIN) if len(text.lower()) == len(text) else text.translate(_PLAIN)


_PLAIN = str.maketrans("éèêàâîïôûùç’", "eeeaaiiouuc'")
