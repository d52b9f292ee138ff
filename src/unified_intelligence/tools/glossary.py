"""The glossary: finance, software design and machine learning terms, in English and French, from a packaged table.

`find_terms` finds the terms a text speaks of, `define` looks one up. Both read words the same way: case, accents,
hyphens, typographic apostrophes and plurals do not matter. The table is read once, on first use.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Literal, TypedDict, cast

from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Term

Language = Literal["en", "fr"]

# A word with its combining accents, or one sign; spaces, hyphens and underscores only separate.
_TOKEN = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*|[^\s_\u00ad\u2010-\u2015-]")
_LETTERS = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u0153": "oe", "\u00e6": "ae"})
_LONGEST = 20  # words, more than any alias has
_ARTICLES = (
    *(("l", "'"), ("d", "'"), ("de", "l", "'"), ("de", "la")),
    *((word,) for word in ("the", "a", "an", "un", "une", "le", "la", "les", "des", "du", "de")),
)


class _Side(TypedDict):
    term: str
    aliases: list[str]
    definition: str


class _Entry(TypedDict):
    key: str
    domain: str
    en: _Side
    fr: _Side


@dataclass(frozen=True, slots=True)
class TermMatch:
    """A term of the glossary found in a text: `alias` as the glossary writes it, the span as the text has it."""

    key: str
    alias: str
    start: int
    end: int


class _Node:
    """One word of the aliases: the words that may follow it, and the alias that ends with it."""

    __slots__ = ("following", "key", "names")

    def __init__(self) -> None:
        self.following: dict[str, _Node] = {}
        self.key = ""
        self.names: dict[Language, str] = {}

    def written(self, language: Language) -> str:
        return self.names.get(language) or next(iter(self.names.values()))


@dataclass(frozen=True, slots=True)
class _Glossary:
    entries: dict[str, _Entry]
    root: _Node


def find_terms(text: str, language: Language) -> tuple[TermMatch, ...]:
    """All the terms a text names, in their order; where two overlap, the longer one is kept.

    The aliases of both languages are searched; `language` decides how an alias common to both is written.
    """
    root = _glossary().root
    tokens = list(_TOKEN.finditer(text))
    forms = [_forms(_fold(token.group())) for token in tokens]
    matches = [
        TermMatch(node.key, node.written(language), token.start(), tokens[index + count - 1].end())
        for index, token in enumerate(tokens)
        for count, node in _walk(root, forms[index : index + _LONGEST])
    ]
    kept: list[TermMatch] = []
    for match in sorted(matches, key=lambda match: (match.start - match.end, match.start)):
        if all(match.end <= other.start or other.end <= match.start for other in kept):
            kept.append(match)
    return tuple(sorted(kept, key=lambda match: match.start))


def define(term: Term) -> Outcome:
    """Define a term of finance, software design or machine learning.

    term: the term to define, in English or French
    """
    glossary = _glossary()
    words = _words(term)
    for reading in _readings(words):
        found = [node for count, node in _walk(glossary.root, list(map(_forms, reading))) if count == len(reading)]
        if found:
            entry = glossary.entries[found[0].key]
            english, french = entry["en"], entry["fr"]
            figures = {"term_en": english["term"], "definition_en": english["definition"]}
            figures |= {"term_fr": french["term"], "definition_fr": french["definition"]}
            return Outcome(figures | {"key": entry["key"], "domain": entry["domain"]})
    raise ToolError(_unknown(glossary, term, words))


def _unknown(glossary: _Glossary, term: str, words: tuple[str, ...]) -> str:
    if not any(word.isalnum() for word in words):
        return "No term was given to look up in the glossary."
    reading = list(_readings(words))[-1]
    terms = {
        " ".join(_words(alias)): entry["en"]["term"]
        for entry in glossary.entries.values()
        for alias in (*entry["fr"]["aliases"], *entry["en"]["aliases"])
    }
    close = get_close_matches(" ".join(reading), terms, n=9, cutoff=0.7)
    near = list(dict.fromkeys(terms[alias] for alias in close))[:3]
    nearest = f"; the nearest terms are: {', '.join(near)}" if near else ""
    return f'The term "{term.strip()}" is not in the glossary{nearest}.'


def _readings(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The words as given, without the signs around them, then without the article they begin with."""
    yield words
    yield (words := _bare(words))
    for article in _ARTICLES:
        if words[: len(article)] == article and len(words) > len(article):
            yield _bare(words[len(article) :])
            return


def _bare(words: tuple[str, ...]) -> tuple[str, ...]:
    places = [place for place, word in enumerate(words) if word.isalnum()]
    return words[places[0] : places[-1] + 1] if places else ()


def _walk(root: _Node, forms: Sequence[tuple[str, ...]]) -> Iterator[tuple[int, _Node]]:
    """The aliases these words begin with: how many words each takes, words as written before their singulars."""
    nodes = [root]
    for count, choices in enumerate(forms, start=1):
        nodes = [node.following[word] for node in nodes for word in choices if word in node.following]
        if not nodes:
            return
        ending = next((node for node in nodes if node.key), None)
        if ending is not None:
            yield count, ending


def _forms(word: str) -> tuple[str, ...]:
    """A folded word as written, then the singulars it may be the plural of."""
    if len(word) < 4:
        return (word,)
    forms = [word]
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    if word.endswith("aux"):
        forms.append(word[:-3] + "al")
    if word[-1] in "sx":
        forms.append(word[:-1])
    if word.endswith("es") and len(word) > 4:
        forms.append(word[:-2])
    return tuple(forms)


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    if text.casefold() == "ça":  # not CA, the French abbreviation of turnover
        return "ça"
    plain = unicodedata.normalize("NFD", text.casefold().translate(_LETTERS))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _words(text: str) -> tuple[str, ...]:
    return tuple(map(_fold, _TOKEN.findall(text)))


@cache
def _glossary() -> _Glossary:
    entries = cast(list[_Entry], json.loads(Path(__file__).with_name("glossary.json").read_text(encoding="utf-8")))
    root = _Node()
    for entry in entries:
        sides: tuple[tuple[Language, _Side], ...] = (("en", entry["en"]), ("fr", entry["fr"]))
        for language, side in sides:
            for name in (*side["aliases"], side["term"]):
                node = root
                for word in _words(name):
                    if word not in node.following:
                        node.following[word] = _Node()
                    node = node.following[word]
                node.key = node.key or entry["key"]
                node.names.setdefault(language, name)
    return _Glossary({entry["key"]: entry for entry in entries}, root)
