"""What follows a number and belongs to it: a scale, a percent sign, a duration unit, a currency.

`read_measure` is given a canonical number and the place where its digits or words end. Every unit that is not one of
these (km, GB, °C) stays in the text, untouched, beside its number.
"""

from typing import Final, Literal

from .number_digits import SPACES, canonical, pattern, shifted
from .number_words import SCALES
from .text_language import Language, fold

Kind = Literal["number", "percent", "duration", "date"]

_S: Final = rf"[{SPACES}]{{0,3}}"
_SHORT_SCALES: Final = {
    **{"k": 3, "K": 3, "M": 6, "mn": 6, "Mn": 6, "mln": 6, "Mio": 6, "bn": 9, "Bn": 9, "md": 9, "Md": 9},
    **{"mds": 9, "Mds": 9, "Mrd": 9, "tn": 12, "trn": 12},
}
_MONEY_SCALES: Final = {**_SHORT_SCALES, "m": 6, "b": 9, "B": 9, "T": 12}  # "$5m", "3m€": elsewhere m is the metre
_SPACED_SHORT_SCALES: Final = frozenset({"bn", "Bn", "mn", "Mn", "mln", "Mio", "Md", "Mds", "Mrd", "tn", "trn"})

_TIMES_BOTH: Final = {
    **{"years": "years", "year": "years", "yr": "years", "yrs": "years", "ans": "years"},
    **{"annee": "years", "annees": "years", "decade": "decades", "decades": "decades"},
    **{"decennie": "decades", "decennies": "decades", "months": "months", "month": "months", "mois": "months"},
    **{"weeks": "weeks", "week": "weeks", "wk": "weeks", "wks": "weeks", "semaine": "weeks", "semaines": "weeks"},
    **{"days": "days", "day": "days", "jour": "days", "jours": "days"},
}
_TIMES: Final = {
    "en": {**_TIMES_BOTH, "mo": "months", "mos": "months", "mth": "months", "mths": "months"},
    "fr": {**_TIMES_BOTH, "an": "years"},
}
CURRENCY_SYMBOLS: Final = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
CURRENCY_CODES: Final = frozenset(
    "EUR USD GBP JPY CHF CAD AUD NZD CNY INR BRL MXN SEK NOK DKK PLN CZK HUF SGD HKD KRW ZAR TND XOF XAF".split()
)
_CURRENCY_WORDS: Final = {
    **{code.lower(): code for code in CURRENCY_CODES},
    **{
        "euro": "EUR",
        "euros": "EUR",
        "dollar": "USD",
        "dollars": "USD",
        "bucks": "USD",
        "pound": "GBP",
        "pounds": "GBP",
    },
    **{"livre": "GBP", "livres": "GBP", "quid": "GBP", "sterling": "GBP", "yen": "JPY", "yens": "JPY"},
    **{"yuan": "CNY", "yuans": "CNY", "rupee": "INR", "rupees": "INR", "roupies": "INR"},
}
_GLUED_UNITS: Final = frozenset(
    (
        "km m cm mm nm km² m² cm² m³ cm³ km2 m2 m3 cm2 cm3 kg g mg t l L ml mL cl cL dl hl h min s ms kmh mph kph "
        "B GB MB KB kB TB PB Go Mo Ko To GiB MiB KiB TiB Gb Mb kb Wh kWh MWh W kW MW GW V A mAh J kJ cal kcal Hz kHz "
        "MHz GHz Pa hPa bar psi N C F K ft in mi yd lb lbs oz gal ha hp cv ch pt px x fois times miles meters metres "
        "ares kilos tonnes d w j"
    ).split()
)
_KELVIN_ASKED: Final = rf"{_S}(?i:in|to|en|into|vers|=){_S}(?i:°|deg|celsius|fahrenheit|kelvin|[CF]\b)"
_PERCENT: Final = rf"{_S}-?(?:%|(?i:percent|per[ -]?cent|pct|pour{_S}cents?|pourcents?)(?!\w))"
_POINTS: Final = rf"{_S}-?(?i:bps?|basis[ -]points?|points?{_S}de{_S}base|pdb)(?!\w)"
_FRENCH_POINTS: Final = rf"{_S}pb(?!\w)"
_HALF: Final = {"en": rf"{_S}(?i:and a half)(?!\w)", "fr": rf"{_S}(?i:et demie?)(?!\w)"}
_WORD: Final = rf"({_S})([-\u2011]?)([^\W\d_]++)(?![\w])"
_CURRENCY: Final = rf"({_S}(?:(?i:d['\u2019]|de[{SPACES}]))?)(?:([€$£¥])(?![0-9])|([^\W\d_]++)(?!\w))"


class Measure:
    """A number with what was read after it.

    `bare`: nothing followed that makes a number of a lone word. `gap`: what stands before a currency, to be one space.
    """

    def __init__(self, number: str, end: int, kind: Kind = "number", unit: str = "", *, bare: bool = True) -> None:
        self.number = number
        self.end = end
        self.kind: Kind = kind
        self.unit = unit
        self.bare = bare
        self.gap: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        if self.kind == "percent":
            return f"{self.number}%"
        return f"{self.number} {self.unit}" if self.kind == "duration" else self.number


class _Reader:
    def __init__(self, text: str, number: str, end: int, language: Language, *, scale: int, money: str) -> None:
        self.text = text
        self.language: Language = language
        self.scale = scale
        self.money = money
        self.found = Measure(number, end, unit=money)

    def _half(self) -> None:
        match = pattern(_HALF[self.language]).match(self.text, self.found.end)
        if match and "." not in self.found.number:
            self.found.number = self._plus_half(self.found.number, self.scale)
            self.found.end = match.end()

    @staticmethod
    def _plus_half(number: str, scale: int) -> str:
        return str(int(number) + 5 * 10 ** (scale - 1)) if scale else canonical(number, "5")

    def _scale_power(self, word: str, *, glued: bool, end: int) -> int:
        folded = fold(word)
        if not glued and folded in SCALES[self.language]:
            return SCALES[self.language][folded]
        if not glued and folded == "hundred" and self.language == "en":
            return 2
        money = self.money or self._currency_at(end)
        if word in _MONEY_SCALES and money:
            return _MONEY_SCALES[word]
        kelvin = word == "K" and pattern(_KELVIN_ASKED).match(self.text, end)
        if glued and (kelvin or (word in {"k", "K"} and self.found.number == "401")):
            return 0
        return _SHORT_SCALES.get(word, 0) if glued or word in _SPACED_SHORT_SCALES else 0

    def _scaled(self) -> None:
        while match := pattern(_WORD).match(self.text, self.found.end):
            power = self._scale_power(match[3], glued=not match[1] and not match[2], end=match.end())
            if not power:
                return
            self.found.number = shifted(self.found.number, power)
            self.found.end, self.found.bare = match.end(), False
            self.scale = power
            self._half()

    def _percent(self) -> bool:
        match, places = pattern(_PERCENT).match(self.text, self.found.end), 0
        if match is None:
            match, places = pattern(_POINTS).match(self.text, self.found.end), -2
        if match is None and self.language == "fr":
            match = pattern(_FRENCH_POINTS).match(self.text, self.found.end)
        if match is None:
            return False
        self.found = Measure(shifted(self.found.number, places), match.end(), "percent", bare=False)
        return True

    def _time_unit(self) -> tuple[str, int] | None:
        match = pattern(_WORD).match(self.text, self.found.end)
        if match is None:
            return None
        word, spaced = fold(match[3]), bool(match[1])
        if word == "y" and not spaced:
            return "years", match.end()
        if word in {"mo", "mos"} and match[3] != word:
            return None
        unit = _TIMES[self.language].get(word)
        return (unit, match.end()) if unit else None

    def _duration(self) -> bool:
        unit = self._time_unit()
        if unit is None:
            return False
        name, self.found.end = unit
        self.scale = 0
        self._half()
        if name == "decades":
            name, self.found.number = "years", shifted(self.found.number, 1)
        self.found = Measure(self.found.number, self.found.end, "duration", name, bare=False)
        return True

    def _currency_at(self, position: int) -> str:
        match = pattern(_CURRENCY).match(self.text, position)
        if match is None:
            return ""
        return CURRENCY_SYMBOLS[match[2]] if match[2] else _CURRENCY_WORDS.get(fold(match[3]), "")

    def _currency(self) -> None:
        match = pattern(_CURRENCY).match(self.text, self.found.end)
        if match and not self.money:
            self.found.unit = self._currency_at(self.found.end)
            if self.found.unit:
                self.found.gap = match.span(1)
                self.found.bare = False

    def read(self) -> Measure:
        self._half()
        self._scaled()
        if not self._percent() and not self._duration():
            self._currency()
        return self.found


def read_measure(text: str, number: str, end: int, language: Language, *, scale: int = 0, money: str = "") -> Measure:
    """The number that ends at `end`, with its unit. `scale`: power of ten of its last word; `money`: its currency."""
    return _Reader(text, number, end, language, scale=scale, money=money).read()


def is_glued_unit(word: str) -> bool:
    """Whether letters right after the digits are a unit of measure, not the rest of an identifier."""
    return word in _GLUED_UNITS or word in {"²", "³"}


def currency_before(text: str, start: int, floor: int) -> tuple[str, int]:
    """The currency named just before `start` ("$", "€ ", "EUR ") and where its name begins; ("", start) if none."""
    at = start - 1 if start - 1 >= floor and text[start - 1] in SPACES else start
    if at - 1 >= floor and text[at - 1] in CURRENCY_SYMBOLS:
        return CURRENCY_SYMBOLS[text[at - 1]], at - 1
    begin = at - 3
    if (
        at < start
        and begin >= floor
        and text[begin:at] in CURRENCY_CODES
        and not text[max(begin - 1, 0) : begin].isalnum()
    ):
        return text[begin:at], begin
    return "", start
