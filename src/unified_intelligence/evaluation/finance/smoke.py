"""The suite finance/smoke: seven questions in English and French, to see at a glance whether a model is fit to go on.

Each has numbers that must be right, and terms that a good answer speaks of, whose share is shown as coverage.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, NamedTuple

from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message
from unified_intelligence.evaluation.finance import reference
from unified_intelligence.evaluation.finance.keys import NumberKey
from unified_intelligence.evaluation.finance.prose import Rubric
from unified_intelligence.evaluation.finance.scoring import Expected, FinanceSuite, languages_of
from unified_intelligence.evaluation.pinned_files import described, sha256
from unified_intelligence.evaluation.suite import Sample

if TYPE_CHECKING:
    from unified_intelligence.evaluation.finance.numbers import Language
    from unified_intelligence.evaluation.suite import Choice, Suite

NAME: Final = "finance/smoke"
MAX_TOKENS: Final = 2048


class Scenario(NamedTuple):
    id: str
    language: Language
    text: str
    keys: tuple[NumberKey, ...]
    rubric: Rubric


_CALL: Final = reference.black_scholes(100, 105, 0.03, 0.25, 0.5, "call").price
_FLOWS: Final = (-80_000.0, 30_000.0, 35_000.0, 40_000.0)

SCENARIOS: Final = (
    Scenario(
        "savings_en",
        "en",
        "I put €12,000 into an account at 3.5% a year, compounded every month. Explain in a few sentences what "
        "compounding does, and finish with what I have after 8 years.",
        (NumberKey(name="amount", value=reference.future_value(12_000, 0.035, 8, 12), unit="EUR"),),
        Rubric((("interest…",), ("compound…",), ("month…", "12"), ("growth", "grow…", "increase…"))),
    ),
    Scenario(
        "emprunt_fr",
        "fr",
        "J'emprunte 180 000 € sur 20 ans au taux nominal annuel de 3,6 %, en mensualités constantes (taux mensuel "
        "proportionnel). Expliquez brièvement la différence entre capital et intérêts, puis donnez pour finir la "
        "mensualité.",
        (NumberKey(name="instalment", value=reference.instalment(180_000, 0.036, 240), unit="EUR"),),
        Rubric((("mensualite…",), ("interet…",), ("capital",), ("taux",), ("amorti…", "rembours…"))),
    ),
    Scenario(
        "pea_fr",
        "fr",
        "Expliquez ce qu'est un plan d'épargne en actions (PEA) et ce qu'il a d'avantageux, puis dites pour finir "
        "quel était, au 31 décembre 2024, le plafond des versements d'une personne majeure.",
        (NumberKey(name="ceiling", value=150_000, unit="EUR", exact=True),),
        Rubric(
            (
                ("action…",),
                ("impot…", "fiscal…", "exoner…"),
                ("cinq ans", "5 ans"),
                ("prelevements sociaux",),
                ("europe…",),
            ),
            never=(("acheter des cryptomonnaies dans un pea",),),
        ),
    ),
    Scenario(
        "var_en",
        "en",
        "A portfolio of €2,000,000 has a daily volatility of 1.2% and normal returns of mean zero. Say what value at "
        "risk means and where it misleads, and finish with the one-day VaR at 99%, as a positive amount.",
        (NumberKey(name="var", value=reference.parametric_var(2_000_000, 0.012, 0.99, 1), unit="EUR"),),
        Rubric(
            (("loss…", "lose"), ("confidence", "probability"), ("normal…",), ("tail…", "extreme…", "beyond"), ("day",))
        ),
    ),
    Scenario(
        "option_en",
        "en",
        "Price a European call with Black-Scholes: spot €100, strike €105, continuous risk-free rate 3%, volatility "
        "25%, six months, no dividends. Name the assumptions in a sentence and finish with the price.",
        (NumberKey(name="price", value=_CALL, unit="EUR"),),
        Rubric((("volatility",), ("risk free",), ("lognormal…", "log normal…", "brownian"), ("d1",), ("d2",))),
    ),
    Scenario(
        "obligation_fr",
        "fr",
        "Une obligation de nominal 1 000 € verse un coupon annuel de 3 % et sera remboursée dans 6 ans. Expliquez "
        "pourquoi son prix baisse quand les taux montent, puis donnez pour finir son prix si le taux actuariel est "
        "de 4,25 %.",
        (NumberKey(name="price", value=reference.bond_price(1000, 0.03, 0.0425, 6), unit="EUR"),),
        Rubric(
            (
                ("coupon…",),
                ("actualis…",),
                ("taux",),
                ("inverse…", "baisse…", "diminu…"),
                ("echeance", "remboursement", "maturite"),
            )
        ),
    ),
    Scenario(
        "projet_fr",
        "fr",
        "Un projet coûte 80 000 € aujourd'hui et rapporte 30 000 €, 35 000 € et 40 000 € à la fin des trois années "
        "suivantes. Au taux de 9 %, dites s'il faut le retenir et pourquoi, puis donnez pour finir sa valeur "
        "actuelle nette.",
        (NumberKey(name="npv", value=reference.net_present_value(0.09, _FLOWS), unit="EUR"),),
        Rubric(
            (
                ("valeur actuelle nette", "van"),
                ("positive", "superieure a zero"),
                ("actualis…",),
                ("retenir", "accepter", "rentable", "creat…"),
            )
        ),
    ),
)


def build(choice: Choice) -> Suite:
    """Raises UnknownNameError for a language or a route it does not have."""
    languages = languages_of(choice, ("en", "fr"))
    asked = [_sample(scenario) for scenario in SCENARIOS if scenario.language in languages]
    content = [
        [scenario.id, scenario.text, [asdict(key) for key in scenario.keys], asdict(scenario.rubric)]
        for scenario in SCENARIOS
    ]
    digest = sha256(json.dumps([languages, content], ensure_ascii=False).encode())
    ids = [sample.id for sample, _ in asked]
    return FinanceSuite(described(NAME, "1", "Apache-2.0", ids, digest, "this package"), asked)


def _sample(scenario: Scenario) -> tuple[Sample, Expected]:
    sample = Sample(
        id=scenario.id,
        messages=(Message("user", scenario.text),),
        config=GenerationConfig(max_tokens=MAX_TOKENS),
        reference=[asdict(key) for key in scenario.keys],
        language=scenario.language,
    )
    return sample, Expected(keys=scenario.keys, language=scenario.language, rubric=scenario.rubric)
