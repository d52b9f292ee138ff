"""Finding the quantities of a question: a walk over its words that yields the edits which make them canonical."""

from typing import Final

from .dates_in_text import MONTH_NAMES, article_before, read_date
from .number_digits import SPACES, canonical, number_text, pattern, read_list, read_spaced, shifted
from .number_units import Kind, Measure, currency_before, is_glued_unit, read_measure
from .number_words import STARTS, WordNumber, read_words
from .text_language import Language, fold
from .unit_table import units_to_convert

_TOKEN: Final = r"(?i:https?://|www\.)\S++|\w++"
_CLUSTER: Final = r"[0-9]++(?:[.,][0-9]++|['\u2019][0-9]{3}(?![0-9]))*+"
_IDENTIFIER: Final = r"\w++(?:[.:-]\w++)*+"
_GLUED: Final = r"\w*+"
_MINUS: Final = "-\u2212"
_MOST_DIGITS: Final = 18  # longer than any amount: an account number, a hash

_UNSURE: Final = frozenset({"one", "zero", "un", "une", "neuf"})
_COUNT_OF_NOTHING: Final = frozenset(
    """
    third thirds quarter quarters fifth fifths sixth sixths tenth tenths half halves first second tiers quart quarts
    cinquieme cinquiemes dixieme dixiemes factor phase tier way fold
    """.split()
)
_BEFORE_ARTICLE: Final = frozenset("in for over after within during of than lasts takes by to".split())
_ONE: Final = frozenset({"a", "an", "one", "un", "une"})
_BEFORE_ONE_UNIT: Final = frozenset(  # "in a mile" is asked of a mile; "the price of a mile" is not, nor "$15 an hour"
    """
    in is are make makes equals convert into of from to dans en de fait font vaut valent convertis convertir convertit
    contient
    """.split()
)
_BEFORE_MINUS: Final = frozenset(  # where "minus 5%" is a negative figure: "a return of minus 5%", "at minus 3"
    """
    is are was were be of at to from by and between equals times returns returned return yields yielded
    est sont etait de a et entre par fois vaut fut rendement
    """.split()
)
_WORDED_MINUS: Final = rf"(?i:minus|moins)[{SPACES}]"
_WHOLE_THOUSANDS: Final = rf"[1-9][0-9]{{0,2}}\.000(?![0-9.,])(?![{SPACES}]?%)"
_OPERATORS: Final = frozenset("fois plus moins times minus divise multiplie divided multiplied x".split())


class Edit:
    """`text` stands for the characters start..end of the source; from `offset` on it is a quantity if it has a kind."""

    def __init__(self, start: int, end: int, text: str, kind: Kind | None = None, offset: int = 0) -> None:
        self.start = start
        self.end = end
        self.text = text
        self.kind: Kind | None = kind
        self.offset = offset
        self.value = 0.0
        self.unit = ""

    def with_value(self, value: float, unit: str) -> "Edit":
        self.value, self.unit = value, unit
        return self


class _Scan:
    """One pass. `done`: everything before is settled; `number_end`: where the last number ended."""

    def __init__(self, text: str, language: Language) -> None:
        self.text = text
        self.language: Language = language
        self.edits: list[Edit] = []
        self.done = self.number_end = 0
        self._convertible: frozenset[int] | None = None

    def run(self) -> list[Edit]:
        starts = STARTS[self.language]
        for match in pattern(_TOKEN).finditer(self.text):
            start, end = match.span()
            if start < self.done:
                continue
            word = match.group()
            if "0" <= word[0] <= "9":
                self._digits(start)
            elif ":" in word or "/" in word:
                self.done = end
            elif (folded := fold(word)) in starts:
                self._words(start, end, folded)
            elif folded in MONTH_NAMES or folded == "premier":
                self._date(start)
        return self.edits

    # -- digits -----------------------------------------------------------------------------------------------------

    def _char(self, position: int) -> str:
        return self.text[position] if 0 <= position < len(self.text) else ""

    def _inside_identifier(self, start: int) -> bool:
        """After a letter and a hyphen ("COVID-19"), a dotted word ("v1.2"), or within a time ("14:30")."""
        before, further = self._char(start - 1), self._char(start - 2)
        if before == ".":
            return further.isalnum()
        if before in {"-", "\u2011"}:
            return further.isalpha()
        return before == ":" and further.isdigit()

    def _skip(self, start: int) -> None:
        match = pattern(_IDENTIFIER).match(self.text, start)
        self.done = match.end() if match else start + 1

    def _date(self, start: int) -> bool:
        found = read_date(self.text, start, self.language)
        if found is None:
            return False
        iso, end = found
        if iso:
            begin = article_before(self.text, start, self.done)
            self.edits.append(Edit(begin, end, iso, "date"))
        self.done = self.number_end = end
        return True

    def _digits(self, start: int) -> None:
        if self._inside_identifier(start):
            return self._skip(start)
        if self._date(start):
            return None
        match = pattern(_CLUSTER).match(self.text, start)
        end = match.end() if match else start
        if self._char(end) == ":" and self._char(end + 1).isdigit():
            return self._skip(start)
        after_number = self.number_end == start - 1 and self._char(start - 1) == " "
        spaced = read_spaced(self.text, start, end, self.language, after_number=after_number)
        if spaced:
            return self._number(start, *spaced)
        if self._char(start - 1) == "." and self.text[start:end].isdigit():
            return self._number(start - 1, canonical("0", self.text[start:end]), end)
        return self._cluster(start, end)

    def _cluster(self, start: int, end: int) -> None:
        if self.language == "fr" and pattern(_WHOLE_THOUSANDS).match(self.text, start):  # "250.000 €"
            return self._number(start, self.text[start:end].replace(".", ""), end)
        found = read_list(self.text[start:end], self.language)
        if not found or max(len(number) for _, _, number in found) > _MOST_DIGITS:
            return self._skip(start)
        for begin, stop, number in found[:-1]:
            self._push(self._signed(start + begin), start + begin, Measure(number, start + stop))
        begin, _, number = found[-1]
        return self._number(start + begin, number, end)

    def _exponent(self, number: str, end: int) -> tuple[str, int]:
        match = pattern(r"[eE]([+-]?[0-9]{1,2})(?!\w)").match(self.text, end)
        return (shifted(number, int(match[1])), match.end()) if match else (number, end)

    def _number(self, start: int, number: str, end: int) -> None:
        """The number start..end, once the letters glued to it are known to be its unit."""
        number, end = self._exponent(number, end)
        begin = self._signed(start)
        money = self._money_before(begin) or self._money_before(start)
        measure = read_measure(self.text, number, end, self.language, money=money)
        if measure.end == end and measure.gap is None and not self._ends_cleanly(start, end, number):
            return None
        return self._push(begin, start, measure)

    def _money_before(self, position: int) -> str:
        return currency_before(self.text, position, self.done)[0]

    def _ends_cleanly(self, start: int, end: int, number: str) -> bool:
        match = pattern(_GLUED).match(self.text, end)
        glued = match.group() if match else ""
        hyphenated = self._char(end) in {"-", "\u2011"} and self._char(end + 1).isalpha()
        product = glued[:1] == "x" and glued[1:].isascii() and glued[1:].isdigit() and self.text[start:end] != "0"
        if product:
            self._push(self._signed(start), start, Measure(number, end))
            self._digits(end + 1)
            return False
        if hyphenated or (glued and not is_glued_unit(glued)):
            self._skip(start)
            return False
        return True

    # -- signs ------------------------------------------------------------------------------------------------------

    def _signed(self, start: int) -> int:
        """Where the sign of the number at `start` stands, before its currency or not; `start` without a sign."""
        if self._is_sign(start - 1):
            return start - 1
        _, begin = currency_before(self.text, start, self.done)
        if begin < start and self._is_sign(begin - 1):
            return begin - 1
        worded = begin - len("minus ")  # as long as "moins "
        return worded if self._is_worded_sign(worded, begin) else start

    def _is_worded_sign(self, position: int, end: int) -> bool:
        """ "minus 5%" where no number comes before it: there it is an operator, as it is after a noun."""
        if position < self.done or not pattern(_WORDED_MINUS).fullmatch(self.text, position, end):
            return False
        lead = self.text[max(self.done, position - 20) : position]
        bare = lead.rstrip(SPACES)
        if not bare:
            return not self.done or self.text[position - 1 : position] == "\n"
        if not bare[-1].isalnum():
            return bare[-1] in "\n,;:([=*/?!." and (bare != lead or bare[-1] in "\n([=*/")
        return bare != lead and fold(self._word_before(position)) in _BEFORE_MINUS

    def _is_sign(self, position: int) -> bool:
        """A minus is a sign unless a number, a word or a closing bracket comes before it."""
        if position < self.done or self._char(position) not in _MINUS or not self._char(position):
            return False
        before = position - 1
        steps = 0
        while before >= self.done and self._char(before) in SPACES and self._char(before) and steps < 4:
            before, steps = before - 1, steps + 1
        char = self._char(before)
        if not char or char == "\n":
            return True
        if before < self.done:
            return False
        if steps:
            return not (char.isdigit() or char in "%)]}")
        return not (char.isalnum() or char in "%)]}._-\u2013\u2212\u2011'\u2019°")

    def _push(self, begin: int, start: int, measure: Measure) -> None:
        between = self.text[begin:start]
        if begin < start:
            sign = pattern(_WORDED_MINUS).match(between)
            between = between[sign.end() if sign else 1 :]
            if measure.number != "0":
                measure.number = f"-{measure.number}"
        text = between + measure.text
        edit = Edit(begin, measure.end, text, measure.kind, len(between))
        self.edits.append(edit.with_value(float(measure.number), measure.unit))
        self.done = self.number_end = measure.end
        if measure.gap is not None:
            self._space(*measure.gap)
        if measure.kind == "duration" and measure.unit == "months":
            self._add_months_to_years()

    def _space(self, start: int, end: int) -> None:
        if self.text[start:end] != " ":
            self.edits.append(Edit(start, end, " "))
        symbol = pattern(r"\W|\w++").match(self.text, end)
        self.done = self.number_end = symbol.end() if symbol else end

    def _add_months_to_years(self) -> None:
        """ "2 years and 6 months" is one duration."""
        if len(self.edits) < 2:
            return
        years, months = self.edits[-2:]
        between = self.text[years.end : months.start]
        if (years.kind, years.unit) != ("duration", "years") or not pattern(r"\s(?:(?i:and|et)\s)?$").match(between):
            return
        total = years.value * 12 + months.value
        if years.value < 0 or not 0 < months.value < 12 or total % 1 or years.value % 1:
            return
        value, unit = (total / 12, "years") if total % 3 == 0 else (total, "months")
        text = years.text[: years.offset] + f"{number_text(value)} {unit}"
        self.edits[-2:] = [Edit(years.start, months.end, text, "duration", years.offset).with_value(value, unit)]

    # -- words ------------------------------------------------------------------------------------------------------

    def _words(self, start: int, end: int, folded: str) -> None:
        before = self._char(start - 1)
        if before in {"-", "\u2011"} and self._char(start - 2).isalnum():
            return
        half = pattern(r"(?i:half[ -]an?|une?[ -]demie?)(?!\w)").match(self.text, start)
        if half:
            self._half(start, half.end())
            return
        reading = read_words(self.text, start, end, self.language)
        if reading is None:
            return
        money = self._money_before(start)
        measure = read_measure(self.text, reading.number, reading.end, self.language, scale=reading.scale, money=money)
        if self._is_number(start, end, folded, reading, measure):
            self._push(start if folded in _ONE else self._signed(start), start, measure)

    def _half(self, start: int, end: int) -> None:
        measure = read_measure(self.text, "0.5", end, self.language)
        if measure.bare or (measure.kind == "number" and measure.number == "0.5"):
            if self._names_unit_to_convert(end):
                measure.gap = (end, end + 1)  # "un demi-mile": a hyphen would make it a name
                self._push(start, start, measure)
            return
        if (measure.kind, measure.unit, measure.number) == ("duration", "years", "0.5"):
            measure.number, measure.unit = "6", "months"
        self._push(start, start, measure)

    def _is_number(self, start: int, end: int, folded: str, reading: WordNumber, measure: Measure) -> bool:
        after = pattern(r"[ -]?([^\W\d_]*+)").match(self.text, measure.end)
        following = after.group(1) if after else ""
        previous = self._word_before(start)
        if reading.words == 1 and folded in _ONE and self._names_unit_to_convert(measure.end):
            return fold(previous) in _BEFORE_ONE_UNIT if previous else self._opens_phrase(start)
        if folded in {"a", "an"} and reading.words == 1:
            unmistakable = measure.number != "1"  # "a decade", "a year and a half"
            return measure.kind == "duration" and (unmistakable or fold(previous) in _BEFORE_ARTICLE)
        if reading.words == 1 and folded in _UNSURE:
            touched = measure.kind != "number" or (measure.end > reading.end)
            if folded in {"neuf", "zero"}:
                return touched or not measure.bare or fold(following) in _OPERATORS or fold(previous) in _OPERATORS
            return touched
        if not measure.bare:
            return True
        hyphenated = self._char(measure.end) in {"-", "\u2011"} and following
        if hyphenated or self._would_fuse(start, measure):
            return False
        if fold(following) in _COUNT_OF_NOTHING or (previous.lower() == "pour" and folded in {"cent", "mille"}):
            return False
        return reading.words > 1 or not self._in_a_name(self.text[start:end], previous, following)

    def _names_unit_to_convert(self, end: int) -> bool:
        """Whether a unit of measure comes next, and the text names another one of the same dimension."""
        if self._char(end) not in {" ", "-", "\u00a0", "\u202f"}:
            return False
        if self._convertible is None:
            self._convertible = units_to_convert(self.text)
        return end + 1 in self._convertible

    def _opens_phrase(self, start: int) -> bool:
        before = self.text[max(0, start - 4) : start].rstrip()
        return before[-1:] in {"", *',;:.?!(=\u00bf"\u00ab'}

    def _would_fuse(self, start: int, measure: Measure) -> bool:
        """Whether the digits would group with their neighbours: "ten 200" is not 10 200."""
        if pattern(r"(?: |[.,])[0-9]").match(self.text, measure.end):
            return True
        return self.number_end == start - 1 and len(measure.number) == 3

    def _in_a_name(self, word: str, previous: str, following: str) -> bool:
        """ "Three Mile Island", "Chapter Eleven": capitals beside capitals."""
        if not word[0].isupper() or (word.isupper() and len(word) > 1):
            return False
        return following[:1].isupper() or previous[:1].isupper()

    def _word_before(self, start: int) -> str:
        end = start - 1
        if end < 0 or self._char(end) not in SPACES:
            return ""
        begin = end
        while begin > 0 and end - begin < 20 and self._char(begin - 1).isalpha():
            begin -= 1
        return self.text[begin:end]


def scan(text: str, language: Language) -> list[Edit]:
    """The edits of one pass over `text`, in order and without overlap."""
    return _Scan(text, language).run()
