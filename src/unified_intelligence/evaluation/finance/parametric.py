"""The suite finance/parametric: families of questions, made from a seed, each asked in English and in French.

A new seed makes questions that nobody has trained on. The same seed makes the same numbers in both languages, so that a
gap between them is measured on pairs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from random import Random
from typing import TYPE_CHECKING, Final

from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message
from unified_intelligence.evaluation.finance import families_of_risk as risk
from unified_intelligence.evaluation.finance import families_of_value as value
from unified_intelligence.evaluation.finance.french_facts import FACTS, question_of
from unified_intelligence.evaluation.finance.keys import is_meant
from unified_intelligence.evaluation.finance.marks import plain
from unified_intelligence.evaluation.finance.numbers import readings
from unified_intelligence.evaluation.finance.question import LANGUAGES, Question
from unified_intelligence.evaluation.finance.scoring import Expected, FinanceSuite, languages_of
from unified_intelligence.evaluation.pinned_files import described, sha256
from unified_intelligence.evaluation.suite import Sample

if TYPE_CHECKING:
    from unified_intelligence.evaluation.finance.numbers import Language
    from unified_intelligence.evaluation.suite import Choice, Suite

Family = Callable[[Random], Question]

NAME: Final = "finance/parametric"
EACH: Final = 5  # questions a family and language
MAX_TOKENS: Final = 2048
_VERSION: Final = "1"

FAMILIES: Final[Mapping[str, Family]] = {
    "compound_interest": value.compound_interest,
    "present_value": value.present_value,
    "savings": value.savings,
    "annuity": value.annuity,
    "loan_instalment": value.loan_instalment,
    "net_present_value": value.net_present_value,
    "internal_rate": value.internal_rate,
    "bond_price": value.bond_price,
    "bond_duration": value.bond_duration,
    "growth_rate": value.growth_rate,
    "real_rate": value.real_rate,
    "share_price": value.share_price,
    "cost_of_capital": value.cost_of_capital,
    "parametric_var": risk.parametric_var,
    "historical_var": risk.historical_var,
    "historical_shortfall": risk.historical_shortfall,
    "normal_shortfall": risk.normal_shortfall,
    "option_price": risk.option_price,
    "put_call_parity": risk.put_call_parity,
    "option_delta": risk.option_delta,
    "option_greek": risk.option_greek,
    "forward_price": risk.forward_price,
    "sharpe_ratio": risk.sharpe_ratio,
    "beta": risk.beta,
    "expected_return": risk.expected_return,
    "portfolio_volatility": risk.portfolio_volatility,
}

SYSTEM: Final[Mapping[Language, str]] = {
    "en": "You are a careful analyst. Keep full precision until the end. Finish with one line of the form: Answer: "
    "the number with its unit.",
    "fr": "Vous êtes un analyste rigoureux. Gardez toute la précision jusqu'à la fin. Terminez par une seule ligne de "
    "la forme : Réponse : le nombre avec son unité.",
}


def questions(seed: int) -> Iterator[tuple[str, str, Question]]:
    """The questions of a seed: the family, an id within the suite, and what is asked."""
    for family, make in FAMILIES.items():
        for number in range(EACH):
            rng = Random(f"{family}/{seed}/{number}")
            question = make(rng)
            while _tells_its_answer(question):
                question = make(rng)
            yield family, f"{family}/{number}", question
    for fact in FACTS:
        yield "french_facts", f"french_facts/{fact.name}", question_of(fact)


def _tells_its_answer(question: Question) -> bool:
    """Whether who repeats a number of the question would be right, such as the price of a bond at par."""
    text = plain(question.texts["en"])
    return not question.key.value or any(is_meant(question.key, reading) for reading in readings(text, "en"))


def build(choice: Choice) -> Suite:
    """Raises UnknownNameError for a language or a route it does not have."""
    languages = languages_of(choice, LANGUAGES)
    asked = [
        _sample(family, pair, question, language)
        for family, pair, question in questions(choice.seed)
        for language in languages
    ]
    content = [[sample.id, sample.messages[-1].content, sample.reference] for sample, _ in asked]
    digest = sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode())
    version = f"{_VERSION}, seed {choice.seed}"
    ids = [sample.id for sample, _ in asked]
    return FinanceSuite(described(NAME, version, "Apache-2.0", ids, digest, "made by this package"), asked)


def _sample(family: str, pair: str, question: Question, language: Language) -> tuple[Sample, Expected]:
    sample = Sample(
        id=f"{pair}/{language}",
        messages=(Message("system", SYSTEM[language]), Message("user", question.texts[language])),
        config=GenerationConfig(max_tokens=MAX_TOKENS),
        reference={**asdict(question.key), **({"as_of": question.as_of} if question.as_of else {})},
        slices=(family,),
        language=language,
        pair=pair,
    )
    return sample, Expected(keys=(question.key,), language=language)
