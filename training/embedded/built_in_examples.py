"""Questions for the built-in tools and questions that none of them answers, drawn from the hand-written phrasings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from training.embedded import surfaces
from training.embedded.grammar import Sequence, Slot, expand, read_patterns
from training.embedded.surfaces import Language, NoSuchSurfaceError
from unified_intelligence.embedded.functions import Field, Function, built_in_function
from unified_intelligence.embedded.reading import Candidate, Reading
from unified_intelligence.tools.calculator import evaluate
from unified_intelligence.tools.registry import BUILT_IN, ToolError
from unified_intelligence.tools.units import unit_key

PHRASINGS = Path(__file__).parent / "phrasings"
WORDS = Path(__file__).parent / "words"
GLOSSARY = Path(__file__).parents[2] / "src/unified_intelligence/tools/glossary.json"
LANGUAGES: tuple[Language, ...] = ("en", "fr")
WEIGHTS = {"define": 5.0, "calculate": 2.5, "convert_units": 2.0, "about": 3.0, "percent_of": 1.5, "apply_percent": 1.5}
CLOSED = frozenset({"define", "about", "convert_units", "weekday"})
TYPO = 0.05
CONTEXT = 0.08  # share of questions that begin with something else


@dataclass(frozen=True, slots=True)
class Example:
    """A question as a person types it, and the call it stands for (argument literals by name), or None."""

    question: str
    reading: Reading
    function: str | None
    literals: Mapping[str, str]


def examples(seed: int, none_share: float = 0.3, closed_weight: float = 1.0) -> Iterator[Example]:
    """Endless and deterministic. A draw that the program does not read back as meant is dropped.

    `closed_weight` multiplies the weight of the tools whose questions are told by their words alone: `CLOSED`.
    """
    random = Random(seed)
    names = list(BUILT_IN)
    weights = [WEIGHTS.get(name, 1.0) * (closed_weight if name in CLOSED else 1.0) for name in names]
    while True:
        language = random.choice(LANGUAGES)
        try:
            if random.random() < none_share:
                yield _none_example(random, language)
            else:
                yield _call_example(random, language, random.choices(names, weights)[0])
        except (NoSuchSurfaceError, ToolError):
            continue


def _call_example(random: Random, language: Language, name: str) -> Example:
    pattern = random.choice(patterns(language, name))
    draw = _Draw(random, language, name)
    asked = "".join(draw.words(piece) for piece in expand(pattern, random))
    question = _finished(random, with_context(random, language, asked))
    reading = Reading.of(question)
    function = _function(name)
    literals = {
        field.label: _gold(field, draw.said[field.name], reading) for field in function.fields if field.name in draw.said
    }
    return Example(question, reading, name, literals)


def _none_example(random: Random, language: Language) -> Example:
    pattern = random.choice(patterns(language, "contrast" if random.random() < 0.2 else "out_of_scope"))
    draw = _Draw(random, language, "")
    question = _finished(random, "".join(draw.words(piece) for piece in expand(pattern, random)))
    return Example(question, Reading.of(question), None, {})


def with_context(random: Random, language: Language, question: str) -> str:
    """The question, now and then after a sentence that has nothing to do with its answer."""
    if random.random() >= CONTEXT:
        return question
    draw = _Draw(random, language, "")
    context = "".join(draw.words(piece) for piece in expand(random.choice(patterns(language, "contexts")), random))
    return f"{context} {question}"


class _Draw:
    """One sentence's arguments: the words for each slot, and what was said in them."""

    def __init__(self, random: Random, language: Language, tool: str) -> None:
        self._random, self._tool = random, tool
        self._language: Language = language
        self._units = surfaces.unit_pair(random, language) if tool == "convert_units" else ("", "")
        self.said: dict[str, str] = {}

    def words(self, piece: str | Slot) -> str:
        if isinstance(piece, str):
            return _with_typos(self._random, piece)
        if piece.value is not None:
            self.said[piece.name] = piece.value
            return ""
        text = self._surface(piece)
        self.said[piece.name] = text
        return text

    def _surface(self, slot: Slot) -> str:
        random = self._random
        language: Language = self._language
        if not self._tool:
            return self._free(slot)
        match slot.name:
            case "from_unit" | "to_unit":
                return self._units[slot.name == "to_unit"]
            case "term":
                return random.choice(aliases(language))
            case "expression":
                return surfaces.expression(random, language)
            case "confidence":
                return f"{random.choice(('90', '95', '99', '97,5' if language == 'fr' else '97.5', '99.9'))}{random.choice(('%', ' %', '%'))}"
            case "days":
                return surfaces.duration(random, language, slot.form, "dddw") if slot.form != "bare" else str(random.randint(1, 30))
            case "value" if self._tool == "convert_units":
                return surfaces.grouped(random, random.choice((random.randint(1, 20), random.randint(1, 500), round(random.uniform(0, 100), 1), random.randint(1, 20000))), language)
            case "volatility":
                return surfaces.percent(random, language, 5, 60)
            case "returns":
                return self._listed(lambda: _signed(random) + surfaces.percent(random, language, 0.1, 6), 3, 8)
            case "cash_flows":
                scale = 10 ** random.uniform(2, 5.5)
                return self._listed(lambda: surfaces.amount(random, language, scale, scale * 4), 2, 5)
            case _:
                return self._typed(slot)

    def _typed(self, slot: Slot) -> str:
        random = self._random
        language: Language = self._language
        field = next(field for field in _function(self._tool).fields if field.name == slot.name)
        match field.kind:
            case "rate":
                high = 100 if slot.name in {"percent", "tax_rate"} else 25
                text = surfaces.percent(random, language, 0.1, high)
                return surfaces.decimal(random, random.randint(1, 40) / 2, language) if slot.form == "bare" else text
            case "years":
                return str(random.randint(1, 40)) if slot.form == "bare" else surfaces.duration(random, language, slot.form)
            case "duration":
                return surfaces.duration(random, language, slot.form, "ddddwwmmmy")
            case "date":
                return surfaces.written_date(random, language, "bare" if "today" in self.said.values() else slot.form)
            case _:
                low, high = AMOUNTS.get(self._tool, AMOUNTS.get(slot.name, (5.0, 1e6)))
                return surfaces.amount(random, language, low, high)

    def _free(self, slot: Slot) -> str:
        random = self._random
        language: Language = self._language
        match slot.name:
            case "w":
                word = random.choice(words(language, slot.form))
                if _plain(word) in _keys():
                    raise NoSuchSurfaceError(f"{word} is a glossary term")
                return word
            case "n":
                return surfaces.grouped(random, random.choice((random.randint(2, 12), random.randint(2, 200), random.randint(2, 5000))), language)
            case "money":
                return surfaces.amount(random, language)
            case "pct":
                return surfaces.percent(random, language)
            case "date":
                return random.choice((surfaces.written_date(random, language), str(random.randint(1900, 2030))))
            case "term":
                return random.choice(aliases(language))
            case "name":
                return random.choice(words(language, "people_names"))
            case _:
                raise NoSuchSurfaceError(slot.name)

    def _listed(self, draw: Callable[[], str], fewest: int, most: int) -> str:
        items = [draw() for _ in range(self._random.randint(fewest, most))]
        style = self._random.random()
        if style < 0.7:
            return f"{', '.join(items[:-1])}{' and ' if self._language == 'en' else ' et '}{items[-1]}"
        return (", " if style < 0.85 else " ; " if style < 0.93 else "; ").join(items)


AMOUNTS: dict[str, tuple[float, float]] = {
    "loan_payment": (1000, 900000), "borrowing_capacity": (100, 6000), "savings_plan": (20, 5000),
    "percent_change": (1, 100000), "percent_of": (5, 100000), "percent_share": (1, 10000), "apply_percent": (1, 50000),
    "dividend_yield": (0.2, 400), "price_earnings": (0.5, 500), "black_scholes": (5, 5000),
}  # fmt: skip


def _gold(field: Field, said: str, reading: Reading) -> str:
    """The literal the decoder would offer for what was said; a draw it does not offer is dropped."""
    if field.choices:
        return json.dumps(said)
    offered = [candidate for sort in field.candidates(reading) for candidate in sort]
    match field.kind:
        case "unit":
            wanted = unit_key(said)
            found = [c.literal for c in offered if c.value == wanted]
        case "expression":
            wanted_value = evaluate(said.replace(",", "."))
            found = [c.literal for c in offered if abs(evaluate(str(c.value)) - wanted_value) <= 1e-9 * max(1, abs(wanted_value))]
        case "term":
            wanted_key = _keys()[_plain(said)]
            found = [c.literal for c in offered if c.value == wanted_key]
        case "date" if said.replace("’", "'") in {"today", "tomorrow", "yesterday", "aujourd'hui", "demain", "hier"}:
            found = [c.literal for c in offered if c.literal == json.dumps(said.replace("’", "'"))]
        case "numbers" | "rates":
            return _listed_gold(field.kind, said, offered, reading.language)
        case _:
            literal = surfaces.literal_of(str(field.kind), said, reading.language)
            found = [c.literal for c in offered if c.literal == literal]
    if not found:
        raise NoSuchSurfaceError(f"{field.name}: {said!r} in {reading.text!r}")
    return found[0]


def _listed_gold(kind: str, said: str, offered: list[Candidate], language: Language) -> str:
    literal = surfaces.literal_of(kind, said, language)
    have = [candidate.literal for candidate in offered]
    if not set(literal.strip("[]").split(",")) <= set(have):
        raise NoSuchSurfaceError(said)
    return literal


def _signed(random: Random) -> str:
    return "-" if random.random() < 0.45 else ""


def _with_typos(random: Random, text: str) -> str:
    if len(text) < 4 or random.random() > TYPO:
        return text
    place = random.randrange(1, len(text) - 1)
    if not (text[place].isalpha() and text[place - 1].isalpha()):
        return text
    style = random.random()
    if style < 0.35:
        return text[:place] + text[place + 1 :]
    if style < 0.7 and text[place + 1].isalpha():
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text[:place] + text[place] + text[place:]


def _finished(random: Random, text: str) -> str:
    text = " ".join(text.split())
    style = random.random()
    if style < 0.3:
        text = text.rstrip(" ?.!")
    elif style < 0.36:
        text = text.replace("'", "’")
    elif style < 0.4:
        text = text.replace("'", " ")
    elif style < 0.44:
        text = text.rstrip(" ?.!") + random.choice((" ??", "?!", "...", " :)", " 🙂", "!!", " 🙏", " thx", " merci"))
    return text


@cache
def patterns(language: Language, name: str) -> tuple[Sequence, ...]:
    return read_patterns(PHRASINGS / language / f"{name}.txt")


@cache
def words(language: Language, name: str) -> tuple[str, ...]:
    lines = (WORDS / language / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


@cache
def aliases(language: Language) -> tuple[str, ...]:
    """The names of all glossary entries in a language, each entry as likely as another."""
    entries = json.loads(GLOSSARY.read_text(encoding="utf-8"))
    most = 4
    return tuple(alias for entry in entries for alias in (entry[language]["aliases"] * most)[:most])


@cache
def _keys() -> dict[str, str]:
    entries = json.loads(GLOSSARY.read_text(encoding="utf-8"))
    return {_plain(alias): entry["key"] for entry in entries for side in LANGUAGES for alias in entry[side]["aliases"]}


def _plain(text: str) -> str:
    return text.casefold()


@cache
def _function(name: str) -> Function:
    return built_in_function(name)
