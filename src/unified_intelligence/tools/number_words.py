"""Numbers written with words, in English and French: "two hundred and fifty", "quatre-vingt-dix-sept mille".

`read_words` reads the longest number that starts at a place. Whether a lone "one" or "neuf" is a number at all
depends on what follows it, and is decided by the scanner.
"""

from typing import Final

from .number_digits import SPACES, pattern
from .text_language import Language, fold


def _count(words: str, start: int) -> dict[str, int]:
    return {word: start + place for place, word in enumerate(words.split())}


_EN: Final = _count(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    0,
)
_EN_TENS: Final = {
    **{word: 10 * n for word, n in _count("twenty thirty forty fifty sixty seventy eighty ninety", 2).items()},
    "fourty": 40,
}
_FR: Final = {
    **_count("zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize", 0),
    "une": 1,
}
_FR_TENS: Final = {
    **{
        word: 10 * n
        for word, n in _count("vingt trente quarante cinquante soixante septante huitante nonante", 2).items()
    },
    "octante": 80,
    "vingts": 20,
}
_SMALL: Final = {"en": _EN, "fr": _FR}
_TENS: Final = {"en": _EN_TENS, "fr": _FR_TENS}
_HUNDREDS: Final = {"en": frozenset({"hundred"}), "fr": frozenset({"cent", "cents"})}
SCALES: Final[dict[str, dict[str, int]]] = {
    "en": {
        **{"thousand": 3, "million": 6, "millions": 6, "billion": 9, "billions": 9},
        **{"trillion": 12, "trillions": 12, "milliard": 9, "milliards": 9},
    },
    "fr": {
        **{"mille": 3, "million": 6, "millions": 6, "milliard": 9, "milliards": 9},
        **{"billion": 12, "billions": 12, "thousand": 3},
    },
}
_ARTICLES: Final = {"en": frozenset({"a", "an"}), "fr": frozenset[str]()}
STARTS: Final = {
    "en": frozenset({*_EN, *_EN_TENS, "a", "an", "half"}),
    "fr": frozenset({*_FR, *_FR_TENS, "cent", "mille"}),
}
_POINTS: Final = {"en": "point", "fr": "virgule"}


class WordNumber:
    """A number being read: `total` holds the scales already closed, `current` what precedes the next one."""

    def __init__(self, language: Language, end: int) -> None:
        self.language: Language = language
        self.end = end
        self.total = self.current = self.words = 0
        self.last = ""  # kind of the last word: "", small, teen, tens, hundred, scale
        self.scale = 0  # power of ten of the last word, for "a million and a half"
        self.lowest = 99  # power of ten of the last closed scale: the next one is below it
        self.fraction = ""

    @property
    def number(self) -> str:
        whole = str(self.total + self.current)
        return f"{whole}.{self.fraction}" if self.fraction else whole

    def _take(self, current: int, kind: str, scale: int = 0) -> bool:
        self.current, self.last, self.scale = current, kind, scale
        return True

    def _small(self, value: int) -> bool:
        if self.last in {"", "hundred", "scale"}:
            return self._take(self.current + value, "small" if value < 10 else "teen")
        if self.last == "tens":
            french_ten = self.language == "fr" and value >= 10 and self.current % 100 in {60, 80}
            if 0 < value < 10 or french_ten:
                return self._take(self.current + value, "small" if value < 10 else "teen")
        if self.language == "fr" and self.last == "teen" and self.current % 10 == 0 and 7 <= value <= 9:
            return self._take(self.current + value, "small")
        return False

    def _ten(self, value: int) -> bool:
        if self.language == "fr" and value == 20 and self.last == "small" and self.current % 100 == 4:
            return self._take(self.current + 76, "tens")
        return self.last in {"", "hundred", "scale"} and self._take(self.current + value, "tens")

    def _hundred(self) -> bool:
        if self.language == "fr" and self.last in {"", "scale"}:
            return self._take(100, "hundred", 2)
        multipliable = self.last in {"small", "teen"} and 0 < self.current < 20
        return multipliable and self._take(self.current * 100, "hundred", 2)

    def _scale(self, word: str, power: int) -> bool:
        lone_thousand = word == "mille" and not self.current and self.last in {"", "scale"}
        if power >= self.lowest or not (self.current or lone_thousand):
            return False
        self.total += (self.current or 1) * 10**power
        self.lowest = power
        return self._take(0, "scale", power)

    def add(self, word: str) -> bool:
        """Take one more word, if the number can go on with it."""
        if word in _SMALL[self.language]:
            return self._small(_SMALL[self.language][word])
        if word in _TENS[self.language]:
            return self._ten(_TENS[self.language][word])
        if word in _HUNDREDS[self.language]:
            return self._hundred()
        if word in SCALES[self.language]:
            return self._scale(word, SCALES[self.language][word])
        return False

    def joins(self, following: str) -> bool:
        """Whether "and" / "et" may stand here, before the word `following`."""
        if self.language == "fr":
            return self.last == "tens" and following in {"un", "une", "onze"}
        return self.last in {"hundred", "scale"} and (following in _EN or following in _EN_TENS) and following != "zero"


def _next_word(text: str, position: int) -> tuple[str, int] | None:
    match = pattern(rf"[{SPACES}\u2011-]([^\W\d_]+)").match(text, position)
    return (fold(match.group(1)), match.end()) if match else None


def _read_fraction(reading: WordNumber, text: str) -> None:
    """ "three point two five", "trois virgule vingt-cinq"."""
    mark = _next_word(text, reading.end)
    if mark is None or mark[0] != _POINTS[reading.language]:
        return
    position, small = mark[1], _SMALL[reading.language]
    while (word := _next_word(text, position)) and small.get(word[0], 10) < 10 and len(reading.fraction) < 12:
        reading.fraction += str(small[word[0]])
        reading.end = position = word[1]
    if reading.fraction.strip("0") or reading.language == "en" or word is None:
        reading.fraction = reading.fraction.rstrip("0")
        return
    after = WordNumber(reading.language, word[1])
    if after.add(word[0]):
        _read_on(after, text)
        reading.fraction, reading.end = (reading.fraction + str(after.current)).rstrip("0"), after.end


def _read_on(reading: WordNumber, text: str) -> None:
    while word := _next_word(text, reading.end):
        end = word[1]
        if word[0] in {"and", "et"}:
            following = _next_word(text, end)
            if following is None or not reading.joins(following[0]):
                return
            word = following
            end = following[1]
        if not reading.add(word[0]):
            return
        reading.words += 1
        reading.end = end


def read_words(text: str, start: int, end: int, language: Language) -> WordNumber | None:
    """The number in words whose first word is text[start:end]; an English article counts as one."""
    first = fold(text[start:end])
    reading = WordNumber(language, end)
    reading.words = 1
    if first in _ARTICLES[language]:
        reading.current, reading.last = 1, "small"
    elif first == "half" or not reading.add(first):
        return None
    _read_on(reading, text)
    if not reading.scale:
        _read_fraction(reading, text)
    return reading
