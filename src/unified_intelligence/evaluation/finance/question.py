"""A question that is asked alike in English and French: one truth, two texts, each with its language's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from unified_intelligence.evaluation.finance.keys import NumberKey
from unified_intelligence.evaluation.finance.numbers import Language

LANGUAGES: Final[tuple[Language, ...]] = ("en", "fr")
_SPACE: Final = "\u00a0"


@dataclass(frozen=True, slots=True)
class Euros:
    """An amount, shown with cents only where it has some."""

    value: float


@dataclass(frozen=True, slots=True)
class Share:
    """A fraction, shown in percent with as many decimals as it needs."""

    value: float


@dataclass(frozen=True, slots=True)
class Shares:
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plain number, shown with as many decimals as it needs, at least `decimals`."""

    value: float
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Wording:
    """A word that each language has its own for."""

    en: str
    fr: str


Shown = Euros | Share | Shares | Figure | Wording


class Question(NamedTuple):
    """`texts` by language. `as_of` is the day a fact was true on, "" for mathematics."""

    texts: dict[Language, str]
    key: NumberKey
    as_of: str = ""


def asked(en: str, fr: str, key: NumberKey, **shown: Shown) -> Question:
    """The question with every value in its place, as each language writes it."""
    texts: dict[Language, str] = {}
    for language, template in (("en", en), ("fr", fr)):
        spoken: Language = "en" if language == "en" else "fr"
        texts[spoken] = template.format(**{name: written(value, spoken) for name, value in shown.items()})
    return Question(texts, key)


def written(value: Shown, language: Language) -> str:
    """A value as the language writes it: 1,234.5 and €5 and 5%, or 1 234,5 and 5 € and 5 %."""
    match value:
        case Euros():
            digits = _digits(value.value, 2 if value.value != round(value.value) else 0, language)
            return f"€{digits}" if language == "en" else f"{digits}{_SPACE}€"
        case Share():
            digits = _digits(round(value.value * 100, 6), 0, language)
            return f"{digits}%" if language == "en" else f"{digits}{_SPACE}%"
        case Shares():
            return ("; " if language == "fr" else ", ").join(written(Share(one), language) for one in value.values)
        case Figure():
            return _digits(value.value, value.decimals, language)
        case Wording():
            return value.en if language == "en" else value.fr


def _digits(value: float, decimals: int, language: Language) -> str:
    text = f"{abs(value):,.6f}"
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(decimals, "0")
    text = f"{whole}.{fraction}" if fraction else whole
    if language == "fr":
        text = text.replace(",", _SPACE).replace(".", ",")
    return f"-{text}" if value < 0 else text
