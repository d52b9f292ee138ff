"""Units of measure: a table of exact factors, their names in English and French, and where a text names them.

Factors are the exact definitions of the International Yard and Pound agreement (1959), the SI brochure (9th edition)
and NIST SP 811, appendix B. US liquid measures are meant by gallon, pint, cup and fluid ounce; a year is 365.25 days, a
month a twelfth of it. Bytes count in powers of 1000. Converting is left to `units`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Measure:
    """A unit: how many of its dimension's base unit it is (after adding `offset`), and its names."""

    dimension: str
    factor: float
    names: tuple[str, ...]
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class UnitMatch:
    """A unit named in a text: its key, and the span of its name."""

    key: str
    start: int
    end: int


def _measure(dimension: str, factor: float, names: str, offset: float = 0.0) -> Measure:
    return Measure(dimension, factor, tuple(names.split("|")), offset)


UNITS: Final[dict[str, Measure]] = {
    "m": _measure("length", 1, "m|metre|meter|mètre"),
    "km": _measure("length", 1000, "km|kilometre|kilometer|kilomètre|kms|k m"),
    "cm": _measure("length", 0.01, "cm|centimetre|centimeter|centimètre"),
    "mm": _measure("length", 0.001, "mm|millimetre|millimeter|millimètre"),
    "mile": _measure("length", 1609.344, "mile|mi|mille terrestre|milles terrestres"),
    "yard": _measure("length", 0.9144, "yard|yd|verge"),
    "foot": _measure("length", 0.3048, "foot|feet|ft|pied"),
    "inch": _measure("length", 0.0254, "inch|inches|pouce|in."),
    "nautical_mile": _measure(
        "length",
        1852,
        "nautical mile|mille marin|mille nautique|nmi|milles marins|milles nautiques",
    ),
    "light_year": _measure(
        "length",
        9.4607304725808e15,
        "light year|light-year|année-lumière|année lumière|années-lumière|années lumière",
    ),
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
    "dl": _measure("volume", 0.1, "dl|décilitre|decilitre|deciliter"),
    "cm3": _measure("volume", 0.001, "cm3|cm³|cubic centimetre|cubic centimeter|centimètre cube|centimètres cubes"),
    "ft3": _measure("volume", 28.316846592, "ft3|ft³|cubic foot|cubic feet|pied cube|pieds cubes"),
    "gallon": _measure("volume", 3.785411784, "gallon|gal|us gallon"),
    "pint": _measure("volume", 0.473176473, "pint|pinte"),
    "fluid_ounce": _measure("volume", 0.0295735295625, "fluid ounce|fl oz|fl. oz|once liquide|onces liquides"),
    "cup": _measure("volume", 0.2365882365, "cup|tasse"),
    "tablespoon": _measure("volume", 0.01478676478125, "tablespoon|tbsp|cuillère à soupe|cuillères à soupe"),
    "teaspoon": _measure("volume", 0.00492892159375, "teaspoon|tsp|cuillère à café|cuillères à café"),
    "m3": _measure("volume", 1000, "m3|m³|cubic metre|cubic meter|mètre cube|mètres cubes"),
    "m2": _measure("area", 1, "m2|m²|square metre|square meter|sq m|sqm|mètre carré|mètres carrés"),
    "cm2": _measure("area", 1e-4, "cm2|cm²|square centimetre|square centimeter|centimètre carré|centimètres carrés"),
    "km2": _measure("area", 1e6, "km2|km²|square kilometre|square kilometer|kilomètre carré|kilomètres carrés"),
    "hectare": _measure("area", 10000, "hectare|ha"),
    "acre": _measure("area", 4046.8564224, "acre"),
    "square_mile": _measure("area", 2589988.110336, "square mile|sq mi|mi2|mi²|mile carré|miles carrés"),
    "ft2": _measure("area", 0.09290304, "ft2|ft²|square foot|square feet|sq ft|sqft|pied carré|pieds carrés"),
    "kmh": _measure(
        "speed",
        1 / 3.6,
        "km/h|kmh|kph|kilometres per hour|kilometers per hour|kilometre per hour|kilomètres par heure|"
        "kilomètre par heure|kilomètres heure|kilomètre-heure|km par heure|km per hour",
    ),
    "mph": _measure(
        "speed",
        0.44704,
        "mph|miles per hour|mile per hour|miles par heure|mi/h|miles an hour|miles à l'heure",
    ),
    "mps": _measure(
        "speed",
        1,
        "m/s|metres per second|meters per second|metre per second|meter per second|mètres par seconde|"
        "mètre par seconde",
    ),
    "knot": _measure("speed", 1852 / 3600, "knot|noeud|nœud|kt"),
    "celsius": _measure(
        "temperature",
        1,
        "celsius|°c|degrees celsius|degree celsius|degrés celsius|degré celsius|degrees c|c|centigrade|"
        "degrees centigrade",
        273.15,
    ),
    "fahrenheit": _measure(
        "temperature",
        5 / 9,
        "fahrenheit|°f|degrees fahrenheit|degree fahrenheit|degrés fahrenheit|degré fahrenheit|degrees f|f",
        459.67,
    ),
    "kelvin": _measure("temperature", 1, "kelvin|k|degrees kelvin|degrés kelvin"),
    "second": _measure("time", 1, "second|seconde|sec|s"),
    "millisecond": _measure("time", 0.001, "millisecond|milliseconde|msec|ms"),
    "minute": _measure("time", 60, "minute|min"),
    "hour": _measure("time", 3600, "hour|heure|hr|h"),
    "day": _measure("time", 86400, "day|jour"),
    "week": _measure("time", 604800, "week|semaine"),
    "month": _measure("time", 2629800, "month|months|mois"),
    "year": _measure("time", 31557600, "year|an|ans|année"),
    "bit": _measure("data", 0.125, "bit"),
    "byte": _measure("data", 1, "byte|octet|o"),
    "kb": _measure("data", 1e3, "kb|kilobyte|kilooctet|ko"),
    "mb": _measure("data", 1e6, "mb|megabyte|mégaoctet|mo|meg"),
    "gb": _measure("data", 1e9, "gb|gigabyte|gigaoctet|go|gig"),
    "tb": _measure("data", 1e12, "tb|terabyte|téraoctet|to"),
    "kib": _measure("data", 1024, "kib|kibibyte|kibioctet|kio"),
    "mib": _measure("data", 1048576, "mib|mebibyte|mébioctet|mio"),
    "gib": _measure("data", 1073741824, "gib|gibibyte|gibioctet|gio"),
    "tib": _measure("data", 1099511627776, "tib|tebibyte|tébioctet|tio"),
    "joule": _measure("energy", 1, "joule|j"),
    "kj": _measure("energy", 1000, "kj|kilojoule"),
    "kcal": _measure("energy", 4184, "kcal|kilocalorie|calorie|cal"),
    "kwh": _measure(
        "energy",
        3.6e6,
        "kwh|kilowatt hour|kilowatt-hour|kilowattheure|kilowatt heure|kilowatts heure|kilowatt hours",
    ),
    "watt": _measure("power", 1, "watt|w"),
    "kw": _measure("power", 1000, "kw|kilowatt"),
    "hp": _measure("power", 745.69987158227, "hp|horsepower|mechanical horsepower"),
    "metric_hp": _measure(
        "power",
        735.49875,
        "ch|cheval-vapeur|chevaux|cheval vapeur|chevaux-vapeur|cheval|cv|metric horsepower",
    ),
    "bar": _measure("pressure", 1e5, "bar"),
    "pa": _measure("pressure", 1, "pa|pascal"),
    "hpa": _measure("pressure", 100, "hpa|hectopascal"),
    "psi": _measure("pressure", 6894.757293168, "psi|pounds per square inch"),
    "atm": _measure("pressure", 101325, "atm|atmosphere|atmosphère"),
    "degree": _measure("angle", 0.017453292519943295, "degree|degré|deg|°"),
    "radian": _measure("angle", 1, "radian|rad"),
}

# Names that are also words of ordinary sentences, besides every single letter.
_ALSO_WORDS: Final = frozenset(
    "an cal ch cup cv deg gig go gr ha in kt meg mi mo once pa sec second st to ton verge".split()
)
_FUNCTION_WORDS: Final = frozenset({"an", "go", "in", "to"})  # common even after a number: "from 80 to 92"
_INTO: Final = r"\s(?:in|to|into|en|vers|a)\s"
_LEADS_TO_UNIT: Final = r"(?:\b(?:in|to|into|en|vers|a|from|de|many|per|par|une?|an|one|dans)\s|\bd')$"
_ENDS_PHRASE: Final = (
    r"\s*(?:$|[?!,;:)=]|\.(?:\s|$)"
    r"|(?:in|to|into|en|vers|is|are|equals|how|font|fait|vaut|valent|ca|cela|c'est|combien)\b)"
)
_LONGEST_LEAD: Final = 6
_PLAIN: Final = str.maketrans("éèêàâîïôûùç\u2019\u00a0\u202f", "eeeaaiiouuc'  ")


def known_key(name: str) -> str | None:
    """The key of a unit by any of its names, in any case, singular or plural; None for a name not in the table."""
    folded = _fold(name).strip(" .")
    for candidate in (folded, folded.removesuffix("s"), folded.removesuffix("es")):
        if key := unit_names().get(candidate):
            return key
    return None


@cache
def unit_names() -> dict[str, str]:
    """Every name, in lower case without accents, with the key it stands for."""
    keys = {_fold(name).strip("."): key for key, measure in UNITS.items() for name in measure.names}
    return keys | {key: key for key in UNITS if key not in keys}


def find_units(text: str) -> list[UnitMatch]:
    """The units named in a text, from left to right, the longest name winning.

    A name that is also a word, such as "to" or "c", counts after a number, or where the text asks for a unit of the
    dimension that another unit of the text has.
    """
    folded = _fold(text)
    named: list[UnitMatch] = []
    unsure: list[UnitMatch] = []
    for match in _pattern().finditer(folded):
        key = known_key(match.group())
        if key is not None:
            found = UnitMatch(key, match.start(), match.end())
            (named if _is_certain(folded, found) else unsure).append(found)
    dimensions = _dimensions(named)
    named += [one for one in unsure if UNITS[one.key].dimension in dimensions and _is_asked(folded, one)]
    known = {one.start for one in named}  # no two matches begin at one place
    for first, second in _pairs(folded, [one for one in unsure if one.start not in known]):
        named += [first, second]
    return sorted(named, key=lambda one: one.start)


def units_to_convert(text: str) -> frozenset[int]:
    """Where units stand whose dimension the text also names another unit of; single letters are left out."""
    found = find_units(text)
    keys = {(UNITS[one.key].dimension, one.key) for one in found}
    several = {one for one in _dimensions(found) if sum(dimension == one for dimension, _ in keys) > 1}
    return frozenset(
        one.start for one in found if one.end - one.start > 1 and not several.isdisjoint(_dimensions([one]))
    )


def _dimensions(found: Iterable[UnitMatch]) -> set[str]:
    """The dimensions of these units; a bare degree may be of an angle or of temperature."""
    dimensions = {UNITS[one.key].dimension for one in found}
    return dimensions | {"temperature"} if any(one.key == "degree" for one in found) else dimensions


def _is_certain(folded: str, found: UnitMatch) -> bool:
    name = folded[found.start : found.end].strip(" .")
    if len(name) > 1 and name not in _ALSO_WORDS and name.removesuffix("s") not in _ALSO_WORDS:
        return True
    before = found.start - 1 if folded[found.start - 1 : found.start] in {" ", "-"} else found.start
    if not folded[before - 1 : before].isdecimal() or re.match(r"-[a-z]", folded[found.end : found.end + 2]):
        return False
    if name not in _FUNCTION_WORDS:
        return True
    following = _pattern().match(folded, found.end + 1) if name == "in" else None
    return _ends_phrase(folded, found.end) or (following is not None and following.group() not in _ALSO_WORDS)


def _is_asked(folded: str, found: UnitMatch) -> bool:
    name = folded[found.start : found.end].strip(" .")
    if name in _FUNCTION_WORDS and not _ends_phrase(folded, found.end):
        return False
    lead = folded[max(0, found.start - _LONGEST_LEAD) : found.start]
    return len(name) > 2 or re.search(_LEADS_TO_UNIT, lead) is not None


def _ends_phrase(folded: str, end: int) -> bool:
    return re.compile(_ENDS_PHRASE).match(folded, end) is not None


def _pairs(folded: str, unsure: list[UnitMatch]) -> list[tuple[UnitMatch, UnitMatch]]:
    """ "c to f", "l en cl": two units of a dimension that vouch for each other."""
    return [
        (first, second)
        for place, first in enumerate(unsure)
        for second in unsure[place + 1 : place + 3]
        if UNITS[first.key].dimension == UNITS[second.key].dimension
        and re.fullmatch(_INTO, folded[first.end : second.start])
    ]


@cache
def _pattern() -> re.Pattern[str]:
    """Any name as a word of its own. After an apostrophe only a long one: "l'heure", but not "c'est" or "don't"."""
    names = sorted({*unit_names(), "in."}, key=len, reverse=True)
    long = "|".join(re.escape(name) for name in names if len(name.rstrip(".")) > 2)
    short = "|".join(re.escape(name) + _short_plural(name) for name in names if len(name.rstrip(".")) <= 2)
    return re.compile(rf"(?<![a-z_])(?:(?:{long})s?|(?<!')(?:{short}))(?![\w'²³])")


def _short_plural(name: str) -> str:
    """ "hrs", "yds"; but "ms" is no plural of the metre, nor "gos" a word."""
    return "s?" if len(name) == 2 and name.isalpha() and name not in _ALSO_WORDS else ""


def _fold(text: str) -> str:
    return text.lower().translate(_PLAIN) if len(text.lower()) == len(text) else text.translate(_PLAIN)
