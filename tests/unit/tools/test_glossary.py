"""The glossary's table is sound, and terms are found and defined however a person writes them."""

import json
import re
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from unified_intelligence.tools import glossary
from unified_intelligence.tools.glossary import TermMatch, define, find_terms
from unified_intelligence.tools.registry import ToolError

ENTRIES: list[dict[str, Any]] = json.loads(
    Path(glossary.__file__).with_name("glossary.json").read_text(encoding="utf-8")
)
SIDES = [(entry["key"], language, entry[language]) for entry in ENTRIES for language in ("en", "fr")]
ALIASES = [(key, alias) for key, _, side in SIDES for alias in side["aliases"]]


def keys(text: str) -> list[str]:
    return [match.key for match in find_terms(text, "en")]


# The table


def test_keys_are_unique_identifiers() -> None:
    names = [entry["key"] for entry in ENTRIES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


def test_entries_have_the_same_shape() -> None:
    for entry in ENTRIES:
        assert set(entry) == {"key", "domain", "en", "fr"}
        assert entry["domain"] in {"finance", "software", "ml"}
    for _, _, side in SIDES:
        assert set(side) == {"term", "aliases", "definition"}


def test_the_table_covers_the_three_domains() -> None:
    counts = {domain: sum(entry["domain"] == domain for entry in ENTRIES) for domain in ("finance", "software", "ml")}
    assert counts["finance"] >= 110
    assert counts["software"] >= 65
    assert counts["ml"] >= 18


def test_no_alias_belongs_to_two_entries() -> None:
    owner: dict[tuple[str, ...], str] = {}
    clashes = [
        (alias, key, owner[words])
        for key, alias in ALIASES
        if owner.setdefault(words := glossary._words(alias), key) != key  # pyright: ignore[reportPrivateUsage]
    ]
    assert clashes == []


def test_aliases_are_not_repeated_within_a_language() -> None:
    for key, language, side in SIDES:
        folded = [glossary._words(alias) for alias in side["aliases"]]  # pyright: ignore[reportPrivateUsage]
        assert len(set(folded)) == len(folded), (key, language)


def test_definitions_are_sentences() -> None:
    for key, language, side in SIDES:
        definition = side["definition"]
        assert len(definition) >= 40, (key, language)
        assert re.fullmatch(r"(?!.*  )[^\W\d_a-z].*\.", definition), (key, language)
        assert side["term"], (key, language)
        assert side["aliases"], (key, language)


def test_definitions_claim_no_figures() -> None:
    for key, language, side in SIDES:
        without_names = side["definition"].replace("S&P 500", "").replace("CAC 40", "")
        assert not re.search(r"\d", without_names), (key, language)


def test_the_languages_are_not_copies_of_each_other() -> None:
    assert all(entry["en"]["definition"] != entry["fr"]["definition"] for entry in ENTRIES)


# Looking up


def test_every_alias_is_found_and_defined() -> None:
    for key, alias in ALIASES:
        assert define(alias).figures["key"] == key
        (match,) = find_terms(alias, "fr")
        assert (match.key, match.start, match.end) == (key, 0, len(alias))


def test_every_alias_is_understood_in_the_plural() -> None:
    for key, alias in ALIASES:
        plural = re.sub(r"[^\W\d_]{4,}(?!')\b", lambda word: word[0] if word[0][-1] in "sxz" else word[0] + "s", alias)
        assert define(plural).figures["key"] == key, plural


def test_every_key_and_full_name_is_defined() -> None:
    for entry in ENTRIES:
        for name in (entry["key"], entry["en"]["term"], entry["fr"]["term"]):
            assert define(name).figures["key"] == entry["key"]


@pytest.mark.parametrize(
    ("term", "key"),
    [
        ("VAR", "value_at_risk"),
        ("value-at-risk", "value_at_risk"),
        ("the Sharpe ratios", "sharpe_ratio"),
        ("an option", "option"),
        ("a put", "put_option"),
        ("puts", "put_option"),
        ("liabilities", "liability"),
        ("l'inflation", "inflation"),
        ("l\u2019inflation", "inflation"),
        ("l'option d\u2019achat", "call_option"),
        ("une obligation", "bond"),
        ("les obligations à haut rendement", "junk_bond"),
        ("des intérêts composés", "compound_interest"),
        ("interet compose", "compound_interest"),
        ("l'effet de levier", "leverage"),
        ("Écarts-types", "standard_deviation"),
        ("réseaux de neurones", "neural_network"),
        ("un patron de conception", "design_pattern"),
        ("dependency_injection", "dependency_injection"),
        ("S & P 500", "sp_500"),
        ("les fusions-acquisitions", "mergers_and_acquisitions"),
        ("e\u0301chéance", "maturity"),
        ('the "VaR"?', "value_at_risk"),
        ("€STR", "euro_short_term_rate"),
        ("excédent brut d'exploitation", "ebitda"),
    ],
)
def test_a_term_is_defined_however_it_is_written(term: str, key: str) -> None:
    assert define(term).figures["key"] == key


def test_a_definition_comes_in_both_languages() -> None:
    figures = define("VaR").figures
    assert list(figures) == ["term_en", "definition_en", "term_fr", "definition_fr", "key", "domain"]
    assert figures["term_en"] == "Value at Risk (VaR)"
    assert figures["term_fr"] == "Valeur en risque (VaR)"
    assert figures["domain"] == "finance"


def test_an_unknown_term_names_the_nearest() -> None:
    with pytest.raises(ToolError, match=r'The term "the sharp ratio" is not in the glossary.*Sharpe ratio'):
        define("the sharp ratio")


def test_at_most_three_nearest_terms_are_named() -> None:
    with pytest.raises(ToolError) as error:
        define("interest test")
    assert 0 < str(error.value).partition("are: ")[2].count(",") + 1 <= 3


def test_an_unknown_term_with_nothing_near_it() -> None:
    with pytest.raises(ToolError, match=r'^The term "xylophone qwzk" is not in the glossary\.$'):
        define("xylophone qwzk")


@pytest.mark.parametrize("term", ["", "  ", "-"])
def test_no_term(term: str) -> None:
    with pytest.raises(ToolError, match="No term was given"):
        define(term)


def test_an_article_before_signs() -> None:
    assert define("l'« inflation »").figures["key"] == "inflation"


@pytest.mark.parametrize("article", ["the", "l'", "la"])
def test_an_article_alone_is_unknown(article: str) -> None:
    with pytest.raises(ToolError):
        define(article)


# Finding


def test_terms_are_found_in_their_order_with_their_spans() -> None:
    text = "Compare the yields to maturity of junk-bonds with the coupon"
    found = find_terms(text, "en")
    assert [(match.key, text[match.start : match.end]) for match in found] == [
        ("yield_to_maturity", "yields to maturity"),
        ("junk_bond", "junk-bonds"),
        ("coupon", "coupon"),
    ]


def test_the_longest_match_wins() -> None:
    assert keys("what is a credit default swap?") == ["credit_default_swap"]
    assert keys("c'est quoi une option de vente ?") == ["put_option"]
    assert keys("zero-coupon bond") == ["zero_coupon_bond"]


def test_a_longer_match_wins_over_one_that_begins_before_it() -> None:
    assert keys("net working capital gain") == ["working_capital"]
    assert keys("market risk-free rate of return") == ["risk_free_rate"]


def test_words_are_whole() -> None:
    assert keys("computing, callable, input, optional") == []


def test_a_short_match_stands_beside_the_longer_one_it_does_not_overlap() -> None:
    assert keys("swap contract term structure of interest rates") == ["swap", "yield_curve"]
    assert keys("credit default risk free rate of return") == ["loan", "default", "risk_free_rate"]


def test_the_french_pronoun_is_not_an_abbreviation() -> None:
    assert keys("ça va ?") == []
    assert keys("le CA de la société") == ["revenue"]


def test_punctuation_separates_words() -> None:
    assert keys("junk. bond") == ["bond"]
    assert keys("il m'a dit") == []
    assert keys("call/put") == ["call_option", "put_option"]


def test_case_accents_and_apostrophes_do_not_matter() -> None:
    assert keys("PRIX D\u2019EXERCICE") == keys("prix d'exercice") == ["strike_price"]
    assert keys("volatilite implicite") == keys("Volatilités implicites") == ["implied_volatility"]


def test_an_alias_is_reported_in_the_language_asked_when_both_have_it() -> None:
    text = "qu'est-ce que la déflation ?"
    start = text.index("déflation")
    assert find_terms(text, "fr") == (TermMatch("deflation", "déflation", start, start + 9),)
    assert find_terms(text, "en")[0].alias == "deflation"


@pytest.mark.parametrize("text", ["", "   ", "?!", "hello there", "bonjour"])
def test_a_text_without_terms(text: str) -> None:
    assert find_terms(text, "fr") == ()


def test_finding_is_fast() -> None:
    text = ("What is the difference between a call option, an interest rate swap and a credit default swap " * 3)[:200]
    find_terms(text, "en")

    def elapsed() -> float:
        start = perf_counter()
        find_terms(text, "en")
        return perf_counter() - start

    assert min(elapsed() for _ in range(20)) < 0.002
