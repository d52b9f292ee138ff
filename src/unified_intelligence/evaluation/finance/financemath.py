"""The suite finance/financemath: the 200 questions of FinanceMath's validation set, whose answer is one number.

Its own rule takes a wrong sign and a wrong power of ten for right; here they are wrong. The data is not part of this
package: its licence, MIT, stands on the authors' dataset cards, and the Hub asks to accept conditions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, cast

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message
from unified_intelligence.evaluation.finance.keys import NumberKey
from unified_intelligence.evaluation.finance.parametric import SYSTEM
from unified_intelligence.evaluation.finance.scoring import Expected, FinanceSuite, languages_of
from unified_intelligence.evaluation.pinned_files import PinnedFile, described, pinned
from unified_intelligence.evaluation.suite import Sample

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Choice, Suite

NAME: Final = "finance/financemath"
COMMIT: Final = "bdddc58655947475da852e241b96a7dbd1478742"
MAX_TOKENS: Final = 4096
FILE: Final = PinnedFile(
    name="financemath_validation.json",
    sha256="e22fd12cfcc75098a2636ae34def1369dd6500c78e5c24724bed71ac84f1a711",
    url=f"https://raw.githubusercontent.com/yale-nlp/FinanceMath/{COMMIT}/data/validation.json",
    kept=f"financemath/{COMMIT[:7]}",
    what=f"FinanceMath validation@{COMMIT[:7]}",
    instead="Give its validation file with --data, or run finance/parametric, which is made by this package.",
)
_HUNDREDFOLD: Final = re.compile(r"\*\s*100\b(?!\d|\.\d)")


def build(choice: Choice) -> Suite:
    """Raises UnknownNameError, and what `pinned` raises for data that is not there or not the pinned one."""
    languages_of(choice, ("en",))
    content, origin = pinned(FILE, choice)
    try:
        asked = [_sample(row) for row in cast("list[dict[str, Any]]", json.loads(content))]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{FILE.name} holds no questions: {error!r}", hint=FILE.instead) from error
    ids = [sample.id for sample, _ in asked]
    return FinanceSuite(described(NAME, f"validation@{COMMIT[:7]}", "MIT", ids, FILE.sha256, origin), asked)


def _sample(row: Mapping[str, Any]) -> tuple[Sample, Expected]:
    key = _key(float(row["ground_truth"]), row["python_solution"])
    text = "\n\n".join((row["question"], *row["tables"]))
    sample = Sample(
        id=row["question_id"],
        messages=(Message("system", SYSTEM["en"]), Message("user", text)),
        config=GenerationConfig(max_tokens=MAX_TOKENS),
        reference=asdict(key),
        slices=(row["topic"], "with tables" if row["tables"] else "without tables"),
        language="en",
    )
    return sample, Expected(keys=(key,), language="en")


def _key(value: float, solution: str) -> NumberKey:
    """The truth has three decimals. Whether a share is told in points, its program shows by a factor of 100."""
    in_points = abs(value) >= 1 or _HUNDREDFOLD.search(solution) is not None
    percent = "points" if in_points else "fraction"
    return NumberKey(name="result", value=value, percent=percent, untold=True, rounded=0.0005)
