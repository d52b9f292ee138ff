"""Facts of French finance that were true on a day, which the question names: ceilings, rates, the CAC 40.

Ceilings and rates are set by the Code monétaire et financier and the Code général des impôts, the index by Euronext. A
fact that changes keeps its day: add a row with the new one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from unified_intelligence.evaluation.finance.keys import NumberKey
from unified_intelligence.evaluation.finance.question import Question


class Fact(NamedTuple):
    name: str
    as_of: str
    en: str
    fr: str
    value: float
    unit: str = "EUR"
    percent: bool = False


_DAY: Final = "2024-12-31"
_EN: Final = "As of 31 December 2024: "
_FR: Final = "Au 31 décembre 2024 : "

FACTS: Final = (
    Fact("pea_ceiling", _DAY, "up to what total may a person of full age pay into a French PEA?",
         "quel est le plafond des versements sur un PEA pour une personne majeure ?", 150_000),
    Fact("pea_pme_ceiling", _DAY, "up to what total may one person pay into a PEA and a PEA-PME together?",
         "quel est le plafond commun des versements d'une personne sur un PEA et un PEA-PME ?", 225_000),
    Fact("pea_years", _DAY, "after how many years is a withdrawal from a French PEA free of income tax?",
         "au bout de combien d'années un retrait d'un PEA est-il exonéré d'impôt sur le revenu ?", 5, "years"),
    Fact("livret_a_ceiling", _DAY, "up to what total may a private person pay into a French Livret A?",
         "quel est le plafond des dépôts d'un particulier sur un Livret A ?", 22_950),
    Fact("livret_a_rate", _DAY, "what is the yearly interest rate of the French Livret A, in percent?",
         "quel est le taux d'intérêt annuel du Livret A, en pourcentage ?", 3.0, "", percent=True),
    Fact("ldds_ceiling", _DAY, "up to what total may one pay into a French LDDS savings book?",
         "quel est le plafond des dépôts sur un LDDS ?", 12_000),
    Fact("flat_tax", _DAY, "what is the total rate of the French flat tax (PFU) on dividends, with social levies, in "
         "percent?", "quel est le taux global du prélèvement forfaitaire unique (PFU) sur les dividendes, prélèvements "
         "sociaux compris, en pourcentage ?", 30.0, "", percent=True),
    Fact("life_insurance_allowance", _DAY, "what yearly allowance on gains does a single person have when withdrawing "
         "from a French life insurance (assurance-vie) older than eight years?", "quel est l'abattement annuel sur les "
         "gains dont dispose une personne seule lors d'un rachat d'assurance-vie de plus de huit ans ?", 4_600),
    Fact("corporate_tax", _DAY, "what is the normal rate of French corporate income tax, in percent?",
         "quel est le taux normal de l'impôt sur les sociétés, en pourcentage ?", 25.0, "", percent=True),
    Fact("vat", _DAY, "what is the normal rate of French value added tax, in percent?",
         "quel est le taux normal de la TVA en France métropolitaine, en pourcentage ?", 20.0, "", percent=True),
    Fact("cac40_base", _DAY, "at how many points did the CAC 40 index start, on its base date of 31 December 1987?",
         "à combien de points l'indice CAC 40 a-t-il débuté, à sa date de base du 31 décembre 1987 ?", 1_000, ""),
    Fact("cac40_members", _DAY, "how many shares does the CAC 40 index hold?",
         "combien d'actions l'indice CAC 40 comprend-il ?", 40, ""),
)  # fmt: skip


def question_of(fact: Fact) -> Question:
    key = NumberKey(
        name=fact.name, value=fact.value, unit=fact.unit, percent="points" if fact.percent else "", exact=True
    )
    return Question({"en": f"{_EN}{fact.en}", "fr": f"{_FR}{fact.fr}"}, key, fact.as_of)
