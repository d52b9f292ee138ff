"""What a person reads: the result first, then formula, understanding and notes, in good English and French."""

import json
import re
from importlib.resources import files
from typing import Literal, cast

import pytest

from tests.unit.tools.test_finance import EXAMPLES
from unified_intelligence.tools.answer import render
from unified_intelligence.tools.quantities import Language
from unified_intelligence.tools.registry import Outcome, Tool, built_in, group, tool_from
from unified_intelligence.tools.types import Date, Days, Number, Numbers, Rate, Years

LANGUAGES: tuple[Language, ...] = ("en", "fr")
NARROW, FIXED = "\u202f", "\u00a0"


def answer(tool: str, language: Language, *, currency: str | None = None, **arguments: object) -> str:
    asked = built_in(tool)
    bound = asked.bind({**EXAMPLES[tool], **arguments})
    return render(asked, bound, asked.run(bound), language, currency=currency)


def spaced(text: str) -> str:
    """The text with every no-break space as `_`, so that an expectation shows where they stand."""
    return text.replace(NARROW, "_").replace(FIXED, "_")


def entries(language: Language) -> dict[str, dict[str, object]]:
    path = files("unified_intelligence.tools").joinpath("answers", f"{language}.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_an_english_answer() -> None:
    assert answer("compound_interest", "en") == (
        "**16,288.95** is what 10,000 becomes in 10 years at 5%; 6,288.95 of it is interest.\n\n"
        "Formula: A = P (1 + r/n)^(n t)\n"
        "Understood: principal 10,000, rate 5%, 10 years, compounded annually"
    )


def test_a_french_answer_has_its_no_break_spaces() -> None:
    assert spaced(answer("compound_interest", "fr", currency="EUR", years="18 months")) == (
        "**10_759,30_€**_: c'est ce que deviennent 10_000_€ en 18 mois à 5_%, dont 759,30_€ d'intérêts.\n\n"
        "Formule_: A = P (1 + r/n)^(n t)\n"
        "Compris_: capital 10_000_€, taux 5_%, 18 mois, capitalisation annuelle"
    )
    assert "10\u202f759,30" in answer("compound_interest", "fr", years=1.5)


def test_notes_are_worded_in_both_languages() -> None:
    assert answer("loan_payment", "en").endswith(
        "Note: payments are monthly and equal; the monthly rate is a twelfth of the yearly rate"
    )
    assert spaced(answer("loan_payment", "fr")).endswith(
        "À noter_: les mensualités sont constantes_; le taux mensuel est le douzième du taux annuel"
    )


def test_understood_shows_defaults_so_that_a_wrong_reading_is_seen() -> None:
    assert "Understood: 200 a month, rate 4%, 20 years, starting from 0\n" in answer("savings_plan", "en")
    assert "confidence 95%, 10 days, annual volatility" in answer("parametric_var", "en")
    assert "confiance 95_%, 1_jour, volatilité annuelle" in spaced(answer("parametric_var", "fr", days=1))
    assert "1 day," in answer("parametric_var", "en", days=1)


def test_lists_are_joined_as_people_do() -> None:
    assert "cash flows 300, 400 and 500," in answer("irr", "en")
    assert "flux 300_; 400 et 1_500,5," in spaced(answer("irr", "fr", cash_flows=[300, 400, 1500.5]))
    assert "cash flows $1,100, initial investment $1,000" in answer("irr", "en", cash_flows=[1100], currency="USD")
    assert "rendements -1,2_%_; 0,5_% et 1_%, confiance" in spaced(
        answer("historical_var", "fr", returns=["-1.2%", 0.005, "1%"])
    )


@pytest.mark.parametrize(
    ("currency", "english", "french"),
    [
        ("EUR", "**-€21.04**", "**-21,04_€**"),
        ("USD", "**-$21.04**", "**-21,04_$**"),
        ("CHF", "**-CHF 21.04**", "**-21,04_CHF**"),
        (None, "**-21.04**", "**-21,04**"),
    ],
)
def test_currencies(currency: str | None, english: str, french: str) -> None:
    assert answer("npv", "en", currency=currency).startswith(english)
    assert spaced(answer("npv", "fr", currency=currency)).startswith(french)


def test_cents_show_only_where_there_are_any_and_small_prices_do_not_vanish() -> None:
    assert "price $60" in answer("dividend_yield", "en", currency="USD")
    assert "dividend $2.40," in answer("dividend_yield", "en", currency="USD")
    assert "dividend 2.4," in answer("dividend_yield", "en")
    small = re.match(r"\*\*(0\.00\d+)\*\*", answer("black_scholes", "en", spot=25))
    assert small is not None
    assert 0 < float(small[1]) < 0.005
    assert answer("npv", "en", cash_flows=[1100], initial_investment=1000, currency="EUR").startswith("**€0.00**")


def test_a_currency_without_cents_has_none() -> None:
    assert answer("compound_interest", "en", currency="JPY").startswith("**¥16,289** is what ¥10,000 becomes")


def test_signs_directions_and_words_for_choices() -> None:
    assert answer("percent_change", "en").startswith("**+15%** from 80 to 92, a difference of +12.")
    assert answer("percent_change", "en", new_value=60).startswith("**-25%** from 80 to 60, a difference of -20.")
    assert "Understood: value 240, reduced by 20%" in answer("apply_percent", "en")
    assert "Compris_: valeur 240_€, plus 20_%" in spaced(
        answer("apply_percent", "fr", direction="increase", currency="EUR")
    )
    assert "the put option" in answer("black_scholes", "en", option_type="put")
    assert "l'option de vente (put)" in answer("black_scholes", "fr", option_type="put")
    assert "Understood: 1% per month" in answer("annualise_rate", "en")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("tool", group("finance"), ids=lambda tool: cast("Tool", tool).name)
def test_every_finance_answer_is_complete(tool: Tool, language: Language) -> None:
    text = answer(tool.name, language)
    lead, details = text.split("\n\n")
    assert re.match(r"\*\*[+-]?\d", lead), lead
    assert lead.endswith(".")
    assert not re.search(r"[{}]|None|\b[a-z]+_[a-z]+\b", lead), lead
    formula, understood, *_ = details.split("\n")
    assert formula.startswith("Formula: " if language == "en" else f"Formule{FIXED}: ")
    assert understood.startswith("Understood: " if language == "en" else f"Compris{FIXED}: ")
    if language == "fr":
        assert not re.search(r"\d [%€\d]| [;:!?]", lead + understood), text
        assert not re.search(r"\d\.\d", lead + understood), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_entries_speak_of_what_exists(language: Language) -> None:
    for tool in group("finance"):
        entry = entries(language)[tool.name]
        labels = cast("dict[str, str]", entry["parameters"])
        parameters = {parameter.name: parameter for parameter in tool.parameters}
        assert set(labels) <= set(parameters), tool.name
        shown = set(labels) | set(re.findall(r"\{(\w+)", " ".join(labels.values())))
        assert shown == set(parameters), f"{tool.name} does not show every argument"
        choices = {choice for parameter in tool.parameters for choice in parameter.choices}
        assert choices == set(cast("dict[str, str]", entry.get("values", {}))), tool.name


def test_both_languages_have_the_same_keys_and_every_note() -> None:
    english, french = entries("en"), entries("fr")
    for name in (*EXAMPLES, "_labels", "_notes"):
        assert set(english[name]) == set(french[name]), name
    noted: set[str] = set()
    tools = files("unified_intelligence.tools")
    for source in (*tools.joinpath("finance").iterdir(), *tools.iterdir()):
        if source.name.endswith(".py"):
            noted |= {key for key in english["_notes"] if f'"{key}"' in source.read_text(encoding="utf-8")}
    assert noted == set(english["_notes"]), "a note that no tool gives"
    for name, tool in ((name, built_in(name)) for name in EXAMPLES):
        for key in tool.run(EXAMPLES[name]).notes:
            assert key in english["_notes"], f"{name} gives a note without words: {key}"


def any_tool(
    city: str,
    when: Date,
    share: Rate,
    years: Years,
    days: Days,
    list_: Numbers,
    price: Number = 3,
    kind: Literal["a"] = "a",
) -> Outcome:
    """A tool the answer data has never heard of."""
    return Outcome({"warm_hours": 1234.5, "sky": "éclaircies à 12 h", "spread": [1.5, 2]}, notes=("for_a_note",))


def test_a_tool_without_words_still_gets_an_answer() -> None:
    tool = tool_from(any_tool)
    given = {"city": "Île d'Yeu", "when": "today", "share": "5%", "years": 2, "days": 3, "list_": [1, 2]}
    bound = tool.bind(given)
    text = spaced(render(tool, bound, tool.run(given), "fr"))
    lead, details = text.split("\n\n")
    assert lead == "**1_234,5**, sky éclaircies à 12 h, spread 1,5 et 2"
    understood, note = details.split("\n")
    assert understood.startswith("Compris_: city Île d'Yeu, when ")
    assert understood.endswith("share 5_%, years 2 ans, days 3_jours, list  1 et 2, price 3, kind a")
    assert note == "À noter_: for a note"


def test_an_outcome_without_figures_is_only_its_details() -> None:
    def nothing(city: str) -> Outcome:
        return Outcome({})

    tool = tool_from(nothing)
    assert render(tool, {"city": "Pau"}, Outcome({}), "en") == "Understood: city Pau"
