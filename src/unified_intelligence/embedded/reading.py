"""A question as the model reads it, and the pieces of it that may become arguments.

The model sees the question with its numbers, durations and dates in one canonical form, in lower case and without
accents: one spelling for one thing. Every position keeps its way back to the user's own characters, so a copied name
comes out as it was typed.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from unified_intelligence.tools.calculator import find_expressions
from unified_intelligence.tools.dates import find_date_words
from unified_intelligence.tools.glossary import find_terms
from unified_intelligence.tools.quantities import Language, detect_language, normalise
from unified_intelligence.tools.types import Kind
from unified_intelligence.tools.units import find_units

if TYPE_CHECKING:
    from unified_intelligence.tools.quantities import NormalisedText, Quantity

FieldKind = Kind | Literal["text", "texts", "figure", "figures", "integer", "integers"]

LONGEST_COPY = 14  # words of a copied text
_CHUNK = re.compile(r"[^\s=]+")
_ELISION = re.compile(r"(?:[cdjlmnst]|qu)'(?=\w)")
_QUOTED = re.compile(r"[\"«“]\s*+([^\"«»“”]+?)\s*[\"»”]|(?<!\w)'([^']+)'(?!\w)")
_QUOTES = frozenset('"\\\n')  # what would have to be escaped in JSON
_OPENING, _CLOSING = "([{<«“\"'", ")]}>»”\"'.,;:!?…"
_JOINED = re.compile(
    r"%?(?: (?:years|months|weeks|days)\b)?[\s,;/€$£¥|]*(?:eur|euros?|usd|dollars?|gbp|pounds?)?"
    r"[\s,;/|]*(?:(?:and|et|&)\b)?[\s,;€$£¥]*"
)
_ARTICLE = re.compile(r"^(?:le|the) (?=\d)", re.IGNORECASE)  # swallowed with a date that became figures
SMALL_WORDS = frozenset(
    "a an the of in on at to for from by with and or is are was be it its as this that these those my your our me i we "
    "you what which who how when where please can could would do does there about into than then "
    "le la les l un une des du de d a au aux en dans sur pour par avec et ou est sont ce cette ces mon ma mes ton ta "
    "tes son sa ses notre votre je tu il elle on nous vous me moi que qui quoi quel quelle svp stp merci thanks".split()
)
CALENDAR_WORDS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december".split()
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an argument may be: how it is written in the call, the value meant, the span of the question it uses."""

    literal: str
    value: object
    start: int = -1
    end: int = -1

    @property
    def is_said(self) -> bool:
        """Whether it stands in the question: such a piece fills one argument only."""
        return self.start >= 0


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text without the signs around it; `opens_line` if a line break stands before it."""

    start: int
    end: int
    opens_line: bool


def copyable_words(text: str) -> Iterator[Word]:
    """The words of a text, addresses and codes whole; "l'hotel" gives both itself and "hotel", "lea's" also "lea"."""
    last = 0
    for chunk in _CHUNK.finditer(text):
        word = chunk.group()
        start = chunk.start() + len(word) - len(word.lstrip(_OPENING))
        end = chunk.end() - (len(word) - len(word.rstrip(_CLOSING)))
        opens_line = "\n" in text[last : chunk.start()]
        last = chunk.end()
        if start >= end:
            continue
        yield Word(start, end, opens_line)
        if elided := _ELISION.match(text, start, end):
            yield Word(elided.end(), end, opens_line)
        if text.endswith("'s", start, end):
            yield Word(start, end - 2, opens_line)


def _cuts(start: int, end: int, quoted: list[tuple[int, int]]) -> bool:
    """Whether a span takes a part of a quotation, or a part of it and something else."""
    return any(a < end and start < b and (start, end) != (a, b) for a, b in quoted)


def fold(text: str) -> str:
    """Lower case without accents, every character in its place (one that would become two stays as it is)."""
    return "".join(_folded(character) for character in text)


def _folded(character: str) -> str:
    if character in "’‘":
        return "'"
    if character.isspace():
        return "\n" if character == "\n" else " "
    plain = unicodedata.normalize("NFD", character)[0].lower()
    return plain if len(plain) == 1 else character


@dataclass(frozen=True)
class Reading:
    """A question, ready for the model: `text` is what it sees."""

    language: Language
    normalised: NormalisedText
    text: str
    _found: dict[FieldKind, tuple[list[Candidate], ...]] = field(default_factory=dict[Any, Any], repr=False)

    @classmethod
    def of(cls, question: str, language: Language | None = None) -> Reading:
        language = language or detect_language(question)
        normalised = normalise(question.strip(), language)
        return cls(language, normalised, fold(normalised.text))

    def original(self, start: int, end: int) -> str:
        """The user's own characters behind a span of `text`."""
        return self.normalised.original(start, end)

    def candidates(self, kind: FieldKind) -> tuple[list[Candidate], ...]:
        """What in the question may fill a parameter of this kind, the likeliest sort first."""
        if kind not in self._found:
            self._found[kind] = self._finders()[kind]()
        return self._found[kind]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return self.normalised.quantities

    def _finders(self) -> Mapping[FieldKind, Callable[[], tuple[list[Candidate], ...]]]:
        return {
            "number": self._numbers, "numbers": self._numbers, "rate": self._rates, "rates": self._rates,
            "years": self._years, "days": self._years, "duration": self._durations, "date": self._dates,
            "unit": self._units, "expression": self._expressions, "term": self._terms,
            "text": self._texts, "texts": self._texts, "figure": self._figures, "figures": self._figures,
            "integer": self._integers, "integers": self._integers,
        }  # fmt: skip

    def _numbers(self) -> tuple[list[Candidate], ...]:
        """Plain numbers; failing those, the figures of percentages and durations."""
        return self._amounts("number"), self._amounts("percent", "duration")

    def _figures(self) -> tuple[list[Candidate], ...]:
        """All numbers, whatever their unit: what a user's tool means by them is not known here."""
        return (self._amounts("number", "percent", "duration"),)

    def _integers(self) -> tuple[list[Candidate], ...]:
        return ([one for one in self._figures()[0] if float(one.literal).is_integer()],)

    def _rates(self) -> tuple[list[Candidate], ...]:
        """Percentages, as text with the sign, and fractions; failing those, other numbers."""
        percents = [_quoted(q.text, q) for q in self.quantities if q.kind == "percent"]
        numbers = self._amounts("number")
        fractions = [number for number in numbers if abs(float(number.literal)) < 1]
        points = [replace(number, value=f"{number.literal}%") for number in numbers]  # "at 5 over ten years"
        return sorted(percents + fractions, key=lambda one: one.start), points

    def _durations(self) -> tuple[list[Candidate], ...]:
        return ([_quoted(q.text, q) for q in self.quantities if q.kind == "duration"],)

    def _years(self) -> tuple[list[Candidate], ...]:
        return *self._durations(), self._amounts("number")

    def _dates(self) -> tuple[list[Candidate], ...]:
        written = [_quoted(q.text, q) for q in self.quantities if q.kind == "date"]
        words = [self._span(start, end) for start, end in find_date_words(self.text)]
        unsaid = Candidate('"today"', "today")  # "how long until ..." counts from now
        return ([*sorted(written + words, key=lambda candidate: candidate.start), unsaid],)

    def _units(self) -> tuple[list[Candidate], ...]:
        return ([self._span(match.start, match.end, match.key) for match in find_units(self.text)],)

    def _terms(self) -> tuple[list[Candidate], ...]:
        """Terms of the glossary: others cannot be explained."""
        return ([self._span(match.start, match.end, match.key) for match in find_terms(self.text, self.language)],)

    def _expressions(self) -> tuple[list[Candidate], ...]:
        dates = [(q.start, q.end) for q in self.quantities if q.kind == "date"]
        spans = [
            (start, end)
            for start, end in find_expressions(self.text)
            if not any(start < after and before < end for before, after in dates)
        ]
        return ([self._span(start, end, self.text[start:end]) for start, end in spans],)

    def _texts(self) -> tuple[list[Candidate], ...]:
        """Every run of whole words that begins and ends with one worth copying; the value is as the user typed it."""
        words = list(copyable_words(self.text))
        seams = self._name_seams(words)
        quoted = [m.span(m.lastindex or 0) for m in _QUOTED.finditer(self.text)]
        found = [self._span(start, end) for start, end in quoted if not _QUOTES & set(self.text[start:end])]
        for first, opening in enumerate(words):
            for closing in words[first : first + LONGEST_COPY]:
                start, end = opening.start, closing.end
                if closing.opens_line and closing is not opening:
                    break
                if start in seams or end in seams or _cuts(start, end, quoted):
                    continue
                if self._is_worth_copying(opening, closing):
                    found.append(self._span(start, end))
        return (found,)

    def _name_seams(self, words: list[Word]) -> set[int]:
        """Where a copy may neither begin nor end: between two words written large, as in a name."""
        large = [word for word in words if word.start and self.original(word.start, word.end)[:1].isupper()]
        seams: set[int] = set()
        for one, other in pairwise(large):
            named = not CALENDAR_WORDS & {self.text[one.start : one.end], self.text[other.start : other.end]}
            if named and self.text[one.end : other.start] == " ":
                seams |= {one.end, other.start}
        return seams

    def _is_worth_copying(self, opening: Word, closing: Word) -> bool:
        """Neither end is a small word such as "in", unless it is written large, as in a title."""
        ends = (self.text[opening.start : opening.end], self.text[closing.start : closing.end])
        if _QUOTES & set(self.text[opening.start : closing.end]):
            return False
        titled = self.original(opening.start, opening.end)[:1].isupper() and opening.start > 0
        return (ends[0] not in SMALL_WORDS or titled) and ends[1] not in SMALL_WORDS

    def says(self, words: str) -> bool:
        """Whether the words stand in the question, whole."""
        return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", self.text) is not None

    def joins(self, before: Candidate, after: Candidate) -> bool:
        """Whether two pieces stand side by side in a list: nothing but separators and currencies between them."""
        return _JOINED.fullmatch(self.text, before.end, after.start) is not None

    def _amounts(self, *kinds: str) -> list[Candidate]:
        """The figures alone: the "months" of "10 months" may fill another argument."""
        amounts = [q for q in self.quantities if q.kind in kinds]
        return [Candidate(number_text(q.value), _exact(q.value), q.start, _figure_end(q)) for q in amounts]

    def _span(self, start: int, end: int, value: object = None) -> Candidate:
        meant = _ARTICLE.sub("", self.original(start, end)) if value is None else value
        return Candidate(json.dumps(self.text[start:end], ensure_ascii=False), meant, start, end)


def number_text(value: float) -> str:
    """A number as JSON has it, without exponent or a needless fraction."""
    return str(_exact(value))


def _figure_end(quantity: Quantity) -> int:
    figure = quantity.text.split(" ", 1)[0].removesuffix("%")
    return quantity.start + len(figure)


def _exact(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _quoted(text: str, quantity: Quantity) -> Candidate:
    return Candidate(json.dumps(text), text, quantity.start, quantity.end)
