"""Units: exact factors against published values, every name, and which words of a sentence are units."""

import pytest

from unified_intelligence.tools.registry import ToolError
from unified_intelligence.tools.unit_table import UNITS, find_units, units_to_convert
from unified_intelligence.tools.units import convert_units, unit_key

# NIST SP 811 (2008), appendix B.8, and the SI brochure, 9th edition: exact unless a tolerance is given.
PUBLISHED = [
    (1, "inch", "cm", 2.54),
    (1, "foot", "m", 0.3048),
    (1, "yard", "m", 0.9144),
    (1, "mile", "km", 1.609344),
    (1, "nautical mile", "m", 1852),
    (1, "light year", "m", 9.4607304725808e15),
    (1, "pound", "g", 453.59237),
    (1, "ounce", "g", 28.349523125),
    (1, "stone", "pound", 14),
    (1, "tonne", "kg", 1000),
    (1, "gallon", "litre", 3.785411784),
    (1, "gallon", "pint", 8),
    (1, "gallon", "cup", 16),
    (1, "cup", "fl oz", 8),
    (1, "cup", "tablespoon", 16),
    (1, "tablespoon", "teaspoon", 3),
    (1, "cubic foot", "litre", 28.316846592),
    (1, "m3", "litre", 1000),
    (1, "cm3", "ml", 1),
    (1, "dl", "cl", 10),
    (1, "acre", "m2", 4046.8564224),
    (640, "acre", "square mile", 1),
    (1, "hectare", "m2", 10000),
    (1, "km2", "hectare", 100),
    (1, "ft2", "cm2", 929.0304),
    (1, "mph", "km/h", 1.609344),
    (1, "knot", "km/h", 1.852),
    (36, "km/h", "m/s", 10),
    (212, "fahrenheit", "celsius", 100),
    (-40, "fahrenheit", "celsius", -40),
    (37, "celsius", "fahrenheit", 98.6),
    (0, "kelvin", "celsius", -273.15),
    (0, "kelvin", "fahrenheit", -459.67),
    (1, "week", "hour", 168),
    (500, "ms", "s", 0.5),
    (1, "year", "day", 365.25),
    (1, "byte", "bit", 8),
    (1, "GB", "MB", 1000),
    (1, "GiB", "MiB", 1024),
    (1, "TiB", "GiB", 1024),
    (1, "kib", "octets", 1024),
    (1, "kWh", "kJ", 3600),
    (1, "kcal", "kJ", 4.184),
    (1, "atm", "hPa", 1013.25),
    (1, "bar", "Pa", 100000),
    (180, "degrees", "radians", 3.141592653589793),
    (1, "hp", "watt", 745.69987158227),
    (1, "ch", "W", 735.49875),
    (1, "psi", "Pa", 6894.757293168),
]
IN_SENTENCES: list[tuple[str, list[str]]] = [
    ("convert 5 miles to km", ["mile", "km"]),
    ("12 m to feet", ["m", "foot"]),
    ("100 f in c", ["fahrenheit", "celsius"]),
    ("30 c en f", ["celsius", "fahrenheit"]),
    ("c to f", ["celsius", "fahrenheit"]),
    ("30 degrees to f", ["degree", "fahrenheit"]),
    ("20 °C to °F", ["celsius", "fahrenheit"]),
    ("1.5 l en cl", ["litre", "cl"]),
    ("2 To en Go", ["tb", "gb"]),
    ("500 mo en go", ["mb", "gb"]),
    ("5 in to cm", ["inch", "cm"]),
    ("12in in cm", ["inch", "cm"]),
    ("12 st in kg", ["stone", "kg"]),
    ("3 ha en m2", ["hectare", "m2"]),
    ("1 an en jours", ["year", "day"]),
    ("26.2 mi in km", ["mile", "km"]),
    ("how many m in 5 km", ["m", "km"]),
    ("how many ml in a cup", ["ml", "cup"]),
    ("how many minutes in an hour", ["minute", "hour"]),
    ("combien d'onces dans une livre", ["ounce", "pound"]),
    ("combien de jours dans un an", ["day", "year"]),
    ("l'heure en minutes", ["hour", "minute"]),
    ("500 ms in seconds", ["millisecond", "second"]),
    ("8 fl oz to ml", ["fluid_ounce", "ml"]),
    ("100 km/h in m/s", ["kmh", "mps"]),
    ("50 m² en pieds carrés", ["m2", "ft2"]),
    ("300 k to celsius", ["kelvin", "celsius"]),
    ("20 j en kcal", ["joule", "kcal"]),
    ("how many hrs in 3 days, 5 yds in m", ["hour", "day", "yard", "m"]),
    ("5 Go ça fait combien de To ?", ["gb", "tb"]),
    ("3 jours en ans", ["day", "year"]),
    ("from 80 to 92", []),
    ("raise 5 to 10 in a day", ["day"]),
    ("j'ai faim, c'est l'eau, s'il t'en faut, m'en g'", []),
    ("we don't, it's, i'm, we'd", []),
    ("a b c d e f g h j k l m s t", []),
    ("time to go to the world cup in an instant", []),
    ("go to st john in mo and ha, an o", []),
    ("3 t-shirts and a c-section", []),
    ("once upon a time there was a second pa", []),
    ("mon ton son, va-t-il en c ou en f", []),
    ("add_km to m_x", []),
]


@pytest.mark.parametrize(("value", "source", "target", "expected"), PUBLISHED)
def test_published_values(value: float, source: str, target: str, expected: float) -> None:
    assert convert_units(value, source, target).figures["result"] == pytest.approx(expected, rel=1e-12, abs=1e-10)
    back = convert_units(expected, target, source).figures["result"]
    assert back == pytest.approx(value, rel=1e-12, abs=1e-10)


def test_every_name_of_every_unit_is_its_own() -> None:
    owners: dict[str, str] = {}
    for key, measure in UNITS.items():
        assert unit_key(key) == key
        for name in measure.names:
            assert owners.setdefault(name, key) == key, name
            for written in (name, name.upper(), f" {name} ", f"{name}s" if len(name) > 3 else name):
                assert unit_key(written) == key, written


def test_every_name_is_found_after_a_number() -> None:
    for key, measure in UNITS.items():
        for name in measure.names:
            text = f"convert 5 {name}?"
            assert [(one.key, text[one.start : one.end].rstrip(".")) for one in find_units(text)] == [
                (key, name.rstrip("."))
            ]


@pytest.mark.parametrize(("text", "keys"), IN_SENTENCES)
def test_units_in_a_sentence(text: str, keys: list[str]) -> None:
    assert [one.key for one in find_units(text)] == keys


def test_only_units_with_a_partner_are_to_convert() -> None:
    assert units_to_convert("how many feet in a mile") == {9, 19}
    assert units_to_convert("a mile in a day") == frozenset()
    assert units_to_convert("5 m to km") == {7}


@pytest.mark.parametrize(("target", "result"), [("f", 86), ("k", 303.15)])
def test_bare_degrees_are_of_temperature_beside_one(target: str, result: float) -> None:
    figures = convert_units(30, "degrees", target).figures
    assert figures["from_unit"] == "celsius"
    assert figures["result"] == pytest.approx(result)


@pytest.mark.parametrize(
    ("source", "target", "notes"),
    [
        ("gallon", "litre", ("us_measures",)),
        ("gallon", "pint", ()),
        ("month", "day", ("mean_year",)),
        ("month", "year", ()),
        ("gb", "mb", ("decimal_bytes",)),
        ("mile", "km", ()),
    ],
)
def test_what_is_assumed_is_noted(source: str, target: str, notes: tuple[str, ...]) -> None:
    assert convert_units(1, source, target).notes == notes


@pytest.mark.parametrize(
    ("value", "source", "target", "said"),
    [
        (1, "km", "kg", "km measures length, kg measures mass"),
        (-300, "celsius", "kelvin", "absolute zero"),
        (-1, "km", "mile", "cannot be negative"),
        (1, "kilomtre", "mile", "kilometre"),
        (1, "euro", "dollar", "not a unit"),
        (1, "", "m", "not a unit"),
    ],
)
def test_what_cannot_be_converted_says_why(value: float, source: str, target: str, said: str) -> None:
    with pytest.raises(ToolError) as raised:
        convert_units(value, source, target)
    assert said in str(raised.value)
