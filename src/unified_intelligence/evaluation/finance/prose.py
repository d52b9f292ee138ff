"""What can be told of an answer's words without a judge: its language, its repetitions, the terms it has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from unified_intelligence.evaluation.finance.marks import plain, visible
from unified_intelligence.tools.text_language import detect_language, fold

_SHORTEST: Final = 120  # characters of words: less shows no language
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_FORMULA: Final = re.compile(r"\$[^$]*\$|\\[a-zA-Z]+|`[^`]*`|\{[^{}]*\}")
_FEWEST_WORDS: Final = 60
_GRAM: Final = 4
_REPEATED: Final = 0.6  # above the 99th percentile of ten thousand real answers
_LONGEST_BLOCK: Final = 400  # characters
_TIMES: Final = 4
_SHORTEST_LOOP: Final = 40


def language_of(text: str) -> str:
    """ "en", "fr", or "" where the visible answer is too short or says neither."""
    words = " ".join(_WORD.findall(_FORMULA.sub(" ", plain(visible(text)))))
    if len(words) < _SHORTEST:
        return ""
    english, french = detect_language(words, "en"), detect_language(words, "fr")
    return english if english == french else ""


def repeated_share(text: str) -> float:
    """The share of word groups of four that occurred before, 0 in a short text."""
    words = fold(visible(text)).split()
    if len(words) < _FEWEST_WORDS:
        return 0.0
    grams = Counter(tuple(words[start : start + _GRAM]) for start in range(len(words) - _GRAM + 1))
    return 1 - len(grams) / grams.total()


def repeats(text: str) -> bool:
    """Whether it goes in circles: most of it was said before, or it ends in a block told four times and more."""
    return repeated_share(text) > _REPEATED or _ends_in_a_loop(visible(text).rstrip())


def _ends_in_a_loop(text: str) -> bool:
    length = len(text)
    for size in range(1, min(_LONGEST_BLOCK, length // _TIMES) + 1):
        same = max((_TIMES - 1) * size, _SHORTEST_LOOP - size)  # that many characters are what stood a block before
        if same + size <= length and text[length - same :] == text[length - same - size : length - size]:
            return any(sign.isalpha() for sign in text[length - size :])
    return False


@dataclass(frozen=True, slots=True)
class Rubric:
    """Terms that a good answer has: each group holds spellings of one. `never` are groups it must not have.

    How many are there is coverage. It says what is spoken of, not whether what is said is right.
    """

    terms: tuple[tuple[str, ...], ...] = ()
    never: tuple[tuple[str, ...], ...] = ()

    def coverage(self, text: str) -> float:
        found = self._found(self.terms, text)
        return sum(found) / len(found) if found else 1.0

    def breaks(self, text: str) -> bool:
        return any(self._found(self.never, text))

    @staticmethod
    def _found(groups: Sequence[Sequence[str]], text: str) -> list[bool]:
        padded = f" {_folded(visible(text))} "
        return [any(f" {_words(spelling)}" in padded for spelling in group) for group in groups]


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text).replace("œ", "oe")))


def _words(spelling: str) -> str:
    """The pattern that looks for a spelling: from the beginning of a word to the end of one, unless it ends in "…"."""
    stem = spelling.endswith("…")
    words = _folded(spelling)
    return words if stem else f"{words} "
