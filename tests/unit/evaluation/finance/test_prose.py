"""The language, the repetitions and the terms of an answer."""

import pytest

from unified_intelligence.evaluation.finance.prose import Rubric, language_of, repeated_share, repeats

ENGLISH = (
    "A bond loses value when rates rise, because its coupons were fixed before and newer bonds pay more than it does. "
    "The longer it has to run, the more its price falls. Investors measure that with the duration."
)
FRENCH = (
    "Une obligation perd de la valeur quand les taux montent, car ses coupons ont été fixés avant et que les "
    "nouvelles paient davantage. Plus son échéance est lointaine, plus son prix baisse. Les investisseurs le "
    "mesurent avec la duration."
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (FRENCH, "fr"),
        (FRENCH.replace("é", "e").replace("è", "e"), "fr"),
        (f"<think>{ENGLISH * 3}</think>{FRENCH}", "fr"),
        (f"<think>{ENGLISH}", ""),
        ("Answer: 1,234.56", ""),
        ("VaR = 2.33 × 0.02 × 1000 = 46.6 €", ""),
        (
            f"{FRENCH} $$\\text{{PV}} = \\frac{{C}}{{r}} (1 - (1 + r)^{{-n}})$$ `the code of the answer`",
            "fr",
        ),
    ],
)
def test_the_language(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        (ENGLISH, False),
        (f"{ENGLISH} {FRENCH}", False),
        (ENGLISH + " I compute it again." * 4, True),
        ("So the answer is twelve and that is all there is to say. " * 10, True),
        ("".join(f"| {n} | {n * n} |\n" for n in range(60)), False),
        ("a a a a", False),
        ("", False),
        (f"<think>{'again and again we go ' * 40}</think>Fine.", False),
    ],
)
def test_going_in_circles(text: str, circles: bool) -> None:
    assert repeats(text) is circles


def test_the_share_of_what_was_said_before() -> None:
    assert repeated_share(ENGLISH * 4) > 0.7
    assert repeated_share(f"{ENGLISH} {FRENCH}") < 0.1
    assert repeated_share("word " * 20) == 0


def test_terms() -> None:
    rubric = Rubric((("impôt", "fiscal…"), ("cinq ans", "5 ans"), ("œuvre",), ("PEA",)), never=(("sans risque",),))
    assert rubric.coverage("La fiscalité du P.E.A. ? Après 5 ans, l'impot…") == 0.5
    assert rubric.coverage("Le PEA : impôts, cinq\u202fans") == 0.5, "a plural is no spelling that was listed"
    assert rubric.coverage("IMPOT après 5 ans ; l’œuvre du pea") == 1.0
    assert rubric.breaks("C'est SANS   risque !") and not rubric.breaks("sans risques majeurs")
    assert Rubric().coverage("x") == 1.0
