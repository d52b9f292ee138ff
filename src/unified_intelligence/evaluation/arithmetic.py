"""Forty sums in words, the same in English and French: a first look at a provider that needs no data."""

from __future__ import annotations

import random
from collections.abc import Iterator

from unified_intelligence.evaluation.rows import Row, RowsSuite
from unified_intelligence.evaluation.suite import Choice, Suite

_PAIRS = 20
_ASKED = {
    "percent": ("What is {a} % of {b}? Answer with the number.", "Combien font {a} % de {b} ? Réponds par le nombre."),
    "product": ("What is {a} times {b}? Answer with the number.", "Combien font {a} fois {b} ? Réponds par le nombre."),
}


def build(choice: Choice) -> Suite:
    """The sums of a seed; the same seed gives the same ones for ever."""
    return RowsSuite(choice, _rows(choice.seed), licence="Apache-2.0", origin=f"made here, seed {choice.seed}")


def _rows(seed: int) -> Iterator[Row]:
    draw = random.Random(f"arithmetic {seed}")
    for number in range(_PAIRS):
        kind = list(_ASKED)[number % 2]
        a, b = draw.choice(range(5, 95, 5)), draw.randrange(20, 2000, 20)
        result = a * b / 100 if kind == "percent" else a * b
        for language, asked in zip(("en", "fr"), _ASKED[kind], strict=True):
            yield {
                "id": f"{kind}-{number:02d}-{language}",
                "question": asked.format(a=a, b=b),
                "expect": {"number": result, "tolerance": 1e-9},
                "slices": [kind],
                "language": language,
                "pair": f"{kind}-{number:02d}",
            }
