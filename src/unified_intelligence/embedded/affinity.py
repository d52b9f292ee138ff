"""How many words a question shares with the description of a tool: a tie-breaker where the model has not seen the tool.

It never decides among the built-in tools, where it was measured to mislead: "the rate of a loan" shares its words with
half of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING

from unified_intelligence.embedded.functions import label, parameter_schemas
from unified_intelligence.embedded.reading import SMALL_WORDS, fold

if TYPE_CHECKING:
    from unified_intelligence.entities.tools import ToolSpec

STEM = 5  # letters: "forecasting" and "forecast" count as one word
_WORD = re.compile(r"[a-z]{3,}")


def affinities(question: str, specs: Sequence[ToolSpec]) -> list[float]:
    """One figure a tool, 0 for no word in common; words that many of the tools use count less."""
    asked = _stems(question)
    described = [_described(spec) for spec in specs]
    used = Counter(stem for words in described for stem in words)
    rarity = {stem: log((1 + len(specs)) / count) for stem, count in used.items()}
    return [sum(words[stem] * rarity[stem] for stem in asked & words.keys()) for words in described]


def _described(spec: ToolSpec) -> dict[str, float]:
    """The stems a tool is described with, and what each is worth."""
    words = dict.fromkeys(_stems(" ".join([fold(str(spec.description or "")), *_texts(spec)])), 1.0)
    return words | dict.fromkeys(_stems(label(spec.name)), 1.5)


def _texts(spec: ToolSpec) -> list[str]:
    texts: list[str] = []
    for name, schema in parameter_schemas(spec).items():
        texts += [label(name), fold(str(schema.get("description") or "")), fold(str(schema.get("enum") or ""))]
    return texts


def _stems(text: str) -> set[str]:
    return {word[:STEM] for word in _WORD.findall(text) if word not in SMALL_WORDS}
