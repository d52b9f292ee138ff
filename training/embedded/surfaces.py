"""The words of an argument in a sentence: how people write amounts, rates, durations, dates and the rest.

The value is never stated twice: what an argument means is what the program itself reads in the words drawn here.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from random import Random
from typing import Literal

from unified_intelligence.embedded.calls import list_literal
from unified_intelligence.embedded.reading import number_text
from unified_intelligence.tools.quantities import normalise
from unified_intelligence.tools.units import UNITS

Language = Literal["en", "fr"]

_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
}
_SMALL_WORDS = {
    "en": "two three four five six seven eight nine ten twelve fifteen twenty twenty-five thirty".split(),
    "fr": "deux trois quatre cinq six sept huit neuf dix douze quinze vingt vingt-cinq trente".split(),
}
_SMALL_VALUES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30)
_OPERATORS = {
    "en": ("plus", "minus", "times", "divided by", "multiplied by", "over", "to the power of"),
    "fr": ("plus", "moins", "fois", "divisé par", "multiplié par", "sur", "puissance"),
}
_UNIT_NAMES = {
    "fr": {
        "m": "mètres|metres|m", "km": "kilomètres|km|kilometres", "cm": "centimètres|cm|centimetres", "mm": "millimètres|mm", "mile": "miles|miles",
        "yard": "yards|verges", "foot": "pieds|pied", "inch": "pouces|pouce", "nautical_mile": "milles marins|milles nautiques",
        "kg": "kg|kilos|kilogrammes", "g": "grammes|g", "mg": "mg|milligrammes", "tonne": "tonnes|tonne", "pound": "livres|livre|lb", "ounce": "onces|once|oz",
        "litre": "litres|litre|l", "ml": "ml|millilitres", "cl": "cl|centilitres", "gallon": "gallons|gallon", "pint": "pintes", "cup": "tasses|cups",
        "tablespoon": "cuillères à soupe", "teaspoon": "cuillères à café", "m3": "m3|mètres cubes", "m2": "m2|mètres carrés|m²", "km2": "km2|kilomètres carrés",
        "hectare": "hectares|ha|hectare", "acre": "acres|acre", "ft2": "pieds carrés", "kmh": "km/h|kilomètres par heure", "mph": "mph|miles par heure",
        "mps": "m/s|mètres par seconde", "knot": "noeuds|nœuds", "celsius": "degrés celsius|°C|celsius", "fahrenheit": "degrés fahrenheit|°F|fahrenheit", "kelvin": "kelvin|kelvins",
        "second": "secondes|s", "minute": "minutes|min", "hour": "heures|h", "day": "jours", "week": "semaines", "month": "mois", "year": "ans|années",
        "byte": "octets", "kb": "ko|kilooctets", "mb": "mo|Mo|mégaoctets", "gb": "go|Go|gigaoctets", "tb": "to|To|téraoctets",
        "joule": "joules", "kj": "kj|kilojoules", "kcal": "kcal|kilocalories|calories", "kwh": "kWh|kwh", "watt": "watts", "kw": "kW|kilowatts", "hp": "hp", "metric_hp": "chevaux|ch|cv",
        "bar": "bars|bar", "pa": "pascals|Pa", "psi": "psi", "degree": "degrés", "radian": "radians", "atm": "atmosphères",
    },
    "en": {
        "m": "metres|meters|m|meter", "km": "km|kilometres|kilometers|kms", "cm": "cm|centimetres|centimeters", "mm": "mm|millimetres|millimeters", "mile": "miles|mile|mi", "yard": "yards|yd",
        "foot": "feet|foot|ft", "inch": "inches|inch", "nautical_mile": "nautical miles", "light_year": "light years", "kg": "kg|kilos|kilograms", "g": "grams|g", "mg": "mg|milligrams",
        "tonne": "tonnes|metric tons", "pound": "pounds|lbs|lb", "ounce": "ounces|oz", "stone": "stone|stones", "litre": "litres|liters|l|litre", "ml": "ml|millilitres|milliliters", "cl": "cl|centilitres",
        "gallon": "gallons|gallon", "pint": "pints|pint", "cup": "cups|cup", "tablespoon": "tablespoons|tbsp", "teaspoon": "teaspoons|tsp", "m3": "cubic metres|m3|cubic meters",
        "m2": "square metres|m2|sqm|square meters", "km2": "square kilometres|km2", "hectare": "hectares|hectare|ha", "acre": "acres|acre", "ft2": "square feet|sq ft|sqft",
        "kmh": "km/h|kph|kmh|kilometres per hour", "mph": "mph|miles per hour", "mps": "m/s|metres per second|meters per second", "knot": "knots|knot",
        "celsius": "celsius|degrees celsius|°C|degrees C", "fahrenheit": "fahrenheit|degrees fahrenheit|°F|degrees F", "kelvin": "kelvin", "second": "seconds|sec", "minute": "minutes|min",
        "hour": "hours|hrs|hour", "day": "days", "week": "weeks", "month": "months", "year": "years", "bit": "bits", "byte": "bytes", "kb": "kb|kilobytes|KB", "mb": "mb|megabytes|MB",
        "gb": "gb|gigabytes|GB", "tb": "tb|terabytes|TB", "mib": "MiB|mebibytes", "gib": "GiB|gibibytes", "joule": "joules", "kj": "kj|kilojoules|kJ", "kcal": "kcal|calories|kilocalories",
        "kwh": "kwh|kWh|kilowatt hours", "watt": "watts", "kw": "kw|kilowatts|kW", "hp": "horsepower|hp", "bar": "bar|bars", "pa": "pascals|Pa", "psi": "psi", "degree": "degrees", "radian": "radians", "atm": "atmospheres|atm",
    },
}  # fmt: skip


class NoSuchSurfaceError(ValueError):
    """What was drawn is not read back as one quantity: the sample is dropped and counted."""


def amount(random: Random, language: Language, low: float = 1.0, high: float = 2e6) -> str:
    """A sum of money or a count, in one of the many ways people write it."""
    value = _round_like_people(random, low, high)
    style = random.random()
    if style < 0.09 and value >= 1000:
        return _with_scale(random, value, language)
    if style < 0.13 and value >= 1000:
        return random.choice(_LARGE_WORDS[language])
    digits = grouped(random, value, language)
    return _with_currency(random, digits, language) if random.random() < 0.62 else digits


def percent(random: Random, language: Language, low: float = 0.1, high: float = 30.0) -> str:
    value = _step(random, low, high, random.choice((0.05, 0.25, 0.5, 1, 1, 0.1)))
    digits = decimal(random, value, language)
    signs = ("%", "%", "%", " %", " %", " percent", " per cent") if language == "en" else ("%", "%", " %", " %", " %", " pour cent", "\u202f%")
    if random.random() < 0.02 and language == "en":
        return f"{random.choice((25, 50, 75, 100, 150))} {random.choice(('bps', 'basis points'))}"
    if random.random() < 0.04 and value in _SMALL_VALUES:
        return f"{_SMALL_WORDS[language][_SMALL_VALUES.index(int(value))]}{' percent' if language == 'en' else ' pour cent'}"
    return digits + random.choice(signs)


def duration(random: Random, language: Language, form: str = "", units: str = "yyyyyyymmmwd") -> str:
    unit = random.choice(units)
    value = {"y": random.randint(1, 40), "m": random.choice((3, 6, 9, 12, 15, 18, 24, 30, 36, 48, 60, 72, 84, 120, 180, 240)), "w": random.randint(1, 52), "d": random.choice((1, 5, 7, 10, 14, 15, 20, 21, 30, 45, 60, 90, 100, 120, 180, 365))}[unit]
    if unit == "y" and random.random() < 0.06:
        value = random.choice((1.5, 2.5, 0.5, 7.5))
    names = {
        "en": {"y": ("year", "years"), "m": ("month", "months"), "w": ("week", "weeks"), "d": ("day", "days")},
        "fr": {"y": ("an", "ans"), "m": ("mois", "mois"), "w": ("semaine", "semaines"), "d": ("jour", "jours")},
    }[language][unit]
    if form == "adj" and language == "en":
        return f"{number_text(value)}{random.choice('- ')}{names[0]}"
    name = names[value > 1]
    if unit == "y" and random.random() < 0.08:
        name = random.choice(("yrs", "yr", "y") if language == "en" else ("années", "annees", "année"))
    if value in _SMALL_VALUES and random.random() < 0.15:
        return f"{_SMALL_WORDS[language][_SMALL_VALUES.index(int(value))]} {names[1]}"
    return f"{decimal(random, value, language)} {name}"


def written_date(random: Random, language: Language, form: str = "") -> str:
    """A day in words or figures; `bare` leaves out the French article and words such as today."""
    if random.random() < 0.12 and form != "bare":
        return random.choice(("today", "tomorrow", "yesterday", "today") if language == "en" else ("aujourd'hui", "demain", "hier", "aujourd’hui"))
    day = date(1950, 1, 1) + timedelta(days=random.randint(0, 40000))
    month = _MONTHS[language][day.month - 1]
    if language == "fr":
        first = "1er" if day.day == 1 else str(day.day)
        styles = (f"le {first} {month} {day.year}", f"le {day:%d/%m/%Y}", f"{first} {month} {day.year}", day.isoformat(), f"{day:%d/%m/%Y}")
        return random.choice(styles).removeprefix("le " if form == "bare" else "\0")
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day not in (11, 12, 13) else 0, "th")
    styles = (f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", day.isoformat(), f"{month} {day.day}{ending}, {day.year}", f"{day:%m/%d/%Y}", f"{month} {day.day} {day.year}")
    return random.choice(styles)


def expression(random: Random, language: Language) -> str:
    """Arithmetic in symbols, in words, or a root or power."""
    def number() -> str:
        kind = random.random()
        if kind < 0.75:
            return str(random.choice((random.randint(1, 20), random.randint(1, 100), random.randint(1, 1000), random.randint(1, 99999))))
        return decimal(random, round(random.uniform(0.1, 100), random.choice((1, 2))), language)

    style = random.random()
    if style < 0.12:
        root = random.choice(("the square root of", "square root of", "sqrt") if language == "en" else ("racine carrée de", "la racine carrée de", "racine de"))
        return f"{root} {number()}" if root != "sqrt" else f"sqrt({number()})"
    if style < 0.2:
        return f"{number()} {random.choice(('squared', 'cubed') if language == 'en' else ('au carré', 'au cube'))}"
    if style < 0.26:
        return random.choice((f"{random.randint(2, 20)}^{random.randint(2, 12)}", f"{random.randint(2, 20)} ^ {random.randint(2, 5)}", f"{random.randint(3, 15)}!", f"{random.randint(2, 9)}**{random.randint(2, 9)}"))
    operators = _OPERATORS[language] if style < 0.6 else ("+", "-", "*", "/", "x", "×", "÷")
    blank = " " if style < 0.9 else ""
    def term() -> str:
        return f"{number()}{blank}{random.choice(operators)}{blank}{number()}"
    shape = random.random()
    if shape < 0.62:
        return term()
    if style < 0.6 or shape < 0.8:
        return f"{term()}{blank}{random.choice(operators)}{blank}{number()}"
    return random.choice((f"({term()}){blank}{random.choice('*/')}{blank}{number()}", f"{number()}{blank}{random.choice('*+-')}{blank}({term()})", f"({term()}){blank}{random.choice('*/+-')}{blank}({term()})"))


def unit_pair(random: Random, language: Language) -> tuple[str, str]:
    """Names of two units of one dimension."""
    names = _UNIT_NAMES[language]
    first = random.choice(sorted(names))
    kin = [key for key in names if key != first and UNITS[key].dimension == UNITS[first].dimension]
    if not kin:
        return unit_pair(random, language)
    return random.choice(names[first].split("|")), random.choice(names[random.choice(kin)].split("|"))


def decimal(random: Random, value: float, language: Language) -> str:
    text = number_text(round(value, 6))
    return text.replace(".", ",") if language == "fr" and random.random() < 0.8 else text


def grouped(random: Random, value: float, language: Language) -> str:
    text = decimal(random, value, language)
    whole, mark, rest = text.partition("," if "," in text else ".")
    if len(whole) > 3 and random.random() < (0.7 if len(whole) > 4 else 0.45):
        separators = ("," if mark != "," else "",) if language == "en" else (" ", " ", "\u00a0", "\u202f", "")
        separator = random.choice(separators)
        head = len(whole) % 3
        groups = ([whole[:head]] if head else []) + [whole[i : i + 3] for i in range(head, len(whole), 3)]
        whole = separator.join(groups)
    return whole + mark + rest


def literal_of(kind: str, words: str, language: Language) -> str:
    """The JSON for an argument said in these words. Raises NoSuchSurfaceError if they hold not one quantity."""
    quantities = normalise(words, language).quantities
    wanted = {"rate": "percent", "rates": "percent", "years": "duration", "days": "duration", "duration": "duration", "date": "date"}.get(kind, "number")
    if kind in {"numbers", "rates"}:
        if len(quantities) < 2 or any(q.kind not in {wanted, "number"} for q in quantities):
            raise NoSuchSurfaceError(words)
        return list_literal([json.dumps(q.text) if q.kind == "percent" else number_text(q.value) for q in quantities])
    if len(quantities) != 1:
        raise NoSuchSurfaceError(words)
    found = quantities[0]
    if found.kind == wanted and wanted != "number":
        return json.dumps(found.text)
    if found.kind == "date" or kind == "date":
        raise NoSuchSurfaceError(words)
    return number_text(found.value)


_LARGE_WORDS = {
    "en": ("ten thousand", "twenty thousand dollars", "fifty thousand", "a hundred thousand euros", "one million", "half a million", "five thousand", "two thousand pounds", "a million dollars", "three hundred thousand"),
    "fr": ("dix mille euros", "vingt mille", "cinquante mille euros", "cent mille euros", "un million", "un million d'euros", "cinq mille", "deux mille euros", "trois cent mille euros", "mille euros"),
}  # fmt: skip


def _with_scale(random: Random, value: float, language: Language) -> str:
    if value >= 1e6:
        scale = random.choice((" million", "M", " million") if language == "en" else (" millions", "M", " million"))
        digits = decimal(random, round(value / 1e6, 2), language)
    else:
        scale, digits = random.choice(("k", "K", "k")), decimal(random, round(value / 1000, 1), language)
    currency = random.random()
    if language == "en":
        return f"{random.choice('$€£')}{digits}{scale}" if currency < 0.5 else f"{digits}{scale}"
    if scale.strip() in {"k", "K", "M"}:
        return f"{digits}{scale}€" if currency < 0.5 else f"{digits} {scale}€" if currency < 0.7 else f"{digits}{scale}"
    return f"{digits}{scale} d'euros" if currency < 0.6 else f"{digits}{scale}"


def _with_currency(random: Random, digits: str, language: Language) -> str:
    if language == "en":
        return random.choice((f"${digits}", f"${digits}", f"€{digits}", f"£{digits}", f"{digits} dollars", f"{digits} euros", f"{digits} USD", f"{digits} EUR", f"{digits} pounds", f"{digits}€", f"{digits} €"))
    return random.choice((f"{digits} €", f"{digits} €", f"{digits}€", f"{digits} euros", f"{digits} euros", f"{digits} EUR", f"{digits}\u00a0€", f"{digits} dollars", f"{digits} francs suisses"))


def _round_like_people(random: Random, low: float, high: float) -> float:
    """Log-uniform, then rounded the way people round, sometimes to cents."""
    value = low * (high / low) ** random.random()
    style = random.random()
    if style < 0.12 and value < 10000:
        return round(value, random.choice((1, 2)))
    digits = 1 if style < 0.45 else 2 if style < 0.8 else 3 if style < 0.9 else 8
    magnitude = 10 ** max(0, len(str(int(value))) - digits)
    return max(1, round(value / magnitude) * magnitude)


def _step(random: Random, low: float, high: float, step: float) -> float:
    return round(max(step, round(random.uniform(low, high) / step) * step), 4)
